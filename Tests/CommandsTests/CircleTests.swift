import Files
import Support
import Testing

/// The whole circle with the real program: seal, commit, sync, back up, lose everything, restore at a commit.
@Suite struct CircleTests {
    @Test func `what was delivered and alive at a commit comes back from the store alone`() throws {
        let world = World()
        world.makeStore()
        world.writeUploads()
        let first = world.config.git("rev-parse", "HEAD")
        expect(world.sync(), 0)
        let (delivered, uploads) = (try world.delivered(), try live(world))
        let references = world.config.git("for-each-ref")
        _ = world.backup()

        // A second commit changes a secret, adds and removes a file; live data changes too.
        world.must(
            "set", "deploy/prod/database.yaml", "stringData.password", stdin: "CANARY of the second commit\n")
        world.config.git("rm", "-q", "deploy/prod/old/gone.yaml")
        world.config.write("deploy/prod/new.yaml", "new: true\n")
        let second = world.config.commit("Rotate the password")
        expect(world.sync(), 0)
        world.write("host/uploads/readme", "changed")
        world.write("host/orders.sql", "nothing\n")
        _ = world.backup()
        let changed = try world.delivered()
        #expect(changed != delivered)

        // Everything is lost but the store, alice's identity, and the fingerprint.
        let trust = world.text("prod.trust")
        for name in ["config", "host", "home", "allowed_signers", "alice", "host.identity"] {
            TemporaryDirectory.removeTree(world.path(name))
        }
        for (commit, expected) in [(first, delivered), (second, changed)] {
            let place = "restored-\(commit.prefix(8))"
            world.must(
                "restore", "--store", "store", "--environment", "prod", "--commit", commit, "--into", place,
                identity: "alice", in: ".")
            let repository = ScratchRepository(at: world.path("\(place)/repositories/config.git"))
            repository.git("fsck", "--strict", "--no-progress")
            world.must(
                "sync", "--once", "--source", "\(place)/repositories/config.git", "--commit", commit,
                "--path",
                "deploy/prod", "--allowed-signers", "\(place)/keyring/allowed_signers", "--trust", trust,
                "--target", "app-\(commit)", "--mode", "0440", identity: "alice", in: ".")
            #expect(try FileTree(world.path("app-\(commit)")) == expected)
            guard commit == first else { continue }
            #expect(try FileTree(world.path("\(place)/directories/uploads"), withTimes: true) == uploads.tree)
            #expect(world.bytes("\(place)/commands/orders") == uploads.orders)
            #expect(repository.git("for-each-ref") == references)
        }
    }

    @Test func `opened files have the bytes that were written, and the mode that is asked for`() throws {
        let world = World()
        expect(world.sync(), 0)
        let delivered = try #require(try world.delivered())
        #expect(delivered["database.yaml"] == Array(World.database.utf8))
        #expect(delivered["server.key"] == Array(World.serverKey.utf8))
        #expect(delivered["app.yaml"] == Array("listen: 8080\n".utf8))
        #expect(delivered.paths == ["app.yaml", "database.yaml", "old", "old/gone.yaml", "server.key"])
        for (path, entry) in delivered.entries where entry.kind == .regular {
            #expect(entry.mode == 0o440, "\(path)")
        }
        // Sealing left every byte of the rest alone: lines that hold no token are those of before.
        let sealed = world.text("config/deploy/prod/database.yaml").split(separator: "\n")
        let plain = Set(World.database.split(separator: "\n"))
        for line in sealed where !line.contains("sealed.v1.") { #expect(plain.contains(line), "\(line)") }
        #expect(!sealed.joined().contains("CANARY"))
        for name in ["database.yaml", "server.key"] {
            let opened = world.run("open", "deploy/prod/\(name)", identity: "alice")
            #expect(opened.stdout == delivered[name], "\(name)")
        }
    }

    @Test func `a second sync changes nothing`() throws {
        let world = World()
        expect(world.sync(), 0)
        let before = try FileTree(world.path("host"), withTimes: true)
        let again = world.sync()
        expect(again, 0)
        #expect(again.text.contains("unchanged"))
        #expect(again.text.hasPrefix(world.config.git("rev-parse", "HEAD")))
        #expect(leftovers(below: world.path("host")).isEmpty)
        // Journal and audit log are written; target and mirror are not touched.
        let after = try FileTree(world.path("host"), withTimes: true)
        let changed = (before?.entries ?? [:]).filter { after?.entries[$0.key] != $0.value }.keys
        #expect(
            changed.allSatisfy {
                $0.description.hasPrefix("state/journal.sqlite") || $0.description.hasPrefix("state/audit/")
            }, "\(changed)")
    }

    @Test func `resealing the same plaintext changes no target`() throws {
        let world = World()
        expect(world.sync(), 0)
        let before = (try world.delivered(), world.link("host/app"))
        let sealed = world.text("config/deploy/prod/database.yaml")
        world.config.write("deploy/prod/database.yaml", World.database)
        world.must("seal", "deploy/prod/database.yaml")
        #expect(world.text("config/deploy/prod/database.yaml") != sealed)
        world.config.commit("Reseal")
        let again = world.sync()
        expect(again, 0)
        #expect(again.text.contains("unchanged"))
        #expect(try world.delivered() == before.0)
        #expect(world.link("host/app") == before.1)
    }

    @Test func `a removed file is pruned, and nothing outside the target is touched`() throws {
        let world = World()
        world.write("host/sentinel/file", "left alone")
        expect(world.sync(), 0)
        let sentinel = try FileTree(world.path("host/sentinel"), withTimes: true)
        let config = try FileTree(world.config.path, withTimes: true)
        world.config.git("rm", "-q", "-r", "deploy/prod/old")
        #expect(try FileTree(world.config.path, withTimes: true) != config)
        world.config.commit("Remove a file")
        let committed = try FileTree(world.config.path, withTimes: true)
        let home = try FileTree(world.path("home"), withTimes: true)
        expect(world.sync(), 0)
        #expect(try world.delivered()?.paths == ["app.yaml", "database.yaml", "server.key"])
        #expect(try FileTree(world.path("host/sentinel"), withTimes: true) == sentinel)
        #expect(try FileTree(world.config.path, withTimes: true) == committed)
        #expect(try FileTree(world.path("home"), withTimes: true) == home)
    }

    @Test func `layout files prunes its own files and leaves foreign ones`() throws {
        let world = World()
        world.edit(
            "host/strongroom.yaml", "mode: \"0440\" }", "mode: \"0440\", layout: files }")
        world.write("host/app/foreign.yaml", "not ours")
        expect(world.sync(), 0)
        #expect(try world.delivered()?["old/gone.yaml"] != nil)
        world.config.git("rm", "-q", "-r", "deploy/prod/old")
        world.config.commit("Remove a file")
        expect(world.sync(), 0)
        let delivered = try #require(try world.delivered())
        #expect(delivered["old/gone.yaml"] == nil)
        #expect(delivered["foreign.yaml"] == Array("not ours".utf8))
        #expect(delivered["database.yaml"] == Array(World.database.utf8))
    }

    @Test func `a dry run says what would change and changes nothing`() throws {
        let world = World()
        let outcome = world.sync("--dry-run")
        expect(outcome, 0)
        #expect(outcome.text.contains("would apply"))
        #expect(outcome.text.contains("database.yaml"))
        #expect(try world.delivered() == nil)
        #expect(try FileTree(world.path("host/.app.generations")) == nil)
    }

    @Test func `without settings, the environment is the one that the path belongs to`() throws {
        let world = World()
        for environment in ["prod", "staging"] {
            world.must(
                "sync", "--once", "--source", world.config.path, "--path", "deploy/\(environment)",
                "--verify",
                "none", "--target", world.path(environment), identity: "host")
        }
        #expect(try FileTree(world.path("prod"))?["database.yaml"] == Array(World.database.utf8))
        #expect(
            try FileTree(world.path("staging"))?["database.yaml"]
                == Array(World.database.replacing("shop\nstring", with: "shop-staging\nstring").utf8))
    }

    @Test func `a writer fills the store and can't read it, its own backups included`() throws {
        let world = World()
        world.makeStore()
        world.writeUploads()
        expect(world.sync(), 0)
        let id = world.backup()
        let listed = world.run("snapshots", "list", "--store", world.path("store"), identity: "host")
        expect(listed, 0)
        #expect(listed.text.contains(id.prefix(8)))
        let refused = world.run(
            "restore", "--store", world.path("store"), "--snapshot", id, "--into", world.path("stolen"),
            identity: "host")
        expect(refused, 4, "not read")
        #expect(try FileTree(world.path("stolen")) == nil)
        // What lies in the store shows neither content nor names.
        let found = ShellCommand.run(
            "grep", ["-rlaE", "CANARY|readme|photo|orders", world.path("store")])
        #expect(found.text.isEmpty, "\(found.text)")
    }

    /// The live data of the host.
    private func live(_ world: World) throws -> (tree: FileTree?, orders: [UInt8]?) {
        (
            try FileTree(world.path("host/uploads"), withTimes: true), world.bytes("host/orders.sql")
        )
    }
}
