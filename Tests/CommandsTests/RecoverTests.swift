import Glibc
import Support
import Testing

/// `Scripts/recover.py`, which is written from FORMAT.md alone, against stores that the program made: what is wrong in
/// the text, or in the program by the text, shows here.
@Suite(.enabled(if: Recovery.isExpected, "Scripts/recover.py needs its Python (Scripts/packages test)"))
struct RecoverTests {
    @Test func `every entry comes back as it was, by the format's text alone`() throws {
        let world = World()
        let recovery = Recovery(world)
        recovery.python(HardCases.make, [world.path("tree"), "fractions"])
        let sources = [
            "backup", "--store", world.path("store"), world.path("tree"), "--command", "dump=seq 100000",
            "--repository", world.path("config"),
        ]
        world.must("store", "init", world.path("store"), identity: "alice")
        expect(world.run(sources, identity: "alice"), 0)
        world.config.write("more.yaml", "second: increment\n")
        world.config.commit("Add a document")
        world.config.git("branch", "other", "HEAD~1")
        expect(world.run(sources, identity: "alice"), 0)

        #expect(recovery.run(["--check"]).status == 0)
        let outcome = recovery.run(["latest", "--into", world.path("out"), "--owners"])
        #expect(outcome.status == 0, "\(outcome.errorText)")
        let compared = recovery.python(
            HardCases.compare, [world.path("tree"), world.path("out/directories/tree")])
        #expect(compared.hasSuffix("4 names of one file"), "\(compared)")
        let numbers = ShellCommand.run("seq", ["100000"])
        #expect(world.bytes("out/commands/dump") == numbers.stdout)
        let made = ScratchRepository(at: world.path("out/repositories/config.git"))
        let references = ["for-each-ref", "--format=%(objectname) %(refname)"]
        #expect(made.git(references[0], references[1]) == world.config.git(references[0], references[1]))
        #expect(made.git("symbolic-ref", "HEAD") == "refs/heads/main")
        #expect(made.run("fsck", "--full", "--strict").status == 0)
    }

    @Test(arguments: [true, false])
    func `a chain of a repository's bundles comes back, with git and without it`(_ hasGit: Bool) throws {
        let world = World()
        let recovery = Recovery(world)
        let sources = ["backup", "--store", world.path("store"), "--repository", world.path("config")]
        world.must("store", "init", world.path("store"), identity: "alice")
        for number in 1...5 {
            world.config.write(
                "values.yaml", (0..<500).map { "key\($0): \($0 == number ? 9 : 1)\n" }.joined())
            world.config.commit("Change \(number)")
            world.config.git("tag", "-a", "-m", "words", "t\(number)")
            expect(world.run(sources, identity: "alice"), 0)
        }
        let lost = world.config.git("rev-parse", "HEAD")
        world.config.git("reset", "-q", "--hard", "HEAD~1")
        world.config.git("tag", "-d", "t5")
        world.config.git("checkout", "-q", "--detach")
        expect(world.run(sources, identity: "alice"), 0)

        let told = recovery.python(
            HardCases.recover,
            [
                recovery.script, hasGit ? "git" : "", recovery.store, "latest", "--into", world.path("out"),
                "--identity", recovery.identity("alice"),
            ])
        #expect(told.hasSuffix("status 0"), "\(told)")
        let made = ScratchRepository(at: world.path("out/repositories/config.git"))
        let listed = made.git("for-each-ref", "--format=%(objectname) %(refname)").split(separator: "\n")
        #expect(
            listed.filter { !$0.contains("refs/backup/") }.joined(separator: "\n")
                == world.config.git("for-each-ref", "--format=%(objectname) %(refname)"))
        #expect(listed.contains { $0.hasPrefix(lost) && $0.hasSuffix("/heads/main") })
        #expect(made.git("rev-parse", "HEAD") == world.config.git("rev-parse", "HEAD"))
        #expect(made.run("fsck", "--full", "--strict").status == 0)
        #expect(ShellCommand.run("ls", [world.path("out/repositories")]).text == "config.git")

        // A pack whose bytes are others is refused, its bundles stay, and nothing looks like a repository.
        let damaged = recovery.python(
            HardCases.spoil, [recovery.script, hasGit ? "git" : "", world.path("spoiled"), world.config.path])
        #expect(damaged.hasPrefix("refused: "), "\(damaged)")
    }

    @Test func `a wrong byte anywhere is noticed`() {
        let recovery = Recovery.small()
        let flipped = recovery.python(
            HardCases.flip, [recovery.script, recovery.store, recovery.identity("alice")])
        #expect(flipped.hasPrefix("noticed"), "\(flipped)")
    }

    @Test func `a damaged file ends alone and is listed, all others come back`() throws {
        let world = World()
        let recovery = Recovery(world)
        world.must("store", "init", world.path("store"), identity: "alice")
        recovery.python(HardCases.make, [world.path("tree")])
        expect(world.run("backup", "--store", world.path("store"), world.path("tree"), identity: "alice"), 0)
        recovery.python(HardCases.damage, [world.path("store")])

        #expect(recovery.run(["--check"]).status == 9)
        let outcome = recovery.run(["latest", "--into", world.path("out"), "--owners"])
        #expect(outcome.status == 9)
        #expect(outcome.errorText.contains("tree: large: "), "\(outcome.errorText)")
        #expect(world.bytes("out/directories/tree/large") == nil)
        #expect(world.bytes("out/directories/tree/d/script") == world.bytes("tree/d/script"))

        let kept = recovery.run(["latest", "--into", world.path("kept"), "--keep-damaged"])
        #expect(kept.status == 9)
        #expect(kept.errorText.contains("are zeros"), "\(kept.errorText)")
        let large = try #require(world.bytes("kept/directories/tree/large"))
        let original = try #require(world.bytes("tree/large"))
        #expect(large.count == original.count)
        #expect(zip(large, original).allSatisfy { $0 == $1 || $0 == 0 })
    }

    @Test func `without an index the packs' own headers are enough`() {
        let recovery = Recovery.small()
        TemporaryDirectory.removeTree(recovery.world.path("store/index"))
        let outcome = recovery.run(["latest", "--into", recovery.world.path("out")])
        #expect(outcome.status == 0, "\(outcome.errorText)")
        #expect(recovery.world.text("out/directories/uploads/b") == recovery.world.text("uploads/b"))
    }

    @Test func `an older snapshot is named and ends with 9 where the newest can't be read`() throws {
        let recovery = Recovery.small()
        let world = recovery.world
        let ids = recovery.run([]).text.split(separator: "\n").compactMap { $0.split(separator: " ").first }
        let (older, newest) = (try #require(ids.first), try #require(ids.last))
        let whole = recovery.run(["latest", "--into", world.path("whole")])
        #expect(
            whole.status == 0 && whole.errorText.contains("takes snapshot \(newest) of 20"),
            "\(whole.errorText)")
        world.write("store/snapshots/\(newest)", "damaged")
        let outcome = recovery.run(["latest", "--into", world.path("out")])
        #expect(outcome.status == 9)
        #expect(outcome.errorText.contains("takes snapshot \(older) of 20"), "\(outcome.errorText)")
        #expect(outcome.errorText.contains("may be newer"), "\(outcome.errorText)")
        #expect(world.text("out/directories/uploads/c") == "one")
        // Chosen by its id it is the one that was meant.
        #expect(recovery.run([String(older), "--into", world.path("chosen")]).status == 0)
    }

    @Test func `another store, another key and a full directory are refused`() {
        let recovery = Recovery.small()
        let world = recovery.world
        let out = ["latest", "--into", world.path("out")]
        #expect(recovery.run(out + ["--root", String(repeating: "0", count: 64)]).status == 5)
        #expect(recovery.run(out + ["--root", world.text("fingerprint")]).status == 0)
        #expect(recovery.run(out).status == 2)
        #expect(recovery.run([], identity: "mallory").status == 4)
        // Whoever can only add lists and opens nothing.
        let listed = recovery.run([], identity: "host")
        #expect(listed.status == 0 && listed.text.split(separator: "\n").count == 2)
        #expect(recovery.run(["latest", "--into", world.path("none")], identity: "host").status == 4)
        #expect(recovery.run(["00000000", "--into", world.path("none")]).status == 2)
        TemporaryDirectory.removeTree(world.path("store/config"))
        #expect(recovery.run([]).status == 9)
    }

    @Test func `no entry is made outside of its directory, and no link is followed`() {
        let recovery = Recovery(World())
        let told = recovery.python(HardCases.escape, [recovery.script, recovery.world.path("escape")])
        #expect(told == "nothing escaped")
    }
}

/// A world and the script that recovers its store.
struct Recovery {
    let world: World
    let script: String
    var store: String { world.path("store") }

    private static let package: String = {
        let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        return parts.joined(separator: "/")
    }()
    private static let interpreter = package + "/.build/recover/bin/python"

    /// Whether the script's Python is here, or has to be (CI).
    static var isExpected: Bool { unsafe access(interpreter, X_OK) == 0 || Vectors.isCI }

    init(_ world: World) {
        self.world = world
        script = Recovery.package + "/Scripts/recover.py"
    }

    /// A store with two snapshots of a few small files, which the host adds to and alice reads.
    static func small() -> Recovery {
        let world = World()
        world.write(
            "fingerprint",
            world.must(
                "store", "init", world.path("store"), "--identity", world.path("host.identity"), "--reader",
                world.text("alice.recipient"), "--writer", world.text("host.recipient")))
        world.write("uploads/a", "a\n")
        world.write("uploads/b", String(repeating: "b", count: 30_000))
        for text in ["one", "two"] {
            world.write("uploads/c", text)
            world.must("backup", "--store", world.path("store"), world.path("uploads"), identity: "host")
        }
        return Recovery(world)
    }

    func identity(_ name: String) -> String { world.path("\(name).identity") }

    func run(_ arguments: [String], identity name: String = "alice") -> ShellCommand.Outcome {
        ShellCommand.run(
            Recovery.interpreter, ["-B", script, store, "--identity", identity(name)] + arguments)
    }

    /// What a script prints; an issue where it fails.
    @discardableResult
    func python(_ script: String, _ arguments: [String]) -> String {
        HardCases.run(script, arguments, with: Recovery.interpreter)
    }
}
