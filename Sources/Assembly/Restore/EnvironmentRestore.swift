package import Archives
package import Backups
internal import Delivery
package import Encodings
package import Files
internal import Journal
package import Settings

/// Brings an environment's live state back where it stood: suspend the sync, restore beside, verify, exchange, feed commands,
/// set the revision, resume, wait until it is healthy. What fails is taken back.
///
/// Each directory is restored whole beside its place and exchanged with it by one rename. What was begun stands in
/// `<state>/restores/<environment>/` (`RestoreRecord`), so that after a kill at any moment the next run takes it back, or
/// ends it where all was done. Paths and commands are those of the settings, never those that a snapshot names.
package struct EnvironmentRestore: Sendable {
    /// What was done.
    package struct Report: Sendable {
        /// What was restored of each source, in order.
        package var sources: [RestoreReport.Source] = []
        /// The commit that the environment is held at now; nil where that was not asked for.
        package var commit: String?
    }

    let environment: EnvironmentSettings
    let state: Path
    private let author: String
    private let user: FileOwner
    private let sync: EnvironmentSync
    let memory: StateMemory
    let clock: @Sendable () -> Timestamp
    /// Paths that no exchange may carry away: the store's, the targets'.
    let kept: [String]
    /// Told what goes on, a line each.
    let tell: @Sendable (String) -> Void

    /// A restore of `environment`, whose state lies in `state`, by `author` as `user`; `sync` delivers the revision. No directory
    /// is exchanged that is, contains or lies in one of the paths `kept`: the store's, if it has one.
    package init(
        _ environment: EnvironmentSettings, state: String, author: String, user: FileOwner,
        sync: EnvironmentSync, keeping kept: [String],
        clock: @escaping @Sendable () -> Timestamp, tell: @escaping @Sendable (String) -> Void
    ) throws {
        self.environment = environment
        self.state = Path(state)
        self.author = author
        self.user = user
        self.sync = sync
        self.clock = clock
        self.kept = kept + environment.targets.compactMap(\.place)
        self.tell = tell
        memory = try StateMemory(state)
    }

    var name: String { environment.name }

    // MARK: - Carrying it out

    /// Brings back what `plan` says. What a run that was cut off has left is taken back, or ended, before.
    ///
    /// Where a directory can't be restored whole, nothing is exchanged; where an exchange, a command, the delivery of the
    /// revision or its health check fails, all directories, the revision and the suspension are as before. What a command
    /// did is not taken back. Throws `BackupError`, `DeliveryError`, `CommandRun.Failure` and what the journal throws.
    package func run(
        _ plan: Plan, of snapshot: Snapshot, from reader: StoreReader, _ options: TreeRestorer.Options
    ) async throws -> Report {
        let directory = try own()
        let lock = try await lock(directory)
        defer { _ = lock }
        try await recover(directory)
        let journal = memory.journal
        var record = RestoreRecord(
            snapshot: snapshot.record.id.description, begun: clock(),
            suspension: try journal.suspension(environment: name),
            hold: try journal.hold(environment: name))
        record.targets = plan.places.map(\.target)
        try save(record, in: directory)
        let report: Report
        var fed: [String] = []
        do {
            report = try await carryOut(plan, snapshot, reader, options, &record, directory, &fed)
            record.phase = .done
            try save(record, in: directory)
        } catch {
            let stays = fed.isEmpty ? "" : ", but not what the restore: of \(fed.joined(separator: ", ")) did"
            tell("\(name): not restored; what was changed is taken back\(stays)")
            do {
                try await recover(directory)
            } catch let second {
                tell("\(name): not all was taken back: restore --in-place --undo tries again")
                throw second
            }
            throw error
        }
        do {
            try await recover(directory)
        } catch {
            tell(
                "\(name): restored and in use; what stood there before could not all be removed: restore --in-place --undo tries again"
            )
            throw error
        }
        return report
    }

    private func carryOut(
        _ plan: Plan, _ snapshot: Snapshot, _ reader: StoreReader, _ options: TreeRestorer.Options,
        _ record: inout RestoreRecord, _ directory: borrowing Directory, _ fed: inout [String]
    ) async throws -> Report {
        let journal = memory.journal
        var report = Report()
        if record.suspension == nil {
            try write(.suspend, ["reason": record.reason])
            try journal.setSuspension(
                Suspension(time: clock(), author: author, reason: record.reason), environment: name)
        }
        try await waitForSync()
        // Beside everything, and whole, before anything is touched.
        var staged: [StagedRestore] = []
        for place in plan.places {
            tell("\(place.source.name): restoring beside \(place.target)")
            let one = try await StagedRestore.make(
                place.source, of: snapshot, from: reader, for: place.target, as: user, options)
            staged.append(one)
            try requireWhole(one.report)
            report.sources.append(one.report)
        }
        var outputs: [(feed: Plan.Feed, path: Path)] = []
        for (number, feed) in plan.feeds.enumerated() {
            let target = directory.path.appending(Path("\(number)"))
            record.targets.append(target)
            try save(record, in: directory)
            let one = try await StagedRestore.make(
                feed.source, of: snapshot, from: reader, for: target, as: user, .init())
            staged.append(one)
            try requireWhole(one.report)
            report.sources.append(one.report)
            outputs.append((feed, one.contentPath.appending(Path(feed.source.name))))
        }
        record.swaps = try staged.prefix(plan.places.count).map { try $0.swap() }
        record.phase = .exchanging
        try save(record, in: directory)
        for swap in record.swaps {
            try swap.exchange()
            tell("\(swap.target): exchanged")
        }
        for (feed, path) in outputs {
            tell("\(feed.source.name): \(feed.command.arguments[0]) takes it back")
            fed.append(feed.source.name)
            do {
                if let remark = try await feed.command.reading(path).run()?.remark {
                    tell("\(feed.source.name): \(feed.command.arguments[0]) succeeded; \(remark)")
                }
            } catch let failure as CommandRun.Failure {
                throw BackupError(
                    .caller, "\(feed.source.name): its restore: command failed: \(failure.words)")
            }
        }
        try write(.restore, ["snapshot": record.snapshot])
        report.commit = try await setRevision(plan.commit, &record, directory)
        return report
    }

    /// Has the environment stay at `commit`, delivers it, and waits for its health checks. Nil where nothing was to be set.
    private func setRevision(
        _ commit: String?, _ record: inout RestoreRecord, _ directory: borrowing Directory
    ) async throws -> String? {
        let journal = memory.journal
        guard record.suspension == nil else {
            tell("\(name): it was suspended before and stays so; its revision is left alone")
            return nil
        }
        guard let commit, let source = environment.sources.first(where: \.isDelivered)?.name else {
            try write(.resume, ["lifted": "restore in place"])
            try journal.setSuspension(nil, environment: name)
            return nil
        }
        record.phase = .setting
        try save(record, in: directory)
        let order = Suspension(
            time: clock(), author: author, reason: "restored snapshot \(record.snapshot)")
        try write(.rollback, ["source": source, "commit": commit, "reason": order.reason])
        try journal.setHold(HeldCommit(source: source, commit: commit, order: order), environment: name)
        try journal.setSuspension(nil, environment: name)
        tell("\(name): delivering commit \(commit)")
        _ = try await deliver()
        return commit
    }

    /// One sync; waits for one that runs.
    func deliver() async throws -> EnvironmentSync.Report {
        while true {
            do {
                return try await sync.run(at: clock())
            } catch let error as DeliveryError where error.code == .locked {
                try await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    /// Waits until no sync runs that began before the suspension.
    private func waitForSync() async throws {
        while true {
            do throws(DeliveryError) {
                _ = try SyncState(directory: state).lock(environment: name)
                return
            } catch {
                guard error.code == .locked else { throw error }
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    private func requireWhole(_ report: RestoreReport.Source) throws {
        guard let issue = report.issues.first(where: { $0.kind == .damaged || $0.kind == .refused }) else {
            return
        }
        let place = "\(report.name)/\(Path(issue.path))"
        let words = "\(place): \(issue.reason); --into restores what there is"
        guard issue.kind == .damaged else { throw BackupError(.notWhole, words) }
        throw BackupError(.store, words, underlying: ArchiveError(.damaged, words))
    }

    // MARK: - Files and log

    /// Where the record lies; it is made where it is missing.
    func own() throws -> Directory {
        try Directory.makePath(RestoreRecord.directory(of: name, in: state))
    }

    /// Keeps every other restore in place of the environment out as long as it lives. Throws `busy`.
    func lock(_ directory: borrowing Directory) async throws -> FileLock {
        var tries = 0
        while true {
            do throws(FileError) {
                return try FileLock(RestoreRecord.lockName, in: directory)
            } catch {
                guard error.code == .locked else { throw error }
                // Who asks for the state holds it for an instant.
                guard tries < 5 else {
                    throw BackupError(
                        .busy, "\(name): another restore in place is under way", underlying: error)
                }
            }
            tries += 1
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private func save(_ record: RestoreRecord, in directory: borrowing Directory) throws {
        try directory.removeStaleTemporaries(of: RestoreRecord.fileName)
        var file = try AtomicFile(RestoreRecord.fileName, in: directory)
        try unsafe file.write(Array(record.text.utf8).span.bytes)
        try file.commit()
    }

    /// Writes a line of the audit log.
    func write(_ kind: AuditEvent.Kind, _ fields: [String: String]) throws {
        try memory.audit.append(
            AuditEvent(kind, fields.merging(["environment": name, "by": author]) { $1 }), at: clock())
    }
}
