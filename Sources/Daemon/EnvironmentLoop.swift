internal import Archives
internal import Assembly
internal import Backups
internal import Delivery
internal import Encodings
internal import Glibc
internal import Keyrings
internal import Settings
internal import Synchronization

/// What every loop shares: the threads for blocking work, how many of it at a time, what is shown of it.
struct LoopParts: Sendable {
    let options: ServiceOptions
    let settings: Settings
    let identities: [MemberIdentity]
    let pool: BlockingPool
    /// Syncs at a time.
    let syncs: TaskSemaphore
    /// Snapshots at a time: one, for an agent's snapshots form a chain.
    let backups: TaskSemaphore
    let board: Board
    /// Journal and audit log.
    let memory: StateMemory
}

/// What the loops do now, for `status`.
final class Board: Sendable {
    private let loops = Mutex<[String: StatusDocument.Loop]>([:])
    private let broken = Mutex<Set<String>>([])

    /// Changes what is shown of `environment`.
    func update(_ environment: String, _ change: (inout StatusDocument.Loop) -> Void) {
        loops.withLock { loops in
            var loop = loops[environment] ?? .init(environment: environment)
            change(&loop)
            loops[environment] = loop
        }
    }

    /// All loops, by name.
    var all: [StatusDocument.Loop] { loops.withLock { $0.values.sorted { $0.environment < $1.environment } } }

    /// Notes that a snapshot of `environment` was broken off for new settings.
    func noteBroken(_ environment: String) { broken.withLock { _ = $0.insert(environment) } }

    /// Whether a snapshot of `environment` was broken off; asked once.
    func takeBroken(_ environment: String) -> Bool { broken.withLock { $0.remove(environment) != nil } }

    /// Forgets all but these environments.
    func keep(_ names: Set<String>) {
        loops.withLock { loops in loops = loops.filter { names.contains($0.key) } }
    }
}

/// One environment's life: polls by interval with jitter, looks for drift, backs off when it fails. What goes wrong here
/// is logged and shown, and stops no other (CASES.md G5).
struct EnvironmentLoop: Sendable {
    private let parts: LoopParts
    private let environment: EnvironmentSettings
    private let zone: ZoneRules
    private let backupZone: ZoneRules
    private let drillZone: ZoneRules
    private let credentials: CredentialSockets?

    init(_ parts: LoopParts, _ environment: EnvironmentSettings) throws {
        self.parts = parts
        self.environment = environment
        zone = try Zones.rules(parts.settings.zone)
        backupZone = try environment.backup?.zone.map { try Zones.rules($0) } ?? zone
        drillZone = try environment.backup?.drill?.zone.map { try Zones.rules($0) } ?? backupZone
        credentials = CredentialSockets(environment)
    }

    private var name: String { environment.name }

    private func log(_ level: ServiceOptions.LogLevel, _ text: String) {
        parts.options.log(level, "\(name): \(text)")
    }

    // MARK: - Syncs

    /// Polls until the task is cancelled; a poll that runs then is seen to its end.
    func sync() async {
        guard let interval = environment.sources.map(\.intervalSeconds).min(), !environment.targets.isEmpty
        else {
            return
        }
        var memory = Memory()
        var schedule = PollSchedule(interval: .seconds(interval))
        var server: Task<Void, Never>?
        // Spread over the first seconds: many environments don't begin at once.
        var next = WallClock.now.adding(seconds: Double.random(in: 0...min(Double(interval) / 10, 5)))
        while !Task.isCancelled {
            parts.board.update(name) { loop in
                loop.doing = "waiting"
                loop.nextSync = "\(next)"
            }
            guard await WallClock.sleep(until: next) else { break }
            memory = await poll(memory)
            // Only now is there something to serve.
            if server == nil, memory.isStanding { server = serveCredentials() }
            let random = Double.random(in: 0..<1)
            let pause =
                memory.failureCount == 0
                ? schedule.afterSuccess(random: random) : schedule.afterFailure(random: random)
            next = WallClock.now.adding(seconds: pause / .seconds(1))
        }
        server?.cancel()
        await server?.value
        parts.board.update(name) { loop in
            loop.doing = "stopped"
            loop.nextSync = nil
        }
    }

    /// What a loop remembers from poll to poll.
    struct Memory: Sendable {
        var failureCount = 0
        var lastWords: String?
        var lastLook: Timestamp?
        /// Whether what a commit says stands at the targets.
        var isStanding = false
    }

    private func poll(_ memory: Memory) async -> Memory {
        var memory = memory
        let now = WallClock.now
        let isLooking =
            memory.lastLook.map { now.seconds - $0.seconds >= environment.drift.intervalSeconds } ?? true
        do {
            let report = try await parts.syncs.withPlace {
                try Task.checkCancellation()
                parts.board.update(name) { $0.doing = "syncing" }
                return try await withTaskExecutorPreference(parts.pool) {
                    try await environmentSync.run(at: now, .poll(looking: isLooking))
                }
            }
            if isLooking { memory.lastLook = now }
            memory.isStanding = memory.isStanding || report.isStanding
            if let failure = report.failure {
                tellDrift(report)
                note(failure, &memory)
            } else {
                memory.failureCount = 0
                tell(report, &memory)
                parts.board.update(name) { loop in
                    loop.failures = 0
                    loop.error = nil
                }
            }
        } catch is CancellationError {
            return memory
        } catch let error as DeliveryError where error.code == .locked {
            // Somebody syncs by hand.
            log(.info, error.context)
        } catch {
            note(error, &memory)
        }
        return memory
    }

    /// Logs a failure, the same one once.
    private func note(_ error: any Error, _ memory: inout Memory) {
        let words = parts.options.describe(error).message
        memory.failureCount += 1
        let isNew = words != memory.lastWords
        log(
            isNew ? .error : .debug,
            "\(words)\(memory.failureCount > 1 ? " (\(memory.failureCount) times)" : "")")
        memory.lastWords = words
        parts.board.update(name) { [count = memory.failureCount] loop in
            loop.failures = count
            loop.error = words
        }
    }

    private func serveCredentials() -> Task<Void, Never>? {
        guard let credentials else { return nil }
        return Task {
            do {
                try await credentials.serve { self.log(.info, $0) }
            } catch {
                self.log(.error, self.parts.options.describe(error).message)
            }
        }
    }

    private var environmentSync: EnvironmentSync {
        let settings = parts.settings
        let request = EnvironmentSync.Request(
            environment: environment, state: settings.state, pins: StateFiles.pins(settings.state),
            author: parts.options.author, zone: zone, memory: parts.memory, process: parts.options.process,
            user: parts.options.user)
        return EnvironmentSync(
            request, identities: parts.identities, credentials: credentials?.store,
            signers: parts.options.file,
            snapshot: snapshotBeforeChange)
    }

    private func tell(_ report: EnvironmentSync.Report, _ memory: inout Memory) {
        if report.isChange {
            for result in report.results where result.isChange {
                log(.notice, "\(report.commit) at \(result.target): \(result.summary)")
            }
        } else {
            log(.debug, "\(report.commit) in place")
        }
        tellDrift(report)
        let words = (report.ailments + [report.whyNot].compactMap { $0 }).joined(separator: "; ")
        if !words.isEmpty, words != memory.lastWords { log(.warning, words) }
        if words.isEmpty, memory.lastWords != nil { log(.notice, "well again at \(report.commit)") }
        memory.lastWords = words.isEmpty ? nil : words
        for notice in report.notices where report.isChange { log(.notice, notice) }
    }

    private func tellDrift(_ report: EnvironmentSync.Report) {
        for line in report.freshDrift {
            log(environment.drift.mode.alerts ? .warning : .info, "drift: \(line)")
        }
        if report.isHealed { log(.notice, "put back what differed: \(report.drift.count)") }
    }

    // MARK: - Snapshots

    private var scheduledBackup: ScheduledBackup? {
        ScheduledBackup(
            environment, settings: parts.settings, settingsFile: parts.options.settingsFile,
            identities: parts.identities,
            access: SourceAccess(
                process: parts.options.process, identities: parts.identities, user: parts.options.user),
            buckets: parts.options.buckets, file: parts.options.file)
    }

    /// What precedes each change of the targets; nil where nothing does.
    private var snapshotBeforeChange: (@Sendable () async throws -> Void)? {
        guard let choice = environment.backup?.beforeChange, choice != .never, let backup = scheduledBackup
        else {
            return nil
        }
        return {
            do {
                try await self.take(backup, "before the change")
            } catch {
                guard choice == .attempt else { throw error }
            }
        }
    }

    private func take(_ backup: ScheduledBackup, _ occasion: String) async throws {
        do {
            let outcome = try await parts.backups.withPlace {
                try Task.checkCancellation()
                return try await withTaskExecutorPreference(parts.pool) { try await backup.run() }
            }
            let isWhole = outcome.status == .complete
            log(isWhole ? .info : .warning, "snapshot \(outcome.id) \(occasion): \(outcome.status.name)")
        } catch {
            if !(error is CancellationError) {
                log(.error, "snapshot \(occasion): \(parts.options.describe(error).message)")
            }
            throw error
        }
    }

    /// Takes snapshots by the schedule until the task is cancelled. Times that went by meanwhile are made up for by one.
    func backups() async {
        guard let schedule = environment.backup?.schedule, let backup = scheduledBackup else { return }
        if parts.board.takeBroken(name) { await takeWhole(backup, "again, by new settings") }
        var last = WallClock.now
        while !Task.isCancelled, let next = schedule.next(after: last, in: backupZone) {
            parts.board.update(name) { $0.nextBackup = "\(next)" }
            guard await WallClock.sleep(until: next) else { break }
            await takeWhole(backup, "by schedule")
            last = max(next, WallClock.now)
        }
        parts.board.update(name) { $0.nextBackup = nil }
    }
}

extension EnvironmentLoop {
    /// Takes a snapshot; one that is broken off for new settings is begun again under them.
    private func takeWhole(_ backup: ScheduledBackup, _ occasion: String) async {
        do {
            try await take(backup, occasion)
        } catch {
            if Task.isCancelled { parts.board.noteBroken(name) }
        }
    }
}

extension EnvironmentLoop {
    /// Holds drills by the schedule until the task is cancelled, one at a time with snapshots. Times that went by meanwhile
    /// are made up for by one.
    func drills() async {
        guard let schedule = environment.backup?.drill?.schedule,
            let drill = ScheduledDrill(
                environment, settings: parts.settings, identities: parts.identities,
                load: parts.options.identities,
                access: SourceAccess(
                    process: parts.options.process, identities: parts.identities, user: parts.options.user),
                buckets: parts.options.buckets,
                describe: { [describe = parts.options.describe] in describe($0).message })
        else { return }
        var last = WallClock.now
        while !Task.isCancelled, let next = schedule.next(after: last, in: drillZone) {
            parts.board.update(name) { $0.nextDrill = "\(next)" }
            guard await WallClock.sleep(until: next) else { break }
            await hold(drill)
            last = max(next, WallClock.now)
        }
        parts.board.update(name) { $0.nextDrill = nil }
    }

    private func hold(_ drill: ScheduledDrill) async {
        do {
            let report = try await parts.backups.withPlace {
                try Task.checkCancellation()
                return try await withTaskExecutorPreference(parts.pool) { try await drill.run() }
            }
            let words = "drill of \(report.record.id): \(report.isPassed ? "passed" : "failed")"
            log(report.isPassed ? .notice : .error, words)
            for check in report.checks where check.outcome == .failed {
                log(.error, "drill: \(check.name): \(check.detail)")
            }
        } catch {
            if !(error is CancellationError) {
                log(.error, "drill: \(parts.options.describe(error).message)")
            }
        }
    }
}

extension Timestamp {
    /// The moment this many seconds later.
    func adding(seconds: Double) -> Timestamp {
        Timestamp(nanoseconds: nanoseconds + Int64(seconds * 1_000_000_000))
    }
}

extension WallClock {
    /// Waits until the wall clock shows `moment`, also when it is set meanwhile. False where the task was cancelled.
    static func sleep(until moment: Timestamp) async -> Bool {
        while !Task.isCancelled {
            let left = moment.nanoseconds - now.nanoseconds
            guard left > 0 else { return true }
            // A clock that is set is noticed within half a minute.
            do { try await Task.sleep(for: .nanoseconds(min(left, 30_000_000_000))) } catch { return false }
        }
        return false
    }
}
