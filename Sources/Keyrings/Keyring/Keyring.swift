// The keyring of an environment, `Keys/<environment>.yaml`: who can open what is sealed for it, and who may
// change that. FORMAT.md beside this folder is the description to the byte.
//
//   Keyring              a verified chain of generations with the newest one's body
//   KeyringBody          members and epochs, in the bytes that are signed
//   EnvironmentPublicKey what sealers take from it
//   OpenedKeyring        what members get from it with their identities
//   WrappedIdentity      an epoch's identity as an age file to the members
package import Trust

/// A keyring whose chain was verified and whose body is the one that the newest generation signed.
///
/// Whether its root is the right one is another question: `Trust.Pins` or a fingerprint answers it.
package struct Keyring: Hashable, Sendable {
    /// The environment's name.
    package let environment: String
    /// The verified generations.
    package let chain: GenerationChain
    /// Members and epochs of the newest generation.
    package let body: KeyringBody

    /// Joins what a file holds. Throws `badEnvironmentName`, `untrusted` where the chain doesn't verify for the
    /// environment, `wrongBody` where the newest generation signed another body.
    package init(
        environment: String, generations: [SignedGeneration], body: KeyringBody
    ) throws(KeyringError) {
        try EnvironmentName.check(environment)
        do throws(TrustError) {
            chain = try GenerationChain(verifying: generations, purpose: .keyring, subject: environment)
            try chain.verify(body: body.bytes)
        } catch {
            guard error.code != .wrongBody else {
                throw KeyringError(
                    .wrongBody, "keyring \(environment): members and epochs are not what was signed",
                    underlying: error)
            }
            throw KeyringError(.untrusted, "keyring \(environment): \(error.context)", underlying: error)
        }
        self.environment = environment
        self.body = body
    }

    /// The fingerprint of the first generation: the root that is pinned.
    package var root: Fingerprint { chain.root }

    /// The newest generation's number.
    package var generation: UInt64 { chain.newest.generation }

    /// The key that new secrets are sealed to: the open epoch's.
    package var sealingKey: EnvironmentPublicKey { body.sealingKey(of: environment) }

    /// The public key of the epoch `number`; nil where the keyring has no such epoch.
    package func publicKey(epoch number: UInt64) -> EnvironmentPublicKey? {
        body.epochs.first { $0.number == number }.map(key(of:))
    }

    /// The identities of all epochs that one of `identities` may read.
    ///
    /// Throws `notAMember` where none of them is a member's, `forged` where an epoch that one of them should
    /// open isn't wrapped to exactly the members of the list, or holds another key.
    package func open(with identities: [MemberIdentity]) throws(KeyringError) -> OpenedKeyring {
        try body.open(with: identities, environment: environment)
    }

    /// As `open(with:)`, with age identities.
    package func open(with identities: [X25519Identity]) throws(KeyringError) -> OpenedKeyring {
        try open(with: identities.map { MemberIdentity.x25519($0) })
    }

    private func key(of epoch: KeyEpoch) -> EnvironmentPublicKey {
        EnvironmentPublicKey(environment: environment, epoch: epoch.number, recipient: epoch.recipient)
    }
}

extension KeyringBody {
    /// The identities of all epochs that one of `identities` may read, as `Keyring.open(with:)`.
    func open(
        with identities: [MemberIdentity], environment: String
    ) throws(KeyringError) -> OpenedKeyring {
        var opened: [UInt64: X25519Identity] = [:]
        for epoch in epochs {
            let readers = self.readers(of: epoch.number)
            let mine = identities.filter { identity in
                readers.contains { $0.recipient.wire == identity.recipient.wire }
            }
            guard !mine.isEmpty else { continue }
            opened[epoch.number] = try WrappedIdentity.open(epoch, readers: readers, with: mine)
        }
        guard !opened.isEmpty else {
            throw KeyringError(.notAMember, "keyring \(environment): no identity here belongs to a member")
        }
        return OpenedKeyring(environment: environment, identities: opened)
    }
}
