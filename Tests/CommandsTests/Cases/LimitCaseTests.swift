import Glibc
import Support
import Testing

/// F006, F007, F012: input that is made to exhaust a reader, and files that are larger than memory should be. Memory is
/// the peak that the kernel counted for the process; time is no matter of tests.
@Suite struct LimitCaseTests {
    /// Seals `file`, which has to be refused for its limits, in little memory.
    private func expectLimit(
        _ world: World, _ file: String, _ content: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        world.config.write(file, content)
        let before = try FileTree(world.config.path)
        let outcome = world.points("seal", file).run(.none)
        let errors = String(decoding: outcome.stderr, as: UTF8.self)
        #expect(outcome.status == 11, "\(errors)", sourceLocation: sourceLocation)
        #expect(errors.hasPrefix("strongroom: error: \(file)"), "\(errors)", sourceLocation: sourceLocation)
        #expect(errors.split(separator: "\n").count == 1, sourceLocation: sourceLocation)
        #expect(outcome.stdout.isEmpty, sourceLocation: sourceLocation)
        #expect(
            outcome.peakByteCount < memoryLimit, "\(outcome.peakByteCount >> 20) MiB",
            sourceLocation: sourceLocation)
        #expect(try FileTree(world.config.path) == before, sourceLocation: sourceLocation)
    }

    @Test func `F006: alias bombs, 10,000 aliases and recursive aliases are refused in little memory`() throws
    {
        let world = World.withCases()
        // Nine levels of nine: 308 bytes that stand for 387 million values.
        var bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n"
        for (name, below) in zip("bcdefghi", "abcdefgh") {
            bomb +=
                "\(name): &\(name) [" + Array(repeating: "*\(below)", count: 9).joined(separator: ",") + "]\n"
        }
        #expect(bomb.utf8.count < 330)
        try expectLimit(world, "cases/a.yaml", bomb)
        try expectLimit(
            world, "cases/a.yaml",
            "a: &a x\nb: [" + Array(repeating: "*a", count: 10_000).joined(separator: ", ") + "]\n")
        for recursive in ["a: &a [*a]\n", "&a {x: {y: *a}}\n", "a: &a\n  <<: *a\n", "- &a\n  - b\n  - *a\n"] {
            try expectLimit(world, "cases/a.yaml", recursive)
        }
    }

    @Test func `F007: 100,000 levels of nesting are refused in little memory`() throws {
        let world = World.withCases()
        func levels(_ text: String) -> String { String(repeating: text, count: 100_000) }
        for text in [
            levels("["), levels("[") + levels("]"), levels("{a: "), levels("[\n"), levels("- ") + "x",
            "a: " + levels("[{a: "),
        ] { try expectLimit(world, "cases/a.yaml", text) }
        var block = ""
        for level in 0..<2_000 { block += String(repeating: " ", count: level) + "a:\n" }
        try expectLimit(world, "cases/a.yaml", block)
        for text in [levels("["), levels("{\"a\":"), levels("[") + levels("]"), levels("[{\"a\": ")] {
            try expectLimit(world, "cases/a.json", text)
        }
        for text in [
            "a = " + levels("["), "a = " + levels("{a="), levels("a.") + "a = 1", "[" + levels("a.") + "a]",
        ] {
            try expectLimit(world, "cases/a.toml", text)
        }
    }

    @Test func `F012: a document above its limit is refused before it is read`() throws {
        let world = World.withCases()
        world.config.write("cases/a.yaml", "")
        for name in ["a.yaml", "a.json", "a.env", "a.ini", "a.toml"] {
            world.config.write("cases/\(name)", "")
            // Sparse: nothing of it takes room on the disk.
            let made = ShellCommand.run("truncate", ["-s", "1G", world.path("config/cases/\(name)")])
            try #require(made.status == 0)
            let outcome = world.points("seal", "cases/\(name)").run(.none)
            let errors = String(decoding: outcome.stderr, as: UTF8.self)
            #expect(outcome.status == 11 && errors.contains("cases/\(name)"), "\(errors)")
            #expect(outcome.peakByteCount < memoryLimit, "\(outcome.peakByteCount >> 20) MiB")
            #expect(
                ShellCommand.run("stat", ["-c", "%s", world.path("config/cases/\(name)")]).text
                    == "1073741824")
        }
        #expect(leftovers(below: world.config.path) == [])
    }

    @Test func `F012: a file of 1 GiB is sealed and opened in the memory of a small one`() throws {
        let world = World.withCases()
        var peaks: [Int] = []
        for mebibytes in [1, 1024] {
            let file = world.path("config/cases/large.bin")
            world.config.write("cases/large.bin", "")
            try #require(ShellCommand.run("truncate", ["-s", "\(mebibytes)M", file]).status == 0)
            let sealed = world.points("seal", "cases/large.bin").run(.none)
            #expect(sealed.status == 0, "\(String(decoding: sealed.stderr, as: UTF8.self))")
            let opened = world.points(
                "open", "cases/large.bin", "--output", world.path("opened"), identity: "alice"
            ).run(.none)
            #expect(opened.status == 0, "\(String(decoding: opened.stderr, as: UTF8.self))")
            // 1 MiB of zeros compares as many of them.
            let same = ShellCommand.run(
                "cmp", ["-n", "\(mebibytes << 20)", world.path("opened"), "/dev/zero"])
            #expect(same.status == 0)
            #expect(
                ShellCommand.run("stat", ["-c", "%s", world.path("opened")]).text == "\(mebibytes << 20)")
            peaks += [sealed.peakByteCount, opened.peakByteCount]
        }
        #expect(peaks.allSatisfy { $0 > 0 && $0 < memoryLimit }, "\(peaks.map { $0 >> 20 }) MiB")
        // A thousand times the size, and not 4 MiB more.
        #expect(peaks[2] - peaks[0] < 4 << 20 && peaks[3] - peaks[1] < 4 << 20, "\(peaks)")
    }
}
