/// All index objects of a store: sorted rows, 48 bytes each, in memory or mapped (`IndexCache`). A value that doesn't change.
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
        /// The number of the row that says so, below `rowCount`: for a `RowSet`.
        let row: Int
    }

    /// Rows of one kind and key number: keys are few.
    struct Table: Sendable {
        let kind: PackKind
        let keyNumber: UInt32
        let rows: IndexRows
    }

    /// Every pack once for each index object that names it.
    let packs: [Pack]
    /// A piece can have rows in several tables: those of the cache, and those that came since.
    let tables: [Table]
    /// How many rows there are.
    let rowCount: Int
    // The number of each table's first row.
    private let starts: [Int]

    /// The index of `packs`, which the rows of `tables` name by their positions.
    init(packs: [Pack], tables: [Table]) {
        self.packs = packs
        self.tables = tables
        var starts: [Int] = []
        var count = 0
        for table in tables {
            starts.append(count)
            count += table.rows.count
        }
        self.starts = starts
        rowCount = count
    }

    /// The index of all `sources`. `trusts` says whether a pack counts for skipping uploads. Throws `limitExceeded` for
    /// more packs than rows can name.
    init(_ sources: [Source], trusts: (IndexObject.Pack) -> Bool = { _ in false }) throws(ArchiveError) {
        let rowCount = sources.reduce(0) { $0 + $1.object.groups.reduce(0) { $0 + $1.rows.count } }
        let builder = PieceIndexBuilder(rowLimit: rowCount)
        for source in sources {
            try builder.add(source.object) { source.isVouched && trusts($0) }
        }
        self = builder.finish()
    }

    /// The places of the chunk.
    func places(of chunk: ChunkID) -> [Place] { places(.chunks, chunk.keyNumber, chunk.hash) }

    /// The places of the node.
    func places(of node: NodeID) -> [Place] { places(.nodes, node.keyNumber, node.hash) }

    /// The vouched-for place of a piece: what an agent may skip an upload for. Not in the packs at the positions `damaged`.
    func vouchedPlace(
        _ kind: PackKind, _ keyNumber: UInt32, _ hash: Digest, except damaged: Set<Int> = []
    ) -> Place? {
        for (table, start) in zip(tables, starts) where table.kind == kind && table.keyNumber == keyNumber {
            for position in table.rows.range(of: hash) ?? 0..<0 {
                let row = table.rows[position]
                let ordinal = Int(row.pack >> 8)
                guard packs[ordinal].isVouched, damaged.isEmpty || !damaged.contains(ordinal) else {
                    continue
                }
                return Place(row, number: start + position)
            }
        }
        return nil
    }

    /// A piece and where it lies.
    struct Located: Sendable {
        let piece: Node.Child
        let place: Place
    }

    /// All that lies in the packs at the positions `ordinals`. Goes through the whole index.
    func pieces(in ordinals: Set<Int>) -> [Located] {
        var found: [Located] = []
        for (table, start) in zip(tables, starts) {
            for position in 0..<table.rows.count {
                let row = table.rows[position]
                guard ordinals.contains(Int(row.pack >> 8)) else { continue }
                let piece: Node.Child =
                    switch table.kind {
                    case .chunks: .chunk(ChunkID(keyNumber: table.keyNumber, hash: row.hash))
                    case .nodes: .node(NodeID(keyNumber: table.keyNumber, hash: row.hash))
                    }
                found.append(Located(piece: piece, place: Place(row, number: start + position)))
            }
        }
        return found
    }

    private func places(_ kind: PackKind, _ keyNumber: UInt32, _ hash: Digest) -> [Place] {
        var places: [Place] = []
        for (table, start) in zip(tables, starts) where table.kind == kind && table.keyNumber == keyNumber {
            for position in table.rows.range(of: hash) ?? 0..<0 {
                places.append(Place(table.rows[position], number: start + position))
            }
        }
        return places
    }
}

/// Makes an index of one object after the other, none of which is held meanwhile.
final class PieceIndexBuilder {
    private struct Key: Hashable {
        let kind: PackKind
        let keyNumber: UInt32
    }

    private final class Rows {
        var builder: IndexRowsBuilder?
        init(capacity: Int) { builder = IndexRowsBuilder(capacity: capacity) }
    }

    private let rowLimit: Int
    private var packs: [PieceIndex.Pack] = []
    private var first: [PieceIndex.Table] = []
    private var tables: [Key: Rows] = [:]
    /// Rows that were added by objects.
    private(set) var addedCount = 0

    /// An empty index. At most `rowLimit` rows are added.
    init(rowLimit: Int) { self.rowLimit = rowLimit }

    /// Begins with packs and tables that are sorted already.
    func begin(_ packs: [PieceIndex.Pack], _ tables: [PieceIndex.Table]) {
        self.packs = packs
        first = tables
    }

    /// Adds an object. Throws `limitExceeded` for more packs than rows can name, `damaged` for more rows than there is room
    /// for: its length was another when it was listed.
    func add(_ object: IndexObject, isVouched: (IndexObject.Pack) -> Bool) throws(ArchiveError) {
        let base = packs.count
        let rowCount = object.groups.reduce(0) { $0 + $1.rows.count }
        guard base + object.packs.count <= IndexObject.packLimit else {
            throw ArchiveError(.limitExceeded, "index: more packs than rows can name")
        }
        guard addedCount + rowCount <= rowLimit else {
            throw ArchiveError.damaged("index: an object longer than it was listed")
        }
        packs += object.packs.map { PieceIndex.Pack(pack: $0, isVouched: isVouched($0)) }
        addedCount += rowCount
        for group in object.groups {
            rows(group.kind, group.keyNumber).builder?.append(group.rows, firstPack: base)
        }
    }

    /// The index. With `isMerged` each kind and key number has one table.
    func finish(isMerged: Bool = false) -> PieceIndex {
        var done = isMerged ? [] : first
        if isMerged {
            for table in first { rows(table.kind, table.keyNumber).builder?.append(table.rows) }
        }
        let sorted = tables.sorted { left, right in
            (left.key.kind.rawValue, left.key.keyNumber) < (right.key.kind.rawValue, right.key.keyNumber)
        }
        for (key, rows) in sorted {
            guard let builder = rows.builder.take() else { continue }
            done.append(.init(kind: key.kind, keyNumber: key.keyNumber, rows: builder.finish()))
        }
        return PieceIndex(packs: packs, tables: done)
    }

    private func rows(_ kind: PackKind, _ keyNumber: UInt32) -> Rows {
        let key = Key(kind: kind, keyNumber: keyNumber)
        if let rows = tables[key] { return rows }
        let before = first.reduce(0) { $0 + $1.rows.count }
        let rows = Rows(capacity: rowLimit + before)
        tables[key] = rows
        return rows
    }
}

extension PieceIndex.Place {
    fileprivate init(_ row: IndexObject.Row, number: Int) {
        self.init(
            ordinal: Int(row.pack >> 8), dataKey: Int(row.pack & 255), offset: Int(row.offset),
            sealedByteCount: Int(row.sealedByteCount), auxiliary: row.auxiliary, row: number)
    }
}
