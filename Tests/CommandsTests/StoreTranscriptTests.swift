import Support
import Testing

/// Exit codes of the verbs around the store (CASES.md section 1).
@Suite struct StoreTranscriptTests {
    /// A world with a sync and a backup done.
    private func world() -> (world: World, id: String) {
        let world = World()
        world.makeStore()
        world.writeUploads()
        expect(world.sync(), 0)
        return (world, world.backup())
    }

    private func restore(_ world: World, _ arguments: String..., into place: String) -> ShellCommand.Outcome {
        let options = ["restore", "--store", world.path("store"), "--into", world.path(place)]
        return world.run(options + arguments, identity: "alice")
    }

    @Test func `restore goes into an absent or empty directory alone`() throws {
        let (world, id) = world()
        world.write("full/file", "x")
        expect(restore(world, "--snapshot", "latest", into: "full"), 2, "empty")
        #expect(try FileTree(world.path("full"))?.paths == ["file"])
        expect(restore(world, "--snapshot", String(id.prefix(8)), into: "fresh"), 0)
        expect(restore(world, "--snapshot", "ffffffff", into: "none"), 2)
        #expect(try FileTree(world.path("none")) == nil)
    }

    @Test func `an unknown commit shows the snapshots that there are`() throws {
        let (world, id) = world()
        let outcome = restore(world, "--commit", String(repeating: "0", count: 40), into: "none")
        expect(outcome, 2, "no snapshot")
        #expect(outcome.errorText.contains("hint: there is \(id)"))
        #expect(outcome.errorText.contains(world.config.git("rev-parse", "HEAD")))
        #expect(try FileTree(world.path("none")) == nil)
    }

    @Test func `one source alone is its own content`() throws {
        let (world, _) = world()
        expect(restore(world, "--snapshot", "latest", "--source", "orders", into: "one"), 0)
        #expect(world.bytes("one/orders") == world.bytes("host/orders.sql"))
        expect(restore(world, "--snapshot", "latest", "--source", "config", into: "bare"), 0)
        #expect(
            ScratchRepository(at: world.path("bare")).git("rev-parse", "main")
                == world.config.git("rev-parse", "main"))
        expect(restore(world, "--snapshot", "latest", "--source", "nothing", into: "none"), 2)
    }

    @Test func `snapshots are looked into, and a file comes out with its bytes`() {
        let (world, id) = world()
        let store = world.path("store")
        func run(_ arguments: String...) -> ShellCommand.Outcome {
            world.run(["snapshots"] + arguments + ["--store", store], identity: "alice")
        }
        let shown = run("show", "latest")
        expect(shown, 0)
        for name in ["config", "uploads", "orders", "keyring", id] {
            #expect(shown.text.contains(name), "\(name)")
        }
        #expect(run("ls", id, "uploads/albums").text.contains("uploads/albums/summer/photo.jpg"))
        #expect(
            run("cat", "latest", "uploads/albums/summer/photo.jpg").stdout
                == world.bytes("host/uploads/albums/summer/photo.jpg"))
        #expect(run("cat", "latest", "orders").stdout == world.bytes("host/orders.sql"))
        expect(run("cat", "latest", "uploads/absent"), 2)
        expect(run("cat", "latest", "nothing/at/all"), 2, "no source")
        expect(run("show", "0123"), 2, "eight digits")
    }

    @Test func `what is asked for as JSON is JSON, alone on standard output`() {
        let (world, _) = world()
        world.config.write("deploy/prod/plain.key", "CANARY\n")
        let store = ["--store", world.path("store")]
        let calls: [([String], Int32)] = [
            (["snapshots", "list", "--json"] + store, 0),
            (["snapshots", "show", "latest", "--json"] + store, 0),
            (["snapshots", "ls", "latest", "uploads", "--json"] + store, 0),
            (["store", "info", "--json"] + store, 0), (["store", "check", "--json"] + store, 0),
            (["restore", "--snapshot", "latest", "--into", world.path("json"), "--json"] + store, 0),
            (["sync", "prod", "--once", "--json", "--config", world.settings], 0),
            (["backup", "prod", "--json", "--config", world.settings], 0), (["check", "--json"], 5),
        ]
        for (arguments, status) in calls {
            let isHost = arguments.contains("--config")
            let outcome = world.run(arguments, identity: isHost ? nil : "alice")
            expect(outcome, status)
            let parsed = ShellCommand.run("python3", ["-m", "json.tool"], stdin: outcome.stdout)
            #expect(parsed.status == 0, "\(arguments): \(outcome.text)")
            #expect(!outcome.text.contains("CANARY"), "\(arguments)")
        }
    }

    @Test func `F080, F084: what could not be captured makes a backup partial`() {
        let (world, _) = world()
        world.edit("host/strongroom.yaml", "run: [\"cat\"", "run: [\"sh\", \"-c\", \"echo good; exit 3\"")
        let outcome = world.run("backup", "prod", "--config", world.settings)
        expect(outcome, 10)
        #expect(outcome.text.utf8.count == 64)
        let listed = world.run(
            "snapshots", "list", "--json", "--store", world.path("store"), identity: "alice")
        #expect(listed.text.contains("\"status\" : \"partial\""), "\(listed.text)")
        // An absent directory as well.
        world.writeSettings()
        TemporaryDirectory.removeTree(world.path("host/uploads"))
        expect(world.run("backup", "prod", "--config", world.settings), 10)
    }

    @Test func `a damaged store is told, and other snapshots still restore`() throws {
        // F090, F091
        let (world, first) = world()
        let uploads = try FileTree(world.path("host/uploads"), withTimes: true)
        let pristine = world.path("store-pristine")
        World.copy(world.path("store"), to: pristine)
        // What can't be compressed, so that the flipped bit hits content.
        var generator = SystemRandomNumberGenerator()
        world.write("host/uploads/second", (0..<2000).map { _ in "\(generator.next())" }.joined())
        _ = world.backup()
        expect(check(world), 0)
        let added = files(world.path("store")).filter { !files(pristine).contains($0) }
        let pack = try #require(
            added.filter { $0.contains("pack") }.max { size(world, $0) < size(world, $1) })
        flip(world.path("store") + pack, at: 1000)
        let outcome = check(world)
        expect(outcome, 9)
        #expect(outcome.text.contains("damaged"))
        expect(restore(world, "--snapshot", "latest", into: "broken"), 9)
        #expect(try FileTree(world.path("broken/directories/uploads"))?.paths.contains("second") == false)
        #expect(world.text("broken/directories/uploads/readme") == "hello")
        expect(restore(world, "--snapshot", first, into: "older"), 0)
        #expect(try FileTree(world.path("older/directories/uploads"), withTimes: true) == uploads)
        TemporaryDirectory.removeTree(world.path("store") + pack)
        expect(check(world), 9)
    }

    @Test func `every file of a store is covered by check`() throws {
        // F091: each file emptied in turn.
        let (world, _) = world()
        let pristine = world.path("store-pristine")
        World.copy(world.path("store"), to: pristine)
        for file in files(pristine) {
            world.write("store" + file, "")
            let outcome = check(world)
            #expect([9, 3, 4, 5].contains(outcome.status) || outcome.text.contains("note"), "\(file)")
            World.replace(world.path("store"), with: pristine)
        }
        expect(check(world), 0)
    }

    @Test func `another store in the place of a known one is refused`() {
        let (world, _) = world()
        _ = world.run("snapshots", "list", "--store", world.path("store"), identity: "alice")
        TemporaryDirectory.removeTree(world.path("store"))
        world.makeStore()
        TemporaryDirectory.removeTree(world.path("home/.local"))
        // The host's own pin, in its state directory.
        expect(world.run("backup", "prod", "--config", world.settings), 5)
    }

    @Test func `a store is made in an empty directory, and for somebody`() {
        let world = World()
        world.write("taken/file", "x")
        expect(world.run("store", "init", world.path("taken"), identity: "alice"), 2)
        expect(
            world.run("store", "init", world.path("new"), "--reader", "age1nothing", identity: "alice"), 2)
        expect(
            world.run(
                "store", "init", world.path("new"), "--reader", world.text("host.recipient"),
                identity: "alice"), 2, "nobody could add")
        expect(world.run("store", "init", "s3://b/x", identity: "alice"), 2, "3 to 63 characters")
        expect(world.run("backup", "prod", "--config", world.settings), 2)
    }

    @Test func `a share of the data is read each time, and the rest is told`() {
        let (world, _) = world()
        let store = world.path("store")
        func check(_ words: String...) -> ShellCommand.Outcome {
            world.run(["store", "check"] + words, identity: "alice")
        }
        expect(check(store), 0, "never read")
        expect(check("--read-data=1%", store), 0, "structure, and")
        expect(check("--read-data", store), 0, "every byte read")
        let told = check("--read-data=1%", "--store", store)
        expect(told, 0, "all data was read since 20")
        let json = check("--json", store)
        expect(json, 0)
        #expect(json.text.contains("\"unreadPacks\" : 0") || json.text.contains("\"unreadPacks\":0"))
        // What isn't a share isn't taken for one.
        expect(check("--read-data=half", store), 2, "share")
        expect(check("--read-data=500%", store), 2, "share")
        expect(check("--read-data=0%", store), 2, "share")
        // The memory is this machine's: without it nothing is known to have been read.
        TemporaryDirectory.removeTree(world.path("home/.local/state/strongroom/stores"))
        expect(check(store), 0, "never read")
    }

    private func check(_ world: World) -> ShellCommand.Outcome {
        world.run("store", "check", "--read-data", "--store", world.path("store"), identity: "alice")
    }

    /// The files below `path`, from there.
    private func files(_ path: String) -> [String] {
        ShellCommand.run("find", [path, "-type", "f", "-printf", "/%P\n"]).text
            .split(separator: "\n").map(String.init).sorted()
    }

    private func size(_ world: World, _ file: String) -> Int { world.bytes("store" + file)?.count ?? 0 }

    private func flip(_ path: String, at offset: Int) {
        let script = """
            import sys
            with open(sys.argv[1], 'r+b') as f:
                f.seek(int(sys.argv[2])); byte = f.read(1)[0]; f.seek(int(sys.argv[2])); f.write(bytes([byte ^ 1]))
            """
        let outcome = ShellCommand.run("python3", ["-c", script, path, "\(offset)"])
        precondition(outcome.status == 0, outcome.errorText)
    }
}
