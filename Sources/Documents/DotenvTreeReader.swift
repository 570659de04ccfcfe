/// Reads lines of `KEY=value` into a ``NodeTree``: one mapping of scalars.
///
/// A line is blank, a comment (`#` first), or `[export] KEY=value [# comment]`, with blanks where readers
/// agree that they mean nothing. A key is `[A-Za-z_][A-Za-z0-9_.-]*`. A value is bare, up to the end of the
/// line or to a blank and `#`; or in single quotes, with nothing escaped; or in double quotes, where `\`
/// escapes; quoted ones may have several lines. A line with `export` says that a shell reads the text. Lines end in LF or CR LF. Everything else is refused: names
/// without `=`, text behind a closing quote, control characters.
struct DotenvTreeReader {
    private let source: SourceText
    private var builder = PairTreeBuilder()
    private var position: Int
    private var line = 0
    private var lineStart = 0

    /// Parses a text.
    ///
    /// - Throws: `encoding`, `syntax`, `limit`.
    static func read(_ bytes: RawSpan, limits: DocumentLimits) throws(DocumentError) -> NodeTree {
        try SourceText.lending(bytes, limits: limits) { source throws(DocumentError) in
            var reader = DotenvTreeReader(source)
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
        lineStart = position
        while position < source.count {
            position = source.skippingBlanks(from: position)
            if source.byte(position) == UInt8(ascii: "#") {
                position = source.lineEnd(from: position)
            } else if !source.isLineEnd(position) {
                try readPair()
            }
            endLine()
        }
        return builder.finish()
    }

    /// Goes behind the line end at the position.
    private mutating func endLine() {
        if source.byte(position) == 0x0D { position += 1 }
        position += 1
        line += 1
        lineStart = position
    }

    private func column(_ offset: Int) -> Int { source.characterCount(lineStart..<offset) }

    private mutating func readPair() throws(DocumentError) {
        if source.matches("export", at: position) {
            let next = source.skippingBlanks(from: position + 6)
            // `export = 1` sets a variable of that name.
            if next > position + 6, source.byte(next) != UInt8(ascii: "=") {
                position = next
                builder.tree.isForShell = true
            }
        }
        let start = position
        while Self.isKeyByte(source.byte(position), isFirst: position == start) { position += 1 }
        guard position > start else { throw failure("no key of letters, digits and underscores") }
        try builder.addKey(start..<position, line: line, column: column(start))
        position = source.skippingBlanks(from: position)
        guard source.byte(position) == UInt8(ascii: "=") else { throw failure("no = behind the key") }
        position += 1
        try readValue()
    }

    private static func isKeyByte(_ byte: UInt8, isFirst: Bool) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "_"):
            true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"): !isFirst
        default: false
        }
    }
}

// MARK: - Values

extension DotenvTreeReader {
    private mutating func readValue() throws(DocumentError) {
        let first = position
        position = source.skippingBlanks(from: position)
        switch source.byte(position) {
        case _ where source.isLineEnd(position):
            add(.absent, position..<position)
        case UInt8(ascii: "#") where position > first:
            // A token put there keeps a blank before the comment.
            add(.absent, position - 1..<position - 1)
            position = source.lineEnd(from: position)
        case UInt8(ascii: "'"), UInt8(ascii: "\""):
            try readQuoted(source.byte(position))
        default:
            readBare()
        }
    }

    private mutating func add(_ style: NodeTree.Style, _ range: Range<Int>) {
        builder.addScalar(
            style, range, value: range, isDecoded: false, line: line, column: column(range.lowerBound))
    }

    private mutating func readBare() {
        let start = position
        while !source.isLineEnd(position) {
            if source.byte(position) == UInt8(ascii: "#"), position > start,
                source.byte(position - 1) == 0x20 || source.byte(position - 1) == 0x09
            {
                break
            }
            position += 1
        }
        add(.plain, start..<source.trimmedEnd(start..<position))
        position = source.lineEnd(from: position)
    }

    private mutating func readQuoted(_ quote: UInt8) throws(DocumentError) {
        let (start, startLine, startColumn) = (position, line, column(position))
        let decodedStart = builder.tree.values.count
        var isDecoded = false
        var copied = start + 1
        position += 1
        while source.byte(position) != quote {
            guard position < source.count else {
                throw DocumentError(.syntax, line: startLine + 1, context: "a quote that is not closed")
            }
            if quote == UInt8(ascii: "\""), source[position] == UInt8(ascii: "\\") {
                if let byte = Self.escaped(source.byte(position + 1)) {
                    source.append(copied..<position, to: builder.tree.values)
                    builder.tree.values.append(byte)
                    isDecoded = true
                    copied = position + 2
                    position += 1
                }
            }
            if source[position] == 0x0A {
                line += 1
                lineStart = position + 1
            }
            position += 1
        }
        if isDecoded { source.append(copied..<position, to: builder.tree.values) }
        position += 1
        builder.addScalar(
            quote == UInt8(ascii: "'") ? .single : .double, start..<position,
            value: isDecoded ? decodedStart..<builder.tree.values.count : start + 1..<position - 1,
            isDecoded: isDecoded, line: startLine, column: startColumn)
        let end = position
        position = source.skippingBlanks(from: position)
        if source.byte(position) == UInt8(ascii: "#"), position > end {
            position = source.lineEnd(from: position)
        }
        guard source.isLineEnd(position) else { throw failure("text behind a closing quote") }
    }

    /// What a backslash and this byte mean in double quotes; nil where the backslash stands for itself.
    private static func escaped(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "$"), UInt8(ascii: "`"): byte
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: nil
        }
    }
}
