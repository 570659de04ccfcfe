/// Writes Strongroom's own YAML files: block mappings and sequences, two columns a level, quoted
/// strings, literal blocks for armored text. What it writes ``YAMLNode`` reads back.
package struct YAMLWriter {
    /// A value to be written.
    package indirect enum Value: Sendable {
        /// A string, in double quotes unless it is a word that no reader takes for anything else.
        case string(String)
        /// A decimal integer.
        case int(Int)
        /// `true` or `false`.
        case bool(Bool)
        /// A text of lines as a literal block; quoted where a block can't hold it as it is.
        case literal(String)
        /// A block sequence, `[]` where empty.
        case sequence([Value])
        /// A block mapping, `{}` where empty.
        case mapping([(key: String, value: Value)])
        /// `[a, b]` on one line; blocks inside are quoted.
        case flowSequence([Value])
        /// `{ a: b }` on one line; blocks inside are quoted.
        case flowMapping([(key: String, value: Value)])
    }

    private var text = ""

    /// The text so far.
    package var bytes: [UInt8] { Array(text.utf8) }

    /// Makes an empty text.
    package init() {}

    /// Adds comment lines (`# …`), one for each line of the text, at the outermost level. Control characters
    /// become spaces.
    package mutating func comment(_ comment: String) {
        for line in comment.utf8.split(separator: 0x0A, omittingEmptySubsequences: false) {
            let visible = String(decoding: line.map { $0 < 0x20 || $0 == 0x7F ? 0x20 : $0 }, as: UTF8.self)
            text += visible.isEmpty ? "#\n" : "# \(visible)\n"
        }
    }

    /// Adds one entry of the outermost mapping.
    package mutating func entry(_ key: String, _ value: Value) {
        writeEntry(key, value, indentation: 0)
    }
}

// MARK: - Blocks

extension YAMLWriter {
    private mutating func indent(_ count: Int) {
        text += String(repeating: " ", count: count)
    }

    private mutating func writeEntry(_ key: String, _ value: Value, indentation: Int) {
        text += Self.scalar(key) + ":"
        switch value {
        case .mapping(let entries) where !entries.isEmpty:
            text += "\n"
            indent(indentation + 2)
            writeEntries(entries, indentation: indentation + 2)
        case .sequence(let elements) where !elements.isEmpty:
            text += "\n"
            indent(indentation + 2)
            writeElements(elements, indentation: indentation + 2)
        default:
            text += " "
            writeLeaf(value, indentation: indentation + 2)
        }
    }

    /// Entries, the first of which stands at the current position.
    private mutating func writeEntries(_ entries: [(key: String, value: Value)], indentation: Int) {
        for (position, entry) in entries.enumerated() {
            if position > 0 { indent(indentation) }
            writeEntry(entry.key, entry.value, indentation: indentation)
        }
    }

    /// Elements, the first of which stands at the current position.
    private mutating func writeElements(_ elements: [Value], indentation: Int) {
        for (position, element) in elements.enumerated() {
            if position > 0 { indent(indentation) }
            text += "- "
            switch element {
            case .mapping(let entries) where !entries.isEmpty:
                writeEntries(entries, indentation: indentation + 2)
            case .sequence(let inner) where !inner.isEmpty:
                writeElements(inner, indentation: indentation + 2)
            default:
                writeLeaf(element, indentation: indentation + 2)
            }
        }
    }

    /// What follows on the same line, with the line's end.
    private mutating func writeLeaf(_ value: Value, indentation: Int) {
        guard case .literal(let lines) = value, Self.fitsBlock(lines) else {
            text += Self.flow(value) + "\n"
            return
        }
        let isEnded = lines.utf8.last == 0x0A
        text += isEnded ? "|\n" : "|-\n"
        let body = isEnded ? lines.utf8.dropLast() : lines.utf8[...]
        for line in body.split(separator: 0x0A, omittingEmptySubsequences: false) {
            if !line.isEmpty { indent(indentation) }
            text += String(decoding: line, as: UTF8.self) + "\n"
        }
    }

    /// Whether a text can be a literal block: printable ASCII lines, the first beginning with no space, the
    /// last not empty.
    private static func fitsBlock(_ lines: String) -> Bool {
        let bytes = Array(lines.utf8)
        guard let first = bytes.first, first != 0x20, first != 0x0A else { return false }
        guard bytes.allSatisfy({ $0 == 0x0A || (0x20...0x7E).contains($0) }) else { return false }
        return !(bytes.count >= 2 && bytes[bytes.count - 1] == 0x0A && bytes[bytes.count - 2] == 0x0A)
    }
}

// MARK: - One line

extension YAMLWriter {
    private static func flow(_ value: Value) -> String {
        switch value {
        case .string(let text), .literal(let text): scalar(text)
        case .int(let number): String(number)
        case .bool(let flag): flag ? "true" : "false"
        case .sequence(let elements), .flowSequence(let elements):
            "[\(elements.map(flow).joined(separator: ", "))]"
        case .mapping(let entries), .flowMapping(let entries):
            entries.isEmpty
                ? "{}"
                : "{ \(entries.map { "\(scalar($0.key)): \(flow($0.value))" }.joined(separator: ", ")) }"
        }
    }

    /// A string as a plain word or in double quotes.
    private static func scalar(_ text: String) -> String {
        guard !isWord(Array(text.utf8)) else { return text }
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22: quoted += "\\\""
            case 0x5C: quoted += "\\\\"
            case 0x0A: quoted += "\\n"
            case 0x00..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// Whether a text begins with a letter, holds letters, digits, `-`, `_`, `/` and inner dots alone, and is no word
    /// that YAML gives a meaning.
    private static func isWord(_ bytes: [UInt8]) -> Bool {
        guard let first = bytes.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first | 0x20),
            first & 0x40 != 0
        else { return false }
        let isPlain = bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."),
                UInt8(ascii: "/"):
                true
            default: false
            }
        }
        let lowered = bytes.map { $0 | 0x20 }
        let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        return isPlain && !words.contains { Array($0.utf8) == lowered }
    }
}
