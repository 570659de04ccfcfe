/// Writes a text value as a quoted scalar of a document, in the caller's memory.
///
/// The form is a JSON string, which YAML reads alike: double quotes, one line, `\\"`, `\\\\`, `\\n`, `\\r`, `\\t`,
/// and `\\uXXXX` for other control characters and those that YAML or the rules of sealing don't allow as
/// they are (DEL, C1, LS, PS, byte order mark, non-characters U+FFFE and U+FFFF).
package struct StringLiteral: Sendable {
    /// The size of the quoted text, in bytes.
    package let byteCount: Int

    /// Measures the quoted form of a value.
    ///
    /// - Parameter value: The decoded text, UTF-8.
    /// - Throws: `encoding` where it is not UTF-8.
    package init(of value: RawSpan) throws(DocumentError) {
        var count = 2
        var position = 0
        while position < value.byteCount {
            let width = value.characterWidth(at: position)
            guard width > 0 else { throw DocumentError(.encoding, context: "the value is not UTF-8 text") }
            count += Self.escape(in: value, at: position, width)?.count ?? width
            position += width
        }
        byteCount = count
    }

    /// Writes the quoted form.
    ///
    /// - Parameters:
    ///   - value: The value that was measured.
    ///   - target: Exactly ``byteCount`` bytes.
    package func write(_ value: RawSpan, into target: inout MutableRawSpan) {
        precondition(target.byteCount == byteCount)
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
    private static func escape(in value: RawSpan, at position: Int, _ width: Int) -> [UInt8]? {
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
