import Sodium
import Storage

/// Makes the index anew from the headers of packs, for packs that no usable index object names.
///
/// Only packs whose header and maker verify are taken. Index objects that can't be used are moved aside, to
/// `aside/index/…`; nothing is lost by it, and nothing else is changed.
package enum IndexRebuild {
    /// What was done.
    package struct Report: Sendable {
        /// Packs that were put into new index objects.
        package let packCount: Int
        /// Index objects moved aside, because they can't be used.
        package let movedAside: [String]
        /// Packs that were left out, and why.
        package let failures: [SnapshotCatalog.Failure]
    }

    /// Rows of one index object: 12 MiB. Opening one takes some times that.
    private static let rowLimit = 1 << 18

    /// Packs whose headers are read before the next look at the number of rows, and how many at once.
    private static let batchCount = 256
    private static let parallelism = 8

    /// Rebuilds as the agent `agent`, who signs the new index objects, on the machine of `presence`; with `isDry` it only
    /// finds out what would be done. It is a session like that of a writer: no pruner removes meanwhile what it puts into
    /// the index, and it leaves out what is marked to be removed.
    /// `progress` is told the number of packs that were looked at, of all that no usable index object names. Throws
    /// `refused`, `storage`, `overtaken`.
    package static func run(
        _ store: Store, write: [WriteKey], agent: AgentKey, presence: SessionPresence, isDry: Bool = false,
        progress: @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) async throws(ArchiveError) -> Report {
        let keys = try OpenedWrite(store: store, keys: write)
        guard store.config.agent(agent.publicKey)?.powers.contains(.add) ?? false else {
            throw ArchiveError(.refused, "agent: not enrolled to add to this store")
        }
        let session = SigningContext(
            store: store.id, generation: store.generation, write: try keys.newest(), agent: agent)
        let lease = isDry ? nil : try await SessionLease.begin(.write, in: store.objects, session, presence)
        do throws(ArchiveError) {
            let report = try await run(keys, session, lease, progress)
            await lease?.end()
            return report
        } catch {
            await lease?.end()
            throw error
        }
    }

    private static func run(
        _ keys: OpenedWrite, _ session: SigningContext, _ lease: SessionLease?,
        _ progress: @Sendable (_ done: Int, _ total: Int) -> Void
    ) async throws(ArchiveError) -> Report {
        let store = keys.store
        let marked = try await keys.markedPacks()
        let loaded = try await IndexCatalog.load(with: keys)
        let indexed = Set(loaded.index.packs.map(\.pack.name))
        let lost = try await ObjectPlace.packs.list(in: store.objects).filter { entry in
            PackName(entry.name.lastComponent).map { !indexed.contains($0) && !marked.contains($0) } ?? false
        }
        var packs: [IndexedPack] = []
        var failures: [SnapshotCatalog.Failure] = []
        var (rowCount, packCount, doneCount) = (0, 0, 0)
        for start in stride(from: 0, to: lost.count, by: batchCount) {
            let batch = Array(lost[start..<min(start + batchCount, lost.count)])
            try await BoundedTasks.run(batch, parallelism) { entry in
                await header(entry, keys)
            } done: { entry, outcome in
                switch outcome {
                case .success(let pack):
                    packs.append(pack)
                    rowCount += pack.header.groups.reduce(0) { $0 + $1.rows.count }
                    packCount += 1
                case .failure(let error): failures.append(.init(name: entry.name.text, error: error))
                }
                doneCount += 1
                progress(doneCount, lost.count)
            }
            guard rowCount >= rowLimit, let lease else { continue }
            try await put(packs, store, session, lease)
            packs = []
            rowCount = 0
        }
        if let lease {
            if !packs.isEmpty { try await put(packs, store, session, lease) }
            try lease.check()
            for failure in loaded.failures { try await moveAside(failure.name, store) }
        }
        return Report(
            packCount: packCount, movedAside: loaded.failures.map(\.name.text), failures: failures)
    }

    /// A pack's header, or why it can't be taken; fails where the storage does.
    static func header(
        _ entry: ObjectEntry, _ keys: OpenedWrite
    ) async -> Result<Result<IndexedPack, ArchiveError>, ArchiveError> {
        do throws(ArchiveError) {
            guard let name = PackName(entry.name.lastComponent) else {
                throw ArchiveError.damaged("\(entry.name): not the name of a pack")
            }
            return .success(
                .success(try await PackReader.header(of: name, byteCount: entry.byteCount, with: keys)))
        } catch {
            return error.code == .storage ? .failure(error) : .success(.failure(error))
        }
    }

    private static func put(
        _ packs: [IndexedPack], _ store: Store, _ session: SigningContext, _ lease: SessionLease
    ) async throws(ArchiveError) {
        try lease.check()
        let bytes = IndexCatalog.encode(IndexObject(of: packs), in: session)
        try await store.objects.store(try ObjectPlace.index.name(IndexName(Digest(hashing: bytes))), bytes)
    }

    private static func moveAside(_ name: ObjectName, _ store: Store) async throws(ArchiveError) {
        do throws(StorageError) {
            let bytes = try await store.objects.get(name, limit: ObjectPlace.indexByteLimit)
            try await store.objects.put(try ObjectName("aside/\(name.text)"), bytes, ifAbsent: false)
            try await store.objects.remove(name)
        } catch {
            guard error.code != .notFound else { return }
            throw ArchiveError(.storage, "\(name): can't be moved aside", underlying: error)
        }
    }
}
