import Support
import Testing

/// What other processes can see of one that handles a secret: F066 for our own process.
@Suite struct ProcessHygieneTests {
    @Test func `a value that is set stands neither in the arguments nor in the environment`() {
        let world = World()
        // The value is on its way into the process, which waits for the end of its input.
        let script = """
            mkfifo "$1/pipe" && exec 3<>"$1/pipe"
            "$2" set deploy/prod/database.yaml stringData.password < "$1/pipe" 3>&- &
            pid=$!
            printf 'CANARY of the pipe' >&3
            n=0
            until [ "$(readlink /proc/$pid/exe)" = "$(readlink -f "$2")" ] || [ $n -gt 15000 ]; do
                n=$((n + 1)); sleep 0.02
            done
            # libsodium and the limits are set up before anything is read.
            until grep -q 'Max core file size  *0  *0' /proc/$pid/limits || [ $n -gt 15000 ]; do
                n=$((n + 1)); sleep 0.02
            done
            tr '\\0' '\\n' < /proc/$pid/cmdline; echo == environment
            tr '\\0' '\\n' < /proc/$pid/environ; echo == limits
            cat /proc/$pid/limits; echo == descriptors
            for file in /proc/$pid/fd/*; do readlink "$file"; done
            exec 3>&-
            # A pipe held open for reading and writing has no end: the value comes again through a plain one.
            kill $pid
            """
        let outcome = ShellCommand.run(
            "sh", ["-c", script, "sh", world.path("host"), World.program],
            environment: ["PATH": "/usr/bin:/bin", "HOME": world.path("home")],
            directory: world.config.path)
        #expect(outcome.text.contains("stringData.password\n== environment"), "\(outcome.errorText)")
        #expect(outcome.text.contains("HOME="))
        #expect(!outcome.text.contains("CANARY"))
        let core = outcome.text.split(separator: "\n").first { $0.hasPrefix("Max core file size") }
        #expect(core?.split(separator: " ").filter { $0 == "0" }.count == 2, "\(core ?? "")")
    }

    @Test(arguments: ["seal", "set", "open"])
    func `no plaintext reaches a disk but where it was asked for`(verb: String) {
        let world = World()
        let sealed = world.text("config/deploy/prod/database.yaml")
        let points: CrashPoints
        switch verb {
        case "seal":
            world.config.write("deploy/prod/database.yaml", World.database)
            world.config.write("deploy/prod/server.key", World.serverKey)
            points = world.points("seal", "deploy/prod/database.yaml", "deploy/prod/server.key")
        case "set":
            points = world.points(
                "set", "deploy/prod/database.yaml", "stringData.password", stdin: "CANARY of stdin")
        default:
            points = world.points(
                "open", "deploy/prod/database.yaml", "--output", world.path("host/opened"), identity: "alice")
        }
        let total = points.run(.none).callCount
        world.config.git("checkout", "-q", "--", ".")
        for number in 1...total {
            if verb == "seal" {
                world.config.write("deploy/prod/database.yaml", World.database)
                world.config.write("deploy/prod/server.key", World.serverKey)
            }
            let outcome = points.run(.killAfter(number))
            let found = ShellCommand.run(
                "grep", ["-rlF", "CANARY", world.path("config"), world.path("home"), world.path("host")])
            let places = found.text.split(separator: "\n").map { $0.dropFirst(world.path("").count) }
            for place in places {
                let isExpected =
                    switch verb {
                    case "seal":
                        ["config/deploy/prod/database.yaml", "config/deploy/prod/server.key"].contains(place)
                    case "set": false
                    default: place == "host/opened" || place.hasPrefix("host/.opened.tmp-")
                    }
                #expect(isExpected, "\(place) \(outcome.calls.last ?? "")")
            }
            // Everything that is written stands in the world: nothing goes to /tmp, /dev/shm or a home.
            for call in outcome.calls {
                let path = call.split(separator: " ").dropFirst(2).dropLast().joined(separator: " ")
                #expect(!path.hasPrefix("/") || path.hasPrefix(world.path("")), "\(call)")
            }
        }
        #expect(verb != "set" || world.text("config/deploy/prod/database.yaml") != sealed)
    }
}
