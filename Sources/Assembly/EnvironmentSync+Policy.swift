internal import Delivery
internal import Files
internal import Git
internal import SSH
internal import Settings

extension SignaturePolicy {
    /// The policy that `verification` describes; `read` gives the content of the files that it names. What of them can't
    /// be used allows nobody.
    init(_ verification: SourceSettings.Verification, _ read: (String) throws -> [UInt8]) throws {
        guard case .signed(let settings) = verification else {
            self = .none
            return
        }
        var rules = SignatureRules()
        if let file = settings.allowedSigners {
            try rules.allow(signers: try content(file, read), zoneOffset: LocalTime.offset)
        }
        if let file = settings.revokedKeys { try rules.revoke(keys: try content(file, read)) }
        rules.openPGP = try settings.openPGP.map { openPGP in
            try OpenPGPSigners(
                keyring: try content(openPGP.keyring, read),
                keys: try openPGP.keys.map { key in
                    try OpenPGPSigners.Key(fingerprint: key.fingerprint, principals: key.principals)
                }, program: Path(openPGP.gpgv))
        }
        rules.extent =
            switch settings.extent {
            case .head: .head
            case .range(let since): .range(since: try since.map { try ObjectID(hex: $0) })
            case .tag: .tag
            }
        rules.roles = Set(settings.match.compactMap { SignatureRules.Role(rawValue: $0) })
        rules.securityKeys = SecurityKeyUse(rawValue: settings.securityKeys) ?? .verification
        self = .signed(rules)
    }
}

/// The content of a file that says who may sign. Throws `signersUnusable` where it can't be read: nobody is allowed then
/// (F050).
private func content(_ file: String, _ read: (String) throws -> [UInt8]) throws -> [UInt8] {
    do {
        return try read(file)
    } catch {
        throw DeliveryError(.signersUnusable, "\(file): can't be read, so nobody may sign", underlying: error)
    }
}
