/// Writes a text value as a scalar of a document, in the caller's memory.
///
/// In JSON, YAML and TOML: in double quotes, on one line, with `\\"`, `\\\\`, `\\n`, `\\r`, `\\t`, and `\\uXXXX` for
/// other control characters and those that YAML or the rules of sealing don't allow as they are (DEL, C1, LS,
/// PS, byte order mark, non-characters U+FFFE and U+FFFF). These three read it alike.
/// In dotenv: bare, else in single, else in double quotes, whichever all its readers take alike, without any
/// escape. In INI bare, whatever it is. Nothing, where the text is empty in these two.
package struct StringLiteral: Sendable {
    /// The size of the written text, in bytes.
    package let byteCount: Int
    /// How it is written.
    package let style: ScalarStyle

    private let isEscaped: Bool

    /// Measures the written form of a value.
    ///
    /// - Parameter value: The decoded text, UTF-8.
    /// - Throws: `encoding` where it is not UTF-8, `unsupported` where the format has no form for it.
    package init(of value: RawSpan, format: DocumentFormat = .yaml) throws(DocumentError) {
        var escapedCount = 2
        var position = 0
        while position < value.byteCount {
            let width = value.characterWidth(at: position)
            guard width > 0 else { throw DocumentError(.encoding, context: "the value is not UTF-8 text") }
            escapedCount += Self.escape(in: value, at: position, width)?.count ?? width
            position += width
        }
        switch format {
        case .yaml, .json, .toml:
            style = .double
            byteCount = escapedCount
            isEscaped = true
        case .ini:
            style = value.byteCount > 0 ? .plain : .absent
            byteCount = value.byteCount
            isEscaped = false
        case .dotenv:
            style = try Self.dotenvStyle(of: value)
            byteCount = value.byteCount + (style == .single || style == .double ? 2 : 0)
            isEscaped = false
        }
    }

    /// The form of a dotenv value in which shells and libraries read the same.
    private static func dotenvStyle(of value: RawSpan) throws(DocumentError) -> ScalarStyle {
        guard value.byteCount > 0 else { return .absent }
        func has(_ byte: UInt8) -> Bool { (0..<value.byteCount).contains { value[$0] == byte } }
        let isWord = (0..<value.byteCount).allSatisfy { offset in
            switch value[offset] {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "+")...UInt8(ascii: ":"), UInt8(ascii: "="), UInt8(ascii: "@"),
                UInt8(ascii: "_"), UInt8(ascii: "%"):
                true
            default: false
            }
        }
        if isWord { return .plain }
        // A backslash before another, or before the quote, is an escape to some.
        let backslash = UInt8(ascii: "\\")
        let isAmbiguous = (0..<value.byteCount).contains { offset in
            value[offset] == backslash && (value.byte(at: offset + 1) ?? backslash) == backslash
        }
        if !has(UInt8(ascii: "'")), !isAmbiguous { return .single }
        guard !has(UInt8(ascii: "\"")), !has(backslash), !has(UInt8(ascii: "$")), !has(UInt8(ascii: "`"))
        else {
            throw DocumentError(
                .unsupported,
                context:
                    "readers of dotenv don't agree on any way to write this text; write and seal it by hand")
        }
        return .double
    }

    /// Writes the measured form.
    ///
    /// - Parameters:
    ///   - value: The value that was measured.
    ///   - target: Exactly ``byteCount`` bytes.
    package func write(_ value: RawSpan, into target: inout MutableRawSpan) {
        precondition(target.byteCount == byteCount)
        guard isEscaped else {
            guard byteCount > value.byteCount else { return target.write(value, at: 0) }
            let quote = style == .single ? UInt8(ascii: "'") : UInt8(ascii: "\"")
            target.write(quote, at: 0)
            target.write(value, at: 1)
            return target.write(quote, at: byteCount - 1)
        }
        target.write(UInt8(ascii: "\""), at: 0)
        var end = 1
        var position = 0
        while position < value.byteCount {
            let width = max(1, value.characterWidth(at: position))
            if let escape = Self.escape(in: value, at: position, width) {
                for byte in escape {
                    target.write(byte, at: end)
                    end += 1
                }
            } else {
                target.write(value.extracting(position..<position + width), at: end)
                end += width
            }
            position += width
        }
        target.write(UInt8(ascii: "\""), at: end)
    }

    /// How a character is escaped, nil where it is written as it is.
    static func escape(in value: RawSpan, at position: Int, _ width: Int) -> [UInt8]? {
        let first = value[position]
        switch width {
        case 1:
            switch first {
            case UInt8(ascii: "\""): return Array("\\\"".utf8)
            case UInt8(ascii: "\\"): return Array("\\\\".utf8)
            case 0x0A: return Array("\\n".utf8)
            case 0x0D: return Array("\\r".utf8)
            case 0x09: return Array("\\t".utf8)
            case 0x00..<0x20, 0x7F: return numbered(UInt16(first))
            default: return nil
            }
        case 2:
            // U+0080 to U+009F: C1 controls and NEL.
            return first == 0xC2 && value[position + 1] < 0xA0 ? numbered(UInt16(value[position + 1])) : nil
        case 3:
            let code =
                UInt16(first & 0x0F) << 12 | UInt16(value[position + 1] & 0x3F) << 6
                | UInt16(value[position + 2] & 0x3F)
            switch code {
            case 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF: return numbered(code)
            default: return nil
            }
        default:
            return nil
        }
    }

    private static func numbered(_ code: UInt16) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return Array("\\u".utf8) + [12, 8, 4, 0].map { digits[Int(code >> $0 & 0xF)] }
    }
}
