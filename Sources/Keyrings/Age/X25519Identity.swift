internal import Encodings
package import Sodium

/// A native age identity: an X25519 private key, `AGE-SECRET-KEY-1…` (C2SP age.md, "The X25519 recipient type").
///
/// A class so that identities can stand in a list; the key never leaves guarded memory.
package final class X25519Identity: AgeIdentity {
    private static let prefix = "age-secret-key-"
    /// Characters of the text: 59 of prefix, separator, data and 6 of checksum.
    package static let textByteCount = Bech32.encodedCount(prefix: prefix, byteCount: 32)

    private let secret: SecretBytes
    /// The public key that goes with it.
    package let recipient: X25519Recipient

    /// The identity of a 32-byte `secret`. Traps at another length.
    package init(secret: consuming SecretBytes) {
        precondition(secret.byteCount == 32, "an X25519 secret has 32 bytes")
        recipient = X25519Recipient(of: secret)
        self.secret = secret
    }

    /// A new random identity.
    package static func generate() -> X25519Identity {
        X25519Identity(secret: SecretBytes(randomCount: 32))
    }

    /// The identity that `text` encodes: upper case, nothing around it. Throws `identity`, with no excerpt.
    package convenience init(text: RawSpan) throws(AgeError) {
        var prefix = ""
        var byteCount = 0
        let decoded: SecretBytes
        do {
            decoded = try SecretBytes(byteCount: text.byteCount) { (output) throws(EncodingError) in
                (prefix, byteCount) = try Bech32.decode(text, into: &output)
            }
        } catch {
            throw AgeError(.identity, "malformed identity (\(error.context))", underlying: error)
        }
        guard prefix == X25519Identity.prefix else {
            let isPublic = prefix.hasPrefix("age") && !prefix.hasPrefix("age-")
            throw AgeError(
                .identity,
                isPublic
                    ? "this is a recipient (a public key), not an identity" : "identity of an unknown kind")
        }
        guard text[0] == 0x41 else { throw AgeError(.identity, "identity in lower case") }
        guard byteCount == 32 else {
            throw AgeError(.identity, "identity of \(byteCount) bytes instead of 32")
        }
        self.init(secret: decoded.slice(0..<32))
    }

    /// `AGE-SECRET-KEY-1…`, in guarded memory.
    package func encoded() -> SecretBytes {
        SecretBytes(byteCount: X25519Identity.textByteCount) { output in
            secret.withBytes {
                Bech32.encode(prefix: X25519Identity.prefix, data: $0, isUpperCase: true, into: &output)
            }
        }
    }

    /// Lends the 32 bytes of the private key for the time of `body`.
    package func withSecret<Result: ~Copyable, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try secret.withBytes(body)
    }

    /// The X25519 secret shared with the holder of the 32-byte `share`. Throws `lowOrder` where it is all zero.
    package func sharedSecret(with share: [UInt8]) throws(SodiumError) -> SecretBytes {
        try X25519.agree(secret: secret, publicKey: share)
    }

    /// 32 bytes of HKDF-SHA-256 over the private key with an empty salt and the ASCII `info`: keys for other
    /// purposes that belong to the same holder.
    package func derive(info: String) -> SecretBytes {
        secret.withBytes { HKDF.derive(from: $0, salt: [], info: info) }
    }

    package func unwrap(_ stanzas: [Stanza]) throws(AgeError) -> FileKey? {
        for stanza in stanzas where stanza.type == X25519Recipient.stanzaType {
            let share = try X25519Identity.share(of: stanza)
            let shared: SecretBytes
            do {
                shared = try X25519.agree(secret: secret, publicKey: share)
            } catch {
                throw AgeError(.header, "X25519 share of low order", underlying: error)
            }
            let key = recipient.wrappingKey(shared: shared, share: share)
            if let fileKey = FileKey.unwrapped(stanza.body, under: key) { return fileKey }
        }
        return nil
    }

    /// The 32-byte share of a stanza of exactly the specified form.
    private static func share(of stanza: Stanza) throws(AgeError) -> [UInt8] {
        guard stanza.arguments.count == 1 else {
            throw AgeError(.header, "X25519 stanza: number of arguments")
        }
        let share: [UInt8]
        do {
            share = try Base64.unpadded.decode(stanza.arguments[0])
        } catch {
            throw AgeError(.header, "X25519 stanza: malformed share", underlying: error)
        }
        guard share.count == 32 else { throw AgeError(.header, "X25519 stanza: length of the share") }
        // Checked before decryption: a longer body could be made to open under many keys.
        guard stanza.body.count == FileKey.wrappedByteCount else {
            throw AgeError(.header, "X25519 stanza: length of the body")
        }
        return share
    }
}
