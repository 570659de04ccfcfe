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

    /// A bare value goes to the end of its line, or to blanks and `#`, for every reader; signs inside of it are signs
    /// to shells alone. What begins or ends it is more to others, too: Node's reader takes a backtick for a quote,
    /// systemd a backslash at the end for a line that goes on, Ruby's reader runs `$(…)`.
    private func bareViolation(in source: RawSpan) -> String? {
        let last = source.byteCount - 1
        if Self.has(0x0A, in: source) || Self.has(0x0D, in: source) {
            return "an unquoted value over several lines; quote it"
        }
        if Self.has(0x09, in: source) { return "a tab in an unquoted value; quote it" }
        if source[0] == UInt8(ascii: "#") { return "a comment sign at the beginning; quote the value" }
        if source[0] == UInt8(ascii: "`") { return "a backtick at the beginning; use single quotes" }
        if source[last] == UInt8(ascii: "\\") {
            return "a backslash at the end of an unquoted value; quote it"
        }
        if Self.substitutes(source) { return "a command substitution; use single quotes" }
        return isForShell ? shellViolation(in: source) : nil
    }

    /// A bare value is one word for a shell.
    private func shellViolation(in source: RawSpan) -> String? {
        let place = "in an unquoted value that a shell reads (export, or shell: true)"
        var quote: UInt8?
        for offset in 0..<source.byteCount {
            let byte = source[offset]
            switch byte {
            case UInt8(ascii: "`"): return "a backtick \(place); use single quotes"
            case UInt8(ascii: "\\") where Self.isQuote(source.byte(at: offset + 1)):
                return "an escaped quote \(place); quote it"
            case _ where quote != nil:
                if byte == quote { quote = nil }
            case UInt8(ascii: "'"), UInt8(ascii: "\""): quote = byte
            case 0x20, UInt8(ascii: ";"), UInt8(ascii: "&"), UInt8(ascii: "|"), UInt8(ascii: "<"),
                UInt8(ascii: ">"), UInt8(ascii: "("), UInt8(ascii: ")"):
                return "a space or another end of a shell's word \(place); quote it"
            default: continue
            }
        }
        return quote == nil ? nil : "a quote that is not closed \(place); quote the value"
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
