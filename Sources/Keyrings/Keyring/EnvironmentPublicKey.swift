/// The public key of one epoch of an environment: all that sealing needs.
package struct EnvironmentPublicKey: Hashable, Sendable {
    /// The environment's name.
    package let environment: String
    /// The epoch's number, from 1.
    package let epoch: UInt64
    /// The key as an age recipient, to which sealed files are encrypted.
    package let recipient: X25519Recipient

    /// The key's 32 bytes (X25519).
    package var key: [UInt8] { recipient.publicKey }

    /// The key of an `epoch` of `environment`. What is sealed to it can be opened only where a verified keyring
    /// names it: take it from `Keyring.sealingKey`.
    package init(environment: String, epoch: UInt64, recipient: X25519Recipient) {
        self.environment = environment
        self.epoch = epoch
        self.recipient = recipient
    }
}

/// Names of environments: `[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?` (FORMAT.md §2.1). They stand in tokens and in
/// file names.
package enum EnvironmentName {
    /// Throws `badEnvironmentName` unless `name` is one.
    package static func check(_ name: String) throws(KeyringError) {
        let bytes = Array(name.utf8)
        let isPlain = bytes.allSatisfy {
            (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D
        }
        guard (1...32).contains(bytes.count), isPlain, bytes.first != 0x2D, bytes.last != 0x2D else {
            throw KeyringError(
                .badEnvironmentName,
                "an environment's name has 1 to 32 of a-z, 0-9 and -, and no - at its ends")
        }
    }
}
