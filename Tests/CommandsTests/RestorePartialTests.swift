import Support
import Testing

/// `restore --in-place` of a snapshot that does not hold everything.
@Suite struct RestorePartialTests {
    private func partial(_ scene: InPlaceScene) -> String {
        let outcome = scene.world.run("backup", "prod", "--config", scene.world.settings)
        expect(outcome, 10)
        return outcome.text
    }

    private func restore(
        _ scene: InPlaceScene, _ snapshot: String, _ options: String...
    ) -> ShellCommand.Outcome {
        scene.world.run(scene.arguments + ["--snapshot", snapshot] + options, identity: "alice")
    }

    @Test
    func `a source that is not whole in the snapshot is refused, and restored only when that is accepted`()
        throws
    {
        let scene = try InPlaceScene()
        let uploads = scene.world.path("host/uploads")
        func sh(_ script: String) { #expect(ShellCommand.run("sh", ["-euc", script]).status == 0) }
        sh("mv \(uploads) \(uploads).away; mkdir \(uploads)")
        let snapshot = partial(scene)
        sh("rmdir \(uploads); mv \(uploads).away \(uploads)")

        let plan = restore(scene, snapshot, "--dry-run")
        expect(plan, 2, "uploads: the snapshot holds a part of it only")
        #expect(plan.text.contains("a part only, which needs --accept-partial: uploads: partial; shrunken"))
        #expect(restore(scene, snapshot, "--dry-run", "--json").text.contains("\"status\" : \"partial\""))
        expect(restore(scene, snapshot), 2, "uploads: the snapshot holds a part of it only", "shrunken")
        expect(restore(scene, snapshot, "--accept-partial", "--dry-run"), 10, "would be restored in place")
        #expect(try scene.uploads() == scene.now)
        #expect(scene.leftovers == "")

        expect(restore(scene, snapshot, "--accept-partial"), 10, "uploads (a part of it)")
        #expect(try scene.uploads()?.paths == [])
        #expect(scene.leftovers == "")
        expect(scene.world.sync(), 0)
    }

    @Test func `where nothing was captured of a source, the others come back, and the exit code is 10`()
        throws
    {
        let scene = try InPlaceScene()
        let orders = scene.world.path("host/orders.sql")
        #expect(ShellCommand.run("mv", [orders, orders + ".away"]).status == 0)
        let snapshot = partial(scene)
        #expect(ShellCommand.run("mv", [orders + ".away", orders]).status == 0)
        scene.world.write("host/uploads/readme", "newer")

        let plan = restore(scene, snapshot, "--dry-run", "--json")
        expect(plan, 10, "orders (nothing of it)")
        let into = [
            "restore", "--store", scene.world.path("store"), "--snapshot", snapshot, "--into",
            scene.world.path("back"),
        ]
        expect(scene.world.run(into + ["--dry-run"], identity: "alice"), 10, "nothing was captured of orders")
        expect(scene.world.run(into, identity: "alice"), 10)
        #expect(plan.text.contains("orders: nothing was captured of it (failed; "), "\(plan.text)")
        expect(restore(scene, snapshot), 10, "orders (nothing of it)")
        #expect(try scene.uploads() == scene.now)
        #expect(scene.leftovers == "")
        expect(restore(scene, snapshot, "--source", "uploads"), 0)
        expect(restore(scene, snapshot, "--source", "orders"), 2, "nothing of the snapshot")
    }

    @Test func `a directory of which the settings capture a part only is named, and the exit code is 10`()
        throws
    {
        let scene = try InPlaceScene()
        scene.world.write("host/notes/one", "1")
        let settings = "path: \(scene.world.path("host/uploads")) }\n"
        scene.world.edit(
            "host/strongroom.yaml", settings,
            settings
                + "        - directory: { name: notes, path: \(scene.world.path("host/notes")), exclude: [\"*.bak\"] }\n"
        )
        let snapshot = scene.world.backup()
        expect(restore(scene, snapshot), 10, "notes (nothing of it)")
        #expect(try scene.uploads() == scene.now)
    }
}
