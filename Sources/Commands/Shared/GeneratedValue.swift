internal import Encodings
internal import Keyrings
internal import SSH
internal import Sodium

/// A random value that is to be sealed, and the public key that goes with it where it is a private one.
struct GeneratedValue: ~Copyable {
    /// What is sealed.
    let secret: SecretBytes
    /// What anybody may know; nil where there is nothing.
    let publicKey: String?

    /// A value without a public part.
    init(_ secret: consuming SecretBytes) {
        self.secret = secret
        publicKey = nil
    }

    private init(_ secret: consuming SecretBytes, publicKey: String) {
        self.secret = secret
        self.publicKey = publicKey
    }

    /// An OpenSSH private key file, Ed25519, and its line for authorized_keys.
    static func sshKey(comment: String) -> GeneratedValue {
        let seed = SecretBytes(randomCount: 32)
        let publicKey = SSHPublicKey(ed25519: Ed25519.publicKey(of: seed))
        return GeneratedValue(
            OpenSSHPrivateKey.file(seed: seed, comment: comment),
            publicKey: comment.isEmpty ? publicKey.text : "\(publicKey.text) \(comment)")
    }

    /// An age identity and its recipient.
    static func ageIdentity() -> GeneratedValue {
        let identity = X25519Identity.generate()
        return GeneratedValue(identity.encoded(), publicKey: identity.recipient.text)
    }

    /// An X25519 key as WireGuard writes it: 32 clamped bytes in base64 (RFC 7748 §5), and its public key likewise.
    static func wireGuardKey() -> GeneratedValue {
        let random = SecretBytes(randomCount: 32)
        let key = SecretBytes(byteCount: 32) { output in
            random.withBytes { random in
                random.copy(into: &output)
                let first: UInt8 = random[0] & 0xF8
                let last: UInt8 = (random[31] & 0x7F) | 0x40
                output.storeBytes(of: first, toByteOffset: 0, as: UInt8.self)
                output.storeBytes(of: last, toByteOffset: 31, as: UInt8.self)
            }
        }
        let text = SecretBytes(byteCount: Base64.standard.encodedCount(32)) { output in
            key.withBytes { Base64.standard.encode($0, into: &output) }
        }
        return GeneratedValue(text, publicKey: Base64.standard.encode(X25519.publicKey(of: key)))
    }
}
