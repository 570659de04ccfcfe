import Storage
import Synchronization

/// How a reader's index came to be what it is.
struct Renewal: Sendable {
    /// Where pieces are read from.
    var source: NodeSource
    /// Counts the readings behind the first.
    var epoch = 0
    /// Whether another reading would bring nothing.
    var isOver = false
    /// What was made up for.
    var notices: [String] = []

    /// Readings of the index behind the first: a prune may move packs more than once amid a long restore.
    static let limit = 16
}

extension StoreReader {
    /// Headers that are read at once.
    private static let parallelism = 8

    /// Reads the index again, and the headers of packs that no index object names, unless that was done since `epoch`. Places
    /// that were given out stay places. False where that brings nothing more.
    ///
    /// Needs `write`, as all that is read is sealed under it; what is taken from headers has a maker that verifies, as the
    /// rows of an index have.
    func renew(after epoch: Int) async throws(ArchiveError) -> Bool {
        await renewalTurn.wait()
        defer { renewalTurn.signal() }
        let now = renewal.withLock { $0 }
        guard now.epoch == epoch else { return true }
        guard !now.isOver, epoch < Renewal.limit else { return false }
        var known = Set(now.source.index.packs.map(\.pack.name))
        var added: [IndexObject] = []
        for entry in try await ObjectPlace.index.list(in: keys.store.objects) {
            do throws(ArchiveError) {
                let object = try await IndexCatalog.read(entry.name, with: keys).0
                guard object.packs.contains(where: { !known.contains($0.name) }) else { continue }
                known.formUnion(object.packs.map(\.name))
                added.append(object)
            } catch {
                // Told when the store was opened, or gone meanwhile.
                guard error.code != .storage, error.code != .limitExceeded else { throw error }
            }
        }
        let lost = try await ObjectPlace.packs.list(in: keys.store.objects).filter { entry in
            PackName(entry.name.lastComponent).map { !known.contains($0) } ?? false
        }
        let packs = try await headers(of: lost)
        if !packs.isEmpty { added.append(IndexObject(of: packs)) }
        guard !added.isEmpty else {
            renewal.withLock { $0.isOver = true }
            return false
        }
        let builder = PieceIndexBuilder(
            rowLimit: added.reduce(0) { $0 + $1.groups.reduce(0) { $0 + $1.rows.count } })
        builder.begin(now.source.index.packs, now.source.index.tables)
        for object in added { try builder.add(object) { _ in false } }
        let source = NodeSource(keys: keys, index: builder.finish())
        let words =
            packs.isEmpty
            ? nil
            : "index: \(packs.count) packs are in no index object that can be used, and are read by their own headers; "
                + "strongroom store rebuild-index makes the index anew"
        renewal.withLock { renewal in
            renewal.source = source
            renewal.epoch += 1
            if let words { renewal.notices.append(words) }
        }
        if let words { notice(words) }
        return true
    }

    /// The headers of packs, but for those that don't verify.
    private func headers(of entries: [ObjectEntry]) async throws(ArchiveError) -> [IndexedPack] {
        let keys = keys
        var packs: [IndexedPack] = []
        try await BoundedTasks.run(entries, StoreReader.parallelism) { entry in
            await IndexRebuild.header(entry, keys)
        } done: { _, outcome in
            if case .success(let pack) = outcome { packs.append(pack) }
        }
        return packs
    }
}
