internal import Encodings
internal import Files

/// JSON text in the making (RFC 8259): values in order, strings escaped, two spaces a level.
struct JSONText {
    /// A value to be written.
    indirect enum Value {
        case string(String)
        case number(UInt64)
        case list([Value])
        case object([(String, Value)])
    }

    /// The text of `value`, with a line feed at its end.
    static func text(_ value: Value) -> String {
        var text = ""
        append(value, to: &text, indent: 0)
        return text + "\n"
    }

    private static func append(_ value: Value, to text: inout String, indent: Int) {
        switch value {
        case .string(let string): append(string, to: &text)
        case .number(let number): text += String(number)
        case .list(let values):
            append(values.map { (nil, $0) }, "[", "]", to: &text, indent: indent)
        case .object(let members):
            append(members.map { ($0.0, $0.1) }, "{", "}", to: &text, indent: indent)
        }
    }

    private static func append(
        _ members: [(String?, Value)], _ open: String, _ close: String, to text: inout String, indent: Int
    ) {
        text += open
        for (position, member) in members.enumerated() {
            text += (position == 0 ? "\n" : ",\n") + String(repeating: "  ", count: indent + 1)
            if let key = member.0 {
                append(key, to: &text)
                text += ": "
            }
            append(member.1, to: &text, indent: indent + 1)
        }
        if !members.isEmpty { text += "\n" + String(repeating: "  ", count: indent) }
        text += close
    }

    private static func append(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
