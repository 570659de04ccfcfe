import Glibc
import Support
import Testing

/// `strongroom snapshots export` in the eyes of GNU tar and bsdtar.
@Suite struct ExportTests {
    private static let program = "/usr/bin/bsdtar"

    /// A world whose store holds one snapshot of the tree of hard cases, a command and a repository.
    private func world(_ options: String...) -> World {
        let world = World()
        HardCases.run(HardCases.make, [world.path("tree")] + options)
        world.must("store", "init", world.path("store"), identity: "alice")
        let outcome = world.run(
            "backup", "--store", world.path("store"), world.path("tree"), "--command", "dump=seq 100000",
            "--repository", world.path("config"), identity: "alice")
        expect(outcome, 0)
        return world
    }

    private func export(_ world: World, _ arguments: String...) -> ShellCommand.Outcome {
        world.run(
            ["snapshots", "export", "latest"] + arguments + ["--store", world.path("store")],
            identity: "alice")
    }

    @Test func `GNU tar and bsdtar list the same, and extract the tree as it was`() {
        let world = world()
        expect(export(world, "tree", "--output", world.path("tree.tar")), 0)
        let listings = HardCases.run(HardCases.list, [world.path("tree.tar"), world.path("tree")])
        #expect(listings.hasSuffix("names, the same in both"), "\(listings)")

        HardCases.run(HardCases.unpack, [world.path("gnu")], stdin: world.bytes("tree.tar") ?? [])
        let gnu = HardCases.run(HardCases.compare, [world.path("tree"), world.path("gnu")])
        #expect(gnu.hasSuffix("4 names of one file"), "\(gnu)")
        // bsdtar gives a directory that is there already, such as the root of one source, no time.
        expect(export(world, "--output", world.path("all.tar")), 0)
        #expect(ShellCommand.run("mkdir", [world.path("bsd")]).status == 0)
        let outcome = ShellCommand.run(
            ExportTests.program,
            [
                "-x", "-f", world.path("all.tar"), "-C", world.path("bsd"), "-p", "--numeric-owner",
                "--xattrs", "--acls",
            ])
        #expect(outcome.status == 0, "\(outcome.errorText)")
        let bsd = HardCases.run(
            HardCases.compare, [world.path("tree"), world.path("bsd/directories/tree")])
        #expect(bsd.hasSuffix("4 names of one file"), "\(bsd)")
    }

    @Test func `all sources go into one archive as a restore lays them out`() {
        let world = world("fractions")
        let outcome = export(world)
        expect(outcome, 0)
        HardCases.run(HardCases.unpack, [world.path("all")], stdin: outcome.stdout)
        let compared = HardCases.run(
            HardCases.compare, [world.path("tree"), world.path("all/directories/tree")])
        #expect(compared.hasSuffix("4 names of one file"), "\(compared)")
        #expect(world.bytes("all/commands/dump") == ShellCommand.run("seq", ["100000"]).stdout)
        let increment = world.path("all/repositories/config/increments/000000.bundle")
        #expect(
            ShellCommand.run("git", ["bundle", "list-heads", increment]).text.contains("refs/heads/main"))
        // The same snapshot makes the same archive.
        #expect(export(world).stdout == outcome.stdout)
    }

    @Test func `a repository is exported as one bundle, which git clones`() {
        let world = world("fractions")
        let outcome = world.run(
            "snapshots", "export", "--store", world.path("store"), "latest", "--repository", "config",
            "--output",
            world.path("config.bundle"), identity: "alice")
        expect(outcome, 0)
        let clone = ScratchRepository.git(
            ["clone", "-q", "--mirror", world.path("config.bundle"), world.path("clone.git")])
        #expect(clone.status == 0, "\(clone.errorText)")
        #expect(
            ScratchRepository(at: world.path("clone.git")).git("for-each-ref")
                == world.config.git("for-each-ref"))
        for wrong in ["tree", "none"] {
            expect(
                world.run(
                    "snapshots", "export", "--store", world.path("store"), "latest", "--repository", wrong,
                    "--output",
                    world.path("x"), identity: "alice"), 2)
        }
        #expect(world.bytes("x") == nil)
    }

    @Test func `a part is a part, and a name whose file is outside is the file`() {
        let world = world()
        let outcome = export(world, "tree/d")
        expect(outcome, 0)
        HardCases.run(HardCases.unpack, [world.path("part")], stdin: outcome.stdout)
        #expect(world.bytes("part/d/e/zz") == world.bytes("tree/plain"))
        #expect(world.bytes("part/d/script") == world.bytes("tree/d/script"))
        #expect(world.bytes("part/plain") == nil)
        #expect(export(world, "dump").stdout.count > 500_000)
        expect(export(world, "tree/none"), 2, "no none")
        expect(export(world, "nothing"), 2, "no source")
        expect(export(world, "tree", "--json"), 2)
        let told = export(world, "tree/d", "--output", world.path("part.tar"), "--json")
        expect(told, 0)
        #expect(told.text.contains("\"entries\" : 304"), "\(told.text)")
    }

    @Test func `a damaged store gives no archive that looks whole, and no file`() {
        let world = world()
        HardCases.run(HardCases.damage, [world.path("store")])
        world.write("kept.tar", "what stood there before")
        expect(export(world, "tree", "--output", world.path("kept.tar")), 9)
        #expect(world.text("kept.tar") == "what stood there before")
        expect(export(world, "tree", "--output", world.path("new.tar")), 9)
        #expect(world.bytes("new.tar") == nil)
        #expect(ShellCommand.run("find", [world.path("."), "-name", ".*.tmp-*"]).text.isEmpty)
        let outcome = export(world, "tree")
        expect(outcome, 9)
        for program in ["tar", ExportTests.program] {
            let listed = ShellCommand.run(program, ["-t", "-f", "-"], stdin: outcome.stdout)
            #expect(listed.status != 0, "\(program)")
        }
        expect(export(world, "dump"), 0)
        // A link is not followed.
        let linked = ShellCommand.run("ln", ["-s", world.path("elsewhere"), world.path("link.tar")])
        #expect(linked.status == 0)
        expect(export(world, "dump", "--output", world.path("link.tar")), 6)
    }
}
