internal import Encodings
package import Sodium

/// Reads and writes OpenSSH's private key files (openssh-portable: PROTOCOL.key) without taking a byte of the secret out
/// of guarded memory.
package enum OpenSSHPrivateKey {
    static let begin = Array("-----BEGIN OPENSSH PRIVATE KEY-----\n".utf8)
    static let end = Array("-----END OPENSSH PRIVATE KEY-----".utf8)
    static let magic = Array("openssh-key-v1".utf8) + [0]
    private static let byteLimit = 65_536

    private static func malformed(_ what: String) -> SSHError {
        SSHError(.malformed, "SSH private key: \(what)")
    }

    /// Whether `file` begins as an OpenSSH private key file does.
    package static func isKeyFile(_ file: borrowing SecretBytes) -> Bool {
        file.withBytes { matches($0, Array(begin.dropLast()), at: 0) }
    }

    /// The 32-byte Ed25519 seed of a private key file without a passphrase, straight into guarded memory.
    ///
    /// Throws `encryptedKey` where the file has a passphrase, `unsupportedKeyType` for other types than Ed25519,
    /// `malformed` for anything but the exact format or where its public and private parts don't belong together.
    package static func seed(of file: borrowing SecretBytes) throws(SSHError) -> SecretBytes {
        let contents = try decodeArmor(file)
        var publicKey: [UInt8] = []
        let seed = try parse(contents, publicKey: &publicKey)
        guard Ed25519.publicKey(of: seed) == publicKey else {
            throw malformed("public and private part don't belong together")
        }
        return seed
    }

    /// The binary contents of an armored private key file.
    private static func decodeArmor(_ file: borrowing SecretBytes) throws(SSHError) -> SecretBytes {
        guard file.byteCount <= byteLimit else {
            throw SSHError(.limitExceeded, "SSH private key: longer than any legal key")
        }
        return try file.withBytes { (text) throws(SSHError) in
            var length = text.byteCount
            if length > 0, text[length - 1] == 0x0A { length -= 1 }
            let bodyEnd = length - end.count
            guard bodyEnd > begin.count, matches(text, begin, at: 0), matches(text, end, at: bodyEnd),
                text[bodyEnd - 1] == 0x0A
            else { throw malformed("not an OpenSSH private key file") }
            var count = 0
            for offset in begin.count..<bodyEnd where text[offset] != 0x0A { count += 1 }
            let digits = SecretBytes(byteCount: count) { output in
                var position = 0
                for offset in begin.count..<bodyEnd where text[offset] != 0x0A {
                    output.storeBytes(of: text[offset], toByteOffset: position, as: UInt8.self)
                    position += 1
                }
            }
            do throws(EncodingError) {
                return try digits.withBytes { (digits) throws(EncodingError) in
                    try SecretBytes(byteCount: Base64.standard.decodedCount(digits)) {
                        (output) throws(EncodingError) in
                        try Base64.standard.decode(digits, into: &output)
                    }
                }
            } catch {
                throw malformed(error.context)
            }
        }
    }

    /// The seed of the binary contents. The caller checks that its public key is `publicKey`, which the file
    /// holds in three places.
    private static func parse(
        _ contents: borrowing SecretBytes, publicKey: inout [UInt8]
    ) throws(SSHError) -> SecretBytes {
        try contents.withBytes { (bytes) throws(SSHError) -> SecretBytes in
            guard matches(bytes, magic, at: 0) else { throw malformed("not an OpenSSH private key") }
            var cursor = Cursor(offset: magic.count, end: bytes.byteCount)
            let cipher = try cursor.string(bytes)
            let derivation = try cursor.string(bytes)
            let options = try cursor.string(bytes)
            guard equal(bytes, cipher, "none"), equal(bytes, derivation, "none"), options.isEmpty else {
                throw SSHError(
                    .encryptedKey,
                    "SSH private key: protected by a passphrase, which is not asked for here")
            }
            guard try cursor.uint32(bytes) == 1 else { throw malformed("more than one key in the file") }
            let outer = try SSHPublicKey(wire: bytes.extracting(try cursor.string(bytes)).array)
            guard let key = outer.ed25519 else {
                throw SSHError(
                    .unsupportedKeyType,
                    "SSH private key: \(outer.kind.rawValue) is not supported")
            }
            let section = try cursor.string(bytes)
            guard cursor.offset == bytes.byteCount else { throw malformed("bytes after the key") }
            publicKey = key
            return try parse(section: section, of: bytes, publicKey: key)
        }
    }

    /// The seed of the private section: check twice, type, public key, seed and public key, comment, padding.
    private static func parse(
        section: Range<Int>, of bytes: RawSpan, publicKey: [UInt8]
    ) throws(SSHError) -> SecretBytes {
        guard section.count % 8 == 0 else { throw malformed("private part is not padded") }
        var cursor = Cursor(offset: section.lowerBound, end: section.upperBound)
        guard try cursor.uint32(bytes) == cursor.uint32(bytes) else {
            throw malformed("check numbers differ")
        }
        guard equal(bytes, try cursor.string(bytes), SSHPublicKey.Kind.ed25519.rawValue) else {
            throw malformed("private part has another type")
        }
        let inner = try cursor.string(bytes)
        let secret = try cursor.string(bytes)
        _ = try cursor.string(bytes)
        guard secret.count == 64, inner.count == 32, matches(bytes, publicKey, at: inner.lowerBound),
            matches(bytes, publicKey, at: secret.lowerBound + 32)
        else { throw malformed("public and private part don't belong together") }
        let padding = section.upperBound - cursor.offset
        guard padding < 8, (0..<padding).allSatisfy({ Int(bytes[cursor.offset + $0]) == $0 + 1 }) else {
            throw malformed("wrong padding")
        }
        return SecretBytes(copying: bytes.extracting(secret.lowerBound..<(secret.lowerBound + 32)))
    }

    private static func matches(_ bytes: RawSpan, _ expected: [UInt8], at offset: Int) -> Bool {
        guard offset >= 0, offset + expected.count <= bytes.byteCount else { return false }
        return expected.indices.allSatisfy { bytes[offset + $0] == expected[$0] }
    }

    private static func equal(_ bytes: RawSpan, _ range: Range<Int>, _ text: String) -> Bool {
        range.count == text.utf8.count && matches(bytes, Array(text.utf8), at: range.lowerBound)
    }

    /// A place in the bytes, moved past SSH's numbers and strings (RFC 4251 §5).
    private struct Cursor {
        var offset: Int
        let end: Int

        mutating func uint32(_ bytes: RawSpan) throws(SSHError) -> UInt32 {
            guard end - offset >= 4 else { throw malformed("ends inside a number") }
            defer { offset += 4 }
            return (0..<4).reduce(0) { $0 << 8 | UInt32(bytes[offset + $1]) }
        }

        mutating func string(_ bytes: RawSpan) throws(SSHError) -> Range<Int> {
            let length = Int(try uint32(bytes))
            guard length <= end - offset else { throw malformed("ends inside a string") }
            defer { offset += length }
            return offset..<(offset + length)
        }
    }
}
