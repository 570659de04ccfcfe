internal import Archives
internal import ArgumentParser
internal import Assembly
internal import Backups
internal import Encodings
internal import Files
internal import Git
internal import Glibc
internal import Journal
internal import Keyrings
internal import Settings
internal import Sodium

/// `strongroom backup`: one snapshot; its id goes to standard output.
struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Take a snapshot into an archive store; print its id.",
        discussion: """
            With settings: strongroom backup ENV. Where --store or STRONGROOM_STORE names a store, the arguments are \
            directories. The exit code is 10 where something could not be captured; the snapshot says what. A source that \
            lost much of what it held the last time makes the snapshot partial, so that it takes no good one's place; \
            --accept-shrink says that it is right. Where it is by settings, status tells how the last one ended.

            Patterns are paths below a directory's root: * is any part of a name, ** any number of names; what is below a \
            matched directory comes with it, and --exclude goes before --include.

            Commands and hooks get, of the environment, PATH, HOME, the user's name, shell, language and time zone, TMPDIR, \
            XDG_RUNTIME_DIR, and the variables PG*, MYSQL_* and MARIADB_*; nothing else. A command's output is read to its \
            end. What they say on standard error is shown where they fail.
            """)

    @Argument(
        help: ArgumentHelp(
            "The environment of the settings; with --store, directories.", valueName: "env|path"))
    var subjects: [String] = []

    @Option(
        help: ArgumentHelp(
            "With --store: a Git repository, with all references: a directory, or a URL of https, ssh or file; repeatable.",
            valueName: "url"))
    var repository: [String] = []

    @Option(
        help: ArgumentHelp(
            "With --store: a command whose output is archived, run by sh; repeatable.", valueName: "name=cmd")
    )
    var command: [String] = []

    @OptionGroup(title: "Options with --store") var capture: CaptureOptions

    @Flag(help: "Take what the sources hold now as right, however much less it is than the last time.")
    var acceptShrink = false

    @Flag(help: "Print the outcome as JSON.")
    var json = false

    @OptionGroup var store: StoreOptions

    func run() async throws {
        guard !store.isNamed else {
            let choice = try store.choose()
            let backup = EnvironmentBackup(
                environment: store.environment ?? "default", sources: try sources(),
                memory: StateFiles.captures(try Locations.memory()), clock: { Process.now })
            return try show(try await take(backup, into: choice))
        }
        guard subjects.count == 1, repository.isEmpty, command.isEmpty, capture.isEmpty else {
            throw Failure(
                .usage, "name one environment of the settings, or a store with --store",
                hints: ["strongroom backup ENV, or strongroom backup --store DIR PATH…"])
        }
        let settings = try store.settings.read()
        let environment = try settings.environment(subjects[0])
        guard let plan = environment.backup else {
            throw Failure(.usage, "\(environment.name): the settings have no backup for it")
        }
        let outcome: BackupOutcome
        do {
            let choice = try store.choice(settings, plan)
            outcome = try await take(
                try backup(environment, settings, identityFiles: choice.identityFiles), into: choice)
        } catch let code as ExitCode {
            // A signal.
            throw code
        } catch {
            // Where another is being taken, that one tells how it ended.
            if (error as? BackupError)?.code != .busy {
                try? ScheduledBackup.record(
                    failure: Failure(error).message, of: environment.name, in: settings.state, at: Process.now
                )
            }
            throw error
        }
        // A journal that can't be written to has been spoken of: the snapshot is whole all the same.
        try? ScheduledBackup.record(outcome, of: environment.name, in: settings.state, at: Process.now)
        try show(outcome)
    }

    /// The backup that the settings describe.
    private func backup(
        _ environment: EnvironmentSettings, _ settings: Settings, identityFiles: [String]
    ) throws -> EnvironmentBackup {
        try EnvironmentBackup(
            environment, settings: settings, settingsFile: try store.settings.path(),
            access: SourceAccess(
                process: FetchChildCommand.process,
                identities: environment.usesCredentials
                    ? try store.identities.load(defaults: identityFiles) : [],
                user: geteuid()),
            clock: { Process.now }, file: SettingsOptions.reader)
    }

    /// Takes the snapshot into the store of `choice`, and remembers how far the store was seen.
    private func take(
        _ backup: EnvironmentBackup, into choice: StoreOptions.Choice
    ) async throws -> BackupOutcome {
        var backup = backup
        backup.acceptsShrink = acceptShrink
        let opened = try await store.open(choice)
        guard let identity = try store.identities.load(defaults: choice.identityFiles).first else {
            throw Failure(.usage, "no identity")
        }
        let (ready, location, memory) = (backup, choice.location, choice.pins.memory)
        let result = try await HookWatch.run {
            try await ready.run(
                into: opened, at: location, as: identity, indexCache: IndexCache(directory: memory))
        }
        let outcome = result.outcome
        var seen = choice.trust
        seen.root = opened.store.fingerprint
        seen.generation = max(seen.generation, opened.store.generation)
        seen.agents[StoreAccess.agentKey(of: identity).publicKey] = outcome.header.generation
        try? choice.pins.record(seen, for: choice.location)
        if let error = result.notRecorded {
            Console.note("strongroom: the journal does not tell of this snapshot: \(error.context)")
        }
        return outcome
    }

    private func show(_ outcome: BackupOutcome) throws {
        if json {
            try Console.json(BackupDocument(outcome))
        } else {
            Console.print(outcome.id.description)
        }
        if outcome.status == .torn {
            let deploys = "what is applied changed while the snapshot was taken, and again the second time"
            Console.note("strongroom: \(outcome.disturbance ?? deploys)")
        }
        for source in outcome.sources {
            let size =
                "\(Sizes.entries(source.entryCount)), \(Sizes.text(source.byteCount))"
            Console.note("strongroom: \(source.name): \(source.status.name), \(size)")
            for note in source.notes { Console.note("strongroom: \(source.name): \(note)") }
        }
        for revision in outcome.header.revisions {
            Console.note("strongroom: at \(revision.source) \(Hex.encode(revision.commit))")
        }
        let added = Sizes.text(outcome.statistics.storedByteCount)
        Console.note(
            "strongroom: \(Sizes.text(outcome.byteCount)) in the snapshot, \(added) added to the store")
        guard outcome.status != .complete else { return }
        throw Failure(
            .partial, "the snapshot is \(outcome.status.name); what is missing is told above",
            hints: ["strongroom snapshots show says it again"])
    }

    /// What the command line names, each with a name of its own.
    private func sources() throws -> [BackupSource] {
        let mirrors = try Locations.memory() + "/backups"
        var sources: [BackupSource] = []
        for path in subjects {
            guard !path.isEmpty, let absolute = try Process.canonicalIfDirectory(path) else {
                throw Failure(
                    .usage, "\(path.isEmpty ? "''" : path): not a directory",
                    hints: ["name the directory that holds it"])
            }
            sources.append(
                .directory(
                    name: try name(of: absolute), path: Path(absolute), selecting: try capture.selection()))
        }
        for url in repository {
            let location = url.contains("://") ? url : try Process.absolute(url)
            var name = try name(of: location)
            if name.hasSuffix(".git"), name.count > 4 { name.removeLast(4) }
            // The mirror's name is derived: two repositories may have one name.
            let mirror = Hex.encode(BLAKE2b.hash(Array(location.utf8)).prefix(16))
            sources.append(
                .repository(
                    name: name, url: location, mirror: Path("\(mirrors)/\(mirror).git"),
                    fetching: FetchOptions(process: FetchChildCommand.process)))
        }
        for text in command {
            let (name, script) = try CaptureOptions.named(text, "--command")
            sources.append(
                .command(
                    name: name, capture.run(script, seconds: capture.commandTimeout, minimumByteCount: 1),
                    restoring: try capture.restoring(name)))
        }
        guard !sources.isEmpty else {
            throw Failure(
                .usage, "nothing to back up", hints: ["name directories, --repository or --command"])
        }
        return try capture.ruled(sources)
    }

    private func name(of path: String) throws -> String {
        guard let name = path.split(separator: "/").last else {
            throw Failure(.usage, "\(path): the root directory has no name for a source")
        }
        return String(name)
    }
}

/// The outcome of a backup as JSON.
private struct BackupDocument: Encodable {
    let id: String
    let time: String
    let status: String
    let revisions: [String: String]
    let sources: [SnapshotDocument.Source]
    let bytes: UInt64
    let addedBytes: UInt64

    init(_ outcome: BackupOutcome) {
        id = outcome.id.description
        time = outcome.header.time.description
        status = outcome.status.name
        revisions = Dictionary(
            outcome.header.revisions.map { ($0.source, Hex.encode($0.commit)) },
            uniquingKeysWith: { first, _ in first })
        sources = outcome.sources.map { SnapshotDocument.Source($0) }
        bytes = outcome.byteCount
        addedBytes = outcome.statistics.storedByteCount
    }
}
