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
    /// in the encoded bytes, and over whatever line breaks and indentation; nil where there is none.
    package static func firstWrappedMark(in text: RawSpan) -> Int? {
        var offset = 0
        while offset < text.byteCount {
            let byte = text[offset]
            if byte == 0x63 || byte == 0x4E || byte == 0x7A,
                alignments.contains(where: { beginsInLines(text, at: offset, $0) })
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

    /// The token that `text` is the base64 of; where `passingOverLineBreaks`, as Kubernetes reads it (Go's
    /// encoding/base64: carriage returns and line feeds count for nothing). Throws as `init(_:)`, and `malformed` for what
    /// is no canonical base64.
    static func unwrapping(
        _ text: RawSpan, passingOverLineBreaks: Bool = false
    ) throws(SealingError) -> SealedToken {
        var letters = text.array
        if passingOverLineBreaks { letters.removeAll { $0 == 0x0A || $0 == 0x0D } }
        guard letters.count <= Base64.standard.encodedCount(textLimit) else {
            throw SealingError(.limitExceeded, "sealed token longer than \(textLimit) characters")
        }
        let decoded: [UInt8]
        do throws(EncodingError) {
            decoded = try Base64.standard.decode(letters)
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

    /// As `begins`, with any number of blanks, line breaks and escapes of line breaks between the letters.
    private static func beginsInLines(_ text: RawSpan, at offset: Int, _ word: [UInt8]) -> Bool {
        func byte(_ position: Int) -> UInt8 { position < text.byteCount ? text[position] : 0 }
        var position = offset
        for letter in word {
            while byte(position) != letter {
                switch byte(position) {
                case 0x20, 0x09, 0x0A, 0x0D: position += 1
                case 0x5C where [0x6E, 0x72, 0x0A, 0x0D].contains(byte(position + 1)): position += 2
                default: return false
                }
            }
            position += 1
        }
        return true
    }

    private static func begins(_ text: RawSpan, at offset: Int, _ word: [UInt8]) -> Bool {
        guard text.byteCount - offset >= word.count else { return false }
        return word.indices.allSatisfy { text[offset + $0] == word[$0] }
    }
}
