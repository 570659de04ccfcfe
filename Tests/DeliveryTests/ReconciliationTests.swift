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

@Suite struct ReconciliationTests {
    let world: World

    init() throws { world = try World() }

    @Test func `what was sealed is delivered byte for byte, commit first`() async throws {
        let bytes = RandomBytes.make(200_000)
        try world.sealFile("deploy/prod/server.key", bytes)
        let commit = world.repository.commit("first")
        let receipts = try await world.reconciliation().run(at: time(1_700_001_000))
        #expect(receipts.map(\.commit.hex) == [commit])
        #expect(receipts.map(\.outcome) == [.applied])
        #expect(world.delivered("database.yaml") == World.secret(World.canary))
        #expect(world.delivered("app.yaml") == "listen: 8080\n")
        #expect(ShellCommand.run("/bin/cat", [world.scratch.file("app/server.key")]).stdout == bytes)
    }

    @Test func `the same plaintext sealed anew changes nothing`() async throws {
        world.repository.commit("first")
        _ = try await world.reconciliation().run(at: time(1_700_001_000))
        let before = ShellCommand.run("/bin/readlink", [world.scratch.file("app")]).text
        let sealed = world.read("deploy/prod/database.yaml")
        try world.seal("deploy/prod/database.yaml", World.secret(World.canary))
        #expect(world.read("deploy/prod/database.yaml") != sealed)
        let commit = world.repository.commit("reseal")
        let receipts = try await world.reconciliation().run(at: time(1_700_001_000))
        #expect(receipts.map(\.outcome) == [.unchanged])
        #expect(receipts.map(\.commit.hex) == [commit])
        #expect(ShellCommand.run("/bin/readlink", [world.scratch.file("app")]).text == before)
    }

    @Test func `a dry run plans without touching the target and shows no value`() throws {
        world.repository.commit("first")
        let plans = try world.reconciliation().plan(at: time(1_700_001_000))
        #expect(plans.first?.lines.dropLast() == ["add app.yaml", "add database.yaml"])
        #expect(!(plans.first.map { everyWord(of: PlanText(lines: $0.lines)).contains("CANARY") } ?? true))
        #expect(!world.hasTarget)
    }

    private struct PlanText: Error { let lines: [String] }

    @Test func `the hook sees each plan that changes something before the target does, and can stop it`()
        async throws
    {
        world.repository.commit("first")
        let hook = RecordingHook()
        _ = try await world.reconciliation(hook: hook).run(at: time(1_700_001_000))
        _ = try await world.reconciliation(hook: hook).run(at: time(1_700_001_000))
        #expect(
            hook.seen.withLock { $0 } == [
                "2 to add, 0 to change, 0 to set modes of, 0 to remove, 0 unchanged"
            ])
        world.repository.write("deploy/prod/app.yaml", "listen: 9090\n")
        world.repository.commit("second")
        hook.isStopping.store(true, ordering: .relaxed)
        #expect(try await ending(world.reconciliation(hook: hook)) == .stoppedByHook)
        #expect(world.delivered("app.yaml") == "listen: 8080\n")
    }

    @Test func `two targets that overlap are refused before anything is pulled`() throws {
        let reconciliation = try world.reconciliation()
        for path in ["app", "app/inner"] {
            #expect(
                code { () throws(DeliveryError) in
                    try Reconciliation(
                        source: reconciliation.source, policy: reconciliation.policy,
                        opener: reconciliation.opener,
                        targets: [
                            .files(FilesTarget(directory: Path(world.scratch.file("app")))),
                            .files(FilesTarget(directory: Path(world.scratch.file(path)))),
                        ], state: reconciliation.state)
                } == .targetCollision)
        }
    }

    @Test func `F048 two runs of one environment don't meet`() async throws {
        world.repository.commit("first")
        let state = SyncState(directory: Path(world.scratch.file("state")))
        let lock = try state.lock(environment: "prod")
        #expect(try await ending(world.reconciliation()) == .locked)
        withExtendedLifetime(lock) {}
    }

    @Test func `F048 a second service on one state directory is refused, the first undisturbed`() async throws
    {
        world.repository.commit("first")
        let state = SyncState(directory: Path(world.scratch.file("state")))
        let first = try state.claim()
        #expect(code { () throws(DeliveryError) in try state.claim() } == .locked)
        #expect(try await ending(world.reconciliation()) == nil)
        withExtendedLifetime(first) {}
    }

    @Test func `rot in a mirror is noticed on opening, and the mirror is made anew`() async throws {
        var random = SystemRandomNumberGenerator()
        let noise = (0..<100_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        world.repository.write("deploy/prod/noise.bin", noise)
        world.repository.commit("first")
        _ = try await world.reconciliation().run(at: time(1_700_001_000))
        let rot = """
            for f in mirrors/*.git/objects/pack/*.pack; do
                chmod u+w $f
                size=$(stat -c %s $f)
                for part in 2 3 4; do printf xxxx | dd of=$f bs=1 seek=$((size * part / 5)) conv=notrunc; done
            done
            """
        #expect(ShellCommand.run("sh", ["-c", rot], directory: world.scratch.file("state")).status == 0)
        world.repository.write("deploy/prod/app.yaml", "listen: 9090\n")
        world.repository.commit("second")
        #expect(try await ending(world.reconciliation()) == nil)
        #expect(world.delivered("app.yaml") == "listen: 9090\n")
        let fsck = ShellCommand.run(
            "sh", ["-c", "git -C mirrors/*.git fsck --full"], directory: world.scratch.file("state"))
        #expect(fsck.status == 0)
    }

    @Test func `companions are approved with the delivered source, or nothing is opened`() async throws {
        world.repository.commit("first")
        let other = ScratchRepository(creating: world.scratch.file("other"))
        other.write("a", "1")
        let unsigned = other.commit("unsigned")
        let source = try Source(name: "other", url: other.path, branch: "main")
        func reconciliation(_ policy: SignaturePolicy, _ hook: ApprovalHook) throws -> Reconciliation {
            let plain = try world.reconciliation()
            return try Reconciliation(
                source: plain.source, policy: plain.policy, opener: plain.opener, targets: plain.targets,
                state: plain.state, companions: [Companion(source: source, policy: policy)], hook: hook)
        }
        let hook = ApprovalHook()
        #expect(try await ending(reconciliation(world.policy(), hook)) == .unsigned)
        #expect(!world.hasTarget)
        #expect(hook.approved.withLock { $0.isEmpty })
        #expect(try await ending(reconciliation(.none, hook)) == nil)
        #expect(hook.approved.withLock { $0.last } == unsigned)
        #expect(world.hasTarget)
        let twice = try world.reconciliation()
        #expect(
            code { () throws(DeliveryError) in
                try Reconciliation(
                    source: twice.source, policy: twice.policy, opener: twice.opener, targets: twice.targets,
                    state: twice.state, companions: [Companion(source: twice.source, policy: .none)])
            } == .unusableRequest)
    }

    @Test func `every stage's error knows its exit class`() {
        let classes = Dictionary(grouping: DeliveryError.Code.allCases) { DeliveryError($0, "").category }
        #expect(classes[.refused]?.contains(.unsigned) == true)
        #expect(
            classes[.target] == [
                .targetNotOurs, .targetRefused, .unhealthy, .stoppedByHook, .commandFailed, .reloadFailed,
            ])
        #expect(classes[.io] == [.sourceUnreachable, .noSpace, .io])
        #expect(classes[.locked] == [.locked, .suspended])
        #expect(classes[.limit] == [.limitExceeded])
    }

    // MARK: - What is pulled

    @Test(arguments: [
        "ext::sh -c id", "-uploadpack", "ssh://-oProxyCommand=x/y", "http://example.org/x", "relative/path",
        "/tmp/a;b", "/tmp/\u{202E}x", "", "git://example.org/x", "/tmp/a\nb",
    ])
    func `F038 hostile URLs are refused before anything is done`(url: String) {
        #expect(
            code { () throws(DeliveryError) in try Source(name: "config", url: url, branch: "main") }
                == .unusableRequest)
    }

    @Test(arguments: [
        "", "-x", "../x", "a..b", "a b", "x\u{202E}", "HEAD", "a.lock", String(repeating: "a", count: 300),
    ])
    func `F039 hostile branches are refused before anything is done`(branch: String) {
        #expect(
            code { () throws(DeliveryError) in try Source(name: "config", url: "/srv/x", branch: branch) }
                == .unusableRequest)
    }

    @Test(arguments: ["../x", "/etc", "a//b", "a/../b", ".git", "a\\b"])
    func `a path that is not below the root is refused`(path: String) {
        #expect(
            code { () throws(DeliveryError) in
                try Source(name: "config", url: "/srv/x", branch: "main", path: path)
            }
                == .unusableRequest)
    }

    @Test func `what is not there is said`() async throws {
        let commit = world.repository.commit("first")
        let absent = try Source(name: "config", url: world.scratch.file("absent"), branch: "main")
        #expect(try await ending(world.reconciliation(source: absent)) == .sourceMissing)
        #expect(
            try await ending(world.reconciliation(source: world.source(branch: "gone"))) == .branchMissing)
        let other = String(commit.reversed())
        #expect(try await ending(world.reconciliation(source: world.source(commit: other))) == .sourceMissing)
        #expect(
            try await ending(world.reconciliation(source: world.source(path: "deploy/none"))) == .emptyTree)
        #expect(!world.hasTarget)
    }

    @Test func `F046 a branch that does not go forward is refused and the last good stays`() async throws {
        world.repository.commit("first")
        world.repository.write("deploy/prod/app.yaml", "listen: 9090\n")
        let second = world.repository.commit("second")
        _ = try await world.reconciliation().run(at: time(1_700_001_000))
        world.repository.git("reset", "-q", "--hard", "HEAD~1")
        #expect(try await ending(world.reconciliation(last: second)) == .nonFastForward)
        world.repository.write("deploy/prod/app.yaml", "listen: 6666\n")
        world.repository.commit("aside")
        #expect(try await ending(world.reconciliation(last: second)) == .nonFastForward)
        #expect(world.delivered("app.yaml") == "listen: 9090\n")
        world.repository.git("reset", "-q", "--hard", second)
        #expect(try await ending(world.reconciliation(last: second)) == nil)
    }

    @Test func `F046 an empty repository and a deleted branch are refused`() async throws {
        let first = world.repository.commit("first")
        world.repository.git("checkout", "-q", "-b", "other")
        world.repository.git("branch", "-q", "-D", "main")
        #expect(try await ending(world.reconciliation(last: first)) == .branchMissing)
        let empty = ScratchRepository(creating: world.scratch.file("empty"))
        let source = try Source(name: "config", url: empty.path, branch: "main")
        #expect(try await ending(world.reconciliation(source: source)) == .branchMissing)
    }

    @Test func `a commit chosen by hand may be older than the last`() async throws {
        let first = world.repository.commit("first")
        world.repository.write("deploy/prod/app.yaml", "listen: 9090\n")
        let second = world.repository.commit("second")
        _ = try await world.reconciliation().run(at: time(1_700_001_000))
        let receipts = try await world.reconciliation(source: world.source(commit: first), last: second)
            .run(at: time(1_700_001_000))
        #expect(receipts.map(\.commit.hex) == [first])
        #expect(world.delivered("app.yaml") == "listen: 8080\n")
    }
}

/// Keeps the summaries of the plans that it is shown.
private final class RecordingHook: DeliveryHook {
    let seen = Mutex<[String]>([])
    let isStopping = Atomic<Bool>(false)

    private struct Stop: Error {}

    func willDeliver(_ plan: DeliveryPlan) async throws {
        guard !isStopping.load(ordering: .relaxed) else { throw Stop() }
        seen.withLock { $0.append(plan.summary) }
    }
}

/// Keeps the commits of the newest approval.
private final class ApprovalHook: DeliveryHook {
    let approved = Mutex<[String]>([])

    func didApprove(_ commits: [VerifiedCommit]) {
        approved.withLock { $0 = commits.map { "\($0.pulled.id)" } }
    }
}
