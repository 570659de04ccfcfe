package import Encodings
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

    /// How it stands, in a word.
    package enum State: String, Codable, Sendable {
        /// As its source says, and well.
        case ok
        /// A restore in place was cut off: live state may be of two moments.
        case interrupted
        /// A restore in place is under way.
        case restoring
        /// Left alone by somebody's order.
        case suspended
        /// Kept at a commit by somebody's order.
        case held
        /// At the last good commit, because the newest one failed its health check.
        case quarantined
        /// The newest commit is not approved; what stands is as it was.
        case refused
        /// The last run failed.
        case failed
        /// What stands fails its health check.
        case unhealthy
        /// What stands is not as it was delivered.
        case drifted
        /// The last snapshot failed.
        case unsaved
        /// The last drill failed, or is overdue: nothing proves that the newest snapshots can be restored.
        case unproven
        /// Nothing was delivered yet.
        case new
    }

    /// Another source whose commits count together with the delivered one's.
    package struct Companion: Codable, Sendable, Equatable {
        /// The source's name.
        package var source: String
        /// What it showed last.
        package var wanted: Commit?
        /// What was approved together with the commit that stands.
        package var applied: Commit?
    }

    /// The environment's name.
    package var name: String
    /// How it stands.
    package var state: State
    /// The delivered source's name.
    package var source: String
    /// The other sources.
    package var companions: [Companion]
    /// What the source showed last.
    package var wanted: Commit?
    /// What stands at the targets.
    package var applied: Commit?
    /// `healthy`, `unhealthy`, `unknown` where nothing was asked yet, or `unchecked` where there is nothing to ask.
    package var health: String
    /// When the health check said so last.
    package var healthTime: String?
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
    /// The restore in place that is under way or was cut off; nil where none is.
    package var restore: StandingRestore?
    /// What is wrong with the drills, whatever else is so; nil where nothing is.
    package var drillTrouble: DrillTrouble?
    /// The suspension, where there is one.
    package var suspended: Order?
    /// The commit that it stays at by hand.
    package var held: Order?
    /// Commits that are not delivered again.
    package var quarantined: [Order]
    /// Why the wanted commit is not applied, or what else is wrong; nil where all is well.
    package var whyNot: String?

    /// Whether there is nothing to say.
    package var isWell: Bool { state == .ok }
}

extension EnvironmentStatus {
    /// What `journal` and the state `directory`, in which it lies, tell of `environment` at `now`; `zone` is the time zone of the
    /// settings.
    package init(
        _ environment: EnvironmentSettings, in directory: String, journal: JournalFile, zone: String = "UTC",
        at now: Timestamp = WallClock.now
    ) throws {
        let name = environment.name
        let source = environment.deliveredSource?.name ?? ""
        self.name = name
        self.source = source
        let shown = try journal.wanted(environment: name).mapValues {
            Commit(commit: $0.commit, time: "\($0.time)")
        }
        let standing = try journal.lastApplied(environment: name).mapValues {
            Commit(commit: $0.commit, time: "\($0.since)")
        }
        wanted = shown[source]
        applied = standing[source]
        companions = environment.companionSources.map { companion in
            Companion(
                source: companion.name, wanted: shown[companion.name], applied: standing[companion.name])
        }
        let health = try journal.health(environment: name)
        let isChecked = !environment.health.isEmpty
        self.health =
            isChecked ? health.map { $0.isHealthy ? "healthy" : "unhealthy" } ?? "unknown" : "unchecked"
        healthTime = isChecked ? health.map { "\($0.time)" } : nil
        ailment = isChecked ? health.flatMap { $0.isHealthy ? nil : $0.message } : nil
        drift = try journal.drift(environment: name).map { item in
            Drift(
                target: item.target, path: item.path, kind: item.kind, evidence: item.evidence,
                since: "\(item.since)")
        }
        lastLook = try journal.runs(environment: name, kind: .drift, limit: 1).first.map(Run.init)
        lastBackup = try journal.runs(environment: name, kind: .backup, limit: 1).first.map(Run.init)
        lastDrill = try journal.runs(environment: name, kind: .drill, limit: 1).first.map(Run.init)
        drillTrouble = try EnvironmentStatus.drillTrouble(environment, journal: journal, zone: zone, at: now)
        let sync = try journal.lastSync(environment: name, source: source)
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
        restore = try StandingRestore(environment: name, state: directory)
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
        (state, whyNot) = (.ok, nil)
        (state, whyNot) = judged(sync)
    }

    /// The first of the reasons for which the environment is not as its source wants it.
    private func judged(_ sync: SyncRecord?) -> (State, String?) {
        if let restore { return (restore.isUnderWay ? .restoring : .interrupted, restore.words) }
        if let suspended {
            return (.suspended, "suspended by \(suspended.by ?? ""): \(suspended.reason)")
        }
        // Whatever else is so: what can't be delivered comes before why another commit is wanted.
        if let sync, !sync.outcome.isHealthy {
            let state: State =
                switch sync.outcome {
                case .refused: .refused
                case .unhealthy: .unhealthy
                default: .failed
                }
            return (state, "\(sync.outcome.rawValue): \(sync.message)")
        }
        if let held {
            return (.held, "held at \(held.commit ?? "") by \(held.by ?? ""): \(held.reason)")
        }
        if let wanted, let bad = quarantined.first(where: { $0.commit == wanted.commit }) {
            return (.quarantined, "commit \(wanted.commit) is quarantined: \(bad.reason)")
        }
        guard sync != nil else { return (.new, "not synced yet") }
        if let ailment { return (.unhealthy, "unhealthy: \(ailment)") }
        if !drift.isEmpty {
            let words = drift.count == 1 ? "1 path differs" : "\(drift.count) paths differ"
            return (.drifted, "\(words) from what was delivered")
        }
        if let lastBackup, lastBackup.outcome != "good" { return (.unsaved, "backup: \(lastBackup.message)") }
        if let drillTrouble { return (.unproven, drillTrouble.reason) }
        return (.ok, nil)
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

/// Places of drift, for people.
package enum DriftPlace {
    /// The path of what differs: of something below the target, or of the target itself.
    package static func words(_ target: String, _ path: String) -> String {
        path == "." ? target : "\(target)/\(path)"
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
        /// When the next drill is due.
        package var nextDrill: String?
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

    /// What the journal of `settings` tells. Where there is no journal, nothing was done yet: it is made.
    package init(_ settings: Settings) throws {
        _ = try Directory.makePath(Path(settings.state))
        let journal = try JournalFile.open(StateFiles.journal(settings.state))
        try self.init(settings, journal: journal)
    }

    /// What `journal` tells of `settings`.
    package init(_ settings: Settings, journal: JournalFile) throws {
        auditHead = (try? AuditLog(reading: StateFiles.audit(settings.state)).head()).map { "\($0)" }
        environments = try settings.environments.values.sorted { $0.name < $1.name }.map { environment in
            try EnvironmentStatus(environment, in: settings.state, journal: journal, zone: settings.zone)
        }
    }
}
