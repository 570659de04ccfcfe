internal import Encodings
internal import Sealing

/// The lines of `.gitattributes` that tell Git which files are ours: a block between two comments, which is written
/// anew as a whole and leaves everything else in the file as it is.
struct GitAttributes {
    private static let begin = "# strongroom: begin, written by 'strongroom git install'"
    private static let end = "# strongroom: end"

    /// The lines for the files of `rules`. Git lets the last line win, the rules the first: so they are turned round.
    static func lines(for rules: Rules) -> [String] {
        var lines: [String] = []
        for rule in rules.rules.reversed() {
            let isWhole = if case .file = rule.treatment { true } else { false }
            // A sealed file is no text: converted line ends would break it, merged halves would be no age file.
            let attributes = isWhole ? "-text diff=strongroom -merge" : "diff=strongroom merge=strongroom"
            for glob in rule.paths.reversed() { lines.append("\(pattern(glob.components)) \(attributes)") }
        }
        // Two signed histories can't be merged line by line: 'strongroom keys rebase' joins them.
        let folder = rules.keyrings.utf8.split(separator: 0x2F).map { Array($0) }
        lines.append("\(pattern(folder + [Array("*.yaml".utf8)])) !diff -merge")
        return lines
    }

    /// `text` with the block of `lines` in it, in the place of one that is there, else at the end.
    static func adding(_ lines: [String], to text: [UInt8]) -> [UInt8] {
        let block = Array(([begin] + lines + [end]).map { $0 + "\n" }.joined().utf8)
        guard let range = blockRange(in: text) else {
            let gap: [UInt8] = text.isEmpty || text.last == 0x0A ? [] : [0x0A]
            return text + gap + block
        }
        return text[..<range.lowerBound] + block + text[range.upperBound...]
    }

    /// `text` without the block.
    static func removing(from text: [UInt8]) -> [UInt8] {
        guard let range = blockRange(in: text) else { return text }
        return Array(text[..<range.lowerBound] + text[range.upperBound...])
    }

    /// The lines of the block, both comments included; nil where one of them is missing.
    private static func blockRange(in text: [UInt8]) -> Range<Int>? {
        var start: Int?
        var position = 0
        while position < text.count {
            let lineEnd = text[position...].firstIndex(of: 0x0A) ?? text.count
            var line = text[position..<lineEnd]
            if line.last == 0x0D { line = line.dropLast() }
            let next = min(lineEnd + 1, text.count)
            if line.elementsEqual(begin.utf8) { start = start ?? position }
            if let start, line.elementsEqual(end.utf8) { return start..<next }
            position = next
        }
        return nil
    }

    /// A glob as gitattributes(5) writes it: anchored at the root, what is special to Git alone escaped, in quotes
    /// where there are spaces in it.
    private static func pattern(_ components: [[UInt8]]) -> String {
        let special = Array(#"?[]\"#.utf8)
        var escaped: [UInt8] = []
        for component in components {
            escaped.append(UInt8(ascii: "/"))
            for byte in component {
                if special.contains(byte) { escaped.append(UInt8(ascii: "\\")) }
                escaped.append(byte)
            }
        }
        guard escaped.contains(where: { $0 <= 0x20 || $0 == UInt8(ascii: "\"") || $0 == 0x7F }) else {
            return String(decoding: escaped, as: UTF8.self)
        }
        var text = "\""
        for byte in escaped {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += "\\" + String(UnicodeScalar(byte))
            case 0x20...0x7E: text += String(UnicodeScalar(byte))
            default:
                let octal = String(byte, radix: 8)
                text += "\\" + String(repeating: "0", count: 3 - octal.count) + octal
            }
        }
        return text + "\""
    }
}
