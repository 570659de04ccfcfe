import Encodings
import Sodium
import Storage

/// Removes what no snapshot needs (FORMAT.md §14): marks packs, waits for the grace and for the sessions that may rely on
/// them, looks again, writes the index without them, and only then removes them.
///
/// Needs `write` and an agent that may add and prune; no `read`.
package struct StorePruner {
    let keys: OpenedWrite
    let signing: SigningContext
    let presence: SessionPresence
    let options: PruneOptions
    /// The own lease; nil for a plan.
    let lease: SessionLease?
    var state: PrunerState
    var report = PruneReport()
    /// Packs that are said to be damaged, and are.
    var broken: Set<PackName> = []
    /// The words of damage that were looked at.
    var examined: Set<TombstoneName> = []
    /// New packs of this run, which an index object names by now.
    var fresh: [PackName: PackHeader] = [:]
    let progress: @Sendable (String) -> Void

    /// What a look at the store gave, in the order in which it was taken: leases, snapshots, index, packs.
    struct Look {
        var sessions: SessionWatch
        var catalog: SnapshotCatalog
        var index: PruneIndex
        var walk: LiveWalk
        var usage: PackUsage
    }

    /// Prunes `store` as the agent of `agent`, on the machine of `presence`. `state` is what this machine has seen before;
    /// keep what it is afterwards, when this throws too. `progress` is told what is being done, a few words each.
    ///
    /// With `options.isDryRun` nothing is changed. Throws `refused` (not enrolled; nothing to go by), `busy` (another pruner,
    /// or any session where there is no grace), `clockSkew`, `overtaken` (silent for too long), `damaged` and `absent` where
    /// the store isn't whole, `rolledBack` where an annotation is gone: then nothing was removed; `storage`. What was begun is gone on with by the next run.
    ///
    /// Where the place is full its reserve is given back first, nothing is packed anew, and the reserve is kept again at the
    /// end, where there is room.
    package static func run(
        _ store: Store, write: [WriteKey], agent: AgentKey, presence: SessionPresence,
        state: inout PrunerState,
        options: PruneOptions = PruneOptions(), progress: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws(ArchiveError) -> PruneReport {
        var seen = state
        let result: Result<PruneReport, ArchiveError>
        do throws(ArchiveError) {
            result = .success(
                try await store.objects.releasingReserve { (isFull) throws(ArchiveError) in
                    var options = options
                    if isFull { options.maximumUnused = 1 }
                    var report = try await attempt(
                        store, write: write, agent: agent, presence: presence, state: &seen, options: options,
                        progress: progress)
                    report.releasedReserve = isFull
                    return report
                })
        } catch {
            result = .failure(error)
        }
        state = seen
        let report = try result.get()
        if !options.isDryRun {
            await store.objects.keepReserve(
                forObjectsOf: report.present.byteCount
                    - min(report.present.byteCount, report.removed.byteCount))
        }
        return report
    }

    private static func attempt(
        _ store: Store, write: [WriteKey], agent: AgentKey, presence: SessionPresence,
        state: inout PrunerState,
        options: PruneOptions, progress: @escaping @Sendable (String) -> Void
    ) async throws(ArchiveError) -> PruneReport {
        let keys = try OpenedWrite(store: store, keys: write)
        guard store.config.agent(agent.publicKey)?.powers.isSuperset(of: [.add, .prune]) ?? false else {
            throw ArchiveError(.refused, "agent: not enrolled to add to this store and to prune it")
        }
        let signing = SigningContext(
            store: store.id, generation: store.generation, write: try keys.newest(), agent: agent)
        let last = state.clock
        let hadRun = state.store == store.id && !state.boot.isEmpty
        try state.begin(store.id, presence)
        let lease =
            options.isDryRun
            ? nil : try await SessionLease.begin(.prune, in: store.objects, signing, presence)
        var pruner = StorePruner(
            keys: keys, signing: signing, presence: presence, options: options, lease: lease, state: state,
            progress: progress)
        let result: Result<Void, ArchiveError>
        do throws(ArchiveError) {
            try await pruner.run(hadRun: hadRun, last: last)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await lease?.end()
        state = pruner.state
        try result.get()
        return pruner.report
    }

    private mutating func run(hadRun: Bool, last: Int64) async throws(ArchiveError) {
        report.isDryRun = options.isDryRun
        // Before the leases: whoever made one of these is over, or is seen below.
        let before = try await IndexCatalog.packs(of: keys.store)
        var look = try await look()
        let annotations = try await AnnotationCatalog.load(with: keys)
        try await state.note(annotations, of: look.catalog, in: keys.store.objects, "nothing is removed")
        report.generations = look.catalog.generations
        report.snapshotCount = look.catalog.records.count
        for byteCount in look.index.present.values { report.present.add(byteCount) }
        state.observe(look.catalog.records, hadRun: hadRun, at: presence.clock(), since: last)
        state.settle(Array(before.keys), alive: look.sessions.ids)
        if lease != nil { try await removeLeftovers(look.catalog) }
        sight(look.catalog.tombstones.marks, look.sessions)
        try await examine(look)
        let candidates = candidates(look)
        for name in broken.subtracting(candidates.unneeded).subtracting(look.catalog.tombstones.markedPacks) {
            report.damaged.add(look.index.present[name] ?? 0)
        }
        guard lease != nil else { return plan(candidates, look) }
        let marked = try await mark(candidates, look)
        try await sweep(&look, marked)
        try await tidy(look.catalog, annotations)
    }

    // MARK: looking

    /// Throws `busy` where another pruner is at work, or any session where there is no grace.
    func requireQuiet(_ sessions: SessionWatch) throws(ArchiveError) {
        if let other = sessions.alive.first(where: { $0.lease?.work == .prune }) {
            throw ArchiveError(.busy, "leases/\(other.session): \(other.who) is pruning this store")
        }
        guard options.grace > .zero || sessions.alive.isEmpty else {
            throw ArchiveError(
                .busy,
                "leases/\(sessions.alive[0].session): \(sessions.alive[0].who) may be under way; "
                    + "without a grace nobody else may be at work")
        }
    }

    /// Looks at leases, then snapshots, then the index, then packs. Throws where anything is missing, or nothing may be
    /// removed now.
    mutating func look() async throws(ArchiveError) -> Look {
        let sessions = try await SessionWatch(
            keys, own: lease?.session, presence, &state, removes: lease != nil)
        try requireQuiet(sessions)
        progress("reading the list of snapshots")
        let catalog = try await SnapshotCatalog.load(with: keys)
        try await requireWhole(catalog, sessions)
        progress("reading the index")
        let index = try await PruneIndex(with: keys)
        progress("following what snapshots need")
        var walk = LiveWalk(keys, index)
        try await walk.reach(catalog.records)
        let usage = try PackUsage(index, &walk)
        return Look(sessions: sessions, catalog: catalog, index: index, walk: walk, usage: usage)
    }

    private func requireWhole(
        _ catalog: SnapshotCatalog, _ sessions: SessionWatch
    ) async throws(ArchiveError) {
        // What nobody signed who might is no snapshot, and no tombstone: it keeps nothing and forgets nothing.
        for failure in catalog.failures + catalog.tombstones.failures where failure.error.code != .forged {
            throw ArchiveError(
                failure.error.code == .keyNeeded ? .keyNeeded : .damaged,
                "\(failure.error.context); nothing is removed", underlying: failure.error)
        }
        if let gap = catalog.gaps.first {
            throw ArchiveError(
                .absent,
                "snapshot \(gap.generation) of agent \(gap.agent) is missing, without a tombstone; nothing is removed"
            )
        }
        guard !catalog.records.isEmpty || !catalog.tombstones.forgotten.isEmpty else {
            throw ArchiveError(
                .refused, "the store holds no snapshot, and none was forgotten: nothing tells what is needed")
        }
        try await catalog.requireAgreedClock(
            of: keys.store.objects, presence,
            other: max(catalog.tombstones.newestTime, sessions.newestTime),
            isPlan: options.isDryRun, "nothing is removed")
    }

    // MARK: marks

    /// What this run marks.
    struct Candidates {
        /// Packs of which nothing is used.
        var unneeded: [PackName] = []
        /// Positions, in the index, of packs that are packed anew.
        var sparse: [Int] = []
        /// Packs that pieces were moved to, and that no index names yet.
        var unindexed: [PackName] = []
    }

    /// Notes since when marks are seen, and which sessions may be older than they are.
    mutating func sight(_ marks: [TombstoneCatalog.Mark], _ sessions: SessionWatch) {
        let now = presence.boot().nanoseconds
        var seen: [TombstoneName: PrunerState.MarkSight] = [:]
        for mark in marks {
            seen[mark.name] =
                state.marks[mark.name] ?? PrunerState.MarkSight(since: now, older: sessions.ids.sorted())
        }
        state.marks = seen
    }

    private func candidates(_ look: Look) -> Candidates {
        let marked = look.catalog.tombstones.markedPacks
        let targets = Set(look.catalog.tombstones.marks.flatMap(\.into))
        let settled = Set(state.settled)
        let replaced = replacedPacks(look, leaving: marked)
        var candidates = Candidates()
        for name in look.index.present.keys.sorted() where !marked.contains(name) {
            if targets.contains(name), !look.index.contains(name) {
                candidates.unindexed.append(name)
                continue
            }
            guard settled.contains(name) else { continue }
            guard let ordinal = look.index.ordinals[name].map(Int.init) else {
                candidates.unneeded.append(name)
                continue
            }
            guard !broken.contains(name) else {
                if replaced.contains(name) { candidates.unneeded.append(name) }
                continue
            }
            if look.usage.used[ordinal] == 0 {
                candidates.unneeded.append(name)
            } else if look.usage.unusedShare(ordinal) > options.maximumUnused,
                mayMove(look.index.packs[ordinal])
            {
                candidates.sparse.append(ordinal)
            }
        }
        return candidates
    }

    /// Whether what is in the pack may be put into one of this agent's: under its name others take it for granted, so it
    /// has to be of an agent that they trust now.
    private func mayMove(_ pack: PruneIndex.Pack) -> Bool { !pack.isContested && mayMove(maker: pack.maker) }

    /// As `mayMove`, of packs that `maker` made.
    func mayMove(maker: [UInt8]) -> Bool {
        let config = keys.store.config
        guard let maker = config.agent(maker), let own = config.agent(signing.agent.publicKey) else {
            return false
        }
        return maker.powers.contains(.add) && maker.trustGroup == own.trustGroup
    }

    /// Fills in the report of a plan.
    private mutating func plan(_ candidates: Candidates, _ look: Look) {
        for name in candidates.unneeded { report.marked.add(look.index.present[name] ?? 0) }
        for ordinal in candidates.sparse {
            report.repacked.add(look.index.packs[ordinal].byteCount)
            report.moved.byteCount += look.usage.used[ordinal]
        }
        for mark in look.catalog.tombstones.marks {
            let reasons = reasons(against: mark.name, look.sessions)
            for pack in mark.packs {
                guard let byteCount = look.index.present[pack] else { continue }
                if reasons.isEmpty { report.removed.add(byteCount) } else { report.waiting.add(byteCount) }
            }
            for reason in reasons where !report.reasons.contains(reason) { report.reasons.append(reason) }
        }
        guard options.grace == .zero else { return }
        for amount in [report.marked, report.repacked] {
            report.removed.packCount += amount.packCount
            report.removed.byteCount += amount.byteCount
        }
    }

    /// Why what is marked may not go yet; empty where it may.
    func reasons(against mark: TombstoneName, _ sessions: SessionWatch) -> [String] {
        guard let sight = state.marks[mark] else { return ["seen for the first time"] }
        var reasons: [String] = []
        let left = options.grace.nanoseconds - (presence.boot().nanoseconds - sight.since)
        if left > 0 { reasons.append("the grace ends in \(StorePruner.words(left))") }
        for session in sessions.alive where sight.older.contains(session.session) {
            reasons.append(
                "\(session.who) is older and may be under way (leases/\(session.session))")
        }
        return reasons
    }

    private static func words(_ nanoseconds: Int64) -> String {
        let seconds = nanoseconds / 1_000_000_000
        if seconds >= 7200 { return "\(seconds / 3600) hours" }
        return seconds >= 120 ? "\(seconds / 60) minutes" : "\(max(1, seconds)) seconds"
    }
}
