package import Git
package import SSH

/// Which commits count as approved.
package enum SignaturePolicy: Sendable {
    /// Every commit of the source: said in words, never by default.
    case none
    /// Commits that carry one signature which these rules take.
    case signed(SignatureRules)

    /// The policy of an allowed_signers file's content, as `SignatureRules` has it otherwise. `zoneOffset` as in
    /// `AllowedSigners`.
    ///
    /// Throws `signersUnusable` for a file that is empty or malformed in any line: nobody is allowed then (F050).
    package static func allowedSigners(
        parsing text: [UInt8], range: Bool, zoneOffset: (_ localSeconds: Int64) -> Int64 = { _ in 0 }
    ) throws(DeliveryError) -> SignaturePolicy {
        var rules = SignatureRules()
        try rules.allow(signers: text, zoneOffset: zoneOffset)
        if range { rules.extent = .range(since: nil) }
        return .signed(rules)
    }
}

/// Whose signatures approve a commit, and which objects have to carry one.
package struct SignatureRules: Sendable {
    /// Which objects have to be signed.
    package enum Extent: Hashable, Sendable {
        /// The commit that is delivered.
        case head
        /// Every commit that the head brings beside what was delivered before, on all parents of merges. Where nothing
        /// was delivered yet, `since` is taken for the last trusted commit; without it the head alone is verified.
        case range(since: ObjectID?)
        /// The annotated tag that the source follows, which names the commit by its content. A commit that was chosen
        /// by hand needs one such tag of any name.
        case tag
    }

    /// Whose name a signer has to sign under.
    package enum Role: String, Sendable, CaseIterable {
        /// The commit's author.
        case author
        /// The commit's committer, the tag's tagger.
        case committer
    }

    /// The SSH keys that may sign; nil where none may.
    package private(set) var ssh: AllowedSigners?
    /// SSH keys that may not sign, whatever else is said of them.
    package private(set) var revoked: Set<SSHPublicKey> = []
    /// The OpenPGP keys that may sign; nil where none may.
    package var openPGP: OpenPGPSigners?
    /// Which objects have to be signed.
    package var extent = Extent.head
    /// For each of these the signer's principals have to include the e-mail address that the commit names.
    package var roles: Set<Role> = []
    /// What is asked of security keys.
    package var securityKeys = SecurityKeyUse.presence

    /// Rules by which nobody may sign.
    package init() {}

    /// Allows the keys of an allowed_signers file's content. `zoneOffset` as in `AllowedSigners`.
    ///
    /// Throws `signersUnusable` for a file that is empty or malformed in any line: nobody is allowed then (F050).
    package mutating func allow(
        signers text: [UInt8], zoneOffset: (_ localSeconds: Int64) -> Int64 = { _ in 0 }
    ) throws(DeliveryError) {
        do {
            ssh = try AllowedSigners(parsing: text, zoneOffset: zoneOffset)
        } catch {
            throw DeliveryError(.signersUnusable, error.context, underlying: error)
        }
    }

    /// Takes every right from the keys of a file's content: public keys, one a line, as `ssh-keygen -Y verify -r` reads
    /// them besides its binary lists.
    ///
    /// Throws `signersUnusable` for a file that is malformed in any line or names a key of an unknown type; a file of no
    /// key revokes none.
    package mutating func revoke(keys text: [UInt8]) throws(DeliveryError) {
        do throws(SSHError) {
            let keys = try AuthorizedKeys(parsing: text)
            guard keys.passedOver.isEmpty else {
                throw SSHError(.unsupportedKeyType, "line \(keys.passedOver[0]): a key of an unknown type")
            }
            revoked.formUnion(keys.entries.map(\.key))
        } catch {
            guard error.code != .noSigners else { return }
            throw DeliveryError(.signersUnusable, "revoked keys: \(error.context)", underlying: error)
        }
    }
}

/// Who signed, as a verified signature says.
package enum Signer: Hashable, Sendable {
    /// An SSH key.
    case ssh(SSHPublicKey)
    /// An OpenPGP key, by the 40 upper-case hex digits of its primary key's fingerprint.
    case openPGP(fingerprint: String)

    /// The key's fingerprint, as its own tools print it.
    package var fingerprint: String {
        switch self {
        case .ssh(let key): key.fingerprint
        case .openPGP(let fingerprint): fingerprint
        }
    }
}
