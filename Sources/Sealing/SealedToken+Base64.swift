internal import Encodings
internal import Sodium

/// Tokens in base64: what a template makes of a value that it puts under a Secret's `data` (FORMAT.md §4.3).
extension SealedToken {
    /// Whether `text` begins as the base64 of a token of whatever version does.
    package static func isWrappedMark(_ text: RawSpan) -> Bool {
        begins(text, at: 0, alignments[0]) && text.byteCount > alignments[0].count
            && isDigitOfVersion(text[alignments[0].count])
    }

    /// The offset of the first place in `text` where base64 spells the beginning of a token, whatever stands before it
    /// in the encoded bytes; nil where there is none.
    package static func firstWrappedMark(in text: RawSpan) -> Int? {
        var offset = 0
        while offset < text.byteCount {
            let byte = text[offset]
            if byte == 0x63 || byte == 0x4E || byte == 0x7A,
                alignments.contains(where: { begins(text, at: offset, $0) })
            {
                return offset
            }
            offset += 1
        }
        return nil
    }

    /// As `firstWrappedMark`.
    package static func containsWrappedMark(_ text: RawSpan) -> Bool { firstWrappedMark(in: text) != nil }

    /// As `firstWrappedMark`.
    package static func containsWrappedMark(_ text: [UInt8]) -> Bool {
        text.withBytes { containsWrappedMark($0) }
    }

    /// The token that `text` is the base64 of. Throws as `init(_:)`, and `malformed` for what is no canonical base64.
    static func unwrapping(_ text: RawSpan) throws(SealingError) -> SealedToken {
        guard text.byteCount <= Base64.standard.encodedCount(textLimit) else {
            throw SealingError(.limitExceeded, "sealed token longer than \(textLimit) characters")
        }
        let decoded: [UInt8]
        do throws(EncodingError) {
            decoded = try Base64.standard.decode(text.array)
        } catch {
            throw SealingError(.malformed, "a sealed token in base64 that is not whole", underlying: error)
        }
        return try decoded.withBytes { (token) throws(SealingError) in try SealedToken(token) }
    }

    /// What base64 makes of `sealed.v`, as far as it is the same whatever stands around it: where no, one or two bytes of
    /// a group of three stand before it.
    private static let alignments = ["c2VhbGVkLnY", "NlYWxlZC52", "zZWFsZWQudj"].map { Array($0.utf8) }

    /// Behind the first of these: the six bits of an ASCII digit.
    private static func isDigitOfVersion(_ byte: UInt8) -> Bool {
        (0x77...0x7A).contains(byte) || (0x30...0x35).contains(byte)
    }

    private static func begins(_ text: RawSpan, at offset: Int, _ word: [UInt8]) -> Bool {
        guard text.byteCount - offset >= word.count else { return false }
        return word.indices.allSatisfy { text[offset + $0] == word[$0] }
    }
}
