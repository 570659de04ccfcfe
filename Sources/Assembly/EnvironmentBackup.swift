package import Archives
package import Backups
internal import Delivery
package import Encodings
package import Files
internal import Git
package import Journal
package import Keyrings
internal import Sealing
package import Settings
internal import Storage

/// One environment's backup, put together from the settings or from the command line: what Backups needs as values,
/// and the journal that remembers which commit is applied.
package struct EnvironmentBackup: Sendable {
    private var run: BackupRun
    private let journal: JournalFile?
    private let locks: Path?

    /// The backup of an environment of the settings: its own sources, keyring and rules, and what its `backup` lists.
    ///
    /// `file` reads a file of configuration (the settings, allowed signers). Repositories are fetched by `access`. The commits are those that the journal says
    /// are applied.
    package init(
        _ environment: EnvironmentSettings, settings: Settings, settingsFile: String,
        access: SourceAccess, clock: @escaping @Sendable () -> Timestamp,
        file: @escaping @Sendable (String) throws -> [UInt8]
    ) throws {
        _ = try Directory.makePath(Path(settings.state))
        let journal = try JournalFile.open(StateFiles.journal(settings.state))
        let name = environment.name
        let revisions: @Sendable () throws -> [Revision] = {
            try journal.lastApplied(environment: name).sorted { $0.key < $1.key }.map { source, applied in
                Revision(source: source, commit: try Hex.decode(applied.commit))
            }
        }
        let mirrors = "\(settings.state)/backups/\(name)"
        var sources = try environment.sources.map { source in
            BackupSource.repository(
                name: source.name, url: source.url, mirror: Path("\(mirrors)/\(source.name).git"),
                fetching: try access.options(source.access))
        }
        for source in environment.backup?.sources ?? [] {
            sources.append(try BackupSource(source, mirrors: mirrors, access))
        }
        let documents: @Sendable () throws -> [BackupSource.Document] = {
            var documents = try EnvironmentBackup.documents(
                environment, settings: settings, settingsFile: settingsFile, applied: try revisions(),
                file: file)
            if environment.backup?.drill != nil {
                let book = CanaryBook(directory: StateFiles.canaries(settings.state))
                documents.append(
                    .init(path: Array("canary".utf8), bytes: try book.plant(name, at: clock()).document))
            }
            return documents
        }
        // What can't be read now fails the backup in its own words. What is captured is read amid the capture: the keyring
        // and the rules are those of the commits that the snapshot names, or it is torn.
        _ = try documents()
        sources.append(
            .gathered(name: "keyring") {
                do {
                    return try documents()
                } catch {
                    throw BackupError(.caller, ScheduledBackup.words(error), underlying: error)
                }
            })
        var run = BackupRun(
            environment: name, sources: sources, host: MachinePresence.hostName, clock: clock,
            revisions: { try revisions() })
        let sharers = [name] + EnvironmentBackup.sharers(of: environment, settings)
        run.moment = { [state = settings.state] in
            try StandingRestore.moment(of: sharers, state: state)
        }
        run.memory = CaptureMemory(directory: StateFiles.captures(settings.state))
        self.run = run
        self.journal = journal
        locks = Path(settings.state).appending("locks")
    }

    /// Other environments that archive a directory of this one, or one above or beneath it: a restore in place of theirs
    /// exchanges what is captured here.
    private static func sharers(of environment: EnvironmentSettings, _ settings: Settings) -> [String] {
        func places(_ environment: EnvironmentSettings) -> [[UInt8]] {
            (environment.backup?.sources ?? []).compactMap { source in
                guard case .directory(let directory) = source.kind else { return nil }
                return Array(directory.path.utf8)
            }
        }
        let own = places(environment)
        return settings.environments.values.filter { other in
            other.name != environment.name
                && places(other).contains { place in
                    own.contains { PathOrder.contains($0, place) || PathOrder.contains(place, $0) }
                }
        }.map(\.name).sorted()
    }

    /// A backup of `sources` that the command line names; no commit belongs to it. Unchanged files are remembered in the
    /// directory `memory`; several may run at once, and put their snapshots one after the other.
    package init(
        environment: String, sources: [BackupSource], memory: Path,
        clock: @escaping @Sendable () -> Timestamp
    ) {
        var run = BackupRun(
            environment: environment, sources: sources, host: MachinePresence.hostName, clock: clock)
        run.memory = CaptureMemory(directory: memory)
        let folder = memory.parent
        run.turn = {
            while true {
                do throws(FileError) {
                    return try FileLock("turn", in: Directory.makePath(folder))
                } catch {
                    guard error.code == .locked else { throw error }
                }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
        self.run = run
        journal = nil
        locks = nil
    }

    /// Whether what the sources hold now is right, however much less it is than before.
    package var acceptsShrink: Bool {
        get { run.acceptsShrink }
        set { run.acceptsShrink = newValue }
    }

    /// A snapshot that was taken.
    package struct Result: Sendable {
        /// What the snapshot holds.
        package let outcome: BackupOutcome
        /// Why the journal does not tell of it, if so: the snapshot is whole all the same (CASES.md I5).
        package let notRecorded: JournalError?
    }

    /// Takes the snapshot into the store `opened` as the agent of `identity`, and records it in the journal.
    ///
    /// One at a time for a state directory, as an agent's snapshots form a chain. The index is
    /// kept in `indexCache`. Throws `busy` where another is being taken.
    package func run(
        into opened: StoreAccess.Opened, at location: String, as identity: MemberIdentity,
        indexCache: IndexCache? = nil
    ) async throws -> Result {
        let lock: FileLock? = try takeLock()
        defer { _ = lock }
        // What killed writers left: those of living ones are locked and stay.
        try await opened.objects.removeLeftovers()
        let outcome = try await outcome(opened, StoreAccess.agentKey(of: identity), indexCache)
        let taken = TakenSnapshot(
            id: outcome.id.description, store: location, environment: run.environment,
            time: outcome.header.time,
            status: TakenSnapshot.Status(rawValue: outcome.status.name) ?? .partial,
            revisions: Dictionary(
                outcome.header.revisions.map { ($0.source, Hex.encode($0.commit)) },
                uniquingKeysWith: { first, _ in first }))
        do throws(JournalError) {
            try journal?.record(taken)
            return Result(outcome: outcome, notRecorded: nil)
        } catch {
            return Result(outcome: outcome, notRecorded: error)
        }
    }

    /// Takes the snapshot. Where prune marked what it relies on, or this machine slept meanwhile, it is taken anew by another
    /// session: what was uploaded is there, and what is marked is uploaded again.
    private func outcome(
        _ opened: StoreAccess.Opened, _ agent: AgentKey, _ indexCache: IndexCache?
    ) async throws -> BackupOutcome {
        for _ in 0..<2 {
            do {
                return try await attempt(opened, agent, indexCache)
            } catch let error as BackupError {
                guard (error.underlying as? ArchiveError)?.code == .overtaken else { throw error }
            }
        }
        return try await attempt(opened, agent, indexCache)
    }

    private func attempt(
        _ opened: StoreAccess.Opened, _ agent: AgentKey, _ indexCache: IndexCache?
    ) async throws -> BackupOutcome {
        let writer = try await StoreWriter(
            opened.store, write: opened.writeKeys, agent: agent, presence: MachinePresence.current,
            indexCache: indexCache)
        return try await run.run(in: writer)
    }

    private func takeLock() throws -> FileLock? {
        guard let locks else { return nil }
        do throws(FileError) {
            // Not a name that an environment can have.
            return try FileLock("_backup", in: Directory.makePath(locks))
        } catch {
            guard error.code == .locked else { throw error }
            throw BackupError(.busy, "another snapshot is being taken from this state directory")
        }
    }

    /// Keyring and rules as they are in the applied commit, the settings and the allowed signers as they are now: what
    /// a sync of the restored repository needs. None of them holds a secret in the clear.
    private static func documents(
        _ environment: EnvironmentSettings, settings: Settings, settingsFile: String, applied: [Revision],
        file: (String) throws -> [UInt8]
    ) throws -> [BackupSource.Document] {
        var documents = [
            BackupSource.Document(path: Array("strongroom.yaml".utf8), bytes: try file(settingsFile))
        ]
        // What is asked of more than one source has the name of the source before it.
        for source in environment.sources {
            let prefix = source.isDelivered ? "" : "\(source.name)/"
            if case .signed(let rule) = source.verification {
                for (name, path) in [
                    ("allowed_signers", rule.allowedSigners), ("revoked_keys", rule.revokedKeys),
                    ("signers.gpg", rule.openPGP?.keyring),
                ] {
                    guard let path else { continue }
                    documents.append(.init(path: Array("\(prefix)\(name)".utf8), bytes: try file(path)))
                }
            }
            guard let revision = applied.first(where: { $0.source == source.name }) else { continue }
            let mirror = SyncState(directory: Path(settings.state)).mirror(of: try Source(source).location)
            let repository = try Repository(at: mirror)
            let tree = try repository.commit(try ObjectID(hex: Hex.encode(revision.commit))).tree
            func blob(_ path: String) throws -> [UInt8]? {
                try repository.entry(at: Array(path.utf8), in: tree).map {
                    try repository.blob($0.id, limit: 32 << 20)
                }
            }
            guard let rules = try blob(Rules.fileName) else { continue }
            documents.append(.init(path: Array("\(prefix)\(Rules.fileName)".utf8), bytes: rules))
            let path = "\(try Rules(parsing: rules).keyrings)/\(environment.name).yaml"
            if let keyring = try blob(path) {
                documents.append(.init(path: Array("\(prefix)\(path)".utf8), bytes: keyring))
            }
        }
        return documents
    }
}

extension BackupSource {
    /// The source that `settings` describe; repositories are mirrored below `mirrors`.
    init(_ settings: BackupSourceSettings, mirrors: String, _ access: SourceAccess) throws {
        let source: BackupSource
        let name = settings.name
        switch settings.kind {
        case .directory(let directory):
            var selection = DirectorySelection()
            selection.include = directory.include.compactMap { PathPattern($0) }
            selection.exclude = directory.exclude.compactMap { PathPattern($0) }
            selection.staysOnFileSystem = directory.staysOnFileSystem
            source = .directory(name: name, path: Path(directory.path), selecting: selection)
        case .command(let command):
            source = .command(
                name: name, CommandRun(command.program, minimumByteCount: command.minimumByteCount),
                restoring: command.restore.map { CommandRun($0.program) })
        case .repository(let url, let settings):
            source = .repository(
                name: name, url: url, mirror: Path("\(mirrors)/\(name).git"),
                fetching: try access.options(settings))
        }
        var rules = SourceRules()
        rules.before = settings.before.map { SourceHook(CommandRun($0.program), isRequired: $0.isRequired) }
        rules.after = settings.after.map { SourceHook(CommandRun($0.program), isRequired: $0.isRequired) }
        rules.maximumShrink = settings.maximumShrink
        self = .ruled(source, rules)
    }
}

extension CommandRun {
    /// The program of settings, with the environment that commands get.
    init(_ program: ProgramSettings, minimumByteCount: UInt64 = 0) {
        self.init(
            arguments: program.arguments, deadline: .seconds(program.timeoutSeconds),
            minimumByteCount: minimumByteCount)
        environment = CommandEnvironment.own
    }
}
