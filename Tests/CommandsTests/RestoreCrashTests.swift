import Glibc
import Support
import Testing

/// F101 with the real program: a restore killed or failed at places spread over its run.
@Suite struct RestoreCrashTests {
    private static func points(_ scene: BackupScene) -> CrashPoints {
        scene.world.points(
            "restore", "--store", scene.world.path("store"), "--snapshot", scene.first, "--into",
            scene.world.path("restored"), identity: "alice")
    }

    /// What stands under the final name is whole, or nothing is there.
    private static func expectAllOrNothing(_ scene: BackupScene, _ call: String) throws {
        guard try FileTree(scene.world.path("restored")) != nil else { return }
        #expect(
            try FileTree(scene.world.path("restored/directories/uploads"), withTimes: true) == scene.before,
            "\(call)")
        #expect(scene.world.bytes("restored/REPORT.json") != nil, "\(call)")
    }

    /// The next run completes, and leaves nothing else.
    private static func expectNextCompletes(_ scene: BackupScene, _ call: String) throws {
        if try FileTree(scene.world.path("restored")) == nil {
            let next = scene.world.run(
                "restore", "--store", scene.world.path("store"), "--snapshot", scene.first, "--into",
                scene.world.path("restored"), identity: "alice")
            #expect(next.status == 0, "\(call): \(next.errorText)")
            #expect(try FileTree(scene.world.path(".restored.restoring")) == nil, "\(call)")
        }
        try expectAllOrNothing(scene, call)
        TemporaryDirectory.removeTree(scene.world.path("restored"))
        TemporaryDirectory.removeTree(scene.world.path(".restored.restoring"))
    }

    @Test func `F101: killed at any call, a restore leaves all or nothing, and the next one completes`()
        throws
    {
        let scene = try BackupScene()
        let total = Self.points(scene).run(.none).callCount
        #expect(total > 20)
        TemporaryDirectory.removeTree(scene.world.path("restored"))
        for number in CrashPoints.spread(24, over: total) {
            let outcome = Self.points(scene).run(.killAfter(number))
            let call = "killed after \(outcome.calls.last ?? "")"
            try Self.expectAllOrNothing(scene, call)
            try Self.expectNextCompletes(scene, call)
        }
    }

    @Test(arguments: [ENOSPC, EIO])
    func `F101: without space or with a failing disk a restore ends with exit 7, and the next one completes`(
        errno: Int32
    ) throws {
        let scene = try BackupScene()
        let clean = Self.points(scene).run(.none)
        TemporaryDirectory.removeTree(scene.world.path("restored"))
        for number in CrashPoints.spread(10, over: clean.callCount) {
            let outcome = Self.points(scene).run(.fail(number, errno: errno, persistent: true))
            let call = "\(clean.calls[number - 1]), errno \(errno)"
            let error = String(decoding: outcome.stderr, as: UTF8.self)
            #expect([0, 7].contains(outcome.status), "\(call): \(outcome.status) \(error)")
            try Self.expectAllOrNothing(scene, call)
            try Self.expectNextCompletes(scene, call)
        }
    }
}
