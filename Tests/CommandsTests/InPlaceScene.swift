import Support
import Testing

/// An environment with a snapshot at its first commit, and live data and a delivery that are newer.
struct InPlaceScene {
    let world = World()
    let commit: String
    let first: String
    let before: FileTree?
    let now: FileTree?
    let firstDelivery: FileTree?
    let secondDelivery: FileTree?

    init() throws {
        world.makeStore()
        world.writeUploads()
        commit = world.config.git("rev-parse", "HEAD")
        expect(world.sync(), 0)
        first = world.backup()
        before = try FileTree(world.path("host/uploads"), withTimes: true)
        firstDelivery = try world.delivered()
        world.write("host/uploads/readme", "changed")
        world.write("host/uploads/second", "new")
        world.config.write("deploy/prod/app.yaml", "listen: 9090\n")
        world.config.commit("Second")
        expect(world.sync(), 0)
        now = try FileTree(world.path("host/uploads"), withTimes: true)
        secondDelivery = try world.delivered()
        World.copy(world.path("host"), to: world.path("host-before"))
    }

    var arguments: [String] {
        ["restore", "--in-place", "--environment", "prod", "--config", world.settings]
    }

    func restore(_ options: String...) -> ShellCommand.Outcome {
        world.run(arguments + ["--commit", commit] + options, identity: "alice")
    }

    func undo() -> ShellCommand.Outcome {
        world.run(arguments + ["--undo"], identity: "alice")
    }

    /// Puts the host back to where it was before the run.
    func putBack() { World.replace(world.path("host"), with: world.path("host-before")) }

    func uploads() throws -> FileTree? { try FileTree(world.path("host/uploads"), withTimes: true) }

    var leftovers: String {
        ShellCommand.run(
            "find",
            [
                world.path("host"), "-name", "*.restoring", "-o", "-name", "*.undone*", "-o", "-path",
                "*restores/prod/record",
            ]
        ).text
    }

    /// One whose settings have a command of the shell that takes the orders back; ORDERS in it is their file.
    init(feeding command: String) throws {
        try self.init()
        world.write("host/orders.sql", "INSERT INTO orders VALUES (2, 'a chair');\n")
        let orders = world.path("host/orders.sql")
        world.edit(
            "host/strongroom.yaml", "run: [\"cat\", \"\(orders)\"]",
            "run: [\"cat\", \"\(orders)\"], restore: [\"sh\", \"-c\", \"\(command.replacing("ORDERS", with: orders))\"]"
        )
    }

    /// One whose restore in place was killed amid its feeding: the uploads are exchanged, the revision is not set.
    static func cutOff() throws -> InPlaceScene {
        let scene = try InPlaceScene(feeding: "kill -9 $PPID; cat > /dev/null")
        #expect(scene.restore().status == 137)
        #expect(try scene.uploads() == scene.before)
        return scene
    }
}
