import Archives
import Backups
import Files
import Git
import Glibc
import Support
import Testing

/// Repositories as sources: increments, what vanished, restores of chains, checkouts. F086.
@Suite struct RepositoryTests {
    let fixture: BackupFixture

    init() async throws { fixture = try await BackupFixture() }

    func makeSource() -> ScratchRepository {
        let source = ScratchRepository(creating: fixture.scratch.file("source"))
        for number in 1...5 {
            source.write("dir/file\(number)", (1...300).map { "line \($0) of \(number)\n" }.joined())
            source.commit("commit \(number)")
        }
        source.git("tag", "light")
        source.git("tag", "-a", "-m", "words", "v1")
        source.git("branch", "side", "HEAD~2")
        source.git("notes", "add", "-m", "a note")
        return source
    }

    /// Captures the repository with a memory, unless told otherwise.
    @discardableResult
    func capture(_ memory: String? = "memory") async throws -> BackupOutcome {
        var run = BackupRun(
            environment: "prod",
            sources: [
                .repository(
                    name: "app", url: fixture.scratch.file("source"),
                    mirror: fixture.path("state/mirrors/app"))
            ], host: "host", clock: { fixture.now() })
        run.memory = memory.map { CaptureMemory(directory: fixture.path($0)) }
        return try await run.run(in: try await fixture.writer())
    }

    /// The bytes of a file of a captured tree.
    func content(_ path: [UInt8], _ root: NodeID, _ reader: StoreReader) async throws -> [UInt8] {
        let entry = try await reader.entry(at: path, of: root)
        return try await reader.bytes(of: try #require(entry?.content), limit: 1 << 20)
    }

    func restore(_ selection: SnapshotSelection = .latest, into name: String) async throws
        -> RestoreReport
    {
        var options = Restore.Options()
        options.sources = ["app"]
        return try await fixture.restore(selection, into: name, options)
    }

    /// Every ref but those under refs/backup, and HEAD.
    func state(_ path: String) -> String {
        let repository = ScratchRepository(at: fixture.scratch.file(path))
        let head = repository.run("symbolic-ref", "-q", "HEAD")
        let lines = repository.git("for-each-ref", "--format=%(objectname) %(refname)")
            .split(separator: "\n").filter { !$0.contains(" refs/backup/") }
        return lines.joined(separator: "\n") + "\n"
            + (head.status == 0 ? head.text : repository.git("rev-parse", "HEAD"))
    }

    func backups(_ path: String) -> [String] {
        ScratchRepository(at: fixture.scratch.file(path)).git(
            "for-each-ref", "--format=%(objectname) %(refname)", "refs/backup"
        ).split(separator: "\n").map(String.init)
    }

    func fsck(_ path: String) -> ShellCommand.Outcome {
        ScratchRepository(at: fixture.scratch.file(path)).run("fsck", "--full", "--strict")
    }

    func source() async throws -> (SnapshotSource, StoreReader) {
        let reader = try await fixture.reader()
        let snapshot = try await reader.open(try await fixture.plan(.latest).record)
        return (snapshot.sources[0], reader)
    }

    func chain() async throws -> RepositoryChain {
        let (source, reader) = try await source()
        return try await RepositoryChain(source, reader)
    }

    /// Writes the bundles of the latest snapshot as files `n.bundle`.
    func extractBundles() async throws -> Int {
        let reader = try await fixture.reader()
        let snapshot = try await reader.open(try await fixture.plan(.latest).record)
        let count = try await chain().facts.incrementCount
        for number in 0..<count {
            var bytes: [UInt8] = []
            let path = RepositoryIncrement.bundlePath(number)
            try await SnapshotBrowser(snapshot, reader).cat("app", path) { span in
                unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
            }
            ScratchRepository(at: fixture.scratch.path).write("\(number).bundle", bytes)
        }
        return count
    }

    // MARK: - Increments

    @Test func `what is new makes an increment that git verifies, what is not makes none`() async throws {
        let source = makeSource()
        try await capture()
        var states: [(SnapshotID, String)] = []
        for number in 1...4 {
            source.write("dir/file1", (1...300).map { "line \($0) of \($0 == number ? 99 : 1)\n" }.joined())
            source.commit("change \(number)")
            source.git("tag", "-a", "-m", "words", "t\(number)")
            states.append((try await capture().id, state("source")))
        }
        #expect(try await extractBundles() == 5)
        // Each needs those before, and git takes them in turn; increments are thin.
        let plain = ScratchRepository(creating: fixture.scratch.file("plain.git"), bare: true)
        for number in 0..<5 {
            let bundle = fixture.scratch.file("\(number).bundle")
            if number > 0 {
                let alone = ScratchRepository(
                    creating: fixture.scratch.file("alone\(number).git"), bare: true)
                #expect(alone.run("bundle", "verify", bundle).status != 0)
                #expect(
                    fixture.sh("stat -c %s \(number).bundle").text.count
                        < fixture.sh("stat -c %s 0.bundle").text.count)
            }
            #expect(plain.run("bundle", "verify", bundle).status == 0)
            plain.git("bundle", "unbundle", bundle)
        }
        for (number, (id, expected)) in states.enumerated() {
            #expect(try await restore(.id(id.description), into: "back\(number)").isWhole)
            #expect(state("back\(number)") == expected)
            #expect(fsck("back\(number)").status == 0 && fsck("back\(number)").text == "")
        }
        let before = fixture.packCount()
        let again = try await capture()
        #expect(again.statistics.addedPieceCount == 0)
        #expect(fixture.packCount() == before)
    }

    @Test func `a repack, a gc and a lost memory change nothing that is restored`() async throws {
        let source = makeSource()
        try await capture()
        source.commit("one more")
        try await capture()
        source.git("repack", "-adfq", "--window=3")
        source.git("gc", "-q", "--prune=now")
        let repacked = try await capture()
        #expect(repacked.statistics.addedPieceCount == 0)
        // Without the memory all of it is stored as a new base.
        fixture.sh("rm -rf memory")
        try await capture()
        #expect(try await chain().facts.incrementCount == 1)
        #expect(try await restore(into: "back").isWhole)
        #expect(state("back") == state("source"))
        #expect(fsck("back").status == 0)
    }

    @Test func `a damaged, cut or foreign memory makes a new base and nothing worse`() async throws {
        let source = makeSource()
        try await capture()
        fixture.sh("cp -a memory whole")
        let size = Int(fixture.sh("stat -c %s whole/*.repository").text.filter(\.isNumber)) ?? 0
        for position in stride(from: 0, to: size, by: max(1, size / 7)) {
            fixture.sh("rm -rf memory; cp -a whole memory; truncate -s \(position) memory/*.repository")
            source.commit("at \(position)")
            #expect(try await capture().status == .complete)
            #expect(try await chain().facts.incrementCount == 1)
        }
        #expect(try await restore(into: "back").isWhole)
        #expect(state("back") == state("source"))
    }

    @Test func `increments that the store lost are made again`() async throws {
        let source = makeSource()
        try await capture()
        let base = fixture.sh("find store/packs -type f | sort").text
        source.commit("gone")
        try await capture()
        // The second snapshot with all that it added, as if it had never been taken.
        let kept = Set(base.split(separator: "\n").map(String.init))
        for pack in fixture.sh("find store/packs -type f | sort").text.split(separator: "\n")
        where !kept.contains(String(pack)) { fixture.sh("rm -f \(pack)") }
        fixture.sh("ls -t store/index | head -n 1 | xargs -I{} rm -f store/index/{}")
        source.commit("later")
        try await capture()
        #expect(try await restore(into: "back").isWhole)
        #expect(state("back") == state("source"))
        #expect(fsck("back").status == 0)
    }

    // MARK: - What vanishes

    @Test func `F086: forced and deleted refs stay, in the old snapshot by name, in the new as backups`()
        async throws
    {
        let source = makeSource()
        source.git("checkout", "-q", "-b", "work")
        source.write("work", "to be lost\n")
        let lost = source.commit("only on work")
        source.git("checkout", "-q", "main")
        let old = try await capture()
        let before = state("source")

        let forced = source.git("rev-parse", "main")
        source.git("branch", "-q", "-D", "work")
        source.git("tag", "-d", "v1")
        source.git("reset", "-q", "--hard", "HEAD~1")
        source.write("other", "another history\n")
        source.commit("rewritten")
        source.git("reflog", "expire", "--expire=now", "--all")
        source.git("gc", "-q", "--prune=now")
        #expect(source.run("cat-file", "-e", lost).status != 0)
        try await capture()
        #expect(try await chain().facts.incrementCount == 2)
        #expect(try await restore(into: "new").isWhole)
        #expect(state("new") == state("source"))
        // The note and `light` keep what main had: only what nothing reaches is lost.
        let names = backups("new").map { $0.split(separator: "/").suffix(2).joined(separator: "/") }
        #expect(names == ["heads/work", "tags/v1"])
        #expect(backups("new")[0].hasPrefix(lost))
        #expect(ScratchRepository(at: fixture.scratch.file("new")).run("cat-file", "-e", forced).status == 0)
        #expect(fsck("new").status == 0)

        #expect(try await restore(.id(old.id.description), into: "old").isWhole)
        #expect(state("old") == before)
        #expect(fsck("old").status == 0)

        // They stay while the chain goes on, and come back as what they are.
        source.commit("and on")
        try await capture()
        #expect(try await restore(into: "third").isWhole)
        #expect(backups("third") == backups("new"))
        #expect(fsck("third").status == 0)
    }

    @Test
    func `F086: a history that was rewritten from the root on is an increment without a base in common`()
        async throws
    {
        let source = makeSource()
        try await capture()
        source.git("checkout", "-q", "--orphan", "fresh")
        source.commit("a new root")
        source.git("branch", "-q", "-f", "main", "fresh")
        source.git("symbolic-ref", "HEAD", "refs/heads/main")
        for name in ["fresh", "side"] { source.git("branch", "-q", "-D", name) }
        for name in ["light", "v1"] { source.git("tag", "-d", name) }
        source.git("update-ref", "-d", "refs/notes/commits")
        source.git("reflog", "expire", "--expire=now", "--all")
        source.git("gc", "-q", "--prune=now")
        try await capture()
        #expect(try await restore(into: "back").isWhole)
        #expect(state("back") == state("source"))
        #expect(backups("back").count == 5)
        #expect(fsck("back").status == 0)
    }

    @Test func `F086: what is damaged of a source is told in words, and its last snapshot stays`()
        async throws
    {
        let source = makeSource()
        try await capture()
        let before = state("source")
        source.write("new", "x")
        source.commit("with a hole")
        let blob = source.git("rev-parse", "HEAD:new")
        fixture.sh("rm -f source/.git/objects/\(blob.prefix(2))/\(blob.dropFirst(2))")
        let outcome = try await capture()
        #expect(outcome.sources[0].status == .partial)
        #expect(outcome.sources[0].notes.joined().contains(blob), "\(outcome.sources[0].notes)")
        #expect(try await restore(into: "back").isWhole)
        #expect(state("back") == before)
        #expect(fixture.sh("ls -A state/mirrors").text == ".app.lock")
    }

    @Test
    func `F086: what is force-pushed and collected meanwhile is captured as of one moment or not at all`()
        async throws
    {
        let source = makeSource()
        let script = """
            cd "$0"; i=0
            while test ! -e ../stop; do
              i=$((i + 1)); echo $i > dir/file$((i % 5 + 1)); git add -A; git commit -q --amend -m "$i" --date "$i +0000"
              git branch -f side; git reflog expire --expire=now --all; git gc -q --prune=now
            done
            """
        let pusher = BackgroundProcess("sh", ["-c", script, source.path], log: fixture.scratch.file("log"))
        var whole: [SnapshotID] = []
        for _ in 1...6 {
            let outcome = try await capture()
            #expect([.complete, .failed].contains(outcome.sources[0].status))
            if outcome.sources[0].status == .complete { whole.append(outcome.id) }
        }
        fixture.sh("touch stop")
        #expect(pusher.wait() == 0)
        // What a commit that was cut off leaves is no matter: the last capture sees a repository at rest.
        let last = try await capture()
        #expect(last.status == .complete)
        for id in whole + [last.id] {
            #expect(try await restore(.id(id.description), into: "\(id)").isWhole)
            #expect(fsck("\(id)").status == 0)
        }
        #expect(state("\(last.id)") == state("source"))
    }

    @Test(.enabled(if: geteuid() == 0, "needs root to give a repository away"))
    func `a repository of another user is fetched into a mirror, and its increments are made of that`()
        async throws
    {
        let source = makeSource()
        for number in 1...3 {
            source.write("dir/file1", "version \(number)\n")
            source.commit("change \(number)")
            fixture.sh("chown -R 65534:65534 source")
            #expect(try await capture().status == .complete)
            fixture.sh("chown -R 0:0 source")
            #expect(try await chain().facts.incrementCount == number)
        }
        #expect(fixture.sh("ls -A state/mirrors").text == ".app.lock\napp")
        fixture.sh("rm -rf state")
        fixture.sh("chown -R 65534:65534 source")
        #expect(try await capture().statistics.addedPieceCount == 0)
        fixture.sh("chown -R 0:0 source")
        #expect(try await restore(into: "back").isWhole)
        #expect(state("back") == state("source"))
        #expect(fsck("back").status == 0)
    }
}

extension String {
    /// The bytes of forty hexadecimal digits.
    var bytes: [UInt8] { (try? ObjectID(hex: self))?.bytes ?? [] }
}
