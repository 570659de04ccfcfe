import Encodings
package import Files
import Sodium
import Trust

// What an agent keeps on its own machine of the index of a store: the rows of index objects that it opened and verified,
// sorted, to be mapped into memory the next time instead of being fetched, opened and sorted again. It stands for those
// objects and for no other: what isn't in it is read from the store, and where one of them is gone it counts for nothing.
// Who vouches for what is judged anew each time. A cache that is lost, damaged or of another store costs time, nothing else.
//
// On disk: one file a store, 0600: hash of the format and the store (32), SHA-256 of all that follows (32), length of the
// description (u64, little-endian), description, zeros up to a multiple of 64, rows as they are in memory.

/// Where the index is kept between runs.
package struct IndexCache: Sendable {
    /// A directory of the caller's own, made where it is missing.
    package let directory: Path
    // Fewer rows are read from the store each time; and fewer than a quarter of those that are kept are beside them.
    private let rowMinimum: Int

    /// A cache in `directory`. Index objects with less than `rowMinimum` rows together are not kept.
    package init(directory: Path, rowMinimum: Int = 1 << 16) {
        self.directory = directory
        self.rowMinimum = rowMinimum
    }

    /// An index object whose rows are kept.
    struct Member: Hashable, Sendable {
        let name: IndexName
        /// The public key of the agent who signed it.
        let signer: [UInt8]
        /// How many of the packs are its.
        let packCount: Int
    }

    /// What was kept.
    struct Kept {
        let members: [Member]
        /// Those of the first member first.
        let packs: [IndexObject.Pack]
        let tables: [PieceIndex.Table]

        /// How many rows there are.
        var rowCount: Int { tables.reduce(0) { $0 + $1.rows.count } }
    }

    private static let headByteCount = 72
    private static let alignment = 64

    /// Whether `added` rows beside `kept` ones are worth keeping anew.
    func isDue(added: Int, kept: Int) -> Bool { added >= rowMinimum && added >= kept / 4 }

    /// What is kept of `store`, if it is whole and all of its objects are among `present`.
    func read(_ store: Store, present: Set<IndexName>) -> Kept? {
        guard let folder = try? Directory(directory), let descriptor = try? folder.openFile(path(store)),
            let file = try? MappedFile(descriptor)
        else { return nil }
        guard
            let (start, description) = file.withBytes({
                IndexCache.description(in: $0, IndexCache.seed(store))
            }),
            let kept = try? IndexCache.kept(description, file, at: start),
            kept.members.allSatisfy({ present.contains($0.name) })
        else { return nil }
        return kept
    }

    /// Keeps `index`, in which each kind and key number has one table, and which is that of `members`. What fails is left: the
    /// next run reads more.
    func write(_ index: PieceIndex, _ members: [Member], _ store: Store) {
        let description = IndexCache.description(of: index, members)
        var middle: [UInt8] = []
        middle.append(little: UInt64(description.count))
        middle += description
        let used = (IndexCache.headByteCount - 8 + middle.count) % IndexCache.alignment
        if used > 0 { middle += repeatElement(0, count: IndexCache.alignment - used) }
        let hash = PackHash()
        middle.withBytes { hash.update($0) }
        for table in index.tables { table.rows.withBytes { hash.update($0) } }
        do throws(FileError) {
            let folder = try Directory.makePath(directory)
            _ = try? folder.removeStaleTemporaries()
            var file = try AtomicFile(path(store), in: folder)
            try file.write(IndexCache.seed(store).bytes + hash.digest.bytes)
            try file.write(middle)
            for table in index.tables {
                try table.rows.withBytes { (rows) throws(FileError) in try file.write(rows) }
            }
            try file.commit()
        } catch {
            return
        }
    }

    private func path(_ store: Store) -> Path {
        Path(String(describing: IndexName(IndexCache.seed(store))) + ".index")
    }

    /// H of what the file must be of, and of the form of its rows.
    private static func seed(_ store: Store) -> Digest {
        var writer = CanonicalWriter()
        writer.text("strongroom/index-cache/v1, \(IndexRows.stride), \(1 == 1.littleEndian)")
        writer.raw(store.id.digest.bytes)
        writer.text(store.fingerprint.description)
        return Digest(hashing: writer.bytes)
    }

    /// The description in the bytes of a file that is whole, and where the rows begin.
    private static func description(in bytes: RawSpan, _ seed: Digest) -> (start: Int, bytes: [UInt8])? {
        guard bytes.byteCount >= headByteCount, Digest(bytes, at: 0) == seed else { return nil }
        let hash = PackHash()
        hash.update(bytes.extracting(64..<bytes.byteCount))
        guard hash.digest == Digest(bytes, at: 32) else { return nil }
        let length = unsafe UInt64(littleEndian: bytes.unsafeLoad(fromByteOffset: 64, as: UInt64.self))
        guard length <= UInt64(bytes.byteCount - headByteCount) else { return nil }
        let end = headByteCount + Int(length)
        let start = (end + alignment - 1) / alignment * alignment
        guard start <= bytes.byteCount else { return nil }
        return (start, bytes.extracting(headByteCount..<end).array)
    }

    private static func description(of index: PieceIndex, _ members: [Member]) -> [UInt8] {
        var writer = CanonicalWriter()
        writer.count(members.count)
        for member in members {
            writer.raw(member.name.digest.bytes)
            writer.raw(member.signer)
            writer.uint32(UInt32(member.packCount))
        }
        writer.count(index.packs.count)
        for pack in index.packs { pack.pack.write(to: &writer) }
        writer.count(index.tables.count)
        for table in index.tables {
            writer.uint8(table.kind.rawValue)
            writer.uint32(table.keyNumber)
            writer.uint64(UInt64(table.rows.count))
        }
        return writer.bytes
    }

    private static func kept(_ description: [UInt8], _ file: MappedFile, at start: Int) throws -> Kept {
        var reader = CanonicalReader(description, "index cache")
        var members: [Member] = []
        for _ in 0..<(try reader.count(itemSize: 68)) {
            let name = IndexName(Digest(try reader.raw(32)))
            let signer = try reader.raw(32)
            members.append(Member(name: name, signer: signer, packCount: Int(try reader.uint32())))
        }
        var packs: [IndexObject.Pack] = []
        for _ in 0..<(try reader.count(itemSize: 77)) { packs.append(try IndexObject.Pack(from: &reader)) }
        guard members.reduce(0, { $0 + $1.packCount }) == packs.count else {
            throw ArchiveError.damaged("index cache: packs")
        }
        var tables: [PieceIndex.Table] = []
        var offset = start
        for _ in 0..<(try reader.count(itemSize: 13)) {
            guard let kind = PackKind(rawValue: try reader.uint8()) else {
                throw ArchiveError.damaged("index cache: kind")
            }
            let keyNumber = try reader.uint32()
            let count = try reader.uint64()
            guard count <= UInt64((file.byteCount - offset) / IndexRows.stride) else {
                throw ArchiveError.damaged("index cache: rows")
            }
            tables.append(
                .init(kind: kind, keyNumber: keyNumber, rows: IndexRows(file, at: offset, count: Int(count))))
            offset += Int(count) * IndexRows.stride
        }
        try reader.end()
        guard offset == file.byteCount else { throw ArchiveError.damaged("index cache: length") }
        return Kept(members: members, packs: packs, tables: tables)
    }
}
