// The service: one loop an environment, snapshots by schedule, answers over a socket, until it is told to stop. It decides
// nothing itself: Assembly's flows do the work, the journal remembers, and every verb of the command line works without it.
internal import Archives
package import Assembly
internal import Backups
internal import Encodings
internal import Files
internal import FoundationEssentials
internal import Glibc
internal import Journal
internal import Settings
internal import Synchronization

/// The service of one settings file.
package struct Daemon: Sendable {
    private let options: ServiceOptions
    private let notices: SystemdNotices
    private let board = Board()
    private let pool = BlockingPool(count: Daemon.threadCount)
    private let backups = TaskSemaphore(1)
    private let syncs = TaskSemaphore(Daemon.syncLimit)
    private let start = WallClock.now

    /// Threads for blocking work: the syncs, a snapshot, and one to spare.
    private static let threadCount = 10
    /// Syncs at a time.
    private static let syncLimit = 8
    /// Seconds that running work gets to end after SIGTERM.
    private static let stopSeconds = 8

    /// A service with these options.
    package init(_ options: ServiceOptions) {
        self.options = options
        notices = SystemdNotices(socket: options.notifySocket)
    }

    /// Runs until SIGTERM or SIGINT; SIGHUP reads the settings again. Returns when all loops have ended, or eight seconds
    /// after the signal, or when the hooks of backups have run: what runs then is left as a crash would leave it, which harms nothing.
    ///
    /// Throws `ServiceError` and what settings, identities and state throw at the start. On disk: the state directory, its
    /// lock, journal and audit log, the socket.
    package func run() async throws {
        let settings = try options.settings()
        let state = settings.state
        let lock = try Daemon.lock(state)
        defer { _ = lock }
        let memory = try StateMemory(state)
        let audit = memory.audit
        var running = try plan(settings, memory)
        try audit.append(
            AuditEvent(.start, ["by": options.author, "version": options.version]), at: WallClock.now)
        let requests = SignalPipe.requests()
        let socket = settings.api?.socket ?? StateFiles.socket(state)
        let current = CurrentSettings(settings)
        let server = try StatusServer(
            at: socket, group: try settings.api?.group.map { try Accounts.group($0) },
            answer: answer(current, memory.journal))
        server.start()
        let watchdog = watch()
        options.log(.notice, "serving \(settings.environments.count) environments, status at \(socket)")
        notices.ready()
        var tasks = begin(running)
        for await request in requests {
            guard request == .reload else { break }
            notices.reloading()
            do {
                let next = try options.settings()
                guard next.state == state, next.api == settings.api else {
                    throw ServiceError(.needsRestart, "state and api need a new start of the service")
                }
                let planned = try plan(next, memory)
                try audit.append(AuditEvent(.reload, ["by": options.author]), at: WallClock.now)
                // SIGTERM meanwhile is the next request.
                guard await end(tasks, within: nil) else { continue }
                running = planned
                current.settings = next
                board.keep(Set(running.map(\.name)))
                tasks = begin(running)
                options.log(.notice, "settings read again: \(running.count) environments")
            } catch {
                options.log(.error, "settings not taken over: \(options.describe(error).message)")
            }
            notices.ready()
        }
        notices.stopping()
        options.log(.notice, "stopping")
        let isEnded = await end(tasks, within: Daemon.stopSeconds)
        watchdog?.cancel()
        server.stop()
        do {
            try audit.append(AuditEvent(.stop, ["by": options.author]), at: WallClock.now)
        } catch {
            options.log(.error, options.describe(error).message)
        }
        options.log(.notice, isEnded ? "stopped" : "stopped with work left undone")
    }

    // MARK: - Loops

    private struct Planned: Sendable {
        let name: String
        let loop: EnvironmentLoop
    }

    private func plan(_ settings: Settings, _ memory: StateMemory) throws -> [Planned] {
        let parts = LoopParts(
            options: options, settings: settings, identities: try options.identities(settings.identities),
            pool: pool, syncs: syncs, backups: backups, board: board, memory: memory)
        return try settings.environments.values.sorted { $0.name < $1.name }.map { environment in
            Planned(name: environment.name, loop: try EnvironmentLoop(parts, environment))
        }
    }

    private func begin(_ planned: [Planned]) -> [Task<Void, Never>] {
        planned.flatMap { planned in
            [
                Task { await planned.loop.sync() }, Task { await planned.loop.backups() },
                Task { await planned.loop.drills() },
            ]
        }
    }

    /// Cancels `tasks` and waits for them, at most so many seconds, and for the hooks that run last; or until SIGTERM. Whether all
    /// have ended.
    @discardableResult
    private func end(_ tasks: [Task<Void, Never>], within seconds: Int?) async -> Bool {
        for task in tasks { task.cancel() }
        // Not a task group: that would wait for what doesn't end.
        let (endings, first) = AsyncStream<Bool>.makeStream()
        let waiting = Task {
            for task in tasks { await task.value }
            first.yield(true)
        }
        let limit = Task {
            if let seconds {
                try? await Task.sleep(for: .seconds(seconds))
                // What a hook stopped is to go on first.
                while SourceRules.isOwed {
                    do { try await Task.sleep(for: .milliseconds(100)) } catch { return }
                }
            } else {
                while !SignalPipe.isStopRequested {
                    do { try await Task.sleep(for: .milliseconds(100)) } catch { return }
                }
            }
            first.yield(false)
        }
        defer {
            waiting.cancel()
            limit.cancel()
        }
        for await isEnded in endings { return isEnded }
        return true
    }

    private func watch() -> Task<Void, Never>? {
        guard let microseconds = options.watchdogMicroseconds, microseconds > 0 else { return nil }
        return Task {
            while !Task.isCancelled {
                notices.watchdog()
                try? await Task.sleep(for: .microseconds(Int64(clamping: microseconds / 2)))
            }
        }
    }

    // MARK: - State

    private static func lock(_ state: String) throws -> FileLock {
        do throws(FileError) {
            return try FileLock("daemon.lock", in: Directory.makePath(Path(state)))
        } catch {
            guard error.code == .locked else { throw error }
            throw ServiceError(.locked, "another service works on \(state)")
        }
    }

    private func answer(
        _ current: CurrentSettings, _ journal: JournalFile
    ) -> @Sendable () throws -> [UInt8] {
        let (board, options, since) = (board, options, "\(start)")
        return {
            var document = try StatusDocument(current.settings, journal: journal)
            document.service = .init(
                process: getpid(), since: since, version: options.version, loops: board.all)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return [UInt8](try encoder.encode(document)) + [0x0A]
        }
    }
}

/// The settings by which the service runs now.
private final class CurrentSettings: Sendable {
    private let held: Mutex<Settings>

    init(_ settings: Settings) { held = Mutex(settings) }

    var settings: Settings {
        get { held.withLock { $0 } }
        set { held.withLock { $0 = newValue } }
    }
}
