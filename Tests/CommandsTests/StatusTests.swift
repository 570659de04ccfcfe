import Glibc
import Support
import Testing

/// What people read: how environments stand, and what a sync would change.
@Suite struct StatusTests {
    private let world = World()

    private func status(_ names: String...) -> String {
        let outcome = world.run(["status"] + names + ["--config", world.settings], in: "host")
        expect(outcome, 0)
        return outcome.text
    }

    private func strongroom(_ arguments: String..., status: Int32 = 0) {
        expect(world.run(arguments + ["--config", world.settings], in: "host"), status)
    }

    @Test func `status says what is so, why, and what to do, with the service dead`() {
        #expect(status().contains("NO SERVICE ANSWERS"))
        #expect(status().contains("prod: new\n  why       not synced yet"))
        expect(world.sync(), 0)
        let first = world.config.git("rev-parse", "HEAD")
        let well = status()
        #expect(well.contains("prod         ok     \(first.prefix(10))  \(first.prefix(10))"))
        #expect(well.hasSuffix("all is well"))
        let whole = status("prod")
        for line in [
            "  wanted    \(first), seen ", "  applied   \(first), since ", "  health    unchecked",
            "  snapshot  none yet", "  drill     none yet", "  drift     not looked at yet",
        ] { #expect(whole.contains(line), "\(line)\n\(whole)") }
        // Refused: what stands stays, and who reads knows why.
        world.config.git("config", "user.signingkey", world.path("mallory"))
        let foreign = world.commitApp("listen: 666\n")
        expect(world.sync(), 5)
        let refused = status()
        #expect(refused.contains("REFUSED  \(foreign.prefix(10))  \(first.prefix(10))"))
        #expect(refused.contains("  why       refused: commit \(foreign): the key "))
        world.config.git("config", "user.signingkey", world.path("alice"))
        world.config.git("reset", "-q", "--hard", "HEAD~1")
        world.commitApp("listen: 1\n")
        expect(world.sync(), 0)
        strongroom("rollback", "prod", "--reason", "3 am")
        #expect(status().contains("why       held at \(first) by "))
        #expect(status().contains("to do     strongroom resume prod"))
        strongroom("suspend", "prod", "--reason", "repairs")
        #expect(status().contains("prod         SUSPENDED"))
        strongroom("resume", "prod")
        expect(world.sync(), 0)
        world.write("host/app/app.yaml", "tampered")
        strongroom("drift", "prod", status: 6)
        let drifted = status()
        #expect(drifted.contains("prod         DRIFTED"))
        #expect(drifted.contains("  drift     changed \(world.path("host/app"))/app.yaml ("))
        expect(world.run("status", "nobody", "--config", world.settings, in: "host"), 2, "prod")
    }

    @Test func `one environment that can't be looked at keeps drift of no other back`() {
        expect(world.sync(), 0)
        world.edit(
            "host/strongroom.yaml", "environments:\n",
            """
            environments:
              never:
                trust: { root: "\(world.text("prod.trust"))", repository: \(world.text("repository")) }
                sources: { config: { url: \(world.path("nowhere")), branch: main, verify: none } }
                targets: [{ files: { directory: \(world.path("host/never")) } }]

            """)
        expect(world.run("drift", "--config", world.settings, in: "host"), 2, "never: what was delivered")
        world.write("host/app/new", "foreign")
        let outcome = world.run("drift", "--config", world.settings, in: "host")
        expect(outcome, 6, "1 path differs")
        #expect(outcome.text == "prod: foreign \(world.path("host/app"))/new")
        #expect(outcome.errorText.contains("never: what was delivered is not known here"))
    }

    @Test func `a dry run tells what would change by digests, and changes nothing`() throws {
        expect(world.sync(), 0)
        let before = try world.delivered()
        world.must("set", "deploy/prod/database.yaml", "stringData.password", stdin: "CANARY-new")
        world.config.write("deploy/prod/new.yaml", "a: 1\n")
        let head = world.config.commit("Change")
        let outcome = world.sync("--dry-run")
        expect(outcome, 0)
        let lines = outcome.text.split(separator: "\n")
        #expect(lines.first.map { $0 == "\(head) config" } ?? false)
        #expect(lines.contains { $0.hasPrefix("  change database.yaml  ") && $0.contains(" -> ") })
        #expect(lines.contains { $0.hasPrefix("    ~ Secret/database stringData.password  ") })
        #expect(lines.contains { $0.hasPrefix("  add new.yaml  5 bytes ") })
        #expect(
            lines.last?.hasPrefix("would apply \(world.path("host/app")): 1 to add, 1 to change") ?? false)
        #expect(!outcome.text.contains("CANARY"))
        #expect(try world.delivered() == before)
        #expect(world.status("[e['wanted']['commit'], e['state']]") == "[\"\(head)\", \"ok\"]")
    }
}
