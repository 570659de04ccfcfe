import Archives
import Backups
import Files
import Glibc
import Support
import Testing

/// F079-F083, F087: what goes in comes out.
@Suite struct DirectoryTests {
    @Test func `F081, F082, F083, F087: a directory comes back with every name, kind, mode, time and hole`()
        async throws
    {
        let fixture = try await BackupFixture()
        fixture.sh(
            """
            mkdir -p live/empty live/a live/a-b live/sub/deeper live/closed
            printf one > live/a/file; printf two > live/a-b/file; printf three > live/a.txt
            printf bytes > "live/$(printf 'bad\\377\\376name')"
            printf line > "live/$(printf 'new\\nline')"
            printf dash > live/-rf; printf quote > 'live/"quo\\te'
            printf nfc > "live/$(printf 'caf\\303\\251')"; printf nfd > "live/$(printf 'cafe\\314\\201')"
            printf long > "live/$(printf '%0255d' 0)"
            : > live/nothing
            head -c 3000000 /dev/urandom > live/sub/large
            ln -s ../nowhere live/sub/dangling; ln -s . live/sub/loop; ln -s /etc/passwd live/absolute
            printf linked > live/sub/first; ln live/sub/first live/sub/second; ln live/sub/first live/a/third
            truncate -s 1T live/sparse; printf end | dd of=live/sparse bs=1 seek=1000000 conv=notrunc status=none
            mkfifo live/pipe
            chmod 0400 live/a/file; chmod 0751 live/sub; chmod 0000 live/nothing; chmod 1777 live/empty
            chmod 0555 live/closed
            touch -d '2001-02-03 04:05:06.123456789Z' live/a.txt
            touch -d '1969-12-31 23:59:58.5Z' live/a-b/file
            touch -h -d '1999-01-01 00:00:00.000000001Z' live/absolute
            touch -d '2010-01-01 00:00:00.5Z' live/empty live/sub/deeper live
            chmod 0400 live/nothing
            """)
        let outcome = try await fixture.backUp([.directory(name: "live", path: fixture.path("live"))])
        #expect(outcome.status == .complete)
        #expect(outcome.sources[0].notes == [])

        let report = try await fixture.restore(into: "back")
        #expect(report.isWhole)
        #expect(report.sources[0].issues == [])
        // sha256sum of the sparse file would read a terabyte.
        let ids = fixture.sh("stat -c %i back/directories/live/sub/first back/directories/live/a/third").text
        #expect(Set(ids.split(separator: "\n")).count == 1)
        let blocks = fixture.sh("stat -c '%s %b' back/directories/live/sparse").text.split(separator: " ")
        #expect(blocks[0] == "1099511627776")
        #expect((Int(blocks[1]) ?? .max) < 1000)
        #expect(
            fixture.sh("dd if=back/directories/live/sparse bs=1 skip=1000000 count=3 status=none").text
                == "end")
        fixture.sh("rm live/sparse back/directories/live/sparse")
        fixture.sh("touch -d '2010-01-01 00:00:00.5Z' live back/directories/live")
        #expect(fixture.description(of: "live") == fixture.description(of: "back/directories/live"))
        #expect(fixture.names() == ["back", "live"])
    }

    @Test func `F082: paths longer than the system takes come back`() async throws {
        let fixture = try await BackupFixture()
        fixture.sh(
            """
            mkdir live; cd live; name=$(printf '%0200d' 0)
            for i in $(seq 40); do mkdir $name; cd -P ./$name; done
            printf deep > file; ln file other; ln -s file link; chmod 0640 file; mkdir end; chmod 0500 end
            """)
        try await fixture.backUp([.directory(name: "live", path: fixture.path("live"))])
        let report = try await fixture.restore(into: "back")
        #expect(report.sources[0].issues == [])
        #expect(report.sources[0].entryCount == 45)
        let found = fixture.sh(
            "cd back/directories/live; find . -name end -printf '%d %m\\n' -o -type f -printf '%d %m %s %n\\n' | sort"
        ).text
        #expect(found == "41 500\n41 640 4 2\n41 640 4 2")
    }

    @Test(.enabled(if: geteuid() == 0, "only root gives files away"))
    func `F087: owners are left out and counted unless they are asked for`()
        async throws
    {
        let fixture = try await BackupFixture()
        fixture.sh("mkdir live; for i in 1 2 3; do : > live/$i; done; chown 33:34 live/*; chmod 4755 live/2")
        try await fixture.backUp([.directory(name: "live", path: fixture.path("live"))])
        let report = try await fixture.restore(into: "back")
        #expect(report.isWhole)
        #expect(report.sources[0].issues.map(\.kind) == [.mode, .owner])
        #expect(report.sources[0].issues.last?.reason == "owner 33:34 left out of 3 entries, this the first")
        #expect(fixture.sh("stat -c '%u %a' back/directories/live/2").text == "0 755")
        var options = Restore.Options()
        options.tree.owners = true
        options.tree.setIdentity = true
        #expect(try await fixture.restore(into: "again", options).sources[0].issues == [])
        #expect(fixture.sh("stat -c '%u:%g %a' again/directories/live/2").text == "33:34 4755")
    }

    @Test func `one chosen directory becomes the target itself, whatever its mode`() async throws {
        let fixture = try await BackupFixture()
        fixture.sh("mkdir live; printf x > live/file; chmod 0500 live; touch -d '2001-01-01Z' live")
        try await fixture.backUp([
            .directory(name: "live", path: fixture.path("live")),
            .documents(name: "keyring", [.init(path: Array("k".utf8), bytes: [1])]),
        ])
        var options = Restore.Options()
        options.sources = ["live"]
        try await fixture.restore(into: "deep/er/back", options)
        #expect(fixture.description(of: "live") == fixture.description(of: "deep/er/back"))
        #expect(fixture.sh("ls -A deep/er").text == "back")
    }

    @Test func `F087: extended attributes come back where the file system has them`() async throws {
        let fixture = try await BackupFixture()
        fixture.sh("mkdir live; printf x > live/file")
        let attribute = ExtendedAttribute(name: "user.comment", value: [0, 255, 10])
        let live = try Directory(fixture.path("live"))
        do throws(FileError) {
            try live.setExtendedAttribute(attribute, of: "file")
        } catch {
            try #require(error.code == .unsupported)
            return
        }
        try await fixture.backUp([.directory(name: "live", path: fixture.path("live"))])
        let report = try await fixture.restore(into: "back")
        #expect(report.sources[0].issues == [])
        let back = try Directory(fixture.path("back/directories/live"))
        #expect(try back.extendedAttributes(of: "file") == [attribute])
    }

    @Test(.enabled(if: geteuid() != 0, "root can read everything"))
    func `F080: what can't be read is listed and makes the snapshot partial`()
        async throws
    {
        let fixture = try await BackupFixture()
        fixture.sh(
            "mkdir -p live/closed; printf x > live/closed/in; printf y > live/secret; printf z > live/open")
        fixture.sh("chmod 0 live/closed live/secret")
        let outcome = try await fixture.backUp([.directory(name: "live", path: fixture.path("live"))])
        #expect(outcome.status == .partial)
        #expect(outcome.sources[0].notes.count == 2)
        #expect(outcome.sources[0].notes.allSatisfy { $0.hasPrefix("not read: ") })
        try await fixture.restore(into: "back")
        #expect(fixture.sh("ls back/directories/live").text == "open")
        fixture.sh("chmod 0700 live/closed")
    }

    @Test func `F079: a file that grows while it is read is flagged and has an end`() async throws {
        let fixture = try await BackupFixture()
        fixture.sh("mkdir live; head -c 8000000 /dev/zero > live/log; printf x > live/other")
        let file = fixture.scratch.file("live/log")
        let appending = Task.detached {
            let log = unsafe open(file, O_WRONLY | O_APPEND | O_CLOEXEC)
            defer { close(log) }
            while !Task.isCancelled {
                _ = unsafe Glibc.write(log, "more\n", 5)
                usleep(100)
            }
        }
        let outcome = try await fixture.backUp([.directory(name: "live", path: fixture.path("live"))])
        appending.cancel()
        await appending.value
        #expect(outcome.status == .partial)
        #expect(outcome.sources[0].notes == ["changed while it was read: log"])
        let reader = try await fixture.reader()
        let root = try #require(outcome.sources[0].root)
        let entry = try #require(try await reader.entry(at: Array("log".utf8), of: root))
        #expect(entry.flags == .changedWhileRead)
    }

    @Test func `a directory that is missing fails, the other sources go on`() async throws {
        let fixture = try await BackupFixture()
        fixture.sh("mkdir live; printf x > live/file")
        let outcome = try await fixture.backUp([
            .directory(name: "gone", path: fixture.path("gone")),
            .directory(name: "live", path: fixture.path("live")),
        ])
        #expect(outcome.status == .partial)
        #expect(outcome.sources.map(\.status) == [.failed, .complete])
        #expect(outcome.sources[0].root == nil)
        let report = try await fixture.restore(into: "back")
        #expect(report.sources.map(\.status) == [.failed, .complete])
        #expect(report.notices.count == 1)
        #expect(fixture.sh("cat back/directories/live/file").text == "x")
    }

    @Test func `an unchanged directory adds no pack`() async throws {
        let fixture = try await BackupFixture()
        fixture.sh(
            "mkdir live; for i in $(seq 300); do printf $i > live/$i; done; head -c 900000 /dev/urandom > live/l"
        )
        try await fixture.backUp([.directory(name: "live", path: fixture.path("live"))])
        let before = fixture.packCount()
        let second = try await fixture.backUp([.directory(name: "live", path: fixture.path("live"))])
        #expect(fixture.packCount() == before)
        #expect(second.statistics.addedPieceCount == 0)
    }

    @Test func `chosen paths come back with the directories above them, and hard links to others as files`()
        async throws
    {
        let fixture = try await BackupFixture()
        fixture.sh(
            """
            mkdir -p live/a/b live/c live/d; printf one > live/a/b/x; printf two > live/a/y; printf three > live/d/z
            ln live/a/y live/c/link; ln live/a/y live/c/other; chmod 0710 live/a live/c
            """)
        try await fixture.backUp([.directory(name: "live", path: fixture.path("live"))])
        var options = Restore.Options()
        options.sources = ["directory:live"]
        options.only = [Array("c".utf8), Array("a/b".utf8), Array("a/b/x".utf8)]
        let report = try await fixture.restore(into: "back", options)
        #expect(report.isWhole)
        #expect(
            fixture.sh("cd back; find . | LC_ALL=C sort").text
                == "./a\n./a/b\n./a/b/x\n./c\n./c/link\n./c/other\n.".split(separator: "\n").sorted()
                .joined(separator: "\n"))
        #expect(fixture.sh("cat back/c/link; stat -c %h back/c/other; stat -c %a back/a").text == "two2\n710")
        options.only = [Array("c/absent".utf8)]
        #expect(await code { try await fixture.restore(into: "none", options) } == .unknownPath)
        #expect(fixture.names() == ["back", "live"])
    }

    @Test func `entries are listed and files are printed`() async throws {
        let fixture = try await BackupFixture()
        fixture.sh(
            "mkdir -p live/a; printf one > live/a/x; ln live/a/x live/a/y; truncate -s 200000 live/hole")
        try await fixture.backUp([.directory(name: "live", path: fixture.path("live"))])
        let reader = try await fixture.reader()
        let snapshot = try await reader.open(try await fixture.plan(.latest).record)
        let browser = SnapshotBrowser(snapshot, reader)
        var paths: [String] = []
        try await browser.list("live", under: Array("a".utf8)) {
            paths.append(String(decoding: $0.path, as: UTF8.self))
        }
        #expect(paths == ["a", "a/x", "a/y"])
        for (path, expected) in [("a/y", Array("one".utf8)), ("hole", [UInt8](repeating: 0, count: 200_000))]
        {
            var bytes: [UInt8] = []
            try await browser.cat("live", Array(path.utf8)) { span in
                unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
            }
            #expect(bytes == expected)
        }
        #expect(await code { try await browser.cat("live", Array("a".utf8)) { _ in } } == .notAFile)
        #expect(await code { try await browser.cat("live", Array("b".utf8)) { _ in } } == .unknownPath)
        #expect(await code { try await browser.list("none") { _ in } } == .unknownSource)
        #expect(await code { try await browser.list("live", under: [0x62]) { _ in } } == .unknownPath)
    }
}
