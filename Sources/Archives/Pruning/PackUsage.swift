/// How much of each pack is in use, by the index.
struct PackUsage: Sendable {
    /// Sealed bytes in use, beside the packs of the index.
    private(set) var used: [UInt64]
    /// All sealed bytes.
    private(set) var total: [UInt64]

    /// Counts. Throws `absent` where a chunk that is in use lies in no pack that is there: then nothing may be removed.
    init(_ index: PruneIndex, _ walk: inout LiveWalk) throws(ArchiveError) {
        used = [UInt64](repeating: 0, count: index.packs.count)
        total = used
        let lost = walk.placeChunks { place in
            for row in index.chunkKeys.indices {
                let pack = Int(index.chunkPacks[row])
                total[pack] += UInt64(index.chunkByteCounts[row])
                guard index.packs[pack].isPresent else { continue }
                // Each place of a piece that is in use counts: who says that a copy elsewhere is as good may be lying.
                if place(index.chunkKeys[row]) { used[pack] += UInt64(index.chunkByteCounts[row]) }
            }
        }
        for row in index.nodes {
            total[Int(row.pack)] += UInt64(row.sealedByteCount)
            if walk.nodes.contains(row.key) { used[Int(row.pack)] += UInt64(row.sealedByteCount) }
        }
        guard lost == 0 else {
            throw ArchiveError(
                .absent, "\(lost) chunks that snapshots need are in no pack; nothing is removed")
        }
    }

    /// The share of a pack that isn't in use.
    func unusedShare(_ pack: Int) -> Double {
        total[pack] == 0 ? 1 : Double(total[pack] - used[pack]) / Double(total[pack])
    }
}

extension LiveWalk {
    /// Calls `body` with what notes that a chunk has a place, and tells whether it is in use. Returns how many in use have none.
    mutating func placeChunks(_ body: ((UInt64) -> Bool) -> Void) -> Int {
        chunks.clearPlaces()
        body { chunks.place($0) }
        return chunks.unplacedCount
    }
}
