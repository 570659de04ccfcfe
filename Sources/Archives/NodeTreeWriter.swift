/// What the leaves of a tree hold: entries, or segments of a content.
protocol NodeItem: Sendable {
    /// A leaf of these items.
    static func leaf(_ items: [Self]) -> Node
    /// A node of `level` over these branches.
    static func inner(level: UInt8, _ branches: [Node.Branch]) -> Node
    /// The path by which a branch that begins with this item is found; empty for segments.
    var path: [UInt8] { get }
    /// Entries that it counts as.
    var entryCount: UInt64 { get }
    /// The length of its content.
    var contentByteCount: UInt64 { get }
    /// About how many bytes it takes in a node.
    var weight: Int { get }
}

extension Entry: NodeItem {
    /// A leaf of these items.
    static func leaf(_ items: [Entry]) -> Node { .entries(items) }
    /// A node of `level` over these branches.
    static func inner(level: UInt8, _ branches: [Node.Branch]) -> Node {
        .entryBranches(level: level, branches)
    }
    var entryCount: UInt64 { 1 }
    var contentByteCount: UInt64 { content?.byteCount ?? 0 }
    var weight: Int { 512 + path.count + attributes.reduce(0) { $0 + $1.name.count + $1.value.count } }
}

extension Segment: NodeItem {
    /// A leaf of these items.
    static func leaf(_ items: [Segment]) -> Node { .segments(items) }
    /// A node of `level` over these branches.
    static func inner(level: UInt8, _ branches: [Node.Branch]) -> Node {
        .segmentBranches(level: level, branches)
    }
    var path: [UInt8] { [] }
    var entryCount: UInt64 { 0 }
    var contentByteCount: UInt64 { byteCount }
    var weight: Int { 64 }
}

/// Builds a content-defined tree bottom up, a node at a time (FORMAT.md §9.3): where a node ends is decided by the
/// last item beneath it alone, so that a change makes new nodes only on its own way to the root.
struct NodeTreeWriter<Item: NodeItem> {
    /// A root with what lies beneath it.
    typealias Root = Node.Branch

    private let bits: UInt64
    private let writer: StoreWriter
    private var items: [Item] = []
    private var weight = 0
    // Branches that are not in a node yet; position 0 are leaves.
    private var levels: [[Node.Branch]] = []

    /// A node ends at no fewer and no more items than these.
    private static var itemRange: ClosedRange<Int> { 4...512 }
    /// A leaf ends where it gets heavier.
    private static var weightLimit: Int { 1 << 20 }

    /// One item in 2^`bits` ends a node.
    init(bits: UInt64, writer: StoreWriter) {
        self.bits = bits
        self.writer = writer
    }

    /// Adds the next item; `cut` are 64 bits that belong to it. Returns the leaf where it ends with this item.
    @discardableResult
    mutating func add(_ item: Item, cut: UInt64) async throws(ArchiveError) -> Node.Branch? {
        items.append(item)
        weight += item.weight
        guard endsLeaf(items.count, weight: weight, cut) else { return nil }
        return try await endLeaf(cut: cut)
    }

    /// Adds a leaf that the store holds, behind one that ended; `cut` are the bits of its last item.
    mutating func add(leaf: Node.Branch, cut: UInt64) async throws(ArchiveError) {
        guard items.isEmpty else { throw ArchiveError(.invalid, "tree: a leaf within another") }
        try await add(leaf, level: 0, cut: cut)
    }

    /// Whether a leaf of `count` items of that weight ends behind one with `cut`: nothing else decides.
    func endsLeaf(_ count: Int, weight: Int, _ cut: UInt64) -> Bool {
        isEnd(count, cut, level: 0) || weight >= Self.weightLimit
    }

    /// Ends the tree. Without any item its root is an empty leaf.
    mutating func finish() async throws(ArchiveError) -> Root {
        if !items.isEmpty || levels.isEmpty { _ = try await endLeaf(cut: .max) }
        var level = 0
        while true {
            let isTop = level == levels.count - 1
            if isTop, levels[level].count == 1 { return levels[level][0] }
            if !levels[level].isEmpty { try await endBranches(level, cut: .max) }
            level += 1
        }
    }

    private mutating func endLeaf(cut: UInt64) async throws(ArchiveError) -> Node.Branch {
        let node = try await writer.add(Item.leaf(items))
        let branch = Node.Branch(
            node: node, firstPath: items.first?.path ?? [],
            entryCount: items.reduce(0) { $0 + $1.entryCount },
            byteCount: items.reduce(0) { $0 &+ $1.contentByteCount })
        items.removeAll(keepingCapacity: true)
        weight = 0
        try await add(branch, level: 0, cut: cut)
        return branch
    }

    private mutating func add(_ branch: Node.Branch, level: Int, cut: UInt64) async throws(ArchiveError) {
        if level == levels.count { levels.append([]) }
        levels[level].append(branch)
        guard isEnd(levels[level].count, cut, level: level + 1) else { return }
        try await endBranches(level, cut: cut)
    }

    private mutating func endBranches(_ level: Int, cut: UInt64) async throws(ArchiveError) {
        let branches = levels[level]
        levels[level] = []
        guard level + 1 < Node.levelLimit else {
            throw ArchiveError(.limitExceeded, "tree: too many levels")
        }
        let node = try await writer.add(Item.inner(level: UInt8(level + 1), branches))
        let branch = Node.Branch(
            node: node, firstPath: branches[0].firstPath,
            entryCount: branches.reduce(0) { $0 + $1.entryCount },
            byteCount: branches.reduce(0) { $0 &+ $1.byteCount })
        try await add(branch, level: level + 1, cut: cut)
    }

    /// Whether a node of `count` items ends behind one with `cut`: each level looks at bits of its own.
    private func isEnd(_ count: Int, _ cut: UInt64, level: Int) -> Bool {
        guard count >= Self.itemRange.lowerBound else { return false }
        let shift = bits * UInt64(level)
        let isCut = shift + bits <= 64 && (cut >> shift) & ((1 << bits) - 1) == 0
        return isCut || count >= Self.itemRange.upperBound
    }
}
