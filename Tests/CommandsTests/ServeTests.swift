import Glibc
import Support
import Testing

/// The service as it runs: delivers, notices, stays within its bounds, stops.
@Suite struct ServeTests {
    @Test func `commits are delivered as they come, and SIGTERM ends the service within ten seconds`() throws
    {
        let world = World()
        world.prepareService()
        let service = Service(world)
        service.until("first delivery") { world.delivered("app.yaml") == "listen: 8080\n" }
        #expect(world.delivered("database.yaml") == World.database)
        for port in [8081, 8082] {
            world.commitApp("listen: \(port)\n")
            service.until("delivery of \(port)") { world.delivered("app.yaml") == "listen: \(port)\n" }
        }
        let head = world.config.git("rev-parse", "HEAD")
        service.until("status") { world.status("e['applied']['commit']") == "\"\(head)\"" }
        #expect(
            world.status("[e['wanted']['commit'], e['whyNot'], e['drift'], d['service']['process']]")
                == "[\"\(head)\", null, [], \(service.process)]")
        let ended = service.end()
        #expect(ended.code == 0)
        #expect(ended.milliseconds < 60_000)
        #expect(!service.text.contains("CANARY"))
        #expect(!service.text.contains(" error "), "\(service.text)")
        // With the service dead the journal still tells.
        #expect(world.status("[d.get('service'), e['applied']['commit']]") == "[null, \"\(head)\"]")
        #expect(leftovers(below: world.path("host")) == [])
    }

    @Test func `F048: a second service on one state directory ends with 8, and the first goes on`() {
        let world = World()
        world.prepareService()
        let first = Service(world)
        first.until("socket") { unsafe access(world.path("host/state/api.sock"), F_OK) == 0 }
        expect(world.run("serve", "--config", world.settings, in: "host"), 8, "another service works on")
        world.commitApp("listen: 1\n")
        first.until("delivery") { world.delivered("app.yaml") == "listen: 1\n" }
        #expect(first.end().code == 0)
        // And after a kill the next one begins.
        let second = Service(world)
        second.until("socket") { unsafe access(world.path("host/state/api.sock"), F_OK) == 0 }
        #expect(second.end(SIGKILL).code == 128 + SIGKILL)
        let third = Service(world)
        world.commitApp("listen: 2\n")
        third.until("delivery") { world.delivered("app.yaml") == "listen: 2\n" }
        #expect(third.end(SIGINT).code == 0)
    }

    @Test func `G5: an environment that fails stops no other, and the status says why`() {
        let world = World()
        world.prepareService()
        world.edit(
            "host/strongroom.yaml", "environments:\n",
            """
            environments:
              broken:
                trust: { root: "\(world.text("prod.trust"))", repository: \(world.text("repository")) }
                sources: { config: { url: \(world.path("nowhere")), branch: main, interval: 1s, verify: none } }
                targets: [{ files: { directory: \(world.path("host/broken")) } }]

            """)
        let service = Service(world)
        service.until("delivery") { world.delivered("app.yaml") == "listen: 8080\n" }
        service.until("failure") {
            world.status("e['whyNot']").contains("no repository") || service.text.contains("error broken:")
        }
        world.commitApp("listen: 1\n")
        service.until("next delivery") { world.delivered("app.yaml") == "listen: 1\n" }
        #expect(world.status("[e['name'], e['applied']]") == "[\"broken\", null]")
        #expect(world.status("e['whyNot']").contains("failed: "))
        #expect(service.end().code == 0)
    }

    @Test func `SIGHUP takes over new settings, and keeps the old where the new are no good`() {
        let world = World()
        world.prepareService()
        let service = Service(world)
        service.until("delivery") { world.delivered("app.yaml") == "listen: 8080\n" }
        let good = world.text("host/strongroom.yaml")
        world.write("host/strongroom.yaml", "version: 1\nnonsense: yes\n")
        service.signal(SIGHUP)
        service.until("refusal") { service.text.contains("settings not taken over") }
        world.write("host/strongroom.yaml", good.replacing(world.path("config"), with: "ext::sh -c id"))
        service.signal(SIGHUP)
        service.until("refusal of a source") { service.text.contains("source config:") }
        world.commitApp("listen: 0\n")
        service.until("delivery by the old ones") { world.delivered("app.yaml") == "listen: 0\n" }
        world.write("host/strongroom.yaml", good.replacing("host/app", with: "host/other"))
        service.signal(SIGHUP)
        service.until("delivery elsewhere") { world.text("host/other/app.yaml") == "listen: 0\n" }
        world.commitApp("listen: 1\n")
        service.until("next delivery") { world.text("host/other/app.yaml") == "listen: 1\n" }
        #expect(world.delivered("app.yaml") == "listen: 0\n")
        #expect(service.end().code == 0)
    }

    @Test func `drift is put back and told, and in mode alert only told`() {
        let world = World()
        world.prepareService()
        let service = Service(world)
        service.until("delivery") { world.delivered("app.yaml") == "listen: 8080\n" }
        func damage() {
            let real = ShellCommand.run("realpath", [world.path("host/app")]).text
            unsafe chmod(real + "/app.yaml", 0o640)
            _ = ShellCommand.run(
                "sh",
                ["-c", "echo tampered > \(real)/app.yaml; rm -f \(real)/database.yaml; echo x > \(real)/new"])
        }
        damage()
        service.until("healing") { world.delivered("app.yaml") == "listen: 8080\n" }
        service.until("healing told") { service.text.contains("put back what differed: 3") }
        #expect(world.delivered("database.yaml") == World.database)
        #expect(world.delivered("new") == "")
        #expect(service.text.contains("warning prod: drift: changed \(world.path("host/app"))/app.yaml"))
        world.edit("host/strongroom.yaml", "drift: { interval: 1s }", "drift: { interval: 1s, mode: alert }")
        service.signal(SIGHUP)
        service.until("reload") { service.text.contains("settings read again") }
        damage()
        service.until("drift in status") { world.status("len(e['drift'])") == "3" }
        #expect(world.delivered("app.yaml") == "tampered\n")
        #expect(
            world.status("sorted(i['kind'] for i in e['drift'])") == "[\"changed\", \"foreign\", \"missing\"]"
        )
        #expect(service.end().code == 0)
        // By hand, with the service dead; and a sync by hand puts it back.
        expect(world.run("drift", "prod", "--config", world.settings, in: "host"), 6, "3 paths differ")
        expect(world.sync(), 0)
        expect(world.run("drift", "--config", world.settings, in: "host"), 0)
        #expect(world.must("audit", "list", "--config", world.settings, in: "host").contains(" heal "))
    }

    @Test func `outside of its windows drift stays, and is told`() {
        let world = World()
        // A window of one minute on the day before yesterday's weekday.
        let day = ShellCommand.run(
            "date", ["-u", "-d", "2 days ago", "+%a"], environment: ["LC_ALL": "C", "PATH": "/usr/bin:/bin"]
        ).text
        world.prepareService(drift: "{ interval: 1s, windows: [\"\(day.lowercased()) 00:00-00:01\"] }")
        let service = Service(world)
        service.until("delivery") { world.delivered("app.yaml") == "listen: 8080\n" }
        let real = ShellCommand.run("realpath", [world.path("host/app")]).text
        _ = ShellCommand.run("sh", ["-c", "echo x > \(real)/new"])
        service.until("drift") { world.status("len(e['drift'])") == "1" }
        #expect(world.delivered("new") == "x\n")
        #expect(service.end().code == 0)
    }

    @Test func `systemd is told of start, reload, life and stop`() {
        let world = World()
        world.prepareService()
        let socket = world.path("host/notify.sock")
        let script = """
            import socket,sys
            s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); s.bind(sys.argv[1]); s.settimeout(600)
            open(sys.argv[1]+".ready","w").close()
            with open(sys.argv[2],"w",buffering=1) as f:
                while True:
                    m=s.recv(4096).decode(); f.write(m.replace("\\n"," ")+"\\n")
                    if m.startswith("STOPPING"): break
            """
        world.write("notify.py", script)
        _ = ShellCommand.run(
            "sh",
            [
                "-c",
                "python3 \(world.path("notify.py")) \(socket) \(world.path("host/notices")) >&- 2>&- <&- &",
            ])
        for _ in 0..<1_200 where unsafe access(socket + ".ready", F_OK) != 0 { usleep(100_000) }
        let service = Service(world, adding: ["NOTIFY_SOCKET": socket, "WATCHDOG_USEC": "1000000"])
        service.until("ready") { world.text("host/notices").contains("READY=1") }
        service.until("life") { world.text("host/notices").contains("WATCHDOG=1") }
        service.signal(SIGHUP)
        service.until("reload") { world.text("host/notices").contains("RELOADING=1 MONOTONIC_USEC=") }
        service.until("ready again") {
            world.text("host/notices").split(separator: "\n").count { $0.hasPrefix("READY=1") } == 2
        }
        #expect(service.end().code == 0)
        for _ in 0..<1_200 where !world.text("host/notices").contains("STOPPING=1") { usleep(100_000) }
        #expect(world.text("host/notices").contains("STOPPING=1"))
    }

    @Test
    func
        `snapshots and drills come by the schedule, snapshots before a change, and the status names the newest`()
    {
        let world = World()
        world.addDrillMember()
        world.must(
            "store", "init", world.path("store"), "--identity", world.path("host.identity"), "--reader",
            world.text("alice.recipient"), "--reader", world.text("drill.recipient"), "--writer",
            world.text("host.recipient"))
        world.writeUploads()
        world.prepareService()
        world.edit(
            "host/strongroom.yaml", "beforeChange: never",
            "beforeChange: require\n      schedule: \"* * * * *\"\n      drill: { schedule: \"* * * * *\", identity: "
                + "\(world.path("drill.identity")) }")
        world.edit(
            "host/strongroom.yaml", "    targets:\n",
            "    targets:\n      - files: { directory: \(world.path("host/second")) }\n")
        let service = Service(world)
        service.until("delivery") { world.delivered("app.yaml") == "listen: 8080\n" }
        let first = world.config.git("rev-parse", "HEAD")
        world.commitApp("listen: 1\n")
        service.until("next delivery") { world.delivered("app.yaml") == "listen: 1\n" }
        service.until("snapshot before the change") { service.text.contains("before the change: complete") }
        let listed = world.must(
            "snapshots", "list", "--store", world.path("store"), "--identity", world.path("alice.identity"),
            "--json")
        #expect(listed.contains(first))
        // One for both targets.
        #expect(service.text.split(separator: "\n").count { $0.contains("before the change: complete") } == 1)
        // A suspension stops syncs and no snapshot.
        let before = service.text.split(separator: "\n").count { $0.contains("by schedule: complete") }
        world.must("suspend", "prod", "--config", world.settings, in: "host")
        service.until("snapshot while suspended") {
            service.text.split(separator: "\n").count { $0.contains("by schedule: complete") } > before
        }
        #expect(world.status("e['state']") == "\"suspended\"")
        service.until("snapshot by schedule") { service.text.contains("by schedule: complete") }
        #expect(world.status("e['lastSnapshot']['status']") == "\"complete\"")
        // Drills go on as well; the first may have come before the first snapshot.
        service.until("drill by schedule") { service.text.contains(": passed") }
        service.until("drill in the status") { world.status("e['lastDrill']['outcome']") == "\"good\"" }
        service.until("next drill in the status") {
            world.status("d['service']['loops'][0]['nextDrill'] is not None") == "true"
        }
        #expect(world.status("e['drillTrouble']") == "null")
        #expect(service.end().code == 0)
    }

    @Test func `without its store nothing is changed, unless the settings say that a snapshot is only tried`()
    {
        let world = World()
        world.prepareService()
        expect(world.sync(), 0)
        world.edit("host/strongroom.yaml", "beforeChange: never", "beforeChange: require")
        world.commitApp("listen: 1\n")
        expect(world.sync(), 2, "no snapshot before the change", "no archive store")
        #expect(world.status("e['whyNot']").contains("no archive store"))
        #expect(world.delivered("app.yaml") == "listen: 8080\n")
        expect(world.sync("--without-snapshot"), 0)
        #expect(world.delivered("app.yaml") == "listen: 1\n")
        // What was lost is put back without one, too.
        TemporaryDirectory.removeTree(world.path("host/app"))
        expect(world.sync(), 0)
        #expect(world.delivered("app.yaml") == "listen: 1\n")
        world.commitApp("listen: 2\n")
        expect(world.sync(), 2, "no archive store")
        expect(world.run("rollback", "prod", "--config", world.settings, in: "host"), 2, "no archive store")
        expect(
            world.run("rollback", "prod", "--without-snapshot", "--config", world.settings, in: "host"), 0)
        #expect(world.delivered("app.yaml") == "listen: 8080\n")
        world.must("resume", "prod", "--config", world.settings, in: "host")
        world.edit("host/strongroom.yaml", "beforeChange: require", "beforeChange: try")
        expect(world.sync(), 0)
        #expect(world.delivered("app.yaml") == "listen: 2\n")
    }

    @Test func `a source that is away stops neither healing nor the last good state, and the status tells`() {
        let world = World()
        world.prepareService()
        let service = Service(world)
        service.until("delivery") { world.delivered("app.yaml") == "listen: 8080\n" }
        unsafe rename(world.path("config"), world.path("away"))
        service.until("failure") { world.status("e['state']") == "\"failed\"" }
        let real = ShellCommand.run("realpath", [world.path("host/app")]).text
        _ = ShellCommand.run("sh", ["-c", "rm -f \(real)/app.yaml && echo tampered > \(real)/app.yaml"])
        service.until("healing") { world.delivered("app.yaml") == "listen: 8080\n" }
        service.until("healing told") { service.text.contains("put back what differed: 1") }
        // Not one row for each poll.
        #expect(world.status("e['lastSync']['runs'] > 1") == "true")
        unsafe rename(world.path("away"), world.path("config"))
        world.commitApp("listen: 1\n")
        service.until("next delivery") { world.delivered("app.yaml") == "listen: 1\n" }
        service.until("well again") { world.status("e['state']") == "\"ok\"" }
        #expect(service.end().code == 0)
    }

    @Test func `F077: without its audit log the service opens nothing, and goes on when it is back`() {
        let world = World()
        world.prepareService()
        let service = Service(world)
        service.until("delivery") { world.delivered("app.yaml") == "listen: 8080\n" }
        unsafe rename(world.path("host/state/audit"), world.path("host/state/moved"))
        world.write("host/state/audit", "a file stands in the way")
        world.commitApp("listen: 1\n")
        service.until("refusal") { service.text.contains(" error prod:") }
        #expect(world.delivered("app.yaml") == "listen: 8080\n")
        unsafe unlink(world.path("host/state/audit"))
        unsafe rename(world.path("host/state/moved"), world.path("host/state/audit"))
        service.until("delivery with the log") { world.delivered("app.yaml") == "listen: 1\n" }
        #expect(service.end().code == 0)
        expect(world.run("audit", "verify", "--config", world.settings, in: "host"), 0)
    }

    @Test func `SIGTERM ends the service in time while a health check hangs, and nothing of it is left`() {
        let world = World()
        world.prepareService(
            "    health: [{ command: [\"sleep\", \"4711\"], timeout: 5m, retries: 0 }]\n")
        let service = Service(world)
        service.until("check") {
            !ShellCommand.run("pgrep", ["-P", "\(service.process)", "sleep"]).text.isEmpty
        }
        let ended = service.end()
        #expect(ended.code == 0)
        #expect(ended.milliseconds < 60_000)
        #expect(service.text.hasSuffix(" stopped"))
        #expect(ShellCommand.run("pgrep", ["-f", "sleep 4711"]).text.isEmpty)
        // Cut off is not failed.
        #expect(world.status("e['lastSync']") == "null")
    }

    @Test(.enabled(if: HTTPGitServer.isExpected, Comment(rawValue: HTTPGitServer.absence)))
    func `SIGTERM ends the service in time while a fetch hangs, and nothing of it is left`() {
        let world = World()
        world.prepareService()
        let server = HTTPGitServer(root: world.path(""))
        let proxy = StallingProxy(to: server.port)
        proxy.stall(after: 500)
        world.edit(
            "host/strongroom.yaml", "url: \(world.path("config"))\n",
            "url: \"http://localhost:\(proxy.port)/git/config\"\n        access: { plainHTTP: true }\n")
        let service = Service(world)
        service.until("fetch") { !ShellCommand.run("pgrep", ["-P", "\(service.process)"]).text.isEmpty }
        usleep(500_000)
        let ended = service.end()
        #expect(ended.code == 0)
        #expect(ended.milliseconds < 60_000)
        #expect(service.text.hasSuffix(" stopped"), "\(service.text.suffix(500))")
        #expect(leftovers(below: world.path("host/state")) == [])
        #expect(world.status("e['lastSync']") == "null")
    }

    @Test
    func `credentials are served, change with the commit, and are there after a restart without the source`()
    {
        let world = World()
        world.prepareService()
        let socket = world.path("host/credentials.sock")
        world.edit(
            "host/strongroom.yaml", "    targets:\n",
            """
                targets:
                  - credentials:
                      socket: \(socket)
                      allow: [{ unit: app.service, credential: password, value: "database.yaml:stringData.password" }]

            """)
        let script = """
            import os,socket,sys
            s=socket.socket(socket.AF_UNIX); s.bind("\\0"+os.urandom(8).hex()+"/unit/app.service/password")
            s.connect(sys.argv[1])
            while b := s.recv(4096): sys.stdout.buffer.write(b)
            """
        func asked() -> String { ShellCommand.run("python3", ["-c", script, socket]).text }
        let first = Service(world)
        first.until("credential") { asked() == World.canary }
        world.must("set", "deploy/prod/database.yaml", "stringData.password", stdin: "CANARY-second")
        world.config.commit("Rotate")
        first.until("next credential") { asked() == "CANARY-second" }
        #expect(first.end().code == 0)
        #expect(unsafe access(socket, F_OK) != 0)
        unsafe rename(world.path("config"), world.path("away"))
        let second = Service(world)
        second.until("credential after the restart") { asked() == "CANARY-second" }
        #expect(world.status("e['state']") == "\"failed\"")
        #expect(second.end(SIGKILL).code == 128 + SIGKILL)
        unsafe rename(world.path("away"), world.path("config"))
        let third = Service(world)
        third.until("credential after a kill") { asked() == "CANARY-second" }
        #expect(third.end().code == 0)
        #expect(!(first.text + second.text + third.text).contains("CANARY"))
    }
}
