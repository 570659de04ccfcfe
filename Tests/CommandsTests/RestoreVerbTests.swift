import Support
import Testing

/// `restore` and `snapshots export` by the real program, where not all is as it should be.
@Suite struct RestoreVerbTests {
    /// A world with a backup, and another after `change` of the uploads; then the packs of the first hold zeros.
    private func damaged(_ change: String) -> World {
        let world = World()
        world.makeStore()
        world.writeUploads()
        let script = "head -c 100000 /dev/urandom > \(world.path("host/uploads"))/lost"
        _ = ShellCommand.run("sh", ["-c", script])
        expect(world.sync(), 0)
        _ = world.backup()
        let packs = world.path("packs")
        let list =
            "find \(world.path("store"))/packs -type f > \(packs); cd \(world.path("host/uploads")); \(change)"
        _ = ShellCommand.run("sh", ["-euc", list])
        _ = world.backup()
        let zero = """
            while read -r pack; do
              size=$(stat -c %s "$pack"); chmod u+w "$pack"; truncate -s 0 "$pack"; truncate -s "$size" "$pack"
            done < \(packs)
            """
        _ = ShellCommand.run("sh", ["-euc", zero])
        return world
    }

    @Test func `a restore from a damaged store ends with exit 9 and the names of what is missing`() {
        let world = damaged("printf kept > kept")
        let outcome = world.run(
            "restore", "--store", world.path("store"), "--snapshot", "latest", "--into", world.path("back"),
            identity: "alice")
        expect(outcome, 9, "all else is restored")
        #expect(outcome.errorText.contains("uploads/lost: left out"))
        #expect(world.text("back/directories/uploads/kept") == "kept")
        #expect(world.bytes("back/directories/uploads/lost") == nil)
        #expect(world.text("back/REPORT.json").contains("\"kind\": \"damaged\""))
        let archive = world.run(
            "snapshots", "export", "latest", "uploads", "--output", world.path("archive.tar"), "--store",
            world.path("store"), identity: "alice")
        expect(archive, 9, "all else is")
        #expect(archive.errorText.contains("uploads/lost: left out"))
        let listed = ShellCommand.run("tar", ["-tf", world.path("archive.tar")])
        #expect(listed.status == 0)
        #expect(listed.text.contains("kept"))
        #expect(!listed.text.contains("lost"))
    }

    @Test func `trees deeper than the soft limit of descriptors are whole, and commands keep that limit`() {
        let world = World()
        world.makeStore()
        let deep =
            "cd \(world.path("host")); mkdir live; cd live; for n in $(seq 300); do mkdir d; cd -P d; done; : > end"
        #expect(ShellCommand.run("bash", ["-euc", deep]).status == 0)
        let script = """
            ulimit -Sn 200; ulimit -Hn 4096
            exec "$1" backup --store "$2" --identity "$3" --command 'limit=ulimit -Sn' "$4"
            """
        let outcome = ShellCommand.run(
            "bash",
            [
                "-euc", script, "bash", World.program, world.path("store"), world.path("host.identity"),
                world.path("host/live"),
            ], environment: ["PATH": "/usr/bin:/bin", "HOME": world.path("home")])
        expect(outcome, 0)
        let limit = world.run(
            "snapshots", "cat", "latest", "limit", "--store", world.path("store"), identity: "alice")
        #expect(limit.text == "200")
    }
}
