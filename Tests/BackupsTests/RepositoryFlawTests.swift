import Archives
import Backups
import Files
import Support
import Testing

/// Repositories of which not everything can be captured, and what HEAD alone holds.
@Suite struct `Flawed repositories` {
    private let fixture: BackupFixture
    private let source: ScratchRepository

    init() async throws {
        fixture = try await BackupFixture()
        source = ScratchRepository(creating: fixture.scratch.file("source"))
        source.write("a", "one\n")
        source.commit("one")
        source.git("branch", "side")
        source.git("checkout", "-q", "-b", "topic")
        source.write("b", "two\n")
        source.commit("two")
        source.git("checkout", "-q", "main")
    }

    private func capture() async throws -> BackupOutcome {
        var run = BackupRun(
            environment: "prod",
            sources: [
                .repository(
                    name: "app", url: source.path, mirror: fixture.path("state/mirrors/app"))
            ], host: "host", clock: { fixture.now() })
        run.memory = CaptureMemory(directory: fixture.path("memory"))
        return try await run.run(in: try await fixture.writer())
    }

    /// The restored repository of a snapshot.
    private func restored(_ outcome: BackupOutcome) async throws -> ScratchRepository {
        let name = outcome.id.description
        var options = Restore.Options()
        options.sources = ["app"]
        #expect(try await fixture.restore(.id(name), into: name, options).isWhole)
        let repository = ScratchRepository(at: fixture.scratch.file(name))
        let fsck = repository.run("fsck", "--full", "--strict")
        #expect(fsck.status == 0, "\(fsck.errorText)")
        return repository
    }

    private func references(_ repository: ScratchRepository) -> [String] {
        repository.git("for-each-ref", "--format=%(refname)").split(separator: "\n").map(String.init)
    }

    @Test(arguments: [
        ("an empty file", ": > .git/refs/heads/topic", "the file holds no object's id"),
        ("a file of other text", "echo not a ref > .git/refs/heads/topic", "the file holds no object's id"),
        (
            "an object that is missing",
            "echo 1111111111111111111111111111111111111111 > .git/refs/heads/topic",
            "1111111111111111111111111111111111111111"
        ),
        (
            "a history with a hole",
            "rm -f .git/objects/$(git rev-parse topic:b | sed 's,^..,&/,')",
            "41da2b566acdbbc1955464855b1a39e5917f0ee7"
        ),
        (
            "a broken object",
            "p=.git/objects/$(git rev-parse topic:b | sed 's,^..,&/,'); chmod u+w $p; printf x > $p",
            "41da2b56"
        ),
    ])
    func `F086: one bad ref fails no other, is named, and what it held is kept`(
        _ what: String, _ script: String, _ reason: String
    ) async throws {
        let first = try await capture()
        #expect(first.status == .complete)
        let topic = source.git("rev-parse", "topic")
        // What is captured already doesn't have to be there any more.
        source.git("checkout", "-q", "topic")
        source.write("b", "not captured\n")
        source.commit("new on topic")
        source.git("checkout", "-q", "main")
        fixture.sh("cd source; \(script)")
        source.write("a", "three\n")
        source.commit("three")
        let second = try await capture()
        #expect(second.status == .partial)
        #expect(second.sources[0].status == .partial)
        let notes = second.sources[0].notes.joined(separator: "\n")
        #expect(notes.hasPrefix("refs/heads/topic is left out"), "\(what): \(notes)")
        #expect(notes.contains(reason), "\(what): \(notes)")
        let back = try await restored(second)
        #expect(references(back).prefix(1).map { $0.hasSuffix("/heads/topic") } == [true])
        #expect(references(back).suffix(2) == ["refs/heads/main", "refs/heads/side"])
        #expect(back.git("rev-parse", "main") == source.git("rev-parse", "main"))
        #expect(back.git("for-each-ref", "--format=%(objectname)", "refs/backup") == topic)
        // Mended, it is whole again.
        fixture.sh("cat source/.git/refs/heads/main > source/.git/refs/heads/topic")
        let third = try await capture()
        #expect(third.status == .complete && third.sources[0].notes == [])
        #expect(
            references(try await restored(third)).suffix(3) == [
                "refs/heads/main", "refs/heads/side", "refs/heads/topic",
            ])
    }

    /// Changes one byte of the pack that holds `topic:big`, amid that object, or changes it back.
    private func rot() {
        fixture.sh(
            """
            cd source; blob=$(git rev-parse topic:big)
            for index in .git/objects/pack/*.idx; do
                offset=$(git show-index < $index | sed -n "s/^\\([0-9]*\\) $blob .*/\\1/p")
                test -z "$offset" && continue
                pack=${index%.idx}.pack; chmod u+w $pack
                python3 -c "
            import sys
            with open('$pack', 'r+b') as file:
                file.seek($offset + 1000); byte = file.read(1)[0]
                file.seek($offset + 1000); file.write(bytes([byte ^ 4]))"
                exit 0
            done
            exit 1
            """)
    }

    private func commitLarge() {
        source.git("checkout", "-q", "topic")
        fixture.sh("head -c 60000 /dev/urandom > source/big")
        source.commit("large")
        source.git("checkout", "-q", "main")
        source.git("repack", "-q", "-d")
    }

    @Test(arguments: [true, false])
    func `F086: a bit that rotted in a pack of the source is found, and what is mended is captured`(
        inBase: Bool
    ) async throws {
        if !inBase { #expect(try await capture().status == .complete) }
        commitLarge()
        rot()
        let rotten = try await capture()
        #expect(rotten.status == .partial && rotten.sources[0].status == .partial)
        #expect(rotten.sources[0].notes.joined().hasPrefix("refs/heads/topic is left out"))
        _ = try await restored(rotten)
        rot()
        let mended = try await capture()
        #expect(mended.status == .complete)
        let back = try await restored(mended)
        #expect(back.git("rev-parse", "topic") == source.git("rev-parse", "topic"))
    }

    @Test func `F086: an object with the bytes of another is found`() async throws {
        #expect(try await capture().status == .complete)
        source.git("checkout", "-q", "topic")
        source.write("b", "three\n")
        source.commit("three")
        source.git("checkout", "-q", "main")
        fixture.sh(
            "git init -q other; other=$(echo elsewhere | git -C other hash-object -w --stdin | sed 's,^..,&/,'); "
                + "cd source; p=.git/objects/$(git rev-parse topic:b | sed 's,^..,&/,'); rm -f $p; "
                + "cp ../other/.git/objects/$other $p")
        let outcome = try await capture()
        #expect(outcome.status == .partial)
        #expect(outcome.sources[0].notes.joined().hasPrefix("refs/heads/topic is left out"))
        _ = try await restored(outcome)
    }

    @Test func `F086: a repository of which no ref is sound fails, with the object's name`() async throws {
        for name in ["side", "topic"] { source.git("branch", "-q", "-D", name) }
        let blob = source.git("rev-parse", "main:a")
        fixture.sh("rm -f source/.git/objects/\(blob.prefix(2))/\(blob.dropFirst(2))")
        let outcome = try await capture()
        #expect(outcome.sources[0].status == .failed)
        #expect(outcome.sources[0].notes.joined().contains(blob), "\(outcome.sources[0].notes)")
    }

    @Test func `the commit of a detached HEAD comes back as such, and is kept when HEAD moves on`()
        async throws
    {
        source.git("checkout", "-q", "--detach")
        source.write("c", "alone\n")
        let alone = source.commit("on no branch")
        let detached = try await capture()
        let back = try await restored(detached)
        #expect(back.git("rev-parse", "HEAD") == alone)
        #expect(back.run("symbolic-ref", "-q", "HEAD").status != 0)
        source.git("checkout", "-q", "main")
        source.git("reflog", "expire", "--expire=now", "--all")
        source.git("gc", "-q", "--prune=now")
        #expect(source.run("cat-file", "-e", alone).status != 0)
        let moved = try await restored(try await capture())
        #expect(moved.git("symbolic-ref", "HEAD") == "refs/heads/main")
        let kept = moved.git("for-each-ref", "--format=%(objectname) %(refname)", "refs/backup")
        #expect(kept.hasPrefix("\(alone) refs/backup/") && kept.hasSuffix("/HEAD"), "\(kept)")
        // At a commit that a branch reaches, nothing is lost when it moves.
        source.git("checkout", "-q", "--detach", "side")
        _ = try await capture()
        source.git("checkout", "-q", "main")
        let last = try await restored(try await capture())
        #expect(last.git("for-each-ref", "--format=%(objectname) %(refname)", "refs/backup") == kept)
    }

    // MARK: - Names

    @Test(arguments: ["/x", "", "/.."])
    func `refs of the source where a vanished tip is kept give it another name, and all comes back`(
        _ place: String
    ) async throws {
        _ = try await capture()
        let topic = source.git("rev-parse", "topic")
        source.git("branch", "-q", "-D", "topic")
        let kept = try #require(references(try await restored(try await capture())).first)
        #expect(kept.hasPrefix("refs/backup/") && kept.hasSuffix("/heads/topic"))
        let own = place == "/.." ? String(kept.dropLast("/topic".count)) : kept + place
        source.git("update-ref", own, "main")
        for _ in 1...2 {
            let outcome = try await capture()
            #expect(outcome.status == .complete && outcome.sources[0].notes == [])
            let back = try await restored(outcome)
            #expect(back.git("rev-parse", own) == source.git("rev-parse", own))
            let tips = back.git("for-each-ref", "--format=%(objectname) %(refname)", "refs/backup")
                .split(separator: "\n").filter { $0.hasPrefix(topic) }
            #expect(tips.count == 1 && tips.allSatisfy { $0.hasSuffix("Z-2/heads/topic") }, "\(tips)")
            source.commit("a further one")
        }
    }

    @Test
    func `a ref that another is below is left out and named, and what it held is kept if it was captured`()
        async throws
    {
        let topic = source.git("rev-parse", "topic")
        source.git("pack-refs", "--all")
        fixture.sh("cp source/.git/packed-refs sound; cp sound broken")
        fixture.sh("echo \(source.git("rev-parse", "main")) refs/heads/topic/x >> broken")
        fixture.sh("cp broken source/.git/packed-refs")
        let words = "other refs are below it, which no sound repository has; it names \(topic)"
        let first = try await capture()
        #expect(first.status == .partial)
        #expect(first.sources[0].notes == ["refs/heads/topic is left out: \(words)"])
        let names = ["refs/heads/main", "refs/heads/side", "refs/heads/topic/x"]
        #expect(references(try await restored(first)) == names)
        fixture.sh("cp sound source/.git/packed-refs")
        #expect(try await capture().status == .complete)
        fixture.sh("cp broken source/.git/packed-refs")
        let last = try await capture()
        #expect(last.status == .partial)
        #expect(
            last.sources[0].notes == [
                "refs/heads/topic is left out, and what it held the last time is kept: \(words)"
            ])
        let back = try await restored(last)
        #expect(references(back).suffix(3) == names[...])
        #expect(back.git("for-each-ref", "--format=%(objectname)", "refs/backup") == topic)
    }

    @Test func `symbolic refs beside HEAD are named with what they name`() async throws {
        source.git("symbolic-ref", "refs/heads/stable", "refs/heads/main")
        source.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/none")
        let outcome = try await capture()
        #expect(outcome.status == .complete)
        #expect(
            outcome.sources[0].notes == [
                "refs/heads/stable is a symbolic ref to refs/heads/main: "
                    + "it comes back as a plain ref to the same object",
                "refs/remotes/origin/HEAD is a symbolic ref to refs/remotes/origin/none, "
                    + "which is not there: it is not captured",
            ])
        let back = try await restored(outcome)
        #expect(back.git("rev-parse", "stable") == source.git("rev-parse", "main"))
        #expect(references(back).count == 4)
    }

    @Test func `a repository without HEAD is called broken, not missing`() async throws {
        fixture.sh("mv source/.git/HEAD aside")
        let outcome = try await capture()
        #expect(outcome.sources[0].status == .failed)
        #expect(outcome.sources[0].notes.joined().hasSuffix("is broken: HEAD, objects or refs are missing"))
    }
}
