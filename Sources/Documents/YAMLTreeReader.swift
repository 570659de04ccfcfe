internal import CYAML
internal import Glibc

/// Reads YAML into a ``NodeTree``: events of libyaml, byte offsets for its character marks, the true ends
/// of scalars, and the limits.
struct YAMLTreeReader {
    let source: SourceText
    let limits: DocumentLimits
    var offsets: MarkOffsets
    var tree = NodeTree()
    /// The collections around the next node, outermost first, and how many children each has so far.
    var open: [(index: Int32, childCount: Int32)] = []
    /// The node that each anchor of the document last stood before.
    var anchors: [[UInt8]: Int32] = [:]
    var aliasCount = 0
    /// Nodes so far as a reader that expands aliases counts them, and what each anchored node comes to.
    var expandedCount = 0
    var expandedStarts: [Int32: Int] = [:]
    var expandedSizes: [Int32: Int] = [:]
    /// The end of the last node.
    var lastEnd: Int32 = 0
    /// The nodes inside brackets, each counted as often as it is deep.
    var flowWork = 0

    /// The most nodes in one text: more than a text of the default size limit can reasonably hold.
    static let nodeLimit = 2_000_000
    /// The most nodes inside brackets, each counted as often as it is deep: libyaml looks at each level of
    /// brackets for each token.
    static let flowWorkLimit = 100_000_000
    /// The most lines that begin with `%`: libyaml compares each directive with all before it.
    static let directiveLimit = 1_024

    /// Parses a text.
    ///
    /// - Throws: `encoding`, `syntax`, `limit`, `unsupported` (a key that is no scalar).
    static func read(_ bytes: RawSpan, limits: DocumentLimits) throws(DocumentError) -> NodeTree {
        guard bytes.byteCount <= limits.byteCount, bytes.byteCount < Int32.max else {
            throw DocumentError(.limit, context: "the text is larger than \(limits.byteCount) bytes")
        }
        let result = unsafe bytes.withUnsafeBytes { source -> Result<NodeTree, DocumentError> in
            do throws(DocumentError) {
                var reader = unsafe YAMLTreeReader(SourceText(source), limits)
                return .success(try reader.run(unsafe YAMLParser(source)))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private init(_ source: SourceText, _ limits: DocumentLimits) {
        self.source = source
        self.limits = limits
        offsets = MarkOffsets(source)
    }

    private mutating func run(_ parser: consuming YAMLParser) throws(DocumentError) -> NodeTree {
        try checkStart()
        var isDone = false
        while !isDone {
            isDone = try unsafe parser.next { event throws(DocumentError) in try unsafe take(event) }
        }
        return tree
    }

    private func checkStart() throws(DocumentError) {
        guard !source.hasPrefix([0xFF, 0xFE]), !source.hasPrefix([0xFE, 0xFF]) else {
            throw DocumentError(.encoding, line: 1, context: "UTF-16 text; only UTF-8 is read")
        }
        var directives = 0
        var isLineStart = true
        for position in 0..<source.count {
            let byte = source[position]
            if isLineStart, byte == UInt8(ascii: "%") {
                directives += 1
                guard directives <= Self.directiveLimit else {
                    throw DocumentError(.limit, context: "more than \(Self.directiveLimit) directives")
                }
            }
            isLineStart = byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
        }
    }

    /// Takes one event; true at the end of the stream.
    private mutating func take(_ event: borrowing yaml_event_t) throws(DocumentError) -> Bool {
        switch unsafe event.type {
        case YAML_DOCUMENT_START_EVENT:
            unsafe startDocument(event)
        case YAML_DOCUMENT_END_EVENT:
            tree.documents[tree.documents.count - 1].endImplicit =
                unsafe event.data.document_end.implicit != 0
        case YAML_ALIAS_EVENT:
            try unsafe addAlias(event)
        case YAML_SCALAR_EVENT:
            try unsafe addScalar(event)
        case YAML_MAPPING_START_EVENT:
            let data = unsafe event.data.mapping_start
            let style: NodeTree.Style = unsafe data.style == YAML_FLOW_MAPPING_STYLE ? .flow : .block
            try unsafe openCollection(event, .mapping, style, data.anchor, data.tag, data.implicit != 0)
        case YAML_SEQUENCE_START_EVENT:
            let data = unsafe event.data.sequence_start
            let style: NodeTree.Style = unsafe data.style == YAML_FLOW_SEQUENCE_STYLE ? .flow : .block
            try unsafe openCollection(event, .sequence, style, data.anchor, data.tag, data.implicit != 0)
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
            unsafe closeCollection(event)
        case YAML_STREAM_END_EVENT:
            return true
        default:
            break
        }
        return false
    }
}

// MARK: - Documents, collections, aliases

extension YAMLTreeReader {
    private mutating func startDocument(_ event: borrowing yaml_event_t) {
        var document = NodeTree.Document()
        document.root = Int32(tree.nodes.count)
        let data = unsafe event.data.document_start
        unsafe document.startImplicit = data.implicit != 0
        if let version = unsafe data.version_directive {
            document.version = unsafe [version.pointee.major, version.pointee.minor]
        }
        var directive = unsafe data.tag_directives.start
        while let current = unsafe directive, unsafe current != data.tag_directives.end {
            unsafe document.tags.append(Self.bytes(current.pointee.handle))
            unsafe document.tags.append(Self.bytes(current.pointee.prefix))
            unsafe directive = current.advanced(by: 1)
        }
        tree.documents.append(document)
        anchors.removeAll(keepingCapacity: true)
        expandedStarts.removeAll(keepingCapacity: true)
        expandedSizes.removeAll(keepingCapacity: true)
    }

    private mutating func openCollection(
        _ event: borrowing yaml_event_t, _ kind: NodeTree.Kind, _ style: NodeTree.Style,
        _ anchor: UnsafeMutablePointer<UInt8>?, _ tag: UnsafeMutablePointer<UInt8>?, _ isImplicit: Bool
    ) throws(DocumentError) {
        let (startMark, endMark) = unsafe (event.start_mark, event.end_mark)
        guard open.count < limits.depth else {
            throw DocumentError(
                .limit, line: Int(startMark.line) + 1, context: "nested deeper than \(limits.depth) levels")
        }
        let first = offsets.byteOffset(startMark.index)
        var start = offsets.byteOffset(endMark.index)
        var column = endMark.column
        // The mark of a flow collection is behind its bracket (a pair inside a flow sequence has none), that
        // of a sequence at its key's own column behind the first dash.
        let isBehind: Bool =
            if style == .flow {
                start > first
                    && (source.byte(start - 1) == UInt8(ascii: "[")
                        || source.byte(start - 1) == UInt8(ascii: "{"))
            } else {
                kind == .sequence && source.byte(start) != UInt8(ascii: "-")
            }
        if isBehind, start > 0, column > 0 {
            start -= 1
            column -= 1
        }
        var node = blank(kind, style)
        if isImplicit { node.flags.insert(.plainImplicit) }
        node.start = Int32(start)
        node.end = Int32(start)
        node.line = Int32(clamping: endMark.line)
        node.column = Int32(clamping: column)
        if style == .block { node.indentation = node.column }
        guard !node.flags.contains(.key) else {
            throw DocumentError(
                .unsupported, line: Int(node.line) + 1, context: "a mapping key that is no scalar")
        }
        let index = try add(node)
        try unsafe addProperties(index, anchor, tag, from: first)
        lastEnd = node.end
        open.append((index, 0))
    }

    private mutating func closeCollection(_ event: borrowing yaml_event_t) {
        guard let index = open.popLast()?.index else { return }
        let position = Int(index)
        tree.nodes[position].subtreeEnd = Int32(tree.nodes.count)
        if tree.nodes[position].style == .flow {
            lastEnd = Int32(unsafe offsets.byteOffset(event.end_mark.index))
        }
        // A block collection ends with the last thing in it: libyaml's mark lies at the next token.
        tree.nodes[position].end = lastEnd
        if let start = expandedStarts.removeValue(forKey: index) {
            expandedSizes[index] = expandedCount - start
        }
    }

    private mutating func addAlias(_ event: borrowing yaml_event_t) throws(DocumentError) {
        var node = blank(.alias, .none)
        let mark = unsafe event.start_mark
        let line = Int(mark.line) + 1
        node.start = Int32(offsets.byteOffset(mark.index))
        node.end = Int32(unsafe offsets.byteOffset(event.end_mark.index))
        node.line = Int32(clamping: mark.line)
        node.column = Int32(clamping: mark.column)
        guard !node.flags.contains(.key) else {
            throw DocumentError(.unsupported, line: line, context: "a mapping key that is an alias")
        }
        aliasCount += 1
        guard aliasCount <= limits.aliasCount else {
            throw DocumentError(.limit, line: line, context: "more than \(limits.aliasCount) aliases")
        }
        let name = unsafe Self.bytes(event.data.alias.anchor)
        guard let target = anchors[name] else {
            throw DocumentError(.syntax, line: line, context: "an alias without an anchor before it")
        }
        guard tree.nodes[Int(target)].kind == .scalar || expandedSizes[target] != nil else {
            throw DocumentError(.limit, line: line, context: "an alias inside the node that it stands for")
        }
        let index = try add(node)
        tree.properties[index] = NodeTree.Properties(anchor: name)
        tree.aliasTargets[index] = target
        lastEnd = node.end
        expandedCount += expandedSizes[target] ?? 1
        guard expandedCount <= limits.expandedNodeCount + tree.nodes.count else {
            throw DocumentError(
                .limit, line: line, context: "aliases stand for more than \(limits.expandedNodeCount) nodes")
        }
    }
}

// MARK: - Nodes

extension YAMLTreeReader {
    /// A node of the collection that is open, without its place in the text.
    func blank(_ kind: NodeTree.Kind, _ style: NodeTree.Style) -> NodeTree.Node {
        var node = NodeTree.Node(
            kind: kind, style: style, flags: [], start: 0, end: 0, line: 0, column: 0, parent: -1,
            subtreeEnd: Int32(tree.nodes.count) + 1, ordinal: 0, valueStart: 0, valueCount: 0,
            indentation: -1, document: Int32(tree.documents.count) - 1)
        guard let parent = open.last else { return node }
        let holder = tree.nodes[Int(parent.index)]
        node.parent = parent.index
        node.indentation = holder.indentation
        if holder.style == .flow { node.flags.insert(.inFlow) }
        if holder.kind == .mapping {
            if parent.childCount % 2 == 0 { node.flags.insert(.key) }
            node.ordinal = parent.childCount / 2
        } else {
            node.ordinal = parent.childCount
        }
        return node
    }

    mutating func add(_ node: NodeTree.Node) throws(DocumentError) -> Int32 {
        guard tree.nodes.count < Self.nodeLimit else {
            throw DocumentError(
                .limit, line: Int(node.line) + 1, context: "more than \(Self.nodeLimit) nodes")
        }
        if node.flags.contains(.inFlow) {
            flowWork += open.count
            guard flowWork <= Self.flowWorkLimit else {
                throw DocumentError(
                    .limit, line: Int(node.line) + 1, context: "too many nodes in nested brackets")
            }
        }
        let index = Int32(tree.nodes.count)
        tree.nodes.append(node)
        if !open.isEmpty { open[open.count - 1].childCount += 1 }
        expandedCount += 1
        return index
    }

    /// Notes anchor and tag, whose source begins at `start`.
    mutating func addProperties(
        _ index: Int32, _ anchor: UnsafeMutablePointer<UInt8>?, _ tag: UnsafeMutablePointer<UInt8>?,
        from start: Int
    ) throws(DocumentError) {
        guard unsafe anchor != nil || tag != nil else { return }
        var properties = NodeTree.Properties(start: start)
        if let anchor = unsafe anchor {
            properties.anchor = unsafe Self.bytes(anchor)
            tree.nodes[Int(index)].flags.insert(.anchored)
            anchors[properties.anchor] = index
            expandedStarts[index] = expandedCount - 1
        }
        if let tag = unsafe tag {
            properties.tag = unsafe Self.bytes(tag)
            tree.nodes[Int(index)].flags.insert(.tagged)
        }
        tree.properties[index] = properties
    }

    /// The bytes of a C string, empty for nil.
    static func bytes(_ text: UnsafeMutablePointer<UInt8>?) -> [UInt8] {
        guard let text = unsafe text else { return [] }
        let count = unsafe strlen(UnsafeRawPointer(text).assumingMemoryBound(to: CChar.self))
        return unsafe [UInt8](UnsafeBufferPointer(start: text, count: count))
    }
}
