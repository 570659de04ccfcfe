package import SSH
package import Trust

extension Keyring {
    /// Signs a header with as many admins' keys as needed: with `SigningKey`s, or by ssh-keygen and an agent.
    package typealias Signer = (GenerationHeader) throws -> [SSHSignature]

    /// A new keyring: generation 1 with one open epoch for `members`, signed by `signer`.
    ///
    /// Throws `badEnvironmentName`, `badMember`, `untrusted` where fewer than `threshold` of `admins` signed, and
    /// as `KeyringProposal`. Nothing is written to disk.
    package static func create(
        environment: String, members: [Member], admins: [SSHPublicKey], threshold: UInt64 = 1,
        signer: Signer
    ) throws(KeyringError) -> Keyring {
        try EnvironmentName.check(environment)
        return try KeyringProposal(
            first: environment, body: KeyringBody(newFor: members), admins: admins, threshold: threshold
        ).adding(signaturesBy: signer).completed()
    }

    /// A new keyring with one admin, whose key signs it.
    package static func create(
        environment: String, members: [Member], signingWith key: borrowing SigningKey
    ) throws(KeyringError) -> Keyring {
        try create(environment: environment, members: members, admins: [key.publicKey]) { header in
            [SignedGeneration.signature(over: header, by: key)]
        }
    }

    /// The keyring with one more generation that says `body`, signed by `signer`.
    ///
    /// `admins` and `threshold` stay as they are where they are not given. Throws `untrusted` where too few of this
    /// generation's admins signed, and as `KeyringProposal`.
    package func appending(
        body: KeyringBody, admins: [SSHPublicKey]? = nil, threshold: UInt64? = nil, signer: Signer
    ) throws(KeyringError) -> Keyring {
        try KeyringProposal(after: self, body: body, admins: admins, threshold: threshold)
            .adding(signaturesBy: signer).completed()
    }

    /// The admins of the next generation: those of this one with `added` and without `removed`.
    ///
    /// Throws `unsupported` for an RSA key that is too weak, `notAnAdmin` where one of `removed` is none, `lastAdmin`
    /// where nobody would be left.
    package func admins(
        adding added: [SSHPublicKey] = [], removing removed: [SSHPublicKey] = []
    ) throws(KeyringError) -> [SSHPublicKey] {
        let name = "keyring \(environment)"
        var admins = Set(chain.newest.admins)
        for key in removed {
            guard admins.remove(key) != nil else {
                throw KeyringError(.notAnAdmin, "\(name): \(key.fingerprint) is no admin of it")
            }
        }
        for key in added {
            guard key.isSupported else {
                throw KeyringError(
                    .unsupported, "\(name): \(key.fingerprint) is an RSA key that is too weak")
            }
            admins.insert(key)
        }
        guard !admins.isEmpty else {
            throw KeyringError(.lastAdmin, "\(name): nobody would be left who may change it")
        }
        return admins.sorted()
    }
}

extension KeyringProposal {
    /// A new first generation for what `keyring` holds, for the day when too few admins are left to sign the next
    /// one: everybody has to trust its root anew (FORMATS: keyring, 1.3).
    ///
    /// All epochs are wrapped anew, so that nobody but the listed members is among the recipients. Throws
    /// `notAMember` where `opened` lacks an epoch, `lastAdmin`, `unreachableThreshold`.
    package init(
        restarting keyring: Keyring, opened: OpenedKeyring, admins: [SSHPublicKey], threshold: UInt64 = 1
    ) throws(KeyringError) {
        let body = try KeyringBody(rewrapping: keyring.body, opened: opened, for: keyring.body.members)
        try self.init(first: keyring.environment, body: body, admins: admins, threshold: threshold)
    }
}
