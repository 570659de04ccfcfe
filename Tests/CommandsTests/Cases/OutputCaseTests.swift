import Glibc
import Support
import Testing

/// F016, F028: what stands where a file is to be written, and who can read it from its first moment on.
@Suite struct OutputCaseTests {
    /// What else than a file of one's own can stand at a place; each leads to, or is, something that must stay.
    enum Obstacle: String, CaseIterable, Sendable {
        case symbolicLink, danglingLink, hardLink, fifo, directory, foreignFile

        /// Puts it at `path`, with `content` where it can have any.
        func make(at path: String, content: String, _ world: World) {
            let target = world.path("victim")
            let script =
                switch self {
                case .symbolicLink: "printf %s \"$3\" > \"$2\" && ln -s \"$2\" \"$1\""
                case .danglingLink: "ln -s \"$2.absent\" \"$1\""
                case .hardLink: "printf %s \"$3\" > \"$2\" && ln \"$2\" \"$1\""
                case .fifo: "mkfifo \"$1\""
                case .directory: "mkdir \"$1\" && printf %s \"$3\" > \"$1/inside\""
                case .foreignFile: "printf %s \"$3\" > \"$1\" && chown 65534 \"$1\""
                }
            let made = ShellCommand.run("sh", ["-c", script, "sh", path, target, content])
            #expect(made.status == 0, "\(made.errorText)")
        }

        /// Only root can give files away.
        var isPossible: Bool { self != .foreignFile || geteuid() == 0 }
    }

    private static let document = "a: CANARY\n"

    /// Everything in the world, with times, but for the pins of keyrings.
    private func everything(_ world: World) -> String {
        ShellCommand.run(
            "find",
            [
                world.path(""), "-path", world.path("home"), "-prune", "-o", "-printf",
                "%p %y %m %U %n %s %T@ %l\n",
            ]
        ).text.split(separator: "\n").sorted().joined(separator: "\n")
    }

    @Test(arguments: Obstacle.allCases.filter(\.isPossible))
    func
        `F016: an output that is a link, FIFO, directory or somebody else's file is not followed or replaced`(
            obstacle: Obstacle
        ) throws
    {
        for (verb, file) in [
            (["seal"], "cases/a.yaml"), (["seal"], "cases/a.bin"), (["set"], "cases/a.yaml"),
            (["open", "--output"], "opened"), (["open", "--in-place"], "cases/a.yaml"),
            (["edit"], "cases/a.yaml"),
        ] {
            let world = World.withCases()
            world.config.write("cases/b.yaml", Self.document)
            world.must("seal", "cases/b.yaml")
            let content =
                verb[0] == "open" || verb[0] == "edit" ? world.text("config/cases/b.yaml") : Self.document
            obstacle.make(at: world.path("config/\(file)"), content: content, world)
            let before = everything(world)
            let outcome =
                switch verb {
                case ["seal"]: world.run("seal", file)
                case ["set"]: world.run("set", file, "a", stdin: "CANARY two")
                case ["edit"]: world.run("edit", file, identity: "alice", adding: ["EDITOR": "echo '# x' >>"])
                case ["open", "--output"]:
                    world.run("open", "cases/b.yaml", "--output", file, identity: "alice")
                default: world.run("open", file, "--in-place", identity: "alice")
                }
            // What leads nowhere or is somebody else's is told before anything is opened.
            let codes: [Int32] = verb == ["open", "--in-place"] || verb == ["edit"] ? [4, 6] : [6]
            #expect(codes.contains(outcome.status), "\(verb) \(obstacle): \(outcome.errorText)")
            expect(outcome, outcome.status, file)
            #expect(outcome.stdout.isEmpty)
            #expect(everything(world) == before, "\(verb) \(obstacle)")
        }
    }

    @Test func `F028: an opened file is closed to others from its first moment, and replaces as a whole`()
        throws
    {
        let world = World()
        let file = "deploy/prod/server.key"
        let old = String(repeating: "old content\n", count: 1000)
        func prepare(_ exists: Bool) {
            _ = ShellCommand.run("rm", ["-rf", world.path("out")])
            unsafe mkdir(world.path("out"), 0o777)
            unsafe chmod(world.path("out"), 0o777)
            guard exists else { return }
            world.write("out/key", old)
            unsafe chmod(world.path("out/key"), 0o644)
        }
        /// The program, started by a shell without any mask, as root would have it in a container.
        func open() -> CrashPoints {
            CrashPoints(
                "/bin/sh",
                [
                    "-c", "umask 000 && exec \"$@\"", "sh", World.program, "open", file, "--output",
                    world.path("out/key"), "--identity", world.path("alice.identity"),
                ],
                environment: ["PATH": "/usr/bin:/bin", "HOME": world.path("home")],
                directory: world.config.path)
        }
        for exists in [false, true] {
            prepare(exists)
            let clean = open().run(.none)
            #expect(clean.status == 0, "\(String(decoding: clean.stderr, as: UTF8.self))")
            #expect(world.text("out/key") == World.serverKey)
            #expect(ShellCommand.run("stat", ["-c", "%a %h", world.path("out/key")]).text == "600 1")
            for number in 1...clean.callCount {
                prepare(exists)
                #expect(open().run(.killAfter(number)).isReached)
                let found = ShellCommand.run("find", [world.path("out"), "-type", "f", "-printf", "%m %f\n"])
                    .text
                for line in found.split(separator: "\n") {
                    let isOld = line == "644 key" && world.text("out/key") == old
                    #expect(line.hasPrefix("600 ") || (exists && isOld), "\(number): \(line)")
                    if line == "600 key" { #expect(world.text("out/key") == World.serverKey) }
                }
                // The next run takes away what this one left.
                #expect(open().run(.none).status == 0)
                #expect(leftovers(below: world.path("out")) == [])
                #expect(world.text("out/key") == World.serverKey)
            }
        }
        // In place, too: a sealed file is public, what it opens to is not.
        unsafe chmod(world.path("config/\(file)"), 0o644)
        world.must("open", file, "--in-place", identity: "alice")
        #expect(ShellCommand.run("stat", ["-c", "%a", world.path("config/\(file)")]).text == "600")
    }
}
