import Encodings
import Sodium

/// An index object (FORMAT.md §10): which pieces lie where in some packs. A cache of pack headers, signed.
struct IndexObject: Sendable {
    /// A pack, as the index names it.
    struct Pack: Hashable, Sendable {
        let name: PackName
        let byteCount: UInt64
        let kind: PackKind
        /// The public key of the agent who signed the pack.
        let maker: [UInt8]
        let dataKeys: [SealedDataKey]
    }

    /// Where a piece is: 48 bytes, in the object as in memory.
    struct Row: Hashable, Sendable {
        let hash: Digest
        /// The pack's position in the list, times 256, plus the position of the data key in the pack's list.
        let pack: UInt32
        let offset: UInt32
        let sealedByteCount: UInt32
        /// As in `PieceRow`.
        let auxiliary: UInt32

        static let byteCount = 48
    }

    /// Rows of one kind and `write` key, sorted by hash, then pack.
    struct Group: Hashable, Sendable {
        let kind: PackKind
        let keyNumber: UInt32
        var rows: [Row]
    }

    /// Index objects whose content this one holds too, and which may be removed.
    let supersedes: [IndexName]
    /// Sorted by name.
    let packs: [Pack]
    /// Sorted by kind, then key number.
    let groups: [Group]

    /// Packs that an index can tell apart.
    static let packLimit = 1 << 24
    private static let format = "strongroom/index/v1"

    /// The index of these parts, which are sorted.
    init(supersedes: [IndexName], packs: [Pack], groups: [Group]) {
        self.supersedes = supersedes
        self.packs = packs
        self.groups = groups
    }

    /// The index of `packs`.
    init(of packs: [IndexedPack], supersedes: [IndexName] = []) {
        let sorted = packs.sorted { $0.name < $1.name }
        self.supersedes = supersedes.sorted()
        self.packs = sorted.map {
            Pack(
                name: $0.name, byteCount: $0.byteCount, kind: $0.header.kind, maker: $0.maker,
                dataKeys: $0.header.dataKeys)
        }
        var groups: [[UInt32]: Group] = [:]
        for (position, pack) in sorted.enumerated() {
            var offset = UInt32(ObjectKind.preambleByteCount)
            for group in pack.header.groups {
                let key = [UInt32(pack.header.kind.rawValue), group.keyNumber]
                var rows = groups.removeValue(forKey: key)?.rows ?? []
                for row in group.rows {
                    rows.append(
                        Row(
                            hash: row.hash, pack: UInt32(position) << 8 | group.dataKey, offset: offset,
                            sealedByteCount: row.sealedByteCount, auxiliary: row.auxiliary))
                    offset += row.sealedByteCount
                }
                groups[key] = Group(kind: pack.header.kind, keyNumber: group.keyNumber, rows: rows)
            }
        }
        self.groups = groups.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { _, group in
            var group = group
            group.rows.sort(by: IndexObject.precedes)
            return group
        }
    }

    /// The order of rows in a group.
    static func precedes(_ left: Row, _ right: Row) -> Bool {
        if left.hash != right.hash { return left.hash < right.hash }
        return (left.pack, left.offset) < (right.pack, right.offset)
    }

    /// The canonical bytes.
    var encoded: [UInt8] {
        var writer = CanonicalWriter()
        writer.text(IndexObject.format)
        writer.count(supersedes.count)
        for name in supersedes { writer.raw(name.digest.bytes) }
        writer.count(packs.count)
        for pack in packs { pack.write(to: &writer) }
        writer.count(groups.count)
        for group in groups {
            writer.uint8(group.kind.rawValue)
            writer.uint32(group.keyNumber)
            writer.count(group.rows.count)
            for row in group.rows {
                writer.raw(row.hash.bytes)
                for value in [row.pack, row.offset, row.sealedByteCount, row.auxiliary] {
                    writer.uint32(value)
                }
            }
        }
        return writer.bytes
    }

    /// The index in `bytes`. Throws `damaged` for anything but the one encoding of rows within their packs.
    init(decoding bytes: [UInt8], _ name: String) throws(ArchiveError) {
        self = try decoding(name) {
            var reader = CanonicalReader(bytes, name)
            guard try reader.text(limit: 64) == IndexObject.format else {
                throw ArchiveError(.unsupported, "\(name): index of another version")
            }
            let index = try IndexObject(from: &reader)
            try reader.end()
            guard index.isValid else { throw ArchiveError.damaged("\(name): index contradicts itself") }
            return index
        }
    }

    private init(from reader: inout CanonicalReader) throws {
        var supersedes: [IndexName] = []
        for _ in 0..<(try reader.count(itemSize: 32)) {
            supersedes.append(IndexName(Digest(try reader.raw(32))))
        }
        self.supersedes = supersedes
        var packs: [Pack] = []
        for _ in 0..<(try reader.count(itemSize: 77)) {
            packs.append(try Pack(from: &reader))
        }
        self.packs = packs
        var groups: [Group] = []
        for _ in 0..<(try reader.count(itemSize: 9)) {
            guard let kind = PackKind(rawValue: try reader.uint8()) else {
                throw ArchiveError.damaged("index: kind")
            }
            let keyNumber = try reader.uint32()
            let count = try reader.count(itemSize: Row.byteCount)
            // Rows are many: read from the bytes in place.
            let bytes = try reader.raw(count * Row.byteCount)
            groups.append(Group(kind: kind, keyNumber: keyNumber, rows: bytes.withBytes(IndexObject.rows)))
        }
        self.groups = groups
    }

    private static func rows(_ bytes: RawSpan) -> [Row] {
        func word(_ offset: Int) -> UInt32 {
            unsafe UInt32(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
        return (0..<(bytes.byteCount / Row.byteCount)).map { position in
            let start = position * Row.byteCount
            return Row(
                hash: Digest(bytes, at: start), pack: word(start + 32), offset: word(start + 36),
                sealedByteCount: word(start + 40), auxiliary: word(start + 44))
        }
    }

    private var isValid: Bool {
        guard packs.count <= IndexObject.packLimit,
            zip(supersedes, supersedes.dropFirst()).allSatisfy({ $0 < $1 }),
            zip(packs, packs.dropFirst()).allSatisfy({ $0.name < $1.name }),
            packs.allSatisfy({
                $0.byteCount <= UInt64(ObjectPlace.packByteLimit)
                    && $0.dataKeys.count <= PackHeader.dataKeyLimit
            }),
            zip(groups, groups.dropFirst()).allSatisfy({
                ($0.kind.rawValue, $0.keyNumber) < ($1.kind.rawValue, $1.keyNumber)
            })
        else { return false }
        return groups.allSatisfy { group in
            group.keyNumber > 0 && !group.rows.isEmpty
                && zip(group.rows, group.rows.dropFirst()).allSatisfy(IndexObject.precedes)
                && group.rows.allSatisfy { isInPack($0, group.kind) }
        }
    }

    private func isInPack(_ row: Row, _ kind: PackKind) -> Bool {
        guard Int(row.pack >> 8) < packs.count else { return false }
        let pack = packs[Int(row.pack >> 8)]
        return pack.kind == kind && Int(row.pack & 255) < pack.dataKeys.count
            && row.offset >= ObjectKind.preambleByteCount
            && UInt64(row.offset) + UInt64(row.sealedByteCount) <= pack.byteCount
    }
}

extension IndexObject.Pack {
    /// Writes the pack.
    func write(to writer: inout CanonicalWriter) {
        writer.raw(name.digest.bytes)
        writer.uint64(byteCount)
        writer.uint8(kind.rawValue)
        writer.raw(maker)
        writer.count(dataKeys.count)
        for key in dataKeys { key.write(to: &writer) }
    }

    /// Reads what `write` wrote.
    init(from reader: inout CanonicalReader) throws {
        name = PackName(Digest(try reader.raw(32)))
        byteCount = try reader.uint64()
        guard let kind = PackKind(rawValue: try reader.uint8()) else {
            throw ArchiveError.damaged("index: kind")
        }
        self.kind = kind
        maker = try reader.raw(32)
        var dataKeys: [SealedDataKey] = []
        for _ in 0..<(try reader.count(itemSize: SealedDataKey.byteCount)) {
            dataKeys.append(try SealedDataKey(from: &reader))
        }
        self.dataKeys = dataKeys
    }
}
