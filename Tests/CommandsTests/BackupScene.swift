import Support
import Testing

/// A world with one backup done and live data changed since, which can be put back to that.
struct BackupScene {
    let world = World()
    let first: String
    let before: FileTree?
    let now: FileTree?

    init() throws {
        world.makeStore()
        world.writeUploads()
        expect(world.sync(), 0)
        first = world.backup()
        before = try FileTree(world.path("host/uploads"), withTimes: true)
        var generator = SystemRandomNumberGenerator()
        world.write("host/uploads/second", (0..<20_000).map { _ in "\(generator.next())" }.joined())
        world.write("host/uploads/readme", "changed")
        world.write("host/orders.sql", "INSERT INTO orders VALUES (2, 'a chair');\n")
        world.config.write("deploy/prod/app.yaml", "listen: 9090\n")
        world.config.commit("Second")
        now = try FileTree(world.path("host/uploads"), withTimes: true)
        for place in ["host", "store", "home"] {
            World.copy(world.path(place), to: world.path("\(place)-before"))
        }
    }

    /// Where `path` stood before the run.
    func copy(_ path: String) -> String {
        let root = world.path("")
        let words = path.dropFirst(root.count).split(separator: "/", maxSplits: 1)
        return root + "\(words[0])-before/\(words.dropFirst().first ?? "")"
    }

    /// Puts host, store and what alice remembers of the store back to where they were before the run.
    func restore() {
        for place in ["host", "store", "home"] {
            World.replace(world.path(place), with: world.path("\(place)-before"))
        }
    }

    var points: CrashPoints { world.points("backup", "prod", "--config", world.settings) }

    /// The older snapshot is whole, and so is the store.
    func expectSound(_ call: String) throws {
        let check = world.run(
            "store", "check", "--read-data", "--store", world.path("store"), identity: "alice")
        #expect(check.status == 0, "\(call): \(check.text) \(check.errorText)")
        try expectRestores(first, before, "first of \(call)")
    }

    /// A snapshot restores to the uploads that it is to hold.
    func expectRestores(_ id: String, _ uploads: FileTree?, _ call: String) throws {
        TemporaryDirectory.removeTree(world.path("restored"))
        let outcome = world.run(
            "restore", "--store", world.path("store"), "--snapshot", id, "--into", world.path("restored"),
            identity: "alice")
        #expect(outcome.status == 0, "\(call): \(outcome.errorText)")
        #expect(
            try FileTree(world.path("restored/directories/uploads"), withTimes: true) == uploads,
            "\(call)")
    }

    /// The ids and statuses of the store's snapshots, oldest first.
    func listed() -> [(id: String, status: String)] {
        let outcome = world.run(
            "snapshots", "list", "--json", "--store", world.path("store"), identity: "alice")
        #expect(outcome.status == 0, "\(outcome.errorText)")
        var (ids, statuses): ([String], [String]) = ([], [])
        // Sources have a status too, further in.
        for line in outcome.text.split(separator: "\n") {
            let words = line.split(separator: "\"").map(String.init)
            if line.hasPrefix("    \"id\"") { ids.append(words[3]) }
            if line.hasPrefix("    \"status\"") { statuses.append(words[3]) }
        }
        #expect(ids.count == statuses.count, "\(outcome.text)")
        return Array(zip(ids, statuses))
    }

    /// The next backup succeeds and holds what is there now; nothing temporary is left.
    func expectNextSucceeds(_ call: String) throws {
        let next = world.run("backup", "prod", "--config", world.settings)
        #expect(next.status == 0, "\(call): \(next.errorText)")
        try expectRestores(next.text, now, "next of \(call)")
        #expect(leftovers(below: world.path("store")) == [], "\(call)")
        #expect(leftovers(below: world.path("host")) == [], "\(call)")
    }
}
