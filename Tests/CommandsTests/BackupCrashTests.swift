import Glibc
import Support
import Testing

/// A backup killed, or failed, at places spread over its run: F085, F088 with the real program.
@Suite struct BackupCrashTests {
    /// A world with one backup done and live data changed since, which can be put back to that.
    private struct Scene {
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

    @Test(arguments: [0, 1])
    func `killed at twenty places of its run, a backup harms no snapshot and the next one succeeds`(
        share: Int
    ) throws {
        let scene = try Scene()
        let total = scene.points.run(.none).callCount
        #expect(total > 40)
        for (index, number) in CrashPoints.spread(20, over: total).enumerated() where index % 2 == share {
            scene.restore()
            let outcome = scene.points.run(.killAfter(number))
            // Signatures and random names can make a run a few calls shorter than the one that was counted.
            #expect(outcome.isReached || number > total - 5)
            let call = "killed after \(outcome.calls.last ?? "")"
            try scene.expectSound(call)
            // A snapshot is there whole or not at all.
            for snapshot in scene.listed() where snapshot.id != scene.first {
                #expect(snapshot.status == "complete", "\(call)")
                try scene.expectRestores(snapshot.id, scene.now, "second of \(call)")
            }
            try scene.expectNextSucceeds(call)
        }
    }

    @Test(arguments: [ENOSPC, EIO])
    func `a backup that fails for lack of space or by the disk leaves no snapshot that lists as complete`(
        errno: Int32
    ) throws {
        let scene = try Scene()
        let clean = scene.points.run(.none)
        for isPersistent in [true, false] {
            for number in CrashPoints.spread(12, over: clean.callCount) {
                scene.restore()
                let outcome = scene.points.run(.fail(number, errno: errno, persistent: isPersistent))
                let call = "\(clean.calls[number - 1]), errno \(errno), persistent \(isPersistent)"
                let error = String(decoding: outcome.stderr, as: UTF8.self)
                #expect([0, 7, 10].contains(outcome.status), "\(call): \(outcome.status) \(error)")
                try scene.expectSound(call)
                for snapshot in scene.listed() where snapshot.id != scene.first {
                    // I5, I11: what lists as complete is complete, whatever the exit code was.
                    guard snapshot.status == "complete" else { continue }
                    try scene.expectRestores(snapshot.id, scene.now, "second of \(call)")
                    #expect(outcome.status == 0, "\(call): exit \(outcome.status) with a complete snapshot")
                }
                if outcome.status == 0 {
                    #expect(scene.listed().count == 2, "success without a snapshot: \(call)")
                }
                try scene.expectNextSucceeds(call)
            }
        }
    }
}
