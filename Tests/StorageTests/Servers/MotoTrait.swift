import Support
import Testing

/// Runs a suite with one moto server of its own, where there is one.
struct MotoTrait: SuiteTrait, TestScoping {
    @concurrent func provideScope(
        for test: Test, testCase: Test.Case?,
        performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        guard MotoServer.isExpected else { return try await function() }
        try await MotoServer.$current.withValue(MotoServer()) { try await function() }
    }
}

extension Trait where Self == MotoTrait {
    /// The suite talks to a moto server of its own.
    static var moto: MotoTrait { MotoTrait() }
}
