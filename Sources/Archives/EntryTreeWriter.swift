/// Builds the tree of one source: entries in the order of their paths, small files' contents in shared chunks.
///
/// For each file: `content(…)`, then `add(_:content:)`; for all else `add(_:)`. One task uses it. Entries whose
/// chunks are under way wait in order; memory stays bounded.
package struct EntryTreeWriter: ~Copyable {
    /// A content that was read, for the entry that is added next.
    package struct PendingContent: Sendable {
        enum Place: Sendable {
            case ready(Content)
            /// A range of the bundle stream.
            case bundled(Range<UInt64>)
            /// Chunks of its own, under way.
            case pieces([ChunkStream.Piece])
        }

        let place: Place
        /// How many bytes were read.
        package let byteCount: UInt64
    }

    private struct Waiting {
        var entry: Entry
        let cut: UInt64
        let bundled: Range<UInt64>?
        let pieces: [ChunkStream.Piece]
        /// In the place of an entry, which then only names its first path: a leaf that the store holds.
        var leaf: TreeLeaf?
    }

    private let writer: StoreWriter
    private let onEntry: ((Entry) -> Void)?
    private let onLeaf: ((TreeLeaf, _ isHeld: Bool) -> Void)?
    private var tree: NodeTreeWriter<Entry>
    private var bundle: ChunkStream
    private var pieces: [ChunkStream.Piece] = []
    private var waiting: [Waiting] = []
    // Those before are in the tree.
    private var firstWaiting = 0
    // Chunks that waiting entries have of their own.
    private var ownPieceCount = 0
    private var lastPath: [UInt8]?
    private var entriesSinceCut = 0
    // Entries, and their weight, behind the end of the last leaf, those that wait among them.
    private var openCount = 0
    private var openWeight = 0
    // What the leaf that the tree is at names so far.
    private var leafChildren: [Node.Child] = []
    // Where the newest bundled content begins: its entry may not be waiting yet.
    private var newestStart: UInt64 = 0

    /// The bundle is cut at the latest behind so many entries, so that few wait for it.
    private static let bundleEntryLimit = 1024

    /// A tree in `writer`'s session. `onEntry` is told each entry with its content, in order, once it is known, and `onLeaf`
    /// each leaf behind its entries, but for the tree's last: what an agent remembers to skip what is unchanged. Leaves that
    /// were added whole come to `onLeaf` alone.
    package init(
        _ writer: StoreWriter, onEntry: ((Entry) -> Void)? = nil,
        onLeaf: ((TreeLeaf, _ isHeld: Bool) -> Void)? = nil
    ) {
        self.writer = writer
        self.onEntry = onEntry
        self.onLeaf = onLeaf
        tree = NodeTreeWriter(bits: writer.keys.store.config.cutting.entryBits, writer: writer)
        bundle = ChunkStream(writer: writer)
    }

    /// Whether a file that is expected to be so long shares chunks with others.
    package func isShared(byteCount: UInt64) -> Bool {
        byteCount < writer.keys.store.config.cutting.bundleLimit
    }

    /// Reads a file's content until `read` returns 0 (it is lent room and returns how much of it it wrote).
    ///
    /// A file that is expected to be short goes into the stream that the source's short files share; one that turns
    /// out longer is stored whole all the same. Throws `source` with what `read` threw.
    package mutating func content<Failure: Error>(
        expectedByteCount: UInt64, _ read: (inout MutableRawSpan) throws(Failure) -> Int
    ) async throws(ArchiveError) -> PendingContent {
        guard isShared(byteCount: expectedByteCount) else {
            var content = ContentWriter(writer)
            try await content.read(read)
            let byteCount = content.byteCount
            if let pieces = try await content.finishLater() {
                return PendingContent(place: .pieces(pieces), byteCount: byteCount)
            }
            return .init(ready: try await content.finish())
        }
        let start = bundle.byteCount
        newestStart = start
        while true {
            let count: Int
            do throws(Failure) {
                count = try bundle.fill(read)
            } catch {
                throw ArchiveError(.source, "content", underlying: error)
            }
            try await collect(try await bundle.advance())
            guard count > 0 else { break }
        }
        let range = start..<bundle.byteCount
        return PendingContent(place: .bundled(range), byteCount: range.upperBound - range.lowerBound)
    }

    /// Adds the next entry. A file has its `content`, or in its kind one that this session or an earlier one stored.
    ///
    /// Throws `invalid` for an entry that no tree can hold, one that isn't behind the last in `PathOrder`, and a
    /// content in the kind that the store doesn't hold (`StoreWriter.holds(_:)`).
    package mutating func add(_ entry: Entry, content: PendingContent? = nil) async throws(ArchiveError) {
        try admit(entry)
        var entry = entry
        var bundled: Range<UInt64>?
        var pieces: [ChunkStream.Piece] = []
        switch content?.place {
        case .ready(let content)?: entry.kind = .file(content)
        case .bundled(let range)?:
            entry.kind = .file(.empty)
            bundled = range.isEmpty ? nil : range
        case .pieces(let own)?:
            entry.kind = .file(.empty)
            pieces = own
        case nil:
            if let content = entry.content, !(try await writer.holds(content)) {
                throw ArchiveError(.invalid, "entry: its content isn't in the store")
            }
        }
        lastPath = entry.path
        try await enter(entry, bundled, pieces)
    }

    /// Adds the next entry, a file with a content that an earlier session stored. False, and nothing added, where the
    /// store doesn't hold it (any more).
    package mutating func addHeld(_ entry: Entry) async throws(ArchiveError) -> Bool {
        try admit(entry)
        guard let content = entry.content, try await writer.holds(content) else { return false }
        lastPath = entry.path
        try await enter(entry, nil, [])
        return true
    }

    /// Whether the next entry begins a leaf.
    package var isAtLeaf: Bool { openCount == 0 }

    /// Adds a leaf that an earlier session stored, with entries from `first` to `last`. False, and nothing added, where the
    /// tree isn't at the beginning of a leaf, and where the store doesn't hold it with all that it names (any more).
    /// `willAdd` is called when it is sure to be added.
    package mutating func addHeld(
        _ leaf: TreeLeaf, from first: [UInt8], to last: [UInt8], willAdd: () -> Void = {}
    ) async throws(ArchiveError) -> Bool {
        if let lastPath, !PathOrder.precedes(lastPath, first) {
            throw ArchiveError(.invalid, "entry: not in the order of paths")
        }
        guard isAtLeaf, try await writer.holds(leaf) else { return false }
        willAdd()
        lastPath = last
        waiting.append(
            Waiting(
                entry: Entry(path: first, kind: .fifo, mode: 0), cut: leaf.cut, bundled: nil, pieces: [],
                leaf: leaf))
        try await settle(4 * writer.options.parallelism)
        return true
    }

    /// Throws `invalid` for an entry that can't be the next.
    private func admit(_ entry: Entry) throws(ArchiveError) {
        guard entry.isValid else { throw ArchiveError(.invalid, "entry: values that no tree can hold") }
        if let lastPath, !PathOrder.precedes(lastPath, entry.path) {
            throw ArchiveError(.invalid, "entry: not in the order of paths")
        }
    }

    private mutating func enter(
        _ entry: Entry, _ bundled: Range<UInt64>?, _ pieces: [ChunkStream.Piece]
    ) async throws(ArchiveError) {
        let cut = writer.session.write.cutBits(of: entry.path)
        waiting.append(Waiting(entry: entry, cut: cut, bundled: bundled, pieces: pieces))
        openCount += 1
        openWeight += entry.weight
        if tree.endsLeaf(openCount, weight: openWeight, cut) { (openCount, openWeight) = (0, 0) }
        ownPieceCount += pieces.count
        entriesSinceCut += 1
        if entriesSinceCut >= EntryTreeWriter.bundleEntryLimit {
            try await collect(try await bundle.flush())
            entriesSinceCut = 0
        }
        try await settle(4 * writer.options.parallelism)
    }

    /// Ends the tree.
    package mutating func finish() async throws(ArchiveError) -> TreeRoot {
        try await collect(try await bundle.flush())
        try await settle(0)
        let root = try await tree.finish()
        return TreeRoot(node: root.node, entryCount: root.entryCount, byteCount: root.byteCount)
    }

    private mutating func collect(_ new: [ChunkStream.Piece]) async throws(ArchiveError) {
        guard !new.isEmpty else { return }
        pieces += new
        entriesSinceCut = 0
        try await settle(4 * writer.options.parallelism)
    }

    /// Takes waiting entries into the tree: those that wait for nothing, and, while more than `limit` chunks are
    /// held, those whose chunks are cut.
    private mutating func settle(_ limit: Int) async throws(ArchiveError) {
        while firstWaiting < waiting.count {
            let cut = waiting[firstWaiting].cut
            if let leaf = waiting[firstWaiting].leaf {
                let branch = Node.Branch(
                    node: leaf.node, firstPath: waiting[firstWaiting].entry.path, entryCount: leaf.entryCount,
                    byteCount: leaf.byteCount)
                try await tree.add(leaf: branch, cut: cut)
                onLeaf?(leaf, true)
                firstWaiting += 1
                continue
            }
            var entry = waiting[firstWaiting].entry
            let own = waiting[firstWaiting].pieces
            if let range = waiting[firstWaiting].bundled {
                guard range.upperBound <= bundle.cutByteCount, pieces.count + ownPieceCount > limit else {
                    break
                }
                entry.kind = .file(try await content(range))
            } else if !own.isEmpty {
                guard pieces.count + ownPieceCount > limit else { break }
                var builder = ContentBuilder(writer: writer)
                for piece in own { try await builder.add(try await piece.segment()) }
                entry.kind = .file(try await builder.finish())
                ownPieceCount -= own.count
            }
            onEntry?(entry)
            if onLeaf != nil { entry.content?.appendChildren(to: &leafChildren) }
            if let branch = try await tree.add(entry, cut: cut) {
                onLeaf?(
                    TreeLeaf(
                        node: branch.node, entryCount: branch.entryCount, byteCount: branch.byteCount,
                        cut: cut,
                        children: leafChildren), false)
                leafChildren.removeAll(keepingCapacity: true)
            }
            firstWaiting += 1
            if firstWaiting == waiting.count || waiting[firstWaiting].bundled != nil {
                dropPieces(after: firstWaiting)
            }
        }
        guard firstWaiting >= min(waiting.count, EntryTreeWriter.bundleEntryLimit) else { return }
        waiting.removeFirst(firstWaiting)
        firstWaiting = 0
    }

    /// Lets go of chunks that no entry from `position` on needs.
    private mutating func dropPieces(after position: Int) {
        let needed = min(
            newestStart, waiting[position...].first { $0.bundled != nil }?.bundled?.lowerBound ?? .max)
        let done = pieces.prefix { $0.range.upperBound <= needed }.count
        pieces.removeFirst(done)
    }

    /// The content that is `range` of the bundle stream.
    private func content(_ range: Range<UInt64>) async throws(ArchiveError) -> Content {
        var builder = ContentBuilder(writer: writer)
        for piece in pieces where piece.range.overlaps(range) {
            let part = piece.range.clamped(to: range)
            try await builder.add(
                .chunk(
                    try await piece.id(), offset: UInt32(part.lowerBound - piece.range.lowerBound),
                    byteCount: UInt32(part.upperBound - part.lowerBound)))
        }
        return try await builder.finish()
    }
}

extension EntryTreeWriter.PendingContent {
    fileprivate init(ready content: Content) {
        self.init(place: .ready(content), byteCount: content.byteCount)
    }
}
