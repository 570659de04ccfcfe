import Encodings
import Storage

/// The tombstones of a store.
struct TombstoneCatalog: Sendable {
    /// Packs that are about to be removed, by one tombstone.
    struct Mark: Sendable {
        /// The tombstone's name.
        let name: TombstoneName
        /// The packs.
        let packs: [PackName]
        /// Where what is still used of them was copied to.
        let into: [PackName]
    }

    /// Packs that somebody says to be damaged, by one tombstone.
    struct Claim: Sendable {
        /// The tombstone's name.
        let name: TombstoneName
        /// The packs.
        let packs: [PackName]
        /// Who says so, as the newest config has it; nil where it isn't enrolled any more.
        let maker: AgentRecord?

        /// Whether it counts for agents of `trustGroup`: who may prune can take packs away in any case, and agents of one
        /// group take each other's word that a piece is there, and that it isn't.
        func counts(for trustGroup: String) -> Bool {
            guard let maker else { return false }
            return maker.powers.contains(.prune)
                || maker.powers.contains(.add) && maker.trustGroup == trustGroup
        }
    }

    /// What is forgotten, by the snapshot's id.
    private(set) var forgotten: [SnapshotID: Tombstone.Forgotten] = [:]
    /// Of these, what an agent that may prune by the newest config has said: only its word makes a snapshot that is still
    /// there go.
    private(set) var honoured: Set<SnapshotID> = []
    /// Marks by agents that may prune by the newest config.
    private(set) var marks: [Mark] = []
    /// Packs that were found damaged, by anyone that may add.
    private(set) var claims: [Claim] = []
    /// Every tombstone of snapshots that are forgotten, by its name.
    private(set) var words: [TombstoneName: [Tombstone.Forgotten]] = [:]
    /// The makers' public keys of all tombstones.
    private(set) var makers: [TombstoneName: [UInt8]] = [:]
    /// The time that the newest says, of those by agents that may prune.
    private(set) var newestTime: Int64 = .min
    /// Objects in the place of tombstones that aren't sound.
    private(set) var failures: [SnapshotCatalog.Failure] = []

    /// All packs that are marked.
    var markedPacks: Set<PackName> { Set(marks.flatMap(\.packs)) }

    /// Packs whose pieces don't count as stored for agents of `trustGroup`.
    func damagedPacks(for trustGroup: String) -> Set<PackName> {
        Set(claims.filter { $0.counts(for: trustGroup) }.flatMap(\.packs))
    }

    /// Reads all tombstones. Nothing but a storage that fails throws.
    static func load(with keys: OpenedWrite) async throws(ArchiveError) -> TombstoneCatalog {
        // One that goes between the listing and the reading was merged into another, which is there: looked at anew.
        for _ in 0..<8 {
            if let catalog = try await TombstoneCatalog(with: keys, passingOverAbsent: false) {
                return catalog
            }
        }
        return try await TombstoneCatalog(with: keys, passingOverAbsent: true) ?? TombstoneCatalog()
    }

    private init() {}

    private init?(with keys: OpenedWrite, passingOverAbsent: Bool) async throws(ArchiveError) {
        for entry in try await ObjectPlace.tombstones.list(in: keys.store.objects) {
            do throws(ArchiveError) {
                guard let name = TombstoneName(entry.name.lastComponent), entry.name.components.count == 2
                else {
                    throw ArchiveError.damaged("\(entry.name): not the name of a tombstone")
                }
                let bytes = try await keys.store.objects.fetch(
                    entry.name, limit: ObjectPlace.tombstoneByteLimit)
                let (tombstone, maker) = try Tombstone.open(bytes, name, with: keys)
                add(tombstone, name, maker, keys.store.config)
            } catch {
                guard error.code != .storage else { throw error }
                if error.code == .absent, !passingOverAbsent { return nil }
                failures.append(.init(name: entry.name.text, error: error))
            }
        }
    }

    private mutating func add(
        _ tombstone: Tombstone, _ name: TombstoneName, _ maker: AgentRecord, _ config: StoreConfig
    ) {
        let isHonoured = config.agent(maker.publicKey)?.powers.contains(.prune) ?? false
        makers[name] = maker.publicKey
        // Of damage anybody may speak who may add: its time says nothing, lest it hold up every prune.
        if case .damaged = tombstone.word {} else { newestTime = max(newestTime, tombstone.time.nanoseconds) }
        switch tombstone.word {
        case .forgotten(let snapshots, _):
            words[name] = snapshots
            for snapshot in snapshots {
                forgotten[snapshot.id] = snapshot
                if isHonoured { honoured.insert(snapshot.id) }
            }
        case .marked(let packs, let into):
            guard isHonoured else { return }
            marks.append(Mark(name: name, packs: packs, into: into))
        case .damaged(let packs):
            claims.append(Claim(name: name, packs: packs, maker: config.agent(maker.publicKey)))
        }
    }
}

extension StoreReader {
    /// The names of all tombstones and annotations that an agent has signed, by its public key: with its snapshots, what
    /// may count on when it is revoked.
    package func words(of agentKey: [UInt8]) async throws(ArchiveError) -> [Digest] {
        let tombstones = try await TombstoneCatalog.load(with: keys)
        let annotations = try await AnnotationCatalog.load(with: keys)
        return tombstones.makers.filter { $0.value == agentKey }.map(\.key.digest)
            + annotations.makers.filter { $0.value == agentKey }.map(\.key.digest)
    }
}

extension OpenedWrite {
    /// The packs that are marked to be removed.
    func markedPacks() async throws(ArchiveError) -> Set<PackName> {
        try await TombstoneCatalog.load(with: self).markedPacks
    }
}
