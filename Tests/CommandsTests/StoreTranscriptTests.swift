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
        let options = ["restore", "--store", world.path("store"), "--into", world.path(place)] + arguments
        return ShellCommand.run(
            "env",
            ["STRONGROOM_IDENTITY=\(world.path("alice.identity"))", "HOME=\(world.path("home"))"]
                + [World.program] + options)
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

    @Test func `what could not be captured makes a backup partial`() {
        // F080, F084
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
        #expect(try FileTree(world.path("broken")) == nil)
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
        expect(world.run("store", "init", "s3://bucket/x", identity: "alice"), 2, "not supported")
        expect(world.run("backup", "prod", "--config", world.settings), 2)
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
