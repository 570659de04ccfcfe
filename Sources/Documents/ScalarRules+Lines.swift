/// What is refused in values of dotenv and INI beyond the form, because another reader would take it for more than
/// the value: dotenv files are read by shells and by many libraries, and of INI there are as many kinds as readers.
extension ScalarRules {
    /// What is wrong with the source of a dotenv value.
    func dotenvViolation(in source: RawSpan) -> String? {
        if !allowsLines, Self.has(0x0A, in: source) {
            return "several lines, and the rule does not say multiline: true"
        }
        switch style {
        case .plain: return bareViolation(in: source)
        case .single:
            // Readers that take \' for a quote would go on behind the closing one.
            return source.byte(at: source.byteCount - 2) == UInt8(ascii: "\\")
                ? "a backslash before the closing quote" : nil
        case .double: return doubleViolation(in: source)
        default: return nil
        }
    }

    private static func has(_ byte: UInt8, in source: RawSpan) -> Bool {
        (0..<source.byteCount).contains { source[$0] == byte }
    }

    /// A bare value is one word for a shell.
    private func bareViolation(in source: RawSpan) -> String? {
        if source[0] == UInt8(ascii: "#") { return "a comment sign at the beginning; quote the value" }
        var quote: UInt8?
        for offset in 0..<source.byteCount {
            let byte = source[offset]
            switch byte {
            case 0x0A, 0x0D: return "an unquoted value over several lines; quote it"
            case 0x09: return "a tab in an unquoted value; quote it"
            case UInt8(ascii: "`"): return "a backtick in an unquoted value; use single quotes"
            case UInt8(ascii: "\\") where source.byte(at: offset + 1) == nil:
                return "a backslash at the end of an unquoted value; quote it"
            case UInt8(ascii: "\\") where Self.isQuote(source.byte(at: offset + 1)):
                return "an escaped quote in an unquoted value; quote it"
            case _ where quote != nil:
                if byte == quote { quote = nil }
            case UInt8(ascii: "'"), UInt8(ascii: "\""): quote = byte
            case 0x20, UInt8(ascii: ";"), UInt8(ascii: "&"), UInt8(ascii: "|"), UInt8(ascii: "<"),
                UInt8(ascii: ">"), UInt8(ascii: "("), UInt8(ascii: ")"):
                return "a space or a character that ends a shell's word in an unquoted value; quote it"
            default: continue
            }
        }
        guard quote == nil else { return "a quote that is not closed in an unquoted value; quote the value" }
        return Self.substitutes(source) ? "a command substitution; use single quotes" : nil
    }

    private static func isQuote(_ byte: UInt8?) -> Bool {
        byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"")
    }

    private func doubleViolation(in source: RawSpan) -> String? {
        var backslashes = 0
        for offset in 0..<source.byteCount {
            let byte = source[offset]
            // Some readers take the second of two backslashes together with the quote behind it.
            if byte == UInt8(ascii: "\""), backslashes > 0, backslashes % 2 == 0 {
                return "an escaped backslash before a double quote"
            }
            if byte == UInt8(ascii: "`"), backslashes % 2 == 0 {
                return "a command substitution; use single quotes"
            }
            backslashes = byte == UInt8(ascii: "\\") ? backslashes + 1 : 0
        }
        return Self.substitutes(source) ? "a command substitution; use single quotes" : nil
    }

    /// Whether an unescaped `$(` is in a source.
    private static func substitutes(_ source: RawSpan) -> Bool {
        var backslashes = 0
        for offset in 0..<source.byteCount {
            if source[offset] == UInt8(ascii: "$"), source.byte(at: offset + 1) == UInt8(ascii: "("),
                backslashes % 2 == 0
            {
                return true
            }
            backslashes = source[offset] == UInt8(ascii: "\\") ? backslashes + 1 : 0
        }
        return false
    }

    /// What is wrong with the source of an INI value.
    func iniViolation(in source: RawSpan) -> String? {
        let last = source.byteCount - 1
        guard style == .plain else { return "quotes or lines that INI doesn't have" }
        for offset in 0...last {
            switch source[offset] {
            case 0x0A, 0x0D: return "several lines"
            case 0x09: return "a tab in an unquoted value"
            case UInt8(ascii: ";"), UInt8(ascii: "#"):
                guard offset > 0, source[offset - 1] != 0x20 else {
                    return "what some readers take for a comment"
                }
            default: continue
            }
        }
        if source[last] == UInt8(ascii: "\\") {
            return "a backslash at the end, by which some readers continue the line"
        }
        guard Self.isQuote(source[0]) || source[0] == UInt8(ascii: "`") else { return nil }
        let isClosed = last > 0 && source[last] == source[0] && source[last - 1] != UInt8(ascii: "\\")
        return isClosed && !(1..<max(1, last)).contains { source[$0] == source[0] }
            ? nil : "a quote at the beginning that is not closed at the end"
    }
}
