import Storage

extension StorePruner {
    /// Headers that are read at once.
    private static let parallelism = 8

    /// Removes what is marked and may go: looks again, proves each pack by its own header, writes the index without them, and
    /// removes them, then their marks.
    mutating func sweep(_ look: inout Look, _ added: [TombstoneCatalog.Mark]) async throws(ArchiveError) {
        guard let lease else { return }
        let marks = look.catalog.tombstones.marks + added
        // The leases before the snapshots: what a session that is over has added is seen below.
        let sessions = try await SessionWatch(keys, own: lease.session, presence, &state, removes: true)
        try requireQuiet(sessions)
        var due: [TombstoneCatalog.Mark] = []
        for mark in marks {
            let reasons = reasons(against: mark.name, sessions)
            if reasons.isEmpty {
                due.append(mark)
                continue
            }
            for pack in mark.packs where look.index.present[pack] != nil {
                report.waiting.add(look.index.present[pack] ?? 0)
            }
            for reason in reasons where !report.reasons.contains(reason) { report.reasons.append(reason) }
        }
        let known = Set(look.catalog.records.map(\.id))
        let now = try await SnapshotCatalog.load(with: keys)
        // Snapshots that came since: everything is looked at anew. Fewer need less, and that waits for the next run.
        if !Set(now.records.map(\.id)).isSubset(of: known) || !now.failures.isEmpty || !now.gaps.isEmpty {
            look = try await self.look()
        }
        progress("looking at what is to go once more")
        let missing = Set(look.index.packs.map(\.name).filter { look.index.present[$0] == nil })
        let leaving = Set(marks.flatMap(\.packs))
        var gone: [PackName] = []
        var done: [TombstoneCatalog.Mark] = []
        for mark in due {
            let (proven, isUnproven) = try await prove(mark, look, leaving)
            gone += proven
            if !isUnproven { done.append(mark) }
        }
        var rewrite = IndexRewrite(keys, signing, lease)
        try await rewrite.drop(missing.union(gone), from: look.index)
        report.indexObjectCount += rewrite.writtenCount
        for (position, name) in gone.enumerated() {
            // Right before each: a session that was silent for too long may be taken for over, and its marks for void.
            try lease.check()
            try await keys.store.objects.discard(.packs, name)
            report.removed.add(look.index.present[name] ?? 0)
            if position % 64 == 0 { progress("removing: \(position) of \(gone.count) packs") }
        }
        for mark in done {
            try lease.check()
            try await keys.store.objects.discard(.tombstones, mark.name)
            state.marks[mark.name] = nil
        }
        state.settled.removeAll { Set(gone).contains($0) }
        state.pending.removeAll { Set(gone).contains($0) }
    }

    /// The packs of a mark of which nothing is used, by their own headers, but for what the packs that it was moved to hold.
    /// Those that are used again are left out, and so are those whose headers can't be read: then `isUnproven`.
    private mutating func prove(
        _ mark: TombstoneCatalog.Mark, _ look: Look, _ leaving: Set<PackName>
    ) async throws(ArchiveError) -> (proven: [PackName], isUnproven: Bool) {
        var elsewhere: Set<Digest> = []
        for name in mark.into {
            // Only what an index names, so that readers find it.
            var header = fresh[name]
            if header == nil, look.index.contains(name), !broken.contains(name),
                let byteCount = look.index.present[name]
            {
                header = try await PackReader.header(of: name, byteCount: Int(byteCount), with: keys).header
            }
            for group in header?.groups ?? [] { for row in group.rows { elsewhere.insert(row.hash) } }
        }
        let here = mark.packs.filter { look.index.present[$0] != nil }
        var proven: [PackName] = []
        var isUnproven = false
        var unindexed: [(name: PackName, used: [Piece])] = []
        var unreadable: [Replaceable] = []
        var start = 0
        while start < here.count {
            let slice = here[start..<min(start + Self.parallelism, here.count)]
            start += slice.count
            for (name, outcome) in await headers(Array(slice), look.index.present) {
                switch outcome {
                case .success(let pack):
                    let used = pieces(in: pack.header).filter {
                        look.walk.isUsed($0.kind, $0.keyNumber, $0.hash) && !elsewhere.contains($0.hash)
                    }
                    if broken.contains(name) {
                        unreadable.append(replaceable(name, used.map { ($0.kind, $0.key) }, look))
                    } else if used.isEmpty {
                        proven.append(name)
                    } else if !look.index.contains(name), mayMove(maker: pack.maker) {
                        unindexed.append((name, used))
                    } else {
                        report.returned.add(look.index.present[name] ?? 0)
                    }
                case .failure(let error):
                    guard error.code != .storage else { throw error }
                    guard error.code == .damaged || error.code == .forged else {
                        report.unproven.add(look.index.present[name] ?? 0)
                        isUnproven = true
                        continue
                    }
                    // Nobody can use of it more than the index says.
                    unreadable.append(replaceable(name, [], look))
                }
            }
        }
        proven += try await copied(unindexed, look, leaving)
        proven += try await replaced(unreadable, look, leaving)
        return (proven, isUnproven)
    }

    private struct Piece {
        let kind: PackKind
        let keyNumber: UInt32
        let hash: Digest
        var key: UInt64 { LiveSet.key(keyNumber, hash) }
    }

    private func pieces(in header: PackHeader) -> [Piece] {
        header.groups.flatMap { group in
            group.rows.map { Piece(kind: header.kind, keyNumber: group.keyNumber, hash: $0.hash) }
        }
    }

    /// Of packs that no index names, and whose pieces are in use: those of which other packs hold every one of these, by
    /// their own headers. Only packs count that an index names, that aren't about to go, and whose makers the maker of the
    /// pack's group trusts. So what a prune left that was killed before it marked what it had moved is removed again.
    private mutating func copied(
        _ packs: [(name: PackName, used: [Piece])], _ look: Look, _ leaving: Set<PackName>
    ) async throws(ArchiveError) -> [PackName] {
        guard !packs.isEmpty else { return [] }
        var found: Set<Digest> = []
        for header in fresh.values { found.formUnion(pieces(in: header).map(\.hash)) }
        let missing = packs.flatMap(\.used).filter { !found.contains($0.hash) }
        let wanted = Set(missing.map(\.key))
        var ordinals: Set<Int32> = []
        for row in look.index.chunkKeys.indices where wanted.contains(look.index.chunkKeys[row]) {
            ordinals.insert(look.index.chunkPacks[row])
        }
        for row in look.index.nodes where wanted.contains(row.key) { ordinals.insert(row.pack) }
        let holders = ordinals.map { look.index.packs[Int($0)] }
            .filter { $0.isPresent && !leaving.contains($0.name) && !broken.contains($0.name) }
            .map(\.name).sorted()
        for start in stride(from: 0, to: holders.count, by: Self.parallelism) {
            let slice = Array(holders[start..<min(start + Self.parallelism, holders.count)])
            for (_, outcome) in await headers(slice, look.index.present) {
                guard case .success(let pack) = outcome, mayMove(maker: pack.maker) else { continue }
                found.formUnion(pieces(in: pack.header).map(\.hash))
            }
        }
        var proven: [PackName] = []
        for (name, used) in packs {
            if used.allSatisfy({ found.contains($0.hash) }) {
                proven.append(name)
            } else {
                report.returned.add(look.index.present[name] ?? 0)
            }
        }
        return proven
    }

    private func headers(
        _ names: [PackName], _ present: [PackName: UInt64]
    ) async -> [(PackName, Result<IndexedPack, ArchiveError>)] {
        let keys = keys
        return await withTaskGroup(of: (PackName, Result<IndexedPack, ArchiveError>).self) { group in
            for name in names {
                let byteCount = Int(present[name] ?? 0)
                group.addTask {
                    do throws(ArchiveError) {
                        let pack = try await PackReader.header(of: name, byteCount: byteCount, with: keys)
                        return (name, .success(pack))
                    } catch {
                        return (name, .failure(error))
                    }
                }
            }
            var outcomes: [(PackName, Result<IndexedPack, ArchiveError>)] = []
            for await outcome in group { outcomes.append(outcome) }
            return outcomes.sorted { $0.0 < $1.0 }
        }
    }

    // MARK: what else is over

    /// Tombstones of forgetting that are merged into one.
    private static let wordLimit = 16

    /// Removes the objects of forgotten snapshots that a killed run left.
    func removeLeftovers(_ catalog: SnapshotCatalog) async throws(ArchiveError) {
        for id in catalog.leftovers { try await keys.store.objects.discard(.snapshots, id) }
    }

    /// Removes what counts for nothing and never will: snapshots, tombstones and annotations whose bytes are what their names
    /// say, and that nobody signed who might. A snapshot that another one names as the one before it stays.
    private func removeForged(
        _ catalog: SnapshotCatalog, _ annotations: AnnotationCatalog
    ) async throws(ArchiveError) {
        var named = Set(catalog.records.map(\.header.previous))
        for forgotten in catalog.tombstones.forgotten.values { named.insert(forgotten.previous) }
        for failure in catalog.failures + catalog.tombstones.failures + annotations.failures
        where failure.error.code == .forged {
            let name: ObjectName
            do throws(StorageError) {
                name = try ObjectName(failure.name)
            } catch {
                continue
            }
            if let id = SnapshotID(name.lastComponent), named.contains(id.digest) { continue }
            try lease?.check()
            try await keys.store.objects.discard(name)
        }
    }

    /// Merges many tombstones of forgetting into one, and removes annotations of what is forgotten, and what was said of
    /// damaged packs that are gone, or aren't damaged.
    func tidy(
        _ catalog: SnapshotCatalog, _ annotations: AnnotationCatalog
    ) async throws(ArchiveError) {
        guard let lease else { return }
        let here = Set(catalog.records.map(\.id))
        // Of a snapshot that is still there the word stays as it is: under this agent's name it would count for more.
        let settled = catalog.tombstones.words.filter { word in !word.value.contains { here.contains($0.id) }
        }
        if settled.count >= StorePruner.wordLimit {
            try lease.check()
            var merged: [SnapshotID: Tombstone.Forgotten] = [:]
            for word in settled.values { for snapshot in word { merged[snapshot.id] = snapshot } }
            let tombstone = Tombstone(
                time: presence.clock(), forgotten: Array(merged.values), merging: Array(settled.keys))
            try await keys.put(tombstone, signing)
            for name in settled.keys { try await keys.store.objects.discard(.tombstones, name) }
        }
        try await settleClaims(catalog)
        try await removeForged(catalog, annotations)
        for (name, snapshot) in annotations.all
        where catalog.tombstones.honoured.contains(snapshot) && !here.contains(snapshot) {
            try lease.check()
            try await keys.store.objects.discard(.annotations, name)
        }
    }
}
