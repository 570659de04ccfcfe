import Encodings

/// What a pack holds.
enum PackKind: UInt8, Sendable {
    /// Chunks of contents.
    case chunks = 1
    /// Nodes of trees.
    case nodes = 2
}

/// Where a piece lies in a pack, as its header and the index tell it.
struct PieceRow: Hashable, Sendable {
    /// The hash of the piece's id.
    let hash: Digest
    /// Length in the pack.
    let sealedByteCount: UInt32
    /// Of a chunk the plaintext's length, of a node the length of the children part, which comes first.
    let auxiliary: UInt32

    /// Bytes of a row.
    static let byteCount = 40
}

/// Rows of one pack that share key numbers, in the order in which they lie there.
struct PieceGroup: Hashable, Sendable {
    /// Which of the pack's data keys.
    let dataKey: UInt32
    /// Which `write` key made the ids.
    let keyNumber: UInt32
    /// In the order in which they lie.
    var rows: [PieceRow]
}

/// The sealed and signed header at a pack's end (FORMAT.md §8).
struct PackHeader: Hashable, Sendable {
    /// What the pack holds.
    let kind: PackKind
    /// SHA-256 of the preamble and all pieces, without the padding.
    let bodyHash: Digest
    /// Their length.
    let bodyByteCount: UInt64
    /// Keys that its pieces are sealed under.
    let dataKeys: [SealedDataKey]
    /// All pieces, in the order in which they lie.
    let groups: [PieceGroup]

    /// Data keys and rows that a pack can have.
    static let dataKeyLimit = 256
    /// Rows that a pack can have.
    static let rowLimit = 1 << 20
    private static let format = "strongroom/pack-header/v1"

    /// The length of a header's body with one group of `rowCount` rows, for `PackBuilder` to know when it is full.
    static func byteCount(rowCount: Int, dataKeyCount: Int) -> Int {
        4 + format.utf8.count + 1 + 36 + 8 + 4 + dataKeyCount * SealedDataKey.byteCount + 4 + 12
            + rowCount * PieceRow.byteCount
    }

    /// The canonical bytes.
    var encoded: [UInt8] {
        var writer = CanonicalWriter()
        writer.text(PackHeader.format)
        writer.uint8(kind.rawValue)
        writer.lp(bodyHash.bytes)
        writer.uint64(bodyByteCount)
        writer.count(dataKeys.count)
        for key in dataKeys { key.write(to: &writer) }
        writer.count(groups.count)
        for group in groups {
            writer.uint32(group.dataKey)
            writer.uint32(group.keyNumber)
            writer.count(group.rows.count)
            for row in group.rows {
                writer.raw(row.hash.bytes)
                writer.uint32(row.sealedByteCount)
                writer.uint32(row.auxiliary)
            }
        }
        return writer.bytes
    }

    /// A header of these parts.
    init(
        kind: PackKind, bodyHash: Digest, bodyByteCount: UInt64, dataKeys: [SealedDataKey],
        groups: [PieceGroup]
    ) {
        self.kind = kind
        self.bodyHash = bodyHash
        self.bodyByteCount = bodyByteCount
        self.dataKeys = dataKeys
        self.groups = groups
    }

    /// The header in `bytes`. Throws `damaged` where rows don't add up to the body or name keys that aren't there.
    init(decoding bytes: [UInt8], _ name: String) throws(ArchiveError) {
        self = try decoding(name) {
            var reader = CanonicalReader(bytes, name)
            guard try reader.text(limit: 64) == PackHeader.format else {
                throw ArchiveError(.unsupported, "\(name): header of another version")
            }
            let header = try PackHeader(from: &reader)
            try reader.end()
            guard header.isValid else { throw ArchiveError.damaged("\(name): header contradicts itself") }
            return header
        }
    }

    private init(from reader: inout CanonicalReader) throws {
        guard let kind = PackKind(rawValue: try reader.uint8()) else {
            throw ArchiveError.damaged("pack header: kind")
        }
        self.kind = kind
        let hash = try reader.lp(limit: 32)
        guard hash.count == 32 else { throw ArchiveError.damaged("pack header: hash") }
        bodyHash = Digest(hash)
        bodyByteCount = try reader.uint64()
        var dataKeys: [SealedDataKey] = []
        for _ in 0..<(try reader.count(itemSize: SealedDataKey.byteCount)) {
            dataKeys.append(try SealedDataKey(from: &reader))
        }
        self.dataKeys = dataKeys
        var groups: [PieceGroup] = []
        for _ in 0..<(try reader.count(itemSize: 12)) {
            let dataKey = try reader.uint32()
            let keyNumber = try reader.uint32()
            var rows: [PieceRow] = []
            let count = try reader.count(itemSize: PieceRow.byteCount)
            rows.reserveCapacity(count)
            for _ in 0..<count {
                let hash = Digest(try reader.raw(32))
                let sealed = try reader.uint32()
                rows.append(
                    PieceRow(hash: hash, sealedByteCount: sealed, auxiliary: try reader.uint32()))
            }
            groups.append(PieceGroup(dataKey: dataKey, keyNumber: keyNumber, rows: rows))
        }
        self.groups = groups
    }

    private var isValid: Bool {
        guard dataKeys.count <= PackHeader.dataKeyLimit else { return false }
        var end = UInt64(ObjectKind.preambleByteCount)
        var rowCount = 0
        for group in groups {
            guard group.dataKey < dataKeys.count, group.keyNumber > 0, !group.rows.isEmpty else {
                return false
            }
            for row in group.rows { end += UInt64(row.sealedByteCount) }
            rowCount += group.rows.count
        }
        return rowCount <= PackHeader.rowLimit && end == bodyByteCount
            && end <= UInt64(ObjectPlace.packByteLimit)
    }
}

/// Padmé (Nikitin et al., 2019, §4): lengths leak O(log log n) bits for at most 12 % more bytes, 3 % at 16 MiB.
enum Padme {
    /// The smallest padded length that isn't below `byteCount`.
    static func padded(_ byteCount: Int) -> Int {
        guard byteCount >= 2 else { return byteCount }
        let exponent = Int.bitWidth - 1 - byteCount.leadingZeroBitCount
        let exponentBits = Int.bitWidth - exponent.leadingZeroBitCount
        let zeroBits = max(0, exponent - exponentBits)
        let mask = (1 << zeroBits) - 1
        return (byteCount + mask) & ~mask
    }
}
