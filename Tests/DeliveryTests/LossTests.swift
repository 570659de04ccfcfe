import Encodings
import Files
import Support
import Testing

@testable import Delivery

@Suite struct LossTests {
    let world: World

    init() throws {
        world = try World()
        for number in 1...8 { world.repository.write("deploy/prod/f\(number).yaml", "a: \(number)\n") }
        world.repository.commit("ten files")
    }

    private func run(
        last: String? = nil, maximumLoss: Int = 50, commit: String? = nil
    ) async throws -> DeliveryError? {
        let reconciliation = try world.reconciliation(
            source: commit.map { try world.source(commit: $0) }, last: last, maximumLoss: maximumLoss)
        do throws(DeliveryError) {
            _ = try await reconciliation.run(at: time(1_700_001_000))
            return nil
        } catch {
            return error
        }
    }

    private func remove(_ numbers: ClosedRange<Int>, _ message: String = "fewer") {
        for number in numbers { world.repository.git("rm", "-q", "deploy/prod/f\(number).yaml") }
        world.repository.commit(message)
    }

    private var head: String { world.repository.git("rev-parse", "HEAD") }

    /// The line that the refusal asks for.
    private func line(_ error: DeliveryError) throws -> String {
        let words = error.context.split(separator: " ")
        let place = try #require(words.firstIndex(of: "Strongroom-Confirm-Loss:"))
        return "Strongroom-Confirm-Loss: \(words[place + 1])"
    }

    @Test func `a commit that takes away more than is allowed is refused until a commit confirms it`()
        async throws
    {
        #expect(try await run() == nil)
        let before = head
        remove(1...6)
        let error = try #require(try await run(last: before))
        #expect(error.code == .lossRefused && error.category == .refused)
        #expect(error.context.contains("6 of 10 would vanish, more than 50 %"))
        #expect(world.delivered("f1.yaml") == "a: 1\n")
        world.repository.git("commit", "-q", "--allow-empty", "-m", "Confirm\n\n\(try line(error))")
        world.repository.git("commit", "-q", "--allow-empty", "-m", "More work on top")
        #expect(try await run(last: before) == nil)
        #expect(world.delivered("f1.yaml") == nil)
    }

    @Test func `a confirmation is of these names alone`() async throws {
        #expect(try await run() == nil)
        let before = head
        remove(1...6)
        let confirmation = try line(try #require(try await run(last: before)))
        world.repository.git("commit", "-q", "--allow-empty", "-m", "Confirm\n\n\(confirmation)")
        remove(7...7)
        #expect(try await run(last: before)?.code == .lossRefused)
    }

    @Test func `what is allowed is delivered, and so is an older commit that somebody chose`() async throws {
        #expect(try await run() == nil)
        let before = head
        remove(1...5)
        #expect(try await run(last: before) == nil)
        let few = head
        world.repository.write("deploy/prod/g.yaml", "a: 1\n")
        for number in 1...8 { world.repository.write("deploy/prod/h\(number).yaml", "a: 1\n") }
        world.repository.commit("many")
        #expect(try await run(last: few) == nil)
        #expect(try await run(commit: few) == nil)
        #expect(world.delivered("h1.yaml") == nil)
    }

    @Test func `an empty tree is refused until a commit confirms it`() async throws {
        #expect(try await run() == nil)
        let before = head
        world.repository.git("rm", "-q", "-r", "deploy")
        world.repository.commit("nothing left")
        let error = try #require(try await run(last: before))
        #expect(error.code == .emptyTree)
        world.repository.git("commit", "-q", "--allow-empty", "-m", try line(error))
        #expect(try await run(last: before) == nil)
        #expect(world.delivered("f1.yaml") == nil)
    }

    @Test func `nothing at all is never delivered for the first time unasked`() async throws {
        world.repository.git("rm", "-q", "-r", "deploy")
        world.repository.commit("nothing")
        #expect(try await run()?.code == .emptyTree)
        #expect(!world.hasTarget)
    }

    @Test func `without a loss that is allowed, one file may still be replaced`() async throws {
        #expect(try await run(maximumLoss: 0) == nil)
        let before = head
        remove(1...1)
        #expect(try await run(last: before, maximumLoss: 0) == nil)
        remove(2...3)
        #expect(try await run(last: before, maximumLoss: 0)?.code == .lossRefused)
    }
}
