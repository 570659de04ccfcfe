package import Storage
import Trust

/// Makes a replica of a store, or brings one up to date: the same objects under the same names, so the same id, config and
/// keys (FORMAT.md §14). Needs no key: every object is compared with the hash that names it before it is put. With
/// `write` keys, snapshots follow each other in the order of their chains, too.
///
/// At every moment the target is a store with all that its snapshots need, as far as the source has it: keys, config, packs,
/// index, annotations, tombstones, then snapshots. What is there is passed over, so a run that was broken off goes on where it was.
/// Nothing is removed from the target.
package struct StoreCopy: Sendable {
    /// How a copy is made.
    package struct Options: Sendable {
        /// Whether it is only found out what would be copied.
        package var isDry = false
        /// Whether what the target has is read and compared with its names, and put anew where it is damaged there.
        package var verifiesTarget = false
        /// Objects that are under way at once.
        package var parallelism = 8
        /// Bytes of objects that are under way at once; a single larger object goes alone.
        package var byteLimit = 64 << 20

        /// The defaults: at most 64 MiB in memory.
        package init() {}
    }

    /// How far a copy is.
    package struct Progress: Sendable {
        /// Objects put, or found damaged, so far.
        package fileprivate(set) var doneCount = 0
        /// All that are to be put.
        package fileprivate(set) var totalCount = 0
        /// Bytes of them so far.
        package fileprivate(set) var doneByteCount = 0
        /// Bytes of all.
        package fileprivate(set) var totalByteCount = 0
    }

    /// What was done, or would be.
    package struct Report: Sendable {
        /// Objects that were put, or would be.
        package fileprivate(set) var copiedCount = 0
        /// Their bytes.
        package fileprivate(set) var copiedByteCount = 0
        /// Objects that the target had already.
        package fileprivate(set) var presentCount = 0
        /// Objects that the target had, and that weren't what their names say: put anew, or to be.
        package fileprivate(set) var replacedCount = 0
        /// Snapshots among those that were put.
        package fileprivate(set) var snapshotCount = 0
        /// Objects of the source that are not what their names say, or can't be read: they were left out.
        package fileprivate(set) var damaged: [SnapshotCatalog.Failure] = []
        /// Whether snapshots were put in the order of their chains: until all are there, others may show gaps.
        package fileprivate(set) var isOrdered = true
    }

    /// The order of puts. Leases are signs of life in one place, and stay there.
    static let order: [ObjectPlace] = [
        .keys, .config, .packs, .index, .annotations, .tombstones, .snapshots,
    ]
    /// How often what vanished meanwhile is looked for anew: a pruner removes what others have taken the place of.
    private static let roundLimit = 5

    private var source: Store
    let target: (any ObjectStore)?
    let options: Options
    private let write: [WriteKey]
    private let agent: AgentKey?
    private let presence: SessionPresence?
    // What keeps pruners of both places from removing meanwhile what is listed here and put there.
    private var leases: [SessionLease] = []
    private let tell: @Sendable (Progress) -> Void
    private var report = Report()
    private var progress = Progress()

    private init(
        _ source: Store, _ target: (any ObjectStore)?, _ write: [WriteKey], _ session: Session?,
        _ options: Options, _ tell: @escaping @Sendable (Progress) -> Void
    ) {
        agent = session?.agent
        presence = session?.presence
        self.source = source
        self.target = target
        self.write = write
        self.options = options
        self.tell = tell
    }

    /// Who copies, where an agent does: it takes a lease in both places, so that no pruner removes meanwhile what is copied.
    package struct Session: Sendable {
        let agent: AgentKey
        let presence: SessionPresence

        /// As the agent of that key, on the machine of `presence`.
        package init(agent: AgentKey, presence: SessionPresence) {
            self.agent = agent
            self.presence = presence
        }
    }

    /// Copies `source` to `target`, which is empty, or a replica of it (nil: not there, for a dry run). With a `session`, whose
    /// agent is enrolled to add, and `write` keys it takes leases; without, what a pruner removes meanwhile is looked for anew,
    /// and the target must not be pruned.
    ///
    /// Throws `foreign` where the target is another store, or its config another than the source's, `refused` where
    /// something else is in it, `storage`. Damage of the source is in the report, and does not end the copy.
    package static func run(
        from source: Store, to target: (any ObjectStore)?, write: [WriteKey] = [], session: Session? = nil,
        _ options: Options = Options(),
        progress: @escaping @Sendable (Progress) -> Void = { _ in }
    ) async throws(ArchiveError) -> Report {
        var copy = StoreCopy(source, target, write, session, options, progress)
        let result: Result<Void, ArchiveError>
        do throws(ArchiveError) {
            result = .success(try await copy.run())
        } catch {
            result = .failure(error)
        }
        for lease in copy.leases { await lease.end() }
        try result.get()
        return copy.report
    }

    private mutating func run() async throws(ArchiveError) {
        try await checkTarget()
        if let target, !options.isDry { try await StoreCopy.clear(target) }
        // One that can't be put, as nothing can, leaves the copy as it is without a session.
        if let lease = try? await lease(in: source.objects) { leases.append(lease) }
        for round in 0..<StoreCopy.roundLimit {
            if try await makeRound(isFirst: round == 0) { return }
        }
        throw ArchiveError(.storage, "the source changes faster than it is copied")
    }

    /// A lease in one of both places; nil for a dry run, and where nobody is named who may.
    private func lease(in objects: any ObjectStore) async throws(ArchiveError) -> SessionLease? {
        guard !options.isDry, let agent, let presence, !write.isEmpty,
            source.config.agent(agent.publicKey)?.powers.contains(.add) ?? false
        else { return nil }
        let keys = try OpenedWrite(store: source, keys: write)
        let signing = SigningContext(
            store: source.id, generation: source.generation, write: try keys.newest(), agent: agent)
        return try await SessionLease.begin(.write, in: objects, signing, presence)
    }

    // MARK: - The target

    /// Throws where the target is neither empty nor a replica of the source, nor the beginning of one.
    private func checkTarget() async throws(ArchiveError) {
        guard let target else { return }
        guard try await ObjectPlace.config.list(in: target).isEmpty else {
            let theirs = try await Store.open(target, trust: StoreTrust(root: source.fingerprint))
            for (mine, other) in zip(source.chain.generations, theirs.chain.generations)
            where mine.header != other.header {
                throw ArchiveError(
                    .foreign, "target: generation \(mine.header.generation) of its config is another one")
            }
            return
        }
        let own = Set(try await ObjectPlace.keys.list(in: source.objects))
        do throws(StorageError) {
            guard try await !target.isEmpty() else { return }
            let there = try await target.list(below: nil)
            if !there.isEmpty, there.allSatisfy({ own.contains($0) }) { return }
        } catch {
            throw ArchiveError(.storage, "target: can't be listed", underlying: error)
        }
        throw ArchiveError(.refused, "target: something is in it, and it is no replica of this store")
    }

    /// Removes what killed writers left half done.
    private static func clear(_ target: any ObjectStore) async throws(ArchiveError) {
        do throws(StorageError) {
            try await target.removeLeftovers()
        } catch {
            throw ArchiveError(.storage, "target: can't be cleared", underlying: error)
        }
    }

    // MARK: - A round

    /// Copies what the target lacks. False where something vanished meanwhile, so that it has to be looked anew.
    private mutating func makeRound(isFirst: Bool) async throws(ArchiveError) -> Bool {
        if !isFirst { source = try await Store.open(source.objects, trust: source.trust) }
        // What a snapshot needs was there before it: listed after it, nothing of that is missed.
        var listed: [ObjectPlace: [ObjectEntry]] = [:]
        for place in StoreCopy.order.reversed() { listed[place] = try await place.list(in: source.objects) }
        // Another generation was made meanwhile: its age files may have taken the place of those before.
        guard listed[.config]?.count == source.chain.generations.count else { return false }
        var missing: [ObjectPlace: [ObjectEntry]] = [:]
        for place in StoreCopy.order {
            let there = try await present(place)
            let damaged = isFirst ? try await damaged(place, there) : []
            report.replacedCount += damaged.count
            let lacking = (listed[place] ?? []).filter { entry in
                guard let byteCount = there[entry.name] else { return true }
                // The config was compared, and may have been signed by more admins here.
                return place != .config && byteCount != entry.byteCount || damaged.contains(entry.name)
            }
            .filter { entry in !report.damaged.contains { $0.name == entry.name.text } }
            missing[place] = lacking
            if isFirst { report.presentCount += (listed[place]?.count ?? 0) - lacking.count }
            progress.totalCount += lacking.count
            progress.totalByteCount += lacking.reduce(0) { $0 + $1.byteCount }
        }
        guard !options.isDry else {
            report.copiedCount = progress.totalCount
            report.copiedByteCount = progress.totalByteCount
            report.snapshotCount = missing[.snapshots]?.count ?? 0
            return true
        }
        tell(progress)
        var isWhole = true
        for place in StoreCopy.order {
            // A snapshot that relies on what vanished waits for the next round.
            guard isWhole || place != .snapshots else { break }
            // Nothing can be signed in the target before its config is there.
            if place == .packs, leases.count < 2, let target, let lease = try await lease(in: target) {
                leases.append(lease)
            }
            for lease in leases { try lease.check() }
            let entries = missing[place] ?? []
            if place == .snapshots {
                isWhole = try await copySnapshots(entries)
            } else {
                isWhole = try await copy(entries, place, options.parallelism) && isWhole
            }
        }
        guard isWhole, let target else { return false }
        // The age files that were listed are those of the newest generation still.
        guard try await ObjectPlace.config.list(in: source.objects).count == source.chain.generations.count
        else { return false }
        // As a writer does: what was relied on is still there.
        let there = try await present(.packs)
        let damaged = Set(report.damaged.map(\.name))
        guard
            (listed[.packs] ?? []).allSatisfy({
                there[$0.name] == $0.byteCount || damaged.contains($0.name.text)
            })
        else { return false }
        _ = try await Store.open(target, trust: StoreTrust(root: source.fingerprint))
        return true
    }

    /// The objects of the target that aren't what their names say, where they are to be read.
    private func damaged(
        _ place: ObjectPlace, _ there: [ObjectName: Int]
    ) async throws(ArchiveError) -> Set<ObjectName> {
        guard options.verifiesTarget, place != .config, let target else { return [] }
        let transfer = ObjectTransfer(source: source, target: target, place: place)
        var damaged: Set<ObjectName> = []
        let entries = there.map { ObjectEntry(name: $0.key, byteCount: $0.value) }
        try await BoundedTasks.run(entries, options.parallelism, byteLimit: options.byteLimit) { entry in
            await transfer.isWhole(entry)
        } done: { entry, isWhole in
            if !isWhole { damaged.insert(entry.name) }
        }
        return damaged
    }

    private func present(_ place: ObjectPlace) async throws(ArchiveError) -> [ObjectName: Int] {
        guard let target else { return [:] }
        return Dictionary(
            try await place.list(in: target).map { ($0.name, $0.byteCount) }, uniquingKeysWith: { $1 })
    }

    /// Puts `entries` of `place`. False where one was gone.
    private mutating func copy(
        _ entries: [ObjectEntry], _ place: ObjectPlace, _ parallelism: Int
    ) async throws(ArchiveError) -> Bool {
        guard let target else { return true }
        var isWhole = true
        let transfer = ObjectTransfer(source: source, target: target, place: place)
        var (report, progress) = (report, progress)
        let tell = tell
        do throws(ArchiveError) {
            try await BoundedTasks.run(entries, parallelism, byteLimit: options.byteLimit) { entry in
                await transfer.copy(entry)
            } done: { entry, outcome in
                switch outcome {
                case .put:
                    report.copiedCount += 1
                    report.copiedByteCount += entry.byteCount
                    if place == .snapshots { report.snapshotCount += 1 }
                case .vanished: isWhole = false
                case .damaged(let error): report.damaged.append(.init(name: entry.name.text, error: error))
                }
                progress.doneCount += 1
                progress.doneByteCount += entry.byteCount
                tell(progress)
            }
        } catch {
            (self.report, self.progress) = (report, progress)
            throw error
        }
        (self.report, self.progress) = (report, progress)
        return isWhole
    }

    /// Puts snapshots, each after the one before it in its agent's chain, as far as that can be told.
    private mutating func copySnapshots(_ entries: [ObjectEntry]) async throws(ArchiveError) -> Bool {
        guard entries.count > 1 else { return try await copy(entries, .snapshots, 1) }
        guard !write.isEmpty else {
            report.isOrdered = false
            return try await copy(entries, .snapshots, options.parallelism)
        }
        let keys = try OpenedWrite(store: source, keys: write)
        var generations: [ObjectName: UInt64] = [:]
        let transfer = ObjectTransfer(source: source, target: source.objects, place: .snapshots)
        try await BoundedTasks.run(entries, options.parallelism, byteLimit: options.byteLimit) { entry in
            await transfer.generation(entry, keys)
        } done: { entry, generation in
            generations[entry.name] = generation
        }
        // Those that no key at hand opens are older than the keys, if they are snapshots at all.
        let unknown = entries.filter { generations[$0.name] == nil }
        if unknown.count > 1 { report.isOrdered = false }
        guard try await copy(unknown, .snapshots, options.parallelism) else { return false }
        // All agents' first ones, then all second ones: each chain is in order.
        let known = entries.filter { generations[$0.name] != nil }
            .sorted { (generations[$0.name] ?? 0, $0.name) < (generations[$1.name] ?? 0, $1.name) }
        return try await copy(known, .snapshots, 1)
    }
}
