package import Encodings
package import Sodium

/// Files of private keys (age-keygen(1)): UTF-8, one identity a line, blank lines, and comments that begin with
/// `#`; or such a file encrypted as an age file under a passphrase.
///
/// Lines end with LF or CRLF. A byte order mark, spaces around an identity and all other lines are refused. The
/// content stays in guarded memory from end to end, and no error quotes it.
package enum IdentityFile {
    /// The largest file that is taken.
    package static let byteLimit = 1 << 20

    /// The identities of the plain file `content`, one or more, in order. Throws `identity` with the number of
    /// the line that is malformed, `limit` above a MiB.
    package static func parse(_ content: borrowing SecretBytes) throws(AgeError) -> [X25519Identity] {
        try content.withBytes { (bytes) throws(AgeError) in try parse(bytes) }
    }

    /// Whether `content` is an encrypted identity file: an age file, armored or binary.
    package static func isEncrypted(_ content: borrowing SecretBytes) -> Bool {
        let name = Array("age-encryption.org/".utf8)
        return content.withBytes { bytes in
            let isBinary =
                bytes.byteCount >= name.count && name.indices.allSatisfy { bytes[$0] == name[$0] }
            return isBinary || Armor.isArmored(bytes)
        }
    }

    /// The identities of the encrypted file `content`. Throws `noMatch` for a wrong passphrase, and as
    /// `Age.decrypt` and `parse(_:)`.
    package static func decrypt(
        _ content: borrowing SecretBytes, passphrase: consuming SecretBytes
    ) throws(AgeError) -> [X25519Identity] {
        let identity = ScryptIdentity(passphrase: passphrase)
        let plain = try content.withBytes { (bytes) throws(AgeError) in
            try Age.decrypt(bytes, with: [identity], limit: byteLimit)
        }
        return try parse(plain)
    }

    /// The plain file for `identity`: when it was `created`, its public key, and the key itself.
    package static func content(of identity: X25519Identity, created: Timestamp) -> SecretBytes {
        let comments = Array("# created: \(created)\n# public key: \(identity.recipient.text)\n".utf8)
        let key = identity.encoded()
        return SecretBytes(byteCount: comments.count + key.byteCount + 1) { output in
            comments.withBytes { $0.copy(into: &output) }
            key.withBytes { $0.copy(into: &output, at: comments.count) }
            output.storeBytes(of: 0x0A, toByteOffset: comments.count + key.byteCount, as: UInt8.self)
        }
    }

    /// The file `content`, encrypted under `passphrase`, in armor. Throws `unavailable` where memory is short.
    package static func encrypt(
        _ content: borrowing SecretBytes, passphrase: consuming SecretBytes,
        logN: Int = ScryptRecipient.defaultLogN
    ) throws(AgeError) -> [UInt8] {
        try Age.encrypt(content, to: [ScryptRecipient(passphrase: passphrase, logN: logN)], armored: true)
    }

    private static func parse(_ bytes: RawSpan) throws(AgeError) -> [X25519Identity] {
        guard bytes.byteCount <= byteLimit else {
            throw AgeError(.limit, "identity file above \(byteLimit) bytes")
        }
        var identities: [X25519Identity] = []
        var number = 1
        var start = 0
        while start < bytes.byteCount {
            var end = start
            while end < bytes.byteCount, bytes[end] != 0x0A { end += 1 }
            let isCRLF = end < bytes.byteCount && end > start && bytes[end - 1] == 0x0D
            let line = bytes.extracting(start..<(isCRLF ? end - 1 : end))
            if let identity = try parse(line, number: number) { identities.append(identity) }
            start = end + 1
            number += 1
        }
        guard !identities.isEmpty else { throw AgeError(.identity, "no identity in the file") }
        return identities
    }

    /// The identity of one line; nil for a comment or a blank line.
    private static func parse(_ line: RawSpan, number: Int) throws(AgeError) -> X25519Identity? {
        func refused(_ reason: String, _ cause: AgeError? = nil) -> AgeError {
            AgeError(.identity, "line \(number): \(reason)", underlying: cause?.underlying)
        }
        guard line.byteCount > 0 else { return nil }
        guard isText(line) else { throw refused("not UTF-8 text") }
        if line[0] == 0x23 { return nil }
        guard line[0] != 0xEF else {
            throw refused("byte order mark or other character in place of an identity")
        }
        for offset in 0..<line.byteCount where line[offset] <= 0x20 {
            throw refused("white space or control character beside an identity")
        }
        do throws(AgeError) {
            return try X25519Identity(text: line)
        } catch {
            throw refused(error.context, error)
        }
    }

    /// Whether `line` is UTF-8 without NUL.
    private static func isText(_ line: RawSpan) -> Bool {
        for offset in 0..<line.byteCount where line[offset] == 0 { return false }
        return unsafe line.withUnsafeBytes { buffer in
            let elements = unsafe Span<UInt8>(_unsafeBytes: buffer)
            return (try? UTF8Span(validating: elements)) != nil
        }
    }
}
