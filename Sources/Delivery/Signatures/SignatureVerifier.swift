internal import Encodings
internal import Git
internal import SSH

/// Verifies single commits and tags (INTEROP.md 4.1-4.3).
///
/// A signature is looked for only where Git puts it, exactly one, in the namespace `git`, over exactly the raw bytes
/// without it, by a key that is allowed both now and at the time that the object claims: the first keeps a key that
/// ran out from signing into the past, the second is what Git asks.
struct SignatureVerifier {
    let rules: SignatureRules
    let now: Timestamp

    /// The parsed commit and its signer. Throws `unsigned`, `badSignature`, `signerNotAllowed`, `verifierFailed`.
    func verify(
        commit id: ObjectID, _ raw: [UInt8]
    ) throws(DeliveryError) -> (commit: CommitObject, signer: Signer) {
        let commit: CommitObject
        do {
            commit = try CommitObject(raw: raw)
        } catch {
            throw DeliveryError(.badSignature, "commit \(id): \(error.context)", underlying: error)
        }
        return (commit, try signer(of: SignedObject(id, commit)))
    }

    /// The signer of the tag, which has to be called `name` and to name `target` itself. Throws as for commits.
    func verify(
        tag id: ObjectID, _ raw: [UInt8], called name: [UInt8], naming target: ObjectID
    ) throws(DeliveryError) -> Signer {
        let tag: TagObject
        do {
            tag = try TagObject(raw: raw)
        } catch {
            throw DeliveryError(.badSignature, "tag \(id): \(error.context)", underlying: error)
        }
        // A good tag under another tag's ref would be a way back to an older commit.
        guard tag.name == name else {
            throw DeliveryError(.badSignature, "tag \(id): has another name inside")
        }
        guard tag.type == .commit, tag.target == target else {
            throw DeliveryError(.badSignature, "tag \(id): does not name commit \(target) itself")
        }
        return try signer(of: SignedObject(id, tag))
    }

    private func signer(of object: SignedObject) throws(DeliveryError) -> Signer {
        if object.armor.starts(with: OpenPGPArmor.begin) {
            guard let openPGP = rules.openPGP else {
                throw DeliveryError(
                    .signerNotAllowed, "\(object.name): signed with OpenPGP, for which no keyring is given")
            }
            let (fingerprint, principals) = try openPGP.verify(object)
            try check(object, principals.map { [$0] } ?? [], fingerprint)
            return .openPGP(fingerprint: fingerprint)
        }
        let key: SSHPublicKey
        do {
            key = try SSHSignature(armored: object.armor).verify(
                message: object.payload, namespace: "git", securityKeys: rules.securityKeys)
        } catch {
            throw DeliveryError(.badSignature, "\(object.name): \(error.context)", underlying: error)
        }
        guard let signers = rules.ssh else {
            throw DeliveryError(
                .signerNotAllowed, "\(object.name): signed with SSH, for which no signers are given")
        }
        guard !rules.revoked.contains(key) else {
            throw DeliveryError(.signerNotAllowed, "\(object.name): the key \(key.fingerprint) is revoked")
        }
        for principals in try allowedPrincipals(key, signers, object) {
            try check(object, principals, key.fingerprint)
        }
        return .ssh(key)
    }

    /// The patterns of principals of the lines that allow `key` now, and of those that allow it at the claimed time: a
    /// line may have taken the place of another.
    private func allowedPrincipals(
        _ key: SSHPublicKey, _ signers: AllowedSigners, _ object: SignedObject
    ) throws(DeliveryError) -> [[String]] {
        do throws(AllowedSigners.Refusal) {
            let match = try signers.match(key, namespace: "git", at: now)
            guard let claimed = Timestamp(seconds: object.claimedSeconds) else { throw .notYetValid }
            return [match.principals, try signers.match(key, namespace: "git", at: claimed).principals]
        } catch {
            let reason =
                switch error {
                case .unknownKey: "is not allowed to sign"
                case .wrongNamespace: "is not allowed to sign commits"
                case .expired: "is not allowed to sign any more, or was not any more"
                case .notYetValid: "is not allowed to sign yet, or was not yet"
                }
            throw DeliveryError(
                .signerNotAllowed, "\(object.name): the key \(key.fingerprint) \(reason)", underlying: error)
        }
    }

    /// Holds the addresses that the object claims against the signer's principals.
    private func check(
        _ object: SignedObject, _ principals: [String], _ fingerprint: String
    ) throws(DeliveryError) {
        for role in SignatureRules.Role.allCases where rules.roles.contains(role) {
            guard let address = object.addresses[role], let text = String(validating: address, as: UTF8.self),
                !text.isEmpty, principals.contains(where: { PatternList.matches($0, text) })
            else {
                throw DeliveryError(
                    .signerNotAllowed,
                    "\(object.name): the key \(fingerprint) does not sign for the \(role.rawValue) that is named"
                )
            }
        }
    }
}
