import Archives
import Backups
import Encodings
import Files
import Glibc
import Support
import Testing

/// Unchanged files are skipped on the memory's word, and nothing is ever asserted on it.
@Suite struct `Memory of captures` {
    /// A backup of `live` that looks at files from `seconds` after now; what it read, and the root.
    private func capture(
        _ fixture: BackupFixture, after seconds: Int64 = 3600, memory: String = "memory",
        in other: BackupFixture? = nil
    ) async throws -> (read: UInt64, root: NodeID?, stored: UInt64) {
        let now = Timestamp(nanoseconds: (Int64(time(nil)) + seconds) * 1_000_000_000)
        var run = BackupRun(
            environment: "prod", sources: [.directory(name: "live", path: fixture.path("live"))],
            host: "host",
            clock: { now })
        run.memory = CaptureMemory(directory: fixture.path(memory))
        let outcome = try await run.run(in: try await (other ?? fixture).writer())
        #expect(outcome.status == .complete)
        return (
            outcome.statistics.contentByteCount, outcome.sources[0].root, outcome.statistics.storedByteCount
        )
    }

    private func fill(_ fixture: BackupFixture) {
        fixture.sh(
            """
            mkdir -p live/a/b live/c
            for n in $(seq 200); do head -c $((n * 40)) /dev/urandom > live/a/b/$n; done
            printf x > live/a.txt; : > live/empty; ln -s a.txt live/link; ln live/a/b/1 live/c/hard; mkfifo live/pipe
            """)
    }

    @Test func `unchanged files are not read, and give the same tree`() async throws {
        let fixture = try await BackupFixture()
        fill(fixture)
        let first = try await capture(fixture)
        #expect(first.read > 0)
        let second = try await capture(fixture)
        #expect(second.read == 0)
        #expect(second.root == first.root)
        #expect(second.stored == 0)
        try await fixture.restore(into: "back", .init())
        #expect(fixture.description(of: "live") == fixture.description(of: "back/directories/live"))
    }

    @Test func `what was written, renamed, removed or described anew since is seen`() async throws {
        let fixture = try await BackupFixture()
        fill(fixture)
        _ = try await capture(fixture)
        fixture.sh(
            """
            # The same length and the same time of modification.
            touch -r live/a.txt time; printf y > live/a.txt; touch -r time live/a.txt; rm time
            mv live/a/b/7 live/a/b/8; rm live/a/b/9; chmod 0640 live/a/b/10; printf new > live/c/new
            rm live/link; ln -s c live/link; mv live/a/b/11 live/a/b/0
            """)
        let changed = try await capture(fixture)
        #expect((1...4000).contains(changed.read))
        try await fixture.restore(into: "back", .init())
        #expect(fixture.description(of: "live") == fixture.description(of: "back/directories/live"))
        #expect(try await capture(fixture).read == 0)
    }

    @Test func `a file that changed within the last seconds is read again`() async throws {
        let fixture = try await BackupFixture()
        fill(fixture)
        let first = try await capture(fixture, after: 0)
        let second = try await capture(fixture, after: 0)
        #expect(second.read == first.read)
    }

    @Test func `a damaged, cut or foreign memory costs reading and nothing else`() async throws {
        let fixture = try await BackupFixture()
        fill(fixture)
        let first = try await capture(fixture)
        fixture.sh("cp -a memory whole")
        let size = Int(fixture.sh("stat -c %s memory/*").text.filter(\.isNumber)) ?? 0
        try #require(size > 1000)
        for position in stride(from: 0, to: size, by: size / 23) {
            fixture.sh(
                """
                rm -rf memory; cp -a whole memory
                printf '\\377' | dd of="$(echo memory/*)" bs=1 seek=\(position) conv=notrunc status=none
                """)
            _ = try await capture(fixture)
            fixture.sh("rm -rf memory; cp -a whole memory; truncate -s \(position) memory/*")
            _ = try await capture(fixture)
            try await fixture.restore(into: "back", .init())
            #expect(fixture.description(of: "live") == fixture.description(of: "back/directories/live"))
            fixture.sh("rm -rf back")
        }
        // Another store holds nothing of it.
        let other = try await BackupFixture()
        fixture.sh("rm -rf memory; cp -a whole memory")
        #expect(try await capture(fixture, in: other).read == first.read)
    }

    @Test func `what the store lost is read again`() async throws {
        let fixture = try await BackupFixture()
        fill(fixture)
        let first = try await capture(fixture)
        fixture.sh("rm -rf store/packs/*")
        #expect(try await capture(fixture).read == first.read)
        try await fixture.restore(into: "back", .init())
        #expect(fixture.description(of: "live") == fixture.description(of: "back/directories/live"))
    }

    @Test func `a memory that can't be written is done without`() async throws {
        let fixture = try await BackupFixture()
        fill(fixture)
        fixture.sh("printf file > memory")
        let first = try await capture(fixture)
        #expect(try await capture(fixture).read == first.read)
    }

    @Test func `what is named whole gives the tree that is made of every file`() async throws {
        let fixture = try await BackupFixture()
        // Too long to share chunks, so that what was read before changes no chunk.
        fixture.sh(
            """
            mkdir -p live/a live/b; cd live
            for n in $(seq 100 240); do head -c 17000 /dev/urandom > a/$n; head -c 17000 /dev/urandom > b/$n; done
            """)
        let first = try await capture(fixture)
        let edits = [
            ":", "rm live/a/101", "head -c 17000 /dev/urandom > live/a/170", "mv live/b/240 live/a/240x",
            "rm live/b/1[0-4]*",
            "mkdir live/aa; head -c 17001 /dev/zero > live/aa/new; ln live/a/200 live/b/000",
            "rm live/b/000; rm -r live/a/2*; chmod 600 live/b/199", "touch live/b/200 live/zz",
        ]
        var before = first
        for (number, edit) in edits.enumerated() {
            fixture.sh(edit)
            let known = try await capture(fixture)
            #expect(number > 0 || (known.root == before.root && known.stored == 0))
            // What changed, and the few that are drawn.
            #expect(known.read <= 400_000)
            let fresh = try await capture(fixture, memory: "fresh\(number)")
            #expect(fresh.root == known.root)
            before = known
        }
        try await fixture.restore(into: "back", .init())
        #expect(fixture.description(of: "live") == fixture.description(of: "back/directories/live"))
    }
}
