import Synchronization

/// A bound on bytes a second that all transfers of one direction share: each takes its turn on one line of time.
package final class RateLimiter: Sendable {
    private let bytesPerSecond: Int
    /// When the bytes that were let through so far are through, at the rate, on the clock of `delay(for:at:)`.
    private let free = Mutex(Duration.zero)

    /// A bound of `bytesPerSecond`; less than 4,096 count as that many.
    package init(bytesPerSecond: Int) { self.bytesPerSecond = max(RateLimiter.lowest, bytesPerSecond) }

    /// Counts `count` bytes, and tells how long to wait before they may pass; `now` is a moment of a clock that never
    /// goes back.
    package func delay(for count: Int, at now: Duration) -> Duration {
        free.withLock { free in
            // Time in which nobody sent is not saved up.
            let start = max(free, now)
            free = start + .seconds(max(0, count)) / bytesPerSecond
            return start - now
        }
    }

    /// How many bytes to move at once: an eighth of a second's, so that transfers take turns.
    var sliceByteCount: Int { max(1024, min(64 << 10, bytesPerSecond / 8)) }

    /// Below this, one buffer of libcurl's would take seconds.
    private static let lowest = 4096
}
