internal import Archives
internal import ArgumentParser
internal import Assembly
internal import Backups
internal import Encodings
internal import Files
internal import Git
internal import Glibc
internal import Settings
internal import Trust

/// `strongroom sync`: one reconciliation from Git to the targets.
struct SyncCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync", abstract: "Deliver what the newest approved commit says.",
        discussion: """
            With settings: strongroom sync ENV --once. Without: strongroom sync --once --source URL --target DIR with \
            --allowed-signers FILE or --verify none. Nothing is touched where a commit is not approved, a value does \
            not open, or the target is already as it should be.
            """)

    @Argument(help: ArgumentHelp("The environment in the settings.", valueName: "env"))
    var environment: String?

    @Flag(help: "Run once and end.")
    var once = false

    @Flag(help: "Say what would change, and change nothing.")
    var dryRun = false

    @Flag(help: "Print the outcome as JSON.")
    var json = false

    @Flag(help: "Take no snapshot before a change, whatever the settings say.")
    var withoutSnapshot = false

    @Option(
        help: ArgumentHelp(
            "Deliver this commit, 40 digits, although the branch does not descend from what was delivered.",
            discussion: """
                For a branch that was rewritten or set back on purpose and stands at this very commit. Written into the \
                audit log and the journal; signatures are verified as ever.
                """, valueName: "id"))
    var allowRollback: String?

    @Option(help: ArgumentHelp("Why, with --allow-rollback: for the audit log.", valueName: "text"))
    var reason: String?

    @OptionGroup var settingsFile: SettingsOptions
    @OptionGroup var identities: IdentityOptions
    @OptionGroup var trust: TrustOptions
    @OptionGroup(title: "Without settings") var adHoc: AdHocSync

    func validate() throws {
        guard once || dryRun else { throw ValidationError("sync runs once: add --once") }
        guard reason == nil || allowRollback != nil else {
            throw ValidationError("--reason goes with --allow-rollback")
        }
        guard (adHoc.source == nil) == (adHoc.target == nil) else {
            throw ValidationError("--source and --target go together")
        }
        if adHoc.source == nil {
            guard adHoc.isEmpty else {
                throw ValidationError(
                    "--branch, --commit, --path, --allowed-signers, --verify, --layout, --mode and --owner are for a sync without settings"
                )
            }
            guard environment != nil else {
                throw ValidationError("name an environment, or --source and --target")
            }
        } else {
            guard (adHoc.allowedSigners == nil) != (adHoc.verify == nil) else {
                throw ValidationError("say how commits are approved: --allowed-signers FILE or --verify none")
            }
            guard settingsFile.config == nil else {
                throw ValidationError("--config and --source exclude each other")
            }
            guard adHoc.verify ?? "none" == "none" else { throw ValidationError("--verify takes none") }
            guard adHoc.branch == nil || adHoc.commit == nil else {
                throw ValidationError("--branch and --commit exclude each other")
            }
        }
    }

    func run() async throws {
        var (request, settings) = try request()
        request.rollback = allowRollback.map { commit in
            RollbackOverride(commit: commit, author: request.author, reason: reason ?? "")
        }
        request.process = FetchChildCommand.process
        request.user = geteuid()
        let identities = try identities.load(defaults: settings?.identities ?? [])
        let snapshot = try settings.flatMap { settings in
            withoutSnapshot
                ? nil
                : SyncCommand.snapshot(
                    request.environment,
                    ScheduledBackup(
                        request.environment, settings: settings, settingsFile: try settingsFile.path(),
                        identities: identities, access: FetchChildCommand.access(identities),
                        buckets: BucketVariables.access, file: SettingsOptions.reader))
        }
        let sync = EnvironmentSync(
            request, identities: identities, signers: SettingsOptions.reader, snapshot: snapshot)
        let report = try await dryRun ? sync.plan(at: Process.now) : sync.run(at: Process.now)
        try show(report, request.environment.name)
        guard report.wentBack else { return }
        throw Failure(
            .deliveryFailed,
            "\(request.environment.name): went back to \(report.commit): \(report.whyNot ?? "")",
            hints: ["a newer commit is delivered by itself; strongroom resume has this one tried again"])
    }

    /// What takes a snapshot before a change by hand; nil where the settings ask for none.
    static func snapshot(
        _ environment: EnvironmentSettings, _ backup: ScheduledBackup?
    ) -> (@Sendable () async throws -> Void)? {
        guard let choice = environment.backup?.beforeChange, choice != .never, let backup else { return nil }
        return {
            do {
                let outcome = try await backup.run()
                Console.note("strongroom: snapshot \(outcome.id) before the change: \(outcome.status.name)")
            } catch {
                guard choice == .attempt else { throw error }
                Console.note("strongroom: no snapshot before the change: \(Failure(error).message)")
            }
        }
    }

    private func request() throws -> (EnvironmentSync.Request, Settings?) {
        if let source = adHoc.source, let target = adHoc.target {
            var settings = try adHoc.settings(environment ?? "", source: source, target: target)
            if environment == nil, let first = settings.sources.first {
                settings.name = try EnvironmentInference.name(
                    for: first, state: try Locations.memory(),
                    FetchOptions(process: FetchChildCommand.process))
            }
            let root = try trust.fingerprint(for: settings.name)
            settings.trustRoot = root?.bytes ?? []
            return (
                EnvironmentSync.Request(
                    environment: settings, state: try Locations.memory(), pins: try Locations.pins(),
                    author: Process.author), nil
            )
        }
        let settings = try settingsFile.read()
        return (
            EnvironmentSync.Request(
                environment: try settings.environment(environment ?? ""), state: settings.state,
                pins: StateFiles.pins(settings.state), author: Process.author,
                zone: try Zones.rules(settings.zone)), settings
        )
    }

    private func show(_ report: EnvironmentSync.Report, _ name: String) throws {
        if json {
            try Console.json(SyncDocument(report, environment: name, isDryRun: dryRun))
            return
        }
        Console.print("\(report.commit) \(report.source)")
        for companion in report.companions { Console.print("\(companion.commit) \(companion.source)") }
        for result in report.results {
            for line in result.diff { Console.print("  \(line)") }
            let verb = result.isChange ? (dryRun ? "would apply" : "applied") : "unchanged"
            Console.print("\(verb) \(result.target): \(result.summary)")
        }
        for notice in report.notices { Console.note("strongroom: \(notice)") }
        if let reason = report.whyNot, !report.wentBack { Console.note("strongroom: \(reason)") }
        for ailment in report.ailments { Console.note("strongroom: not healthy: \(ailment)") }
    }
}

/// What a sync without settings is told.
struct AdHocSync: ParsableArguments {
    @Option(help: ArgumentHelp("The repository: a path or URL.", valueName: "url"))
    var source: String?

    @Option(help: ArgumentHelp("The branch to follow. Default: main.", valueName: "name"))
    var branch: String?

    @Option(help: ArgumentHelp("The commit to deliver, 40 digits.", valueName: "id"))
    var commit: String?

    @Option(help: ArgumentHelp("The directory of the repository that is delivered.", valueName: "path"))
    var path: String?

    @Option(help: ArgumentHelp("Keys whose signatures approve a commit.", valueName: "file"))
    var allowedSigners: String?

    @Option(help: ArgumentHelp("'none' delivers commits whoever made them.", valueName: "none"))
    var verify: String?

    @Option(help: ArgumentHelp("The directory that is delivered to.", valueName: "dir"))
    var target: String?

    @Option(help: ArgumentHelp("How the target changes.", valueName: "generation|files"))
    var layout: String?

    @Option(help: ArgumentHelp("Permission bits of delivered files, in octal.", valueName: "bits"))
    var mode: String?

    @Option(help: ArgumentHelp("The owner of delivered files.", valueName: "user"))
    var owner: String?

    /// Whether none of these options is given.
    var isEmpty: Bool {
        [source, branch, commit, path, allowedSigners, verify, target, layout, mode, owner].allSatisfy {
            $0 == nil
        }
    }

    /// The environment that these options describe.
    func settings(_ name: String, source: String, target: String) throws -> EnvironmentSettings {
        guard let layout = FilesTargetSettings.Layout(rawValue: layout ?? "generation") else {
            throw Failure(.usage, "--layout is generation or files")
        }
        guard let mode = UInt16(mode ?? "0400", radix: 8), mode <= 0o777 else {
            throw Failure(.usage, "--mode takes permission bits in octal, as 0400")
        }
        let verification: SourceSettings.Verification =
            if let allowedSigners { .signed(SignatureSettings(allowedSigners: allowedSigners)) } else {
                .none
            }
        let isURL = source.contains("://")
        return EnvironmentSettings(
            name: name, trustRoot: [], repository: "",
            sources: [
                SourceSettings(
                    name: "source", url: isURL ? source : try Process.absolute(source),
                    revision: commit.map { .commit($0) } ?? .branch(branch ?? "main"), path: path ?? "",
                    verification: verification)
            ],
            targets: [
                .files(
                    FilesTargetSettings(
                        directory: try Process.absolute(target), layout: layout, owner: owner, group: nil,
                        mode: mode))
            ], backup: nil)
    }
}

/// The outcome of a sync as JSON.
private struct SyncDocument: Encodable {
    struct Target: Encodable {
        let target: String
        let changed: Bool
        let summary: String
        let changes: [String]
    }
    let environment: String
    let source: String
    let commit: String
    let companions: [String: String]
    let dryRun: Bool
    let targets: [Target]
    let notices: [String]

    init(_ report: EnvironmentSync.Report, environment: String, isDryRun: Bool) {
        self.environment = environment
        source = report.source
        commit = report.commit
        companions = Dictionary(uniqueKeysWithValues: report.companions.map { ($0.source, $0.commit) })
        dryRun = isDryRun
        targets = report.results.map {
            Target(target: $0.target, changed: $0.isChange, summary: $0.summary, changes: $0.lines.dropLast())
        }
        notices = report.notices
    }
}
