import Archives
import Backups
import Files
import Git
import Glibc
import Support
import Testing

/// Repositories as sources: increments, what vanished, restores of chains, checkouts. F086.
@Suite struct RepositoryTests {
    private let fixture: BackupFixture

    init() async throws { fixture = try await BackupFixture() }

    private func makeSource() -> ScratchRepository {
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
    private func capture(_ memory: String? = "memory") async throws -> BackupOutcome {
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
    private func content(_ path: [UInt8], _ root: NodeID, _ reader: StoreReader) async throws -> [UInt8] {
        let entry = try await reader.entry(at: path, of: root)
        return try await reader.bytes(of: try #require(entry?.content), limit: 1 << 20)
    }

    private func restore(_ selection: SnapshotSelection = .latest, into name: String) async throws
        -> RestoreReport
    {
        var options = Restore.Options()
        options.sources = ["app"]
        return try await fixture.restore(selection, into: name, options)
    }

    /// Every ref but those under refs/backup, and HEAD.
    private func state(_ path: String) -> String {
        let repository = ScratchRepository(at: fixture.scratch.file(path))
        let head = repository.run("symbolic-ref", "-q", "HEAD")
        let lines = repository.git("for-each-ref", "--format=%(objectname) %(refname)")
            .split(separator: "\n").filter { !$0.contains(" refs/backup/") }
        return lines.joined(separator: "\n") + "\n"
            + (head.status == 0 ? head.text : repository.git("rev-parse", "HEAD"))
    }

    private func backups(_ path: String) -> [String] {
        ScratchRepository(at: fixture.scratch.file(path)).git(
            "for-each-ref", "--format=%(objectname) %(refname)", "refs/backup"
        ).split(separator: "\n").map(String.init)
    }

    private func fsck(_ path: String) -> ShellCommand.Outcome {
        ScratchRepository(at: fixture.scratch.file(path)).run("fsck", "--full", "--strict")
    }

    private func source() async throws -> (SnapshotSource, StoreReader) {
        let reader = try await fixture.reader()
        let snapshot = try await reader.open(try await fixture.plan(.latest).record)
        return (snapshot.sources[0], reader)
    }

    private func chain() async throws -> RepositoryChain {
        let (source, reader) = try await source()
        return try await RepositoryChain(source, reader)
    }

    /// Writes the bundles of the latest snapshot as files `n.bundle`.
    private func extractBundles() async throws -> Int {
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

    @Test func `F099: hostile facts and indexes of a repository are refused and leave nothing`() async throws
    {
        let source = makeSource()
        try await capture()
        let (captured, reader) = try await self.source()
        let root = try #require(captured.root)
        let facts = try RepositoryFacts(decoding: try await content(Array("facts".utf8), root, reader))
        let bundle = try await content(RepositoryIncrement.bundlePath(0), root, reader)
        let index = try RepositoryIncrement(
            decoding: try await content(RepositoryIncrement.indexPath(0), root, reader))
        let needed = source.git("rev-parse", "HEAD").bytes
        func changed(_ change: (inout RepositoryFacts) -> Void) -> RepositoryFacts {
            var facts = facts
            change(&facts)
            return facts
        }
        func other(_ byteCount: UInt64, _ prerequisites: [[UInt8]] = []) -> RepositoryIncrement {
            RepositoryIncrement(
                objectFormat: .sha1, byteCount: byteCount, prerequisites: prerequisites, tips: index.tips,
                commits: index.commits)
        }
        let plants: [(RepositoryFacts, RepositoryIncrement, [UInt8])] = [
            (changed { $0.head = Array("ref: ../../x".utf8) }, index, bundle),
            (
                changed {
                    $0.references.append(.init(name: Array("refs/heads/main/x".utf8), target: needed))
                }, index, bundle
            ),
            (changed { $0.incrementCount = 2 }, index, bundle),
            (facts, other(index.byteCount + 1), bundle),
            (facts, other(index.byteCount, [needed]), bundle),
            (facts, index, Array(bundle.dropLast()) + [bundle[bundle.count - 1] ^ 1]),
            (facts, index, [UInt8](repeating: 0x41, count: bundle.count)),
        ]
        for (number, plant) in plants.enumerated() {
            try await self.plant(plant.0, plant.1, plant.2)
            do {
                let report = try await fixture.restore(into: "hostile\(number)")
                #expect(!report.isWhole || report.isDamaged)
                #expect(fixture.sh("ls -A hostile\(number)/repositories").text == "")
            } catch {
                // What an index says of a bundle that isn't there is damage of the store.
                #expect((error as? BackupError)?.code == .store)
                #expect(fixture.names().contains("hostile\(number)") == false)
            }
        }
    }

    /// Makes a snapshot of a repository of one bundle that says what it is told.
    private func plant(
        _ facts: RepositoryFacts, _ index: RepositoryIncrement, _ bundle: [UInt8]
    ) async throws {
        let writer = try await fixture.writer()
        var tree = EntryTreeWriter(writer)
        for (path, bytes) in [
            (Array("facts".utf8), facts.encoded), (Array("increments".utf8), nil),
            (RepositoryIncrement.bundlePath(0), bundle),
            (RepositoryIncrement.indexPath(0), index.encoded),
        ] {
            guard let bytes else {
                try await tree.add(Entry(path: path, kind: .directory, mode: 0o700))
                continue
            }
            var content = ContentWriter(writer)
            try await content.append(bytes)
            try await tree.add(Entry(path: path, kind: .file(try await content.finish()), mode: 0o600))
        }
        let draft = SnapshotDraft(
            environment: "prod", time: fixture.now(), status: .complete, revisions: [],
            sources: [
                SnapshotSource(
                    name: "app", kind: .repository, status: .complete, root: try await tree.finish())
            ], host: "h")
        _ = try await writer.commit(try await writer.prepare(draft))
    }

    @Test func `of refs below another in a snapshot, that one is left out and named, all else comes back`()
        async throws
    {
        _ = makeSource()
        try await capture()
        let (captured, reader) = try await self.source()
        let root = try #require(captured.root)
        var facts = try RepositoryFacts(decoding: try await content(Array("facts".utf8), root, reader))
        let target = facts.references[0].target
        let name = "refs/backup/20261123T172743Z/heads/topic"
        facts.lost = [.init(name: Array(name.utf8), target: target)]
        facts.references = (facts.references + [.init(name: Array("\(name)/x".utf8), target: target)])
            .sorted()
        try await plant(
            facts,
            RepositoryIncrement(decoding: try await content(RepositoryIncrement.indexPath(0), root, reader)),
            try await content(RepositoryIncrement.bundlePath(0), root, reader))
        let report = try await restore(into: "back")
        #expect(!report.isWhole && !report.isDamaged)
        let issues = report.sources[0].issues
        #expect(issues.map { String(decoding: $0.path, as: UTF8.self) } == [name])
        #expect(issues.map(\.kind) == [.refused] && issues.map { $0.reason.contains("its object") } == [true])
        #expect(state("back") == state("source"))
        #expect(backups("back").map { $0.hasSuffix(" \(name)/x") } == [true])
        #expect(fsck("back").status == 0)
    }

    // MARK: - Odd repositories

    @Test func `an unborn, a detached and a moved HEAD come back, as do refs at tags, trees and blobs`()
        async throws
    {
        let source = ScratchRepository(creating: fixture.scratch.file("source"))
        func same(_ name: String) async throws {
            try await capture()
            #expect(try await restore(into: name).isWhole)
            #expect(state(name) == state("source"))
            #expect(fsck(name).status == 0)
        }
        source.git("symbolic-ref", "HEAD", "refs/heads/none")
        try await same("unborn")
        source.git("symbolic-ref", "HEAD", "refs/heads/main")
        source.write("a", "one\n")
        source.commit("one")
        try await same("born")
        source.git("checkout", "-q", "--detach")
        source.commit("two")
        try await same("detached")
        source.git("tag", "-a", "-m", "of a tag", "inner")
        source.git("tag", "-a", "-m", "of a tag", "outer", "inner")
        source.git("tag", "-d", "inner")
        source.git("update-ref", "refs/odd/blob", source.object("blob", Array("odd".utf8)))
        source.git("update-ref", "refs/odd/tree", "HEAD^{tree}")
        try await same("odd")
        source.git("checkout", "-q", "main")
        try await same("moved")
    }

    @Test func `without git the increments of libgit2 restore as well`() async throws {
        let source = makeSource()
        let repository = try BundleSource.open(
            try RemoteLocation(source.path), mirror: fixture.path("mirror"), FetchOptions())
        var known = KnownHistory()
        let back = try Repository.create(at: fixture.path("back"))
        for number in 0...1 {
            let now = try BundleSource.open(
                try RemoteLocation(source.path), mirror: fixture.path("mirror"), FetchOptions())
            let plan = try #require(try now.plan(knowing: known))
            var bytes: [UInt8] = []
            let header = try now.write(plan.header, usingGit: false) { span in
                unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
            }
            #expect(header.prerequisites.isEmpty == (number == 0))
            known.commits.formUnion(plan.commits)
            known.roots.formUnion(header.references.map(\.target))
            var receiver = try BundleReceiver(into: back)
            try receiver.append(bytes)
            _ = try receiver.finish()
            try back.setReferences(now.references)
            source.commit("more \(number)")
        }
        #expect(try repository.plan(knowing: known) == nil)
        #expect(fsck("back").status == 0)
    }

    @Test func `objects of LFS and submodules are listed and told`() async throws {
        let source = makeSource()
        let digits = String(repeating: "ab", count: 32)
        source.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
        source.write(
            "media/a.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:\(digits)\nsize 5\n")
        source.git("add", "-A")
        let commit = source.git("rev-parse", "HEAD")
        source.git("update-index", "--add", "--cacheinfo", "160000,\(commit),vendor/lib")
        source.git("commit", "-q", "-m", "outside")
        let outcome = try await capture()
        #expect(outcome.status == .complete)
        #expect(
            outcome.sources[0].notes == [
                "1 object of Git LFS is not captured: media/a.bin", "1 submodule is not captured: vendor/lib",
            ])
        let outside = try await chain().facts.outside
        #expect(outside.map(\.name) == [Array("sha256:\(digits)".utf8), Array(commit.utf8)])
        #expect(try await capture().sources[0].notes.count == 2)
    }

    @Test(arguments: [
        ("a shallow clone", "git clone -q --depth 1 file://$PWD/real source"),
        ("SHA-256", "git init -q --object-format=sha256 source"),
        ("partial clone", "git clone -q real source; git -C source config extensions.partialClone origin"),
        ("reftables", "git clone -q real source; git -C source config extensions.refStorage reftable"),
    ])
    func `what can't be read is refused in words`(_ words: String, _ script: String) async throws {
        ScratchRepository(creating: fixture.scratch.file("real")).commit("one")
        fixture.sh("export GIT_CONFIG_NOSYSTEM=1 HOME=/nonexistent; \(script)")
        fixture.sh(
            "grep -q extensions source/.git/config && git config -f source/.git/config core.repositoryformatversion 1 || true"
        )
        let outcome = try await capture()
        #expect(outcome.sources[0].status == .failed)
        #expect(outcome.sources[0].notes.joined().contains(words), "\(outcome.sources[0].notes)")
    }

    @Test func `a hostile configuration and hooks of the source run nothing`() async throws {
        let source = makeSource()
        let mark = fixture.scratch.file("ran")
        source.write(".git/hooks/post-checkout", "#!/bin/sh\ntouch \(mark)\n")
        fixture.sh("chmod 755 source/.git/hooks/*")
        for key in [
            "core.fsmonitor", "core.sshCommand", "uploadpack.packObjectsHook", "core.alternateRefsCommand",
        ] {
            source.git("config", key, "touch \(mark); false")
        }
        #expect(try await capture().status == .complete)
        #expect(fixture.sh("test ! -e ran && echo none").text == "none")
    }

    // MARK: - Out of it again

    @Test func `a damaged bundle is named`() async throws {
        let source = makeSource()
        try await capture()
        source.commit("more")
        try await capture()
        let packs = fixture.sh("ls -S $(find store/packs -type f) | head -n 1").text
        let size = Int(fixture.sh("stat -c %s \(packs)").text.filter(\.isNumber)) ?? 0
        fixture.sh("printf '\\377\\377' | dd of=\(packs) bs=1 seek=\(size / 2) conv=notrunc status=none")
        let report = try await restore(into: "back")
        #expect(report.isDamaged)
        let reasons = report.sources.flatMap(\.issues).map(\.reason)
        #expect(reasons.contains { $0.contains("increments/000000.") }, "\(reasons)")
        #expect(report.sources.allSatisfy { $0.entryCount == 0 })
    }

    @Test func `a commit without a snapshot is checked out as its files were`() async throws {
        let source = makeSource()
        source.write("run.sh", "#!/bin/sh\n")
        fixture.sh("chmod 755 source/run.sh; ln -s ../../etc/passwd source/link")
        let wanted = source.commit("the wanted one")
        source.write("run.sh", "later\n")
        source.commit("later")
        try await capture()
        let chain = try await chain()
        #expect(try await chain.commits(beginningWith: String(wanted.prefix(9))) == [wanted.bytes])
        #expect(await code { _ = try await chain.commits(beginningWith: "xyz") } == .malformedSelection)
        #expect(try await chain.commits(beginningWith: String(repeating: "0", count: 40)) == [])

        let (captured, reader) = try await self.source()
        fixture.sh("mkdir out")
        let outcome = try await RepositoryCheckout.run(
            wanted.bytes, of: captured, from: reader, scratch: fixture.path("scratch.git"),
            into: Directory(fixture.path("out")))
        #expect(outcome.issues == [])
        #expect(outcome.entryCount == 8)
        source.git("worktree", "add", "-q", "--detach", fixture.scratch.file("expected"), wanted)
        fixture.sh("rm expected/.git; diff -r --no-dereference out expected")
        #expect(fixture.sh("stat -c %a out/run.sh out/dir/file1 out/dir").text == "755\n644\n755")
        #expect(fixture.sh("readlink out/link; test ! -e scratch.git").text == "../../etc/passwd")
        let unknown = [UInt8](repeating: 7, count: 20)
        #expect(
            await code {
                _ = try await RepositoryCheckout.run(
                    unknown, of: captured, from: reader, scratch: fixture.path("scratch.git"),
                    into: Directory(fixture.path("out")))
            } == .unknownCommit)
    }

    @Test func `a repository is exported as one bundle that git clones`() async throws {
        let source = makeSource()
        try await capture()
        source.commit("more")
        try await capture()
        let (captured, reader) = try await self.source()
        var bytes: [UInt8] = []
        try await RepositoryExport.run(captured, from: reader, scratch: fixture.path("scratch.git")) { span in
            unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        }
        ScratchRepository(at: fixture.scratch.path).write("all.bundle", bytes)
        let bundle = fixture.scratch.file("all.bundle")
        #expect(source.run("bundle", "verify", bundle).status == 0)
        let clone = ScratchRepository.git(["clone", "-q", "--mirror", bundle, fixture.scratch.file("clone")])
        #expect(clone.status == 0, "\(clone.errorText)")
        #expect(state("clone") == state("source"))
        #expect(fixture.names().contains("scratch.git") == false)
    }

    @Test func `the check finds a flipped bit, a missing object and nothing in a whole repository`()
        async throws
    {
        let source = makeSource()
        try await capture()
        #expect(try await restore(into: "back").isWhole)
        let whole = try RepositoryCheck.run(at: fixture.path("back"))
        #expect(whole.problems == [])
        let count = ScratchRepository(at: fixture.scratch.file("back")).git("count-objects", "-v")
        #expect(count.contains("in-pack: \(whole.objectCount)"))

        fixture.sh("cp -a back flipped; chmod -R u+w flipped")
        let pack = fixture.sh("ls flipped/objects/pack/*.pack").text
        fixture.sh("printf '\\377\\377\\377' | dd of=\(pack) bs=1 seek=200 conv=notrunc status=none")
        #expect(try RepositoryCheck.run(at: fixture.path("flipped")).problems.isEmpty == false)

        let blob = source.git("rev-parse", "HEAD:dir/file1")
        fixture.sh(
            """
            cp -a back holed; cd holed; mv objects/pack/*.pack ../p; rm -f objects/pack/*
            git unpack-objects -q < ../p; rm -f objects/\(blob.prefix(2))/\(blob.dropFirst(2))
            """)
        let holed = try RepositoryCheck.run(at: fixture.path("holed")).problems
        #expect(holed.contains { $0.contains(blob) }, "\(holed)")
    }

    @Test func `every one of many points is restored with its refs, and its increments are small`()
        async throws
    {
        let source = ScratchRepository(creating: fixture.scratch.file("source"))
        source.write("values.yaml", (0..<400).map { "key\($0): value\n" }.joined())
        source.commit("start")
        try await capture()
        var points: [(SnapshotID, String)] = []
        var plain = 0
        for day in 1...30 {
            let last = source.git("rev-parse", "HEAD")
            source.write("values.yaml", (0..<400).map { "key\($0): value\($0 < day ? day : 0)\n" }.joined())
            source.write("day\(day)", "\(day)\n")
            source.commit("day \(day)")
            if day % 7 == 0 { source.git("tag", "-a", "-m", "week", "week\(day / 7)") }
            points.append((try await capture().id, state("source")))
            source.git("bundle", "create", "-q", fixture.scratch.file("plain"), "main", "^\(last)")
            plain += Int(fixture.sh("stat -c %s plain").text.filter(\.isNumber)) ?? 0
        }
        let count = try await extractBundles()
        #expect(count == 31)
        let bytes = try (1..<count).map { number in
            try #require(Int(fixture.sh("stat -c %s \(number).bundle").text.filter(\.isNumber)))
        }.reduce(0, +)
        #expect(bytes * 2 <= plain * 3, "\(bytes) of increments, \(plain) of plain bundles")
        for (number, (id, expected)) in points.enumerated() where number % 6 == 5 {
            #expect(try await restore(.id(id.description), into: "back\(number)").isWhole)
            #expect(state("back\(number)") == expected)
            #expect(fsck("back\(number)").status == 0)
        }
    }
}

extension String {
    /// The bytes of forty hexadecimal digits.
    fileprivate var bytes: [UInt8] { (try? ObjectID(hex: self))?.bytes ?? [] }
}
