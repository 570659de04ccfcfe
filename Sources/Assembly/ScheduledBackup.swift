internal import Archives
package import Backups
internal import Delivery
package import Encodings
internal import Files
internal import Journal
package import Keyrings
package import Settings
internal import Storage
internal import Trust

/// An environment's snapshot as the settings describe it, taken without a person: by schedule, and before a change.
package struct ScheduledBackup: Sendable {
    private let environment: EnvironmentSettings
    private let settings: Settings
    private let settingsFile: String
    private let identities: [MemberIdentity]
    private let access: SourceAccess
    private let buckets: BucketAccess
    private let file: @Sendable (String) throws -> [UInt8]

    /// The backup of `environment`; nil where the settings have none for it. Repositories are fetched by `access`, buckets
    /// reached by `buckets`; `file` reads a file of configuration.
    package init?(
        _ environment: EnvironmentSettings, settings: Settings, settingsFile: String,
        identities: [MemberIdentity], access: SourceAccess, buckets: BucketAccess,
        file: @escaping @Sendable (String) throws -> [UInt8]
    ) {
        guard environment.backup != nil else { return nil }
        self.environment = environment
        self.settings = settings
        self.settingsFile = settingsFile
        self.identities = identities
        self.access = access
        self.buckets = buckets
        self.file = file
    }

    /// Takes the snapshot, and records in the journal how that ended. Throws what opening the store and taking it
    /// throw, and `io` where nothing could be captured; a partial snapshot is returned.
    package func run() async throws -> BackupOutcome {
        _ = try Directory.makePath(Path(settings.state))
        let journal = try JournalFile.open(StateFiles.journal(settings.state))
        do {
            let outcome = try await take()
            try journal.record(ScheduledBackup.record(outcome, of: environment.name, at: WallClock.now))
            return outcome
        } catch {
            // One that the service broke off says nothing of the sources.
            try Task.checkCancellation()
            try? journal.record(
                RunRecord(
                    environment: environment.name, kind: .backup, time: WallClock.now, outcome: .failed,
                    message: ScheduledBackup.words(error)))
            throw error
        }
    }

    /// Records in the journal of the state directory `state` how a backup of `environment` that somebody asked for ended.
    package static func record(
        _ outcome: BackupOutcome, of environment: String, in state: String, at time: Timestamp
    ) throws {
        try record(record(outcome, of: environment, at: time), in: state)
    }

    /// Records there that a backup of `environment` took no snapshot, for the reason `failure`.
    package static func record(
        failure: String, of environment: String, in state: String, at time: Timestamp
    ) throws {
        try record(
            RunRecord(
                environment: environment, kind: .backup, time: time, outcome: .failed, message: failure),
            in: state)
    }

    private static func record(_ run: RunRecord, in state: String) throws {
        _ = try Directory.makePath(Path(state))
        try JournalFile.open(StateFiles.journal(state)).record(run)
    }

    private static func record(
        _ outcome: BackupOutcome, of environment: String, at time: Timestamp
    ) -> RunRecord {
        RunRecord(
            environment: environment, kind: .backup, time: time,
            outcome: outcome.status == .complete ? .good : .bad, message: words(outcome))
    }

    private func take() async throws -> BackupOutcome {
        guard let plan = environment.backup, let identity = identities.first else {
            throw DeliveryError(.unusableRequest, "\(environment.name): no backup, or no identity")
        }
        let store = try settings.store(plan.store)
        let place = try StorePlace(store, buckets)
        let pins = StorePins(directory: Path(StateFiles.pins(settings.state)))
        var trust = try pins.trust(
            for: place.name, root: store.trust.map { try Fingerprint(text: Hex.encode($0)) })
        let backup = try EnvironmentBackup(
            environment, settings: settings, settingsFile: settingsFile, access: access,
            clock: { WallClock.now },
            file: file)
        let opened = try await StoreAccess.open(place, trust: trust, identities: identities)
        let outcome = try await backup.run(
            into: opened, at: place.name, as: identity, indexCache: IndexCache(directory: pins.memory)
        ).outcome
        trust.root = opened.store.fingerprint
        trust.generation = max(trust.generation, opened.store.generation)
        trust.agents[StoreAccess.agentKey(of: identity).publicKey] = outcome.header.generation
        try? pins.record(trust, for: place.name)
        guard outcome.status != .failed else {
            throw DeliveryError(.io, "\(environment.name): no source of the backup could be captured")
        }
        return outcome
    }

    /// What is wrong with a snapshot; empty where nothing is.
    private static func words(_ outcome: BackupOutcome) -> String {
        guard outcome.status != .complete else { return "" }
        let reason = outcome.disturbance.map { ": \($0)" } ?? ""
        return "the snapshot is \(outcome.status.name)\(reason)"
    }

    /// What an error says, where it is one of ours: those hold no value.
    static func words(_ error: any Error) -> String {
        switch error {
        case let error as BackupError: error.context
        case let error as ArchiveError: error.context
        case let error as DeliveryError: error.context
        case let error as StorageError: error.description
        case let error as FileError: error.description
        case let error as JournalError: error.description
        case let error as AgeError: error.context
        case let error as SettingsError: error.context
        default: "\(type(of: error))"
        }
    }
}
