/// Reads one TOML 1.0 text into a ``NodeTree``, on bytes, without recursion.
///
/// Numbers, dates and times are kept as text; a byte order mark before the text is passed over. Strict where the
/// specification leaves room: no seconds above 59, no dotted key into a table that only a header named. Nodes are in the order of the tables,
/// not always of the text: what belongs to one table stands together.
struct TOMLTreeReader {
    let source: SourceText
    var tree = NodeTree()
    var position = 0
    var line = 0
    /// Where the line begins.
    var lineStart = 0
    /// An offset in the line, and its column: lines can hold any number of values.
    private var counted = (offset: 0, column: 0)
    private var tables: TOMLTables

    /// An array or inline table that is not closed yet.
    private struct Open {
        let item: Int
        let isTable: Bool
        var isAfterValue = false
        var isEmpty = true
    }

    /// Parses a text.
    ///
    /// - Throws: `encoding`, `syntax`, `duplicateKey`, `limit`.
    static func read(_ bytes: RawSpan, limits: DocumentLimits) throws(DocumentError) -> NodeTree {
        try SourceText.lending(bytes, limits: limits) { source throws(DocumentError) in
            var reader = TOMLTreeReader(source, limits)
            return try reader.run()
        }
    }

    private init(_ source: SourceText, _ limits: DocumentLimits) {
        self.source = source
        tables = TOMLTables(limits: limits)
    }

    /// An error of form at the position.
    func failure(_ context: String) -> DocumentError {
        DocumentError(.syntax, line: line + 1, context: context)
    }

    private mutating func run() throws(DocumentError) -> NodeTree {
        try source.checkCharacters()
        position = source.startAfterMark
        lineStart = position
        if let delete = (0..<source.count).first(where: { source[$0] == 0x7F }) {
            let line = (0..<delete).count { source[$0] == 0x0A } + 1
            throw DocumentError(.encoding, line: line, context: "a control character")
        }
        var table = 0
        while position < source.count {
            position = source.skippingBlanks(from: position)
            if source.byte(position) == UInt8(ascii: "[") {
                table = try readHeader()
                tables.end(table, at: position)
            } else if !source.isLineEnd(position), source.byte(position) != UInt8(ascii: "#") {
                try readPair(in: table)
                tables.end(table, at: position)
            }
            try endLine()
        }
        tables.write(to: &tree)
        return tree
    }

    /// Goes behind blanks, a comment and the line end.
    private mutating func endLine() throws(DocumentError) {
        position = source.skippingBlanks(from: position)
        if source.byte(position) == UInt8(ascii: "#") { position = source.lineEnd(from: position) }
        guard source.isLineEnd(position) else { throw failure("text behind a value or a table's name") }
        takeLineEnd()
    }

    private mutating func takeLineEnd() {
        if source.byte(position) == 0x0D { position += 1 }
        position += 1
        line += 1
        lineStart = position
    }

    /// Goes behind blanks, comments and line ends.
    private mutating func skipLines() {
        while true {
            position = source.skippingBlanks(from: position)
            if source.byte(position) == UInt8(ascii: "#") { position = source.lineEnd(from: position) }
            guard position < source.count, source.isLineEnd(position) else { return }
            takeLineEnd()
        }
    }

    /// A node that begins here.
    mutating func node(_ kind: NodeTree.Kind, _ style: NodeTree.Style, to end: Int) -> NodeTree.Node {
        if counted.offset < lineStart || counted.offset > position { counted = (lineStart, 0) }
        counted.column += source.characterCount(counted.offset..<position)
        counted.offset = position
        return PairTreeBuilder.node(kind, style, position..<end, line: line, column: counted.column)
    }
}

// MARK: - Keys

extension TOMLTreeReader {
    private mutating func readHeader() throws(DocumentError) -> Int {
        let isElement = source.byte(position + 1) == UInt8(ascii: "[")
        position = source.skippingBlanks(from: position + (isElement ? 2 : 1))
        let keys = try readKeys()
        guard source.matches(isElement ? "]]" : "]", at: position) else {
            throw failure("a table's name without its closing bracket")
        }
        position += isElement ? 2 : 1
        return isElement ? try tables.openElement(keys) : try tables.openTable(keys)
    }

    /// Keys with dots between, and the blanks behind them.
    private mutating func readKeys() throws(DocumentError) -> [TOMLTables.Key] {
        var keys: [TOMLTables.Key] = []
        while true {
            keys.append(try readKey())
            position = source.skippingBlanks(from: position)
            guard source.byte(position) == UInt8(ascii: ".") else { return keys }
            position = source.skippingBlanks(from: position + 1)
        }
    }

    private mutating func readKey() throws(DocumentError) -> TOMLTables.Key {
        switch source.byte(position) {
        case UInt8(ascii: "\""), UInt8(ascii: "'"):
            let node = try readString(allowsLines: false)
            return TOMLTables.Key(node: node, name: name(node))
        default:
            var end = position
            while Self.isBareKeyByte(source.byte(end)) { end += 1 }
            guard end > position else { throw failure("no key") }
            let node = node(.scalar, .plain, to: end)
            position = end
            return TOMLTables.Key(node: node, name: name(node))
        }
    }

    private func name(_ node: NodeTree.Node) -> [UInt8] {
        let range = Int(node.valueStart)..<Int(node.valueStart) + Int(node.valueCount)
        guard node.flags.contains(.decoded) else { return range.map { source[$0] } }
        return tree.values.withBytes(range) { $0.copied }
    }

    private static func isBareKeyByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}

// MARK: - Values

extension TOMLTreeReader {
    private mutating func readPair(in table: Int) throws(DocumentError) {
        var open: [Open] = []
        try readPair(in: table, &open)
        while let holder = open.last {
            if holder.isTable {
                try readInTable(holder, &open)
            } else {
                try readInArray(holder, &open)
            }
        }
    }

    /// A key with its value, or with the opening bracket of it.
    private mutating func readPair(in table: Int, _ open: inout [Open]) throws(DocumentError) {
        let keys = try readKeys()
        guard source.byte(position) == UInt8(ascii: "=") else { throw failure("no = behind a key") }
        position = source.skippingBlanks(from: position + 1)
        let parent = try tables.descend(keys, from: table)
        try readValue(under: keys.last, in: parent, &open)
    }

    private mutating func readValue(
        under key: TOMLTables.Key?, in parent: Int, _ open: inout [Open]
    ) throws(DocumentError) {
        let byte = source.byte(position)
        switch byte {
        case UInt8(ascii: "["), UInt8(ascii: "{"):
            let isTable = byte == UInt8(ascii: "{")
            let node = node(isTable ? .mapping : .sequence, .flow, to: position + 1)
            let item = try tables.add(node, under: key, in: parent)
            open.append(Open(item: item, isTable: isTable))
            position += 1
        case UInt8(ascii: "\""), UInt8(ascii: "'"):
            _ = try tables.add(try readString(allowsLines: true), under: key, in: parent)
        default:
            let end = TOMLPlain.end(in: source, from: position)
            guard let end else { throw failure("not a string, number, boolean, date or time") }
            _ = try tables.add(node(.scalar, .plain, to: end), under: key, in: parent)
            position = end
        }
    }

    private mutating func readInArray(_ holder: Open, _ open: inout [Open]) throws(DocumentError) {
        skipLines()
        if holder.isAfterValue, source.byte(position) == UInt8(ascii: ",") {
            position += 1
            open[open.count - 1].isAfterValue = false
            return
        }
        if source.byte(position) == UInt8(ascii: "]") { return close(holder, &open) }
        guard !holder.isAfterValue else { throw failure("neither a comma nor the closing bracket") }
        open[open.count - 1].isAfterValue = true
        try readValue(under: nil, in: holder.item, &open)
    }

    private mutating func readInTable(_ holder: Open, _ open: inout [Open]) throws(DocumentError) {
        position = source.skippingBlanks(from: position)
        if source.byte(position) == UInt8(ascii: "}"), holder.isAfterValue || holder.isEmpty {
            return close(holder, &open)
        }
        if holder.isAfterValue {
            guard source.byte(position) == UInt8(ascii: ",") else {
                throw failure("neither a comma nor the closing bracket of an inline table")
            }
            position = source.skippingBlanks(from: position + 1)
        }
        open[open.count - 1].isAfterValue = true
        open[open.count - 1].isEmpty = false
        try readPair(in: holder.item, &open)
    }

    private mutating func close(_ holder: Open, _ open: inout [Open]) {
        position += 1
        tables.end(holder.item, at: position)
        open.removeLast()
    }
}
