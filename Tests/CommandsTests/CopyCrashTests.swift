import Files
import Glibc
import Support
import Testing

/// A copy killed, or failed, at places spread over its run, with the real program.
@Suite struct CopyCrashTests {
    private let world = World()
    private let id: String
    private var replica: String { world.path("replica") }

    init() {
        world.makeStore()
        world.writeUploads()
        _ = world.sync()
        _ = world.backup()
        world.write("host/uploads/readme", "changed")
        id = world.backup()
    }

    private var points: CrashPoints { world.points("store", "copy", world.path("store"), replica) }

    /// Whatever is there checks clean, and the next copy completes it.
    private func expectCompletes(_ call: String) throws {
        let check = world.run("store", "check", "--read-data", replica, identity: "alice")
        if world.bytes("replica/config/00000001") != nil {
            // Without a writer's identity the older snapshot may come after the newer one.
            let isSound = check.text.split(separator: "\n").allSatisfy { $0.contains("without a tombstone") }
            #expect(check.status == 0 || isSound, "\(call): \(check.text) \(check.errorText)")
        } else {
            #expect(check.status != 0, "\(call)")
        }
        let next = world.run("store", "copy", world.path("store"), replica)
        #expect(next.status == 0, "\(call): \(next.errorText)")
        #expect(leftovers(below: replica) == [], "\(call)")
        #expect(try objects(replica) == objects(world.path("store")), "\(call)")
    }

    /// The objects of a store but for leases, which stay in their place.
    private func objects(_ path: String) throws -> [Path: FileTree.Entry] {
        try (FileTree(path)?.entries ?? [:]).filter { path, entry in
            entry.kind == .regular && !path.description.hasPrefix("leases/")
        }
    }

    @Test func `F088: killed anywhere, a copy leaves a store that the next one completes`()
        throws
    {
        let total = points.run(.none).callCount
        #expect(total > 60)
        for number in CrashPoints.spread(30, over: total) {
            TemporaryDirectory.removeTree(replica)
            TemporaryDirectory.removeTree(world.path("home/.local"))
            let outcome = points.run(.killAfter(number))
            try expectCompletes("killed after \(outcome.calls.last ?? "")")
        }
        let into = world.path("restored")
        expect(
            world.run("restore", "--store", replica, "--snapshot", id, "--into", into, identity: "alice"), 0)
    }

    @Test(arguments: [ENOSPC, EIO])
    func `F085, F097: a copy without space or to a failing disk says so, and the next one completes it`(
        errno: Int32
    ) throws {
        let clean = points.run(.none)
        for number in CrashPoints.spread(6, over: clean.callCount) {
            TemporaryDirectory.removeTree(replica)
            let outcome = points.run(.fail(number, errno: errno, persistent: true))
            let call = "\(clean.calls[number - 1]), errno \(errno)"
            #expect([0, 7].contains(outcome.status), "\(call): \(outcome.status)")
            try expectCompletes(call)
        }
    }
}
