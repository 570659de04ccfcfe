package import Sodium

/// An Ed25519 key that signs, held in guarded memory.
package struct SigningKey: ~Copyable, Sendable {
    private let pair: Ed25519.KeyPair
    /// The public key that verifies its signatures.
    package let publicKey: SSHPublicKey

    /// The key of a 32-byte seed (RFC 8032 §5.1.5). Traps on another length.
    package init(seed: borrowing SecretBytes) {
        pair = Ed25519.KeyPair(seed: seed)
        publicKey = SSHPublicKey(ed25519: pair.publicKey)
    }

    /// A new random key.
    package init() {
        self.init(seed: SecretBytes(randomCount: 32))
    }

    /// The key of an OpenSSH private key file (`-----BEGIN OPENSSH PRIVATE KEY-----`), without a passphrase.
    ///
    /// Throws `encryptedKey` where the file has one, `unsupportedKeyType` for other types than Ed25519 (both are
    /// for `ssh-keygen -Y sign` or an agent to use), `malformed` for anything but the exact format or where
    /// its public and private parts don't belong together.
    package init(openSSH file: borrowing SecretBytes) throws(SSHError) {
        self.init(seed: try OpenSSHPrivateKey.seed(of: file))
    }

    /// The 64-byte signature over `message` as it stands.
    func signRaw(_ message: [UInt8]) -> [UInt8] {
        pair.sign(message)
    }
}
