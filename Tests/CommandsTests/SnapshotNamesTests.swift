import Support
import Testing

/// Names of entries that are no text, and readers that have enough.
@Suite struct SnapshotNamesTests {
    private let world = World()

    /// A world with a snapshot of the directory `odd`, which `script` fills.
    private func save(_ script: String) {
        world.makeStore()
        let filled = ShellCommand.run(
            "bash", ["-euc", "mkdir \"$1\"; cd \"$1\"; \(script)", "bash", world.path("odd")])
        #expect(filled.status == 0, "\(filled.errorText)")
        expect(
            world.run("backup", "--store", world.path("store"), world.path("odd"), identity: "host"), 0)
    }

    private func snapshots(_ arguments: String...) -> ShellCommand.Outcome {
        world.run(
            ["snapshots"] + arguments + ["--store", world.path("store")], identity: "alice")
    }

    @Test func `names that are no UTF-8 are listed, found and read by their bytes`() {
        save("printf content > $'bad\\377name'; printf other > plain")
        let digits = "6f64642f626164ff6e616d65"
        for arguments in [["ls", "latest", "odd"], ["find", "*name"]] {
            let listed = world.run(
                ["snapshots"] + arguments + ["--json", "--store", world.path("store")], identity: "alice")
            #expect(listed.text.contains("\"pathHex\":\"\(digits)\""), "\(listed.text) \(listed.errorText)")
            let shown = world.run(
                ["snapshots"] + arguments + ["--store", world.path("store")], identity: "alice")
            #expect(shown.text.contains("(--hex \(digits))"), "\(shown.text)")
        }
        #expect(snapshots("cat", "latest", "--hex", digits).text == "content")
        #expect(snapshots("ls", "latest", "--hex", digits).text.contains("(--hex \(digits))"))
        // A name, and a path with a star.
        #expect(snapshots("find", "--hex", "626164ff6e616d65").text.contains(digits))
        #expect(snapshots("find", "--hex", "6f64642f626164ff2a").text.contains(digits))
        #expect(snapshots("find", "--hex", "6f64642f").status == 2)
        expect(snapshots("cat", "latest", "--hex", "6F"), 2, "lower-case hexadecimal digits")
        let restore = ["restore", "--store", world.path("store"), "--snapshot", "latest"]
        expect(
            world.run(
                restore + ["--only", String(digits.dropFirst(8)), "--hex", "--into", world.path("back")],
                identity: "alice"), 0)
        let names = ShellCommand.run("ls", ["-A", world.path("back/directories/odd")]).stdout
        #expect(names == Array("bad".utf8) + [0xFF] + Array("name\n".utf8))
        expect(
            world.run(restore + ["--hex", "--into", world.path("other")], identity: "alice"), 2,
            "--hex goes with --only")
        // As arguments they can't come.
        let raw = ShellCommand.run(
            "bash", ["-c", "exec \"$0\" snapshots cat latest $'odd/bad\\377name'", World.program])
        expect(raw, 2, "argument 4 is not UTF-8")
        #expect(raw.errorText.contains("--hex"))
    }

    @Test func `a place that is none, or no file, is told of in a sentence`() {
        save("printf content > plain; mkdir folder")
        expect(
            world.run(
                "backup", "--store", world.path("store"), world.path("odd"), "--repository",
                world.path("config"),
                identity: "host"), 0)
        let whole = "no file: name one in it, as SOURCE/PATH"
        expect(snapshots("cat", "latest", "odd"), 2, "odd: a whole source (directory), \(whole)")
        expect(snapshots("cat", "latest", "config"), 2, "config: a whole source (repository), \(whole)")
        expect(snapshots("cat", "latest", "odd/folder"), 2, "folder of odd is no file")
        expect(snapshots("ls", "latest", "/odd"), 2, "/odd: names no source: SOURCE or SOURCE/PATH")
        expect(
            snapshots("export", "latest", "--repository", "odd"), 2,
            "the snapshot has no repository odd; it has config")
        expect(
            snapshots("export", "latest", "--repository", "repository:nope"), 2,
            "the snapshot has no repository nope; it has config")
        let found = snapshots("find", "plain", "--commit", "deadbeef")
        expect(found, 2, "no snapshot was taken at commit deadbeef")
        #expect(
            found.errorText.contains("there is ") && !found.errorText.contains(" at \n"), "\(found.errorText)"
        )
        #expect(!found.errorText.hasSuffix(" at"))
    }

    @Test(
        .enabled(
            if: ShellCommand.run("which", ["faketime"]).status == 0, "needs faketime (Scripts/packages test)")
    )
    func `the latest whose time lies ahead of the clock is taken with a word`() {
        save("printf content > plain")
        let words = "lies ahead of this machine's clock"
        #expect(!snapshots("show", "latest").errorText.contains(words))
        let ahead = ShellCommand.run(
            "faketime",
            ["-f", "+400d", World.program, "backup", "--store", world.path("store"), world.path("odd")],
            environment: world.environment("host"), directory: world.path("config"))
        expect(ahead, 0)
        expect(snapshots("show", "latest"), 0, words)
        expect(
            world.run(
                "restore", "--store", world.path("store"), "--snapshot", "latest", "--into",
                world.path("back"),
                identity: "alice"), 0, words)
    }

    @Test func `a comparison of a path that neither side has is refused, and not taken for no difference`() {
        save("printf content > plain; mkdir folder")
        expect(world.run("backup", "--store", world.path("store"), world.path("odd"), identity: "host"), 0)
        let listed = snapshots("list", "--json").text
        let ids = listed.split(separator: "\"").map(String.init).filter { $0.utf8.count == 64 }
        guard let first = ids.first(where: { $0 != ids.last }) ?? ids.first else {
            Issue.record("no snapshot: \(listed)")
            return
        }
        expect(snapshots("diff", first, "latest", "odd/nope"), 2, "neither snapshot has nope in odd")
        expect(snapshots("diff", first, "--live", "odd/nope"), 2, "has nope in odd")
        for path in ["odd", "odd/plain", "odd/folder"] {
            expect(snapshots("diff", first, "latest", path), 0)
            expect(snapshots("diff", first, "--live", path), 0)
        }
        world.write("odd/fresh", "new")
        let live = snapshots("diff", first, "--live", "odd/fresh")
        expect(live, 0)
        #expect(live.text == "+ odd/fresh")
    }

    @Test func `no control character of a name comes out raw, in JSON either`() {
        save(
            "printf x > $'c1\\302\\233mark'; printf x > $'c0\\033mark'; printf x > $'bidi\\342\\200\\256mark'"
        )
        for arguments in [
            ["ls", "latest", "odd"], ["ls", "latest", "odd", "--json"], ["find", "*mark", "--json"],
            ["find", "*mark", "--json-lines"],
        ] {
            let outcome = world.run(
                ["snapshots"] + arguments + ["--store", world.path("store")], identity: "alice")
            #expect(outcome.status == 0)
            let hidden = String(decoding: outcome.stdout, as: UTF8.self).unicodeScalars.filter { scalar in
                scalar != "\n" && (scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value))
                    || scalar == "\u{202E}"
            }
            #expect(hidden.isEmpty, "\(arguments)")
        }
        let read = ShellCommand.run(
            "python3", ["-c", "import json,sys; print(sorted(e['path'] for e in json.load(sys.stdin)))"],
            stdin: snapshots("ls", "latest", "odd", "--json").stdout)
        #expect(read.text == "['odd', 'odd/bidi\\u202emark', 'odd/c0\\x1bmark', 'odd/c1\\x9bmark']")
    }

    @Test func `a reader that has enough is no failure that is told`() {
        save(
            "for n in $(seq 4000); do : > a-file-with-a-name-that-is-not-short-$n; done; head -c 900000 /dev/urandom > big"
        )
        for verb in ["ls latest odd", "ls latest odd --json", "cat latest odd/big"] {
            let script = """
                "$0" snapshots \(verb) --store "$1" --identity "$2" | head -c 10 > "$3"; echo "${PIPESTATUS[0]}"
                """
            let outcome = ShellCommand.run(
                "bash",
                [
                    "-c", script, World.program, world.path("store"), world.path("alice.identity"),
                    world.path("out"),
                ], environment: ["PATH": "/usr/bin:/bin", "HOME": world.path("home")])
            #expect(outcome.text == "141", "\(verb): \(outcome.errorText)")
            #expect(outcome.errorText == "", "\(verb)")
        }
    }

    @Test func `an archive is not written into a device, and a full disk is told as that`() {
        save("printf content > file")
        let device = snapshots("export", "latest", "--output", "/dev/full")
        expect(device, 6, "/dev/full")
        let full = ShellCommand.run(
            "bash",
            [
                "-c", "\"$0\" snapshots export latest --store \"$1\" --identity \"$2\" > /dev/full",
                World.program,
                world.path("store"), world.path("alice.identity"),
            ], environment: ["PATH": "/usr/bin:/bin", "HOME": world.path("home")])
        expect(full, 7, "standard output cannot be written")
    }
}
