/// Cuts a TOML text into the pieces of a ``DocumentOutline``: the keys before the first header, then each header with its
/// keys, as they stand in the text. A table may be spread over several headers, each of which is an entry of its own,
/// told by its whole key path; so is a key with dots within its header. What is in brackets is one value.
struct TOMLOutlineReader {
    private typealias Entry = DocumentOutline.Entry
    private typealias Collection = DocumentOutline.Collection

    /// A key and its value, or a header.
    private struct Statement {
        let node: Int
        /// Its first byte on its line.
        let start: Int
        let isHeader: Bool
    }

    private let document: TextDocument
    private let bytes: [UInt8]
    private let tree: NodeTree
    /// The end of the last piece.
    private var position = 0

    init(_ document: TextDocument) {
        self.document = document
        bytes = document.bytes
        tree = document.tree
    }

    /// The text as one document.
    mutating func readStream() throws(DocumentError) -> DocumentOutline.Collection {
        var rest = try statements()[...]
        // What stands before the first header is an entry too, so that keys that are added there stay there.
        var sections = [try readSection(nil, &rest)]
        while let header = rest.popFirst() { sections.append(try readSection(header, &rest)) }
        let root = Collection(
            kind: .mapping, isFlow: false, open: 0..<0, entries: sections, close: position..<position)
        let only = Entry(
            identity: .document(0), lead: 0..<0, head: 0..<0, content: .collection(root),
            tail: position..<position, properties: [])
        return Collection(
            kind: .stream, isFlow: false, open: 0..<0, entries: [only], close: position..<bytes.count)
    }

    /// A header with its keys, which are taken from `rest`; nil for those before the first header.
    private mutating func readSection(
        _ header: Statement?, _ rest: inout ArraySlice<Statement>
    ) throws(DocumentError) -> DocumentOutline.Entry {
        let start = header?.start ?? position
        guard start >= position else { throw failure("a header inside a value", at: position) }
        let lead = position..<start
        position = header.map { endOfLine(from: $0.start) } ?? position
        let head = lead.upperBound..<position
        var entries: [Entry] = []
        while let statement = rest.first, !statement.isHeader {
            entries.append(try read(statement, in: header?.node ?? 0))
            rest.removeFirst()
        }
        let content = Collection(
            kind: .mapping, isFlow: false, open: head.upperBound..<head.upperBound, entries: entries,
            close: position..<position)
        return Entry(
            identity: .path(header.map { document.path(of: $0.node, below: -1) } ?? SlotPath([])), lead: lead,
            head: head, content: .collection(content), tail: position..<position, properties: [])
    }

    /// The statements in the order of the text. Throws `unsupported` where a header is not where its table is first named.
    private func statements() throws(DocumentError) -> [Statement] {
        var statements: [Statement] = []
        for index in tree.nodes.indices.dropFirst() where !tree.nodes[index].flags.contains(.key) {
            let node = tree.nodes[index]
            if node.kind == .mapping, node.style == .block {
                statements.append(statement(index, at: Int(node.start), isHeader: true))
            } else if node.kind == .scalar || node.style == .flow, !node.flags.contains(.inFlow) {
                guard tree.nodes[Int(node.parent)].kind == .mapping else { continue }
                statements.append(statement(index, at: Int(tree.nodes[index - 1].start), isHeader: false))
            }
        }
        statements.sort { $0.start < $1.start }
        for position in statements.indices.dropFirst()
        where statements[position].start == statements[position - 1].start {
            throw failure("a table whose header comes behind one of its own", at: statements[position].start)
        }
        return statements
    }

    private func statement(_ node: Int, at offset: Int, isHeader: Bool) -> Statement {
        var start = document.lineStart(of: offset)
        while start < offset, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
        return Statement(node: node, start: start, isHeader: isHeader)
    }

    private mutating func read(_ statement: Statement, in table: Int) throws(DocumentError)
        -> DocumentOutline.Entry
    {
        let node = tree.nodes[statement.node]
        let value = Int(node.start)..<Int(node.end)
        guard statement.start >= position, value.lowerBound >= statement.start, isBelow(statement.node, table)
        else {
            throw failure("a key that does not belong to the header above it", at: statement.start)
        }
        let lead = position..<statement.start
        let end = endOfLine(from: value.upperBound)
        position = end
        return Entry(
            identity: .path(document.path(of: statement.node, below: table == 0 ? -1 : table)), lead: lead,
            head: statement.start..<value.lowerBound, content: .leaf(value), tail: value.upperBound..<end,
            properties: [])
    }

    private func isBelow(_ node: Int, _ table: Int) -> Bool {
        var index = Int(tree.nodes[node].parent)
        while index > table { index = Int(tree.nodes[index].parent) }
        return index == table
    }

    /// Behind the line feed that ends the line of `offset`.
    private func endOfLine(from offset: Int) -> Int { min(document.lineEnd(from: offset) + 1, bytes.count) }

    private func failure(_ reason: String, at offset: Int) -> DocumentError {
        DocumentError(.unsupported, line: bytes[..<offset].count { $0 == 0x0A } + 1, context: reason)
    }
}
