import Sodium
import Storage
import Synchronization

extension StoreReader {
    /// The segments of a content, in order.
    package func segments(of content: Content) -> SegmentCursor {
        SegmentCursor(reader: self, content: content)
    }

    /// Lends the plaintext of each of `chunks` with its position there, in the order in which they lie in packs: those
    /// that are near each other are read at one go. Give it at most some megabytes; several calls may run at once.
    ///
    /// Throws `consumer` with what `sink` threw; `absent`, `damaged`, `keyNeeded`, `storage`. Nothing that wasn't verified
    /// reaches `sink`.
    package func read(
        _ chunks: [ChunkID], _ sink: (Int, RawSpan) throws -> Void
    ) async throws(ArchiveError) {
        var wanted: [(position: Int, place: PieceIndex.Place)] = []
        wanted.reserveCapacity(chunks.count)
        for (position, chunk) in chunks.enumerated() {
            wanted.append((position, try await place(of: chunk)))
        }
        wanted.sort { ($0.place.ordinal, $0.place.offset) < ($1.place.ordinal, $1.place.offset) }
        var start = 0
        while start < wanted.count {
            guard !Task.isCancelled else { throw ArchiveError(.cancelled, "chunks") }
            let end = StoreReader.runEnd(wanted, from: start)
            try await readRun(chunks, wanted[start..<end], sink)
            start = end
        }
    }

    /// The first place of a chunk. Throws `absent`.
    private func place(of chunk: ChunkID) async throws(ArchiveError) -> PieceIndex.Place {
        while true {
            let (source, epoch) = renewal.withLock { ($0.source, $0.epoch) }
            if let place = source.index.places(of: chunk).first { return place }
            guard try await renew(after: epoch) else {
                throw ArchiveError(.absent, "chunk \(chunk): in no index")
            }
        }
    }

    /// A read passes over so many bytes that nobody asked for, rather than begin anew.
    private static let gapLimit = 32 << 10
    /// A read is not longer.
    private static let runLimit = 4 << 20

    private static func runEnd(_ wanted: [(position: Int, place: PieceIndex.Place)], from start: Int) -> Int {
        let first = wanted[start].place
        var last = first
        var end = start + 1
        while end < wanted.count {
            let next = wanted[end].place
            guard next.ordinal == first.ordinal,
                next.offset <= last.offset + last.sealedByteCount + gapLimit,
                next.offset + next.sealedByteCount - first.offset <= runLimit
            else { break }
            last = next
            end += 1
        }
        return end
    }

    private func readRun(
        _ chunks: [ChunkID], _ run: ArraySlice<(position: Int, place: PieceIndex.Place)>,
        _ sink: (Int, RawSpan) throws -> Void
    ) async throws(ArchiveError) {
        guard let first = run.first?.place else { return }
        let end = run.reduce(0) { max($0, $1.place.offset + $1.place.sealedByteCount) }
        let name = try ObjectPlace.packs.name(source.index.packs[first.ordinal].pack.name)
        var bytes: [UInt8]?
        do throws(ArchiveError) {
            bytes = try await keys.store.objects.fetch(name, range: first.offset..<end)
        } catch {
            guard error.code == .damaged || error.code == .absent else { throw error }
        }
        for (position, place) in run {
            let isRead = try lend(chunks[position], place, bytes, first.offset) { plaintext in
                try sink(position, plaintext)
            }
            if isRead { continue }
            // Damaged or gone here: another pack may hold it too.
            let block = try await chunk(chunks[position])
            do {
                try block.withBytes(0..<block.filledCount) { try sink(position, $0) }
            } catch {
                throw ArchiveError(.consumer, "chunk", underlying: error)
            }
        }
    }

    /// Lends a chunk from the bytes of its pack that begin at `start`; false where it is damaged there.
    private func lend(
        _ id: ChunkID, _ place: PieceIndex.Place, _ bytes: [UInt8]?, _ start: Int,
        _ body: (RawSpan) throws -> Void
    ) throws(ArchiveError) -> Bool {
        guard let bytes else { return false }
        let key = try dataKey(place)
        do throws(ArchiveError) {
            try bytes.withBytes { (bytes) throws(ArchiveError) in
                let offset = place.offset - start
                let sealed = bytes.extracting(offset..<(offset + place.sealedByteCount))
                try chunk(id, sealed, byteCount: Int(place.auxiliary), key: key) {
                    (plaintext) throws(ArchiveError) in
                    do {
                        try body(plaintext)
                    } catch {
                        throw ArchiveError(.consumer, "chunk", underlying: error)
                    }
                }
            }
            return true
        } catch {
            guard error.code == .damaged else { throw error }
            return false
        }
    }
}
