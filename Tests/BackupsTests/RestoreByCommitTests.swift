import Archives
import Backups
import Encodings
import Files
import Support
import Testing

/// Which snapshot stands for a commit that none was taken at (DESIGN.md 6.4), and what is restored of it: F103.
@Suite struct RestoreByCommitTests {
    /// A repository `config` with the commits a, b, c, d on main and s beside c; snapshots with a live file at some.
    private struct Scene {
        let fixture: BackupFixture
        let repository: ScratchRepository
        var commits: [String: String] = [:]

        init() async throws {
            fixture = try await BackupFixture()
            repository = ScratchRepository(creating: fixture.scratch.file("config"))
            fixture.sh("mkdir live")
            for name in ["a", "b", "c", "d"] {
                repository.write("deploy/value", name)
                commits[name] = repository.commit(name)
            }
            repository.git("checkout", "-q", "-b", "side", commits["b"] ?? "")
            repository.write("deploy/value", "s")
            commits["s"] = repository.commit("s")
            repository.git("checkout", "-q", "main")
        }

        func commit(_ name: String) -> String { commits[name] ?? "" }

        /// A snapshot taken while `name` was applied; its live file says so.
        func backUp(at name: String) async throws -> BackupOutcome {
            fixture.sh("printf live-\(name) > live/state")
            return try await fixture.backUp(
                [
                    .directory(name: "live", path: fixture.path("live")),
                    .repository(
                        name: "config", url: repository.path, mirror: fixture.path("mirror.git")),
                ], at: try Hex.decode(commit(name)))
        }

        func plan(_ name: String, source: String? = nil, takingAncestor: Bool = false) async throws
            -> RestorePlan
        {
            try await plan(digits: commit(name), source: source, takingAncestor: takingAncestor)
        }

        func plan(digits: String, source: String? = nil, takingAncestor: Bool = false) async throws
            -> RestorePlan
        {
            let reader = try await fixture.reader()
            fixture.sh("rm -rf scratch; mkdir scratch")
            return try await RestorePlan.at(
                digits, source: source, in: try await reader.snapshots(), reader,
                scratch: fixture.path("scratch"),
                takingAncestor: takingAncestor)
        }

        func restore(_ plan: RestorePlan, into name: String) async throws -> RestoreReport {
            try await Restore.run(
                plan, from: try await fixture.reader(), into: fixture.path(name), as: BackupFixture.user)
        }

        func text(_ path: String) -> String { fixture.sh("cat \(path)").text }
    }

    @Test func `a snapshot at exactly the commit comes before any other`() async throws {
        let scene = try await Scene()
        _ = try await scene.backUp(at: "a")
        let exact = try await scene.backUp(at: "b")
        _ = try await scene.backUp(at: "c")
        let plan = try await scene.plan("b")
        #expect(plan.record.id == exact.id)
        #expect(plan.desired == nil)
        #expect(scene.fixture.sh("ls -A scratch").text == "")
    }

    @Test func `else the first commit after it that was deployed, and the files of the commit itself`()
        async throws
    {
        let scene = try await Scene()
        _ = try await scene.backUp(at: "a")
        _ = try await scene.backUp(at: "s")
        _ = try await scene.backUp(at: "c")
        let wanted = try await scene.backUp(at: "c")
        _ = try await scene.backUp(at: "d")
        let plan = try await scene.plan(digits: String(scene.commit("b").prefix(9)), source: "config")
        // s and c come after b and are not after each other: s was deployed first.
        #expect(plan.rule.contains("at \(scene.commit("s")), the first commit after it that was deployed"))
        scene.repository.git("update-ref", "-d", "refs/heads/side")
        let report = try await scene.restore(plan, into: "back")
        #expect(report.hasLiveState)
        #expect(scene.text("back/directories/live/state") == "live-s")
        #expect(scene.text("back/desired/config/deploy/value") == "b")
        #expect(scene.text("back/REPORT.json").contains("\"commit\": \"\(scene.commit("b"))\""))

        let other = try await Scene()
        _ = try await other.backUp(at: "a")
        let first = try await other.backUp(at: "c")
        let newest = try await other.backUp(at: "c")
        _ = try await other.backUp(at: "d")
        let second = try await other.plan("b")
        #expect(second.record.id == newest.id)
        #expect(second.record.id != first.id)
        _ = wanted
    }

    @Test func `else the nearest commit before it, only where that is said yes to`() async throws {
        let scene = try await Scene()
        _ = try await scene.backUp(at: "a")
        let nearest = try await scene.backUp(at: "c")
        let plan = try await scene.plan("d", takingAncestor: true)
        #expect(plan.record.id == nearest.id)
        #expect(plan.rule.contains("the nearest commit before it"))
        #expect(!plan.isDesiredStateAlone)
        let report = try await scene.restore(plan, into: "back")
        #expect(report.hasLiveState)
        #expect(scene.text("back/directories/live/state") == "live-c")
        #expect(scene.text("back/desired/config/deploy/value") == "d")
    }

    @Test
    func
        `F103: a commit without snapshot is restored as desired state, and live state is said to be missing`()
        async throws
    {
        let scene = try await Scene()
        _ = try await scene.backUp(at: "c")
        let plan = try await scene.plan("d")
        #expect(plan.isDesiredStateAlone)
        #expect(plan.notices.contains { $0.contains("live state is missing") })
        #expect(plan.notices.contains { $0.contains("--nearest-ancestor") && $0.contains(scene.commit("c")) })
        let report = try await scene.restore(plan, into: "back")
        #expect(!report.hasLiveState)
        #expect(scene.text("back/desired/config/deploy/value") == "d")
        #expect(scene.fixture.sh("ls back").text == "REPORT.json\ndesired\nrepositories")
        #expect(scene.text("back/REPORT.json").contains("\"liveState\": \"missing\""))
    }

    @Test func `F103: a commit that no repository holds is unknown, and one that means two is ambiguous`()
        async throws
    {
        let scene = try await Scene()
        let outcome = try await scene.backUp(at: "c")
        do {
            _ = try await scene.plan(digits: "00000000")
            Issue.record("planned")
        } catch {
            #expect((error as? BackupError)?.code == .unknownCommit)
            #expect((error as? BackupError)?.candidates.map(\.id) == [outcome.id])
        }
        #expect(await code { _ = try await scene.plan("d", source: "nothing") } == .unknownCommit)
        #expect(await code { _ = try await scene.plan(digits: "abc") } == .malformedSelection)
    }
}
