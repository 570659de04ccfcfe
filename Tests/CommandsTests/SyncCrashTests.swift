import Glibc
import Support
import Testing

/// A sync killed, or failed, at each of its state-changing system calls: F014, F057, F058, F097 with the real program.
@Suite struct SyncCrashTests {
    /// What the target shows before a run and what it shows after it.
    enum Stage: CaseIterable, Sendable {
        /// Nothing was ever delivered.
        case first
        /// One file changes, one is added, one goes.
        case second
    }

    /// A world just before the run, which can be put back to that.
    private struct Scene {
        let world = World()
        let old: FileTree?
        let new: FileTree

        init(_ stage: Stage) throws {
            if stage == .second {
                expect(world.sync(), 0)
                world.must(
                    "set", "deploy/prod/database.yaml", "stringData.password", stdin: "CANARY of the second")
                world.config.git("rm", "-q", "deploy/prod/old/gone.yaml")
                world.config.write("deploy/prod/more/new.yaml", "new: true\n")
                world.config.commit("Second")
            }
            old = try world.delivered()
            World.copy(world.path("host"), to: world.path("host-before"))
            expect(world.sync(), 0)
            new = try #require(try world.delivered())
            #expect(old != new)
            restore()
        }

        /// Puts the host back to where it was before the run.
        func restore() { World.replace(world.path("host"), with: world.path("host-before")) }

        var points: CrashPoints { world.points("sync", "prod", "--once", "--config", world.settings) }
    }

    /// Cases that run beside each other: every point of each stage falls to one of two.
    private static let shares = Stage.allCases.flatMap { stage in [(stage, 0), (stage, 1)] }

    @Test(arguments: shares)
    func `F057 killed after any of its calls, a sync leaves old or new, and the next run completes it`(
        stage: Stage, share: Int
    ) throws {
        let scene = try Scene(stage)
        var (oldCount, newCount, number) = (0, 0, share + 1)
        while true {
            scene.restore()
            let outcome = scene.points.run(.killAfter(number))
            guard outcome.isReached else {
                #expect(outcome.status == 0)
                break
            }
            let call = "after \(outcome.calls.last ?? "")"
            let shown = try scene.world.delivered()
            #expect(shown == scene.old || shown == scene.new, "half delivered \(call)")
            // Once switched, it stays so.
            if shown == scene.new { newCount += 1 } else { oldCount += 1 }
            #expect(shown == scene.new || newCount == 0, "back to old \(call)")
            let next = scene.world.sync()
            #expect(next.status == 0, "\(call): \(next.errorText)")
            #expect(try scene.world.delivered() == scene.new, "\(call)")
            #expect(leftovers(below: scene.world.path("host")) == [], "\(call)")
            number += 2
        }
        #expect(oldCount > 10 && newCount > 5)
    }

    @Test(arguments: Stage.allCases, [ENOSPC, EIO, EROFS, EDQUOT, EACCES])
    func `F058 a call that fails for lack of space, of rights or by the disk never gives half a delivery`(
        stage: Stage, errno: Int32
    ) throws {
        let scene = try Scene(stage)
        let clean = scene.points.run(.none)
        // A file system that turns read-only, a quota and rights that are gone stay so.
        let isPassing = [ENOSPC, EIO].contains(errno)
        for isPersistent in isPassing ? [true, false] : [true] {
            for number in CrashPoints.spread(isPassing ? 24 : 8, over: clean.callCount) {
                scene.restore()
                let outcome = scene.points.run(.fail(number, errno: errno, persistent: isPersistent))
                let call = "\(clean.calls[number - 1]), errno \(errno), persistent \(isPersistent)"
                let shown = try scene.world.delivered()
                #expect(shown == scene.old || shown == scene.new, "half delivered: \(call)")
                let error = String(decoding: outcome.stderr, as: UTF8.self)
                #expect([0, 6, 7].contains(outcome.status), "\(call): \(outcome.status) \(error)")
                #expect(outcome.status != 0 || shown == scene.new, "success without delivery: \(call)")
                #expect(!error.contains("CANARY"))
                let next = scene.world.sync()
                #expect(next.status == 0, "\(call): \(next.errorText)")
                #expect(try scene.world.delivered() == scene.new, "\(call)")
                #expect(leftovers(below: scene.world.path("host")) == [], "\(call)")
            }
        }
    }
}
