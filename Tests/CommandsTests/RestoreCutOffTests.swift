import Glibc
import Support
import Testing

/// A restore in place that was killed: who speaks of it, and what it keeps others from.
@Suite struct RestoreCutOffTests {
    private func strongroom(_ scene: InPlaceScene, _ arguments: String...) -> ShellCommand.Outcome {
        scene.world.run(arguments + ["--config", scene.world.settings], identity: "alice")
    }

    @Test
    func `status, the service and resume speak of a restore in place that was cut off, until it is undone`()
        throws
    {
        let scene = try InPlaceScene.cutOff()
        let (world, uploads) = (scene.world, scene.world.path("host/uploads"))
        let text = strongroom(scene, "status").text
        for words in [
            "INTERRUPTED", "prod: interrupted", "snapshot \(scene.first.prefix(12)), begun at 20", uploads,
            "restore --in-place --environment prod --undo takes it back",
        ] { #expect(text.contains(words), "\(words): \(text)") }
        let facts =
            "[e['state'], e['restore']['places'], e['restore']['snapshot'], e['restore']['phase'], "
            + "e['restore']['isUnderWay'], len(e['restore']['since'])]"
        let said = "[\"interrupted\", [\"\(uploads)\"], \"\(scene.first)\", \"exchanging\", false, 20]"
        #expect(world.status(facts) == said)
        expect(strongroom(scene, "resume", "prod"), 8, "prod: not resumed", "cut off", uploads)
        #expect(world.status("e['suspended']['reason']").contains("restore in place"))
        let sync = world.sync()
        expect(sync, 8, "prod: not synced", "cut off")
        #expect(sync.errorText.contains("--undo takes it back"))

        let service = Service(world)
        service.until("the service") { world.status("d['service']['process']") == "\(service.process)" }
        #expect(world.status(facts) == said)
        #expect(service.end().code == 0)

        let undone = world.run(scene.arguments + ["--undo", "--json"], identity: "alice")
        expect(undone, 0, "taken back")
        #expect(undone.text.contains("\"outcome\" : \"taken back\""), "\(undone.text)")
        #expect(world.status("[e['state'], e['restore'], e['suspended']]") == "[\"ok\", null, null]")
        expect(strongroom(scene, "resume", "prod"), 0, "nothing was in the way")
    }

    @Test func `status says of a restore in place that it is under way`() throws {
        let status = "\(World.program) status --config $(dirname ORDERS)/strongroom.yaml"
        let scene = try InPlaceScene(
            feeding: "cat > ORDERS.fed; \(status) > ORDERS.words; \(status) --json > ORDERS.json")
        expect(scene.restore(), 0)
        let words = scene.world.text("host/orders.sql.words")
        #expect(words.contains("RESTORING") && words.contains("is under way"), "\(words)")
        #expect(scene.world.text("host/orders.sql.json").contains("\"state\" : \"restoring\""))
    }

    @Test func `a command that takes an output back ends with the program, and so does what it started`()
        throws
    {
        let scene = try InPlaceScene(
            feeding:
                "sleep 100000 & echo $! > ORDERS.child; echo $$ > ORDERS.pid; kill -9 $PPID; sleep 100000")
        #expect(scene.restore().status == 137)
        for name in ["pid", "child"] {
            let process = try #require(pid_t(scene.world.text("host/orders.sql.\(name)").trimmed))
            var isGone = false
            for _ in 0..<360_000 where !isGone {
                isGone = kill(process, 0) != 0
                if !isGone { usleep(10_000) }
            }
            #expect(isGone, "\(name)")
        }
        expect(scene.undo(), 0)
    }

    @Test func `a snapshot of live state of two moments is torn, and takes no good one's place`() throws {
        let scene = try InPlaceScene.cutOff()
        let world = scene.world
        let taken = world.run("backup", "prod", "--config", world.settings)
        expect(taken, 10, "torn")
        #expect(taken.errorText.contains("strongroom: uploads: a restore in place of snapshot"))
        #expect(taken.errorText.contains("was cut off"))
        let list = ["snapshots", "list", "--store", world.path("store"), "--json"]
        let torn = world.run(list, identity: "alice").text
        #expect(torn.contains("\"status\" : \"torn\""), "\(torn)")
        // Neither is it what a restore takes, nor does it push the good one out.
        let plan = world.run(
            "restore", "--store", world.path("store"), "--snapshot", "latest", "--into", world.path("back"),
            "--dry-run", identity: "alice")
        expect(plan, 0, "snapshot \(scene.first)", "passed over: \(taken.text), newer and torn")
        #expect(world.status("e['lastBackup']['message']").contains("the snapshot is torn"))
        expect(scene.undo(), 0)
        expect(world.run("backup", "prod", "--config", world.settings), 0)

        // Nor is it brought back in place unasked, or exported as if it were whole.
        world.edit("host/strongroom.yaml", "kill -9 $PPID; ", "")
        let inPlace = scene.arguments + ["--snapshot", taken.text]
        let refused = world.run(inPlace, identity: "alice")
        expect(refused, 2, "the snapshot is torn")
        #expect(refused.errorText.contains("--accept-partial"))
        #expect(try scene.uploads() == scene.now)
        #expect(
            world.run(inPlace + ["--dry-run"], identity: "alice").text.contains("needs --accept-partial"))
        let export = [
            "snapshots", "export", taken.text, "--store", world.path("store"), "--output",
            world.path("torn.tar"),
        ]
        expect(world.run(export, identity: "alice"), 10, "the snapshot is torn")
        #expect(world.bytes("torn.tar") != nil)
        expect(world.run(inPlace + ["--accept-partial"], identity: "alice"), 10, "out of a torn snapshot")
        #expect(try scene.uploads() == scene.before)
    }

    @Test func `what was written after the kill is kept beside the place when it is taken back`() throws {
        for isUndone in [true, false] {
            let scene = try InPlaceScene.cutOff()
            let world = scene.world
            world.write("host/uploads/albums/late", "written after the kill")
            world.write("host/uploads/readme", "HELLO")
            let outcome: ShellCommand.Outcome
            if isUndone {
                outcome = scene.undo()
                #expect(try scene.uploads() == scene.now)
            } else {
                world.edit("host/strongroom.yaml", "kill -9 $PPID; ", "")
                outcome = scene.restore()
                #expect(try scene.uploads() == scene.before)
            }
            expect(outcome, 0, world.path("host/uploads.undone"))
            #expect(world.text("host/uploads.undone/albums/late") == "written after the kill")
            #expect(world.text("host/uploads.undone/readme") == "HELLO")
            #expect(scene.leftovers == world.path("host/uploads.undone"))
        }
    }

    @Test func `what was not written to after the kill is removed when it is taken back`() throws {
        let scene = try InPlaceScene.cutOff()
        // To be read is no change.
        _ = ShellCommand.run("cp", ["-a", scene.world.path("host/uploads"), scene.world.path("copy")])
        expect(scene.undo(), 0)
        #expect(try scene.uploads() == scene.now)
        #expect(scene.leftovers == "")
    }

    @Test func `a file that was deleted after the kill makes what is left be kept as well`() throws {
        let scene = try InPlaceScene.cutOff()
        #expect(ShellCommand.run("rm", [scene.world.path("host/uploads/readme")]).status == 0)
        // A name that is taken is passed over.
        scene.world.write("host/uploads.undone/mine", "mine")
        expect(scene.undo(), 0, scene.world.path("host/uploads.undone-2"))
        #expect(try scene.uploads() == scene.now)
        #expect(scene.world.text("host/uploads.undone-2/twin") == "hello")
        #expect(scene.world.text("host/uploads.undone/mine") == "mine")
    }
}

extension String {
    fileprivate var trimmed: String { split(separator: "\n").first.map(String.init) ?? "" }
}
