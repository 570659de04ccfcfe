import Encodings

/// A node of a tree of entries or of a chunk list (FORMAT.md §9): the children's ids, which `write` opens, and the
/// content, which `read` opens and which names children by their position.
enum Node: Equatable, Sendable {
    /// Entries in the order of their paths.
    case entries([Entry])
    /// Nodes of entries, in order; all of the level below.
    case entryBranches(level: UInt8, [Branch])
    /// Segments of a content.
    case segments([Segment])
    /// Nodes of segments, in order; all of the level below.
    case segmentBranches(level: UInt8, [Branch])

    /// A child node and what lies beneath it.
    struct Branch: Hashable, Sendable {
        let node: NodeID
        /// The path of the first entry beneath; empty for chunk lists.
        let firstPath: [UInt8]
        /// Entries beneath; 0 for chunk lists.
        let entryCount: UInt64
        /// The length of all contents beneath.
        let byteCount: UInt64
    }

    /// A child in the list that `write` opens.
    enum Child: Hashable, Sendable {
        case chunk(ChunkID)
        case node(NodeID)
    }

    /// The longest content of a node. Writers end a node of entries well before.
    static let contentByteLimit = 8 << 20
    /// Children of one node.
    static let childLimit = 1 << 16
    /// The highest level of a root.
    static let levelLimit: UInt8 = 16

    /// The two plaintexts.
    struct Parts: Equatable, Sendable {
        var children: [UInt8]
        var content: [UInt8]
    }

    private enum Form {
        static let entries: UInt8 = 1
        static let entryBranches: UInt8 = 2
        static let segments: UInt8 = 3
        static let segmentBranches: UInt8 = 4
    }

    /// The level: 0 for entries and segments.
    var level: UInt8 {
        switch self {
        case .entries, .segments: 0
        case .entryBranches(let level, _), .segmentBranches(let level, _): level
        }
    }

    /// The canonical bytes of both parts.
    var parts: Parts {
        var children = ChildList()
        var writer = CanonicalWriter()
        switch self {
        case .entries(let entries):
            writer.uint8(Form.entries)
            writer.uint8(0)
            writer.count(entries.count)
            var previous: [UInt8] = []
            for entry in entries {
                entry.write(to: &writer, after: previous, &children)
                previous = entry.path
            }
        case .entryBranches(let level, let branches):
            writer.uint8(Form.entryBranches)
            writer.uint8(level)
            writer.count(branches.count)
            for branch in branches {
                writer.uint32(children.position(of: .node(branch.node)))
                writer.lp(branch.firstPath)
                writer.uint64(branch.entryCount)
                writer.uint64(branch.byteCount)
            }
        case .segments(let segments):
            writer.uint8(Form.segments)
            writer.uint8(0)
            segments.write(to: &writer, &children)
        case .segmentBranches(let level, let branches):
            writer.uint8(Form.segmentBranches)
            writer.uint8(level)
            writer.count(branches.count)
            for branch in branches {
                writer.uint32(children.position(of: .node(branch.node)))
                writer.uint64(branch.byteCount)
            }
        }
        return Parts(children: Node.encode(children.items), content: writer.bytes)
    }

    /// The node of both parts. Throws `damaged` for anything but the one encoding of a node.
    init(decoding parts: Parts, _ name: String) throws(ArchiveError) {
        self = try decoding(name) {
            let children = try Node.children(decoding: parts.children, name)
            var reader = CanonicalReader(parts.content, name)
            let form = try reader.uint8()
            let level = try reader.uint8()
            let isLeaf = form == Form.entries || form == Form.segments
            guard isLeaf == (level == 0), level <= Node.levelLimit else {
                throw ArchiveError.damaged("\(name): level")
            }
            let node: Node
            switch form {
            case Form.entries:
                var entries: [Entry] = []
                for _ in 0..<(try reader.count(itemSize: Entry.minimumByteCount)) {
                    entries.append(try Entry(from: &reader, after: entries.last?.path ?? [], children))
                }
                node = .entries(entries)
            case Form.entryBranches:
                var branches: [Branch] = []
                for _ in 0..<(try reader.count(itemSize: 24)) {
                    let child = try children.node(try reader.uint32())
                    let path = try reader.lp(limit: PathOrder.byteLimit)
                    let entryCount = try reader.uint64()
                    branches.append(
                        Branch(
                            node: child, firstPath: path, entryCount: entryCount,
                            byteCount: try reader.uint64()))
                }
                node = .entryBranches(level: level, branches)
            case Form.segments:
                node = .segments(try [Segment](from: &reader, children, limit: Node.childLimit))
            case Form.segmentBranches:
                var branches: [Branch] = []
                for _ in 0..<(try reader.count(itemSize: 12)) {
                    let child = try children.node(try reader.uint32())
                    branches.append(
                        Branch(node: child, firstPath: [], entryCount: 0, byteCount: try reader.uint64()))
                }
                node = .segmentBranches(level: level, branches)
            default:
                throw ArchiveError.damaged("\(name): form of node")
            }
            try reader.end()
            guard node.isOrdered, node.parts == parts else {
                throw ArchiveError.damaged("\(name): not the one encoding of a node")
            }
            return node
        }
    }

    /// Paths ascend; branches lead somewhere.
    private var isOrdered: Bool {
        switch self {
        case .entries(let entries):
            zip(entries, entries.dropFirst()).allSatisfy { PathOrder.precedes($0.path, $1.path) }
                && entries.allSatisfy { PathOrder.isValid($0.path) }
        case .entryBranches(_, let branches):
            !branches.isEmpty
                && zip(branches, branches.dropFirst()).allSatisfy {
                    PathOrder.precedes($0.firstPath, $1.firstPath)
                }
        case .segments: true
        case .segmentBranches(_, let branches): !branches.isEmpty
        }
    }

    private static func encode(_ children: [Child]) -> [UInt8] {
        var writer = CanonicalWriter()
        writer.count(children.count)
        for child in children {
            switch child {
            case .chunk(let id):
                writer.uint8(1)
                writer.raw(id.bytes)
            case .node(let id):
                writer.uint8(2)
                writer.raw(id.bytes)
            }
        }
        return writer.bytes
    }

    /// The list of children in `bytes`: what pruning and checking read with `write` alone.
    static func children(decoding bytes: [UInt8], _ name: String) throws(ArchiveError) -> [Child] {
        try decoding(name) {
            var reader = CanonicalReader(bytes, name)
            let count = try reader.count(itemSize: 37)
            guard count <= childLimit else { throw ArchiveError(.limitExceeded, "\(name): children") }
            var children: [Child] = []
            for _ in 0..<count {
                switch try reader.uint8() {
                case 1: children.append(.chunk(try ChunkID(from: &reader)))
                case 2: children.append(.node(try NodeID(from: &reader)))
                default: throw ArchiveError.damaged("\(name): kind of child")
                }
            }
            try reader.end()
            return children
        }
    }
}

/// Collects children in the order of their first use, each once.
struct ChildList {
    private(set) var items: [Node.Child] = []
    private var positions: [Node.Child: UInt32] = [:]

    /// The position of `child`, which is added where it is new.
    mutating func position(of child: Node.Child) -> UInt32 {
        if let position = positions[child] { return position }
        let position = UInt32(items.count)
        items.append(child)
        positions[child] = position
        return position
    }
}

extension Array<Node.Child> {
    /// The node at `position`. Throws `damaged` where there is none.
    func node(_ position: UInt32) throws(ArchiveError) -> NodeID {
        guard position < count, case .node(let id) = self[Int(position)] else {
            throw ArchiveError.damaged("node: names a child that it doesn't have")
        }
        return id
    }

    /// The chunk at `position`. Throws `damaged` where there is none.
    func chunk(_ position: UInt32) throws(ArchiveError) -> ChunkID {
        guard position < count, case .chunk(let id) = self[Int(position)] else {
            throw ArchiveError.damaged("node: names a child that it doesn't have")
        }
        return id
    }
}
