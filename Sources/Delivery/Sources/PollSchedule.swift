/// When a source is looked at next: a pure value, given the outcome and a random number; the caller has the clock.
///
/// After a success the interval, spread by a tenth to both sides, so that a thousand environments don't ask at once.
/// After failures the wait doubles each time up to the limit, and is drawn from its upper half.
package struct PollSchedule: Sendable, Hashable {
    /// The time between looks while all is well.
    package let interval: Duration
    /// The longest wait after failures; never less than the interval.
    package let limit: Duration
    /// How many looks in a row have failed.
    package private(set) var failureCount = 0

    /// A schedule of looks `interval` apart, at least a second. `limit` bounds the wait after failures.
    package init(interval: Duration, limit: Duration = .seconds(900)) {
        self.interval = max(interval, .seconds(1))
        self.limit = max(limit, self.interval)
    }

    /// The wait after a look that went well. `random` is in 0..<1.
    package mutating func afterSuccess(random: Double) -> Duration {
        failureCount = 0
        return interval * (0.9 + 0.2 * PollSchedule.unit(random))
    }

    /// The wait after a look that failed. `random` is in 0..<1.
    package mutating func afterFailure(random: Double) -> Duration {
        let doublings = min(failureCount, 30)
        failureCount = min(failureCount + 1, 1_000_000)
        let wait = min(interval * (1 << doublings), limit)
        return wait * (0.5 + 0.5 * PollSchedule.unit(random))
    }

    /// The wait before the first look: within one interval, so that a restart doesn't ask for everything at once.
    package func first(random: Double) -> Duration { min(interval, .seconds(60)) * PollSchedule.unit(random) }

    private static func unit(_ random: Double) -> Double { random >= 0 && random < 1 ? random : 0 }
}
