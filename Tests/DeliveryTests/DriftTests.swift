import Encodings
import Files
import Git
import Glibc
import Keyrings
import SSH
import Sealing
import Sodium
import Support
import Synchronization
import Testing
import Trust

@testable import Delivery

private let now = time(1_700_001_000)

@Suite struct DriftTests {
    let world: World

    init() throws { world = try World() }

    private func poll(
        _ polling: Reconciliation.Polling = .init(looksForDrift: true), hook: (any DeliveryHook)? = nil
    ) async throws -> Reconciliation.PollOutcome {
        try await world.reconciliation(hook: hook).poll(at: now, polling)
    }

    /// The code that a poll ends with, nil where it ends well.
    private func pollEnding(_ reconciliation: Reconciliation) async throws -> DeliveryError.Code? {
        do throws(DeliveryError) {
            _ = try await reconciliation.poll(at: now, .init())
            return nil
        } catch {
            return error.code
        }
    }

    /// What a look finds, as `kind path`.
    private func look() async throws -> [String]? {
        guard case .looked(_, let drift) = try await poll() else { return nil }
        for item in drift { precondition(!"\(item)".contains("CANARY"), "a value in a drift") }
        return drift.map { "\($0.kind) \($0.path)" }
    }

    /// The directory that the target's link leads to.
    private var place: String {
        ShellCommand.run("/usr/bin/realpath", [world.scratch.file("app")]).text
    }

    private func write(_ path: String, _ text: String) {
        unsafe chmod(path, 0o600)
        _ = ShellCommand.run("tee", [path], stdin: Array(text.utf8))
        unsafe chmod(path, 0o400)
    }

    @Test func `changed, missing and foreign files and modes are seen, and nothing is touched`() async throws
    {
        world.repository.commit("first")
        _ = try await world.reconciliation().run(at: now)
        #expect(try await look() == [])
        write(place + "/database.yaml", "password: hunter2\n")
        unsafe unlink(place + "/app.yaml")
        write(place + "/foreign", "x")
        #expect(try await look() == ["missing app.yaml", "changed database.yaml", "foreign foreign"])
        #expect(world.delivered("database.yaml") == "password: hunter2\n")
        unsafe chmod(place + "/database.yaml", 0o644)
        #expect(try await look()?.contains("changed database.yaml") == true)
    }

    @Test func `a changed mode is drift`() async throws {
        world.repository.commit("first")
        _ = try await world.reconciliation().run(at: now)
        unsafe chmod(place + "/app.yaml", 0o444)
        #expect(try await look() == ["metadata app.yaml"])
    }

    @Test func `a target that is gone, or another's, is drift as a whole`() async throws {
        world.repository.commit("first")
        _ = try await world.reconciliation().run(at: now)
        unsafe rename(world.scratch.file("app"), world.scratch.file("moved"))
        #expect(try await look() == ["missing ."])
        unsafe mkdir(world.scratch.file("app"), 0o700)
        #expect(try await look() == ["changed ."])
    }

    @Test
    func `evidence compares between looks, and neither holds a value nor can be had from it without the key`()
        async throws
    {
        world.repository.commit("first")
        _ = try await world.reconciliation().run(at: now)
        func evidence(_ text: String) async throws -> String? {
            write(place + "/database.yaml", text)
            guard case .looked(_, let drift) = try await poll() else { return nil }
            return drift.first?.evidence
        }
        let first = try #require(try await evidence("one"))
        let second = try #require(try await evidence("two"))
        #expect(first != second)
        #expect(try await evidence("one") == first)
        #expect(first.split(separator: "→").allSatisfy { $0.utf8.count == 16 })
        let plain = Hex.encode(BLAKE2b.hash(Array("one".utf8)).prefix(8))
        #expect(!first.contains(plain))
    }

    @Test func `in layout files only own files are looked at`() async throws {
        world.repository.commit("first")
        let target = try world.target("shared", .files)
        func reconciliation() throws -> Reconciliation {
            let base = try world.reconciliation()
            return try Reconciliation(
                source: base.source, policy: base.policy, opener: base.opener, targets: [.files(target)],
                state: base.state)
        }
        _ = try await reconciliation().run(at: now)
        let root = world.scratch.file("shared")
        write(root + "/foreign", "x")
        write(root + "/app.yaml", "listen: 1\n")
        unsafe unlink(root + "/database.yaml")
        guard
            case .looked(_, let drift) = try await reconciliation().poll(at: now, .init(looksForDrift: true))
        else {
            Issue.record("not looked")
            return
        }
        #expect(drift.map { "\($0.kind) \($0.path)" } == ["changed app.yaml", "missing database.yaml"])
    }

    @Test func `healing puts everything back and says what it was`() async throws {
        world.repository.commit("first")
        _ = try await world.reconciliation().run(at: now)
        write(place + "/database.yaml", "password: hunter2\n")
        write(place + "/foreign", "x")
        guard
            case .delivered(let receipts, _, let drift) = try await poll(
                .init(looksForDrift: true, heals: true))
        else {
            Issue.record("not healed")
            return
        }
        #expect(receipts.map(\.outcome) == [.applied])
        #expect(drift.map { "\($0.kind) \($0.path)" } == ["changed database.yaml", "foreign foreign"])
        #expect(world.delivered("database.yaml") == World.secret(World.canary))
        #expect(world.delivered("foreign") == nil)
        #expect(try await look() == [])
    }

    @Test func `a commit that stands is verified and not opened again`() async throws {
        world.repository.commit("first")
        let counter = OpeningCounter()
        _ = try await poll(hook: counter)
        #expect(counter.count.load(ordering: .relaxed) == 1)
        guard case .standing = try await poll(.init(), hook: counter) else {
            Issue.record("not standing")
            return
        }
        #expect(try await look() == [])
        #expect(counter.count.load(ordering: .relaxed) == 1)
        // A key that is no longer allowed stops it all the same.
        let stranger = try SignaturePolicy.allowedSigners(
            parsing: Array(
                ShellCommand.run("/bin/cat", [world.scratch.file("mallory.pub")]).text.utf8
            ).withPrefix(
                "mallory "), range: false)
        let code = try await pollEnding(world.reconciliation(policy: stranger))
        #expect(code == .signerNotAllowed)
    }

    @Test func `other targets, another path and lost memory have everything opened again`() async throws {
        world.repository.commit("first")
        let counter = OpeningCounter()
        _ = try await poll(hook: counter)
        TemporaryDirectory.removeTree(world.scratch.file("state/expected"))
        _ = try await poll(hook: counter)
        #expect(counter.count.load(ordering: .relaxed) == 2)
        write(world.scratch.file("state/expected/prod"), "no such form")
        _ = try await poll(hook: counter)
        #expect(counter.count.load(ordering: .relaxed) == 3)
        let base = try world.reconciliation(hook: counter)
        let other = try Reconciliation(
            source: base.source, policy: base.policy, opener: base.opener,
            targets: [.files(try FilesTarget(directory: Path(world.scratch.file("app")), mode: 0o440))],
            state: base.state, hook: counter)
        guard case .delivered(let receipts, _, _) = try await other.poll(at: now, .init()) else {
            Issue.record("not delivered")
            return
        }
        #expect(receipts.map(\.outcome) == [.applied])
    }

    @Test func `what is expected is kept in one form, and holds no value`() async throws {
        world.repository.commit("first")
        _ = try await world.reconciliation().run(at: now)
        let bytes = ShellCommand.run("/bin/cat", [world.scratch.file("state/expected/prod")]).stdout
        #expect(Expectation(bytes)?.bytes == bytes)
        for count in 0..<bytes.count { #expect(Expectation(Array(bytes[..<count])) == nil) }
        #expect(Expectation(bytes + [0]) == nil)
        #expect(!String(decoding: bytes, as: UTF8.self).contains("CANARY"))
        var status = stat()
        _ = unsafe lstat(world.scratch.file("state/expected/prod"), &status)
        #expect(status.st_mode & 0o7777 == 0o600)
    }

    @Test func `a quarantined commit is neither verified nor delivered`() async throws {
        world.repository.commit("first")
        _ = try await world.reconciliation().run(at: now)
        world.repository.write("deploy/prod/app.yaml", "listen: 9090\n")
        let second = world.repository.commit("second")
        let polling = Reconciliation.Polling(quarantined: [try ObjectID(hex: second)], looksForDrift: true)
        guard case .quarantined(let commit) = try await poll(polling) else {
            Issue.record("delivered")
            return
        }
        #expect(commit.hex == second)
        #expect(world.delivered("app.yaml") == "listen: 8080\n")
    }

    @Test func `a hook that refuses the opening leaves everything closed`() async throws {
        world.repository.commit("first")
        let counter = OpeningCounter()
        counter.isRefusing.store(true, ordering: .relaxed)
        #expect(try await ending(world.reconciliation(hook: counter)) == .stoppedByHook)
        #expect(!world.hasTarget)
    }

    @Test func `values of a closed epoch are told, and refused at a followed head after the grace`()
        async throws
    {
        world.repository.commit("first")
        let admin = SigningKey(seed: world.seed.withBytes { SecretBytes(copying: $0) })
        let rotated = try world.keyring.appending(body: world.keyring.body.rotating()) { header in
            [SignedGeneration.signature(over: header, by: admin)]
        }
        world.repository.write("Keys/prod.yaml", rotated.yaml)
        let commit = world.repository.commit("rotate")
        guard case .delivered(let receipts, let closed, _) = try await poll() else {
            Issue.record("not delivered")
            return
        }
        #expect(closed == [1])
        #expect(receipts[0].notices.contains { $0.contains("database.yaml") && $0.contains("epoch 1") })
        func strict(_ source: Source) throws -> Reconciliation {
            let base = try world.reconciliation(source: source)
            let opener = try TreeOpener(
                environment: "prod", repository: base.opener.repository, trust: base.opener.trust,
                refusedEpochs: [1], identities: [.x25519(world.member)])
            return try Reconciliation(
                source: source, policy: base.policy, opener: opener, targets: base.targets, state: base.state)
        }
        #expect(try await ending(strict(world.source())) == .epochClosed)
        // The same through a poll, though the commit stands; and a commit chosen by hand always opens.
        let code = try await pollEnding(strict(world.source()))
        #expect(code == .epochClosed)
        #expect(try await ending(strict(world.source(commit: commit))) == nil)
    }
}

/// Counts openings, or refuses them.
private final class OpeningCounter: DeliveryHook {
    let count = Atomic<Int>(0)
    let isRefusing = Atomic<Bool>(false)

    private struct Refusal: Error {}

    func willOpen(_ commit: VerifiedCommit) throws {
        guard !isRefusing.load(ordering: .relaxed) else { throw Refusal() }
        count.add(1, ordering: .relaxed)
    }
}

extension Array<UInt8> {
    fileprivate func withPrefix(_ text: String) -> [UInt8] { Array(text.utf8) + self }
}
