/// All index objects of a store in memory: sorted rows, 48 bytes each. A value that doesn't change.
struct PieceIndex: Sendable {
    /// An index object that was opened, and whether its word counts for skipping uploads.
    struct Source: Sendable {
        let object: IndexObject
        /// Whether the signer, an enrolled agent, is of the reader's trust group.
        let isVouched: Bool
    }

    /// A pack of any of the index objects.
    struct Pack: Sendable {
        let pack: IndexObject.Pack
        /// Whether signer and maker vouch for it.
        let isVouched: Bool
    }

    /// Where a piece lies.
    struct Place: Hashable, Sendable {
        /// The position in `packs`.
        let ordinal: Int
        let dataKey: Int
        let offset: Int
        let sealedByteCount: Int
        let auxiliary: UInt32
    }

    /// Every pack once for each index object that names it.
    let packs: [Pack]
    // One sorted array for each kind and key number: keys are few.
    private let tables: [Table]

    private struct Table: Sendable {
        let kind: PackKind
        let keyNumber: UInt32
        var rows: [IndexObject.Row]
    }

    /// The index of all `sources`. `trusts` says whether a pack counts for skipping uploads. Throws `limitExceeded` for
    /// more packs than rows can name.
    init(_ sources: [Source], trusts: (IndexObject.Pack) -> Bool = { _ in false }) throws(ArchiveError) {
        var packs: [Pack] = []
        var tables: [Table] = []
        for source in sources {
            let base = packs.count
            packs += source.object.packs.map {
                Pack(pack: $0, isVouched: source.isVouched && trusts($0))
            }
            guard packs.count <= IndexObject.packLimit else {
                throw ArchiveError(.limitExceeded, "index: more packs than rows can name")
            }
            for group in source.object.groups {
                let rows = base == 0 ? group.rows : group.rows.map { $0.shifted(by: base) }
                let position = tables.firstIndex { $0.kind == group.kind && $0.keyNumber == group.keyNumber }
                if let position {
                    tables[position].rows += rows
                } else {
                    tables.append(Table(kind: group.kind, keyNumber: group.keyNumber, rows: rows))
                }
            }
        }
        if sources.count > 1 {
            for position in tables.indices { tables[position].rows.sort { $0.hash < $1.hash } }
        }
        self.packs = packs
        self.tables = tables
    }

    /// How many rows there are.
    var rowCount: Int { tables.reduce(0) { $0 + $1.rows.count } }

    /// The places of the chunk.
    func places(of chunk: ChunkID) -> [Place] { places(.chunks, chunk.keyNumber, chunk.hash) }

    /// The places of the node.
    func places(of node: NodeID) -> [Place] { places(.nodes, node.keyNumber, node.hash) }

    /// The vouched-for place of a piece: what an agent may skip an upload for.
    func vouchedPlace(_ kind: PackKind, _ keyNumber: UInt32, _ hash: Digest) -> Place? {
        guard let (table, range) = rows(kind, keyNumber, hash) else { return nil }
        return range.lazy.map { Place(table.rows[$0]) }.first { packs[$0.ordinal].isVouched }
    }

    private func places(_ kind: PackKind, _ keyNumber: UInt32, _ hash: Digest) -> [Place] {
        guard let (table, range) = rows(kind, keyNumber, hash) else { return [] }
        return range.map { Place(table.rows[$0]) }
    }

    /// The rows of the piece.
    private func rows(_ kind: PackKind, _ keyNumber: UInt32, _ hash: Digest) -> (Table, Range<Int>)? {
        guard let table = tables.first(where: { $0.kind == kind && $0.keyNumber == keyNumber }) else {
            return nil
        }
        // Hashes are even: the first guess is near, and the search goes outwards from there.
        let count = table.rows.count
        guard count > 0 else { return nil }
        let guess = Int(hash.words.0.multipliedFullWidth(by: UInt64(count)).high)
        var low = 0
        var high = count
        var step = 16
        if table.rows[guess].hash < hash {
            low = guess + 1
            while low + step < count, table.rows[low + step].hash < hash {
                low += step + 1
                step *= 2
            }
            high = min(count, low + step)
        } else {
            high = guess
            while high - step > 0, !(table.rows[high - step].hash < hash) {
                high -= step
                step *= 2
            }
            low = max(0, high - step)
        }
        while low < high {
            let middle = low + (high - low) / 2
            if table.rows[middle].hash < hash { low = middle + 1 } else { high = middle }
        }
        var end = low
        while end < count, table.rows[end].hash == hash { end += 1 }
        return low == end ? nil : (table, low..<end)
    }
}

extension PieceIndex.Place {
    fileprivate init(_ row: IndexObject.Row) {
        self.init(
            ordinal: Int(row.pack >> 8), dataKey: Int(row.pack & 255), offset: Int(row.offset),
            sealedByteCount: Int(row.sealedByteCount), auxiliary: row.auxiliary)
    }
}

extension IndexObject.Row {
    fileprivate func shifted(by packs: Int) -> IndexObject.Row {
        IndexObject.Row(
            hash: hash, pack: pack + UInt32(packs) << 8, offset: offset, sealedByteCount: sealedByteCount,
            auxiliary: auxiliary)
    }
}
