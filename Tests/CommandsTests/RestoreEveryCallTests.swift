import Glibc
import Support
import Testing

/// F101, restores and their undoing killed at their state-changing calls: at every one where STRONGROOM_EVERY_CALL is set, at
/// spread ones else.
@Suite struct RestoreEveryCallTests {
    private static func environment(_ world: World) -> [String: String] {
        [
            "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": world.path("home"), "LC_ALL": "C",
            "STRONGROOM_IDENTITY": world.path("alice.identity"),
        ]
    }

    /// A world with a snapshot of few entries, and of all kinds of sources.
    private func small() -> (World, snapshot: String) {
        let world = World()
        world.makeStore()
        world.write("host/uploads/albums/photo", "photo")
        world.write("host/orders.sql", "INSERT INTO orders VALUES (1, 'a lamp');\n")
        return (world, world.backup())
    }

    @Test
    func `F101: a restore that is killed at any call leaves all or nothing, and the same call completes`()
        throws
    {
        let (world, snapshot) = small()
        let arguments = [
            "restore", "--store", world.path("store"), "--snapshot", snapshot, "--into", world.path("back"),
        ]
        let points = CrashPoints(
            World.program, arguments, environment: Self.environment(world), directory: world.path("config"))
        let clean = points.run(.none)
        #expect(clean.status == 0, "\(String(decoding: clean.stderr, as: UTF8.self))")
        let whole = try FileTree(world.path("back"))
        for number in CrashPoints.every(orSpread: 12, over: clean.callCount) {
            TemporaryDirectory.removeTree(world.path("back"))
            let outcome = points.run(.killAfter(number))
            let call = "killed after \(outcome.calls.last ?? "")"
            if let found = try FileTree(world.path("back")) {
                #expect(found == whole, "\(call)")
                TemporaryDirectory.removeTree(world.path("back"))
            }
            let next = world.run(arguments, identity: "alice")
            #expect(next.status == 0, "\(call): \(next.errorText)")
            #expect(try FileTree(world.path("back")) == whole, "\(call)")
            #expect(unsafe access(world.path(".back.restoring"), F_OK) != 0, "\(call)")
        }
    }

    /// What is live and what is delivered go together, and nothing is left: old or new.
    private func expectWhole(_ scene: InPlaceScene, isNew: Bool? = nil, _ call: String) throws {
        let found = try scene.uploads()
        #expect(found == scene.before || found == scene.now, "\(call)")
        if let isNew { #expect(found == (isNew ? scene.before : scene.now), "\(call)") }
        #expect(
            try scene.world.delivered()
                == (found == scene.now ? scene.secondDelivery : scene.firstDelivery), "\(call)")
        #expect(scene.leftovers == "", "\(call)")
    }

    @Test(arguments: [true, false])
    func
        `F101: a restore in place that is killed at any call leaves old or new, and its undoing or repetition ends`(
            isUndone: Bool
        ) throws
    {
        let scene = try InPlaceScene()
        let points = CrashPoints(
            World.program, scene.arguments + ["--commit", scene.commit],
            environment: Self.environment(scene.world), directory: scene.world.path("config"))
        let clean = points.run(.none)
        #expect(clean.status == 0, "\(String(decoding: clean.stderr, as: UTF8.self))")
        try expectWhole(scene, isNew: true, "clean")
        for number in CrashPoints.every(orSpread: 8, over: clean.callCount) {
            scene.putBack()
            let outcome = points.run(.killAfter(number))
            let call = "killed after \(outcome.calls.last ?? "")"
            let found = try scene.uploads()
            #expect(found == scene.before || found == scene.now, "\(call)")
            let next = isUndone ? scene.undo() : scene.restore()
            #expect(next.status == 0, "\(call): \(next.errorText)")
            try expectWhole(scene, isNew: isUndone ? nil : true, "\(call), \(next.errorText)")
        }
    }

    /// Where the restore is that is undone: a command is fed, or the commit is delivered.
    enum Moment: String, CaseIterable { case feeding, delivering }

    @Test(arguments: Moment.allCases)
    func `F101: an undoing that is killed at any call is ended by the next one, and keeps what was written`(
        moment: Moment
    ) throws {
        let scene = try InPlaceScene(
            feeding: moment == .feeding ? "kill -9 $PPID; cat > /dev/null" : "cat > ORDERS")
        let world = scene.world
        if moment == .delivering {
            world.edit(
                "host/strongroom.yaml", "    backup:\n",
                """
                    health:
                      - { command: ["sh", "-c", "[ ! -e \(world.path("kill")) ] || kill -9 $PPID"], retries: 0 }
                    backup:

                """)
        }
        func cutOff() throws {
            world.write("kill", "")
            #expect(scene.restore().status == 137)
            #expect(unsafe unlink(world.path("kill")) == 0)
            world.write("host/uploads/late", "late")
        }
        func expectUndone(_ call: String) throws {
            #expect(try scene.uploads() == scene.now, "\(call)")
            #expect(try world.delivered() == scene.secondDelivery, "\(call)")
            #expect(world.text("host/uploads.undone/late") == "late", "\(call)")
            #expect(scene.leftovers == world.path("host/uploads.undone"), "\(call)")
            TemporaryDirectory.removeTree(world.path("host/uploads.undone"))
        }

        try cutOff()
        let points = CrashPoints(
            World.program, scene.arguments + ["--undo"], environment: Self.environment(world),
            directory: world.path("config"))
        let clean = points.run(.none)
        #expect(clean.status == 0, "\(String(decoding: clean.stderr, as: UTF8.self))")
        try expectUndone("clean")
        for number in CrashPoints.every(orSpread: 6, over: clean.callCount) {
            try cutOff()
            let outcome = points.run(.killAfter(number))
            let call = "killed after \(outcome.calls.last ?? "")"
            let next = scene.undo()
            #expect(next.status == 0, "\(call): \(next.errorText)")
            try expectUndone(call)
        }
    }
}
