import Glibc
import Support
import Testing

/// `restore --in-place`: live state and revision go back together, or nothing does.
@Suite struct RestoreInPlaceTests {
    @Test func `live state and revision of a commit come back, and stay until resume`() throws {
        let scene = try InPlaceScene()
        let plan = scene.restore("--dry-run")
        expect(plan, 0)
        #expect(plan.text.contains("exchange \(scene.world.path("host/uploads"))"))
        #expect(plan.text.contains("hold prod at commit \(scene.commit)"))
        #expect(try scene.uploads() == scene.now)

        let restored = scene.restore("--json")
        expect(restored, 0)
        let omission = "orders: the settings have no restore: command for it"
        #expect(plan.text.contains("not: \(omission)") && restored.text.contains("\"\(omission)\""))
        #expect(restored.errorText.contains("strongroom: \(omission)"), "\(restored.errorText)")
        #expect(try scene.uploads() == scene.before)
        #expect(try scene.world.delivered() == scene.firstDelivery)
        #expect(scene.leftovers == "")
        expect(scene.world.sync(), 0)
        #expect(try scene.world.delivered() == scene.firstDelivery)
        expect(scene.world.run("resume", "prod", "--config", scene.world.settings), 0)
        expect(scene.world.sync(), 0)
        #expect(try scene.world.delivered() == scene.secondDelivery)
        #expect(scene.undo().errorText.contains("no restore was cut off"))
    }

    @Test func `one source comes back alone, and the revision is left as it is`() throws {
        let scene = try InPlaceScene()
        expect(scene.restore("--source", "uploads"), 0)
        #expect(try scene.uploads() == scene.before)
        #expect(try scene.world.delivered() == scene.secondDelivery)
        expect(scene.world.sync(), 0)
        expect(scene.restore("--source", "nothing"), 2)
        expect(scene.restore("--only", "uploads/readme"), 2, "whole sources")
    }

    @Test func `where the restored revision is not healthy, everything is as before`() throws {
        let scene = try InPlaceScene()
        scene.world.edit(
            "host/strongroom.yaml", "    backup:\n",
            """
                health:
                  - { command: ["sh", "-c", "! grep -q 8080 \(scene.world.path("host/app"))/app.yaml"], retries: 0 }
                backup:

            """)
        let outcome = scene.restore()
        #expect(outcome.status != 0)
        #expect(outcome.errorText.contains("taken back"))
        #expect(try scene.uploads() == scene.now)
        #expect(try scene.world.delivered() == scene.secondDelivery)
        #expect(scene.leftovers == "")
        expect(scene.world.sync(), 0)
        #expect(try scene.world.delivered() == scene.secondDelivery)
    }

    @Test func `what a command printed is fed to the command of the settings that takes it back`() throws {
        let scene = try InPlaceScene(feeding: "cat > ORDERS")
        let plan = scene.restore("--dry-run")
        #expect(plan.text.contains("feed orders"), "\(plan.text)")
        expect(scene.restore(), 0)
        #expect(scene.world.text("host/orders.sql") == "INSERT INTO orders VALUES (1, 'a lamp');\n")
        #expect(try scene.uploads() == scene.before)
        #expect(scene.leftovers == "")
    }

    @Test func `where that command fails, directories and revision are as before`() throws {
        let scene = try InPlaceScene(feeding: "exit 3")
        let outcome = scene.restore()
        expect(outcome, 7, "orders: its restore: command failed: the command ended with status 3")
        #expect(
            outcome.errorText.contains(
                "what was changed is taken back, but not what the restore: of orders did"))
        #expect(try scene.uploads() == scene.now)
        #expect(try scene.world.delivered() == scene.secondDelivery)
        #expect(scene.leftovers == "")
        expect(scene.world.sync(), 0)
    }

    @Test func `a command that reads nothing of what it is to take back is told of`() throws {
        let scene = try InPlaceScene(feeding: "true")
        expect(scene.restore(), 0, "orders: sh succeeded; it was not seen to read any of its 41 bytes")
    }

    @Test(.enabled(if: geteuid() == 0, "needs root: immutable files"))
    func `what can't be removed afterwards is told, and goes when it can`() throws {
        let scene = try InPlaceScene()
        let old = scene.world.path("host/uploads/second")
        guard ShellCommand.run("chattr", ["+i", old]).status == 0 else {
            // A file system without the attribute has nothing to show.
            return
        }
        let outcome = scene.restore()
        let kept = ShellCommand.run("find", [scene.world.path("host"), "-name", "second"]).text
        #expect(ShellCommand.run("chattr", ["-i", kept]).status == 0)
        expect(outcome, 7, "Operation not permitted")
        #expect(
            outcome.errorText.contains(
                "restored and in use; what stood there before could not all be removed"))
        #expect(try scene.uploads() == scene.before)
        expect(scene.undo(), 0)
        #expect(try scene.uploads() == scene.before)
        #expect(scene.leftovers == "")
    }

    @Test func `what a killed run took out is removed by nobody, and comes back`() throws {
        let scene = try InPlaceScene(feeding: "kill -9 $PPID; cat > /dev/null")
        #expect(scene.restore().status == 137)
        #expect(try scene.uploads() == scene.before)
        let world = scene.world
        let taken = world.path("host/.uploads.restoring/content")
        func move(_ from: String, _ to: String) {
            #expect(ShellCommand.run("mv", [world.path(from), world.path(to)]).status == 0)
        }

        move("host/uploads", "host/aside")
        let into = [
            "restore", "--into", world.path("host/uploads"), "--environment", "prod", "--config",
            world.settings,
            "--snapshot", scene.first, "--source", "uploads",
        ]
        expect(world.run(into, identity: "alice"), 2, "holds what stood at")
        #expect(try FileTree(taken, withTimes: true) == scene.now)
        move("host/aside", "host/uploads")

        // Not even where nothing is known of that run any more.
        move("host/state/restores/prod/record", "host/record")
        expect(scene.restore(), 2, "holds what stood at")
        #expect(try FileTree(taken, withTimes: true) == scene.now)
        move("host/record", "host/state/restores/prod/record")

        expect(scene.undo(), 0)
        #expect(try scene.uploads() == scene.now)
        #expect(scene.leftovers == "")
    }

    @Test func `what can't be replaced is refused before anything is touched`() throws {
        let scene = try InPlaceScene()
        let script = "cd \(scene.world.path("host")) && mv uploads elsewhere && ln -s elsewhere uploads"
        #expect(ShellCommand.run("sh", ["-euc", script]).status == 0)
        expect(scene.restore(), 2, "no directory")
        #expect(try FileTree(scene.world.path("host/elsewhere"), withTimes: true) == scene.now)
        #expect(scene.leftovers == "")
        expect(scene.world.sync(), 0)
        #expect(try scene.world.delivered() == scene.secondDelivery)
    }

    @Test(arguments: [0, 1])
    func
        `killed at any call, a restore in place leaves old or new, and the next run takes it back or ends it`(
            share: Int
        ) throws
    {
        let scene = try InPlaceScene()
        let points = CrashPoints(
            World.program, scene.arguments + ["--commit", scene.commit],
            environment: [
                "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": scene.world.path("home"), "LC_ALL": "C",
                "STRONGROOM_IDENTITY": scene.world.path("alice.identity"),
            ], directory: scene.world.path("config"))
        let clean = points.run(.none)
        #expect(clean.status == 0, "\(String(decoding: clean.stderr, as: UTF8.self))")
        for (position, number) in CrashPoints.spread(30, over: clean.callCount).enumerated()
        where position % 2 == share {
            scene.putBack()
            let outcome = points.run(.killAfter(number))
            let call = "killed after \(outcome.calls.last ?? "")"
            let found = try scene.uploads()
            #expect(found == scene.before || found == scene.now, "\(call)")
            let undone = scene.undo()
            #expect(undone.status == 0, "\(call): \(undone.errorText)")
            let left = try scene.uploads()
            #expect(left == scene.before || left == scene.now, "\(call)")
            let sync = scene.world.sync()
            #expect(sync.status == 0, "\(call): \(sync.errorText)")
            // Live state and revision go together.
            #expect(
                try scene.world.delivered()
                    == (left == scene.now ? scene.secondDelivery : scene.firstDelivery),
                "\(call)")
            #expect(scene.leftovers == "", "\(call)")
            let again = scene.restore()
            #expect(again.status == 0, "\(call): \(again.errorText)")
            #expect(try scene.uploads() == scene.before, "\(call)")
        }
    }
}
