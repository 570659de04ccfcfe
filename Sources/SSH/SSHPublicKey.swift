// SSH keys and signatures: what keyrings, store configs and Git commits are signed with.
//
//   SSHPublicKey    the wire blob, its text and fingerprint     (RFC 4253 §6.6, RFC 8709)
//   SSHSignature    SSHSIG: parse, verify, sign                 (openssh-portable: PROTOCOL.sshsig)
//   SigningKey      Ed25519 from a seed or a private key file   (openssh-portable: PROTOCOL.key)
//   AllowedSigners  who may sign what, and when                 (ssh-keygen(1), ALLOWED SIGNERS)
//   AuthorizedKeys  the keys of a file that a forge serves      (sshd(8), AUTHORIZED_KEYS FILE FORMAT)
//
// Signatures are made with Ed25519 keys alone; those of every type below are verified. DSA and certificates are not
// known here.
internal import Encodings
internal import OpenSSL
internal import Sodium

/// An SSH public key: the bytes that SSH puts on the wire, checked to be well formed for their type.
///
/// Two keys are the same exactly where their wire bytes are; keys are ordered by them.
package struct SSHPublicKey: Hashable, Comparable, Sendable {
    /// The key types that are recognised, by their SSH names.
    package enum Kind: String, Sendable, CaseIterable {
        /// Ed25519 (RFC 8709 §4).
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

    /// What a key consists of, by its type.
    enum Material: Hashable, Sendable {
        /// 32 bytes.
        case ed25519([UInt8])
        /// An uncompressed point.
        case ecdsa(ECDSA.Curve, point: [UInt8])
        /// Two positive numbers, big-endian, without leading zeros.
        case rsa(modulus: [UInt8], exponent: [UInt8])
        /// 32 bytes, and what the security key signs them for, as `ssh:`.
        case securityKeyEd25519([UInt8], application: [UInt8])
        /// An uncompressed point of P-256, and what the security key signs it for.
        case securityKeyECDSA(point: [UInt8], application: [UInt8])
    }

    /// The type.
    package let kind: Kind
    /// The wire bytes: string type, then the strings of that type (RFC 4251 §5).
    package let wire: [UInt8]
    /// The wire bytes' content.
    let material: Material

    /// The 32 bytes of an `ssh-ed25519` key; nil for the other types.
    package var ed25519: [UInt8]? {
        if case .ed25519(let key) = material { key } else { nil }
    }

    /// The longest blob that is read: an RSA key of 16384 bits has about 2 KiB.
    package static let byteLimit = 16_384
    /// RSA keys below this many bits verify nothing here (NIST SP 800-131A: 112 bits of strength).
    package static let leastModulusBitCount = 2048

    /// The key of the wire bytes. Throws `malformed` for anything but exactly the strings of its type in their one
    /// form (a curve's own name, an uncompressed point, numbers that are positive and minimal), and
    /// `unsupportedKeyType` for a type that is not recognised (certificates and DSA among them).
    package init(wire: [UInt8]) throws(SSHError) {
        guard wire.count <= SSHPublicKey.byteLimit else {
            throw SSHError(.limitExceeded, "SSH public key: longer than any legal key")
        }
        let (kind, fields) = try SSHPublicKey.split(wire)
        guard let material = Material(kind, fields) else {
            throw SSHError(.malformed, "SSH public key: not the content of a key of its type")
        }
        self.kind = kind
        self.wire = wire
        self.material = material
    }

    /// The `ssh-ed25519` key of 32 bytes.
    package init(ed25519 key: [UInt8]) {
        precondition(key.count == 32)
        var writer = CanonicalWriter()
        writer.text(Kind.ed25519.rawValue)
        writer.lp(key)
        kind = .ed25519
        wire = writer.bytes
        material = .ed25519(key)
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

    /// Whether signatures of this key can be verified here: not those of a weak RSA key.
    package var isSupported: Bool {
        guard case .rsa(let modulus, let exponent) = material, let top = modulus.first else { return true }
        // An exponent of 1 verifies everything; OpenSSL takes none above 64 bits with long moduli.
        guard exponent.count <= 8, exponent.count > 1 || exponent.first ?? 0 > 2,
            exponent.last.map({ $0 % 2 == 1 }) ?? false
        else { return false }
        return modulus.count * 8 - top.leadingZeroBitCount >= SSHPublicKey.leastModulusBitCount
    }

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

extension SSHPublicKey.Material {
    /// The material of the strings that follow the type; nil where they are not in their one form.
    fileprivate init?(_ kind: SSHPublicKey.Kind, _ fields: [[UInt8]]) {
        switch kind {
        case .ed25519:
            guard fields[0].count == 32 else { return nil }
            self = .ed25519(fields[0])
        case .securityKeyEd25519:
            guard fields[0].count == 32 else { return nil }
            self = .securityKeyEd25519(fields[0], application: fields[1])
        case .rsa:
            guard let exponent = PositiveNumber.magnitude(fields[0]),
                let modulus = PositiveNumber.magnitude(fields[1])
            else { return nil }
            self = .rsa(modulus: modulus, exponent: exponent)
        case .ecdsaP256, .ecdsaP384, .ecdsaP521, .securityKeyECDSA:
            let (name, curve): (String, ECDSA.Curve) =
                switch kind {
                case .ecdsaP384: ("nistp384", .p384)
                case .ecdsaP521: ("nistp521", .p521)
                default: ("nistp256", .p256)
                }
            let point = fields[1]
            guard fields[0].elementsEqual(name.utf8), point.count == curve.pointByteCount,
                point.first == 0x04
            else { return nil }
            self =
                kind == .securityKeyECDSA
                ? .securityKeyECDSA(point: point, application: fields[2]) : .ecdsa(curve, point: point)
        }
    }
}

/// An mpint of SSH (RFC 4251 §5) that is above zero.
enum PositiveNumber {
    /// The number's bytes without a leading zero; nil where `field` is zero, negative or longer than it need be.
    static func magnitude(_ field: [UInt8]) -> [UInt8]? {
        guard let first = field.first, first < 0x80 else { return nil }
        guard first == 0 else { return field }
        guard field.count > 1, field[1] >= 0x80 else { return nil }
        return Array(field.dropFirst())
    }
}
