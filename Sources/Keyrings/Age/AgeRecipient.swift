/// A public key or passphrase that a file key can be wrapped to. A new kind is a new conformer.
package protocol AgeRecipient: Sendable {
    /// What the other recipients of a file must share: all have the same set, or the file is not written. X25519
    /// has none; scrypt has one of its own, and so stands alone.
    var labels: Set<String> { get }

    /// The stanzas that carry `fileKey` to this recipient. Throws `recipient` where the key can't be used,
    /// `unavailable` where memory for scrypt is short.
    func wrap(_ fileKey: borrowing FileKey) throws(AgeError) -> [Stanza]
}

/// A private key or passphrase that unwraps file keys.
package protocol AgeIdentity: Sendable {
    /// The file key that one of `stanzas` carries to this identity; nil where none does, which is no error.
    ///
    /// Stanzas of other types are passed over. Throws `header` where a stanza of this identity's own type is
    /// malformed.
    func unwrap(_ stanzas: [Stanza]) throws(AgeError) -> FileKey?
}

/// An identity that knows the file key itself: for a file whose header was unwrapped before.
package final class KnownFileKey: AgeIdentity {
    private let fileKey: FileKey

    /// An identity that answers with `fileKey`; the header's MAC still has to fit it.
    package init(_ fileKey: consuming FileKey) {
        self.fileKey = fileKey
    }

    package func unwrap(_ stanzas: [Stanza]) throws(AgeError) -> FileKey? { fileKey.copy() }
}
