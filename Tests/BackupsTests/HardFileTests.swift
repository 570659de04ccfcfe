import Archives
import Backups
import Files
import Glibc
import Support
import Testing

/// Files that don't hold still, can't be read, or are no files: F079-F081, F087.
@Suite struct `Hard files` {
    /// Runs `script` in the scratch directory as soon as this process has the file `name` open.
    private func whileOpen(_ fixture: BackupFixture, _ name: String, _ script: String) -> Task<Void, Never> {
        let path = fixture.path(name)
        return Task.detached {
            while !Task.isCancelled {
                let numbers = (try? Directory("/proc/self/fd").entries().map(\.name)) ?? []
                for number in numbers
                where (try? Directory("/proc/self/fd").readLink(number)) == path {
                    fixture.sh(script)
                    return
                }
                usleep(1_000)
            }
        }
    }

    @Test(arguments: [
        ("shrinks", "truncate -s 1000 live/big"), ("is replaced", "mv other live/big"),
        ("vanishes", "rm live/big"),
        ("is written to", "printf x | dd of=live/big bs=1 conv=notrunc status=none"),
    ])
    func `F079: a file that shrinks, is replaced, vanishes or is written to while it is read is flagged`(
        _ what: String, _ script: String
    ) async throws {
        let fixture = try await BackupFixture()
        fixture.sh(
            "mkdir live; echo small > live/a; echo other > other; yes 0123456789abcde | head -c 128M > live/big"
        )
        let task = whileOpen(fixture, "live/big", script)
        let outcome = try await fixture.backUp([.directory(name: "live", path: fixture.path("live"))])
        task.cancel()
        await task.value
        #expect(outcome.status == .partial, "\(what)")
        #expect(outcome.sources[0].notes == ["changed while it was read: big"], "\(what)")
        // What was captured is of one piece: it comes back whole, and the rest with it.
        let report = try await fixture.restore(.id(outcome.id.description), into: "back")
        #expect(report.isWhole && !report.isDamaged)
        let reader = try await fixture.reader()
        let root = try #require(outcome.sources[0].root)
        let entry = try #require(try await reader.entry(at: Array("big".utf8), of: root))
        #expect(entry.flags == .changedWhileRead)
        let size = fixture.sh("stat -c %s back/directories/live/big").text
        #expect(entry.content?.byteCount == UInt64(size))
        #expect(fixture.sh("cat back/directories/live/a").text == "small")
    }

    @Test func `F080, F081: a file of the kernel is read to its end, and one that fails with EIO is listed`()
        async throws
    {
        let fixture = try await BackupFixture()
        // At its beginning no process has memory: read(2) says EIO.
        var selection = DirectorySelection()
        selection.include = ["mem", "cmdline"].compactMap { PathPattern($0) }
        let outcome = try await fixture.backUp([
            .directory(name: "process", path: Path("/proc/\(getpid())"), selecting: selection)
        ])
        #expect(outcome.status == .partial && outcome.sources[0].status == .partial)
        #expect(outcome.sources[0].notes.count == 1)
        #expect(
            outcome.sources[0].notes.first?.hasPrefix("not read: mem: ") == true,
            "\(outcome.sources[0].notes)")
        let report = try await fixture.restore(.id(outcome.id.description), into: "back")
        #expect(report.isWhole)
        #expect(
            fixture.sh(
                "cmp /proc/\(getpid())/cmdline back/directories/process/cmdline; ls -A back/directories/process"
            ).text == "cmdline")
    }

    @Test func `F081: pipes, sockets and devices block nothing, and are recorded or listed`() async throws {
        let fixture = try await BackupFixture()
        fixture.sh(
            """
            mkdir live; cd live; mkfifo pipe; : > file
            python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
            mknod device c 1 3 2> ../refused || true
            """)
        let hasDevice = fixture.sh("test -c live/device && echo yes || true").text == "yes"
        let outcome = try await fixture.backUp([.directory(name: "live", path: fixture.path("live"))])
        #expect(outcome.status == .complete, "\(outcome.sources[0].notes)")
        let reader = try await fixture.reader()
        let root = try #require(outcome.sources[0].root)
        var kinds: [String] = []
        var cursor = reader.entries(of: root)
        while let entry = try await cursor.next() {
            guard !entry.path.isEmpty else { continue }
            switch entry.kind {
            case .fifo: kinds.append("fifo")
            case .socket: kinds.append("socket")
            case .characterDevice: kinds.append("device")
            case .file: kinds.append("file")
            default: kinds.append("other")
            }
        }
        #expect(kinds == (hasDevice ? ["device"] : []) + ["file", "fifo", "socket"])
        let report = try await fixture.restore(into: "back")
        let left = Set(report.sources[0].issues.map { String(decoding: $0.path, as: UTF8.self) })
        #expect(left == (hasDevice ? ["device", "socket"] : ["socket"]), "\(report.sources[0].issues)")
        #expect(fixture.sh("cd back/directories/live; test -p pipe; ls").text == "file\npipe")
    }

    @Test(.enabled(if: geteuid() == 0, "only root gives files away"))
    func `F087: the last user, set-id bits and far times come back`() async throws {
        let fixture = try await BackupFixture()
        fixture.sh(
            """
            mkdir live; cd live; for n in last early late set; do : > $n; done
            chown 4294967294:4294967294 last; touch -d @-1 early; touch -d @1099511627776.123456789 late; chmod 6755 set
            """)
        try await fixture.backUp([.directory(name: "live", path: fixture.path("live"))])
        var options = Restore.Options()
        options.tree.owners = true
        options.tree.setIdentity = true
        #expect(try await fixture.restore(into: "back", options).sources[0].issues == [])
        let facts = "stat -c '%n %u:%g %a %y' last early late set"
        #expect(
            fixture.sh("cd back/directories/live; \(facts)").text == fixture.sh("cd live; \(facts)").text)
        #expect(fixture.sh("stat -c '%u %Y' live/last live/early").text.contains("4294967294"))
    }
}
