/// One generation of an environment's key pair.
package struct KeyEpoch: Hashable, Sendable {
    /// What the key is good for. The raw values are the codes of FORMAT.md §2.3.
    package enum State: UInt64, Sendable, CaseIterable {
        /// Secrets are sealed to it; the newest epoch, and no other.
        case open = 1
        /// It opens what was sealed before, and nothing is sealed to it any more.
        case closed = 2

        /// The word in the keyring file.
        package var name: String {
            switch self {
            case .open: "open"
            case .closed: "closed"
            }
        }
    }

    /// X25519, and the version of sealed values that goes with it; the one suite so far.
    package static let suite: UInt64 = 1
    /// The highest number.
    package static let numberLimit = UInt64(UInt32.max)

    /// The number that tokens carry, from 1.
    package let number: UInt64
    /// The public key.
    package let recipient: X25519Recipient
    /// What it is good for.
    package let state: State
    /// The identity, wrapped to the members: a binary age file.
    package let wrappedIdentity: [UInt8]

    /// An epoch of these parts.
    package init(
        number: UInt64, recipient: X25519Recipient, state: State, wrappedIdentity: [UInt8]
    ) {
        self.number = number
        self.recipient = recipient
        self.state = state
        self.wrappedIdentity = wrappedIdentity
    }
}
