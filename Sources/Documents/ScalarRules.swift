/// What the source of one scalar may hold (FORMATS.md 2, "Opening into a document"). The same rules hold
/// at sealing, so that nothing is sealed that can't be opened.
struct ScalarRules {
    /// The document's format.
    let format: DocumentFormat
    /// How the scalar is written.
    let style: ScalarStyle
    /// Whether it stands inside `[…]` or `{…}`.
    let isFlow: Bool
    /// Whether CR LF may end a line: where the document's own lines end so, or it has one line only.
    let allowsCarriageReturn: Bool
    /// Whether a value of dotenv may have several lines.
    let allowsLines: Bool
    /// Whether a value of dotenv must be one word for a shell, too.
    let isForShell: Bool

    /// What is wrong with a source, in words without input; nil where nothing is. Whether it is a scalar of
    /// the style at all is left to the parser.
    func violation(in source: RawSpan) -> String? {
        forbiddenCharacter(in: source) ?? formViolation(in: source)
    }

    /// As `violation`, but for characters that no value may hold.
    func formViolation(in source: RawSpan) -> String? {
        guard style != .absent else { return source.isEmpty ? nil : "a value where there was none" }
        guard !source.isEmpty else { return "no value where there was one" }
        if isFlow, style == .literal || style == .folded { return "a block scalar inside brackets" }
        switch format {
        case .yaml: return style == .plain ? plainViolation(in: source) : nil
        case .json, .toml: return nil
        case .ini: return iniViolation(in: source)
        case .dotenv: return dotenvViolation(in: source)
        }
    }

    /// The first character of a source that no value may hold, in words; nil where there is none.
    func forbiddenCharacter(in source: RawSpan) -> String? {
        for offset in 0..<source.byteCount {
            let byte = source[offset]
            guard byte < 0x20 || byte >= 0xC2 else { continue }
            switch byte {
            case 0x0A, 0x09: continue
            case 0x0D:
                guard allowsCarriageReturn, source.byte(at: offset + 1) == 0x0A else {
                    return "a carriage return that is not the document's line end"
                }
            case 0x00...0x1F: return "a control character"
            case 0xC2:
                if source.byte(at: offset + 1) == 0x85 { return "the character NEL (U+0085)" }
            case 0xE2:
                guard source.byte(at: offset + 1) == 0x80 else { continue }
                if source.byte(at: offset + 2) == 0xA8 { return "the character LS (U+2028)" }
                if source.byte(at: offset + 2) == 0xA9 { return "the character PS (U+2029)" }
            case 0xEF:
                if source.byte(at: offset + 1) == 0xBB, source.byte(at: offset + 2) == 0xBF {
                    return "a byte order mark (U+FEFF)"
                }
            default: continue
            }
        }
        return nil
    }

    private func plainViolation(in source: RawSpan) -> String? {
        // A hyphen that begins no word or number: readers differ on what it is inside brackets.
        if isFlow, source[0] == UInt8(ascii: "-"), source.byte(at: 1) ?? 0x20 <= UInt8(ascii: "-") {
            return "a hyphen of YAML's own in an unquoted value inside brackets; quote it"
        }
        for offset in 0..<source.byteCount {
            let byte = source[offset]
            switch byte {
            case 0x0A, 0x0D: return "an unquoted value over several lines; quote it"
            case 0x09: return "a tab in an unquoted value; quote it"
            case UInt8(ascii: "#"):
                if source.byte(at: offset - 1) == 0x20 || isFlow {
                    return "a comment sign in an unquoted value; quote it"
                }
            default:
                if isFlow, Self.isIndicator(byte) {
                    return "a character of YAML's own in an unquoted value inside brackets; quote it"
                }
            }
        }
        return nil
    }

    /// YAML 1.1 `c-indicator` but the hyphen, which is one only before a space at the start, where the
    /// parser refuses it.
    private static func isIndicator(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"), UInt8(ascii: "}"),
            UInt8(ascii: "?"), UInt8(ascii: ":"), UInt8(ascii: "&"), UInt8(ascii: "*"), UInt8(ascii: "!"),
            UInt8(ascii: "|"), UInt8(ascii: ">"), UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "%"),
            UInt8(ascii: "@"), UInt8(ascii: "`"):
            true
        default: false
        }
    }

    /// Whether CR LF may end a line in a text: it does so somewhere, or no line ends at all.
    static func allowsCarriageReturn(in text: RawSpan) -> Bool {
        var hasBreak = false
        for offset in 0..<text.byteCount where text[offset] == 0x0A {
            if text.byte(at: offset - 1) == 0x0D { return true }
            hasBreak = true
        }
        return !hasBreak
    }
}
