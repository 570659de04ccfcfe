internal import Encodings
internal import Sodium

/// One detached SSH signature over a message in a namespace (openssh-portable: PROTOCOL.sshsig).
///
/// Parsing takes exactly the fields of version 1, with an empty reserved field and no spare bytes; what parses
/// re-encodes to the same blob. Nothing is verified until `verify` is called.
package struct SSHSignature: Hashable, Sendable {
    /// The hash over the message before it is signed.
    package enum HashAlgorithm: String, Sendable, CaseIterable {
        /// SHA-256.
        case sha256
        /// SHA-512, which git and ssh-keygen write.
        case sha512

        func hash(_ message: [UInt8]) -> [UInt8] {
            switch self {
            case .sha256: SHA256.hash(message)
            case .sha512: SHA512.hash(message)
            }
        }
    }

    /// The key that claims to have signed: a claim until `verify` returned it.
    package let publicKey: SSHPublicKey
    /// What the signature was made for ("git", "strongroom-keyring"): bytes, never empty.
    package let namespace: [UInt8]
    /// The hash over the message.
    package let hashAlgorithm: HashAlgorithm
    /// What a security key says of the moment of signing: a claim until `verify` returned; nil for other keys.
    package let securityKey: SecurityKeyReport?
    /// The signature field: string algorithm, string bytes (and for security keys what follows them).
    private let signature: [UInt8]
    /// The signature field's content.
    let value: Value

    /// The longest blob that is read.
    package static let byteLimit = 65_536

    /// The signature of the binary blob. Throws `malformed` for anything but the exact encoding,
    /// `unsupportedAlgorithm` for a hash or signature algorithm that is not accepted or doesn't fit the key,
    /// `unsupportedKeyType` for a key type that is not recognised.
    package init(blob: [UInt8]) throws(SSHError) {
        guard blob.count <= SSHSignature.byteLimit else {
            throw SSHError(.limitExceeded, "SSH signature: longer than any legal signature")
        }
        let fields = try SSHSignature.split(blob)
        publicKey = try SSHPublicKey(wire: fields.publicKey)
        guard !fields.namespace.isEmpty, fields.reserved.isEmpty else {
            throw SSHError(.malformed, "SSH signature: empty namespace or non-empty reserved field")
        }
        namespace = fields.namespace
        guard
            let hash = HashAlgorithm.allCases.first(where: {
                $0.rawValue.utf8.elementsEqual(fields.hashAlgorithm)
            })
        else { throw SSHError(.unsupportedAlgorithm, "SSH signature: hash algorithm not accepted") }
        hashAlgorithm = hash
        signature = fields.signature
        (value, securityKey) = try SSHSignature.read(fields.signature, of: publicKey)
    }

    /// The binary blob.
    package var blob: [UInt8] {
        var writer = CanonicalWriter()
        writer.raw(SSHSignature.magic)
        writer.uint32(1)
        writer.lp(publicKey.wire)
        writer.lp(namespace)
        writer.lp([])
        writer.text(hashAlgorithm.rawValue)
        writer.lp(signature)
        return writer.bytes
    }

    /// Signs `message` in `namespace` (not empty) with `key`, over SHA-512. Deterministic, as Ed25519 is.
    package static func sign(
        _ message: [UInt8], namespace: String, with key: borrowing SigningKey
    ) -> SSHSignature {
        precondition(!namespace.isEmpty)
        let name = Array(namespace.utf8)
        var field = CanonicalWriter()
        field.text(SSHPublicKey.Kind.ed25519.rawValue)
        let bytes = key.signRaw(signedBytes(message, name, .sha512))
        field.lp(bytes)
        return SSHSignature(key.publicKey, name, field.bytes, bytes)
    }

    /// An Ed25519 signature over SHA-512.
    private init(
        _ publicKey: SSHPublicKey, _ namespace: [UInt8], _ signature: [UInt8], _ bytes: [UInt8]
    ) {
        self.publicKey = publicKey
        self.namespace = namespace
        hashAlgorithm = .sha512
        self.signature = signature
        value = .ed25519(bytes)
        securityKey = nil
    }

    private static let magic = Array("SSHSIG".utf8)

    /// What the key signs (PROTOCOL.sshsig §3).
    static func signedBytes(
        _ message: [UInt8], _ namespace: [UInt8], _ hash: HashAlgorithm
    ) -> [UInt8] {
        var writer = CanonicalWriter()
        writer.raw(magic)
        writer.lp(namespace)
        writer.lp([])
        writer.text(hash.rawValue)
        writer.lp(hash.hash(message))
        return writer.bytes
    }

    private struct Fields {
        var publicKey: [UInt8]
        var namespace: [UInt8]
        var reserved: [UInt8]
        var hashAlgorithm: [UInt8]
        var signature: [UInt8]
    }

    private static func split(_ blob: [UInt8]) throws(SSHError) -> Fields {
        do throws(EncodingError) {
            var reader = CanonicalReader(blob, "SSH signature")
            guard try reader.raw(6) == magic, try reader.uint32() == 1 else { return try notVersion1() }
            let fields = Fields(
                publicKey: try reader.lp(), namespace: try reader.lp(), reserved: try reader.lp(),
                hashAlgorithm: try reader.lp(), signature: try reader.lp())
            try reader.end()
            return fields
        } catch {
            throw SSHError(.malformed, error.context)
        }
    }

    private static func notVersion1() throws(EncodingError) -> Fields {
        throw EncodingError(.badPrefix, "SSH signature: not an SSHSIG of version 1")
    }
}
