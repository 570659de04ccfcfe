package import SSH
package import Trust

extension KeyringBody {
    /// The body of a new keyring: one open epoch with a new random key pair, wrapped to `members`.
    ///
    /// Throws `badMember` as `init(members:epochs:)`, before anything is wrapped.
    package init(newFor members: [Member]) throws(KeyringError) {
        guard !members.isEmpty else { throw KeyringError(.badMember, "a keyring needs a member") }
        let identity = X25519Identity.generate()
        let epoch = KeyEpoch(
            number: 1, recipient: identity.recipient, state: .open,
            wrappedIdentity: try WrappedIdentity.wrap(identity, to: members))
        try self.init(members: members, epochs: [epoch])
    }

    /// The body for `members` with the epochs of `before`, wrapped anew to those who may read them, under fresh
    /// file keys.
    ///
    /// Throws `badMember` as `init(members:epochs:)`, `notAMember` where `opened` lacks an epoch.
    package init(
        rewrapping before: KeyringBody, opened: OpenedKeyring, for members: [Member]
    ) throws(KeyringError) {
        var epochs: [KeyEpoch] = []
        for epoch in before.epochs {
            guard let identity = opened[epoch: epoch.number] else {
                throw KeyringError(.notAMember, "epoch \(epoch.number): not among what was opened")
            }
            let readers = members.filter { $0.firstEpoch <= epoch.number }
            epochs.append(
                KeyEpoch(
                    number: epoch.number, recipient: epoch.recipient, state: epoch.state,
                    wrappedIdentity: try WrappedIdentity.wrap(identity, to: readers)))
        }
        try self.init(members: members, epochs: epochs)
    }
}

extension Keyring {
    /// Signs a header with as many admins' keys as needed: with `SigningKey`s, or by ssh-keygen and an agent.
    package typealias Signer = (GenerationHeader) throws -> [SSHSignature]

    /// A new keyring: generation 1 with one epoch, wrapped to `members`, signed by `signer`.
    ///
    /// Throws `badEnvironmentName`, `badMember`, `untrusted` where `admins`, `threshold` and the signatures don't
    /// fit each other, `signing` where `signer` throws. Nothing is written to disk.
    package static func create(
        environment: String, members: [Member], admins: [SSHPublicKey], threshold: UInt64 = 1,
        signer: Signer
    ) throws(KeyringError) -> Keyring {
        try EnvironmentName.check(environment)
        let body = try KeyringBody(newFor: members)
        let header: GenerationHeader
        do {
            header = try GenerationHeader(
                first: .keyring, subject: environment, threshold: threshold, admins: admins, body: body.bytes)
        } catch {
            throw KeyringError(.untrusted, "keyring \(environment): \(error.context)", underlying: error)
        }
        return try Keyring(
            environment: environment, generations: [try sign(header, signer)], body: body)
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
    /// `admins` and `threshold` stay as they are where they are not given. Throws `untrusted` where the signatures
    /// are not those of enough admins of this generation, `signing` where `signer` throws.
    package func appending(
        body: KeyringBody, admins: [SSHPublicKey]? = nil, threshold: UInt64? = nil, signer: Signer
    ) throws(KeyringError) -> Keyring {
        let header: GenerationHeader
        do {
            header = try GenerationHeader(
                after: chain.newest, threshold: threshold ?? chain.newest.threshold,
                admins: admins ?? chain.newest.admins, body: body.bytes)
        } catch {
            throw KeyringError(.untrusted, "keyring \(environment): \(error.context)", underlying: error)
        }
        return try Keyring(
            environment: environment, generations: chain.generations + [try Keyring.sign(header, signer)],
            body: body)
    }

    private static func sign(
        _ header: GenerationHeader, _ signer: Signer
    ) throws(KeyringError) -> SignedGeneration {
        do {
            return SignedGeneration(header: header, signatures: try signer(header))
        } catch {
            throw KeyringError(
                .signing, "keyring \(header.subject): generation \(header.generation) was not signed",
                underlying: error)
        }
    }
}
