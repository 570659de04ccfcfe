import Storage
import Testing

@Suite struct RetryPolicyTests {
    @Test func `waits double up to a bound, each a random share of that`() {
        var policy = RetryPolicy()
        policy.attempts = 100
        let whole = (1...12).map { policy.delay(beforeRetry: $0, asked: nil, share: 1) }
        #expect(
            whole.prefix(4) == [
                .milliseconds(200), .milliseconds(400), .milliseconds(800), .milliseconds(1600),
            ])
        #expect(whole.suffix(3).allSatisfy { $0 == .seconds(20) })
        #expect(policy.delay(beforeRetry: 99, asked: nil, share: 1) == .seconds(20))
        #expect(policy.delay(beforeRetry: 3, asked: nil, share: 0) == .zero)
        #expect(policy.delay(beforeRetry: 3, asked: nil, share: 0.5) == .milliseconds(400))
    }

    @Test func `attempts are bounded`() {
        let policy = RetryPolicy()
        #expect(policy.delay(beforeRetry: 7, asked: nil, share: 0.5) != nil)
        #expect(policy.delay(beforeRetry: 8, asked: nil, share: 0.5) == nil)
        #expect(policy.delay(beforeRetry: 2, asked: nil, isSilent: true, share: 0.5) != nil)
        #expect(policy.delay(beforeRetry: 3, asked: nil, isSilent: true, share: 0.5) == nil)
        #expect(policy.delay(beforeRetry: 0, asked: nil, share: 0.5) == nil)
        #expect(policy.delay(beforeRetry: Int.max, asked: nil, share: 0.5) == nil)
    }

    @Test func `no retry is sooner than the endpoint asks, and none is made where it asks for too much`() {
        let policy = RetryPolicy()
        #expect(policy.delay(beforeRetry: 1, asked: .seconds(7), share: 0) == .seconds(7))
        #expect(policy.delay(beforeRetry: 1, asked: .seconds(7), share: 0.5) == .milliseconds(7100))
        #expect(policy.delay(beforeRetry: 1, asked: .seconds(60), share: 0) == .seconds(60))
        #expect(policy.delay(beforeRetry: 1, asked: .seconds(61), share: 0) == nil)
        #expect(policy.delay(beforeRetry: 1, asked: .zero, share: 0) == .zero)
    }
}

@Suite struct RateLimiterTests {
    @Test func `bytes take their time at the rate, whoever asks`() {
        let limiter = RateLimiter(bytesPerSecond: 10_000)
        #expect(limiter.delay(for: 5000, at: .seconds(100)) == .zero)
        #expect(limiter.delay(for: 10_000, at: .seconds(100)) == .milliseconds(500))
        #expect(limiter.delay(for: 1000, at: .seconds(101)) == .milliseconds(500))
        #expect(limiter.delay(for: 1000, at: .milliseconds(101_600)) == .zero)
    }

    @Test func `time in which nobody sent is not saved up`() {
        let limiter = RateLimiter(bytesPerSecond: 10_000)
        #expect(limiter.delay(for: 10_000, at: .zero) == .zero)
        #expect(limiter.delay(for: 10_000, at: .seconds(3600)) == .zero)
        #expect(limiter.delay(for: 10_000, at: .seconds(3600)) == .seconds(1))
    }

    @Test func `a rate too small to keep is taken as the smallest`() {
        let limiter = RateLimiter(bytesPerSecond: 0)
        #expect(limiter.delay(for: 4096, at: .zero) == .zero)
        #expect(limiter.delay(for: -5, at: .zero) == .seconds(1))
    }
}
