package import Archives
internal import Encodings
package import Files

/// A commit of a repository that a snapshot holds: what should have been, without any live state.
package struct DesiredState: Sendable {
    /// The repository's name as a source.
    package let source: String
    /// The commit.
    package let commit: [UInt8]
    /// The snapshot that holds the repository.
    package let holder: SnapshotRecord
}

extension RestorePlan {
    /// The plan for the environment at a commit (DESIGN.md 6.4): 8 hexadecimal digits at least, of the named source or of
    /// any that a snapshot tells of.
    ///
    /// The newest sound snapshot at exactly that commit; else that of the first commit after it which was deployed, whose
    /// history holds it; else, with `takingAncestor`, that of the nearest commit before it. Where none of these is there,
    /// the commit alone out of a repository that a snapshot holds (`isDesiredStateAlone`). For all but the first the
    /// repositories of the newest snapshots are brought into `scratch`, an empty directory.
    ///
    /// Throws `unknownCommit`, `ambiguous`, `malformedSelection`, `noSnapshot`, `store`, `git`, `files`.
    package static func at(
        _ digits: String, source: String?, environment: String? = nil, in catalog: SnapshotCatalog,
        _ reader: StoreReader, scratch: Path, takingAncestor: Bool
    ) async throws(BackupError) -> RestorePlan {
        let unknown: BackupError
        do throws(BackupError) {
            return try RestorePlan(.commit(digits, source: source), environment: environment, in: catalog)
        } catch {
            guard error.code == .unknownCommit || error.code == .noSnapshot else { throw error }
            unknown = error
        }
        let records = catalog.records.reversed().filter {
            environment == nil || $0.header.environment == environment
        }
        do {
            let histories = try await CommitHistory.read(
                source.map { [$0] }, of: records, reader, scratch: scratch)
            let found = histories.flatMap { history in
                history.commits(beginningWith: digits).map { (history: history, commit: $0) }
            }
            guard let only = found.first else { throw unknown }
            guard found.count == 1 else {
                let names = found.prefix(5).map { "\($0.history.source)=\(Hex.encode($0.commit))" }
                throw BackupError(
                    .ambiguous, "commit \(digits) means several: \(names.joined(separator: ", "))",
                    candidates: candidates(records))
            }
            var plan = try RestorePlan(only.commit, only.history, records, takingAncestor: takingAncestor)
            plan.note(catalog.damaged)
            return plan
        } catch {
            throw BackupError.wrapping(error)
        }
    }

    private init(
        _ commit: [UInt8], _ history: CommitHistory, _ records: [SnapshotRecord], takingAncestor: Bool
    ) throws(BackupError) {
        let name = Array(history.source.utf8)
        func deployed(_ record: SnapshotRecord) -> [UInt8]? {
            record.header.revisions.first { Array($0.source.utf8) == name }?.commit
        }
        let desired = DesiredState(source: history.source, commit: commit, holder: history.record)
        let usable = records.filter { $0.header.status != .failed }
        // In the order of their first snapshots: the newest first.
        var others: [[UInt8]] = []
        for other in usable.compactMap(deployed).reversed() where other != commit && !others.contains(other) {
            others.insert(other, at: 0)
        }
        let hex = Hex.encode(commit)
        let after = others.filter { history.isAncestor(commit, of: $0) }
        let first = after.last { one in
            !after.contains { $0 != one && history.isAncestor($0, of: one) }
        }
        if let first {
            try self.init(
                best: usable.filter { deployed($0) == first },
                "no snapshot was taken at commit \(hex) of source \(history.source): the newest complete snapshot "
                    + "at \(Hex.encode(first)), the first commit after it that was deployed")
            self.desired = desired
            return
        }
        let before = others.filter { history.isAncestor($0, of: commit) }
        let nearest = before.first { one in
            !before.contains { $0 != one && history.isAncestor(one, of: $0) }
        }
        if let nearest, takingAncestor {
            try self.init(
                best: usable.filter { deployed($0) == nearest },
                "no snapshot was taken at commit \(hex) of source \(history.source) or after it: the newest complete "
                    + "snapshot at \(Hex.encode(nearest)), the nearest commit before it")
            self.desired = desired
            return
        }
        self.init(
            history.record,
            "commit \(hex) of source \(history.source) out of the repository that the snapshot holds",
            passing: [])
        self.desired = desired
        isDesiredStateAlone = true
        notices.append("no snapshot was taken at this commit or after it: live state is missing")
        guard let nearest, let record = usable.first(where: { deployed($0) == nearest }) else { return }
        notices.append(
            "live state of the nearest commit before it, \(Hex.encode(nearest)), is in snapshot \(record.id): "
                + "--nearest-ancestor restores that")
    }
}
