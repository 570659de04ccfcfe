// SSH keys and signatures: what keyrings, store configs and Git commits are signed with.
//
//   SSHPublicKey    the wire blob, its text and fingerprint     (RFC 4253 §6.6, RFC 8709)
//   SSHSignature    SSHSIG: parse, verify, sign                 (openssh-portable: PROTOCOL.sshsig)
//   SigningKey      Ed25519 from a seed or a private key file   (openssh-portable: PROTOCOL.key)
//   AllowedSigners  who may sign what, and when                 (ssh-keygen(1), ALLOWED SIGNERS)
//   AuthorizedKeys  the keys of a file that a forge serves      (sshd(8), AUTHORIZED_KEYS FILE FORMAT)
//
// Only Ed25519 is usable so far. The other types of today's OpenSSH are parsed, so that callers can name them.
internal import Encodings
internal import Sodium

/// An SSH public key: the bytes that SSH puts on the wire, checked to be well formed for their type.
///
/// Two keys are the same exactly where their wire bytes are; keys are ordered by them.
package struct SSHPublicKey: Hashable, Comparable, Sendable {
    /// The key types that are recognised, by their SSH names.
    package enum Kind: String, Sendable, CaseIterable {
        /// Ed25519 (RFC 8709 §4), the one type that is usable.
        case ed25519 = "ssh-ed25519"
        /// Ed25519 in a security key (PROTOCOL.u2f).
        case securityKeyEd25519 = "sk-ssh-ed25519@openssh.com"
        /// ECDSA over P-256 (RFC 5656 §3.1).
        case ecdsaP256 = "ecdsa-sha2-nistp256"
        /// ECDSA over P-384.
        case ecdsaP384 = "ecdsa-sha2-nistp384"
        /// ECDSA over P-521.
        case ecdsaP521 = "ecdsa-sha2-nistp521"
        /// ECDSA over P-256 in a security key (PROTOCOL.u2f).
        case securityKeyECDSA = "sk-ecdsa-sha2-nistp256@openssh.com"
        /// RSA (RFC 4253 §6.6).
        case rsa = "ssh-rsa"

        /// How many strings follow the type in the blob.
        fileprivate var fieldCount: Int {
            switch self {
            case .ed25519: 1
            case .securityKeyEd25519, .ecdsaP256, .ecdsaP384, .ecdsaP521, .rsa: 2
            case .securityKeyECDSA: 3
            }
        }
    }

    /// The type.
    package let kind: Kind
    /// The wire bytes: string type, then the strings of that type (RFC 4251 §5).
    package let wire: [UInt8]
    /// The 32 bytes of an `ssh-ed25519` key; nil for the types that are not supported yet.
    package let ed25519: [UInt8]?

    /// The longest blob that is read: an RSA key of 16384 bits has about 2 KiB.
    package static let byteLimit = 16_384

    /// The key of the wire bytes. Throws `malformed` for anything but exactly the strings of its type, and
    /// `unsupportedKeyType` for a type that is not recognised (certificates and DSA among them).
    package init(wire: [UInt8]) throws(SSHError) {
        guard wire.count <= SSHPublicKey.byteLimit else {
            throw SSHError(.limitExceeded, "SSH public key: longer than any legal key")
        }
        let (kind, fields) = try SSHPublicKey.split(wire)
        if kind == .ed25519 || kind == .securityKeyEd25519 {
            guard fields[0].count == 32 else {
                throw SSHError(.malformed, "SSH public key: an Ed25519 key has 32 bytes")
            }
        }
        self.kind = kind
        self.wire = wire
        ed25519 = kind == .ed25519 ? fields[0] : nil
    }

    /// The `ssh-ed25519` key of 32 bytes.
    package init(ed25519 key: [UInt8]) {
        precondition(key.count == 32)
        var writer = CanonicalWriter()
        writer.text(Kind.ed25519.rawValue)
        writer.lp(key)
        kind = .ed25519
        wire = writer.bytes
        ed25519 = key
    }

    /// The key of a public key line, `type base64 [comment]`, as in authorized_keys without options and in a
    /// `.pub` file; one final line feed is allowed. Throws as `init(wire:)`, and `malformed` where the line
    /// names another type than the blob.
    package init(text: [UInt8]) throws(SSHError) {
        let line = text.last == 0x0A ? text.dropLast() : text[...]
        self = try SSHPublicKey.parse(line).key
    }

    /// The key of a public key line, as `init(text:)` of its UTF-8.
    package init(text: String) throws(SSHError) {
        try self.init(text: Array(text.utf8))
    }

    /// The key at the head of `line` and what follows it (the comment, without the space before it).
    static func parse(_ line: ArraySlice<UInt8>) throws(SSHError) -> (key: SSHPublicKey, comment: [UInt8]) {
        guard !line.contains(where: { $0 == 0 || $0 == 0x0A || $0 == 0x0D }) else {
            throw SSHError(.malformed, "SSH public key: a line break or NUL inside the line")
        }
        let parts = line.split(maxSplits: 2, whereSeparator: isBlank)
        guard let first = line.first, !isBlank(first), parts.count >= 2 else {
            throw SSHError(.malformed, "SSH public key: expected a type and base64")
        }
        let wire: [UInt8]
        do {
            wire = try Base64.standard.decode(Array(parts[1]))
        } catch {
            throw SSHError(.malformed, "SSH public key: \(error.context)")
        }
        let key = try SSHPublicKey(wire: wire)
        guard parts[0].elementsEqual(key.kind.rawValue.utf8) else {
            throw SSHError(.malformed, "SSH public key: the text names another type than the key")
        }
        return (key, parts.count > 2 ? Array(parts[2]) : [])
    }

    /// Whether signatures of this key can be verified here.
    package var isSupported: Bool { ed25519 != nil }

    /// `type base64`, without a comment.
    package var text: String {
        kind.rawValue + " " + Base64.standard.encode(wire)
    }

    /// `SHA256:` and the unpadded base64 of the wire bytes' hash, as ssh-keygen prints it.
    package var fingerprint: String {
        "SHA256:" + Base64.unpadded.encode(SHA256.hash(wire))
    }

    package static func == (left: SSHPublicKey, right: SSHPublicKey) -> Bool { left.wire == right.wire }

    package func hash(into hasher: inout Hasher) { hasher.combine(wire) }

    package static func < (left: SSHPublicKey, right: SSHPublicKey) -> Bool {
        left.wire.lexicographicallyPrecedes(right.wire)
    }

    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private static func split(_ wire: [UInt8]) throws(SSHError) -> (Kind, [[UInt8]]) {
        do throws(EncodingError) {
            var reader = CanonicalReader(wire, "SSH public key")
            let name = try reader.lp(limit: 64)
            guard let kind = Kind.allCases.first(where: { $0.rawValue.utf8.elementsEqual(name) }) else {
                return try unknown()
            }
            var fields: [[UInt8]] = []
            for _ in 0..<kind.fieldCount { fields.append(try reader.lp()) }
            try reader.end()
            return (kind, fields)
        } catch {
            guard error.code != .badPrefix else {
                throw SSHError(
                    .unsupportedKeyType,
                    "SSH public key: a type that is not known here (certificates and DSA are not)")
            }
            throw SSHError(.malformed, error.context)
        }
    }

    private static func unknown() throws(EncodingError) -> (Kind, [[UInt8]]) {
        throw EncodingError(.badPrefix, "SSH public key")
    }
}
