extension StoreReader {
    /// Reads a content in order: hands its bytes to `sink`, lent for the time of the call, and the lengths of its
    /// holes (zeros that took no room) to `hole`. Chunks ahead are fetched and opened at the same time.
    ///
    /// Throws `consumer` with what `sink` or `hole` threw; `absent`, `damaged`, `keyNeeded`, `storage`. Nothing that
    /// wasn't verified reaches `sink`; what it has had before a failure is the content's beginning.
    package func read(
        _ content: Content, parallelism: Int = 4, into sink: (RawSpan) throws -> Void,
        hole: (UInt64) throws -> Void
    ) async throws(ArchiveError) {
        var segments = SegmentCursor(reader: self, content: content)
        var ahead = ReadAhead(reader: self)
        var delivered: UInt64 = 0
        var isEnd = false
        while true {
            guard !Task.isCancelled else { throw ArchiveError(.cancelled, "content") }
            while !isEnd, ahead.count < max(1, parallelism) {
                if let segment = try await segments.next() { ahead.add(segment) } else { isEnd = true }
            }
            guard let (segment, block) = try await ahead.next() else { break }
            delivered &+= segment.byteCount
            do {
                switch segment {
                case .hole(let byteCount): try hole(byteCount)
                case .chunk(_, let offset, let byteCount):
                    let range = Int(offset)..<(Int(offset) + Int(byteCount))
                    try block?.withBytes(range, sink)
                }
            } catch {
                throw ArchiveError(.consumer, "content", underlying: error)
            }
        }
        guard delivered == content.byteCount else { throw ArchiveError.damaged("content: length") }
    }

    /// The whole of a short content. Throws `limitExceeded` above `limit` bytes.
    package func bytes(of content: Content, limit: Int) async throws(ArchiveError) -> [UInt8] {
        guard content.byteCount <= UInt64(limit) else {
            throw ArchiveError(.limitExceeded, "content: too long")
        }
        var bytes: [UInt8] = []
        try await read(content) { span in
            unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        } hole: { count in
            bytes.append(contentsOf: repeatElement(0, count: Int(count)))
        }
        return bytes
    }
}

/// Chunks that are being fetched, in the order in which they are needed. A chunk that follows itself is fetched once.
private struct ReadAhead {
    private typealias Fetch = Task<Result<ByteBlock, ArchiveError>, Never>

    /// Who fetches.
    let reader: StoreReader
    private var queue: [(segment: Segment, task: Fetch?)] = []
    // The chunk that was asked for last: small files of one bundle follow each other.
    private var last: (id: ChunkID, task: Fetch)?

    /// Nothing is being fetched.
    init(reader: StoreReader) { self.reader = reader }

    /// Segments in the queue.
    var count: Int { queue.count }

    /// Puts a segment in the queue and begins to fetch its chunk.
    mutating func add(_ segment: Segment) {
        guard case .chunk(let id, _, _) = segment else {
            queue.append((segment, nil))
            return
        }
        if let last, last.id == id {
            queue.append((segment, last.task))
            return
        }
        let task = Fetch.detached { [reader] in
            do throws(ArchiveError) {
                return .success(try await reader.heldChunk(id))
            } catch {
                return .failure(error)
            }
        }
        last = (id, task)
        queue.append((segment, task))
    }

    /// The oldest, with its chunk. Throws `damaged` where the segment isn't within the chunk.
    mutating func next() async throws(ArchiveError) -> (Segment, ByteBlock?)? {
        guard !queue.isEmpty else { return nil }
        let (segment, task) = queue.removeFirst()
        guard let task, case .chunk(_, let offset, let byteCount) = segment else { return (segment, nil) }
        let block = try await task.value.get()
        guard Int(offset) + Int(byteCount) <= block.filledCount else {
            throw ArchiveError.damaged("segment: outside of its chunk")
        }
        return (segment, block)
    }
}

/// Walks the segments of a content.
package struct SegmentCursor {
    private let reader: StoreReader
    private var open: [(node: NodeID, level: UInt8?)] = []
    private var segments: [Segment] = []

    /// From the first segment of `content` on.
    init(reader: StoreReader, content: Content) {
        self.reader = reader
        switch content.storage {
        case .segments(let list): segments = list.reversed()
        case .tree(let node): open = [(node, nil)]
        }
    }

    /// The next segment; nil behind the last.
    package mutating func next() async throws(ArchiveError) -> Segment? {
        while true {
            if let segment = segments.popLast() { return segment }
            guard let (id, level) = open.popLast() else { return nil }
            let node = try await reader.node(id)
            guard level == nil || level == node.level else {
                throw ArchiveError.damaged("chunk list: levels")
            }
            switch node {
            case .segments(let leaf): segments = leaf.reversed()
            case .segmentBranches(let level, let branches):
                open += branches.reversed().map { ($0.node, level - 1) }
            case .entries, .entryBranches: throw ArchiveError.damaged("chunk list: an entry among chunks")
            }
        }
    }
}
