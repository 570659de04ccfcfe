package import Encodings
import Sodium
import Storage

/// Pins, tags, results of drills, and forgetting: what is said about snapshots after they were taken.
package struct SnapshotKeeping: Sendable {
    private let keys: OpenedWrite
    private let signing: SigningContext
    private let agent: AgentRecord

    /// Acts as the agent of `agent` on `store`. Throws `refused` where it isn't enrolled to add.
    package init(_ store: Store, write: [WriteKey], agent: AgentKey) throws(ArchiveError) {
        keys = try OpenedWrite(store: store, keys: write)
        guard let record = store.config.agent(agent.publicKey), record.powers.contains(.add) else {
            throw ArchiveError(.refused, "agent: not enrolled to add to this store")
        }
        self.agent = record
        signing = SigningContext(
            store: store.id, generation: store.generation, write: try keys.newest(), agent: agent)
    }

    /// The annotations that hold.
    package func annotations() async throws(ArchiveError) -> AnnotationCatalog {
        try await AnnotationCatalog.load(with: keys)
    }

    /// Puts an annotation; returns its name. Throws `storage`.
    @discardableResult
    package func annotate(_ annotation: Annotation) async throws(ArchiveError) -> AnnotationName {
        let bytes = annotation.object(in: signing)
        let name = AnnotationName(Digest(hashing: bytes))
        try await keys.store.objects.store(try ObjectPlace.annotations.name(name), bytes)
        return name
    }

    /// Withdraws every annotation of `snapshot` that `matches`; returns how many. Throws `refused` where one is another
    /// agent's and this one may not prune.
    @discardableResult
    package func withdraw(
        of snapshot: SnapshotID, at time: Timestamp, where matches: (Annotation.Remark) -> Bool
    ) async throws(ArchiveError) -> Int {
        let records = try await annotations().records(of: snapshot).filter { matches($0.annotation.remark) }
        guard !records.isEmpty else { return 0 }
        guard agent.powers.contains(.prune) || records.allSatisfy({ $0.agent == agent.name }) else {
            throw ArchiveError(
                .refused, "agent: not enrolled to prune, and the annotation is another agent's")
        }
        try await annotate(Annotation(.withdrawal(records.map(\.name)), of: snapshot, time: time))
        return records.count
    }

    /// Forgets `snapshots`: their tombstone is durable before the first of them goes. Their chunks stay until prune.
    ///
    /// Throws `refused` where the agent isn't enrolled to prune, `pinned` where one is pinned: then none is forgotten;
    /// `absent` for one that isn't in `catalog`; `storage` where some may still be there: forget them again.
    package func forget(
        _ snapshots: [SnapshotID], in catalog: SnapshotCatalog, at time: Timestamp
    ) async throws(ArchiveError) {
        guard agent.powers.contains(.prune) else {
            throw ArchiveError(.refused, "agent: not enrolled to prune this store")
        }
        let pinned = try await annotations().pinned
        var forgotten: [Tombstone.Forgotten] = []
        for id in Set(snapshots) {
            guard let record = catalog.records.first(where: { $0.id == id }), let key = catalog.agentKeys[id]
            else { throw ArchiveError(.absent, "snapshots/\(id): missing") }
            guard !pinned.contains(id) else { throw ArchiveError(.pinned, "snapshots/\(id): pinned") }
            guard record.header.generation < Tombstone.generationLimit else {
                throw ArchiveError(.limitExceeded, "snapshots/\(id): generation")
            }
            forgotten.append(
                Tombstone.Forgotten(
                    id: id, previous: record.header.previous, agent: key, generation: record.header.generation
                ))
        }
        guard !forgotten.isEmpty else { return }
        _ = try await keys.store.objects.releasingReserve { (_) throws(ArchiveError) in
            try await keys.put(Tombstone(time: time, forgotten: forgotten), signing)
        }
        for snapshot in forgotten { try await keys.store.objects.discard(.snapshots, snapshot.id) }
    }
}

extension OpenedWrite {
    /// Puts a tombstone, durably when this returns.
    @discardableResult
    func put(
        _ tombstone: Tombstone, _ signing: SigningContext
    ) async throws(ArchiveError) -> TombstoneName {
        let bytes = tombstone.object(in: signing)
        let name = TombstoneName(Digest(hashing: bytes))
        try await store.objects.store(try ObjectPlace.tombstones.name(name), bytes)
        return name
    }
}

extension ObjectStore {
    /// Removes an object; one that is not there is no error. Throws `storage`.
    func discard(_ place: ObjectPlace, _ id: some ObjectIdentifier) async throws(ArchiveError) {
        try await discard(try place.name(id))
    }

    /// Removes an object; one that is not there is no error. Throws `storage`.
    func discard(_ name: ObjectName) async throws(ArchiveError) {
        do throws(StorageError) {
            try await remove(name)
        } catch {
            throw ArchiveError(.storage, "\(name): can't be removed", underlying: error)
        }
    }
}
