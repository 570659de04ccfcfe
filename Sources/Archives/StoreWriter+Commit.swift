import Encodings
import Sodium
import Storage
import Synchronization

extension StoreWriter {
    /// Stores what is still being collected, checks that every pack relied on is there, and makes the snapshot's
    /// bytes. Nothing shows in the store yet: record the bytes, then `commit` them.
    ///
    /// Throws `invalid` for a draft that no snapshot can be (names, an unknown root), and what the session threw.
    package func prepare(_ draft: SnapshotDraft) async throws(ArchiveError) -> PreparedSnapshot {
        guard draft.isValid else {
            throw ArchiveError(.invalid, "snapshot: values that no snapshot can have")
        }
        var roots: [NodeID] = []
        for root in draft.sources.compactMap(\.root) where !roots.contains(root) {
            guard isKnown(.node(root)) else {
                throw ArchiveError(.invalid, "snapshot: a root isn't in the store")
            }
            roots.append(root)
        }
        try await flush()
        try await checkMarks()
        guard let agent = keys.store.config.agent(session.agent.publicKey) else {
            throw ArchiveError(.refused, "agent: not enrolled")
        }
        let catalog = try await SnapshotCatalog.load(with: keys)
        let previous = catalog.newest(of: agent.publicKey)
        let header = SnapshotHeader(
            environment: draft.environment, agent: agent.name, time: draft.time,
            generation: (previous?.generation ?? 0) + 1, previous: previous?.id.digest ?? .zero,
            status: draft.status, sourceSet: draft.sourceSet, revisions: draft.revisions.sorted(),
            roots: roots)
        let content = SnapshotObject.encode(host: draft.host, draft.sources, roots: roots)
        guard content.count <= SnapshotObject.contentByteLimit else {
            throw ArchiveError(.limitExceeded, "snapshot: its content is too long")
        }
        let codec = try ChunkCodec(limit: content.count, level: options.compressionLevel)
        let read = keys.store.config.readKeys[keys.store.config.readKeys.count - 1]
        let key = try DataKey(
            sealingTo: ReadPublicKey(number: read.number, key: read.key), store: keys.store.id)
        let bytes = try SnapshotObject.seal(header, content: content, dataKey: key, codec: codec, in: session)
        return PreparedSnapshot(id: SnapshotID(Digest(hashing: bytes)), bytes: bytes, header: header)
    }

    /// Puts the snapshot: the commit point. Then looks once more that every pack relied on is there, and ends the session.
    ///
    /// Throws `storage` where it may or may not be there (commit the same bytes again), and `overtaken`, `absent` or
    /// `damaged` where the session was silent for too long, or packs went away meanwhile: then the snapshot was taken back.
    package func commit(_ snapshot: PreparedSnapshot) async throws(ArchiveError) -> SnapshotID {
        try lease.check()
        do throws(ArchiveError) {
            try await snapshot.put(in: keys.store)
        } catch {
            // It may still come to have its effect: the session is over when its lease says so, not before.
            lease.leave()
            throw error
        }
        do throws(ArchiveError) {
            try lease.check()
            try await checkPacks()
        } catch {
            guard error.code != .storage else { throw error }
            // Nobody was told of it yet.
            try await keys.store.objects.discard(.snapshots, snapshot.id)
            throw error
        }
        await keys.store.objects.keepReserve(forObjectsOf: storedByteCount.load(ordering: .relaxed))
        await close()
        return snapshot.id
    }

    /// Ends the session: takes its lease away. Nothing can be added any more.
    package func close() async {
        await lease.end()
    }
}

extension PreparedSnapshot {
    /// A snapshot whose bytes an agent recorded before, to be put again. Throws `damaged` where they aren't one of
    /// this store's.
    package init(recorded bytes: [UInt8], store: Store, write: [WriteKey]) throws(ArchiveError) {
        let id = SnapshotID(Digest(hashing: bytes))
        let opened = try SnapshotObject.open(bytes, id, with: try OpenedWrite(store: store, keys: write))
        self.init(id: id, bytes: bytes, header: opened.header)
    }

    /// Puts the object. Its name says its bytes: putting it again changes nothing.
    func put(in store: Store) async throws(ArchiveError) {
        try await store.objects.store(try ObjectPlace.snapshots.name(id), bytes)
    }
}

extension SnapshotDraft {
    /// H of the list of kinds and names, sorted: which sources the snapshot is of, whatever became of them.
    var sourceSet: Digest {
        var writer = CanonicalWriter()
        let sorted = sources.map { (kind: $0.kind.rawValue, name: Array($0.name.utf8)) }
            .sorted { left, right in
                left.kind != right.kind
                    ? left.kind < right.kind : left.name.lexicographicallyPrecedes(right.name)
            }
        writer.count(sorted.count)
        for source in sorted {
            writer.uint8(source.kind)
            writer.lp(source.name)
        }
        return Digest(hashing: writer.bytes)
    }

    /// Everything that decoders bound.
    var isValid: Bool {
        let revisions = revisions.sorted()
        func isName(_ text: String) -> Bool { (1...255).contains(text.utf8.count) }
        let keys = sources.map { [$0.kind.rawValue] + Array($0.name.utf8) }
        return isName(environment) && host.utf8.count <= 255 && Set(keys).count == keys.count
            && zip(revisions, revisions.dropFirst()).allSatisfy { $0 < $1 }
            && revisions.allSatisfy { isName($0.source) && ($0.commit.count == 20 || $0.commit.count == 32) }
            && sources.allSatisfy { source in
                isName(source.name) && source.notes.allSatisfy { $0.utf8.count <= 1 << 16 }
                    && zip(source.facts, source.facts.dropFirst()).allSatisfy { $0 < $1 }
                    && source.facts.allSatisfy { isName($0.name) && $0.value.count <= 1 << 20 }
            }
    }
}
