import Support
import Testing

/// Backups that are asked to end, and such as run at the same time.
@Suite struct HookSignalTests {
    @Test(arguments: ["TERM", "HUP"], ["before", "capture"])
    func `a backup that is ended lets go on first what its hook stopped`(signal: String, phase: String) {
        let world = World()
        world.makeStore()
        let place = world.path("host")
        let pause = phase == "before" ? "sleep 1" : "true"
        let script = """
            "$0" backup --store "$1" --command "dump=touch '$2/begun'; exec sleep 86400" \\
                --before "dump=touch '$2/frozen' '$2/\(phase == "before" ? "begun" : "other")'; \(pause)" \\
                --after "dump=rm '$2/frozen'; touch '$2/thawed'" &
            while [ ! -e "$2/begun" ]; do sleep 0.05; done
            kill -\(signal) $!
            wait $!
            """
        let outcome = ShellCommand.run(
            "sh", ["-c", script, World.program, world.path("store"), place],
            environment: world.environment("host"), directory: place)
        #expect(outcome.status == (signal == "TERM" ? 143 : 129), "\(outcome.errorText)")
        #expect(outcome.errorText.contains("the after: hook runs first"))
        #expect(ShellCommand.run("ls", [place + "/thawed"]).status == 0)
        #expect(ShellCommand.run("ls", [place + "/frozen"]).status != 0)
        #expect(
            world.run("snapshots", "list", "--store", world.path("store"), identity: "alice").text.contains(
                "dump") == false)
    }

    @Test func `a service that is ended lets go on first what a hook stopped`() {
        let world = World()
        world.makeStore()
        world.writeUploads()
        world.prepareService()
        func word(_ name: String) -> String { "'\(world.path("host/\(name)"))'" }
        world.edit("host/strongroom.yaml", "beforeChange: never", "beforeChange: require")
        // Ten seconds: longer than what other work gets.
        world.edit(
            "host/strongroom.yaml", "run: [\"cat\", \"\(world.path("host/orders.sql"))\"]",
            """
            run: ["sleep", "86400"], before: ["sh", "-c", "touch \(word("begun")); sleep 10"], \
            after: ["sh", "-c", "touch \(word("thawed"))"]
            """)
        let service = Service(world)
        service.until("delivery") { world.delivered("app.yaml") == "listen: 8080\n" }
        world.commitApp("listen: 1\n")
        service.until("first hook") { ShellCommand.run("ls", [world.path("host/begun")]).status == 0 }
        #expect(service.end().code == 0)
        #expect(ShellCommand.run("ls", [world.path("host/thawed")]).status == 0, "\(service.text)")
        #expect(!service.text.contains("unexpected"), "\(service.text)")
    }

    @Test func `a backup without hooks ends at once, and not by what it was told to ignore`() {
        let world = World()
        world.makeStore()
        let place = world.path("host")
        let script = """
            trap '' HUP
            "$0" backup --store "$1" --command "dump=touch '$2/begun'; exec sleep 86400" &
            while [ ! -e "$2/begun" ]; do sleep 0.05; done
            kill -HUP $!
            sleep 0.5
            kill -0 $! || exit 99
            kill -TERM $!
            wait $!
            """
        let outcome = ShellCommand.run(
            "sh", ["-c", script, World.program, world.path("store"), place],
            environment: world.environment("host"), directory: place)
        #expect(outcome.status == 143, "\(outcome.errorText)")
    }

    @Test func `snapshots that one agent takes at once make one chain, and their sessions leave nothing`() {
        let world = World()
        world.makeStore()
        world.writeUploads()
        let script = """
            for number in 1 2 3 4 5 6 7 8; do
                "$0" backup --store "$1" --environment "e$number" "$2" >> "$3" &
            done
            wait
            """
        let outcome = ShellCommand.run(
            "sh",
            [
                "-c", script, World.program, world.path("store"), world.path("host/uploads"),
                world.path("ids"),
            ],
            environment: world.environment("host"), directory: world.path("host"))
        #expect(outcome.status == 0)
        #expect(world.text("ids").split(separator: "\n").count == 8, "\(outcome.errorText)")
        let check = world.run("store", "check", "--store", world.path("store"), "--json", identity: "alice")
        expect(check, 0)
        #expect(!check.text.contains("are its number"), "\(check.text)")
        #expect(ShellCommand.run("find", [world.path("store/leases"), "-mindepth", "1"]).text == "")
    }
}
