/// How often a request is tried, and how long between: exponential back-off with full jitter, so that many agents that
/// failed together don't come back together.
package struct RetryPolicy: Sendable {
    /// How often a request is sent, the first time included.
    package var attempts = 8
    /// How often where no answer comes in time, or no connection at all: each such try takes its whole time-out.
    package var silentAttempts = 3
    /// The longest wait before the second time; it doubles with each.
    package var firstDelay = Duration.milliseconds(200)
    /// Where doubling ends.
    package var longestDelay = Duration.seconds(20)
    /// The longest `Retry-After` that is waited for. One that asks for more ends the attempts: coming back sooner would
    /// not be what was asked, and a caller knows better what to do in that time.
    package var longestRetryAfter = Duration.seconds(60)

    /// The policy with its defaults: at most 8 attempts and 25 s of waiting where the endpoint names no time.
    package init() {}

    /// How long to wait before retry number `retry` (from 1), `share` being a random number of 0..<1; nil where no more
    /// are to be made. `asked` is what the endpoint's `Retry-After` said, and the wait is never shorter.
    /// `isSilent` says that the try before had no answer in time.
    package func delay(
        beforeRetry retry: Int, asked: Duration?, isSilent: Bool = false, share: Double
    ) -> Duration? {
        guard retry >= 1, retry < attempts, !isSilent || retry < silentAttempts else { return nil }
        let doublings = min(retry - 1, 30)
        let jitter = min(firstDelay * (1 << doublings), longestDelay) * min(max(share, 0), 1)
        guard let asked else { return jitter }
        guard asked <= longestRetryAfter else { return nil }
        return max(asked, .zero) + jitter
    }
}
