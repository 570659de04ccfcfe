import Glibc
import Support
import Testing

/// `edit` and `exec`: plaintext lies in memory alone, and no longer than the program that needs it runs.
@Suite struct EditTests {
    private static let document = "deploy/prod/database.yaml"

    private func edit(
        _ world: World, _ editor: String, _ file: String = document, identity: String = "alice"
    ) -> ShellCommand.Outcome {
        world.run("edit", file, identity: identity, adding: ["EDITOR": editor])
    }

    private func tokens(_ world: World) -> [String] {
        world.text("config/\(Self.document)").split { $0 == " " || $0 == "\n" }.map(String.init)
            .filter { $0.hasPrefix("sealed.v1.") }
    }

    /// An editor that notes where it works, then runs `script`.
    private func noting(_ world: World, _ script: String) -> String {
        "echo \"$1\" > \(world.path("place")); stat -c '%a' \"$(dirname \"$1\")\" >> \(world.path("place")); \(script);:"
    }

    private func expectNothingLeft(_ world: World, sourceLocation: SourceLocation = #_sourceLocation) {
        let lines = world.text("place").split(separator: "\n").map(String.init)
        #expect(
            lines.count == 2 && lines[0].hasPrefix("/dev/shm/strongroom-"), sourceLocation: sourceLocation)
        #expect(lines.last == "700", sourceLocation: sourceLocation)
        let directory = lines[0].split(separator: "/").dropLast().joined(separator: "/")
        #expect(
            unsafe access("/\(directory)", F_OK) != 0, "\(directory) is left", sourceLocation: sourceLocation)
    }

    @Test func `what is not changed keeps its ciphertext`() {
        let world = World()
        let before = tokens(world)
        let outcome = edit(world, noting(world, "sed -i \"s/'one'/'two'/; s/^# The/# A/\" \"$1\""))
        expect(outcome, 0, "sealed 1 value, 3 kept")
        let after = tokens(world)
        #expect(before.count == 4 && after.prefix(3) == before.prefix(3) && after[3] != before[3])
        let opened = world.must("open", Self.document, identity: "alice")
        #expect(
            opened
                == World.database.replacing("'one'", with: "'two'").replacing(
                    "# The database", with: "# A database"))
        expectNothingLeft(world)
        expect(edit(world, "true"), 0, "unchanged")
        #expect(tokens(world) == after)
    }

    @Test func `a sealed file is edited as a whole`() {
        let world = World()
        expect(edit(world, "sed -i s/CANARY/other/", "deploy/prod/server.key"), 0, "sealed the file")
        let opened = world.must("open", "deploy/prod/server.key", identity: "alice")
        #expect(opened == World.serverKey.replacing("CANARY", with: "other"))
    }

    @Test func `a failure leaves the file as it was`() {
        let world = World()
        let before = world.text("config/\(Self.document)")
        for (editor, status) in [
            (noting(world, "echo x >> \"$1\"; exit 3"), Int32(7)), ("no-such-editor", 7),
            (noting(world, "echo '[' > \"$1\""), 3), (noting(world, "echo 'a: 1' >> \"$1\"; rm \"$1\""), 2),
            (noting(world, "sed -i 's/     password/other/' \"$1\""), 3),
        ] {
            expect(edit(world, editor), status)
            #expect(world.text("config/\(Self.document)") == before, "\(editor)")
            if editor.hasPrefix("echo") { expectNothingLeft(world) }
        }
        expect(edit(world, noting(world, "sed -i 's/^stringData/other/' \"$1\"")), 5, "was sealed")
        #expect(world.text("config/\(Self.document)") == before)
        expect(edit(world, "true", identity: "mallory"), 4)
        let meanwhile = "echo '# x' >> \(world.path("config/\(Self.document)")); echo '# y' >> \"$1\";:"
        expect(edit(world, meanwhile), 8, "changed while")
    }

    @Test(arguments: [("TERM", Int32(SIGTERM)), ("INT", SIGINT), ("HUP", SIGHUP)])
    func `F029: a session that a signal ends leaves nothing behind, and the original as it was`(
        name: String, number: Int32
    ) {
        let world = World()
        let before = world.text("config/\(Self.document)")
        let outcome = edit(world, noting(world, "echo '# x' >> \"$1\"; kill -\(name) $PPID; exec sleep 30"))
        #expect(outcome.status == 128 + number, "\(outcome.errorText)")
        #expect(world.text("config/\(Self.document)") == before)
        expectNothingLeft(world)
    }

    @Test func `F029: an editor that crashes leaves nothing behind, and the original as it was`() {
        let world = World()
        let before = world.text("config/\(Self.document)")
        for signal in ["SEGV", "ABRT", "KILL", "TERM"] {
            let outcome = edit(world, noting(world, "echo '# x' >> \"$1\"; kill -\(signal) $$"))
            expect(outcome, 7, "editor ended with")
            #expect(world.text("config/\(Self.document)") == before)
            expectNothingLeft(world)
        }
    }

    @Test func `F029: a session's copy lies in memory, which a power loss takes away`() {
        let world = World()
        _ = edit(
            world,
            noting(
                world,
                "stat -f -c %T \"$1\" > \(world.path("kind")); stat -c %a \"$1\" >> \(world.path("kind"))"))
        #expect(world.text("kind") == "tmpfs\n600\n")
        expectNothingLeft(world)
        // Nothing of it in any other place: the world holds the plaintext nowhere.
        let found = ShellCommand.run(
            "grep", ["-rlF", World.canary, world.path("config"), world.path("home")])
        #expect(found.text.isEmpty, "\(found.text)")
    }

    @Test func `F029: what a session that was killed left is removed by the next`() {
        let world = World()
        let before = world.text("config/\(Self.document)")
        let outcome = edit(world, noting(world, "kill -KILL $PPID; exec true"))
        #expect(outcome.status == 128 + SIGKILL)
        #expect(world.text("config/\(Self.document)") == before)
        expect(edit(world, "true"), 0, "unchanged")
        expectNothingLeft(world)
    }
}

/// `exec`.
@Suite struct ExecTests {
    private func exec(_ world: World, _ options: [String], _ command: [String]) -> ShellCommand.Outcome {
        ShellCommand.run(
            World.program, ["exec"] + options + ["--"] + command,
            environment: [
                "PATH": "/usr/bin:/bin", "HOME": world.path("home"), "KEPT": "kept", "CODE": "old",
                "STRONGROOM_IDENTITY": world.path("alice.identity"),
            ], directory: world.path("config"))
    }

    private func world() -> World {
        let world = World()
        world.edit(
            "config/.strongroom.yaml", "rules:\n",
            "rules:\n  - { paths: [\"deploy/prod/*.env\"], environment: prod }\n")
        world.config.write("deploy/prod/app.env", "# c\nexport CODE='a b$c'\nPLAIN=x\nQUOTED=\"d\"\n")
        world.config.write(
            "deploy/prod/s.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: shop}\n"
                + "data:\n  BINARY: AAECAw==\nstringData:\n  TEXT: |\n    two\n    lines\n")
        world.must("seal", "deploy/prod/app.env", "deploy/prod/s.yaml")
        return world
    }

    @Test func `values reach the environment of the one program`() {
        let world = world()
        let printed = exec(
            world, ["--file", "deploy/prod/app.env"],
            ["sh", "-c", "echo \"$CODE|$PLAIN|$QUOTED|$KEPT\"; umask"])
        #expect(printed.text == "a b$c|x|d|kept\n0022", "\(printed.text) \(printed.errorText)")
        #expect(
            exec(world, ["--environment-from", "deploy/prod/app.env"], ["sh", "-c", "exit 42"]).status == 42)
        #expect(exec(world, ["--file", "deploy/prod/app.env"], ["sh", "-c", "kill -TERM $$"]).status == 143)
        expect(exec(world, ["--file", "deploy/prod/app.env"], ["/no/such"]), 2, "no such command")
        expect(exec(world, ["--file", "deploy/prod/s.yaml"], ["true"]), 2, "BINARY")
        expect(exec(world, ["--file", "deploy/prod/database.yaml"], ["true"]), 2, "ca.crt")
        expect(exec(world, [], ["true"]), 2, "--file")
        expect(exec(world, ["--file", "deploy/prod/app.env"], []), 2, "--")
    }

    @Test func `values reach files that are gone afterwards`() {
        let world = world()
        let script = """
            cd "$STRONGROOM_FILES" && pwd && stat -c '%a' . BINARY && od -An -tx1 BINARY && cat TEXT && exit 7
            """
        let printed = exec(world, ["--file", "deploy/prod/s.yaml", "--files"], ["sh", "-c", script])
        #expect(printed.status == 7, "\(printed.errorText)")
        let lines = printed.text.split(separator: "\n").map(String.init)
        #expect(lines.dropFirst() == ["700", "400", " 00 01 02 03", "two", "lines"], "\(lines)")
        #expect(unsafe access(lines[0], F_OK) != 0)
        let stopped = exec(
            world, ["--file", "deploy/prod/s.yaml", "--files"],
            ["sh", "-c", "echo $STRONGROOM_FILES; kill -TERM $PPID; exec sleep 30"])
        #expect(stopped.status == 128 + SIGTERM)
        #expect(unsafe access(stopped.text, F_OK) != 0)
    }
}
