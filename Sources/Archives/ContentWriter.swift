/// Stores one content of any length as a stream: a file, a command's output, a bundle. One task uses it.
///
/// Memory stays bounded: reading waits where the workers are behind.
package struct ContentWriter: ~Copyable {
    private let writer: StoreWriter
    private var stream: ChunkStream
    private var builder: ContentBuilder
    private var pieces: [ChunkStream.Piece] = []

    /// A content in `writer`'s session.
    package init(_ writer: StoreWriter) {
        self.writer = writer
        stream = ChunkStream(writer: writer)
        builder = ContentBuilder(writer: writer)
    }

    /// The length so far, holes included.
    package var byteCount: UInt64 { stream.byteCount + holeByteCount }
    private var holeByteCount: UInt64 = 0

    /// Reads until `read` returns 0. It is lent at least 64 KiB of room and returns how much of it it wrote.
    ///
    /// Throws `source` with what `read` threw as `underlying`.
    package mutating func read<Failure: Error>(
        _ read: (inout MutableRawSpan) throws(Failure) -> Int
    ) async throws(ArchiveError) {
        while true {
            let count: Int
            do throws(Failure) {
                count = try stream.fill(read)
            } catch {
                throw ArchiveError(.source, "content", underlying: error)
            }
            try await collect(try await stream.advance())
            guard count > 0 else { return }
        }
    }

    /// Adds `bytes`.
    package mutating func append(_ bytes: [UInt8]) async throws(ArchiveError) {
        var offset = 0
        while offset < bytes.count {
            offset += stream.append(bytes, from: offset)
            try await collect(try await stream.advance())
        }
    }

    /// Adds `byteCount` zero bytes that take no room. Chunks end before and begin behind them.
    package mutating func hole(_ byteCount: UInt64) async throws(ArchiveError) {
        try await collect(try await stream.flush())
        try await settle(0)
        try await builder.add(.hole(byteCount))
        holeByteCount += byteCount
    }

    /// Ends the content.
    package mutating func finish() async throws(ArchiveError) -> Content {
        try await collect(try await stream.flush())
        stream.leave()
        try await settle(0)
        return try await builder.finish()
    }

    /// Ends the content and leaves its chunks to be waited for: nil where some were already. `finish` then.
    mutating func finishLater() async throws(ArchiveError) -> [ChunkStream.Piece]? {
        try await collect(try await stream.flush())
        guard builder.isEmpty, holeByteCount == 0 else { return nil }
        stream.leave()
        return pieces
    }

    private mutating func collect(_ new: [ChunkStream.Piece]) async throws(ArchiveError) {
        pieces += new
        try await settle(4 * writer.options.parallelism)
    }

    /// Waits for the oldest chunks until at most `limit` are under way.
    private mutating func settle(_ limit: Int) async throws(ArchiveError) {
        guard pieces.count > limit else { return }
        let ready = pieces.prefix(pieces.count - limit)
        pieces.removeFirst(ready.count)
        for piece in ready { try await builder.add(try await piece.segment()) }
    }
}
