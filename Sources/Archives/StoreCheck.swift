package import Encodings
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

    /// Something of a snapshot that can't be restored.
    package struct Hit: Sendable {
        /// The snapshot.
        package let snapshot: SnapshotID
        /// The name of the source.
        package let source: String
        /// The entry, or the first of those that are lost together.
        package let path: [UInt8]
        /// Whether it is a file; else it is entries from there on, how many isn't known.
        package let isFile: Bool
    }

    /// Hits that are told at most.
    package static let hitLimit = 1000

    /// In the order of the look.
    package fileprivate(set) var findings: [Finding] = []
    /// Snapshots that can't be restored whole.
    package fileprivate(set) var damagedSnapshots: [SnapshotID] = []
    /// What of them is lost; nothing where there was no `read`. At most `hitLimit`.
    package internal(set) var hits: [Hit] = []
    /// Packs that are there and aren't what their names say.
    package fileprivate(set) var damagedPacks: [PackName] = []
    /// Whether something is lost, and packs that no index object names may hold it.
    package fileprivate(set) var needsRebuild = false
    package fileprivate(set) var snapshotCount = 0
    package fileprivate(set) var packCount = 0
    /// Pieces named by the headers of packs.
    package fileprivate(set) var pieceCount = 0
    /// Packs whose bytes were all read, and found sound.
    package fileprivate(set) var readPackCount = 0
    /// Their bytes.
    package fileprivate(set) var readByteCount: UInt64 = 0
    /// Packs that are there and were never read whole, by this check or one that is remembered.
    package fileprivate(set) var unreadPackCount = 0
    /// Of the packs that were, the time at which that was the longest ago; nil where no time is known.
    package fileprivate(set) var oldestReading: Timestamp?

    /// Whether nothing is damaged.
    package var isClean: Bool { !findings.contains { $0.isDamage } }
}

/// Looks at everything in a store, and changes nothing.
///
/// With `write` alone: that all objects are there, authentic and by enrolled agents, that index, packs and snapshots
/// agree, and that whatever snapshots reach is there. Of the packs that `CheckReading` chooses every byte is read and
/// compared with the hash in the name; with `read` too, every piece is opened and its id recomputed. Memory: the index, and
/// some bits a piece.
package struct StoreCheck {
    let reader: StoreReader
    private let reading: CheckReading
    let index: PieceIndex
    var report = CheckReport()
    // Rows of the index that packs bear out whose headers, or bytes, were found sound.
    var sound: RowSet
    // Rows of nodes beneath which everything is there.
    var whole: RowSet
    // Packs that are there, and those of them that were read whole and found sound.
    private var present: Set<PackName> = []
    private var readPacks: Set<PackName> = []
    private var unindexedCount = 0
    // How many pieces were sought and not found.
    private var lostCount = 0

    private init(_ reader: StoreReader, _ reading: CheckReading) {
        self.reader = reader
        self.reading = reading
        index = reader.source.index
        sound = RowSet(count: index.rowCount)
        whole = RowSet(count: index.rowCount)
    }

    /// Checks `store`, reading all data or none. Throws as the other `run`.
    package static func run(
        _ store: Store, write: [WriteKey], read: [ReadIdentity] = [], readsData: Bool = false
    ) async throws(ArchiveError) -> CheckReport {
        try await run(store, write: write, read: read, reading: readsData ? .all : .none)
    }

    /// Checks `store`. Throws only `storage`, `rolledBack`, `cancelled` and `invalid`: what is wrong with the store is in the
    /// report.
    package static func run(
        _ store: Store, write: [WriteKey], read: [ReadIdentity] = [], reading: CheckReading
    ) async throws(ArchiveError) -> CheckReport {
        let reader = try await StoreReader(store, write: write, read: read)
        var check = StoreCheck(reader, reading)
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
        damage(object, error.problem(about: object))
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
        for failure in reader.indexFailures {
            let object = String(failure.context.prefix { $0 != ":" })
            damage(
                object.hasPrefix("index/") ? object : "index",
                failure.problem(about: object) + " (store rebuild-index moves it aside)")
        }
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
        var looks = reading.memory?.read(reader.keys.store) ?? [:]
        let chosen = choose(from: entries, looks)
        let checked = await PackCheck(reader: reader, chosen: chosen).run(entries, sound)
        sound = checked.sound
        var present: [PackName: CheckMemory.Looks] = [:]
        for (entry, outcome) in zip(entries, checked.outcomes) {
            guard let name = PackName(entry.name.lastComponent) else {
                damage(entry.name.text, "not the name of a pack")
                continue
            }
            self.present.insert(name)
            do throws(ArchiveError) {
                let found = try outcome.get()
                report.packCount += 1
                report.pieceCount += found.pieceCount
                report.readByteCount += found.readByteCount
                if chosen.contains(name) {
                    report.readPackCount += 1
                    readPacks.insert(name)
                    looks[name, default: .init()].hashed = reading.now
                    if !reader.identities.isEmpty { looks[name]?.opened = reading.now }
                }
                present[name] = looks[name] ?? .init()
            } catch {
                guard error.code != .cancelled else { throw error }
                try note(error, entry.name.text)
                // Gone meanwhile is not damaged.
                if error.code == .damaged || error.code == .forged { report.damagedPacks.append(name) }
                continue
            }
            if !indexed.contains(name) {
                unindexedCount += 1
                let problem = "in no index: left by a writer that didn't finish, or its index is lost"
                report.findings.append(.init(isDamage: false, object: entry.name.text, problem: problem))
            }
        }
        let times = present.values.map(lastRead)
        report.unreadPackCount = times.count { $0 == nil }
        report.oldestReading = times.compactMap { $0 }.min()
        if !chosen.isEmpty { reading.memory?.write(present, reader.keys.store) }
        try await salvage()
    }

    /// Finds out which pieces of damaged packs are as they should be: with `read` each is opened by itself.
    private mutating func salvage() async throws(ArchiveError) {
        let names = Set(report.damagedPacks)
        guard !names.isEmpty, !reader.identities.isEmpty else { return }
        let ordinals = Set(index.packs.indices.filter { names.contains(index.packs[$0].pack.name) })
        for located in index.pieces(in: ordinals) {
            guard !Task.isCancelled else { throw ArchiveError(.cancelled, "check") }
            do throws(ArchiveError) {
                switch located.piece {
                case .chunk(let id): _ = try await reader.chunk(id, at: located.place)
                case .node(let id): _ = try await reader.node(id, at: located.place)
                }
                sound.insert(located.place.row)
            } catch {
                guard error.tellingBadFiles.code != .storage else { throw error }
            }
        }
    }

    /// The packs to be read whole: those that were never, then those that were the longest ago, until they make the share.
    private func choose(
        from entries: [ObjectEntry], _ looks: [PackName: CheckMemory.Looks]
    ) -> Set<PackName> {
        guard reading.share > 0 else { return [] }
        let packs = entries.compactMap { entry in
            PackName(entry.name.lastComponent).map { (name: $0, byteCount: entry.byteCount) }
        }
        guard reading.share < 1 else { return Set(packs.map(\.name)) }
        func time(_ name: PackName) -> Int64 { looks[name].flatMap(lastRead)?.nanoseconds ?? .min }
        let sorted = packs.sorted { (time($0.name), $0.name) < (time($1.name), $1.name) }
        var left = reading.share * packs.reduce(0) { $0 + Double($1.byteCount) }
        var chosen: Set<PackName> = []
        for pack in sorted where left > 0 {
            chosen.insert(pack.name)
            left -= Double(pack.byteCount)
        }
        return chosen
    }

    /// When a pack was last verified as this check verifies: with `read` it counts that its pieces were opened.
    private func lastRead(_ looks: CheckMemory.Looks) -> Timestamp? {
        reader.identities.isEmpty ? looks.hashed : looks.opened
    }

    /// Snapshots, their chains, and everything that they reach.
    private mutating func checkSnapshots() async throws(ArchiveError) {
        let catalog = try await reader.snapshots()
        report.snapshotCount = catalog.records.count
        for failure in catalog.failures { damage(failure.name, StoreCheck.words(failure)) }
        for problem in try await StoreCheck.problems(of: catalog, reader.keys) {
            damage(problem.object, problem.problem)
        }
        let bad = Set(report.damagedPacks)
        for name in Set(catalog.tombstones.claims.flatMap(\.packs)).intersection(present).sorted()
        where !bad.contains(name) {
            let problem =
                readPacks.contains(name)
                ? "said to be damaged, and sound: the next prune takes that back"
                : "said to be damaged; --read-data looks whether it is"
            report.findings.append(.init(isDamage: false, object: "packs/\(name)", problem: problem))
        }
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
                let snapshot = reader.identities.isEmpty ? nil : try await reader.open(record)
                if let lost = try await reach(record) {
                    report.damagedSnapshots.append(record.id)
                    damage("snapshots/\(record.id)", lost.problem(about: "snapshots/\(record.id)"))
                    report.needsRebuild = unindexedCount > 0
                    if let snapshot { try await findHits(snapshot) }
                }
            } catch {
                report.damagedSnapshots.append(record.id)
                try note(error, "snapshots/\(record.id)")
            }
        }
    }

    private enum Step {
        case enter(NodeID)
        /// All that is beneath the node of this row was looked at, from when so many pieces were lost.
        case leave(Int, lost: Int)
    }

    /// Goes to all that a snapshot reaches, but for what was found whole beneath another. Returns the first thing that is
    /// lost.
    private mutating func reach(_ record: SnapshotRecord) async throws(ArchiveError) -> ArchiveError? {
        var first: ArchiveError?
        var steps = record.header.roots.map(Step.enter)
        // What was found broken once is, in this snapshot, not gone to again.
        var seen: Set<NodeID> = []
        while let step = steps.popLast() {
            switch step {
            case .leave(let row, let lost): if lost == lostCount { whole.insert(row) }
            case .enter(let node):
                do throws(ArchiveError) {
                    let place = try soundPlace(index.places(of: node), .node(node))
                    guard !whole.contains(place.row) else { continue }
                    guard seen.insert(node).inserted else {
                        // Beneath another parent it was broken: so is this one.
                        lostCount += 1
                        continue
                    }
                    steps.append(.leave(place.row, lost: lostCount))
                    for child in try await reader.source.children(of: node, at: place) {
                        switch child {
                        case .node(let id): steps.append(.enter(id))
                        case .chunk(let id):
                            do throws(ArchiveError) {
                                _ = try soundPlace(index.places(of: id), child)
                            } catch {
                                lostCount += 1
                                first = first ?? error
                            }
                        }
                    }
                } catch {
                    guard error.tellingBadFiles.code != .storage else { throw error }
                    lostCount += 1
                    first = first ?? error
                }
            }
        }
        return first
    }

    /// A place in a pack that was found sound, or of a piece that is.
    func soundPlace(
        _ places: [PieceIndex.Place], _ piece: Node.Child
    ) throws(ArchiveError) -> PieceIndex.Place {
        if let place = places.first(where: { sound.contains($0.row) }) { return place }
        let name =
            switch piece {
            case .node(let id): "node \(id)"
            case .chunk(let id): "chunk \(id)"
            }
        throw ArchiveError(.absent, places.isEmpty ? "\(name): in no index" : "\(name): in no sound pack")
    }
}
