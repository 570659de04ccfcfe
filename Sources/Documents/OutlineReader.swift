/// Cuts a text into the pieces of a ``DocumentOutline``, along the nodes of its tree.
struct OutlineReader {
    private typealias Entry = DocumentOutline.Entry
    private typealias Content = DocumentOutline.Content
    private typealias Collection = DocumentOutline.Collection

    private let document: TextDocument
    private let bytes: [UInt8]
    private let tree: NodeTree
    /// The objects that name documents and list items, by their mapping's node.
    private let objects: [Int: KubernetesObject]
    /// The end of the last piece.
    private var position = 0

    init(_ document: TextDocument) {
        self.document = document
        bytes = document.bytes
        tree = document.tree
        objects = Dictionary(
            document.objectRecords.filter(\.isUnique).compactMap { record in
                record.object.map { (record.root, $0) }
            }, uniquingKeysWith: { first, _ in first })
    }

    /// The documents of the text.
    mutating func readStream() throws(DocumentError) -> DocumentOutline.Collection {
        var entries: [Entry] = []
        for (number, facts) in tree.documents.enumerated() {
            let root = Int(facts.root)
            guard root >= 0, root < tree.nodes.count, Int(tree.nodes[root].document) == number,
                tree.nodes[root].kind != .mapping || tree.nodes[root].style == .flow
                    || Int(tree.nodes[root].subtreeEnd) > root + 1
            else { throw failure("an empty document") }
            let start = position
            try advance(to: prologueEnd(before: beginning(of: root)))
            let lead = start..<position
            let (content, head) = try readValue(root, from: position)
            let tail = try readTail(after: content)
            let identity = objects[root].map { DocumentOutline.Identity.object($0) } ?? .document(number)
            entries.append(
                Entry(
                    identity: identity, lead: lead, head: head, content: content, tail: tail,
                    properties: properties(of: root)))
        }
        return Collection(
            kind: .stream, isFlow: false, open: 0..<0, entries: entries, close: position..<bytes.count)
    }

    /// The end of the line `---` before the first token of a document, or where reading stands.
    private func prologueEnd(before end: Int) -> Int {
        var found = position
        var line = position
        while line < end {
            let next = bytes[line...].firstIndex(of: 0x0A).map { $0 + 1 } ?? bytes.count
            if bytes[line...].starts(with: Array("---".utf8)) { found = min(next, end) }
            line = next
        }
        return found
    }
}

// MARK: - Block

extension OutlineReader {
    /// A value outside of brackets whose entry's head begins at `start`; reading stands behind the key or dash.
    private mutating func readValue(
        _ node: Int, from start: Int
    ) throws(DocumentError) -> (content: DocumentOutline.Content, head: Range<Int>) {
        let facts = tree.nodes[node]
        guard facts.kind == .mapping || facts.kind == .sequence, facts.style != .flow else {
            try advance(to: Int(facts.start))
            let head = start..<position
            return (try readFlowOrLeaf(node), head)
        }
        let first = facts.kind == .mapping ? beginning(of: node + 1) : Int(facts.start)
        guard first >= position else { throw failure("an entry that can't be told from its surroundings") }
        var token = position
        while let next = tokenStart(from: token, to: first) { token = next + 1 }
        let lineEnd = bytes[token..<first].firstIndex(of: 0x0A)
        try advance(to: lineEnd.map { $0 + 1 } ?? first)
        let head = start..<position
        let entries = try readEntries(of: node)
        let kind: DocumentOutline.Collection.Kind = facts.kind == .mapping ? .mapping : .sequence
        let content = Content.collection(
            Collection(
                kind: kind, isFlow: false, open: head.upperBound..<head.upperBound, entries: entries,
                close: position..<position))
        return (content, head)
    }

    private mutating func readEntries(of node: Int) throws(DocumentError) -> [DocumentOutline.Entry] {
        let isMapping = tree.nodes[node].kind == .mapping
        var entries: [Entry] = []
        for child in tree.children(of: node) where !tree.nodes[child].flags.contains(.key) {
            let start = position
            if isMapping {
                try skipSpace(to: beginning(of: tree.key(of: child)))
            } else {
                guard let dash = tokenStart(from: position, to: bytes.count), bytes[dash] == UInt8(ascii: "-")
                else { throw failure("an element without its dash") }
                try advance(to: dash)
            }
            let head = position
            try advance(to: isMapping ? Int(tree.nodes[tree.key(of: child)].end) : head + 1)
            let value = try readValue(child, from: head)
            let tail = try readTail(after: value.content)
            entries.append(
                Entry(
                    identity: identity(of: child, isMapping: isMapping), lead: start..<head, head: value.head,
                    content: value.content, tail: tail, properties: properties(of: child)))
        }
        return entries
    }

    /// The rest of a value's line with its break; nothing behind a block collection, whose last entry has it.
    private mutating func readTail(after content: DocumentOutline.Content) throws(DocumentError) -> Range<Int>
    {
        let start = position
        if case .collection(let collection) = content, !collection.isFlow { return start..<start }
        let end = bytes[start...].firstIndex(of: 0x0A).map { $0 + 1 } ?? bytes.count
        try skipSpace(to: end)
        return start..<end
    }
}

// MARK: - Flow

extension OutlineReader {
    /// A scalar, an alias or brackets; reading stands at its first byte.
    private mutating func readFlowOrLeaf(_ node: Int) throws(DocumentError) -> DocumentOutline.Content {
        let start = position
        if tree.nodes[node].style == .flow {
            do throws(DocumentError) {
                return .collection(try readFlow(node))
            } catch {
                // Brackets with something unusual in them are one value.
                position = start
            }
        }
        try advance(to: leafEnd(node))
        return .leaf(start..<position)
    }

    private mutating func readFlow(_ node: Int) throws(DocumentError) -> DocumentOutline.Collection {
        let facts = tree.nodes[node]
        let isMapping = facts.kind == .mapping
        let end = Int(facts.end)
        guard bytes[position] == UInt8(ascii: isMapping ? "{" : "["), end > position + 1 else {
            throw failure("a pair without braces")
        }
        let open = position..<position + 1
        position += 1
        var entries: [Entry] = []
        for child in tree.children(of: node) where !tree.nodes[child].flags.contains(.key) {
            let start = position
            let head = beginning(of: isMapping ? tree.key(of: child) : child)
            try skipSpace(to: head)
            if isMapping { try advance(to: Int(tree.nodes[tree.key(of: child)].end)) }
            try advance(to: Int(tree.nodes[child].start))
            let headEnd = position
            let content = try readFlowOrLeaf(child)
            var tail = position..<position
            if Int(tree.nodes[child].subtreeEnd) < Int(facts.subtreeEnd) {
                guard let comma = tokenStart(from: position, to: end), bytes[comma] == UInt8(ascii: ",")
                else {
                    throw failure("no comma between two entries")
                }
                tail = position..<comma
                position = comma + 1
            }
            entries.append(
                Entry(
                    identity: identity(of: child, isMapping: isMapping), lead: start..<head,
                    head: head..<headEnd, content: content, tail: tail, properties: properties(of: child)))
        }
        let close = position..<end
        try skipSpace(to: end - 1)
        position = end
        return Collection(
            kind: isMapping ? .mapping : .sequence, isFlow: true, open: open, entries: entries, close: close)
    }
}

// MARK: - Looking

extension OutlineReader {
    private func failure(_ reason: String) -> DocumentError {
        let line = bytes[..<min(position, bytes.count)].count { $0 == 0x0A } + 1
        return DocumentError(.unsupported, line: line, context: reason)
    }

    private mutating func advance(to end: Int) throws(DocumentError) {
        guard end >= position, end <= bytes.count else { throw failure("pieces that overlap") }
        position = end
    }

    /// Goes on to `end`; nothing but white space and comments may stand before it.
    ///
    /// In formats of lines (`export`, section headers, other comments) whatever stands there; that a text made of
    /// such pieces is what it should be is seen when it is read again.
    private mutating func skipSpace(to end: Int) throws(DocumentError) {
        let isNested = document.format == .yaml || document.format == .json
        guard end >= position, end <= bytes.count,
            !isNested || tokenStart(from: position, to: end) == nil
        else {
            throw failure("an entry that can't be told from its surroundings")
        }
        position = end
    }

    /// The first byte from `start` on that is neither white space nor in a comment; nil where none is before `end`.
    private func tokenStart(from start: Int, to end: Int) -> Int? {
        var offset = start
        while offset < end {
            switch bytes[offset] {
            case 0x20, 0x09, 0x0A, 0x0D:
                offset += 1
            case UInt8(ascii: "#") where offset == 0 || [0x20, 0x09, 0x0A, 0x0D].contains(bytes[offset - 1]):
                offset = bytes[offset...].firstIndex(of: 0x0A) ?? bytes.count
            default:
                return offset
            }
        }
        return nil
    }

    /// The first byte of a node, anchor and tag included.
    private func beginning(of node: Int) -> Int {
        let start = Int(tree.nodes[node].start)
        guard let properties = tree.properties[Int32(node)], tree.nodes[node].kind != .alias else {
            guard tree.nodes[node].kind == .mapping, tree.nodes[node].style == .block else { return start }
            return beginning(of: node + 1)
        }
        return min(properties.start, start)
    }

    /// The end of a scalar; blank lines that it keeps (`|+`) are its own.
    private func leafEnd(_ node: Int) -> Int {
        let facts = tree.nodes[node]
        var end = Int(facts.end)
        guard facts.style == .literal || facts.style == .folded,
            bytes[Int(facts.start)..<min(Int(facts.start) + 3, end)].contains(UInt8(ascii: "+"))
        else { return end }
        while end < bytes.count, bytes[end] == 0x0A || bytes[end] == 0x0D {
            guard let lineBreak = bytes[end...].firstIndex(of: 0x0A) else { break }
            let next = bytes[(lineBreak + 1)...].firstIndex { ![0x20, 0x09, 0x0D].contains($0) }
            guard let next, bytes[next] == 0x0A else { break }
            end = next
        }
        return end
    }

    private func identity(of child: Int, isMapping: Bool) -> DocumentOutline.Identity {
        bytes.withRawSpan { source in
            if isMapping { return .component(.key(tree.value(of: tree.key(of: child), in: source))) }
            if let object = objects[child] { return .object(object) }
            guard let name = tree.elementNames[Int32(child)] else {
                return .component(.index(Int(tree.nodes[child].ordinal)))
            }
            return .component(.named(name.field, tree.value(of: Int(name.node), in: source)))
        }
    }

    /// Anchor and tag; of an alias the place that it stands for, which its name alone doesn't tell.
    private func properties(of node: Int) -> [UInt8] {
        if let target = tree.aliasTargets[Int32(node)] {
            return Array(document.path(of: Int(target), below: -1).text.utf8)
        }
        guard let properties = tree.properties[Int32(node)] else { return [] }
        return properties.anchor + [0] + properties.tag
    }
}
