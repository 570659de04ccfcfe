/// Builds the tree of a text that is lines of keys and values: a mapping at the root, in it scalars and
/// mappings of scalars, in the order of the text.
struct PairTreeBuilder {
    var tree = NodeTree()
    /// The mapping below the root that takes the pairs, 0 for the root itself.
    private var holder = 0
    private var pairCounts = [0, 0]

    /// A tree of an empty root.
    init() {
        tree.documents.append(NodeTree.Document(root: 0))
        tree.nodes.append(Self.node(.mapping, .block, 0..<0, line: 0, column: 0))
    }

    /// Adds a key.
    ///
    /// - Throws: `limit` above the number of nodes that a text may have.
    mutating func addKey(_ range: Range<Int>, line: Int, column: Int) throws(DocumentError) {
        guard tree.nodes.count < YAMLTreeReader.nodeLimit else {
            throw DocumentError(
                .limit, line: line + 1, context: "more than \(YAMLTreeReader.nodeLimit) nodes")
        }
        var node = Self.node(.scalar, .plain, range, line: line, column: column)
        node.flags.insert(.key)
        append(node)
    }

    /// Adds the value of the last key.
    ///
    /// - Parameter value: Where its decoded value lies: in the text, or among the tree's values.
    mutating func addScalar(
        _ style: NodeTree.Style, _ range: Range<Int>, value: Range<Int>, isDecoded: Bool, line: Int,
        column: Int
    ) {
        var node = Self.node(.scalar, style, range, line: line, column: column)
        node.valueStart = Int32(value.lowerBound)
        node.valueCount = Int32(value.count)
        if isDecoded { node.flags.insert(.decoded) }
        append(node)
        pairCounts[holder == 0 ? 0 : 1] += 1
        tree.nodes[holder].end = Int32(range.upperBound)
    }

    /// Makes the value of the last key, which is at the root, a mapping that takes the pairs from now on.
    ///
    /// - Parameter end: Behind its header.
    mutating func openMapping(_ range: Range<Int>, line: Int, column: Int) {
        append(Self.node(.mapping, .block, range, line: line, column: column))
        pairCounts[0] += 1
        pairCounts[1] = 0
        holder = tree.nodes.count - 1
    }

    /// Makes the root take what comes next.
    mutating func closeMapping() {
        tree.nodes[holder].subtreeEnd = Int32(tree.nodes.count)
        holder = 0
    }

    /// The tree, which gets nothing more.
    mutating func finish() -> NodeTree {
        closeMapping()
        tree.nodes[0].subtreeEnd = Int32(tree.nodes.count)
        return tree
    }

    private mutating func append(_ node: NodeTree.Node) {
        var node = node
        node.parent = Int32(holder)
        node.ordinal = Int32(pairCounts[holder == 0 ? 0 : 1])
        node.subtreeEnd = Int32(tree.nodes.count) + 1
        tree.nodes.append(node)
    }

    /// A node by itself.
    static func node(
        _ kind: NodeTree.Kind, _ style: NodeTree.Style, _ range: Range<Int>, line: Int, column: Int
    ) -> NodeTree.Node {
        NodeTree.Node(
            kind: kind, style: style, flags: [], start: Int32(range.lowerBound), end: Int32(range.upperBound),
            line: Int32(line), column: Int32(column), parent: -1, subtreeEnd: 1, ordinal: 0,
            valueStart: Int32(range.lowerBound), valueCount: Int32(range.count), indentation: -1, document: 0)
    }
}
