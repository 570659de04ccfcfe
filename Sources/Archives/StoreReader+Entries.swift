extension StoreReader {
    /// The entries of a source in order: all, or the one at `prefix` and those beneath it. Nodes that hold none of
    /// them are not read.
    package func entries(of root: NodeID, under prefix: [UInt8] = []) -> EntryCursor {
        EntryCursor(reader: self, root: root, prefix: prefix)
    }

    /// The entry at `path`; nil where there is none.
    package func entry(at path: [UInt8], of root: NodeID) async throws(ArchiveError) -> Entry? {
        var cursor = entries(of: root, under: path)
        guard let first = try await cursor.next(), first.path == path else { return nil }
        return first
    }
}

/// Walks a tree of entries. Holds one node a level.
///
/// After `damaged` or `absent` the walk can go on: the next call gives the first entry behind the node that could not be
/// read, which `unread` tells of.
package struct EntryCursor: Sendable {
    /// A part of a tree that could not be read.
    package struct Unread: Sendable, Hashable {
        /// The path of its first entry; empty where that is the root.
        package let firstPath: [UInt8]
        /// Its entries; 0 where that is not known.
        package let entryCount: UInt64

        /// The part of `entryCount` entries from `firstPath` on.
        package init(firstPath: [UInt8], entryCount: UInt64) {
            self.firstPath = firstPath
            self.entryCount = entryCount
        }
    }

    /// A node that is still to be read.
    private struct Pending {
        let node: NodeID
        let level: UInt8?
        let extent: Unread
    }

    private let reader: StoreReader
    private let prefix: [UInt8]
    // Nodes still to be read, the next last.
    private var open: [Pending]
    /// What the last call could not read, where it threw.
    package private(set) var unread: Unread?
    // Entries of the leaf at hand, the next last.
    private var entries: [Entry] = []
    private var lastPath: [UInt8]?

    /// From the first entry at or beneath `prefix` on.
    init(reader: StoreReader, root: NodeID, prefix: [UInt8]) {
        self.reader = reader
        self.prefix = prefix
        open = [Pending(node: root, level: nil, extent: Unread(firstPath: [], entryCount: 0))]
    }

    /// The next entry; nil behind the last. Throws `damaged` where nodes contradict each other.
    package mutating func next() async throws(ArchiveError) -> Entry? {
        while true {
            while let entry = entries.popLast() {
                if let lastPath, !PathOrder.precedes(lastPath, entry.path) {
                    throw ArchiveError.damaged("tree: entries out of order")
                }
                lastPath = entry.path
                if PathOrder.contains(prefix, entry.path) { return entry }
                guard PathOrder.precedes(entry.path, prefix) else {
                    open = []
                    entries = []
                    return nil
                }
            }
            guard let next = open.popLast() else { return nil }
            unread = next.extent
            let node = try await reader.node(next.node)
            guard next.level == nil || next.level == node.level else {
                throw ArchiveError.damaged("tree: levels")
            }
            switch node {
            case .entries(let leaf): entries = leaf.reversed()
            case .entryBranches(let level, let branches): push(branches, level)
            case .segments, .segmentBranches: throw ArchiveError.damaged("tree: a chunk list among entries")
            }
            unread = nil
        }
    }

    /// Opens the branches that can hold entries of the prefix: from the last one that begins at or before it.
    private mutating func push(_ branches: [Node.Branch], _ level: UInt8) {
        open += Node.relevant(branches, prefix).map { branch in
            Pending(
                node: branch.node, level: level - 1,
                extent: Unread(firstPath: branch.firstPath, entryCount: branch.entryCount))
        }.reversed()
    }
}
