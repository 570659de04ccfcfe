package import Sodium

/// age v1 files that fit in memory: keys and small values. Larger ones stream through `AgeEncryptor` and
/// `AgeDecryptor`.
///
/// How the parts fit: a `FileKey` is wrapped to each `AgeRecipient` as a `Stanza`; the stanzas and a MAC are the
/// `AgeHeader`; the payload follows in chunks (`PayloadStream`). `Armor` is an outer coat of text.
package enum Age {
    /// The largest file that `decrypt` opens into guarded memory.
    package static let byteLimit = 16 << 20

    /// The age file of `plaintext` for `recipients`. Throws `recipient` where there is none or where they don't
    /// go together.
    package static func encrypt(
        _ plaintext: RawSpan, to recipients: [any AgeRecipient], extraStanzas: [Stanza] = [],
        armored: Bool = false
    ) throws(AgeError) -> [UInt8] {
        try encrypt(
            plaintext, with: AgeEncryptor(recipients: recipients, extraStanzas: extraStanzas),
            armored: armored)
    }

    /// The age file of `plaintext` for `recipients`, as above.
    package static func encrypt(
        _ plaintext: borrowing SecretBytes, to recipients: [any AgeRecipient], extraStanzas: [Stanza] = [],
        armored: Bool = false
    ) throws(AgeError) -> [UInt8] {
        try plaintext.withBytes { (bytes) throws(AgeError) in
            try encrypt(bytes, to: recipients, extraStanzas: extraStanzas, armored: armored)
        }
    }

    /// The age file of `plaintext` that `encryptor` makes.
    package static func encrypt(
        _ plaintext: RawSpan, with encryptor: consuming AgeEncryptor, armored: Bool = false
    ) throws(AgeError) -> [UInt8] {
        var encryptor = encryptor
        var file: [UInt8] = []
        try encryptor.update(plaintext) { file += $0.array }
        try encryptor.finish { file += $0.array }
        return armored ? Armor.encode(file) : file
    }

    /// The plaintext of `file`, armored or binary, for the first of `identities` that opens it. Throws as
    /// `AgeDecryptor`, `armor`, and `limit` where the file is larger than `limit` bytes.
    package static func decrypt(
        _ file: [UInt8], with identities: [any AgeIdentity], limit: Int = Age.byteLimit
    ) throws(AgeError) -> SecretBytes {
        try file.withBytes { (bytes) throws(AgeError) in try decrypt(bytes, with: identities, limit: limit) }
    }

    /// The plaintext of `file`, as above.
    package static func decrypt(
        _ file: RawSpan, with identities: [any AgeIdentity], limit: Int = Age.byteLimit
    ) throws(AgeError) -> SecretBytes {
        guard file.byteCount <= limit else { throw AgeError(.limit, "age file above \(limit) bytes") }
        if Armor.isArmored(file) {
            return try Armor.decode(file).withBytes { (bytes) throws(AgeError) in
                try decryptBinary(bytes, with: identities)
            }
        }
        return try decryptBinary(file, with: identities)
    }

    private static func decryptBinary(
        _ file: RawSpan, with identities: [any AgeIdentity]
    ) throws(AgeError) -> SecretBytes {
        let headByteCount = try AgeHeader(parsing: file).encoded.count + PayloadStream.nonceByteCount
        // Where no payload has that length the decryptor finds the fault; nothing is released by then.
        let count = PayloadStream.plaintextByteCount(max(0, file.byteCount - headByteCount)) ?? file.byteCount
        return try SecretBytes(byteCount: count) { (plaintext) throws(AgeError) in
            var decryptor = AgeDecryptor(identities: identities)
            var offset = 0
            try decryptor.update(file) { offset = $0.appended(to: &plaintext, at: offset) }
            try decryptor.finish { offset = $0.appended(to: &plaintext, at: offset) }
        }
    }
}

extension RawSpan {
    /// Copies all bytes into `output` from `offset` on, and returns the offset after them.
    fileprivate func appended(to output: inout MutableRawSpan, at offset: Int) -> Int {
        copy(into: &output, at: offset)
        return offset + byteCount
    }
}
