import Storage

/// Annotations that were seen: who may remove objects of the store, and sign none, could else let a pin vanish.
extension PrunerState {
    /// Notes which annotations are there.
    ///
    /// Throws `rolledBack` where one that was seen before is gone, and its snapshot isn't: an annotation ends by a
    /// withdrawal, which is one more, and is removed with its snapshot only. Throws `storage`.
    mutating func note(
        _ annotations: AnnotationCatalog, of catalog: SnapshotCatalog, in objects: any ObjectStore,
        _ consequence: String
    ) async throws(ArchiveError) {
        let here = Set(catalog.records.map(\.id))
        let unsound = Set(annotations.failures.map(\.name))
        var known = annotations.all.filter { here.contains($0.value) }
        for (name, snapshot) in remarks.sorted(by: { $0.key < $1.key })
        where known[name] == nil && here.contains(snapshot) {
            if unsound.contains(try ObjectPlace.annotations.name(name).text) {
                known[name] = snapshot
                continue
            }
            // Another machine may have forgotten the snapshot, and pruned, since it was listed.
            guard try await objects.holds(snapshot) else { continue }
            throw ArchiveError(
                .rolledBack,
                "annotations/\(name): was seen before and is missing; it may be a pin of snapshot \(snapshot); \(consequence)"
            )
        }
        remarks = known
    }

    /// Notes an annotation of `snapshot` that was put into `store` just now.
    package mutating func note(_ annotation: AnnotationName, of snapshot: SnapshotID, in store: StoreID) {
        if self.store != store {
            self = PrunerState()
            self.store = store
        }
        remarks[annotation] = snapshot
    }

    /// Lets what is missing be missing: the annotations that are there count from now on.
    package mutating func acceptMissingAnnotations() { remarks = [:] }
}

extension ObjectStore {
    fileprivate func holds(_ snapshot: SnapshotID) async throws(ArchiveError) -> Bool {
        let name = try ObjectPlace.snapshots.name(snapshot)
        do throws(StorageError) {
            return try await byteCount(of: name) != nil
        } catch {
            throw ArchiveError(.storage, "\(name): can't be looked at", underlying: error)
        }
    }
}
