/// The nodes of a parsed text, each before what it holds, in the order of their beginnings (but for TOML, where the
/// parts of a table stand together), as flat records: what readers make and
/// what documents, comparisons and configuration files look at. Values are ranges of the source, or of a
/// wiped side store where decoding changed them.
struct NodeTree: Sendable {
    /// What a node is.
    enum Kind: UInt8, Sendable {
        case mapping, sequence, scalar, alias
    }

    /// How a node is written: a scalar's style, or a collection's.
    enum Style: UInt8, Sendable {
        case absent, plain, single, double, literal, folded, tripleDouble, tripleSingle, block, flow, none
    }

    /// Facts about one node.
    struct Flags: OptionSet, Sendable {
        let rawValue: UInt16
        /// libyaml's `plain_implicit`, or a collection's `implicit`.
        static let plainImplicit = Flags(rawValue: 1 << 0)
        /// libyaml's `quoted_implicit`.
        static let quotedImplicit = Flags(rawValue: 1 << 1)
        /// The node is a mapping's key.
        static let key = Flags(rawValue: 1 << 2)
        /// The node stands inside a flow collection.
        static let inFlow = Flags(rawValue: 1 << 3)
        /// The value lies in the side store.
        static let decoded = Flags(rawValue: 1 << 4)
        /// The value is a sealed token.
        static let sealed = Flags(rawValue: 1 << 6)
        /// The node is met at more than one place.
        static let shared = Flags(rawValue: 1 << 7)
        /// The value names the sequence element that holds it.
        static let names = Flags(rawValue: 1 << 8)
        /// An anchor stands before the node.
        static let anchored = Flags(rawValue: 1 << 9)
        /// A tag stands before the node.
        static let tagged = Flags(rawValue: 1 << 10)
    }

    /// One node.
    struct Node: Sendable {
        var kind: Kind
        var style: Style
        var flags: Flags
        /// The bytes of a scalar's source, or of an alias; a collection's beginning, and the end of its
        /// last descendant or of its closing bracket.
        var start: Int32
        var end: Int32
        /// Line and column of `start`, in characters from 0.
        var line: Int32
        var column: Int32
        /// The collection that holds the node, -1 at a document's root.
        var parent: Int32
        /// The first node after this one that is not in it.
        var subtreeEnd: Int32
        /// The index among the parent's elements or keys.
        var ordinal: Int32
        /// A scalar's value: in the source, or in the side store where flagged `decoded`.
        var valueStart: Int32
        var valueCount: Int32
        /// The column of the block collection around (for a block collection: its own), -1 for none.
        var indentation: Int32
        /// The ordinal of the document.
        var document: Int32
    }

    /// Anchor and tag of a node, or the anchor that an alias names.
    struct Properties: Sendable, Equatable {
        var anchor: [UInt8] = []
        var tag: [UInt8] = []
        /// The source bytes from the first property to the end of the last.
        var start = 0
        var end = 0
    }

    /// The scalar that names a sequence element, and the field it stands under.
    struct ElementName: Sendable {
        let field: SlotPath.NameField
        let node: Int32
    }

    /// One document of the stream.
    struct Document: Sendable, Equatable {
        /// Whether `---` is left out.
        var startImplicit = true
        /// Whether `...` is left out.
        var endImplicit = true
        /// `%YAML` as major, minor; -1 without.
        var version: [Int32] = [-1, -1]
        /// `%TAG` handles and prefixes, in turn.
        var tags: [[UInt8]] = []
        /// The root node, -1 while unknown.
        var root: Int32 = -1
    }

    var nodes: ContiguousArray<Node> = []
    var documents: [Document] = []
    /// Of the nodes that have any.
    var properties: [Int32: Properties] = [:]
    /// What each alias stands for.
    var aliasTargets: [Int32: Int32] = [:]
    /// What names the sequence elements that have a name of their own.
    var elementNames: [Int32: ElementName] = [:]
    /// Of the values of INI whose key, or section, stands before in the same mapping: how many times.
    var repeats: [Int32: Int32] = [:]
    /// Whether a line of a dotenv text begins with `export`, which is a shell's word.
    var isForShell = false
    /// Decoded values that differ from their source.
    let values = WipedBytes()
}

// MARK: - Looking

extension NodeTree {
    /// Lends a scalar's decoded value.
    ///
    /// - Parameter source: The text that the tree was read from.
    func withValue<Result: ~Copyable, Failure: Error>(
        of index: Int, in source: RawSpan, _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let node = nodes[index]
        let range = Int(node.valueStart)..<Int(node.valueStart) + Int(node.valueCount)
        guard node.flags.contains(.decoded) else { return try body(source.extracting(range)) }
        return try values.withBytes(range, body)
    }

    /// A scalar's decoded value as an array, for keys and names.
    func value(of index: Int, in source: RawSpan) -> [UInt8] {
        withValue(of: index, in: source) { $0.copied }
    }

    /// The key of a value in a mapping: keys are single nodes.
    func key(of index: Int) -> Int { index - 1 }

    /// The direct elements of a sequence, or keys and values of a mapping in turn.
    func children(of index: Int) -> Children { Children(tree: self, index: index) }

    /// The value under a key of a mapping, nil where there is none.
    func child(of index: Int, key: RawSpan, in source: RawSpan) -> Int? {
        guard nodes[index].kind == .mapping else { return nil }
        var position = index + 1
        while position < Int(nodes[index].subtreeEnd) {
            let isFound = withValue(of: position, in: source) { $0.isEqual(to: key) }
            if isFound { return position + 1 }
            position = Int(nodes[position + 1].subtreeEnd)
        }
        return nil
    }

    /// The value under an ASCII key of a mapping, nil where there is none.
    func child(of index: Int, word: StaticString, in source: RawSpan) -> Int? {
        guard nodes[index].kind == .mapping else { return nil }
        var position = index + 1
        while position < Int(nodes[index].subtreeEnd) {
            let isFound = withValue(of: position, in: source) { $0.isEqual(to: word) }
            if isFound { return position + 1 }
            position = Int(nodes[position + 1].subtreeEnd)
        }
        return nil
    }

    /// The children of one node.
    struct Children: Sequence, IteratorProtocol {
        private let tree: NodeTree
        private var position: Int
        private let end: Int

        init(tree: NodeTree, index: Int) {
            self.tree = tree
            position = index + 1
            end = Int(tree.nodes[index].subtreeEnd)
        }

        mutating func next() -> Int? {
            guard position < end else { return nil }
            defer { position = Int(tree.nodes[position].subtreeEnd) }
            return position
        }
    }
}

extension ScalarStyle {
    /// The tree's name for the style.
    var treeStyle: NodeTree.Style {
        switch self {
        case .absent: .absent
        case .plain: .plain
        case .single: .single
        case .double: .double
        case .literal: .literal
        case .folded: .folded
        case .tripleDouble: .tripleDouble
        case .tripleSingle: .tripleSingle
        }
    }

    /// The style of a scalar in a tree.
    init(_ style: NodeTree.Style) {
        switch style {
        case .absent: self = .absent
        case .single: self = .single
        case .double: self = .double
        case .literal: self = .literal
        case .folded: self = .folded
        case .tripleDouble: self = .tripleDouble
        case .tripleSingle: self = .tripleSingle
        case .plain, .block, .flow, .none: self = .plain
        }
    }
}
