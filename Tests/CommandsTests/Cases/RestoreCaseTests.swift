import Glibc
import Support
import Testing

/// F100 and F103 with the real program.
@Suite struct RestoreCaseTests {
    @Test
    func
        `F100: old links, read-only directories and other owners in the place are not followed, and go as a whole`()
        throws
    {
        let scene = try InPlaceScene()
        let (world, uploads) = (scene.world, scene.world.path("host/uploads"))
        world.write("outside/secret", "secret")
        let script = """
            cd "$1"; rm -r albums readme; ln -s "$2" albums; ln -s "$2/secret" readme; mkdir -p locked/deeper
            printf old > locked/deeper/file; chmod 500 locked/deeper; chmod 000 locked
            [ "$(id -u)" != 0 ] || chown -h 33:33 albums readme second
            """
        let made = ShellCommand.run("sh", ["-euc", script, "sh", uploads, world.path("outside")])
        #expect(made.status == 0, "\(made.errorText)")
        let into = [
            "restore", "--store", world.path("store"), "--snapshot", scene.first, "--source", "uploads",
            "--into", uploads,
        ]
        expect(world.run(into, identity: "alice"), 2, "no empty directory")
        #expect(world.text("host/uploads/albums/secret") == "secret")
        expect(scene.restore(), 0)
        #expect(try scene.uploads() == scene.before)
        #expect(scene.leftovers == "")
        #expect(try FileTree(world.path("outside"))?.paths == ["secret"])
        #expect(world.text("outside/secret") == "secret")
    }

    @Test
    func `F103: a commit that is unknown, or too short to be one alone, ends with 2 and names candidates`()
        throws
    {
        let scene = try InPlaceScene()
        let world = scene.world
        func restore(_ commit: String) -> ShellCommand.Outcome {
            world.run(
                "restore", "--store", world.path("store"), "--commit", commit, "--into", world.path("back"),
                identity: "alice")
        }
        let unknown = restore(String(repeating: "0", count: 40))
        expect(unknown, 2, "no snapshot")
        #expect(unknown.errorText.contains("there is \(scene.first) of "), "\(unknown.errorText)")
        #expect(unknown.errorText.contains("config=\(scene.commit)"))
        expect(restore(String(scene.commit.prefix(7))), 2, "8")
        expect(restore("main"), 2)
        #expect(unsafe access(world.path("back"), F_OK) != 0)
        expect(restore(String(scene.commit.prefix(8))), 0)
    }
}
