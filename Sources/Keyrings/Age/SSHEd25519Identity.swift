internal import Encodings
package import SSH
package import Sodium

/// An SSH private key of type `ssh-ed25519` that opens age files (age: agessh/agessh.go).
///
/// A class so that identities can stand in a list; the key never leaves guarded memory.
package final class SSHEd25519Identity: AgeIdentity {
    private let seed: SecretBytes
    private let secret: SecretBytes
    /// The public key that goes with it.
    package let recipient: SSHEd25519Recipient

    /// The identity of a 32-byte Ed25519 `seed`. Traps at another length.
    package init(seed: consuming SecretBytes) throws(AgeError) {
        let pair = Ed25519.KeyPair(seed: seed)
        recipient = try SSHEd25519Recipient(key: SSHPublicKey(ed25519: pair.publicKey))
        secret = pair.montgomerySecret()
        self.seed = seed
    }

    /// The identity in the OpenSSH private key file `file`. Throws `identity` for a malformed file, one under a
    /// passphrase, or a key of another type.
    package convenience init(openSSH file: borrowing SecretBytes) throws(AgeError) {
        let seed: SecretBytes
        do {
            seed = try OpenSSHPrivateKey.seed(of: file)
        } catch {
            throw AgeError(.identity, error.context, underlying: error)
        }
        try self.init(seed: seed)
    }

    /// Whether `file` begins as an OpenSSH private key file does.
    package static func isKeyFile(_ file: borrowing SecretBytes) -> Bool {
        OpenSSHPrivateKey.isKeyFile(file)
    }

    /// The same key for signing.
    package var signingKey: SigningKey { SigningKey(seed: seed) }

    /// 32 bytes of HKDF-SHA-256 over the seed with an empty salt and the ASCII `info`: keys for other purposes
    /// that belong to the same holder.
    package func derive(info: String) -> SecretBytes {
        seed.withBytes { HKDF.derive(from: $0, salt: [], info: info) }
    }

    package func unwrap(_ stanzas: [Stanza]) throws(AgeError) -> FileKey? {
        let tag = recipient.tag
        for stanza in stanzas where stanza.type == SSHEd25519Recipient.stanzaType {
            let share = try SSHEd25519Identity.share(of: stanza)
            guard stanza.arguments[0] == tag else { continue }
            let key: SecretBytes
            do {
                let point = try X25519.agree(secret: secret, publicKey: share)
                key = try recipient.wrappingKey(point: point, share: share)
            } catch {
                throw AgeError(.header, "ssh-ed25519 share of low order", underlying: error)
            }
            if let fileKey = FileKey.unwrapped(stanza.body, under: key) { return fileKey }
        }
        return nil
    }

    /// The 32-byte share of a stanza of exactly the specified form.
    private static func share(of stanza: Stanza) throws(AgeError) -> [UInt8] {
        guard stanza.arguments.count == 2 else {
            throw AgeError(.header, "ssh-ed25519 stanza: number of arguments")
        }
        let (tag, share): ([UInt8], [UInt8])
        do {
            tag = try Base64.unpadded.decode(stanza.arguments[0])
            share = try Base64.unpadded.decode(stanza.arguments[1])
        } catch {
            throw AgeError(.header, "ssh-ed25519 stanza: malformed argument", underlying: error)
        }
        guard tag.count == 4, share.count == 32 else {
            throw AgeError(.header, "ssh-ed25519 stanza: length of an argument")
        }
        guard stanza.body.count == FileKey.wrappedByteCount else {
            throw AgeError(.header, "ssh-ed25519 stanza: length of the body")
        }
        return share
    }
}
