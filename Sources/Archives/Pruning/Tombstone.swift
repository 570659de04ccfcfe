import Encodings

/// The name of a tombstone: H of all its bytes.
package struct TombstoneName: ObjectIdentifier {
    /// The 32 bytes.
    package let digest: Digest
    /// The name of these 32 bytes.
    package init(_ digest: Digest) { self.digest = digest }
}

/// A signed word (FORMAT.md §13.1): of an agent that may prune, which snapshots are forgotten, for good, or which packs are
/// about to be removed; of any that may add, which packs it found damaged.
struct Tombstone: Hashable, Sendable {
    /// A snapshot that was forgotten: what the chain of its agent needs to know of it.
    struct Forgotten: Hashable, Comparable, Sendable {
        /// Its id.
        let id: SnapshotID
        /// The id of the agent's snapshot before it; zero for the first.
        let previous: Digest
        /// The agent's public key.
        let agent: [UInt8]
        /// Its number in the agent's chain, from 1.
        let generation: UInt64

        /// By id.
        static func < (left: Forgotten, right: Forgotten) -> Bool { left.id < right.id }
        /// Bytes of an item.
        static let byteCount = 104
    }

    /// What it says.
    enum Word: Hashable, Sendable {
        /// These are forgotten; sorted by id. What the tombstones `merging` say is in it, and they may go; sorted.
        case forgotten([Forgotten], merging: [TombstoneName])
        /// These packs are to be removed; sorted. What is still used of them was copied into the packs `into`; sorted.
        case marked([PackName], into: [PackName])
        /// These packs aren't what their names say; sorted. Their pieces don't count as stored.
        case damaged([PackName])
    }

    /// Packs that one tombstone says to be damaged at most, when this program makes it.
    static let damagedLimit = 4096

    /// When it was made, by its maker's clock.
    let time: Timestamp
    /// What it says.
    let word: Word

    /// Generations beyond are nobody's: chains go on from here without an overflow.
    static let generationLimit: UInt64 = 1 << 62
    private static let format = "strongroom/tombstone/v1"

    /// The tombstone of snapshots that are forgotten, in any order.
    init(time: Timestamp, forgotten: [Forgotten], merging: [TombstoneName] = []) {
        self.time = time
        word = .forgotten(forgotten.sorted(), merging: merging.sorted())
    }

    /// The tombstone of packs that are to be removed, in any order.
    init(time: Timestamp, marked: [PackName], into: [PackName]) {
        self.time = time
        word = .marked(marked.sorted(), into: into.sorted())
    }

    /// The tombstone of packs that were found damaged, in any order.
    init(time: Timestamp, damaged: [PackName]) {
        self.time = time
        word = .damaged(damaged.sorted())
    }

    /// The canonical bytes.
    var encoded: [UInt8] {
        var writer = CanonicalWriter()
        writer.text(Tombstone.format)
        writer.uint64(UInt64(bitPattern: time.nanoseconds))
        switch word {
        case .forgotten(let snapshots, let merging):
            writer.uint8(1)
            writer.count(merging.count)
            for name in merging { writer.raw(name.digest.bytes) }
            writer.count(snapshots.count)
            for snapshot in snapshots {
                writer.raw(snapshot.id.digest.bytes)
                writer.raw(snapshot.previous.bytes)
                writer.raw(snapshot.agent)
                writer.uint64(snapshot.generation)
            }
        case .marked(let packs, let into):
            writer.uint8(2)
            for list in [packs, into] {
                writer.count(list.count)
                for name in list { writer.raw(name.digest.bytes) }
            }
        case .damaged(let packs):
            writer.uint8(3)
            writer.count(packs.count)
            for name in packs { writer.raw(name.digest.bytes) }
        }
        return writer.bytes
    }

    /// The tombstone in `bytes`. Throws `damaged` for anything but the one encoding of one.
    init(decoding bytes: [UInt8], _ name: String) throws(ArchiveError) {
        self = try decoding(name) {
            var reader = CanonicalReader(bytes, name)
            guard try reader.text(limit: 64) == Tombstone.format else {
                throw ArchiveError(.unsupported, "\(name): tombstone of another version")
            }
            let tombstone = try Tombstone(from: &reader, name)
            try reader.end()
            guard tombstone.isValid else { throw ArchiveError.damaged("\(name): contradicts itself") }
            return tombstone
        }
    }

    private init(from reader: inout CanonicalReader, _ name: String) throws {
        time = Timestamp(nanoseconds: Int64(bitPattern: try reader.uint64()))
        switch try reader.uint8() {
        case 1:
            let merging = try Tombstone.digests(from: &reader).map { TombstoneName($0) }
            var snapshots: [Forgotten] = []
            for _ in 0..<(try reader.count(itemSize: Forgotten.byteCount)) {
                snapshots.append(
                    Forgotten(
                        id: SnapshotID(Digest(try reader.raw(32))), previous: Digest(try reader.raw(32)),
                        agent: try reader.raw(32), generation: try reader.uint64()))
            }
            word = .forgotten(snapshots, merging: merging)
        case 2:
            let packs = try Tombstone.digests(from: &reader).map { PackName($0) }
            word = .marked(packs, into: try Tombstone.digests(from: &reader).map { PackName($0) })
        case 3:
            word = .damaged(try Tombstone.digests(from: &reader).map { PackName($0) })
        default:
            throw ArchiveError(.unsupported, "\(name): a word of another version")
        }
    }

    private static func digests(from reader: inout CanonicalReader) throws -> [Digest] {
        var digests: [Digest] = []
        for _ in 0..<(try reader.count(itemSize: 32)) { digests.append(Digest(try reader.raw(32))) }
        return digests
    }

    private var isValid: Bool {
        func ascends(_ items: [some Comparable]) -> Bool {
            zip(items, items.dropFirst()).allSatisfy { $0 < $1 }
        }
        switch word {
        case .forgotten(let snapshots, let merging):
            return ascends(merging) && ascends(snapshots) && !snapshots.isEmpty
                && snapshots.allSatisfy { (1..<Tombstone.generationLimit).contains($0.generation) }
        case .marked(let packs, let into):
            return ascends(packs) && ascends(into) && !packs.isEmpty && Set(packs).isDisjoint(with: into)
        case .damaged(let packs):
            return ascends(packs) && !packs.isEmpty
        }
    }

    // MARK: the object

    /// The object: preamble and envelope, signed by `session`'s agent.
    func object(in session: SigningContext) -> [UInt8] {
        ObjectKind.tombstone.preamble + SignedObject.seal(encoded, .tombstone, in: session)
    }

    /// Opens the object `bytes` of the name `id`. Throws `damaged`, `forged` (its maker may not say so), `unsupported`.
    static func open(
        _ bytes: [UInt8], _ id: TombstoneName, with keys: OpenedWrite
    ) throws(ArchiveError) -> (tombstone: Tombstone, maker: AgentRecord) {
        let name = "tombstones/\(id)"
        let signed = try SignedObject(
            opening: bytes, id.digest, .tombstone, .tombstone, name, with: keys, power: .add)
        let tombstone = try Tombstone(decoding: signed.body, name)
        if case .damaged = tombstone.word { return (tombstone, signed.agent) }
        guard signed.agent.powers.contains(.prune) else {
            throw ArchiveError(.forged, "\(name): its maker isn't enrolled for it")
        }
        return (tombstone, signed.agent)
    }
}

extension SignedObject {
    /// Opens an object that is a preamble and an envelope, and whose name is H of its bytes.
    init(
        opening bytes: [UInt8], _ hash: Digest, _ kind: ObjectKind, _ sealed: SealedKind, _ name: String,
        with keys: OpenedWrite, power: AgentRecord.Powers
    ) throws(ArchiveError) {
        guard Digest(hashing: bytes) == hash else {
            throw ArchiveError.damaged("\(name): its bytes don't have the hash that it is named by")
        }
        try kind.check(bytes, name)
        try self.init(
            opening: Array(bytes.dropFirst(ObjectKind.preambleByteCount)), sealed, name, with: keys,
            power: power)
        guard keys.store.config.accepts(hash, by: agent.publicKey) else {
            throw ArchiveError(.forged, "\(name): by an agent that was revoked, who hadn't added it by then")
        }
    }
}
