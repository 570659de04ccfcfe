import Glibc
import Support
import Testing

/// Going back: after a failed health check, by hand, and the audit log that tells of it.
@Suite struct RollbackTests {
    /// A world whose health check asks whether app.yaml holds `listen`.
    private func checked() -> World {
        let world = World()
        world.prepareService(
            "    health: [{ command: [\"grep\", \"-q\", \"listen\", \"\(world.path("host/app/app.yaml"))\"], retries: 0 }]\n"
        )
        return world
    }

    private func audit(_ world: World) -> String {
        world.must("audit", "list", "--config", world.settings, in: "host")
    }

    @Test
    func `a commit that fails its health check is gone back from and stays out until a newer one comes`() {
        let world = checked()
        let good = world.config.git("rev-parse", "HEAD")
        expect(world.sync(), 0)
        let bad = world.commitApp("broken\n")
        expect(world.sync(), 6, "went back to \(good)", "command grep: status 1")
        #expect(world.delivered("app.yaml") == "listen: 8080\n")
        #expect(
            world.status("[e['applied']['commit'], e['wanted']['commit'], e['health']]")
                == "[\"\(good)\", \"\(bad)\", \"healthy\"]")
        #expect(
            world.status("e['whyNot']").contains(
                "\(bad) is quarantined: health check: command grep: status 1"))
        // Again and again: it sticks.
        for _ in 0..<2 { expect(world.sync(), 0) }
        #expect(world.delivered("app.yaml") == "listen: 8080\n")
        let newer = world.commitApp("listen: 9\n")
        expect(world.sync(), 0)
        #expect(world.delivered("app.yaml") == "listen: 9\n")
        #expect(world.status("[e['applied']['commit'], e['whyNot']]") == "[\"\(newer)\", null]")
        let log = audit(world)
        #expect(log.contains(" quarantine ") && log.contains(" rollback ") && log.contains("from=\(bad)"))
        #expect(!log.contains("CANARY"))
    }

    @Test func `where the store went away meanwhile, a failed commit is gone back from all the same`() {
        let world = checked()
        world.makeStore()
        world.writeUploads()
        world.edit(
            "host/strongroom.yaml", "    health: [{ command: [",
            "    health: [{ command: [\"\(world.path("check"))\", ")
        world.edit("host/strongroom.yaml", "beforeChange: never", "beforeChange: require")
        // The check itself takes the store away, after the snapshot before the change.
        world.write(
            "check",
            "#!/bin/sh\nif grep -q broken \(world.path("host/app/app.yaml")); then mv \(world.path("store")) \(world.path("gone")); fi\nexec \"$@\"\n"
        )
        unsafe chmod(world.path("check"), 0o755)
        expect(world.sync(), 0)
        world.commitApp("broken\n")
        expect(world.sync(), 6, "went back to")
        #expect(world.delivered("app.yaml") == "listen: 8080\n")
    }

    @Test func `by hand only what was part of the history can be gone back to`() {
        let world = World()
        world.config.write("deploy/prod/app.yaml", "listen: 1\n")
        let before = world.config.commit("before")
        world.commitApp("listen: 2\n")
        expect(world.sync(), 0)
        world.config.git("checkout", "-q", "-b", "aside", before)
        let aside = world.commitApp("listen: 666\n")
        world.config.git("checkout", "-q", "main")
        expect(
            world.run("rollback", "prod", "--to", aside, "--config", world.settings), 5, "not in the history")
        #expect(world.delivered("app.yaml") == "listen: 2\n")
        expect(world.run("rollback", "prod", "--to", before, "--config", world.settings), 0)
        #expect(world.delivered("app.yaml") == "listen: 1\n")
    }

    @Test func `the service goes back by itself, and resume has the commit tried again`() {
        let world = checked()
        let service = Service(world)
        service.until("delivery") { world.delivered("app.yaml") == "listen: 8080\n" }
        service.until("health") { world.status("e['health']") == "\"healthy\"" }
        let bad = world.commitApp("broken\n")
        service.until("quarantine") { world.status("len(e['quarantined'])") == "1" }
        service.until("return") { world.delivered("app.yaml") == "listen: 8080\n" }
        // The check passes from now on: but only resume has it tried again.
        world.edit("host/strongroom.yaml", "\"-q\", \"listen\"", "\"-q\", \"n\"")
        service.signal(SIGHUP)
        service.until("reload") { service.text.contains("settings read again") }
        service.until("poll") { world.status("e['lastSync']['message']").contains("is quarantined") }
        #expect(world.delivered("app.yaml") == "listen: 8080\n")
        world.must("resume", "prod", "--config", world.settings, in: "host")
        service.until("delivery after resume") { world.delivered("app.yaml") == "broken\n" }
        service.until("applied") { world.status("e['applied']['commit']") == "\"\(bad)\"" }
        #expect(service.end().code == 0)
    }

    @Test func `a first commit that is not healthy stays, is told, and counts as applied once it is`() {
        let world = checked()
        world.commitApp("broken\n")
        expect(world.sync(), 6, "command grep: status 1")
        #expect(world.delivered("app.yaml") == "broken\n")
        #expect(world.status("[e['applied'], e['health']]") == "[null, \"unhealthy\"]")
        world.edit("host/strongroom.yaml", "\"-q\", \"listen\"", "\"-q\", \"n\"")
        expect(world.sync(), 0)
        #expect(world.status("[e['health'], e['whyNot']]") == "[\"healthy\", null]")
    }

    @Test func `rollback goes back by hand and stays until resume`() {
        let world = World()
        world.prepareService()
        let first = world.config.git("rev-parse", "HEAD")
        expect(world.sync(), 0)
        let second = world.commitApp("listen: 2\n")
        expect(world.sync(), 0)
        let back = world.run("rollback", "prod", "--reason", "3 am", "--config", world.settings, in: "host")
        expect(back, 0)
        #expect(back.text.hasPrefix(first))
        #expect(world.delivered("app.yaml") == "listen: 8080\n")
        world.commitApp("listen: 3\n")
        expect(world.sync(), 0)
        #expect(world.delivered("app.yaml") == "listen: 8080\n")
        #expect(
            world.status("[e['applied']['commit'], e['held']['commit'], e['held']['reason']]")
                == "[\"\(first)\", \"\(first)\", \"3 am\"]")
        expect(
            world.run(
                "rollback", "prod", "--to", String(second.prefix(10)), "--config", world.settings, in: "host"),
            0)
        #expect(world.delivered("app.yaml") == "listen: 2\n")
        expect(world.run("resume", "prod", "--config", world.settings, in: "host"), 0, "held at \(second)")
        expect(world.sync(), 0)
        #expect(world.delivered("app.yaml") == "listen: 3\n")
    }

    @Test func `rollback once more goes back one commit more`() {
        let world = World()
        world.prepareService()
        var commits = [world.config.git("rev-parse", "HEAD")]
        expect(world.sync(), 0)
        for port in 1...2 {
            commits.append(world.commitApp("listen: \(port)\n"))
            expect(world.sync(), 0)
        }
        for commit in [commits[1], commits[0]] {
            let back = world.run("rollback", "prod", "--config", world.settings, in: "host")
            expect(back, 0)
            #expect(back.text.hasPrefix(commit))
        }
        expect(world.run("rollback", "prod", "--config", world.settings, in: "host"), 2, "no other commit")
        // What the source shows is known all the same.
        #expect(world.status("[e['state'], e['wanted']['commit']]") == "[\"held\", \"\(commits[2])\"]")
    }

    @Test func `going back takes the other sources along, by hand and after a failed check`() {
        let world = checked()
        world.makeStore()
        world.writeUploads()
        let application = ScratchRepository(creating: world.path("application"))
        func release(_ version: String) -> String {
            application.write("main.swift", version)
            let commit = application.commit(version)
            application.git("tag", "-a", "v\(version)", "-m", version)
            return commit
        }
        world.edit(
            "host/strongroom.yaml", "    targets:\n",
            """
                  application: { url: \(application.path), versions: "^1", deliver: false, verify: none }
                targets:

            """)
        func standing() -> String {
            world.status("[e['applied']['commit'], e['companions'][0]['applied']['commit']]")
        }
        let first = (world.config.git("rev-parse", "HEAD"), release("1.0.0"))
        expect(world.sync(), 0)
        let second = (world.commitApp("listen: 2\n"), release("1.1.0"))
        expect(world.sync(), 0)
        #expect(standing() == "[\"\(second.0)\", \"\(second.1)\"]")
        expect(world.run("rollback", "prod", "--config", world.settings, in: "host"), 0)
        #expect(standing() == "[\"\(first.0)\", \"\(first.1)\"]")
        // Neither goes on while it is held, and a snapshot is of both.
        let third = release("1.2.0")
        expect(world.sync(), 0)
        #expect(standing() == "[\"\(first.0)\", \"\(first.1)\"]")
        #expect(world.status("e['companions'][0]['wanted']['commit']") == "\"\(third)\"")
        let id = world.backup()
        let listed = world.must(
            "snapshots", "list", "--store", world.path("store"), "--json", identity: "alice")
        #expect(listed.contains(id) && listed.contains(first.0) && listed.contains(first.1))
        #expect(!listed.contains(second.1))
        world.must("resume", "prod", "--config", world.settings, in: "host")
        expect(world.sync(), 0)
        #expect(standing() == "[\"\(second.0)\", \"\(third)\"]")
        // A failed check: back to what stood, of both.
        let fourth = (world.commitApp("broken\n"), release("1.3.0"))
        expect(world.sync(), 6, "went back to \(second.0)")
        #expect(standing() == "[\"\(second.0)\", \"\(third)\"]")
        expect(world.sync(), 0)
        #expect(standing() == "[\"\(second.0)\", \"\(third)\"]")
        #expect(world.status("e['quarantined'][0]['commit']") == "\"\(fourth.0)\"")
        let fifth = world.commitApp("listen: 5\n")
        expect(world.sync(), 0)
        #expect(standing() == "[\"\(fifth)\", \"\(fourth.1)\"]")
    }

    @Test func `where signed tags approve, going back needs one of the commit, and finds it`() {
        let world = checked()
        world.edit("host/strongroom.yaml", "branch: main", "versions: \"^1\"")
        world.edit(
            "host/strongroom.yaml", "allowedSigners: \(world.path("allowed_signers"))",
            "allowedSigners: \(world.path("allowed_signers")), tag: true")
        world.config.git("config", "commit.gpgsign", "false")
        func release(_ version: String, _ text: String) -> String {
            let commit = world.commitApp(text)
            world.config.git("tag", "-s", "v\(version)", "-m", version)
            return commit
        }
        let first = release("1.0.0", "listen: 1\n")
        expect(world.sync(), 0)
        _ = release("1.1.0", "listen: 2\n")
        expect(world.sync(), 0)
        expect(world.run("rollback", "prod", "--config", world.settings, in: "host"), 0)
        #expect(world.delivered("app.yaml") == "listen: 1\n")
        expect(world.sync(), 0)
        #expect(world.status("[e['applied']['commit'], e['state']]") == "[\"\(first)\", \"held\"]")
        world.must("resume", "prod", "--config", world.settings, in: "host")
        expect(world.sync(), 0)
        #expect(world.delivered("app.yaml") == "listen: 2\n")
        let bad = release("1.2.0", "broken\n")
        expect(world.sync(), 6, "went back to")
        #expect(world.delivered("app.yaml") == "listen: 2\n")
        #expect(world.status("e['quarantined'][0]['commit']") == "\"\(bad)\"")
        _ = release("1.2.1", "listen: 3\n")
        expect(world.sync(), 0)
        // A commit that no tag names is nobody's.
        let loose = world.commitApp("listen: 4\n")
        expect(
            world.run("rollback", "prod", "--to", loose, "--config", world.settings, in: "host"), 5,
            "no signed tag names it")
        // Nor is one that only a stranger's tag names.
        world.config.git("config", "user.signingkey", world.path("mallory"))
        world.config.git("tag", "-s", "v0.1.0", "-m", "mine", loose)
        expect(
            world.run("rollback", "prod", "--to", loose, "--config", world.settings, in: "host"), 5,
            "is not allowed to sign")
        #expect(world.delivered("app.yaml") == "listen: 3\n")
    }

    @Test func `a rollback to what is not there, or not approved, changes nothing and holds nothing`() {
        let world = World()
        world.prepareService()
        expect(world.sync(), 0)
        expect(
            world.run("rollback", "prod", "--config", world.settings, in: "host"), 2,
            "no other commit was applied")
        let nowhere = String(repeating: "12", count: 20)
        expect(world.run("rollback", "prod", "--to", nowhere, "--config", world.settings, in: "host"), 2)
        expect(world.run("rollback", "prod", "--to", "abc", "--config", world.settings, in: "host"), 2)
        world.config.git("config", "user.signingkey", world.path("mallory"))
        let foreign = world.commitApp("listen: 6666\n")
        expect(world.run("rollback", "prod", "--to", foreign, "--config", world.settings, in: "host"), 5)
        #expect(world.delivered("app.yaml") == "listen: 8080\n")
        #expect(world.status("e.get('held')") == "null")
    }

    @Test func `suspend leaves an environment alone, by hand and in the service, and resume goes on`() {
        let world = World()
        world.prepareService()
        let service = Service(world)
        service.until("delivery") { world.delivered("app.yaml") == "listen: 8080\n" }
        expect(world.run("suspend", "prod", "--reason", "repairs", "--config", world.settings, in: "host"), 0)
        world.commitApp("listen: 1\n")
        expect(world.sync(), 8, "suspended by", "repairs")
        service.until("suspended") { service.text.contains("suspended by") }
        #expect(world.delivered("app.yaml") == "listen: 8080\n")
        #expect(world.status("e['suspended']['reason']") == "\"repairs\"")
        expect(world.run("resume", "prod", "--config", world.settings, in: "host"), 0)
        service.until("delivery after resume") { world.delivered("app.yaml") == "listen: 1\n" }
        #expect(service.end().code == 0)
        let log = audit(world)
        #expect(log.contains(" suspend ") && log.contains("reason=repairs") && log.contains(" resume "))
    }

    @Test
    func
        `values of a closed epoch open for the grace, then no more at the followed head, and always by hand`()
    {
        let world = World()
        world.prepareService("    epochGrace: 2s\n")
        world.must(
            "keys", "rotate", "--environment", "prod", "--no-reseal", "--signing-key", world.path("alice"),
            identity: "alice")
        // As if somebody forgot: the keyring is new, what was sealed before is not sealed anew.
        let commit = world.config.commit("Rotate, and seal nothing anew")
        expect(world.sync(), 0, "database.yaml is sealed to epoch 1, which is closed: reseal it")
        usleep(3_100_000)
        expect(world.sync(), 5, "closed for longer than the grace")
        #expect(world.status("e['whyNot']").contains("closed for longer than the grace"))
        let back = world.run("rollback", "prod", "--to", commit, "--config", world.settings, in: "host")
        expect(back, 0)
        world.must("resume", "prod", "--config", world.settings, in: "host")
        world.must("reseal", identity: "alice")
        world.config.commit("Seal anew")
        expect(world.sync(), 0)
        #expect(world.delivered("database.yaml") == World.database)
    }

    @Test func `F077: where the audit log can't be written nothing is opened or decided`() {
        let world = World()
        world.prepareService()
        expect(world.sync(), 0)
        unsafe rename(world.path("host/state/audit/log"), world.path("host/state/audit/moved"))
        unsafe mkdir(world.path("host/state/audit/log"), 0o700)
        world.commitApp("listen: 1\n")
        #expect(world.sync().status != 0)
        #expect(world.run("suspend", "prod", "--config", world.settings, in: "host").status != 0)
        #expect(world.run("rollback", "prod", "--config", world.settings, in: "host").status != 0)
        #expect(world.delivered("app.yaml") == "listen: 8080\n")
        #expect(world.status("[e.get('suspended'), e.get('held')]") == "[null, null]")
        unsafe rmdir(world.path("host/state/audit/log"))
        unsafe rename(world.path("host/state/audit/moved"), world.path("host/state/audit/log"))
        expect(world.sync(), 0)
        #expect(world.delivered("app.yaml") == "listen: 1\n")
    }

    @Test func `F078: audit verify ends with 9 and names the first bad line`() {
        let world = World()
        world.prepareService()
        for port in 1..<4 {
            world.commitApp("listen: \(port)\n")
            expect(world.sync(), 0)
        }
        let verified = world.run("audit", "verify", "--config", world.settings, in: "host")
        expect(verified, 0)
        let head = verified.text
        #expect(world.status("d['auditHead']") == "\"\(head)\"")
        expect(world.run("audit", "verify", "--head", head, "--config", world.settings, in: "host"), 0)
        let log = world.text("host/state/audit/log")
        world.edit("host/state/audit/log", "\"index\":3", "\"index\":4")
        expect(world.run("audit", "verify", "--config", world.settings, in: "host"), 9, "line 3")
        let lines = log.split(separator: "\n", omittingEmptySubsequences: false)
        world.write("host/state/audit/log", lines[0..<2].joined(separator: "\n") + "\n")
        expect(world.run("audit", "verify", "--config", world.settings, in: "host"), 9, "line 3: missing")
        unsafe unlink(world.path("host/state/audit/head"))
        expect(
            world.run("audit", "verify", "--head", head, "--config", world.settings, in: "host"), 9, "line 3")
        expect(world.run("audit", "verify", "--head", "nonsense", "--config", world.settings, in: "host"), 2)
    }
}
