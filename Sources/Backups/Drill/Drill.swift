package import Archives
package import Encodings
package import Files
internal import Git
package import Storage

/// A restore on trial: proof that a snapshot gives back what went in, or word of what it doesn't.
///
/// On disk: everything happens in a directory of its own beneath the scratch place, which is removed at the end; what a
/// drill that was killed left there goes first (`DrillPlace`).
package struct Drill: Sendable {
    /// A command that judges what was restored: it runs there, and `STRONGROOM_DRILL` names the place.
    package struct Probe: Sendable {
        /// Its name in the report.
        package let name: String
        /// The command.
        package let command: CommandRun

        /// A probe of this name.
        package init(_ name: String, _ command: CommandRun) {
            self.name = name
            self.command = command
        }
    }

    /// What is looked at besides.
    package struct Options: Sendable {
        /// A snapshot that is older fails; nil for any.
        package var maximumAge: Duration?
        /// A recovery that takes longer fails; nil for any.
        package var maximumTime: Duration?
        /// The canaries that were planted, where backups plant any.
        package var canaries: CanaryBook?
        /// What takes back the outputs of commands, by the names of their sources; it knows by `STRONGROOM_DRILL` that it is
        /// to keep away from what is in use.
        package var feeds: [String: CommandRun] = [:]
        /// Where this machine remembers captures: the chain of a repository that is found broken is forgotten there, so that the
        /// next capture begins a new one.
        package var captures: CaptureMemory?
        /// Commands of the user's.
        package var probes: [Probe] = []
        /// Further looks at the restored directory, by the caller.
        package var looks: @Sendable (Path, SnapshotRecord) async -> [DrillReport.Check] = { _, _ in [] }

        /// Nothing besides.
        package init() {}
    }

    private let reader: StoreReader
    private let damaged: any ObjectStore
    private let options: Options
    private let place: Path

    /// So many seconds a snapshot's time may lie ahead of ours.
    private static let skewLimit: Int64 = 300

    /// Restores what `plan` chose beneath `scratch` as `user`, and looks at it. `damaged` is the store as `DamagedPacks` shows
    /// it: what it gives must be refused.
    ///
    /// Whatever fails is a check that failed, also where the scratch place did: there is a report in any case. Throws `caller`,
    /// or what came of it, where the task is cancelled.
    package static func run(
        _ plan: RestorePlan, from reader: StoreReader, damaged: any ObjectStore, beneath scratch: Path,
        as user: FileOwner, clock: @escaping @Sendable () -> Timestamp, _ options: Options = Options()
    ) async throws(BackupError) -> DrillReport {
        let now = clock()
        let age = now.seconds - plan.record.header.time.seconds
        var report = DrillReport(
            record: plan.record, rule: plan.rule, time: now, recoveryPoint: .seconds(max(0, age)))
        report.notices = plan.notices
        let name = DrillPlace.newName()
        let drill = Drill(
            reader: reader, damaged: damaged, options: options, place: scratch.appending(name))
        if let check = checkSnapshots(plan) { report.checks.append(check) }
        do {
            let folder = try Directory.makePath(scratch)
            report.checks += try DrillPlace.removeStale(in: folder, at: scratch, of: user)
            let place = try DrillPlace(name, in: folder)
            try folder.makeDirectory(name)
            let outcome: Result<Void, any Error>
            do {
                outcome = .success(try await drill.run(plan, as: user, age, &report))
            } catch {
                outcome = .failure(error)
            }
            // It is a copy of what is in use, with its secrets.
            do throws(FileError) {
                try place.remove(from: folder)
            } catch {
                report.checks.append(
                    .init("scratch", .failed, "\(drill.place) is left and must be removed by hand: \(error)"))
            }
            try outcome.get()
        } catch {
            let failure = BackupError.wrapping(error)
            guard !Task.isCancelled else { throw failure }
            report.checks.append(.init("drill", .failed, failure.context))
        }
        report.notices += reader.notices
        return report
    }

    private var restored: Path { place.appending("restored") }

    private func run(
        _ plan: RestorePlan, as user: FileOwner, _ age: Int64, _ report: inout DrillReport
    ) async throws {
        let began = ContinuousClock.now
        report.checks.append(checkAge(age))
        let outcome: RestoreReport
        do throws(BackupError) {
            outcome = try await Restore.run(plan, from: reader, into: restored, as: user)
        } catch {
            guard error.code == .store else { throw error }
            report.checks.append(.init("restore", .failed, error.context))
            return
        }
        report.entryCount = outcome.sources.reduce(0) { $0 + $1.entryCount }
        report.byteCount = outcome.sources.reduce(0) { $0 &+ $1.byteCount }
        report.checks.append(checkRestore(outcome))
        for source in outcome.sources {
            guard let feed = options.feeds[source.name], source.kind == .command else { continue }
            var command = feed
            command.input = restored.appending(source.path)
            report.checks.append(await check("feed \(source.name)", command))
        }
        report.recoveryTime = ContinuousClock.now - began
        if let limit = options.maximumTime {
            let isLate = report.recoveryTime > limit
            report.checks.append(
                .init(
                    "time", isLate ? .failed : .passed,
                    "\(report.recoveryTime.components.seconds) s of \(limit.components.seconds) s"))
        }
        report.checks += try await checkContent(outcome)
        if options.canaries != nil { report.checks.append(checkCanary(outcome)) }
        for (source, captured) in zip(outcome.sources, outcome.snapshot.sources)
        where source.kind == .repository && source.status != .failed {
            let check = checkRepository(source)
            report.checks.append(check.outcome == .failed ? forgettingChain(of: captured, check) : check)
        }
        report.checks += await options.looks(restored, plan.record)
        for probe in options.probes {
            report.checks.append(await check("check \(probe.name)", probe.command))
        }
        let controls = DrillControls(
            reader: reader, damaged: reader.reading(damaged), restored: restored, scratch: place)
        do {
            report.checks += try await controls.run(outcome)
        } catch let error as ArchiveError where error.code != .cancelled {
            report.checks.append(.init("control", .failed, error.context))
        }
    }

    // MARK: - Checks

    /// What can't be read may be the newest snapshot: then the one that was chosen proves nothing of it.
    private static func checkSnapshots(_ plan: RestorePlan) -> DrillReport.Check? {
        guard !plan.damaged.isEmpty else { return nil }
        let words = plan.damaged.prefix(5).map {
            "\($0.name) can't be read and may be newer: \($0.error.problem(about: $0.name))"
        }
        return .init("snapshots", .failed, words.joined(separator: "; "))
    }

    private func checkAge(_ seconds: Int64) -> DrillReport.Check {
        guard seconds > -Drill.skewLimit else {
            return .init("age", .failed, "the snapshot's time lies \(-seconds) s ahead of this machine's")
        }
        guard let limit = options.maximumAge?.components.seconds else {
            return .init("age", .passed, "\(max(0, seconds)) s")
        }
        return .init("age", seconds > limit ? .failed : .passed, "\(max(0, seconds)) s of \(limit) s at most")
    }

    private func checkRestore(_ outcome: RestoreReport) -> DrillReport.Check {
        let status = outcome.snapshot.record.header.status
        guard status == .complete else {
            return .init("restore", .failed, "no complete snapshot: the newest is \(status.name)")
        }
        guard outcome.isWhole, !outcome.isDamaged else {
            let issues = outcome.sources.flatMap { source in
                source.issues.filter { $0.kind == .refused || $0.kind == .damaged }.map {
                    "\(source.name)/\(Path($0.path)): \($0.reason)"
                }
            }
            return .init("restore", .failed, issues.prefix(5).joined(separator: "; "))
        }
        let count = outcome.sources.count
        return .init("restore", .passed, count == 1 ? "1 source" : "\(count) sources")
    }

    private func checkContent(_ outcome: RestoreReport) async throws -> [DrillReport.Check] {
        let comparison = RestoredComparison(reader: reader)
        var total = RestoredComparison.Result()
        for (source, snapshot) in zip(outcome.sources, outcome.snapshot.sources) {
            guard source.kind != .repository, let root = snapshot.root else { continue }
            let result: RestoredComparison.Result
            do {
                result = try await comparison.compare(root, with: source.root(in: restored))
            } catch let error as ArchiveError {
                return [.init("content", .failed, "\(source.name): \(error.context)")]
            }
            total.fileCount += result.fileCount
            total.differences += result.differences.map { "\(source.name)/\($0)" }
        }
        guard total.differences.isEmpty else {
            return [.init("content", .failed, total.differences.prefix(5).joined(separator: "; "))]
        }
        return [
            .init(
                "content", total.fileCount > 0 ? .passed : .skipped,
                "\(total.fileCount) files compared")
        ]
    }

    private func checkCanary(_ outcome: RestoreReport) -> DrillReport.Check {
        let header = outcome.snapshot.record.header
        let place = restored.appending("keyring")
        guard let bytes = try? Directory(place).read("canary", limit: 4_096),
            let canary = Canary(document: bytes), canary.environment == header.environment
        else { return .init("canary", .failed, "there is none in the snapshot") }
        guard let known = options.canaries?.planted(header.environment) else {
            return .init("canary", .failed, "this machine planted none: it can't tell whose it is")
        }
        guard known.contains(canary) else {
            return .init("canary", .failed, "the one of \(canary.time) was never planted by this machine")
        }
        let age = header.time.seconds - canary.time.seconds
        guard (-Drill.skewLimit...CanaryBook.renewal + Drill.skewLimit).contains(age) else {
            return .init("canary", .failed, "planted \(age) s before the snapshot: not a fresh one")
        }
        return .init("canary", .passed, "planted \(max(0, age)) s before the snapshot")
    }

    private func checkRepository(_ source: RestoreReport.Source) -> DrillReport.Check {
        let name = "repository \(source.name)"
        do throws(GitError) {
            let repository = try Repository(at: restored.appending(source.path))
            let findings = try repository.check()
            guard findings.problems.isEmpty else {
                return .init(name, .failed, findings.problems.prefix(5).joined(separator: "; "))
            }
            let count = try repository.references().entries.count
            return .init(name, .passed, "\(findings.objectCount) objects, \(count) refs")
        } catch {
            return .init(name, .failed, error.context)
        }
    }

    /// The check that failed, after what this machine remembers of the chain is gone: else each capture would go on with it.
    private func forgettingChain(of source: SnapshotSource, _ check: DrillReport.Check) -> DrillReport.Check {
        guard let captures = options.captures, let key = try? reader.memoryKey(),
            let url = source.facts.first(where: { $0.name == "url" })?.value
        else { return check }
        let place = RepositoryMemory.Place(
            captures, source.name, String(decoding: url, as: UTF8.self), key: key)
        do throws(FileError) {
            try place.remove()
        } catch {
            guard error.code != .notFound else { return check }
            return .init(
                check.name, .failed,
                "\(check.detail); the next capture goes on with it, for its memory can't be removed: \(error)"
            )
        }
        return .init(check.name, .failed, "\(check.detail); the next capture begins a new chain")
    }

    private func check(_ name: String, _ command: CommandRun) async -> DrillReport.Check {
        var command = command
        command.directory = restored
        command.environment["STRONGROOM_DRILL"] = String(decoding: restored.bytes, as: UTF8.self)
        do {
            let remark = try await command.run()?.remark.map { "; \($0)" } ?? ""
            return .init(name, .passed, "the command succeeded\(remark)")
        } catch {
            return .init(name, .failed, CaptureNotes.reason(error))
        }
    }
}
