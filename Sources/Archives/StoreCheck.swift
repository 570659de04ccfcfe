import Sodium
import Storage

/// What a check found.
package struct CheckReport: Sendable {
    /// One thing that isn't as it should be.
    package struct Finding: Sendable {
        /// Whether something is lost or false. The rest is worth knowing: packs that a killed writer left.
        package let isDamage: Bool
        /// The object, or the place that it is missing from.
        package let object: String
        /// What is wrong, in words.
        package let problem: String
    }

    /// In the order of the look.
    package fileprivate(set) var findings: [Finding] = []
    /// Snapshots that can't be restored whole.
    package fileprivate(set) var damagedSnapshots: [SnapshotID] = []
    package fileprivate(set) var snapshotCount = 0
    package fileprivate(set) var packCount = 0
    /// Pieces named by the headers of packs.
    package fileprivate(set) var pieceCount = 0
    /// Bytes of objects that were read and hashed whole.
    package fileprivate(set) var readByteCount: UInt64 = 0

    /// Whether nothing is damaged.
    package var isClean: Bool { !findings.contains { $0.isDamage } }
}

/// Looks at everything in a store, and changes nothing.
///
/// With `write` alone: that all objects are there, authentic and by enrolled agents, that index, packs and snapshots
/// agree, and that whatever snapshots reach is there. With `readsData` every byte of every object is read and
/// compared with the hash in its name; with `read` too, every piece is opened and its id recomputed.
package struct StoreCheck {
    private let reader: StoreReader
    private let readsData: Bool
    private let index: PieceIndex
    private var report = CheckReport()
    // Pieces of packs whose headers, or bytes, were found sound.
    private var sound: [PackName: Set<Digest>] = [:]

    private init(_ reader: StoreReader, readsData: Bool) {
        self.reader = reader
        self.readsData = readsData
        index = reader.source.index
    }

    /// Checks `store`. Throws only `storage`, `rolledBack` and `invalid`: what is wrong with the store is in the report.
    package static func run(
        _ store: Store, write: [WriteKey], read: [ReadIdentity] = [], readsData: Bool = false
    ) async throws(ArchiveError) -> CheckReport {
        let reader = try await StoreReader(store, write: write, read: read)
        var check = StoreCheck(reader, readsData: readsData)
        try await check.checkKeys()
        try await check.checkIndex()
        try await check.checkPacks()
        try await check.checkSnapshots()
        return check.report
    }

    private mutating func damage(_ object: String, _ problem: String) {
        report.findings.append(.init(isDamage: true, object: object, problem: problem))
    }

    /// Notes what a body threw about `object`; a storage that fails is thrown on.
    private mutating func note(_ error: ArchiveError, _ object: String) throws(ArchiveError) {
        guard error.code != .storage else { throw error }
        damage(object, error.context)
    }

    /// Both copies of every power's age file.
    private mutating func checkKeys() async throws(ArchiveError) {
        let store = reader.keys.store
        let powers = [(StorePower.read, store.config.readKeys), (.write, store.config.writeKeys)]
        for (power, records) in powers {
            for record in records {
                for copy in KeyFile.copies {
                    do throws(ArchiveError) {
                        _ = try await KeyFile.read(power, record, copy, from: store.objects)
                    } catch {
                        try note(error, try KeyFile.name(power, record, copy).text)
                    }
                }
            }
        }
    }

    /// Index objects that can't be used, and what they say of packs that aren't there.
    private mutating func checkIndex() async throws(ArchiveError) {
        for failure in reader.indexFailures { damage("index", failure.context) }
        let present = try await IndexCatalog.packs(of: reader.keys.store)
        for pack in index.packs where present[pack.pack.name] != pack.pack.byteCount {
            let isMissing = present[pack.pack.name] == nil
            damage("packs/\(pack.pack.name)", isMissing ? "missing, and the index names it" : "wrong length")
        }
    }

    /// Every pack: its header, or all of it, against itself and the index.
    private mutating func checkPacks() async throws(ArchiveError) {
        let indexed = Set(index.packs.map(\.pack.name))
        for entry in try await ObjectPlace.packs.list(in: reader.keys.store.objects) {
            guard let name = PackName(entry.name.lastComponent) else {
                damage(entry.name.text, "not the name of a pack")
                continue
            }
            do throws(ArchiveError) {
                try await check(name, byteCount: entry.byteCount)
            } catch {
                try note(error, entry.name.text)
                continue
            }
            if !indexed.contains(name) {
                let problem = "in no index: left by a writer that didn't finish, or its index is lost"
                report.findings.append(.init(isDamage: false, object: entry.name.text, problem: problem))
            }
        }
    }

    private mutating func check(_ name: PackName, byteCount: Int) async throws(ArchiveError) {
        let pack: IndexedPack
        var bytes: [UInt8] = []
        if readsData {
            let object = try ObjectPlace.packs.name(name)
            bytes = try await reader.keys.store.objects.fetch(object, limit: ObjectPlace.packByteLimit)
            report.readByteCount += UInt64(bytes.count)
            pack = try PackReader.verify(bytes, name, with: reader.keys)
        } else {
            pack = try await PackReader.header(of: name, byteCount: byteCount, with: reader.keys)
        }
        report.packCount += 1
        var hashes: Set<Digest> = []
        var offset = ObjectKind.preambleByteCount
        for group in pack.header.groups {
            for row in group.rows {
                report.pieceCount += 1
                let end = offset + Int(row.sealedByteCount)
                if readsData, !reader.identities.isEmpty {
                    let key = pack.header.dataKeys[Int(group.dataKey)]
                    try open(Array(bytes[offset..<end]), row, group, pack.header.kind, key)
                }
                try compare(row, group, pack, offset: offset)
                hashes.insert(row.hash)
                offset = end
            }
        }
        sound[name] = hashes
    }

    /// The index must say of the piece what the pack's header says, if it names the pack at all.
    private func compare(
        _ row: PieceRow, _ group: PieceGroup, _ pack: IndexedPack, offset: Int
    ) throws(ArchiveError) {
        let places =
            pack.header.kind == .chunks
            ? index.places(of: ChunkID(keyNumber: group.keyNumber, hash: row.hash))
            : index.places(of: NodeID(keyNumber: group.keyNumber, hash: row.hash))
        for place in places where index.packs[place.ordinal].pack.name == pack.name {
            let named = index.packs[place.ordinal].pack
            let isSame =
                place.offset == offset && place.sealedByteCount == Int(row.sealedByteCount)
                && place.auxiliary == row.auxiliary && named.maker == pack.maker
                && named.dataKeys == pack.header.dataKeys && place.dataKey == Int(group.dataKey)
            guard isSame else {
                throw ArchiveError(.forged, "the index says otherwise than the pack's header")
            }
        }
    }

    private func open(
        _ sealed: [UInt8], _ row: PieceRow, _ group: PieceGroup, _ kind: PackKind, _ sealedKey: SealedDataKey
    ) throws(ArchiveError) {
        let key = try reader.dataKey(sealedKey)
        switch kind {
        case .chunks:
            let id = ChunkID(keyNumber: group.keyNumber, hash: row.hash)
            _ = try reader.chunk(id, sealed, byteCount: Int(row.auxiliary), key: key)
        case .nodes:
            let id = NodeID(keyNumber: group.keyNumber, hash: row.hash)
            _ = try reader.node(id, sealed, childrenByteCount: Int(row.auxiliary), key: key)
        }
    }

    /// Snapshots, their chains, and everything that they reach.
    private mutating func checkSnapshots() async throws(ArchiveError) {
        let catalog = try await reader.snapshots()
        report.snapshotCount = catalog.records.count
        for failure in catalog.failures { damage(failure.name, failure.error.context) }
        for gap in catalog.gaps {
            damage(
                "snapshots",
                "snapshot \(gap.generation) of agent \(gap.agent) is missing, without a tombstone")
        }
        for fork in catalog.forks {
            let problem =
                "\(fork.count) snapshots of agent \(fork[0].header.agent) are its number \(fork[0].header.generation)"
            report.findings.append(.init(isDamage: false, object: "snapshots", problem: problem))
        }
        for record in catalog.records {
            do throws(ArchiveError) {
                if !reader.identities.isEmpty { _ = try await reader.open(record) }
                try await reach(record)
            } catch {
                report.damagedSnapshots.append(record.id)
                try note(error, "snapshots/\(record.id)")
            }
        }
    }

    private func reach(_ record: SnapshotRecord) async throws(ArchiveError) {
        var open = record.header.roots
        var seen: Set<NodeID> = []
        while let node = open.popLast() {
            guard seen.insert(node).inserted else { continue }
            let place = try soundPlace(index.places(of: node), node.hash, "node \(node)")
            for child in try await reader.source.children(of: node, at: place) {
                switch child {
                case .node(let id): open.append(id)
                case .chunk(let id): _ = try soundPlace(index.places(of: id), id.hash, "chunk \(id)")
                }
            }
        }
    }

    /// A place in a pack that was found sound.
    private func soundPlace(
        _ places: [PieceIndex.Place], _ hash: Digest, _ name: String
    ) throws(ArchiveError) -> PieceIndex.Place {
        let place = places.first { place in
            sound[index.packs[place.ordinal].pack.name]?.contains(hash) ?? false
        }
        guard let place else { throw ArchiveError(.absent, "\(name): in no sound pack") }
        return place
    }
}
