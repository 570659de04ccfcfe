import Support
import Testing

/// `keys remove`: what follows it in the tree, and what it tells of what was readable.
@Suite struct RemovalTests {
    private static let database = "deploy/prod/database.yaml"

    /// A world whose history holds more than its tree: bob was there from the second commit on.
    private func world() -> World {
        let world = World()
        world.write(
            "bob.recipient", world.must("keys", "new", "--output", world.path("bob.identity"), in: "host"))
        world.must(
            "keys", "add", "--environment", "prod", "bob=" + world.text("bob.recipient"), "--epochs", "all",
            "--signing-key", world.path("alice"), identityOf: "alice")
        world.config.commit("Add bob")
        return world
    }

    private func remove(_ world: World, _ options: String..., name: String = "bob") -> ShellCommand.Outcome {
        world.run(
            ["keys", "remove", "--environment", "prod", name, "--signing-key", world.path("alice")] + options,
            identity: "alice")
    }

    private func tokens(_ world: World, _ file: String = database) -> [String] {
        world.text("config/\(file)").split { $0 == " " || $0 == "\n" }.map(String.init)
            .filter { $0.hasPrefix("sealed.v1.") }
    }

    @Test func `a removal reseals the tree, and what is removed opens nothing of it any more`() {
        let world = world()
        let staging = world.text("config/deploy/staging/database.yaml")
        let outcome = remove(world)
        expect(outcome, 0, "resealed 4 values in 1 files, and 1 sealed files", "commit the keyring")
        #expect(tokens(world).allSatisfy { $0.hasPrefix("sealed.v1.prod-2.") } && tokens(world).count == 4)
        #expect(world.text("config/deploy/staging/database.yaml") == staging)
        for (file, content) in [(Self.database, World.database), ("deploy/prod/server.key", World.serverKey)]
        {
            #expect(world.must("open", file, identity: "alice") == content)
            expect(world.run("open", file, identity: "bob"), 4)
        }
        expect(world.run("check"), 0)
        #expect(leftovers(below: world.config.path) == [])
    }

    @Test func `what was readable is told by value and commits, from every ref and the work tree`() {
        let world = world()
        let git = world.config
        let first = git.git("rev-list", "--max-parents=0", "HEAD").prefix(12)
        // A value on another branch, one that is gone, one that changed, one that no commit has.
        git.git("checkout", "-q", "-b", "topic")
        git.write("deploy/prod/topic.env", "TOPIC=1\n")
        git.write(
            ".strongroom.yaml",
            world.text("config/.strongroom.yaml")
                + "  - { paths: [\"deploy/prod/*.env\"], environment: prod, scope: file }\n")
        world.must("seal", "deploy/prod/topic.env")
        let topic = git.commit("topic").prefix(12)
        git.git("checkout", "-q", "main")
        world.must("set", Self.database, "stringData.password", stdin: "CANARY two")
        git.git("rm", "-q", "deploy/prod/server.key")
        git.git("add", "-A")
        git.git(
            "commit", "-q", "-m", "change and remove", adding: ["GIT_COMMITTER_DATE": "1700100000 +0000"])
        let last = git.git("rev-parse", "HEAD").prefix(12)
        git.write("deploy/prod/new.yaml", World.database.replacing("name: database", with: "name: new"))
        world.must("seal", "deploy/prod/new.yaml")

        let outcome = remove(world, "--dry-run")
        expect(outcome, 0, "10 secrets could be read")
        let lines = outcome.text.split(separator: "\n").map(String.init)
        func line(_ beginning: String) -> String { lines.first { $0.hasPrefix(beginning) } ?? "none" }
        #expect(line("bob: could read") == "bob: could read epochs 1 of prod")
        #expect(
            line("\(Self.database): stringData.password")
                == "\(Self.database): stringData.password (Secret shop/database): prod-1, \(first)..\(last) (2023-11-14 to 2023-11-16), at HEAD"
        )
        #expect(
            line("deploy/prod/server.key: prod-1").hasPrefix(
                "deploy/prod/server.key: prod-1, \(first)..\(topic)"))
        #expect(!line("deploy/prod/server.key: prod-1").contains("at HEAD"))
        #expect(line("deploy/prod/topic.env: TOPIC").contains("prod-1, \(topic)..\(topic)"))
        #expect(line("deploy/prod/new.yaml: stringData.last").hasSuffix("prod-1, not committed"))
        #expect(!outcome.text.contains("staging"))

        let json = remove(world, "--json")
        expect(json, 0)
        let read = ShellCommand.run(
            "python3",
            [
                "-c",
                """
                import json, sys
                d = json.load(sys.stdin)
                assert d["environment"] == "prod" and d["removed"][0]["epochs"] == {"prod": [1]}, d
                assert len(d["readable"]) == 10 and d["history"] == {"commits": 4, "cutOff": False}
                row = [r for r in d["readable"] if r["path"] == "deploy/prod/topic.env"][0]
                assert row["keyPath"] == "TOPIC" and row["epochs"] == [1] and row["members"] == ["bob"]
                assert len(row["firstCommit"]) == 40 and row["firstTime"] == "2023-11-14T22:15:00Z"
                assert sorted(r["path"] for r in d["resealed"]) == ["deploy/prod/database.yaml", "deploy/prod/new.yaml"]
                """,
            ], stdin: json.stdout)
        #expect(read.status == 0, "\(read.errorText)")
    }

    @Test func `a dry run says what would be resealed and changes nothing`() throws {
        let world = world()
        let before = try FileTree(world.config.path)
        let outcome = remove(world, "--dry-run")
        expect(outcome, 0, "would reseal 4 values in 1 files, and 1 sealed files", "dry run")
        #expect(outcome.text.contains("deploy/prod/server.key: the file to prod-2"))
        #expect(try FileTree(world.config.path) == before)
    }

    @Test func `a member who reads from a later epoch could read no more than that`() {
        let world = world()
        world.must(
            "keys", "rotate", "--environment", "prod", "--signing-key", world.path("alice"),
            identityOf: "alice")
        world.config.commit("rotate")
        world.write(
            "eve.recipient", world.must("keys", "new", "--output", world.path("eve.identity"), in: "host"))
        world.must(
            "keys", "add", "--environment", "prod", "eve=" + world.text("eve.recipient"), "--signing-key",
            world.path("alice"), identityOf: "alice")
        world.config.commit("eve")
        let outcome = remove(world, name: "eve")
        expect(outcome, 0, "5 secrets could be read")
        #expect(outcome.text.contains("eve: could read epochs 2 of prod"))
        #expect(!outcome.text.contains("prod-1") && outcome.text.contains("prod-2, "))
    }

    @Test func `who is removed from a member environment could read what that one opens`() {
        let world = world()
        let sign = ["--signing-key", world.path("alice")]
        func keys(_ arguments: [String]) {
            let outcome = world.run(["keys"] + arguments + sign, identity: "alice")
            expect(outcome, 0)
        }
        keys(["add", "--environment", "staging", "--member-environment", "prod", "--epochs", "all"])
        world.config.commit("prod opens staging")
        expect(world.run("open", "deploy/staging/database.yaml", identity: "bob"), 0)
        let outcome = remove(world)
        expect(outcome, 0, "resealed 8 values in 2 files")
        #expect(outcome.text.contains("bob: could read epochs 1 of prod; epochs 1 of staging"))
        #expect(outcome.text.contains("deploy/staging/database.yaml: stringData.password"))
        expect(world.run("open", "deploy/staging/database.yaml", identity: "bob"), 4)
        #expect(world.must("open", "deploy/staging/database.yaml", identity: "alice").contains("CANARY"))
    }

    @Test func `an admin who is no member is told whom to ask, and changes nothing`() throws {
        let world = world()
        let before = try FileTree(world.config.path)
        let outcome = world.run(
            "keys", "remove", "--environment", "prod", "bob", "--signing-key", world.path("alice"),
            identity: "mallory")
        expect(outcome, 4, "no identity here belongs to a member")
        #expect(outcome.errorText.contains("hint: removing wraps older epochs anew, which only a member can"))
        #expect(try FileTree(world.config.path) == before)
        // He can rotate, and is told that resealing is left.
        let rotated = world.run(
            "keys", "rotate", "--environment", "prod", "--signing-key", world.path("alice"),
            identity: "mallory")
        expect(rotated, 10, "prod: not resealed")
        #expect(tokens(world).allSatisfy { $0.hasPrefix("sealed.v1.prod-1.") })
        expect(world.run("reseal", identity: "alice"), 0, "resealed 4 values in 1 files, and 1 sealed files")
    }

    @Test func `the same command finishes a removal that was stopped, and tells the same`() {
        let world = world()
        let told = remove(world, "--no-reseal").text.split(separator: "\n").filter { $0.hasPrefix("deploy/") }
        #expect(told.count == 5)
        expect(world.run("open", "deploy/prod/database.yaml", identity: "bob"), 4)
        let again = remove(world)
        expect(again, 0, "resealed 4 values in 1 files, and 1 sealed files")
        #expect(again.text.contains("bob (removed before): could read epochs 1 of prod"))
        let lines = again.text.split(separator: "\n").filter { $0.hasPrefix("deploy/") && $0.contains("..") }
        #expect(lines == told)
        let generation = world.must("keys", "list", "--environment", "prod")
        #expect(generation.contains("generation 3, epoch 2"))
        expect(remove(world), 0, "resealed 0 values")
        expect(remove(world, name: "nobody"), 2, "there is no member nobody")
    }

    @Test func `a file that does not open is left and named, the others are resealed`() {
        let world = world()
        world.edit("config/\(Self.database)", "name: database", "name: moved")
        let outcome = remove(world)
        expect(outcome, 10, "1 file was left as it is")
        #expect(outcome.errorText.contains("deploy/prod/database.yaml"))
        #expect(outcome.text.contains("deploy/prod/server.key: the file to prod-2"))
    }

    @Test func `a shallow clone's report says that it is cut off`() {
        let world = world()
        ScratchRepository.git([
            "clone", "-q", "--depth", "1", "file://" + world.config.path, world.path("shallow"),
        ])
        let outcome = world.run(
            [
                "keys", "remove", "--environment", "prod", "bob", "--signing-key", world.path("alice"),
                "--dry-run",
            ],
            identity: "alice", in: "shallow")
        expect(outcome, 10, "the list is incomplete")
        #expect(outcome.errorText.contains("the history here is cut off"))
        #expect(outcome.text.contains("deploy/prod/server.key: prod-1, "))
    }

    @Test func `an escrow member is an ordinary reader with a role that is listed`() {
        let world = world()
        world.must(
            "keys", "add", "--environment", "prod", "bob", "--role", "escrow", "--signing-key",
            world.path("alice"),
            identityOf: "alice")
        #expect(world.must("keys", "list", "--environment", "prod").contains("escrow"))
        world.must(
            "keys", "rotate", "--environment", "prod", "--signing-key", world.path("alice"),
            identityOf: "alice")
        #expect(world.must("open", Self.database, identity: "bob") == World.database)
        #expect(world.must("open", "deploy/prod/server.key", identity: "bob") == World.serverKey)
    }
}

extension World {
    /// As `must`, as the holder of an identity.
    @discardableResult
    func must(
        _ arguments: String..., identityOf name: String, sourceLocation: SourceLocation = #_sourceLocation
    ) -> String {
        let outcome = run(arguments, identity: name)
        #expect(outcome.status == 0, "\(outcome.errorText)", sourceLocation: sourceLocation)
        return outcome.text
    }
}
