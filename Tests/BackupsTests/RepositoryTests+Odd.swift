import Archives
import Backups
import Files
import Git
import Support
import Testing

/// Repositories as few people have them, and what is made of restored ones.
extension RepositoryTests {
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
        (
            "partial clone",
            "git -C real config uploadpack.allowFilter true; git clone -q --filter=blob:none file://$PWD/real source"
        ),
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
        let left = try await RepositoryExport.run(
            captured, from: reader, scratch: fixture.path("scratch.git")
        ) { span in
            unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        }
        #expect(left == [])
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
