/// An entry that is not the same in two trees.
package enum EntryDifference: Sendable, Equatable {
    /// The second tree alone has it.
    case added(Entry)
    /// The first tree alone has it.
    case removed(Entry)
    /// Both have it, not the same.
    case changed(from: Entry, to: Entry)
}

/// Walks two trees of entries at once and tells what differs, in the order of paths. A subtree that both name by one id is
/// equal and is not read: the work grows with the differences.
package struct TreeComparison: Sendable {
    private let reader: StoreReader
    private var first: TreeFrontier
    private var second: TreeFrontier

    /// Compares what is at `prefix` and beneath it in the trees `old` and `new`; nil is a tree without entries.
    package init(_ old: NodeID?, _ new: NodeID?, under prefix: [UInt8] = [], _ reader: StoreReader) {
        self.reader = reader
        first = TreeFrontier(old, prefix)
        second = TreeFrontier(new, prefix)
    }

    /// The next difference; nil behind the last. Throws `absent`, `damaged`, `keyNeeded`, `storage`; after the first two the
    /// next call goes on behind the node that can't be read.
    package mutating func next() async throws(ArchiveError) -> EntryDifference? {
        while true {
            switch (first.next, second.next) {
            case (nil, nil): return nil
            case (.entry(let entry), nil): return take(removed: entry)
            case (nil, .entry(let entry)): return take(added: entry)
            case (.node, nil): try await first.expand(reader)
            case (nil, .node): try await second.expand(reader)
            case (.entry(let old), .entry(let new)):
                if PathOrder.precedes(old.path, new.path) { return take(removed: old) }
                if PathOrder.precedes(new.path, old.path) { return take(added: new) }
                first.pass()
                second.pass()
                if old != new { return .changed(from: old, to: new) }
            case (.entry(let old), .node(let node)):
                if PathOrder.precedes(old.path, node.firstPath) { return take(removed: old) }
                try await second.expand(reader)
            case (.node(let node), .entry(let new)):
                if PathOrder.precedes(new.path, node.firstPath) { return take(added: new) }
                try await first.expand(reader)
            case (.node(let old), .node(let new)):
                if old.id == new.id {
                    first.pass()
                    second.pass()
                } else if PathOrder.precedes(new.firstPath, old.firstPath)
                    || (old.firstPath == new.firstPath && new.level > old.level)
                {
                    try await second.expand(reader)
                } else {
                    try await first.expand(reader)
                }
            }
        }
    }

    private mutating func take(removed entry: Entry) -> EntryDifference {
        first.pass()
        return .removed(entry)
    }

    private mutating func take(added entry: Entry) -> EntryDifference {
        second.pass()
        return .added(entry)
    }
}

/// What is still to come of one tree: entries and nodes that were not read, in order.
private struct TreeFrontier: Sendable {
    /// A node that was not read.
    struct Pending: Sendable {
        let id: NodeID
        /// One more than any that a node can have, where it is not known.
        let level: UInt8
        let firstPath: [UInt8]
    }

    enum Item: Sendable {
        case entry(Entry)
        case node(Pending)
    }

    private let prefix: [UInt8]
    // The next last.
    private var items: [Item] = []

    init(_ root: NodeID?, _ prefix: [UInt8]) {
        self.prefix = prefix
        guard let root else { return }
        items = [.node(Pending(id: root, level: Node.levelLimit + 1, firstPath: []))]
    }

    var next: Item? { items.last }

    /// Leaves the next one behind.
    mutating func pass() { items.removeLast() }

    /// Puts what the next node holds in its place.
    mutating func expand(_ reader: StoreReader) async throws(ArchiveError) {
        guard case .node(let pending)? = items.popLast() else { return }
        switch try await reader.node(pending.id) {
        case .entries(let leaf):
            guard pending.level == 0 || pending.level > Node.levelLimit else {
                throw ArchiveError.damaged("tree: levels")
            }
            items += leaf.filter { PathOrder.contains(prefix, $0.path) }.reversed().map { Item.entry($0) }
        case .entryBranches(let level, let branches):
            guard level == pending.level || pending.level > Node.levelLimit else {
                throw ArchiveError.damaged("tree: levels")
            }
            items += Node.relevant(branches, prefix).reversed().map { branch in
                Item.node(Pending(id: branch.node, level: level - 1, firstPath: branch.firstPath))
            }
        case .segments, .segmentBranches: throw ArchiveError.damaged("tree: a chunk list among entries")
        }
    }
}

extension Node {
    /// The branches that can hold entries at `prefix` or beneath it: from the last one that begins at or before it.
    static func relevant(_ branches: [Branch], _ prefix: [UInt8]) -> [Branch] {
        var first = 0
        for (position, branch) in branches.enumerated()
        where !PathOrder.precedes(prefix, branch.firstPath) {
            first = position
        }
        guard first < branches.count else { return [] }
        return branches[first...].enumerated().prefix { position, branch in
            position == 0 || PathOrder.contains(prefix, branch.firstPath)
                || PathOrder.precedes(branch.firstPath, prefix)
        }.map(\.element)
    }
}
