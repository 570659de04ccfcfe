internal import Encodings
internal import Files
package import Journal
package import Settings

/// The state of one environment as the journal tells it, for `status` and for the service: with or without a service
/// that runs. Holds names, commits, times and words; never a value.
package struct EnvironmentStatus: Codable, Sendable, Equatable {
    /// A commit and since when.
    package struct Commit: Codable, Sendable, Equatable {
        /// 40 hex digits.
        package var commit: String
        /// RFC 3339: since when it is so, or when it was seen.
        package var time: String
    }

    /// What people or a health check decided.
    package struct Order: Codable, Sendable, Equatable {
        /// The commit that it is about; nil for the environment as a whole.
        package var commit: String?
        /// Since when.
        package var time: String
        /// Who; nil for a health check.
        package var by: String?
        /// Why.
        package var reason: String
    }

    /// How a run ended.
    package struct Run: Codable, Sendable, Equatable {
        /// When the last of equal ones in a row ended.
        package var time: String
        /// Since when they end so.
        package var since: String
        /// How many in a row.
        package var runs: Int
        /// How it ended.
        package var outcome: String
        /// In words.
        package var message: String
    }

    /// A path that is not as it was delivered.
    package struct Drift: Codable, Sendable, Equatable {
        /// The target's directory.
        package var target: String
        /// The path below it.
        package var path: String
        /// `changed`, `missing`, `foreign` or `metadata`.
        package var kind: String
        /// Keyed digests of what should be there and of what is.
        package var evidence: String
        /// When it was first seen.
        package var since: String
    }

    /// A snapshot.
    package struct Snapshot: Codable, Sendable, Equatable {
        /// 64 hex digits.
        package var id: String
        /// Its own time.
        package var time: String
        /// `complete`, `partial`, `failed` or `torn`.
        package var status: String
        /// The store's directory or URL.
        package var store: String
    }

    /// The environment's name.
    package var name: String
    /// The source's name.
    package var source: String
    /// What the source showed last.
    package var wanted: Commit?
    /// What stands at the targets.
    package var applied: Commit?
    /// `healthy`, `unhealthy`, or `unknown` where nothing is asked or nothing is known.
    package var health: String
    /// What the last health check said, where it failed.
    package var ailment: String?
    /// What differs at the targets.
    package var drift: [Drift]
    /// When the targets were looked at last.
    package var lastLook: Run?
    /// How the last sync ended.
    package var lastSync: Run?
    /// The newest snapshot.
    package var lastSnapshot: Snapshot?
    /// How the last run of a backup ended, snapshot or none.
    package var lastBackup: Run?
    /// How the last drill ended.
    package var lastDrill: Run?
    /// The suspension, where there is one.
    package var suspended: Order?
    /// The commit that it stays at by hand.
    package var held: Order?
    /// Commits that are not delivered again.
    package var quarantined: [Order]
    /// Why the wanted commit is not applied, or what else is wrong; nil where all is well.
    package var whyNot: String?

    /// Whether there is nothing to say.
    package var isWell: Bool {
        whyNot == nil && drift.isEmpty && health != "unhealthy" && suspended == nil && held == nil
    }
}

extension EnvironmentStatus {
    /// What `journal` tells of `environment`.
    package init(_ environment: EnvironmentSettings, journal: JournalFile) throws {
        let name = environment.name
        let source = environment.sources.first?.name ?? ""
        self.name = name
        self.source = source
        wanted = try journal.wanted(environment: name)[source].map {
            Commit(commit: $0.commit, time: "\($0.time)")
        }
        applied = try journal.lastApplied(environment: name)[source].map {
            Commit(commit: $0.commit, time: "\($0.since)")
        }
        let health = try journal.health(environment: name)
        self.health = health.map { $0.isHealthy ? "healthy" : "unhealthy" } ?? "unknown"
        ailment = health.flatMap { $0.isHealthy ? nil : $0.message }
        drift = try journal.drift(environment: name).map { item in
            Drift(
                target: item.target, path: item.path, kind: item.kind, evidence: item.evidence,
                since: "\(item.since)")
        }
        lastLook = try journal.runs(environment: name, kind: .drift, limit: 1).first.map(Run.init)
        lastBackup = try journal.runs(environment: name, kind: .backup, limit: 1).first.map(Run.init)
        lastDrill = try journal.runs(environment: name, kind: .drill, limit: 1).first.map(Run.init)
        let sync = try journal.syncs(environment: name, limit: 1).first
        lastSync = sync.map { sync in
            Run(
                time: "\(sync.until ?? sync.time)", since: "\(sync.time)", runs: sync.runCount,
                outcome: sync.outcome.rawValue, message: sync.message)
        }
        lastSnapshot = try journal.snapshots(environment: name, limit: 1).first.map { snapshot in
            Snapshot(
                id: snapshot.id, time: "\(snapshot.time)", status: snapshot.status.rawValue,
                store: snapshot.store
            )
        }
        suspended = try journal.suspension(environment: name).map { order in
            Order(commit: nil, time: "\(order.time)", by: order.author, reason: order.reason)
        }
        held = try journal.hold(environment: name).map { held in
            Order(
                commit: held.commit, time: "\(held.order.time)", by: held.order.author,
                reason: held.order.reason)
        }
        quarantined = try journal.quarantine(environment: name, source: source).map { commit in
            Order(commit: commit.commit, time: "\(commit.time)", by: nil, reason: commit.reason)
        }
        whyNot = nil
        whyNot = reason(sync)
    }

    /// The first of the reasons for which the environment is not as its source wants it.
    private func reason(_ sync: SyncRecord?) -> String? {
        if let suspended { return "suspended by \(suspended.by ?? ""): \(suspended.reason)" }
        if let held { return "held at \(held.commit ?? "") by \(held.by ?? ""): \(held.reason)" }
        if let wanted, let bad = quarantined.first(where: { $0.commit == wanted.commit }) {
            return "commit \(wanted.commit) is quarantined: \(bad.reason)"
        }
        guard let sync else { return "not synced yet" }
        if !sync.outcome.isHealthy { return "\(sync.outcome.rawValue): \(sync.message)" }
        if let ailment { return "unhealthy: \(ailment)" }
        if let lastBackup, lastBackup.outcome == "failed" { return "backup: \(lastBackup.message)" }
        return nil
    }
}

extension EnvironmentStatus.Run {
    /// A run as the journal keeps it.
    init(_ run: RunRecord) {
        self.init(
            time: "\(run.until)", since: "\(run.time)", runs: run.runCount, outcome: run.outcome.rawValue,
            message: run.message)
    }
}

/// The state of everything that one settings file names.
package struct StatusDocument: Codable, Sendable, Equatable {
    /// The service, where it runs.
    package struct Service: Codable, Sendable, Equatable {
        /// Its process number.
        package var process: Int32
        /// RFC 3339: since when it runs.
        package var since: String
        /// Its version.
        package var version: String
        /// What it does now, a line an environment; and when it does something next.
        package var loops: [Loop]

        /// A service of these facts.
        package init(process: Int32, since: String, version: String, loops: [Loop]) {
            self.process = process
            self.since = since
            self.version = version
            self.loops = loops
        }
    }

    /// One environment's loop in the service.
    package struct Loop: Codable, Sendable, Equatable {
        /// The environment's name.
        package var environment: String
        /// `waiting`, `syncing`, `backing up` or `stopped`.
        package var doing: String
        /// RFC 3339: the next poll.
        package var nextSync: String?
        /// RFC 3339: the next scheduled snapshot.
        package var nextBackup: String?
        /// Polls that failed one after another.
        package var failures: Int
        /// What the last one said.
        package var error: String?

        /// The loop of `environment` before its first poll.
        package init(environment: String) {
            self.environment = environment
            doing = "waiting"
            failures = 0
        }
    }

    /// The form of this document.
    package var version = 1
    /// The service; nil where none answers.
    package var service: Service?
    /// The last line of the audit log, as `INDEX:HASH`; nil where there is none or it can't be read.
    package var auditHead: String?
    /// The environments by name.
    package var environments: [EnvironmentStatus]

    /// What the journal of `settings` tells. Where there is no journal, nothing was done yet.
    package init(_ settings: Settings) throws {
        _ = try Directory.makePath(Path(settings.state))
        let journal = try JournalFile.open(StateFiles.journal(settings.state))
        try self.init(settings, journal: journal)
    }

    /// What `journal` tells of `settings`.
    package init(_ settings: Settings, journal: JournalFile) throws {
        auditHead = (try? AuditLog(reading: StateFiles.audit(settings.state)).head()).map { "\($0)" }
        environments = try settings.environments.values.sorted { $0.name < $1.name }.map { environment in
            try EnvironmentStatus(environment, journal: journal)
        }
    }
}
