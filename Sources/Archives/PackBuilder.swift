import Encodings
import Sodium
import Storage

/// A finished pack: its bytes and what the index says of it.
struct FinishedPack: Sendable {
    /// The hash of its bytes.
    let name: PackName
    /// The whole object.
    var bytes: [UInt8] { memory.bytes }
    /// What the index says of it.
    let entry: IndexedPack
    /// What holds the bytes: for the next pack, when these are stored.
    let memory: PackMemory
}

/// The bytes of a pack in the making. Whoever holds the builder, then the finished pack, is its only user: the bytes are
/// never copied, and the same memory serves one pack after the other, as fresh memory costs more than filling it.
final class PackMemory: @unchecked Sendable {
    // Sendable: one task at a time holds the pack that it is of.
    fileprivate var bytes: [UInt8] = []

    /// Room for a pack, taken when the first piece comes; or `bytes` of one.
    init(_ bytes: [UInt8] = []) { self.bytes = bytes }
}

/// A pack in the making: pieces are appended, then header, padding and length are put behind them.
struct PackBuilder {
    /// What it collects.
    let kind: PackKind
    private let dataKey: DataKey
    private let keyNumber: UInt32
    private let memory: PackMemory
    private var rows: [PieceRow] = []

    /// Bytes of a full pack: a Padmé length, so that full packs carry next to no padding.
    static let targetByteCount = 16 << 20

    /// An empty pack whose pieces are sealed under `dataKey`, in the room of `memory`, whose bytes are dropped.
    init(kind: PackKind, dataKey: DataKey, keyNumber: UInt32, memory: PackMemory = PackMemory()) {
        self.kind = kind
        self.dataKey = dataKey
        self.keyNumber = keyNumber
        self.memory = memory
        memory.bytes.removeAll(keepingCapacity: true)
        memory.bytes.append(contentsOf: ObjectKind.pack.preamble)
    }

    /// Whether nothing was added yet.
    var isEmpty: Bool { rows.isEmpty }

    /// Whether one more piece of `byteCount` bytes would make it longer than a full pack.
    func isFull(adding byteCount: Int, target: Int) -> Bool {
        guard !isEmpty else { return false }
        let header = PackHeader.byteCount(rowCount: rows.count + 1, dataKeyCount: 1)
        return memory.bytes.count + byteCount + header + SignedObject.overhead + 4 > target
            || rows.count == PackHeader.rowLimit
    }

    /// Adds a piece: its parts, one behind the other.
    mutating func append(_ head: [UInt8], _ sealed: RawSpan, hash: Digest, auxiliary: UInt32) {
        if memory.bytes.capacity < PackBuilder.targetByteCount {
            memory.bytes.reserveCapacity(PackBuilder.targetByteCount)
        }
        memory.bytes.append(contentsOf: head)
        unsafe sealed.withUnsafeBytes { unsafe memory.bytes.append(contentsOf: $0) }
        let byteCount = UInt32(head.count + sealed.byteCount)
        rows.append(PieceRow(hash: hash, sealedByteCount: byteCount, auxiliary: auxiliary))
    }

    /// Closes the pack: body, padding, envelope of the header, its length. Hashes all of it.
    consuming func finish(in session: SigningContext) -> FinishedPack {
        let group = PieceGroup(dataKey: 0, keyNumber: keyNumber, rows: rows)
        return FinishedPack(closing: memory, kind, dataKeys: [dataKey.sealed], groups: [group], in: session)
    }
}

extension FinishedPack {
    /// The pack whose body `memory` holds, preamble included: padding, the header's envelope and its length are put behind it.
    init(
        closing memory: PackMemory, _ kind: PackKind, dataKeys: [SealedDataKey], groups: [PieceGroup],
        in session: SigningContext
    ) {
        // The body is the beginning of all bytes: hashed once for both hashes.
        let hash = PackHash()
        memory.bytes.withBytes { hash.update($0) }
        let bodyByteCount = memory.bytes.count
        let header = PackHeader(
            kind: kind, bodyHash: hash.digest, bodyByteCount: UInt64(bodyByteCount),
            dataKeys: dataKeys, groups: groups)
        let envelope = SignedObject.seal(header.encoded, .packHeader, in: session)
        let byteCount = bodyByteCount + envelope.count + 4
        memory.bytes.append(contentsOf: repeatElement(0, count: Padme.padded(byteCount) - byteCount))
        memory.bytes.append(contentsOf: envelope)
        memory.bytes.append(
            contentsOf: [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: envelope.count >> $0) })
        memory.bytes.withBytes { hash.update($0.extracting(bodyByteCount..<$0.byteCount)) }
        let name = PackName(hash.digest)
        let entry = IndexedPack(
            name: name, byteCount: UInt64(memory.bytes.count), header: header,
            maker: session.agent.publicKey)
        self.init(name: name, entry: entry, memory: memory)
    }
}

/// A pack with its verified header.
struct IndexedPack: Hashable, Sendable {
    /// The hash of its bytes.
    let name: PackName
    /// Its length.
    let byteCount: UInt64
    /// The header.
    let header: PackHeader
    /// The public key of the agent who signed the header.
    let maker: [UInt8]
}

/// Reads packs: the header from the end, pieces by range.
enum PackReader {
    /// The verified header of the pack `name` of `byteCount` bytes, by two ranges. Bytes elsewhere are not looked at.
    static func header(
        of name: PackName, byteCount: Int, with keys: OpenedWrite
    ) async throws(ArchiveError) -> IndexedPack {
        let object = try ObjectPlace.packs.name(name)
        guard byteCount >= minimumByteCount, byteCount <= ObjectPlace.packByteLimit else {
            throw ArchiveError.damaged("\(object): \(byteCount) bytes long")
        }
        let objects = keys.store.objects
        let tail = try await objects.fetch(object, range: (byteCount - 4)..<byteCount)
        let length = try headerByteCount(tail, packByteCount: byteCount, object.text)
        let range = (byteCount - 4 - length)..<(byteCount - 4)
        let envelope = try await objects.fetch(object, range: range)
        return try open(envelope, name, byteCount: byteCount, object.text, with: keys)
    }

    /// The verified header of a pack in memory, whose name, body and padding are verified too.
    static func verify(
        _ bytes: [UInt8], _ name: PackName, with keys: OpenedWrite
    ) throws(ArchiveError) -> IndexedPack {
        let object = "packs/\(name)"
        // One pass for both hashes, where the header names a body within the bytes; the name is judged first.
        let opened = Result { () throws(ArchiveError) -> (IndexedPack, Int) in
            try ObjectKind.pack.check(bytes, object)
            guard bytes.count >= minimumByteCount else { throw ArchiveError.damaged("\(object): too short") }
            let length = try headerByteCount(
                Array(bytes.suffix(4)), packByteCount: bytes.count, object)
            let end = bytes.count - 4 - length
            let envelope = Array(bytes[end..<(bytes.count - 4)])
            return (try open(envelope, name, byteCount: bytes.count, object, with: keys), length)
        }
        let bodyEnd = (try? opened.get()).map { Int($0.0.header.bodyByteCount) } ?? 0
        let hash = PackHash()
        bytes.withBytes { hash.update($0.extracting(0..<bodyEnd)) }
        let body = hash.digest
        bytes.withBytes { hash.update($0.extracting(bodyEnd..<$0.byteCount)) }
        guard hash.digest == name.digest else {
            throw ArchiveError.damaged("\(object): its bytes don't have the hash that it is named by")
        }
        let (pack, length) = try opened.get()
        let end = bytes.count - 4 - length
        guard Padme.padded(bodyEnd + length + 4) == bytes.count, bytes[bodyEnd..<end].allSatisfy({ $0 == 0 })
        else { throw ArchiveError.damaged("\(object): padding") }
        guard body == pack.header.bodyHash else {
            throw ArchiveError(.forged, "\(object): its header was made for other pieces")
        }
        return pack
    }

    private static let minimumByteCount = ObjectKind.preambleByteCount + SignedObject.overhead + 4

    private static func headerByteCount(
        _ tail: [UInt8], packByteCount: Int, _ name: String
    ) throws(ArchiveError) -> Int {
        let length = tail.reduce(0) { $0 << 8 | Int($1) }
        guard length >= SignedObject.overhead, length <= packByteCount - 4 - ObjectKind.preambleByteCount
        else {
            throw ArchiveError.damaged("\(name): length of the header")
        }
        return length
    }

    private static func open(
        _ envelope: [UInt8], _ name: PackName, byteCount: Int, _ object: String, with keys: OpenedWrite
    ) throws(ArchiveError) -> IndexedPack {
        let signed = try SignedObject(opening: envelope, .packHeader, object, with: keys)
        let header = try PackHeader(decoding: signed.body, object)
        guard header.bodyByteCount <= UInt64(byteCount - envelope.count - 4) else {
            throw ArchiveError.damaged("\(object): header contradicts its place")
        }
        return IndexedPack(
            name: name, byteCount: UInt64(byteCount), header: header, maker: signed.agent.publicKey)
    }
}
