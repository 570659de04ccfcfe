/// The identities of an environment's epochs, opened by a member: what opens sealed values and files.
///
/// Only `Keyring.open(with:)` makes one, so that each identity is known to be the one of its epoch's public key
/// and to have been wrapped to nobody but the members.
package struct OpenedKeyring: Sendable {
    /// The environment's name.
    package let environment: String
    private let identities: [UInt64: X25519Identity]

    /// Keeps what was opened.
    init(environment: String, identities: [UInt64: X25519Identity]) {
        self.environment = environment
        self.identities = identities
    }

    /// The identity of the epoch `number`; nil where the keyring has no such epoch or the member can't read it.
    package subscript(epoch number: UInt64) -> X25519Identity? { identities[number] }

    /// The same without these epochs: what was sealed to them doesn't open.
    package func without(_ epochs: Set<UInt64>) -> OpenedKeyring {
        OpenedKeyring(environment: environment, identities: identities.filter { !epochs.contains($0.key) })
    }

    /// The numbers of the epochs that were opened, ascending.
    package var epochs: [UInt64] { identities.keys.sorted() }

    /// The same with no more than the identities of `epochs`.
    package func keeping(_ epochs: Set<UInt64>) -> OpenedKeyring {
        OpenedKeyring(environment: environment, identities: identities.filter { epochs.contains($0.key) })
    }
}
