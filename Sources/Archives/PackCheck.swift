import Sodium
import Storage

/// Looks at packs, several at once: each against its own header and the index.
struct PackCheck: Sendable {
    /// What a pack that is sound holds.
    struct Found: Sendable {
        /// Its pieces.
        var pieceCount = 0
        /// Rows of the index that it bears out.
        var rows: [Int] = []
        /// Bytes that were read and hashed whole.
        var readByteCount: UInt64 = 0
    }

    /// Who opens pieces.
    let reader: StoreReader
    /// Packs of which every byte is read, and every piece opened as far as there are keys.
    let chosen: Set<PackName>

    /// Packs under way at once, up to 16 MiB each: more than the processors of small machines, little memory on large.
    private static let parallelism = 4

    /// What each of `entries` holds, without its rows, or why it isn't sound, in their order; and `sound` with the rows of all
    /// that are. A name that is no pack's gives nothing.
    func run(
        _ entries: [ObjectEntry], _ sound: RowSet
    ) async -> (outcomes: [Result<Found, ArchiveError>], sound: RowSet) {
        var outcomes = entries.map { _ in Result<Found, ArchiveError>.success(Found()) }
        var sound = sound
        func take(_ position: Int, _ outcome: Result<Found, ArchiveError>) {
            outcomes[position] = outcome.map { found in
                for row in found.rows { sound.insert(row) }
                var found = found
                found.rows = []
                return found
            }
        }
        await withTaskGroup(of: (Int, Result<Found, ArchiveError>).self) { group in
            for (position, entry) in entries.enumerated() {
                guard let name = PackName(entry.name.lastComponent) else { continue }
                if position >= PackCheck.parallelism, let (done, outcome) = await group.next() {
                    take(done, outcome)
                }
                group.addTask { (position, await look(at: name, byteCount: entry.byteCount)) }
            }
            for await (done, outcome) in group { take(done, outcome) }
        }
        return (outcomes, sound)
    }

    private func look(at name: PackName, byteCount: Int) async -> Result<Found, ArchiveError> {
        do throws(ArchiveError) {
            guard !Task.isCancelled else { throw ArchiveError(.cancelled, "check") }
            return .success(
                chosen.contains(name) ? try await whole(name) : try await header(name, byteCount: byteCount))
        } catch {
            return .failure(error.tellingBadFiles)
        }
    }

    private func header(_ name: PackName, byteCount: Int) async throws(ArchiveError) -> Found {
        let pack = try await PackReader.header(of: name, byteCount: byteCount, with: reader.keys)
        var found = Found()
        var offset = ObjectKind.preambleByteCount
        for group in pack.header.groups {
            for row in group.rows {
                try compare(row, group, pack, offset: offset, &found)
                offset += Int(row.sealedByteCount)
            }
        }
        return found
    }

    private func whole(_ name: PackName) async throws(ArchiveError) -> Found {
        let object = try ObjectPlace.packs.name(name)
        let bytes = try await reader.keys.store.objects.fetch(object, limit: ObjectPlace.packByteLimit)
        let pack = try PackReader.verify(bytes, name, with: reader.keys)
        var found = Found()
        found.readByteCount = UInt64(bytes.count)
        var offset = ObjectKind.preambleByteCount
        for group in pack.header.groups {
            let key =
                reader.identities.isEmpty
                ? nil : try reader.dataKey(pack.header.dataKeys[Int(group.dataKey)])
            for row in group.rows {
                let end = offset + Int(row.sealedByteCount)
                if let key {
                    try bytes.withBytes { (bytes) throws(ArchiveError) in
                        try open(bytes.extracting(offset..<end), row, group, pack.header.kind, key)
                    }
                }
                try compare(row, group, pack, offset: offset, &found)
                offset = end
            }
        }
        return found
    }

    /// The index must say of the piece what the pack's header says, if it names the pack at all.
    private func compare(
        _ row: PieceRow, _ group: PieceGroup, _ pack: IndexedPack, offset: Int, _ found: inout Found
    ) throws(ArchiveError) {
        found.pieceCount += 1
        let index = reader.source.index
        let places =
            pack.header.kind == .chunks
            ? index.places(of: ChunkID(keyNumber: group.keyNumber, hash: row.hash))
            : index.places(of: NodeID(keyNumber: group.keyNumber, hash: row.hash))
        // Of a piece that lies in the pack twice, each has its own place.
        var isOther = false
        var isFound = false
        for place in places where index.packs[place.ordinal].pack.name == pack.name {
            let named = index.packs[place.ordinal].pack
            let isSame =
                place.offset == offset && place.sealedByteCount == Int(row.sealedByteCount)
                && place.auxiliary == row.auxiliary && named.maker == pack.maker
                && named.dataKeys == pack.header.dataKeys && place.dataKey == Int(group.dataKey)
            guard isSame else {
                isOther = true
                continue
            }
            isFound = true
            found.rows.append(place.row)
        }
        guard isFound || !isOther else {
            throw ArchiveError(.forged, "the index says otherwise than the pack's header")
        }
    }

    private func open(
        _ sealed: RawSpan, _ row: PieceRow, _ group: PieceGroup, _ kind: PackKind, _ key: DataKey
    ) throws(ArchiveError) {
        switch kind {
        case .chunks:
            let id = ChunkID(keyNumber: group.keyNumber, hash: row.hash)
            try reader.chunk(id, sealed, byteCount: Int(row.auxiliary), key: key) { _ in }
        case .nodes:
            let id = NodeID(keyNumber: group.keyNumber, hash: row.hash)
            _ = try reader.node(id, sealed, childrenByteCount: Int(row.auxiliary), key: key)
        }
    }
}
