internal import Encodings
package import SSH
package import Sodium

/// An SSH key of type `ssh-ed25519` that files are encrypted to (age: agessh/agessh.go).
///
/// The key signs elsewhere: its X25519 share is shifted by a tweak of its own, so that the file key is bound to
/// the SSH key and not only to the curve point that the two share.
package struct SSHEd25519Recipient: AgeRecipient, Hashable {
    static let stanzaType = "ssh-ed25519"
    static let info = "age-encryption.org/v1/ssh-ed25519"

    /// The SSH key.
    package let key: SSHPublicKey
    /// The key as a point for X25519, 32 bytes.
    private let share: [UInt8]

    /// The recipient of an SSH `key`. Throws `recipient` for a key of another type, and for a point that isn't in
    /// the main subgroup: everybody could open what is sealed to it.
    package init(key: SSHPublicKey) throws(AgeError) {
        guard let point = key.ed25519 else {
            throw AgeError(.recipient, "SSH key of the type \(key.kind.rawValue), which can't be a recipient")
        }
        do {
            share = try Ed25519.montgomery(point)
        } catch {
            throw AgeError(.recipient, "SSH key of low order", underlying: error)
        }
        self.key = key
    }

    /// The recipient that the public key line `text` encodes: `ssh-ed25519 base64`, with or without a comment.
    /// Throws `recipient`.
    package init(text: String) throws(AgeError) {
        let key: SSHPublicKey
        do {
            key = try SSHPublicKey(text: text)
        } catch {
            throw AgeError(.recipient, "malformed recipient (\(error.context))", underlying: error)
        }
        try self.init(key: key)
    }

    /// `ssh-ed25519 base64`, without a comment.
    package var text: String { key.text }

    /// The bytes that SSH puts on the wire.
    package var wire: [UInt8] { key.wire }

    /// The first argument of this recipient's stanzas: whom they are for, without a promise.
    package var tag: String { Base64.unpadded.encode(Array(SHA256.hash(wire).prefix(4))) }

    package var labels: Set<String> { [] }

    package func wrap(_ fileKey: borrowing FileKey) throws(AgeError) -> [Stanza] {
        [try wrap(fileKey, ephemeral: SecretBytes(randomCount: 32))]
    }

    /// The stanza that carries `fileKey` to this recipient from the share of the 32-byte secret `ephemeral`,
    /// which must serve this recipient and file key alone.
    package func wrap(
        _ fileKey: borrowing FileKey, ephemeral: borrowing SecretBytes
    ) throws(AgeError) -> Stanza {
        let ephemeralShare = X25519.publicKey(of: ephemeral)
        let wrapped: [UInt8]
        do {
            let point = try X25519.agree(secret: ephemeral, publicKey: share)
            wrapped = fileKey.wrapped(under: try wrappingKey(point: point, share: ephemeralShare))
        } catch {
            throw AgeError(.recipient, "SSH key of low order", underlying: error)
        }
        return Stanza(
            type: SSHEd25519Recipient.stanzaType,
            arguments: [tag, Base64.unpadded.encode(ephemeralShare)], body: wrapped)
    }

    /// The stanza whose ephemeral secret is HKDF-SHA-256 of `fileKey` with this recipient's wire bytes as salt
    /// and the ASCII `info`, as `X25519Recipient.wrap(_:ephemeralInfo:)`.
    package func wrap(
        _ fileKey: borrowing FileKey, ephemeralInfo info: String
    ) throws(AgeError) -> Stanza {
        try wrap(fileKey, ephemeral: fileKey.derive(salt: wire, info: info))
    }

    /// The single-use key under which the file key is sealed: both sides get there from the 32-byte `point` that
    /// X25519 gave them. Throws `lowOrder`.
    func wrappingKey(
        point: borrowing SecretBytes, share ephemeralShare: [UInt8]
    ) throws(SodiumError) -> SecretBytes {
        let tweak = [UInt8]().withBytes { HKDF.derive(from: $0, salt: wire, info: SSHEd25519Recipient.info) }
        let shared = try X25519.agree(secret: tweak, share: point)
        return shared.withBytes {
            HKDF.derive(from: $0, salt: ephemeralShare + share, info: SSHEd25519Recipient.info)
        }
    }
}
