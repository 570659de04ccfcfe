package import Encodings

/// What a writer or pruner is told of the machine that it runs on: who it is, its clocks, and who else is gone.
package struct SessionPresence: Sendable {
    /// This process.
    package var holder: LeaseHolder
    /// After how much silence the session counts as over.
    package var promise: Duration
    /// Time since the machine was started, with the time that it was suspended for (CLOCK_BOOTTIME).
    package var boot: @Sendable () -> Duration
    /// The time of day.
    package var clock: @Sendable () -> Timestamp
    /// Waits so long, by the same time as `boot`; throws when the task is cancelled.
    package var wait: @Sendable (Duration) async throws -> Void
    /// Whether the process is known to be gone. False where that can't be known: another machine, another namespace.
    package var isGone: @Sendable (LeaseHolder) -> Bool

    /// The silence that sessions promise by themselves: a laptop may sleep over half a day.
    package static let standardPromise = Duration.seconds(86_400)

    /// A session's presence.
    package init(
        holder: LeaseHolder, promise: Duration = SessionPresence.standardPromise,
        boot: @escaping @Sendable () -> Duration, clock: @escaping @Sendable () -> Timestamp,
        wait: @escaping @Sendable (Duration) async throws -> Void,
        isGone: @escaping @Sendable (LeaseHolder) -> Bool
    ) {
        self.holder = holder
        self.promise = promise
        self.boot = boot
        self.clock = clock
        self.wait = wait
        self.isGone = isGone
    }

    /// The promise in whole seconds, within the format's bounds.
    var promiseSeconds: UInt64 {
        min(Lease.promiseLimit, UInt64(max(1, promise.components.seconds)))
    }
}
