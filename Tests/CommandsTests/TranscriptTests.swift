import Support
import Testing

/// Exit codes and messages of CASES.md section 1, command by command. `expect` looks at the form of standard error.
@Suite struct TranscriptTests {
    @Test func `what the parser refuses is usage, in the words of all other failures`() {
        let world = World()
        expect(world.run("seal", "--nope", "x"), 2, "strongroom: error: unknown option '--nope'")
        expect(world.run("bogus"), 2, "'bogus'")
        expect(world.run("seal"), 2, "file")
        expect(world.run("sync", "prod"), 2, "add --once")
        expect(world.run("sync", "--once", "--source", ".", "--target", "x"), 2, "--verify none")
        expect(world.run("restore", "--into", "x"), 2, "--snapshot")
        expect(world.run("open", "-"), 2, "--path")
        expect(world.run("set", "a", "b", "--type", "date"), 2, "--type")
    }

    @Test func `help and version are data`() {
        let world = World()
        for arguments in ["--help", "--version"] {
            let outcome = world.run(arguments)
            #expect(outcome.status == 0)
            #expect(!outcome.stdout.isEmpty && outcome.stderr.isEmpty, "\(arguments)")
        }
        let verbs = world.run("--help").text
        for verb in [
            "init", "seal", "set", "open", "check", "sync", "backup", "restore", "snapshots", "store",
        ] {
            #expect(verbs.contains(verb), "\(verb)")
        }
    }

    @Test func `malformed YAML names its line`() {
        let world = World()
        world.config.write("deploy/prod/bad.yaml", "kind: Secret\nstringData:\n  password: [CANARY\nb: 2\n")
        expect(world.run("seal", "deploy/prod/bad.yaml"), 3, "deploy/prod/bad.yaml: line ")
        world.config.write("deploy/prod/bad.yaml", "a: 1\na: CANARY\n")
        expect(world.run("seal", "deploy/prod/bad.yaml"), 3, "line 2")
        world.config.write("deploy/prod/bad.json", "{\"a\": 1,\n \"b\": CANARY}\n")
        expect(world.run("seal", "deploy/prod/bad.json"), 3, "line 2")
    }

    @Test func `bounds are kept`() {
        // F006, F007
        let world = World()
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for n in 1...9 {
            bomb += "a\(n): &a\(n) [" + (0..<9).map { _ in "*a\(n - 1)" }.joined(separator: ", ") + "]\n"
        }
        world.config.write("deploy/prod/bomb.yaml", bomb)
        expect(world.run("seal", "deploy/prod/bomb.yaml"), 11)
        world.config.write("deploy/prod/deep.json", String(repeating: "[", count: 100_000))
        expect(world.run("seal", "deploy/prod/deep.json"), 11)
        world.config.write("deploy/prod/deep.yaml", String(repeating: "[", count: 100_000))
        expect(world.run("seal", "deploy/prod/deep.yaml"), 11)
    }

    @Test func `seal says what it did, and nothing where nothing is to be done`() {
        let world = World()
        let before = world.text("config/deploy/prod/database.yaml")
        expect(world.run("seal", "deploy/prod/database.yaml"), 0, "sealed 0 values", "4 sealed before")
        expect(world.run("seal", "deploy/prod/server.key"), 0, "sealed 0 files")
        #expect(world.text("config/deploy/prod/database.yaml") == before)
        expect(world.run("seal", "deploy/prod/app.yaml"), 2, "0 values matched")
        #expect(world.text("config/deploy/prod/app.yaml") == "listen: 8080\n")
        world.config.write("elsewhere/secret.yaml", World.database)
        expect(world.run("seal", "elsewhere/secret.yaml"), 2, "no rule")
        #expect(world.text("config/elsewhere/secret.yaml") == World.database)
        expect(world.run("seal", "deploy/prod/absent.yaml"), 2, "absent.yaml")
        expect(world.run("seal", "../outside.yaml"), 2)
        world.config.write("deploy/prod/new.yaml", World.database)
        let dry = world.run("seal", "--dry-run", "deploy/prod/new.yaml")
        expect(dry, 0, "would seal 4 values")
        #expect(world.text("config/deploy/prod/new.yaml") == World.database)
        #expect(dry.stdout.isEmpty)
    }

    @Test func `a link, a hard link and a directory are not sealed through`() {
        // F016
        let world = World()
        world.config.write("deploy/prod/new.yaml", World.database)
        _ = ShellCommand.run("ln", ["-s", "new.yaml", world.path("config/deploy/prod/link.yaml")])
        expect(world.run("seal", "deploy/prod/link.yaml"), 6)
        expect(world.run("seal", "deploy/prod/old"), 6)
        _ = ShellCommand.run(
            "ln", [world.path("config/deploy/prod/new.yaml"), world.path("config/deploy/prod/twin.yaml")])
        expect(world.run("seal", "deploy/prod/twin.yaml"), 6)
        #expect(world.text("config/deploy/prod/new.yaml") == World.database)
    }

    @Test func `a wrong identity opens nothing`() {
        let world = World()
        for file in ["deploy/prod/database.yaml", "deploy/prod/server.key"] {
            let outcome = world.run("open", file, identity: "mallory")
            expect(outcome, 4, "Keys/prod.yaml")
            #expect(outcome.stdout.isEmpty)
        }
        world.edit("host/strongroom.yaml", "host.identity", "mallory.identity")
        expect(world.sync(), 4)
        expect(world.run("open", "deploy/prod/database.yaml"), 2, "no such identity file")
    }

    @Test func `F031, F032: an identity that others can read, or that is none, is refused`() {
        let world = World()
        _ = ShellCommand.run("chmod", ["644", world.path("alice.identity")])
        expect(world.run("open", "deploy/prod/database.yaml", identity: "alice"), 5, "alice.identity")
        let allowed = world.run(
            "open", "deploy/prod/database.yaml", "--allow-exposed-identity", identity: "alice")
        #expect(allowed.text == World.database)
        world.write("alice.identity", "# nothing\nAGE-SECRET-KEY-1CANARY\n")
        _ = ShellCommand.run("chmod", ["600", world.path("alice.identity")])
        expect(world.run("open", "deploy/prod/database.yaml", identity: "alice"), 3, "line 2")
    }

    @Test func `check refuses plaintext that must be sealed, and says where`() {
        let world = World()
        expect(world.run("check"), 0)
        world.config.write("deploy/prod/plain.key", "CANARY\n")
        let outcome = world.run("check")
        expect(outcome, 5)
        #expect(outcome.text.contains("deploy/prod/plain.key"))
        #expect(!outcome.text.contains("CANARY"))
        expect(world.run("check", "deploy/prod/app.yaml"), 0)
    }

    @Test func `nothing is ever overwritten by init and keys new`() {
        let world = World()
        let (rules, keyring) = (world.text("config/.strongroom.yaml"), world.text("config/Keys/prod.yaml"))
        expect(world.run("init", "--environment", "prod", identity: "alice"), 2, "Keys/prod.yaml")
        #expect(world.text("config/.strongroom.yaml") == rules)
        #expect(world.text("config/Keys/prod.yaml") == keyring)
        let identity = world.text("alice.identity")
        let outcome = world.run("keys", "new", "--output", world.path("alice.identity"))
        expect(outcome, 2, "exists already")
        #expect(outcome.stdout.isEmpty)
        #expect(world.text("alice.identity") == identity)
        expect(world.run("init", "--environment", "Prod!", identity: "alice"), 2)
        expect(world.run("init", "--environment", "x", in: "host"), 2, "not in a Git repository")
        #expect(ShellCommand.run("stat", ["-c", "%a", world.path("alice.identity")]).text == "600")
    }

    @Test func `set seals with public keys alone, and only where a rule is`() {
        let world = World()
        let before = world.text("config/deploy/prod/database.yaml")
        expect(
            world.run(
                "set", "deploy/prod/database.yaml", "stringData.password",
                stdin: "CANARY: a 'new' one # yes\n"),
            0)
        let opened = world.run("open", "deploy/prod/database.yaml", identity: "alice")
        #expect(opened.text.contains("CANARY: a 'new' one # yes"))
        // No other line changes.
        let changed = zip(
            before.split(separator: "\n", omittingEmptySubsequences: false),
            world.text("config/deploy/prod/database.yaml").split(
                separator: "\n", omittingEmptySubsequences: false)
        ).filter { $0 != $1 }
        #expect(changed.count == 1)
        expect(world.run("set", "README.md", "a", stdin: "CANARY"), 5, "no rule")
        expect(
            world.run(
                "set", "deploy/prod/database.yaml", "metadata.name", "--document", "0", stdin: "CANARY"), 5)
        expect(world.run("set", "deploy/prod/database.yaml", "a..b", stdin: "CANARY"), 2)
        expect(
            world.run(
                "set", "deploy/prod/database.yaml", "stringData.password",
                stdin: sealedToken(in: before)), 5, "sealed token")
    }

    @Test func `settings are checked before anything is done`() {
        let world = World()
        world.edit("host/strongroom.yaml", "targets:", "target:")
        expect(world.sync(), 2, "line ")
        world.writeSettings()
        world.edit("host/strongroom.yaml", "backup:", "notify: []\n    backup:")
        expect(world.sync(), 2, "not supported")
        world.writeSettings()
        expect(world.run("sync", "nowhere", "--once", "--config", world.settings), 2, "prod")
        expect(world.run("sync", "prod", "--once", "--config", "/nonexistent/x"), 2)
        world.edit("host/strongroom.yaml", world.config.path, world.config.path + "-gone")
        expect(world.sync(), 2)
        world.writeSettings()
        world.edit("host/strongroom.yaml", "branch: main", "branch: gone")
        expect(world.sync(), 5)
    }

    @Test func `F060: a directory that is not ours is no target`() throws {
        let world = World()
        world.write("host/app/foreign", "somebody else's")
        expect(world.sync(), 6, "not Strongroom's")
        #expect(try world.delivered()?.paths == ["foreign"])
        // A link of somebody else is no better.
        _ = ShellCommand.run("sh", ["-c", "rm -r \"$1\" && ln -s /etc \"$1\"", "sh", world.path("host/app")])
        expect(world.sync(), 6)
        #expect(world.link("host/app") == "/etc")
    }

    @Test func `one sync at a time`() throws {
        // F048
        let world = World()
        expect(world.sync(), 0)
        world.config.write("deploy/prod/app.yaml", "listen: 9090\n")
        world.config.commit("Second")
        let before = try world.delivered()
        let held = ShellCommand.run(
            "flock",
            [
                world.path("host/state/locks/prod"), World.program, "sync", "prod", "--once", "--config",
                world.settings,
            ])
        expect(held, 8, "another process")
        #expect(try world.delivered() == before)
        expect(world.sync(), 0)
        #expect(try world.delivered() != before)
    }

    private func sealedToken(in text: String) -> String {
        text.split { $0 == "\n" || $0 == " " }.first { $0.hasPrefix("sealed.v1.") }.map(String.init) ?? ""
    }
}
