/// The tables of a TOML text while it is read: who may define, extend and reopen what (TOML 1.0, "Keys", "Table",
/// "Inline Table", "Array of Tables"). A table's parts may be spread over the text: here they come together.
struct TOMLTables {
    /// A key of a dotted key.
    struct Key {
        /// The node of the key, quotes included.
        let node: NodeTree.Node
        /// The decoded key.
        let name: [UInt8]
    }

    /// How a table or value came to be, which decides what may be added to it.
    private enum Origin {
        /// Only named on the way in a header: its own header may still come.
        case implied
        /// A header, an element of an array of tables, or the root.
        case header
        /// A key with dots: dotted keys may add to it, headers below it.
        case dotted
        /// In braces: closed for good.
        case inline
        /// An array of tables.
        case tables
        /// A scalar or an array in brackets.
        case value
    }

    private struct Item {
        var node: NodeTree.Node
        let key: NodeTree.Node?
        let origin: Origin
        let depth: Int
        var firstChild: Int32 = -1
        var lastChild: Int32 = -1
        var next: Int32 = -1
    }

    private struct Name: Hashable {
        let parent: Int
        let name: [UInt8]
    }

    private var items: [Item] = []
    private var children: [Name: Int] = [:]
    private let limits: DocumentLimits

    /// The tables of an empty text: the root is number 0.
    init(limits: DocumentLimits) {
        self.limits = limits
        let node = PairTreeBuilder.node(.mapping, .block, 0..<0, line: 0, column: 0)
        items.append(Item(node: node, key: nil, origin: .header, depth: 0))
    }

    // MARK: Adding

    private mutating func add(
        _ node: NodeTree.Node, _ origin: Origin, under key: Key?, in parent: Int
    ) throws(DocumentError) -> Int {
        let line = Int(key?.node.line ?? node.line) + 1
        let depth = items[parent].depth + 1
        guard node.kind == .scalar || depth < limits.depth else {
            throw DocumentError(.limit, line: line, context: "nested deeper than \(limits.depth) levels")
        }
        guard items.count < YAMLTreeReader.nodeLimit else {
            throw DocumentError(.limit, line: line, context: "more than \(YAMLTreeReader.nodeLimit) nodes")
        }
        let index = items.count
        var node = node
        if items[parent].node.style == .flow { node.flags.insert(.inFlow) }
        if items[parent].node.flags.contains(.inFlow) { node.flags.insert(.inFlow) }
        items.append(Item(node: node, key: key?.node, origin: origin, depth: depth))
        if let key { children[Name(parent: parent, name: key.name)] = index }
        let last = Int(items[parent].lastChild)
        if last < 0 {
            items[parent].firstChild = Int32(index)
        } else {
            items[last].next = Int32(index)
        }
        items[parent].lastChild = Int32(index)
        return index
    }

    private func table(_ style: NodeTree.Style, at key: Key) -> NodeTree.Node {
        let range = Int(key.node.start)..<Int(key.node.end)
        return PairTreeBuilder.node(
            .mapping, style, range, line: Int(key.node.line), column: Int(key.node.column))
    }

    private func twice(_ key: Key, _ index: Int, _ what: String) -> DocumentError {
        let first = Int(items[index].key?.line ?? items[index].node.line) + 1
        return DocumentError(
            .duplicateKey, line: Int(key.node.line) + 1, otherLine: first,
            context: "\(what) on line \(first) already")
    }

    /// Moves the end of a table or array behind what was last written in it.
    mutating func end(_ index: Int, at offset: Int) {
        items[index].node.end = Int32(offset)
    }

    // MARK: Headers

    /// The table of a header `[a.b.c]`.
    ///
    /// - Throws: `duplicateKey` where it is defined already, `limit`.
    mutating func openTable(_ keys: [Key]) throws(DocumentError) -> Int {
        let parent = try passThrough(keys.dropLast())
        guard let key = keys.last else { return 0 }
        guard let index = children[Name(parent: parent, name: key.name)] else {
            return try add(table(.block, at: key), .header, under: key, in: parent)
        }
        guard items[index].origin == .implied else {
            throw twice(key, index, "the key or table stands")
        }
        let item = items[index]
        items[index] = Item(
            node: item.node, key: item.key, origin: .header, depth: item.depth, firstChild: item.firstChild,
            lastChild: item.lastChild, next: item.next)
        items[index].node.style = .block
        return index
    }

    /// The new element of a header `[[a.b.c]]`.
    ///
    /// - Throws: `duplicateKey` where something else than an array of tables is there, `limit`.
    mutating func openElement(_ keys: [Key]) throws(DocumentError) -> Int {
        let parent = try passThrough(keys.dropLast())
        guard let key = keys.last else { return 0 }
        var array = children[Name(parent: parent, name: key.name)]
        if let array, items[array].origin != .tables {
            throw twice(key, array, "something else than an array of tables stands")
        }
        if array == nil {
            var node = table(.block, at: key)
            node.kind = .sequence
            array = try add(node, .tables, under: key, in: parent)
        }
        return try add(table(.block, at: key), .header, under: nil, in: array ?? 0)
    }

    /// The table that the first keys of a header lead to; the last element of an array of tables.
    private mutating func passThrough(_ keys: ArraySlice<Key>) throws(DocumentError) -> Int {
        var index = 0
        for key in keys {
            guard let next = children[Name(parent: index, name: key.name)] else {
                index = try add(table(.none, at: key), .implied, under: key, in: index)
                continue
            }
            switch items[next].origin {
            case .implied, .header, .dotted: index = next
            case .tables: index = Int(items[next].lastChild)
            case .inline, .value: throw twice(key, next, "a value that nothing can be added to stands")
            }
        }
        return index
    }

    // MARK: Keys and values

    /// Leads along a dotted key, and gives the table that takes the value under its last key.
    ///
    /// - Throws: `duplicateKey` where something is there already, `limit`.
    mutating func descend(_ keys: [Key], from table: Int) throws(DocumentError) -> Int {
        var index = table
        for key in keys.dropLast() {
            guard let next = children[Name(parent: index, name: key.name)] else {
                index = try add(self.table(.none, at: key), .dotted, under: key, in: index)
                continue
            }
            guard items[next].origin == .dotted else {
                throw twice(key, next, "what a dotted key can't add to stands")
            }
            index = next
        }
        if let key = keys.last, let first = children[Name(parent: index, name: key.name)] {
            throw twice(key, first, "the key stands")
        }
        return index
    }

    /// Adds a value, or an array or table in brackets, that is still open: under a key, or as an element.
    mutating func add(
        _ node: NodeTree.Node, under key: Key?, in parent: Int
    ) throws(DocumentError) -> Int {
        try add(node, node.kind == .mapping ? .inline : .value, under: key, in: parent)
    }

    // MARK: The tree

    /// The nodes, depth first: each table with all that belongs to it, in the order in which it was first named.
    func write(to tree: inout NodeTree) {
        tree.documents.append(NodeTree.Document(root: 0))
        tree.nodes.reserveCapacity(items.count * 2)
        tree.nodes.append(items[0].node)
        var open: [(item: Int, node: Int, count: Int32)] = [(0, 0, 0)]
        var next = Int(items[0].firstChild)
        while let holder = open.last {
            guard next >= 0 else {
                tree.nodes[holder.node].subtreeEnd = Int32(tree.nodes.count)
                open.removeLast()
                next = Int(items[holder.item].next)
                continue
            }
            for (node, isKey) in [(items[next].key, true), (items[next].node, false)] {
                guard var node else { continue }
                node.parent = Int32(holder.node)
                node.ordinal = holder.count
                node.subtreeEnd = Int32(tree.nodes.count) + 1
                if isKey { node.flags.insert(.key) }
                tree.nodes.append(node)
            }
            open[open.count - 1].count += 1
            open.append((next, tree.nodes.count - 1, 0))
            next = Int(items[next].firstChild)
        }
    }
}
