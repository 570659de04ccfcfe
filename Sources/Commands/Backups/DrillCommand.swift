internal import Archives
internal import ArgumentParser
internal import Assembly
internal import Backups
internal import Encodings
internal import Files
internal import Glibc
internal import Keyrings
internal import Settings

/// `strongroom drill`: proof that the newest snapshot can be restored.
struct DrillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drill",
        abstract: "Restore the newest snapshot on trial, and prove that it is what it should be.",
        discussion: """
            With settings: strongroom drill [ENV]; without ENV, all environments whose backup has a drill. Where --store or \
            STRONGROOM_STORE names a store, its newest snapshot, of --environment if it is given.

            The snapshot is restored beneath a scratch directory and removed again. A drill looks at its age, compares every \
            file with the store, looks for the canary that the last backup planted, checks repositories as git fsck does, \
            opens every sealed value of its commit, and runs the checks of the settings and of --check. Then a damaged \
            copy and a damaged pack must be seen to be damaged, or the drill has failed. Whatever else goes wrong on the way \
            stands in the report as well; so does an object of the store that can't be read and may be a newer snapshot. The \
            outcome is signed beside the snapshot: retention keeps the last that passed. Newer snapshots that are not complete \
            are passed over, and named. Of a repository that is found broken, this machine forgets the last capture, so that the \
            next one begins anew. The exit code is 9 where the store did not give back what it should, 10 where another check \
            failed. An environment whose drill can't be held keeps no other from its own; the worst exit code counts.
            """)

    @Argument(help: "The environment of the settings.")
    var environment: String?

    @Option(
        help: ArgumentHelp(
            "At least eight digits of a snapshot's id, in place of the newest.", valueName: "id"))
    var snapshot: String?

    @Option(
        name: .customLong("check"),
        help: ArgumentHelp(
            "Run this by sh in the restored directory; where it fails, so has the drill; repeatable.",
            valueName: "name=cmd"))
    var checks: [String] = []

    @Option(
        help: ArgumentHelp("With --store: an older snapshot fails the drill.", valueName: "hours"))
    var maximumAge: Int64?

    @Option(help: ArgumentHelp("Restore beneath this directory.", valueName: "dir"))
    var scratch: String?

    @Option(help: ArgumentHelp("Write the report to this file as well.", valueName: "file"))
    var report: String?

    @Flag(help: "Print the report as JSON.")
    var json = false

    @OptionGroup var store: StoreOptions

    func validate() throws {
        guard maximumAge.map({ $0 > 0 }) ?? true else {
            throw ValidationError("--maximum-age: at least one hour")
        }
    }

    func run() async throws {
        if store.isNamed {
            guard environment == nil else {
                throw Failure(.usage, "with --store, --environment names the environment")
            }
            return try show([try await ofStore()], [])
        }
        guard maximumAge == nil, checks.isEmpty else {
            throw Failure(
                .usage, "--maximum-age and --check go with --store: the settings' drill has them",
                hints: ["backup.drill.maximumAge, backup.drill.checks"])
        }
        let settings = try store.settings.read()
        let names =
            try environment.map { [try settings.environment($0).name] }
            ?? settings.environments.values.filter { $0.backup?.drill != nil }.map(\.name).sorted()
        guard !names.isEmpty else {
            throw Failure(
                .usage, "no environment of the settings has a drill", hints: ["strongroom drill ENV"])
        }
        var results: [StoreDrill.Result] = []
        var failures: [Failure] = []
        for name in names {
            do {
                results.append(try await ofSettings(try settings.environment(name), settings))
            } catch {
                // One whose drill can't be held keeps none of the others from theirs.
                guard names.count > 1, !Task.isCancelled else { throw error }
                failures.append(Failure(error).at(name))
            }
        }
        try show(results, failures)
    }

    private var selection: SnapshotSelection {
        guard let snapshot, snapshot != "latest" else { return .latest }
        return .id(snapshot)
    }

    private func ofStore() async throws -> StoreDrill.Result {
        let choice = try store.choose()
        let archive = try await OpenArchive(store)
        let plan = try RestorePlan(selection, environment: store.environment, in: archive.catalog)
        // A snapshot that can't be opened is a finding of the drill, a key that is missing isn't.
        if !archive.opened.canRead { _ = try await archive.open(plan.record) }
        var options = Drill.Options()
        options.maximumAge = maximumAge.map { .seconds($0 * 3_600) }
        options.captures = CaptureMemory(directory: StateFiles.captures(try Locations.memory()))
        options.probes = try checks.map { text in
            let (name, script) = try CaptureOptions.named(text, "--check")
            return Drill.Probe(name, CommandRun(script: script, seconds: 3_600))
        }
        let place = try scratch.map { try Process.absolute($0) } ?? Locations.memory() + "/drills"
        return try await StoreDrill.run(
            archive.opened, plan, from: archive.reader, beneath: Path(place),
            as: try store.identities.load(defaults: choice.identityFiles).first, clock: { Process.now },
            options)
    }

    private func ofSettings(
        _ environment: EnvironmentSettings, _ settings: Settings
    ) async throws -> StoreDrill.Result {
        guard let backup = environment.backup else {
            throw Failure(.usage, "\(environment.name): the settings have no backup for it")
        }
        let begun: Begun
        do {
            begun = try await begin(environment, settings, backup)
        } catch {
            EnvironmentDrill.recordFailure(Failure(error).message, environment, settings, at: Process.now)
            throw error
        }
        return try await begun.drill.run(begun.opened, from: begun.reader, selection)
    }

    /// A drill with the store that it is held on.
    private struct Begun {
        let drill: EnvironmentDrill
        let opened: StoreAccess.Opened
        let reader: StoreReader
    }

    private func begin(
        _ environment: EnvironmentSettings, _ settings: Settings, _ backup: BackupSettings
    ) async throws -> Begun {
        let choice = try store.choice(settings, backup)
        let files = IdentityOptions.files(allowExposed: store.identities.allowExposedIdentity)
        let identities = try store.identities.load(defaults: choice.identityFiles)
        let own = try backup.drill?.identity.map { try files.load([$0]) }
        let opened = try await StoreAccess.open(
            choice.place, trust: choice.trust, identities: (own ?? []) + identities)
        guard opened.canRead else {
            throw Failure(
                .cannotDecrypt, "\(choice.location): none of the identities can read this store",
                hints: ["backup.drill.identity names a reader's identity, or --identity FILE"])
        }
        let reader = try await StoreReader(
            opened.store, write: opened.writeKeys, read: opened.readKeys,
            indexCache: IndexCache(directory: choice.pins.memory))
        var drill = try EnvironmentDrill(
            environment, settings: settings, identities: identities, openers: own ?? identities,
            isOwn: own != nil,
            access: SourceAccess(process: FetchChildCommand.process, identities: identities, user: geteuid()),
            clock: { Process.now })
        drill.scratch = try scratch.map { try Process.absolute($0) }
        return Begun(drill: drill, opened: opened, reader: reader)
    }

    // MARK: - Words

    /// Shows drills that were held and tells of those that could not be; throws what is worst of all that is wrong.
    private func show(_ results: [StoreDrill.Result], _ failures: [Failure]) throws {
        for result in results {
            if json { try Console.write(Array(result.report.json.utf8)) }
            if let report {
                let path = Path(try Process.absolute(report))
                let bytes = Array(result.report.json.utf8)
                try unsafe Directory(path.parent).write(bytes.span.bytes, to: path.name)
            }
            show(result)
        }
        var wrong = results.map(\.report).filter { !$0.isPassed }.map { report in
            Failure(
                report.isOfStore ? .damaged : .partial,
                "the drill of \(report.record.header.environment) failed; what is wrong is told above")
        }
        wrong += failures + results.compactMap(\.failure).map { Failure($0) }
        guard
            let worst = wrong.first(where: { $0.code == .damaged })
                ?? wrong.first(where: { $0.code == .partial }) ?? wrong.first
        else { return }
        for failure in wrong where failure.message != worst.message {
            Console.note("strongroom: \(failure.message)")
        }
        throw worst
    }

    private func show(_ result: StoreDrill.Result) {
        let report = result.report
        let header = report.record.header
        Console.note("strongroom: \(header.environment): snapshot \(report.record.id) of \(header.time)")
        for notice in report.notices { Console.note("strongroom: \(notice)") }
        for check in report.checks {
            Console.note("strongroom: \(check.outcome.rawValue): \(check.name): \(check.detail)")
        }
        let seconds =
            Double(report.recoveryTime.components.seconds)
            + Double(report.recoveryTime.components.attoseconds) / 1e18
        let tenths = Int(seconds * 10)
        Console.note(
            "strongroom: restored \(Sizes.entries(UInt64(report.entryCount))), \(Sizes.text(report.byteCount)) in "
                + "\(tenths / 10).\(tenths % 10) s; what is newer than \(report.recoveryPoint.components.seconds) s would be lost"
        )
        if let reason = result.notSigned { Console.note("strongroom: the report is not signed: \(reason)") }
        if result.isOfOlder {
            Console.note(
                "strongroom: this is not the newest snapshot: status goes on with the last drill of that one")
        }
        if !json { Console.print(report.isPassed ? "passed" : "failed") }
    }
}

extension DrillReport {
    /// Whether a check failed that says what the store gives back.
    fileprivate var isOfStore: Bool {
        checks.contains { check in
            check.outcome == .failed
                && ["snapshots", "restore", "content", "repository", "control"].contains {
                    check.name.hasPrefix($0)
                }
        }
    }
}
