package import Archives
package import Backups
internal import Delivery
package import Encodings
internal import Files
internal import Git
internal import Journal
package import Keyrings
package import Settings
internal import Trust

/// The drill of an environment as its settings describe it: what a drill of a store does, and the sealed values of the commit
/// that the snapshot was taken at, opened.
package struct EnvironmentDrill: Sendable {
    private let environment: EnvironmentSettings
    private let settings: Settings
    private let look: SealedLook
    private let agent: MemberIdentity?
    private let clock: @Sendable () -> Timestamp
    /// Where snapshots are restored; nil for the place of the settings.
    package var scratch: String?

    /// The drill of `environment`. Sealed values are opened with `openers`, which are the identities of the settings'
    /// `drill.identity` where it names one (`isOwn`); the report is signed by the first of `identities`.
    package init(
        _ environment: EnvironmentSettings, settings: Settings, identities: [MemberIdentity],
        openers: [MemberIdentity], isOwn: Bool, access: SourceAccess,
        clock: @escaping @Sendable () -> Timestamp
    ) throws {
        self.environment = environment
        self.settings = settings
        self.clock = clock
        agent = identities.first
        look = SealedLook(
            environment: environment, pins: StateFiles.pins(settings.state), identities: openers,
            isOwn: isOwn,
            fetching: try access.options(AccessSettings()), clock: clock)
    }

    /// Records in the journal that a drill of `environment` could not even begin, for the reason that `words` say.
    package static func recordFailure(
        _ words: String, _ environment: EnvironmentSettings, _ settings: Settings, at time: Timestamp
    ) {
        // The failure itself is told in any case.
        guard let journal = try? JournalFile.open(StateFiles.journal(settings.state)) else { return }
        try? journal.record(
            RunRecord(
                environment: environment.name, kind: .drill, time: time, outcome: .failed, message: words))
    }

    /// Holds the drill on the snapshot that `selection` names, records it in the journal, and writes the report into
    /// the state directory. One that passed is not recorded where its snapshot is not the newest: it proves nothing of what
    /// status tells of. Throws `noSnapshot` and what else `StoreDrill.run` throws, which is recorded too.
    package func run(
        _ opened: StoreAccess.Opened, from reader: StoreReader, _ selection: SnapshotSelection = .latest
    ) async throws -> StoreDrill.Result {
        let journal = try JournalFile.open(StateFiles.journal(settings.state))
        func record(_ outcome: RunRecord.Outcome, _ message: String) {
            try? journal.record(
                RunRecord(
                    environment: environment.name, kind: .drill, time: clock(), outcome: outcome,
                    message: message))
        }
        do {
            let catalog = try await reader.snapshots()
            let plan = try RestorePlan(selection, environment: environment.name, in: catalog)
            let place = scratch ?? environment.backup?.drill?.scratch ?? "\(settings.state)/drills"
            var result = try await StoreDrill.run(
                opened, plan, from: reader, beneath: Path(place), as: agent, clock: clock, options)
            let report = result.report
            var failed = report.checks.filter { $0.outcome == .failed }.map { "\($0.name): \($0.detail)" }
            if let failure = result.failure { failed.append("the report is not signed: \(failure.context)") }
            do throws(FileError) {
                _ = try StoreDrill.file(report, in: Path("\(settings.state)/drills"))
            } catch {
                failed.append("the report can't be written: \(error)")
            }
            // Which snapshot: what is wrong may have come or gone with it.
            let snapshot = failed.isEmpty ? "" : "snapshot \(report.record.id.description.prefix(12)): "
            let isGood = failed.isEmpty && report.isPassed
            if isGood, !isNewest(plan, selection, in: catalog) {
                result.isOfOlder = true
                return result
            }
            record(
                isGood ? .good : .bad,
                String((snapshot + failed.joined(separator: "; ")).prefix(1_000)))
            return result
        } catch {
            record(.failed, ScheduledBackup.words(error))
            throw error
        }
    }

    /// Whether `plan` is that of the newest snapshot, as far as can be told.
    private func isNewest(
        _ plan: RestorePlan, _ selection: SnapshotSelection, in catalog: SnapshotCatalog
    ) -> Bool {
        guard selection != .latest else { return true }
        guard let newest = try? RestorePlan(.latest, environment: environment.name, in: catalog) else {
            return false
        }
        return newest.damaged.isEmpty && newest.record.id == plan.record.id
    }

    private var options: Drill.Options {
        var options = Drill.Options()
        options.captures = CaptureMemory(directory: StateFiles.captures(settings.state))
        guard let backup = environment.backup else { return options }
        for source in backup.sources {
            guard case .command(let command) = source.kind, let restore = command.restore,
                restore.runsInDrills
            else { continue }
            options.feeds[source.name] = CommandRun(restore.program)
        }
        options.looks = { [look] restored, record in await look.checks(restored, record) }
        guard let drill = backup.drill else { return options }
        options.maximumAge = .seconds(drill.maximumAgeSeconds)
        options.maximumTime = drill.maximumTimeSeconds.map { .seconds($0) }
        options.canaries = CanaryBook(directory: StateFiles.canaries(settings.state))
        options.probes = drill.checks.map { Drill.Probe($0.name, CommandRun($0.program)) }
        return options
    }
}
