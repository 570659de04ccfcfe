import Archives
import Backups
import Encodings
import Files
import Glibc
import Support
import Synchronization
import Testing

/// Patterns, hooks, and the guards of what is captured.
@Suite struct `What is captured` {
    private func selection(
        include: [String] = [], exclude: [String] = [], staying: Bool = false
    ) throws -> DirectorySelection {
        var selection = DirectorySelection()
        selection.include = try include.map { try #require(PathPattern($0)) }
        selection.exclude = try exclude.map { try #require(PathPattern($0)) }
        selection.staysOnFileSystem = staying
        return selection
    }

    private func paths(_ directory: Path, _ selection: DirectorySelection) throws -> [String] {
        let scan = try DirectoryScan(Directory(directory), selecting: selection)
        var found: [String] = []
        while let item = scan.next() {
            switch item {
            case .entry(let entry): found.append("\(Path(entry.path))")
            case .problem(let path, _): found.append("problem \(Path(path))")
            }
        }
        return found.filter { !$0.isEmpty }
    }

    @Test func `patterns choose what is walked`() throws {
        let scratch = TemporaryDirectory("patterns")
        let made = ShellCommand.run(
            "/bin/sh",
            [
                "-euc",
                """
                mkdir -p a/b/c x/b cache .git
                touch a/1.txt a/b/2.tmp a/b/c/3.txt a/b/c/4.tmp x/b/5.txt cache/6.txt .git/7.txt top.tmp top.txt
                """,
            ], directory: scratch.path)
        #expect(made.status == 0)
        func seen(_ include: [String] = [], without exclude: [String] = []) throws -> [String] {
            try paths(Path(scratch.path), try selection(include: include, exclude: exclude))
        }
        let all = try seen()
        #expect(all.count == 16)
        #expect(
            try seen(without: ["**/*.tmp", "cache"])
                == all.filter { !$0.hasSuffix(".tmp") && !$0.hasPrefix("cache") })
        #expect(try seen(without: ["*.tmp"]) == all.filter { $0 != "top.tmp" })
        // The directory itself stays where only what is in it is left out.
        #expect(try seen(without: ["cache/**"]).contains("cache"))
        #expect(try !seen(without: ["cache/**"]).contains("cache/6.txt"))
        #expect(try seen(["a/b"]) == ["a", "a/b", "a/b/2.tmp", "a/b/c", "a/b/c/3.txt", "a/b/c/4.tmp"])
        #expect(try seen(["*/b/*.t*"]) == ["a", "a/b", "a/b/2.tmp", "x", "x/b", "x/b/5.txt"])
        #expect(
            try seen(["**/3.txt", "top*"], without: ["*.tmp"]) == [
                "a", "a/b", "a/b/c", "a/b/c/3.txt", "top.txt",
            ])
        #expect(try seen(["a/**/c/*.txt"]) == ["a", "a/b", "a/b/c", "a/b/c/3.txt"])
        #expect(try seen(["nowhere/at/all"]) == [])
        #expect(try seen([".git"]) == [".git", ".git/7.txt"])
        for text in ["", "/a", "a/", "a//b", ".", "a/../b", "\0"] { #expect(PathPattern(text) == nil) }
    }

    @Test func `F083: what is mounted beneath is entered, or kept as an empty directory`() throws {
        // Every machine has file systems mounted below /dev or /proc; the test asks which.
        let text = ShellCommand.run("/bin/sh", ["-c", "stat -c %d /dev /dev/shm /dev/pts"]).text
        let devices = text.split(separator: "\n")
        guard devices.count == 3, devices[0] != devices[2] else { return }
        let inside = try paths("/dev", try selection(include: ["pts"], staying: false))
        #expect(inside.contains("pts/ptmx"))
        #expect(try paths("/dev", try selection(include: ["pts"], staying: true)) == ["pts"])
    }

    private func back(
        _ fixture: BackupFixture, _ sources: [BackupSource], accepting: Bool = false
    ) async throws -> BackupOutcome {
        var run = BackupRun(environment: "prod", sources: sources, host: "host", clock: { fixture.now() })
        run.memory = CaptureMemory(directory: fixture.path("memory"))
        run.acceptsShrink = accepting
        return try await run.run(in: try await fixture.writer())
    }

    private func sh(_ fixture: BackupFixture, _ script: String) -> CommandRun {
        CommandRun(
            arguments: ["/bin/sh", "-c", "cd '\(fixture.scratch.path)'; \(script)"],
            deadline: .seconds(100_000),
            minimumByteCount: 0)
    }

    private func rules(
        before: SourceHook? = nil, after: SourceHook? = nil, shrink: Int? = nil
    ) -> SourceRules {
        var rules = SourceRules()
        (rules.before, rules.after, rules.maximumShrink) = (before, after, shrink)
        return rules
    }

    @Test func `a snapshot holds what patterns left, and says so`() async throws {
        let fixture = try await BackupFixture()
        fixture.sh("mkdir -p live/cache; echo 1 > live/keep; echo 2 > live/cache/drop; echo 3 > live/x.tmp")
        let outcome = try await back(
            fixture,
            [
                .directory(
                    name: "live", path: fixture.path("live"),
                    selecting: try selection(exclude: ["cache", "*.tmp"]))
            ])
        #expect(outcome.status == .complete)
        #expect(
            outcome.sources[0].facts.first { $0.name == "exclude" }?.value == Array("cache\0*.tmp\0".utf8))
        try await fixture.restore(into: "back")
        #expect(fixture.sh("ls -A back/directories/live").text == "keep")
    }

    @Test func `hooks run around a capture, the last one in any case`() async throws {
        let fixture = try await BackupFixture()
        fixture.sh("mkdir live")
        let before = SourceHook(sh(fixture, "echo before >> log; touch live/frozen"))
        let after = SourceHook(sh(fixture, "echo after >> log; rm -f live/frozen"))
        func live(_ path: String, _ before: SourceHook, _ after: SourceHook) -> BackupSource {
            .ruled(.directory(name: "live", path: fixture.path(path)), rules(before: before, after: after))
        }
        let outcome = try await back(fixture, [live("live", before, after)])
        #expect(outcome.status == .complete)
        #expect(outcome.sources[0].entryCount == 2, "the file of the first hook was there")
        // A capture that fails.
        #expect(try await back(fixture, [live("missing", before, after)]).sources[0].status == .failed)
        #expect(fixture.sh("cat log").text == "before\nafter\nbefore\nafter")

        // A first hook that fails: nothing is captured, the last one runs.
        let failing = SourceHook(sh(fixture, "echo failing >> log; exit 3"))
        let failed = try await back(fixture, [live("live", failing, after)])
        #expect(failed.status == .failed)
        #expect(failed.sources[0].notes == ["before: the command ended with status 3"])
        #expect(failed.sources[0].root == nil)
        #expect(fixture.sh("tail -n 2 log").text == "failing\nafter")

        // Told otherwise, it is captured all the same; a last hook that fails is told and makes it partial.
        let ignored = SourceHook(sh(fixture, "exit 4"), isRequired: false)
        let told = try await back(fixture, [live("live", ignored, after)])
        #expect(told.status == .complete)
        #expect(told.sources[0].notes == ["before: the command ended with status 4"])
        #expect(try await back(fixture, [live("live", before, failing)]).status == .partial)

        // One that hangs is ended at its deadline.
        let hanging = SourceHook(
            CommandRun(arguments: ["sleep", "86400"], deadline: .milliseconds(50), minimumByteCount: 0))
        let late = try await back(fixture, [live("live", hanging, after)])
        #expect(late.sources[0].notes == ["before: the command was not done in time"])
    }

    @Test func `a command's restore is recorded with it`() async throws {
        let fixture = try await BackupFixture()
        let restoring = CommandRun(
            arguments: ["pg_restore", "-d", "the app", ""], deadline: .seconds(7_200), minimumByteCount: 0)
        _ = try await back(
            fixture, [.command(name: "dump", sh(fixture, "echo data"), restoring: restoring)])
        let reader = try await fixture.reader()
        let snapshot = try await reader.open(try await fixture.plan(.latest).record)
        let known = try #require(CommandRun(restoring: snapshot.sources[0]))
        #expect(known.arguments == restoring.arguments && known.deadline == restoring.deadline)
    }

    @Test func `a source that lost nearly everything makes a partial snapshot until that is accepted`()
        async throws
    {
        let fixture = try await BackupFixture()
        fixture.sh("mkdir live; for n in $(seq 40); do echo $n > live/$n; done; seq 1 5000 > dump")
        let sources: [BackupSource] = [
            .ruled(.directory(name: "live", path: fixture.path("live")), rules(shrink: 50)),
            .ruled(.command(name: "dump", sh(fixture, "cat dump")), rules(shrink: 50)),
        ]
        #expect(try await back(fixture, sources).status == .complete)
        // Half of it may go.
        fixture.sh("rm live/?; seq 1 3000 > dump")
        #expect(try await back(fixture, sources).status == .complete)
        fixture.sh("rm live/*; : > dump")
        let empty = try await back(fixture, sources)
        #expect(empty.sources.map(\.status) == [.partial, .failed])
        #expect(empty.sources[0].notes.first?.hasPrefix("shrunken: 0 entries where there were 31") == true)
        #expect(empty.sources[1].root == nil)
        // It stays so: what is compared with is the last that was well.
        #expect(try await back(fixture, sources).status == .partial)
        #expect(try await back(fixture, sources, accepting: true).status == .complete)
        #expect(try await back(fixture, sources).status == .complete)
    }

    @Test func `a source that fails leaves the others, and no plain success`() async throws {
        let fixture = try await BackupFixture()
        fixture.sh("mkdir live; echo x > live/x")
        let outcome = try await back(
            fixture,
            [
                .directory(name: "live", path: fixture.path("live")),
                .directory(name: "gone", path: fixture.path("gone")),
                .ruled(.command(name: "bad", sh(fixture, "false")), rules()),
            ])
        #expect(outcome.status == .partial)
        #expect(outcome.sources.map(\.status) == [.complete, .failed, .failed])
    }

    @Test func `revisions that change are read again once, with everything that is captured`() async throws {
        let fixture = try await BackupFixture()
        let (first, second, third) = (
            [UInt8](repeating: 1, count: 20), [UInt8](repeating: 2, count: 20),
            [UInt8](repeating: 3, count: 20)
        )
        func take(_ commits: [[UInt8]]) async throws -> BackupOutcome {
            let asked = Mutex(0)
            let run = BackupRun(
                environment: "prod",
                sources: [.command(name: "count", sh(fixture, "echo x >> count; wc -l < count"))],
                host: "host", clock: { fixture.now() },
                revisions: {
                    let index = asked.withLock { asked in
                        defer { asked += 1 }
                        return asked
                    }
                    return [Revision(source: "config", commit: commits[min(index, commits.count - 1)])]
                })
            return try await run.run(in: try await fixture.writer())
        }
        // Asked before and after each of two captures.
        let settled = try await take([first, second, second, second])
        #expect(settled.status == .complete)
        #expect(settled.header.revisions.map(\.commit) == [second])
        try await fixture.restore(into: "settled")
        #expect(fixture.sh("cat settled/commands/count").text == "2")
        let torn = try await take([first, second, second, third])
        #expect(torn.status == .torn)
        #expect(torn.header.revisions.map(\.commit) == [second])
    }
}
