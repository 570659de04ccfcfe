import Archives
import Backups
import Encodings
import Files
import Glibc
import Support
import Testing

/// F099-F102: nothing outside of the target, nothing half done in it.
@Suite struct RestoreTests {
    /// Writes a snapshot of one source with `entries`, each file holding its own path.
    private func plant(
        _ entries: [Entry], kind: SourceKind = .directory, name: String = "live", _ fixture: BackupFixture,
        content: [UInt8]? = nil
    ) async throws {
        let writer = try await fixture.writer()
        var tree = EntryTreeWriter(writer)
        for entry in entries {
            guard entry.content != nil else {
                try await tree.add(entry)
                continue
            }
            var stored = ContentWriter(writer)
            try await stored.append(content ?? entry.path)
            var entry = entry
            entry.kind = .file(try await stored.finish())
            try await tree.add(entry)
        }
        let draft = SnapshotDraft(
            environment: "prod", time: fixture.now(), status: .complete, revisions: [],
            sources: [
                SnapshotSource(name: name, kind: kind, status: .complete, root: try await tree.finish())
            ], host: "host")
        _ = try await writer.commit(try await writer.prepare(draft))
    }

    private func entry(_ path: String, _ kind: Entry.Kind = .file(.empty), mode: UInt16 = 0o644) -> Entry {
        Entry(
            path: Array(path.utf8), kind: kind, mode: mode, userID: BackupFixture.user.user,
            groupID: BackupFixture.user.group)
    }

    @Test func `F099: hostile entries are refused and listed, the rest is restored`() async throws {
        let fixture = try await BackupFixture()
        fixture.sh("mkdir outside; printf secret > outside/passwd")
        let outside = Array(fixture.scratch.file("outside").utf8)
        try await plant(
            [
                entry("", .directory, mode: 0o755), entry("a", .symbolicLink(outside), mode: 0o777),
                entry("a/passwd"), entry("b", .symbolicLink(Array("../../../outside".utf8)), mode: 0o777),
                entry("b/sub", .directory, mode: 0o700), entry("b/sub/x"), entry("file"),
                entry("file/below"), entry("good", .directory, mode: 0o700), entry("good/inside"),
                entry("hard", .hardLink(Array("a/passwd".utf8))),
                entry("zdevice", .characterDevice(major: 1, minor: 3)), entry("zz", mode: 0o6755),
            ], fixture)
        let report = try await fixture.restore(into: "back")
        #expect(!report.isWhole)
        let refused = report.sources[0].issues.filter { $0.kind == .refused }
        #expect(
            refused.map { String(decoding: $0.path, as: UTF8.self) }
                == ["a/passwd", "b/sub", "b/sub/x", "file/below", "hard"])
        #expect(report.sources[0].issues.contains { $0.kind == .skipped && $0.path == Array("zdevice".utf8) })
        #expect(fixture.sh("ls -A outside; cat outside/passwd").text == "passwd\nsecret")
        #expect(fixture.sh("cat back/directories/live/good/inside").text == "good/inside")
        #expect(fixture.sh("stat -c %a back/directories/live/zz").text == "755")
        #expect(report.json.contains("\"kind\": \"refused\""))
    }

    @Test(.enabled(if: geteuid() == 0, "only root gives files away and makes devices"))
    func `F102: set-id bits, devices and other owners are left out and listed, unless they are asked for`()
        async throws
    {
        let fixture = try await BackupFixture()
        var foreign = entry("c", mode: 0o640)
        (foreign.userID, foreign.groupID) = (12_345, 23_456)
        try await plant(
            [
                entry("", .directory, mode: 0o755), entry("a", mode: 0o4755), entry("b", mode: 0o2755),
                foreign,
                entry("d", .characterDevice(major: 1, minor: 3), mode: 0o666),
                entry("e", .blockDevice(major: 7, minor: 200), mode: 0o660),
                entry("f", .directory, mode: 0o3770),
            ], fixture)
        let list = "stat -c '%n %F %a %u:%g' *"
        let report = try await fixture.restore(into: "back")
        #expect(
            fixture.sh("cd back/directories/live; \(list)").text == """
                a regular file 755 0:0
                b regular file 755 0:0
                c regular file 640 0:0
                f directory 1770 0:0
                """)
        let listed = report.sources[0].issues.map { "\(String(decoding: $0.path, as: UTF8.self)) \($0.kind)" }
        #expect(Set(listed).isSuperset(of: ["a mode", "d skipped", "e skipped", "c owner"]), "\(listed)")

        var options = Restore.Options()
        (options.tree.owners, options.tree.setIdentity, options.tree.devices) = (true, true, true)
        let asked = try await fixture.restore(into: "asked", options)
        // Not every machine lets its root make devices: then they are refused and listed.
        let refused = asked.sources[0].issues.map { String(decoding: $0.path, as: UTF8.self) }
        #expect(Set(refused).isSubset(of: ["d", "e"]), "\(refused)")
        let user = BackupFixture.user
        var lines = [
            "a regular file 4755 \(user.user):\(user.group)",
            "b regular file 2755 \(user.user):\(user.group)",
            "c regular file 640 12345:23456",
        ]
        if !refused.contains("d") { lines.append("d character special file 666 \(user.user):\(user.group)") }
        if !refused.contains("e") { lines.append("e block special file 660 \(user.user):\(user.group)") }
        lines.append("f directory 3770 \(user.user):\(user.group)")
        #expect(fixture.sh("cd asked/directories/live; \(list)").text == lines.joined(separator: "\n"))
    }

    @Test func `F099: no tree holds a path that leads out, or one twice`() async throws {
        let fixture = try await BackupFixture()
        for bad in ["../x", "/etc/x", "a//b", "a/../b", ".", "a/"] {
            await #expect(throws: ArchiveError.self) { try await plant([entry(bad)], fixture) }
        }
        await #expect(throws: ArchiveError.self) { try await plant([entry("x"), entry("x")], fixture) }
        await #expect(throws: ArchiveError.self) {
            try await plant([entry("x", .hardLink(Array("../../y".utf8)))], fixture)
        }
    }

    @Test func `a repository of hostile facts is refused and leaves nothing`() async throws {
        let fixture = try await BackupFixture()
        let id = [UInt8](repeating: 1, count: 20)
        let names = ["refs/heads/../../../x", "outside", "refs/heads/gone"]
        for (number, name) in names.enumerated() {
            let facts = RepositoryFacts(
                url: [], objectFormat: .sha1, head: Array("ref: refs/heads/main".utf8),
                references: [.init(name: Array(name.utf8), target: id)], incrementCount: 0, lost: [])
            try await plant([entry("facts")], kind: .repository, fixture, content: facts.encoded)
            let report = try await fixture.restore(into: "back\(number)")
            #expect(!report.isWhole)
            #expect(fixture.sh("ls -A back\(number)/repositories").text == "")
        }
    }

    @Test func `F099: a source whose name leads out is refused`() async throws {
        let fixture = try await BackupFixture()
        try await plant([entry("x")], name: "../../../escaped", fixture)
        let report = try await fixture.restore(into: "back")
        #expect(!report.isWhole)
        #expect(fixture.names() == ["back"])
    }

    @Test func `F100: the target is absent or an empty directory`() async throws {
        let fixture = try await BackupFixture()
        try await fixture.backUp()
        fixture.sh(
            "mkdir full empty; printf x > full/x; printf x > file; ln -s empty link; ln -s none dangling")
        for name in ["full", "file", "link", "dangling"] {
            #expect(await code { try await fixture.restore(into: name) } == .occupied)
        }
        #expect(fixture.names() == ["dangling", "empty", "file", "full", "link"])
        #expect(fixture.sh("cat full/x; ls -A empty").text == "x")
        try await fixture.restore(into: "empty")
        #expect(fixture.sh("ls empty").text == "REPORT.json\nkeyring")
        #expect(await code { try await fixture.restore(into: "empty") } == .occupied)
    }

    @Test func `whole sources are chosen beside paths, and others are left out`() async throws {
        let fixture = try await BackupFixture()
        fixture.sh("mkdir -p live/a other; printf x > live/a/b; printf y > live/c; printf z > other/d")
        try await fixture.backUp([
            .directory(name: "live", path: fixture.path("live")),
            .directory(name: "other", path: fixture.path("other")),
            .documents(name: "config", [.init(path: [0x61], bytes: [1])]),
        ])
        var options = Restore.Options()
        options.wholeSources = ["live"]
        try await fixture.restore(into: "whole", options)
        #expect(
            fixture.sh("cd whole; find . -type f | sort").text
                == "./REPORT.json\n./directories/live/a/b\n./directories/live/c")
        // A path of a source that is whole is there anyway.
        options.only = [Array("a/b".utf8)]
        try await fixture.restore(into: "both", options)
        fixture.sh("test -e both/directories/live/c; test ! -e both/directories/other/d")
        options.only = [Array("nowhere".utf8)]
        #expect(await code { try await fixture.restore(into: "none", options) } == .unknownPath)
    }

    @Test func `what a killed restore left is cleared by the next, a living one is left alone`() async throws
    {
        let fixture = try await BackupFixture()
        try await fixture.backUp()
        fixture.sh("mkdir -p .back.restoring/content/deep; printf x > .back.restoring/content/deep/half")
        fixture.sh(": > .back.restoring/strongroom-restore")
        fixture.sh("chmod 0 .back.restoring/content/deep; : > .back.restoring/lock")
        do {
            let staging = try Directory(fixture.path(".back.restoring"))
            let lock = try FileLock("lock", in: staging)
            #expect(await code { try await fixture.restore(into: "back") } == .busy)
            _ = lock
        }
        try await fixture.restore(into: "back")
        #expect(fixture.names() == ["back"])
        #expect(fixture.sh("ls -A back").text == "REPORT.json\nkeyring")
    }

    @Test func `what only has the name of a restore's working place is left alone`() async throws {
        let fixture = try await BackupFixture()
        try await fixture.backUp()
        for (files, kept) in [
            ("", "mine"), ("", "content/mine"), ("strongroom-restore exchanged", "content/mine"),
        ] {
            fixture.sh(
                """
                rm -rf .back.restoring; mkdir -p .back.restoring/content; cd .back.restoring
                for file in \(files); do : > $file; done; printf mine > \(kept)
                """)
            #expect(await code { try await fixture.restore(into: "back") } == .occupied)
            #expect(fixture.sh("cat .back.restoring/\(kept)").text == "mine")
            #expect(fixture.names() == [".back.restoring"])
        }
    }

    @Test func `without the read key nothing is restored and nothing is left`() async throws {
        let fixture = try await BackupFixture()
        try await fixture.backUp()
        let blind = try await StoreReader(fixture.store, write: [fixture.write])
        let plan = try RestorePlan(.latest, in: try await blind.snapshots())
        do {
            _ = try await Restore.run(
                plan, from: blind, into: fixture.path("back"), as: BackupFixture.user)
            Issue.record("restored")
        } catch {
            #expect(error.code == .store)
            #expect((error.underlying as? ArchiveError)?.code == .keyNeeded)
        }
        #expect(fixture.names() == [])
    }

    @Test func `of a store whose packs are all damaged nothing but a report is restored`() async throws {
        let fixture = try await BackupFixture()
        fixture.sh("mkdir live; head -c 500000 /dev/urandom > live/file")
        try await fixture.backUp([.directory(name: "live", path: fixture.path("live"))])
        let reader = try await fixture.reader()
        let plan = try RestorePlan(.latest, in: try await reader.snapshots())
        fixture.sh("for p in $(find store/packs -type f); do chmod u+w $p; : > $p; done")
        let report = try await Restore.run(
            plan, from: reader, into: fixture.path("back"), as: BackupFixture.user)
        #expect(report.isDamaged)
        #expect(report.sources[0].entryCount == 0)
        #expect(report.sources[0].issues.map(\.kind) == [.damaged])
        #expect(fixture.sh("find back -type f").text == "back/REPORT.json")
        #expect(fixture.names() == ["back", "live"])
    }
}
