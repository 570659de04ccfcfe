import Storage

/// Finds all that snapshots reach, with `write` alone: node by node, the parts of nodes that name children.
struct LiveWalk: Sendable {
    private let keys: OpenedWrite
    private let index: PruneIndex
    /// Chunks in use.
    var chunks: LiveSet
    /// Nodes in use.
    private(set) var nodes: LiveSet
    // A bit for each row of `index.nodes`: set for the first row of a node that was visited.
    private var visited: [UInt64]

    /// Packs that are read at once.
    private static let parallelism = 8
    /// A read passes over so many bytes that nobody asked for, rather than begin anew.
    private static let gapLimit = 128 << 10
    /// A read is not longer.
    private static let runLimit = 4 << 20

    /// A walk that has reached nothing yet.
    init(_ keys: OpenedWrite, _ index: PruneIndex) {
        self.keys = keys
        self.index = index
        chunks = LiveSet(capacity: index.chunkKeys.count)
        nodes = LiveSet(capacity: index.nodes.count)
        visited = [UInt64](repeating: 0, count: (index.nodes.count + 63) / 64)
    }

    /// Adds all that `snapshots` reach.
    ///
    /// Throws `absent` for a node that is in no pack of the index, `damaged` for one that can't be opened, `keyNeeded`,
    /// `storage`: then nothing may be removed.
    mutating func reach(_ snapshots: [SnapshotRecord]) async throws(ArchiveError) {
        var frontier: [Int] = []
        for snapshot in snapshots {
            for root in snapshot.header.roots { try visit(root, &frontier) }
        }
        // Level by level: a level's nodes are read by packs.
        while !frontier.isEmpty {
            guard !Task.isCancelled else { throw ArchiveError(.cancelled, "prune") }
            frontier = try await step(frontier)
        }
    }

    private mutating func visit(_ id: NodeID, _ frontier: inout [Int]) throws(ArchiveError) {
        guard let first = index.position(of: id) else {
            throw ArchiveError(.absent, "node \(id): in no index")
        }
        let (word, bit) = (first / 64, UInt64(1) << UInt64(first % 64))
        guard visited[word] & bit == 0 else { return }
        visited[word] |= bit
        nodes.insert(index.nodes[first].key)
        var position = first
        while position < index.nodes.count, index.nodes[position].id == id {
            if index.packs[Int(index.nodes[position].pack)].isPresent {
                frontier.append(position)
                return
            }
            position += 1
        }
        throw ArchiveError(.absent, "node \(id): its pack is missing")
    }

    private mutating func step(_ frontier: [Int]) async throws(ArchiveError) -> [Int] {
        let runs = LiveWalk.runs(frontier, index)
        let (keys, index) = (keys, index)
        var next: [Int] = []
        do {
            try await withThrowingTaskGroup(of: [Node.Child].self) { group in
                for (position, run) in runs.enumerated() {
                    if position >= LiveWalk.parallelism, let children = try await group.next() {
                        try add(children, &next)
                    }
                    group.addTask {
                        try await WorkExecutor.run { try await LiveWalk.children(of: run, index, keys) }
                    }
                }
                for try await children in group { try add(children, &next) }
            }
        } catch let error as ArchiveError {
            throw error
        } catch {
            throw ArchiveError(.cancelled, "prune", underlying: error)
        }
        return next
    }

    private mutating func add(_ children: [Node.Child], _ next: inout [Int]) throws(ArchiveError) {
        for child in children {
            switch child {
            case .chunk(let id): chunks.insert(LiveSet.key(id.keyNumber, id.hash))
            case .node(let id): try visit(id, &next)
            }
        }
    }

    /// Rows of one pack, near each other, in the order in which they lie.
    private static func runs(_ frontier: [Int], _ index: PruneIndex) -> [[Int]] {
        let sorted = frontier.sorted { left, right in
            (index.nodes[left].pack, index.nodes[left].offset) < (
                index.nodes[right].pack, index.nodes[right].offset
            )
        }
        var runs: [[Int]] = []
        var run: [Int] = []
        for position in sorted {
            if let first = run.first, let last = run.last {
                let (start, before, row) = (index.nodes[first], index.nodes[last], index.nodes[position])
                let isNear =
                    row.pack == start.pack
                    && Int(row.offset) <= Int(before.offset) + before.readByteCount + gapLimit
                    && Int(row.offset) + row.readByteCount - Int(start.offset) <= runLimit
                if !isNear {
                    runs.append(run)
                    run = []
                }
            }
            run.append(position)
        }
        if !run.isEmpty { runs.append(run) }
        return runs
    }

    /// The children of all nodes of a run. One that can't be opened there is taken from another pack that has it too.
    private static func children(
        of run: [Int], _ index: PruneIndex, _ keys: OpenedWrite
    ) async throws(ArchiveError) -> [Node.Child] {
        guard let first = run.first.map({ index.nodes[$0] }) else { return [] }
        let start = Int(first.offset)
        let end = run.reduce(start) {
            max($0, Int(index.nodes[$1].offset) + index.nodes[$1].readByteCount)
        }
        let pack = index.packs[Int(first.pack)]
        var bytes: [UInt8]?
        do throws(ArchiveError) {
            bytes = try await keys.store.objects.fetch(
                try ObjectPlace.packs.name(pack.name), range: start..<end)
        } catch {
            guard error.code == .damaged || error.code == .absent else { throw error }
        }
        var children: [Node.Child] = []
        for position in run {
            let row = index.nodes[position]
            do throws(ArchiveError) {
                guard let bytes else { throw ArchiveError.damaged("packs/\(pack.name): can't be read") }
                let offset = Int(row.offset) - start
                children += try decode(
                    Array(bytes[offset..<(offset + row.readByteCount)]), row, keys)
            } catch {
                guard error.code == .damaged else { throw error }
                children += try await elsewhere(position, index, keys, error)
            }
        }
        return children
    }

    private static func decode(
        _ sealed: [UInt8], _ row: PruneIndex.NodeRow, _ keys: OpenedWrite
    ) throws(ArchiveError) -> [Node.Child] {
        guard row.childrenByteCount <= row.sealedByteCount else {
            throw ArchiveError.damaged("node \(row.id): lengths")
        }
        return try Node.children(
            decoding: try NodeChildren.open(sealed, id: row.id, with: keys), "node \(row.id)")
    }

    /// The children from any of the later rows of the same node. Throws `failure` where none is sound.
    private static func elsewhere(
        _ position: Int, _ index: PruneIndex, _ keys: OpenedWrite, _ failure: ArchiveError
    ) async throws(ArchiveError) -> [Node.Child] {
        let id = index.nodes[position].id
        var other = position + 1
        while other < index.nodes.count, index.nodes[other].id == id {
            let row = index.nodes[other]
            other += 1
            guard index.packs[Int(row.pack)].isPresent else { continue }
            do throws(ArchiveError) {
                let name = try ObjectPlace.packs.name(index.packs[Int(row.pack)].name)
                let range = Int(row.offset)..<(Int(row.offset) + row.readByteCount)
                return try decode(try await keys.store.objects.fetch(name, range: range), row, keys)
            } catch {
                guard error.code == .damaged || error.code == .absent else { throw error }
            }
        }
        throw failure
    }
}
