import Archives
import Backups
import Files
import Support
import Synchronization
import Testing

/// Commands, repositories, documents: F084, F086, torn snapshots.
@Suite struct SourceTests {
    private func command(_ script: String, minimum: UInt64 = 1) -> CommandRun {
        CommandRun(arguments: ["sh", "-c", script], deadline: .seconds(100_000), minimumByteCount: minimum)
    }

    @Test func `a command's output comes back, a failed command has none`() async throws {
        let fixture = try await BackupFixture()
        let outcome = try await fixture.backUp([
            .command(name: "good", command("seq 1 200000")),
            .command(name: "bad", command("seq 1 200000; exit 3")),
            .command(name: "short", command("true")),
        ])
        #expect(outcome.status == .partial)
        #expect(outcome.sources.map(\.status) == [.complete, .failed, .failed])
        #expect(outcome.sources[1].notes == ["the command ended with status 3"])
        #expect(outcome.sources[1].byteCount == 0)
        let report = try await fixture.restore(into: "back")
        #expect(report.sources.map { $0.issues.map(\.kind) } == [[], [.missing], [.missing]])
        fixture.sh("seq 1 200000 | cmp - back/commands/good; test ! -e back/commands/bad")
        #expect(fixture.sh("stat -c '%a %Y' back/commands/good").text == "600 1700000001")
        #expect(fixture.sh("grep -c '\"status\": \"partial\"' back/REPORT.json").text == "1")
    }

    @Test func `a lone command is a file of its name`() async throws {
        let fixture = try await BackupFixture()
        try await fixture.backUp([
            .command(name: "dump", command("echo data")), .command(name: "other", command("echo x")),
        ])
        var options = Restore.Options()
        options.sources = ["dump"]
        try await fixture.restore(into: "back", options)
        #expect(fixture.sh("ls -A back; cat back/dump").text == "dump\ndata")
    }

    @Test func `a snapshot of failed sources alone is failed and restores by its id only`() async throws {
        let fixture = try await BackupFixture()
        let outcome = try await fixture.backUp([.command(name: "bad", command("false"))])
        #expect(outcome.status == .failed)
        #expect(await code { _ = try await fixture.plan(.latest) } == .noSnapshot)
        #expect(try await fixture.plan(.id(outcome.id.description)).notices.count == 1)
    }

    private func repository(_ fixture: BackupFixture) -> ScratchRepository {
        let source = ScratchRepository(creating: fixture.scratch.file("source"))
        for number in 1...5 {
            source.write("dir/file\(number)", String(repeating: "line \(number)\n", count: 500))
            source.commit("commit \(number)")
        }
        source.git("tag", "light"); source.git("tag", "-a", "-m", "words", "v1")
        source.git("branch", "side", "HEAD~2")
        source.git("update-ref", "refs/notes/odd", "HEAD~1")
        return source
    }

    private func source(_ fixture: BackupFixture) -> BackupSource {
        .repository(
            name: "app", url: fixture.scratch.file("source"), mirror: fixture.path("state/mirrors/app"))
    }

    private static func state(_ path: String) -> String {
        let repository = ScratchRepository(at: path)
        return repository.git("for-each-ref", "--format=%(objectname) %(refname)")
            + "\n" + repository.git("symbolic-ref", "HEAD")
    }

    @Test func `a repository comes back bare with every ref and HEAD`() async throws {
        let fixture = try await BackupFixture()
        let source = repository(fixture)
        source.git("symbolic-ref", "HEAD", "refs/heads/side")
        let outcome = try await fixture.backUp([self.source(fixture)])
        #expect(outcome.status == .complete)
        #expect(outcome.sources[0].notes == [])
        let report = try await fixture.restore(into: "back")
        #expect(report.isWhole)
        let back = fixture.scratch.file("back/repositories/app.git")
        #expect(Self.state(back) == Self.state(source.path))
        #expect(ScratchRepository(at: back).run("fsck", "--full", "--strict").status == 0)
        #expect(ScratchRepository(at: back).git("rev-parse", "--is-bare-repository") == "true")

        var options = Restore.Options()
        options.sources = ["app"]
        try await fixture.restore(into: "lone", options)
        #expect(Self.state(fixture.scratch.file("lone")) == Self.state(source.path))
        #expect(fixture.names() == ["back", "lone", "source", "state"])
        // A directory of this machine is read where it is.
        #expect(fixture.sh("ls -A state/mirrors").text == ".app.lock")
    }

    @Test func `a stored bundle is one that git takes`() async throws {
        let fixture = try await BackupFixture()
        let source = repository(fixture)
        try await fixture.backUp([self.source(fixture)])
        let reader = try await fixture.reader()
        let snapshot = try await reader.open(try await fixture.plan(.latest).record)
        var bytes: [UInt8] = []
        try await SnapshotBrowser(snapshot, reader).cat("app", Array("increments/000000.bundle".utf8)) {
            span in
            unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        }
        source.write("../out.bundle", bytes)
        let path = fixture.scratch.file("out.bundle")
        #expect(source.run("bundle", "verify", path).status == 0)
        #expect(ScratchRepository.git(["clone", "-q", path, fixture.scratch.file("clone")]).status == 0)
    }

    @Test func `an unchanged repository adds no pack, even from a new mirror`() async throws {
        let fixture = try await BackupFixture()
        _ = repository(fixture)
        try await fixture.backUp([source(fixture)])
        let before = fixture.packCount()
        let second = try await fixture.backUp([source(fixture)])
        #expect(second.statistics.addedPieceCount == 0)
        #expect(fixture.packCount() == before)
        fixture.sh("rm -rf state")
        let third = try await fixture.backUp([source(fixture)])
        #expect(third.statistics.addedPieceCount == 0)
    }

    @Test func `an empty repository and a detached HEAD come back`() async throws {
        let fixture = try await BackupFixture()
        let empty = ScratchRepository(creating: fixture.scratch.file("source"))
        try await fixture.backUp([source(fixture)])
        var options = Restore.Options()
        options.sources = ["app"]
        try await fixture.restore(into: "empty", options)
        #expect(Self.state(fixture.scratch.file("empty")) == "\nrefs/heads/main")
        empty.commit("one"); empty.git("checkout", "-q", "--detach"); empty.commit("two")
        try await fixture.backUp([source(fixture)])
        try await fixture.restore(into: "detached", options)
        let back = ScratchRepository(at: fixture.scratch.file("detached"))
        #expect(back.git("rev-parse", "HEAD") == empty.git("rev-parse", "HEAD"))
        #expect(back.run("fsck", "--full", "--strict").status == 0)
    }

    @Test func `a repository that is missing fails alone`() async throws {
        let fixture = try await BackupFixture()
        let outcome = try await fixture.backUp([
            source(fixture), .documents(name: "keyring", [.init(path: [0x61], bytes: [])]),
        ])
        #expect(outcome.status == .partial)
        #expect(outcome.sources.map(\.status) == [.failed, .complete])
    }

    @Test func `documents come back as they were`() async throws {
        let fixture = try await BackupFixture()
        try await fixture.backUp([
            .documents(
                name: "keyring",
                [
                    .init(path: Array("allowed_signers".utf8), bytes: Array("signer\n".utf8)),
                    .init(path: Array("Keys/prod.yaml".utf8), bytes: Array("keys\n".utf8)),
                    .init(path: Array(".strongroom.yaml".utf8), bytes: Array("version: 1\n".utf8)),
                ])
        ])
        let report = try await fixture.restore(into: "back")
        #expect(report.sources[0].issues == [])
        #expect(
            fixture.sh(
                "cd back/keyring; cat .strongroom.yaml Keys/prod.yaml allowed_signers; stat -c %a Keys"
            ).text
                == "version: 1\nkeys\nsigner\n755")
    }

    @Test func `documents that are gathered are those of the capture that counts`() async throws {
        let fixture = try await BackupFixture()
        let (first, second) = ([UInt8](repeating: 1, count: 20), [UInt8](repeating: 2, count: 20))
        let asked = Mutex<UInt8>(0)
        let keyring = BackupSource.gathered(name: "keyring") {
            let count = asked.withLock { count in
                count += 1
                return count
            }
            return [.init(path: Array("rules".utf8), bytes: [0x30 + count])]
        }
        // Applied anew amid the first capture: all is taken again, the documents too.
        let outcome = try await fixture.backUp([keyring], at: first, second, second, second)
        #expect(outcome.status == .complete)
        #expect(outcome.header.revisions == [Revision(source: "config", commit: second)])
        try await fixture.restore(into: "back")
        #expect(fixture.sh("cat back/keyring/rules").text == "2")
        // What can't be gathered fails this source alone.
        let live = BackupSource.directory(name: "live", path: fixture.path("back"))
        let failing = BackupSource.gathered(name: "keyring") {
            throw BackupError(.caller, "the rules can't be read")
        }
        let partial = try await fixture.backUp([failing, live])
        #expect(partial.sources.map(\.status) == [.failed, .complete])
        #expect(partial.sources[0].notes == ["the rules can't be read"])
        let twice = BackupSource.gathered(name: "keyring") {
            [.init(path: Array("a".utf8), bytes: []), .init(path: Array("a/b".utf8), bytes: [])]
        }
        #expect(try await fixture.backUp([twice, live]).sources[0].status == .failed)
    }

    @Test func `revisions that change during the capture make a torn snapshot`() async throws {
        let fixture = try await BackupFixture()
        let (first, second) = ([UInt8](repeating: 1, count: 20), [UInt8](repeating: 2, count: 20))
        let torn = try await fixture.backUp(at: first, second)
        #expect(torn.status == .torn)
        #expect(torn.header.revisions == [Revision(source: "config", commit: first)])
        #expect(try await fixture.backUp(at: second, second).status == .complete)
    }

    /// Backs up a document and a directory while `moments` are told one after the other; how often the directory was captured.
    private func backUp(_ moments: [LiveMoment]) async throws -> (BackupOutcome, captures: Int) {
        let fixture = try await BackupFixture()
        fixture.sh("mkdir live; : > captures")
        let asked = Mutex(0)
        var rules = SourceRules()
        rules.before = SourceHook(
            CommandRun(
                arguments: ["sh", "-c", "echo >> '\(fixture.path("captures"))'"], deadline: .seconds(100_000),
                minimumByteCount: 0)
        )
        var run = BackupRun(
            environment: "prod",
            sources: [
                .documents(name: "config", [.init(path: [0x61], bytes: [1])]),
                .ruled(.directory(name: "live", path: fixture.path("live")), rules),
            ], host: "host", clock: { fixture.now() })
        run.moment = {
            asked.withLock { count in
                defer { count += 1 }
                return moments[min(count, moments.count - 1)]
            }
        }
        let outcome = try await run.run(in: try await fixture.writer())
        return (outcome, Int(fixture.sh("wc -l < captures").text) ?? 0)
    }

    @Test func `a restore in place amid the capture makes it anew, and again makes a torn snapshot`()
        async throws
    {
        let marks = (1...4).map { LiveMoment(mark: "\($0)") }
        let (one, captures) = try await backUp([marks[0], marks[1], marks[1]])
        #expect(one.status == .complete)
        #expect(one.disturbance == nil)
        #expect(captures == 2)
        let (torn, again) = try await backUp(marks)
        #expect(torn.status == .torn)
        #expect(again == 2)
        // Said of live state, not of what lies in Git.
        #expect(
            torn.sources.map(\.notes) == [[], ["a restore in place went on while the snapshot was taken"]])
        #expect(torn.sources.map(\.status) == [.complete, .complete])
    }

    @Test func `live state of two moments makes a torn snapshot at once`() async throws {
        let (torn, captures) = try await backUp([LiveMoment(mark: "1", disturbance: "half restored")])
        #expect(torn.status == .torn)
        #expect(torn.disturbance == "half restored")
        #expect(torn.sources.map(\.notes) == [[], ["half restored"]])
        #expect(captures == 1)
    }

    @Test func `sources that can't stand beside each other are refused`() async throws {
        let fixture = try await BackupFixture()
        let one = BackupSource.Document(path: [0x61], bytes: [])
        let beneath = BackupSource.Document(path: Array("a/b".utf8), bytes: [])
        let outside = BackupSource.Document(path: Array("../b".utf8), bytes: [])
        let lists: [[BackupSource]] = [
            [], [.directory(name: "a/b", path: "/")], [.directory(name: "..", path: "/")],
            [.directory(name: "", path: "/")],
            [.directory(name: "a", path: "/"), .directory(name: "a", path: "/")],
            [.documents(name: "k", [one, beneath])], [.documents(name: "k", [one, one])],
            [.documents(name: "k", [outside])], [.documents(name: "k", [one]), .documents(name: "l", [one])],
        ]
        for sources in lists {
            #expect(await code { try await fixture.backUp(sources) } == .invalidSources)
        }
    }

    @Test func `a failing question for revisions leaves no snapshot`() async throws {
        struct Failure: Error {}
        let fixture = try await BackupFixture()
        let run = BackupRun(
            environment: "prod", sources: [.documents(name: "k", [.init(path: [0x61], bytes: [])])],
            host: "h",
            clock: { fixture.now() }, revisions: { throw Failure() })
        let writer = try await fixture.writer()
        #expect(await code { _ = try await run.run(in: writer) } == .caller)
        #expect(try await fixture.reader().snapshots().records.isEmpty)
    }
}
