import Support
import Testing

/// `strongroom store keys`: rotation, recipients and agents of a store. Alice administers and reads, the host adds.
@Suite struct StoreKeysTests {
    /// A world with a store and one snapshot by the host.
    private func world() -> (world: World, first: String) {
        let world = World()
        // Alice's key is the admin's, as it makes the store.
        world.must(
            "store", "init", world.path("store"), "--reader", world.text("alice.recipient"), "--writer",
            world.text("host.recipient"), "--agent", "host=\(key("host", world))", "--signing-key",
            world.path("alice"), identity: "alice")
        world.write("uploads/a", String(repeating: "a lamp ", count: 5000))
        return (world, backUp(world))
    }

    /// The key with which the holder of an identity signs as an agent.
    private func key(_ name: String, _ world: World) -> String {
        let shown = world.must("keys", "show", identity: name)
        let line = shown.split(separator: "\n").first { $0.hasPrefix("agent") } ?? ""
        return String(line.split(separator: " ").last ?? "")
    }

    private func backUp(_ world: World, as name: String = "host") -> String {
        world.must("backup", "--store", world.path("store"), world.path("uploads"), identity: name)
    }

    private func keys(_ world: World, _ arguments: String..., identity: String? = "alice")
        -> ShellCommand.Outcome
    {
        world.run(
            ["store", "keys"] + arguments + ["--store", world.path("store")]
                + (["list", "export"].contains(arguments[0]) ? [] : ["--signing-key", world.path("alice")]),
            identity: identity)
    }

    private func restore(
        _ world: World, _ snapshot: String, into place: String, as name: String = "alice"
    ) -> ShellCommand.Outcome {
        world.run(
            "restore", "--snapshot", snapshot, "--into", world.path(place), "--store", world.path("store"),
            identity: name)
    }

    private func storedBytes(_ world: World) -> Int {
        let listed = ShellCommand.run("find", [world.path("store/packs"), "-type", "f", "-printf", "%s\n"])
        return listed.text.split(separator: "\n").compactMap { Int($0) }.reduce(0, +)
    }

    @Test func `what a store's keys are is listed without any key`() {
        let (world, _) = world()
        let listed = keys(world, "list", identity: nil)
        expect(listed, 0)
        for text in [
            "generation  1", "reader      " + world.text("alice.recipient"),
            "writer      " + world.text("host.recipient"), "host \(key("host", world)) add default",
            "default \(key("alice", world)) add,prune default", "admin       ssh-ed25519 ",
        ] {
            #expect(listed.text.contains(text), "\(text) in \(listed.text)")
        }
        let json = keys(world, "list", "--json", identity: nil)
        #expect(ShellCommand.run("python3", ["-m", "json.tool"], stdin: json.stdout).status == 0)
    }

    @Test func `after a rotation older snapshots restore, new ones too, and everything is stored anew`() {
        let (world, first) = world()
        let before = storedBytes(world)
        _ = backUp(world)
        #expect(storedBytes(world) == before)
        expect(keys(world, "rotate", "--read", "--write"), 0, "generation 2")
        let second = backUp(world)
        #expect(storedBytes(world) >= 2 * before)
        for (number, id) in [first, second].enumerated() {
            expect(restore(world, id, into: "out\(number)"), 0)
            #expect(world.bytes("out\(number)/directories/uploads/a") == world.bytes("uploads/a"))
        }
        expect(
            world.run("store", "check", "--read-data", "--store", world.path("store"), identity: "alice"), 0)
        // Stock age opens every secret, the older ones too.
        for file in ["read-1", "read-2", "write-1", "write-2"] {
            let found = ShellCommand.run(
                "sh",
                [
                    "-c", "age -d -i \"$1\" \"$2\"/keys/\"$3\"-*.a.age | wc -c", "sh",
                    world.path("alice.identity"), world.path("store"), file,
                ])
            #expect(found.text == "32", "\(file): \(found.errorText)")
        }
    }

    @Test func `who is taken away opens nothing new, and who is added opens all`() {
        let (world, first) = world()
        expect(keys(world, "rotate", "--add-reader", world.text("mallory.recipient")), 0)
        expect(restore(world, first, into: "theirs", as: "mallory"), 0)
        expect(keys(world, "list", identity: nil), 0, "")
        let taken = keys(
            world, "rotate", "--read", "--write", "--remove-reader", world.text("mallory.recipient"))
        expect(taken, 0, "1 readers")
        expect(restore(world, first, into: "none", as: "mallory"), 4)
        expect(
            world.run("snapshots", "list", "--store", world.path("store"), identity: "mallory"), 4)
        // Taken away without a rotation: said, not hidden.
        expect(keys(world, "rotate", "--add-writer", world.text("mallory.recipient")), 0)
        let told = keys(world, "rotate", "--remove-writer", world.text("mallory.recipient"))
        expect(told, 0, "may have kept the secret")
        expect(keys(world, "rotate", "--remove-reader", world.text("mallory.recipient")), 2, "is none")
        expect(
            keys(world, "rotate", "--remove-reader", world.text("alice.recipient")), 2, "nobody would read")
        expect(keys(world, "rotate"), 2)
        // The host holds `write` alone: it can rewrap that, and not `read`.
        expect(keys(world, "rotate", "--write", identity: "host"), 0)
        expect(keys(world, "rotate", "--read", identity: "host"), 4)
    }

    @Test func `an agent is enrolled with its powers, and revoked with what it added`() {
        let (world, first) = world()
        let mallory = "mallory=" + key("mallory", world)
        expect(keys(world, "rotate", "--add-writer", world.text("mallory.recipient")), 0)
        let refused = world.run(
            "backup", "--store", world.path("store"), world.path("uploads"), identity: "mallory")
        expect(refused, 5, "enrol")
        expect(keys(world, "enrol", mallory, "--trust-group", "other", "--prune"), 0)
        let before = storedBytes(world)
        let theirs = backUp(world, as: "mallory")
        // Of another trust group: nobody's word made it skip an upload.
        #expect(storedBytes(world) >= 2 * before)
        let stolen = world.path("stolen")
        World.copy(world.path("store"), to: stolen)
        expect(keys(world, "enrol", "mallory=\(key("alice", world))"), 2, "another")
        expect(keys(world, "revoke", "nobody"), 2, "no agent")
        expect(keys(world, "revoke", "mallory"), 0, "1 of its snapshots")
        let listed = world.run(
            "snapshots", "list", "--store", world.path("store"), identity: "alice")
        #expect(listed.text.contains(first.prefix(12)) && listed.text.contains(theirs.prefix(12)))
        expect(
            world.run("backup", "--store", world.path("store"), world.path("uploads"), identity: "mallory"), 5
        )
        expect(keys(world, "enrol", mallory), 2, "revoked")

        // The thief works on with the store as it was, and puts what he makes into the store.
        world.write("uploads/b", "planted")
        let planted = world.must(
            "backup", "--store", stolen, world.path("uploads"), identity: "mallory")
        let copied = ShellCommand.run(
            "cp", ["-rn", stolen + "/packs", stolen + "/index", stolen + "/snapshots", world.path("store")])
        #expect(copied.status == 0, "\(copied.errorText)")
        let after = world.run("snapshots", "list", "--store", world.path("store"), identity: "alice")
        expect(after, 0, "revoked")
        #expect(!after.text.contains(planted.prefix(12)) && after.text.contains(theirs.prefix(12)))
        expect(restore(world, planted, into: "none"), 5, "revoked")
        expect(restore(world, theirs, into: "theirs"), 0)
    }

    @Test func `D10: a store that goes back behind a generation that was seen is refused`() {
        let (world, _) = world()
        _ = world.run("snapshots", "list", "--store", world.path("store"), identity: "host")
        World.copy(world.path("store"), to: world.path("older"))
        expect(keys(world, "rotate", "--write"), 0)
        World.replace(world.path("store"), with: world.path("older"))
        for arguments in [["store", "keys", "list"], ["snapshots", "list"], ["store", "check"]] {
            expect(
                world.run(arguments + ["--store", world.path("store")], identity: "alice"), 5, "generation 2")
        }
        expect(
            world.run("backup", "--store", world.path("store"), world.path("uploads"), identity: "host"), 5)
        expect(
            world.run(
                "snapshots", "list", "--store", world.path("store"), "--acknowledge-rollback",
                identity: "alice"), 0
        )
        expect(world.run("store", "check", "--store", world.path("store"), identity: "alice"), 0)
    }

    @Test func `a dry run, a stranger and a full disk change nothing`() throws {
        let (world, _) = world()
        let before = try FileTree(world.path("store"))
        expect(keys(world, "rotate", "--write", "--dry-run"), 0, "would write generation 2")
        expect(keys(world, "revoke", "host", "--dry-run"), 0, "would write")
        #expect(try FileTree(world.path("store")) == before)
        let stranger = world.run(
            "store", "keys", "rotate", "--write", "--store", world.path("store"), "--signing-key",
            world.path("mallory"), identity: "alice")
        expect(stranger, 5, "no admin")
        expect(
            world.run(
                "store", "keys", "enrol", "x=\(String(repeating: "0", count: 64))", "--store",
                world.path("store"), identity: "mallory"), 5)
        #expect(try FileTree(world.path("store")) == before)
    }

    @Test func `exported secrets are ordinary age files, and nothing is overwritten`() {
        let (world, _) = world()
        expect(keys(world, "export", world.path("safe"), identity: nil), 0, "")
        let opened = ShellCommand.run(
            "age", ["-d", "-i", world.path("alice.identity"), world.path("safe/read-1.age")])
        #expect(opened.stdout.count == 32, "\(opened.errorText)")
        expect(keys(world, "export", world.path("safe"), identity: nil), 0)
        world.write("safe/write-1.age", "another")
        expect(keys(world, "export", world.path("safe"), identity: nil), 2)
        #expect(world.text("safe/write-1.age") == "another")
    }

    @Test func `F098: another key, the key of another store and an empty place are told apart`() {
        let (world, _) = world()
        _ = world.run("snapshots", "list", "--store", world.path("store"), identity: "alice")
        let list = ["snapshots", "list", "--store", world.path("store")]
        expect(world.run(list, identity: "mallory"), 4)
        // The keys of another store under the same names.
        world.must("store", "init", world.path("other"), identity: "alice")
        World.copy(world.path("store"), to: world.path("pristine"))
        let swapped = ShellCommand.run(
            "sh",
            [
                "-c",
                "cd \"$1\" && for f in keys/*; do p=${f#keys/}; cat ../other/keys/${p%%-*}-1-*.a.age > $f; done",
                "sh", world.path("store"),
            ])
        #expect(swapped.status == 0, "\(swapped.errorText)")
        expect(world.run(list, identity: "alice"), 9)
        // Another store in its place, and none at all.
        World.replace(world.path("store"), with: world.path("other"))
        expect(world.run(list, identity: "alice"), 5, "another store")
        TemporaryDirectory.removeTree(world.path("store"))
        #expect(ShellCommand.run("mkdir", [world.path("store")]).status == 0)
        expect(world.run(list, identity: "alice"), 2, "no archive store")
        World.replace(world.path("store"), with: world.path("pristine"))
        expect(world.run(list, identity: "alice"), 0)
    }

    @Test(.enabled(if: MotoServer.isExpected, Comment(rawValue: MotoServer.absence)))
    func `in a bucket keys rotate as in a directory`() {
        let world = World()
        world.writeUploads()
        let server = MotoServer()
        let url = "s3://strongroom/backups/keys"
        let variables = [
            "AWS_ACCESS_KEY_ID": MotoServer.accessKeyID, "AWS_SECRET_ACCESS_KEY": MotoServer.secret,
            "AWS_ENDPOINT_URL": server.endpoint,
        ]
        func run(_ arguments: String...) -> ShellCommand.Outcome {
            world.run(arguments + ["--store", url], identity: "alice", adding: variables)
        }
        expect(world.run("store", "init", url, identity: "alice", adding: variables), 0)
        expect(run("backup", world.path("host/uploads")), 0)
        expect(run("store", "keys", "rotate", "--read", "--write"), 0, "generation 2")
        expect(run("store", "keys", "enrol", "host=\(key("host", world))"), 0, "generation 3")
        expect(run("backup", world.path("host/uploads")), 0)
        expect(run("store", "keys", "revoke", "default"), 0, "2 of its snapshots")
        expect(run("restore", "--snapshot", "latest", "--into", world.path("out")), 0)
        #expect(world.text("out/directories/uploads/readme") == "hello")
        expect(run("backup", world.path("host/uploads")), 5)
    }

    @Test func `a rotation killed at any call leaves the old generation or the new`() {
        let (world, first) = world()
        let pristine = world.path("pristine")
        World.copy(world.path("store"), to: pristine)
        World.copy(world.path("home"), to: world.path("home-before"))
        func points() -> CrashPoints {
            world.points(
                "store", "keys", "rotate", "--read", "--write", "--store", world.path("store"),
                "--signing-key", world.path("alice"), identity: "alice")
        }
        let clean = points().run(.none)
        #expect(clean.status == 0 && clean.callCount > 20)
        for number in CrashPoints.spread(24, over: clean.callCount) {
            World.replace(world.path("store"), with: pristine)
            World.replace(world.path("home"), with: world.path("home-before"))
            #expect(points().run(.killAfter(number)).isReached)
            let checked = world.run(
                "store", "check", "--read-data", "--store", world.path("store"), identity: "alice")
            expect(checked, 0)
            expect(restore(world, first, into: "out\(number)"), 0)
            let generation = keys(world, "list", identity: nil).text
            #expect(generation.contains("generation  1") || generation.contains("generation  2"))
            #expect(points().run(.none).status == 0)
        }
    }
}
