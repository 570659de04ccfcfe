internal import Encodings
package import Sodium

/// A native age recipient: an X25519 public key, `age1…` (C2SP age.md, "The X25519 recipient type").
package struct X25519Recipient: AgeRecipient, Hashable {
    static let prefix = "age"
    static let stanzaType = "X25519"
    static let info = "age-encryption.org/v1/X25519"

    /// The 32 bytes of the public key, which are also its wire bytes.
    package let publicKey: [UInt8]

    /// The recipient of a 32-byte `publicKey`. Throws `recipient` at another length and for a point of low
    /// order, the all-zero one among them: everybody could open what is sealed to it.
    package init(publicKey: [UInt8]) throws(AgeError) {
        guard publicKey.count == 32 else {
            throw AgeError(.recipient, "recipient of \(publicKey.count) bytes instead of 32")
        }
        // Every clamped scalar is a multiple of the cofactor: any of them takes a point of low order to zero.
        let probe = SecretBytes(byteCount: 32) { _ in }
        do {
            _ = try X25519.agree(secret: probe, publicKey: publicKey)
        } catch {
            throw AgeError(.recipient, "recipient is a point of low order", underlying: error)
        }
        self.publicKey = publicKey
    }

    /// The recipient of `secret`'s public key, which is never of low order.
    init(of secret: borrowing SecretBytes) {
        publicKey = X25519.publicKey(of: secret)
    }

    /// The recipient that `text` encodes. Throws `recipient` and says what is wrong, never what was given: it
    /// might be an identity by mistake.
    package init(text: [UInt8]) throws(AgeError) {
        guard !text.contains(where: { $0 <= 0x20 }) else {
            throw AgeError(.recipient, "recipient with white space in or around it")
        }
        let decoded: (prefix: String, data: [UInt8])
        do {
            decoded = try Bech32.decode(text)
        } catch {
            throw AgeError(.recipient, "malformed recipient (\(error.context))", underlying: error)
        }
        guard decoded.prefix == X25519Recipient.prefix else {
            let isSecret =
                decoded.prefix.hasPrefix("age-secret-key-") || decoded.prefix.hasPrefix("age-plugin-")
            throw AgeError(
                .recipient,
                isSecret
                    ? "this is an identity (a private key), not a recipient" : "recipient of an unknown kind")
        }
        guard text.first == 0x61 else { throw AgeError(.recipient, "recipient in upper case") }
        try self.init(publicKey: decoded.data)
    }

    /// The recipient that `text` encodes, as `init(text:)` of its UTF-8.
    package init(text: String) throws(AgeError) {
        try self.init(text: Array(text.utf8))
    }

    /// `age1…`
    package var text: String { Bech32.encode(prefix: X25519Recipient.prefix, data: publicKey) }

    package var labels: Set<String> { [] }

    package func wrap(_ fileKey: borrowing FileKey) throws(AgeError) -> [Stanza] {
        [try wrap(fileKey, ephemeral: SecretBytes(randomCount: 32))]
    }

    /// The stanza that carries `fileKey` to this recipient from the share of the 32-byte secret `ephemeral`,
    /// which must serve this recipient and file key alone.
    package func wrap(
        _ fileKey: borrowing FileKey, ephemeral: borrowing SecretBytes
    ) throws(AgeError) -> Stanza {
        let share = X25519.publicKey(of: ephemeral)
        let wrapped: [UInt8]
        do {
            let shared = try X25519.agree(secret: ephemeral, publicKey: publicKey)
            wrapped = fileKey.wrapped(under: wrappingKey(shared: shared, share: share))
        } catch {
            throw AgeError(.recipient, "recipient is a point of low order", underlying: error)
        }
        return Stanza(
            type: X25519Recipient.stanzaType, arguments: [Base64.unpadded.encode(share)], body: wrapped)
    }

    /// The stanza whose ephemeral secret is HKDF-SHA-256 of `fileKey` with this recipient's wire bytes as salt
    /// and the ASCII `info`: whoever opens the file can make it again and compare (FORMATS: keyring, 1.4).
    package func wrap(
        _ fileKey: borrowing FileKey, ephemeralInfo info: String
    ) throws(AgeError) -> Stanza {
        try wrap(fileKey, ephemeral: fileKey.derive(salt: publicKey, info: info))
    }

    /// The single-use key under which the file key is sealed.
    func wrappingKey(shared: borrowing SecretBytes, share: [UInt8]) -> SecretBytes {
        shared.withBytes { HKDF.derive(from: $0, salt: share + publicKey, info: X25519Recipient.info) }
    }
}
