import Sodium

/// Cuts a stream of bytes into chunks and hands each to the writer's workers: no copy but of the bytes that span two
/// blocks. One task uses it.
struct ChunkStream: ~Copyable {
    /// Chunks that are added by one task, one after the other; their ids in order.
    typealias Batch = Task<Result<[ChunkID], ArchiveError>, Never>

    /// A chunk under way: which bytes of the stream, and the id to come.
    struct Piece {
        let range: Range<UInt64>
        let batch: Batch
        /// The chunk's place in the batch.
        let position: Int

        /// Waits for the chunk to be added.
        func id() async throws(ArchiveError) -> ChunkID { try await batch.value.get()[position] }

        /// The segment that is the whole chunk.
        func segment() async throws(ArchiveError) -> Segment {
            .chunk(try await id(), offset: 0, byteCount: UInt32(range.upperBound - range.lowerBound))
        }
    }

    private let writer: StoreWriter
    private var block: ByteBlock
    // The first byte of the block that isn't in a chunk yet.
    private var start = 0
    // Chunks of the block that wait for more to be worked on together.
    private var waiting: [Range<Int>] = []
    /// Bytes that are in chunks under way.
    private(set) var cutByteCount: UInt64 = 0

    /// Room for several of the longest chunks; less than these is copied to the next block.
    static let blockByteCount = 2 << 20
    /// Room that a reader is given at least.
    private static let roomByteCount = 64 << 10
    /// Chunks of so many bytes are worked on by one task: less often a task, and the reader, has to be woken.
    private static let batchByteCount = 256 << 10

    /// An empty one in `writer`'s session.
    init(writer: StoreWriter) {
        self.writer = writer
        block = ByteBlock(capacity: 0)
    }

    /// Bytes given so far.
    var byteCount: UInt64 { cutByteCount + UInt64(block.filledCount - firstWaiting) }

    private var firstWaiting: Int { waiting.first?.lowerBound ?? start }

    /// Lends room of at least 64 KiB; `read` returns how much it wrote. Follow it with `advance`.
    mutating func fill<Failure: Error>(
        _ read: (inout MutableRawSpan) throws(Failure) -> Int
    ) throws(Failure) -> Int {
        makeRoom(ChunkStream.roomByteCount)
        return try block.append(read)
    }

    /// Copies bytes from `offset` on behind the stream, as many as have room; returns how many. Follow it with
    /// `advance`.
    mutating func append(_ bytes: [UInt8], from offset: Int) -> Int {
        makeRoom(1)
        let count = min(bytes.count - offset, block.capacity - block.filledCount)
        bytes.withBytes { block.append($0.extracting(offset..<(offset + count))) }
        return count
    }

    /// Cuts what is sure to be whole chunks, and returns them.
    mutating func advance() async throws(ArchiveError) -> [Piece] {
        try await cut(whileAtLeast: writer.chunker.maximum)
    }

    /// Cuts all that is left; the next byte begins a chunk.
    mutating func flush() async throws(ArchiveError) -> [Piece] {
        try await cut(whileAtLeast: 1)
    }

    private mutating func cut(whileAtLeast limit: Int) async throws(ArchiveError) -> [Piece] {
        var pieces: [Piece] = []
        while block.filledCount - start >= limit {
            guard !Task.isCancelled else { throw ArchiveError(.cancelled, "content") }
            let length = block.withBytes(start..<block.filledCount) { writer.chunker.cut($0) }
            waiting.append(start..<(start + length))
            start += length
            if start - firstWaiting >= ChunkStream.batchByteCount { pieces += await work() }
        }
        // The end of a content, or of what this block has room for.
        let isEnd = limit == 1 || block.capacity - block.filledCount < ChunkStream.roomByteCount
        if isEnd, !waiting.isEmpty { pieces += await work() }
        return pieces
    }

    /// Hands the chunks that wait to a task.
    private mutating func work() async -> [Piece] {
        let ranges = waiting
        waiting.removeAll(keepingCapacity: true)
        await writer.slots.wait()
        let batch = Batch.detached { [writer, block] in
            defer { writer.slots.signal() }
            var ids: [ChunkID] = []
            ids.reserveCapacity(ranges.count)
            do throws(ArchiveError) {
                for range in ranges { ids.append(try await writer.add(block, range)) }
                return .success(ids)
            } catch {
                return .failure(error)
            }
        }
        var pieces: [Piece] = []
        for (position, range) in ranges.enumerated() {
            let end = cutByteCount + UInt64(range.count)
            pieces.append(Piece(range: cutByteCount..<end, batch: batch, position: position))
            cutByteCount = end
        }
        return pieces
    }

    /// Begins a new block where this one has less room, and takes along what isn't cut yet.
    private mutating func makeRoom(_ byteCount: Int) {
        guard block.capacity - block.filledCount < byteCount else { return }
        precondition(waiting.isEmpty, "chunks of a block that is left")
        let left = block.filledCount - start
        let next = writer.takeBlock(room: left + byteCount)
        let nextStart = next.filledCount
        block.withBytes(start..<block.filledCount) { next.append($0) }
        block = next
        start = nextStart
    }

    /// Leaves the block to another stream, when all is cut.
    mutating func leave() {
        guard start == block.filledCount, block.capacity > 0 else { return }
        writer.leaveBlock(block)
        block = ByteBlock(capacity: 0)
        start = 0
    }
}

/// Segments in order, in one list or, where they are many, in a tree.
struct ContentBuilder {
    private let writer: StoreWriter
    private var segments: [Segment] = []
    private var tree: NodeTreeWriter<Segment>?
    private var byteCount: UInt64 = 0

    /// An empty one in `writer`'s session.
    init(writer: StoreWriter) {
        self.writer = writer
    }

    /// Whether no segment was added.
    var isEmpty: Bool { byteCount == 0 }

    /// Adds the next segment; one of no bytes is left out.
    mutating func add(_ segment: Segment) async throws(ArchiveError) {
        guard segment.byteCount > 0 else { return }
        let (sum, overflow) = byteCount.addingReportingOverflow(segment.byteCount)
        guard !overflow else { throw ArchiveError(.limitExceeded, "content: longer than 64 bits") }
        byteCount = sum
        if tree == nil {
            segments.append(segment)
            guard segments.count > Content.inlineLimit else { return }
            tree = NodeTreeWriter(bits: writer.keys.store.config.cutting.listBits, writer: writer)
            for segment in segments { try await tree?.add(segment, cut: ContentBuilder.cut(segment)) }
            segments = []
        } else {
            try await tree?.add(segment, cut: ContentBuilder.cut(segment))
        }
    }

    /// The content of all segments.
    mutating func finish() async throws(ArchiveError) -> Content {
        guard let root = try await tree?.finish() else {
            return Content(byteCount: byteCount, storage: .segments(segments))
        }
        return Content(byteCount: byteCount, storage: .tree(root.node))
    }

    /// A chunk's id is a keyed hash: its last word decides. A hole ends nothing.
    private static func cut(_ segment: Segment) -> UInt64 {
        guard case .chunk(let id, _, _) = segment else { return .max }
        return id.hash.words.3
    }
}
