/// Reads sections of `key = value` into a ``NodeTree``: a mapping of scalars and, by section, mappings of
/// scalars.
///
/// A line is blank, a comment (`;` or `#` first), `[section]`, or `key = value` or `key: value`; pairs before the
/// first section stand at the root. A key ends at the first `=` or `:`, a value at the end of its line; blanks
/// around both are no part of them, quotes are. Nothing is a comment behind a value: readers differ, so that such
/// a value is read and not sealed. A line deeper than the key before it would continue its value to some: it is
/// refused, like a key without a value, which could be the rest of one, and control characters. Sections and keys
/// may stand there again (``NodeTree/markRepeated(in:)``).
struct INITreeReader {
    private let source: SourceText
    private var builder = PairTreeBuilder()
    private var position: Int
    private var line = 0
    private var lineStart = 0
    /// The blanks before the last key of the section.
    private var keyIndentation: Int?

    /// Parses a text.
    ///
    /// - Throws: `encoding`, `syntax`, `limit`.
    static func read(_ bytes: RawSpan, limits: DocumentLimits) throws(DocumentError) -> NodeTree {
        try SourceText.lending(bytes, limits: limits) { source throws(DocumentError) in
            var reader = INITreeReader(source)
            return try reader.run()
        }
    }

    private init(_ source: SourceText) {
        self.source = source
        position = source.startAfterMark
    }

    private func failure(_ context: String) -> DocumentError {
        DocumentError(.syntax, line: line + 1, context: context)
    }

    private mutating func run() throws(DocumentError) -> NodeTree {
        try source.checkCharacters()
        while position < source.count {
            lineStart = position
            position = source.skippingBlanks(from: position)
            if !source.isLineEnd(position), !Self.isCommentSign(source.byte(position)) {
                try readLine()
            }
            position = source.lineEnd(from: position)
            if source.byte(position) == 0x0D { position += 1 }
            position += 1
            line += 1
        }
        return builder.finish()
    }

    private static func isCommentSign(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ";") || byte == UInt8(ascii: "#")
    }

    private func column(_ offset: Int) -> Int { source.characterCount(lineStart..<offset) }

    private mutating func readLine() throws(DocumentError) {
        let indentation = position - lineStart
        if let keyIndentation, indentation > keyIndentation {
            throw failure("a line deeper than the key before it, which would continue its value")
        }
        guard source.byte(position) == UInt8(ascii: "[") else {
            keyIndentation = indentation
            return try readPair()
        }
        keyIndentation = nil
        try readSection()
    }

    private mutating func readSection() throws(DocumentError) {
        let end = source.lineEnd(from: position)
        guard let bracket = (position..<end).first(where: { source.byte($0) == UInt8(ascii: "]") }) else {
            throw failure("a section without a closing bracket")
        }
        let start = source.skippingBlanks(from: position + 1)
        let nameEnd = source.trimmedEnd(min(start, bracket)..<bracket)
        guard start < nameEnd else { throw failure("a section without a name") }
        let rest = source.skippingBlanks(from: bracket + 1)
        guard rest >= end || Self.isCommentSign(source.byte(rest)),
            !(rest..<max(rest, end)).contains(where: { source.byte($0) == UInt8(ascii: "]") })
        else { throw failure("text behind a section") }
        builder.closeMapping()
        try builder.addKey(start..<nameEnd, line: line, column: column(start))
        builder.openMapping(start..<bracket + 1, line: line, column: column(start))
        position = end
    }

    private mutating func readPair() throws(DocumentError) {
        let start = position
        let end = source.lineEnd(from: position)
        while position < end, source.byte(position) != UInt8(ascii: "="),
            source.byte(position) != UInt8(ascii: ":")
        {
            position += 1
        }
        guard position < end else { throw failure("neither a section nor a key with = or :") }
        let keyEnd = source.trimmedEnd(start..<position)
        guard keyEnd > start else { throw failure("a value without a key") }
        try builder.addKey(start..<keyEnd, line: line, column: column(start))
        let first = source.skippingBlanks(from: position + 1)
        let range = first..<max(first, source.trimmedEnd(min(first, end)..<end))
        builder.addScalar(
            range.isEmpty ? .absent : .plain, range, value: range, isDecoded: false, line: line,
            column: column(first))
        position = end
    }
}
