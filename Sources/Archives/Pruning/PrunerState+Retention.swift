import Storage

extension PrunerState {
    /// The snapshots of `environment` (of all, where it is nil) that `rules` don't keep, oldest first. Notes what is seen now.
    ///
    /// Throws `damaged` where a snapshot, a tombstone or an annotation can't be read: it may be the one that is to be kept;
    /// `rolledBack` where an annotation that was seen before is gone; `clockSkew`, `storage`.
    package mutating func verdicts(
        by rules: RetentionRules, of environment: String?, in catalog: SnapshotCatalog,
        _ annotations: AnnotationCatalog, store: Store, presence: SessionPresence
    ) async throws(ArchiveError) -> [RetentionRules.Verdict] {
        for failure in catalog.failures + catalog.tombstones.failures + annotations.failures
        where failure.error.code != .forged {
            throw ArchiveError(
                .damaged, "\(failure.error.context); nothing is forgotten", underlying: failure.error)
        }
        let last = clock
        let hadRun = self.store == store.id && !boot.isEmpty
        try begin(store.id, presence)
        try await catalog.requireAgreedClock(of: store.objects, presence, "nothing is forgotten")
        try await note(annotations, of: catalog, in: store.objects, "nothing is forgotten")
        observe(catalog.records, hadRun: hadRun, at: presence.clock(), since: last)
        let candidates = candidates(catalog).filter { candidate in
            environment.map { $0 == candidate.record.header.environment } ?? true
        }
        return rules.verdicts(on: candidates, annotations.retentionMarks)
    }
}
