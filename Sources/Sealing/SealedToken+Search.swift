internal import Sodium

extension SealedToken {
    /// What a text must not hold when it leaves opened (FORMAT.md §2.2).
    package enum Mark: Equatable, Sendable {
        /// `sealed.v`, digits, `.`: a token of ours, of whatever version.
        case token
        /// `ENC[AES256_GCM,`: a value that SOPS encrypted.
        case sops
    }

    /// Whether `text` begins as a token of whatever version does: `sealed.v`, digits, `.`.
    ///
    /// Such a scalar is never taken for plain text: it parses as a token or is refused.
    package static func isMarked(_ text: RawSpan) -> Bool {
        version(of: text) != nil
    }

    /// The first mark in `text` and its offset, or nil where there is none.
    package static func firstMark(in text: RawSpan) -> (mark: Mark, offset: Int)? {
        var offset = 0
        let end = text.byteCount
        while offset < end {
            let byte = text[offset]
            if byte == 0x73, begins(text, at: offset, with: prefix), markEnd(text, at: offset) != nil {
                return (.token, offset)
            }
            if byte == 0x45, begins(text, at: offset, with: sopsPrefix) { return (.sops, offset) }
            offset += 1
        }
        return nil
    }

    /// Whether a token or SOPS marker stands anywhere in `text`. Delivering or emitting such text is refused.
    package static func containsMark(_ text: RawSpan) -> Bool {
        firstMark(in: text) != nil
    }

    /// As `containsMark(_: RawSpan)`.
    package static func containsMark(_ text: [UInt8]) -> Bool {
        text.withBytes { containsMark($0) }
    }

    /// Whether `text` holds `part`, byte for byte.
    static func contains(_ text: RawSpan, _ part: RawSpan) -> Bool {
        guard text.byteCount >= part.byteCount else { return false }
        return (0...(text.byteCount - part.byteCount)).contains { start in
            (0..<part.byteCount).allSatisfy { text[start + $0] == part[$0] }
        }
    }

    /// The digits of the version, where `text` begins with a mark.
    static func version(of text: RawSpan) -> [UInt8]? {
        guard begins(text, at: 0, with: prefix), let end = markEnd(text, at: 0) else { return nil }
        return text.extracting(prefix.count..<(end - 1)).array
    }

    private static let prefix = Array("sealed.v".utf8)
    private static let sopsPrefix = Array("ENC[AES256_GCM,".utf8)

    /// The offset behind the point that ends the mark at `offset`; nil where no digits and point follow.
    private static func markEnd(_ text: RawSpan, at offset: Int) -> Int? {
        let start = offset + prefix.count
        var position = start
        while position < text.byteCount, (0x30...0x39).contains(text[position]) { position += 1 }
        guard position > start, position < text.byteCount, text[position] == 0x2E else { return nil }
        return position + 1
    }

    private static func begins(_ text: RawSpan, at offset: Int, with word: [UInt8]) -> Bool {
        guard text.byteCount - offset >= word.count else { return false }
        return word.indices.allSatisfy { text[offset + $0] == word[$0] }
    }
}

// MARK: - Marks in another spelling

extension SealedToken {
    /// The offset of the first mark in the text of a YAML or JSON document, also of one that its readers see only
    /// when they have resolved escapes and continued lines; nil where there is none.
    ///
    /// Escapes are resolved wherever a backslash stands: what no reader would take for a mark may be found, and
    /// nothing that one would is passed over.
    package static func firstMarkInAnySpelling(in text: RawSpan) -> Int? {
        let plain = firstMark(in: text)?.offset
        var offset = 0
        let end = plain ?? text.byteCount
        while offset < end {
            let unit = unit(of: text, at: offset)
            if unit.byte == 0x73 || unit.byte == 0x45, isSpelledMark(text, at: offset) { return offset }
            offset += unit.length
        }
        return plain
    }

    /// Whether the text of a YAML or JSON document holds a mark, in whatever spelling.
    package static func containsMarkInAnySpelling(_ text: RawSpan) -> Bool {
        firstMarkInAnySpelling(in: text) != nil
    }

    /// As `containsMarkInAnySpelling(_: RawSpan)`.
    package static func containsMarkInAnySpelling(_ text: [UInt8]) -> Bool {
        text.withBytes { containsMarkInAnySpelling($0) }
    }

    private static func isSpelledMark(_ text: RawSpan, at offset: Int) -> Bool {
        var position = offset
        func next() -> UInt8? {
            while position < text.byteCount {
                let unit = unit(of: text, at: position)
                position += unit.length
                if let byte = unit.byte { return byte }
            }
            return nil
        }
        guard let first = next() else { return false }
        let word = first == 0x73 ? prefix : sopsPrefix
        guard first == word[0], word.dropFirst().allSatisfy({ next() == $0 }) else { return false }
        guard word == prefix else { return true }
        var digitCount = 0
        var byte = next()
        while let digit = byte, (0x30...0x39).contains(digit) {
            digitCount += 1
            byte = next()
        }
        return digitCount > 0 && byte == 0x2E
    }

    /// What a reader sees at `offset`, and how many bytes it takes: a byte as it is, an escape of an ASCII character,
    /// 0xFF for any other escape, and nothing for an escaped line break with the blanks that follow.
    private static func unit(of text: RawSpan, at offset: Int) -> (byte: UInt8?, length: Int) {
        guard text[offset] == 0x5C, offset + 1 < text.byteCount else { return (text[offset], 1) }
        let digitCount: Int
        switch text[offset + 1] {
        case 0x78: digitCount = 2  // \x
        case 0x75: digitCount = 4  // \u
        case 0x55: digitCount = 8  // \U
        default:
            let length = lineBreakLength(text, at: offset + 1)
            guard length > 0 else { return (0xFF, 2) }
            var end = offset + 1 + length
            while end < text.byteCount, text[end] == 0x20 || text[end] == 0x09 { end += 1 }
            return (nil, end - offset)
        }
        guard text.byteCount - offset >= 2 + digitCount else { return (0xFF, 2) }
        var value: UInt32 = 0
        for position in (offset + 2)..<(offset + 2 + digitCount) {
            guard let digit = hexDigit(text[position]) else { return (0xFF, 2) }
            value = value << 4 | digit
        }
        return (value < 0x80 ? UInt8(value) : 0xFF, 2 + digitCount)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte - 0x30)
        case 0x41...0x46: UInt32(byte - 0x41 + 10)
        case 0x61...0x66: UInt32(byte - 0x61 + 10)
        default: nil
        }
    }

    /// The length of the YAML 1.1 line break at `offset`, 0 where there is none.
    private static func lineBreakLength(_ text: RawSpan, at offset: Int) -> Int {
        func byte(_ distance: Int) -> UInt8 {
            offset + distance < text.byteCount ? text[offset + distance] : 0
        }
        switch byte(0) {
        case 0x0A: return 1
        case 0x0D: return byte(1) == 0x0A ? 2 : 1
        case 0xC2: return byte(1) == 0x85 ? 2 : 0
        case 0xE2: return byte(1) == 0x80 && (byte(2) == 0xA8 || byte(2) == 0xA9) ? 3 : 0
        default: return 0
        }
    }
}
