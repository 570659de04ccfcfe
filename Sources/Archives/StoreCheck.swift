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

    /// Every pack: its header, or all of it, against itself and the index. Several at once.
    private mutating func checkPacks() async throws(ArchiveError) {
        let indexed = Set(index.packs.map(\.pack.name))
        let entries = try await ObjectPlace.packs.list(in: reader.keys.store.objects)
        let looks = PackCheck(reader: reader, readsData: readsData)
        let outcomes = await looks.run(entries)
        for (entry, outcome) in zip(entries, outcomes) {
            guard let name = PackName(entry.name.lastComponent) else {
                damage(entry.name.text, "not the name of a pack")
                continue
            }
            do throws(ArchiveError) {
                let found = try outcome.get()
                report.packCount += 1
                report.pieceCount += found.hashes.count
                report.readByteCount += found.readByteCount
                sound[name] = Set(found.hashes)
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
