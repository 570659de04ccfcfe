internal import ArgumentParser
internal import Backups
internal import Glibc

/// SIGHUP, SIGINT and SIGTERM while a backup runs: they end the process as ever, but where hooks are still to run that let go on
/// what others stopped. Then the backup is cancelled, and the process ends when they have run.
enum HookWatch {
    /// Runs `body`. Throws what it throws, and the exit code of a signal that ended it.
    static func run<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        SignalWatch.begin()
        let work = Task { try await body() }
        let watch = Task {
            while SignalWatch.received == nil { try await Task.sleep(for: .milliseconds(50)) }
            work.cancel()
            guard SourceRules.isOwed else { return HookWatch.end() }
            Console.note("strongroom: stopping; the after: hook runs first")
            // Between two sources, too, none is owed.
            while SourceRules.isOwed { try await Task.sleep(for: .milliseconds(50)) }
            HookWatch.end()
        }
        let result = await work.result
        watch.cancel()
        let number = SignalWatch.received
        SignalWatch.end()
        switch result {
        case .success(let value):
            // The snapshot is whole: its id is told.
            return value
        case .failure(let error):
            if let number { throw ExitCode(128 + number) }
            throw error
        }
    }

    /// Ends the process by the signal that came.
    private static func end() {
        guard let number = SignalWatch.received else { return }
        SignalWatch.end()
        kill(getpid(), number)
    }
}
