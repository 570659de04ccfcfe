package import SSH
package import Sodium

/// A private key with which a member opens keyrings: an age identity or an SSH key.
package enum MemberIdentity: AgeIdentity {
    /// `AGE-SECRET-KEY-1…`
    case x25519(X25519Identity)
    /// An OpenSSH private key.
    case sshEd25519(SSHEd25519Identity)

    /// The public key that goes with it.
    package var recipient: MemberRecipient {
        switch self {
        case .x25519(let identity): .x25519(identity.recipient)
        case .sshEd25519(let identity): .sshEd25519(identity.recipient)
        }
    }

    /// 32 bytes of HKDF-SHA-256 over the private key (of SSH: its seed), empty salt, the ASCII `info`: keys for
    /// other purposes that belong to the same holder.
    package func derive(info: String) -> SecretBytes {
        switch self {
        case .x25519(let identity): identity.derive(info: info)
        case .sshEd25519(let identity): identity.derive(info: info)
        }
    }

    package func unwrap(_ stanzas: [Stanza]) throws(AgeError) -> FileKey? {
        switch self {
        case .x25519(let identity): try identity.unwrap(stanzas)
        case .sshEd25519(let identity): try identity.unwrap(stanzas)
        }
    }

    /// Whether `content` is an identity file under a passphrase. An SSH key file is none, though it looks armored.
    package static func isEncrypted(_ content: borrowing SecretBytes) -> Bool {
        !SSHEd25519Identity.isKeyFile(content) && IdentityFile.isEncrypted(content)
    }

    /// The identities in the file `content`: an OpenSSH private key, or a plain identity file. Throws `identity`,
    /// `limit`.
    package static func parse(_ content: borrowing SecretBytes) throws(AgeError) -> [MemberIdentity] {
        if SSHEd25519Identity.isKeyFile(content) {
            return [.sshEd25519(try SSHEd25519Identity(openSSH: content))]
        }
        return try IdentityFile.parse(content).map { .x25519($0) }
    }
}

extension SigningKey {
    /// The admin key that belongs to an identity (FORMAT.md §4): an SSH key itself, else the one that derives from
    /// the age identity.
    package init(of identity: MemberIdentity) {
        switch identity {
        case .x25519(let identity): self.init(derivedFrom: identity)
        case .sshEd25519(let identity): self = identity.signingKey
        }
    }
}
