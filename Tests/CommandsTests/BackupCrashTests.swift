import Glibc
import Support
import Testing

/// A backup killed at any call, or failed at places spread over its run: F085, F088, F097 with the real program.
@Suite struct BackupCrashTests {
    @Test(arguments: [0, 1])
    func `F088: killed at any call of its run, a backup harms no snapshot and the next one succeeds`(
        share: Int
    ) throws {
        let scene = try BackupScene()
        let total = scene.points.run(.none).callCount
        #expect(total > 40)
        for number in 1...total where number % 2 == share {
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
    func
        `F085, F097: a backup without space or with a failing disk leaves no snapshot that lists as complete`(
            errno: Int32
        ) throws
    {
        let scene = try BackupScene()
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
                    // Where the directory can't be forced to the disk after the rename, whether the snapshot stays is
                    // open (D2): it is there, and no success.
                    let isOpen = outcome.calls.contains { line in
                        line.contains(" fsync ") && line.hasSuffix("/store/snapshots -\(errno)")
                    }
                    #expect(
                        outcome.status == 0 || isOpen && outcome.status == 7,
                        "\(call): exit \(outcome.status) with a complete snapshot: \(error)")
                }
                if outcome.status == 0 {
                    #expect(scene.listed().count == 2, "success without a snapshot: \(call)")
                }
                try scene.expectNextSucceeds(call)
            }
        }
    }
}
