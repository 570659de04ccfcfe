import Encodings
import Glibc
import Support
import Testing

@testable import Journal

private let url = "file:///srv/config.git"
private let first = String(repeating: "a1", count: 20)
private let second = String(repeating: "b2", count: 20)

private func time(_ seconds: Int64) -> Timestamp { Timestamp(nanoseconds: seconds * 1_000_000_000) }

private func sync(
    _ commit: String?, _ seconds: Int64, _ outcome: SyncRecord.Outcome = .applied, source: String = "config"
) -> SyncRecord {
    SyncRecord(
        environment: "prod", source: source, url: url, ref: "refs/heads/main",
        commit: commit, time: time(seconds), outcome: outcome, message: "")
}

private func code(_ body: () throws(JournalError) -> Void) -> JournalError.Code? {
    do {
        try body()
        return nil
    } catch {
        return error.code
    }
}

private func mode(_ path: String) -> UInt32 {
    var status = stat()
    return unsafe lstat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
}

@Suite struct JournalFileTests {
    let scratch = TemporaryDirectory()

    private func journal() throws -> JournalFile { try JournalFile.open(scratch.file("journal.sqlite")) }

    @Test func `a journal and the files beside it have mode 0600 whatever the umask`() throws {
        let umask = Umask.begin(0)
        defer { umask.end() }
        let journal = try journal()
        try journal.record(sync(first, 1))
        for suffix in ["", "-wal", "-shm"] { #expect(mode(scratch.file("journal.sqlite" + suffix)) == 0o600) }
    }

    @Test func `what was recorded is there after opening again`() throws {
        do { try journal().record(sync(first, 1)) }
        let journal = try journal()
        #expect(try journal.syncs(environment: "prod") == [sync(first, 1)])
        #expect(try journal.lastApplied(environment: "prod")["config"]?.commit == first)
    }

    @Test func `two open journals see each other's records`() throws {
        let (one, two) = (try journal(), try journal())
        try one.record(sync(first, 1))
        try two.record(sync(second, 2))
        #expect(try one.lastApplied(environment: "prod")["config"]?.commit == second)
        #expect(try two.syncs(environment: "prod").count == 2)
    }

    @Test func `a second opening in this process lets no other process take the log away`() throws {
        let one = try journal()
        try one.record(sync(first, 1))
        do { _ = try journal() }
        // The last one to close a journal removes its log: that is not this program while `one` is open.
        let read = ShellCommand.run(
            "sqlite3", [scratch.file("journal.sqlite"), "SELECT count(*) FROM sync; PRAGMA user_version"])
        #expect(read.status == 0, "\(read.errorText)")
        #expect(mode(scratch.file("journal.sqlite-wal")) == 0o600)
        try one.record(sync(second, 2))
        #expect(try journal().syncs(environment: "prod").count == 2)
    }

    @Test func `a refused or failed sync leaves the applied commit as it was`() throws {
        let journal = try journal()
        try journal.record(sync(first, 1), marking: true)
        try journal.record(sync(second, 2, .refused), marking: true)
        try journal.record(sync(nil, 3, .failed), marking: true)
        #expect(try journal.lastApplied(environment: "prod")["config"]?.commit == first)
        #expect(
            try journal.mark(environment: "prod", source: "config", url: url, ref: "refs/heads/main") == first
        )
        #expect(try journal.syncs(environment: "prod").map(\.outcome) == [.failed, .refused, .applied])
    }

    @Test func `an applied commit knows since when it stands`() throws {
        let journal = try journal()
        try journal.record(sync(first, 1))
        try journal.record(sync(first, 5, .unchanged))
        let applied = try journal.lastApplied(environment: "prod")["config"]
        #expect(applied?.since == time(1))
        #expect(applied?.time == time(5))
        try journal.record(sync(second, 9))
        #expect(try journal.lastApplied(environment: "prod")["config"]?.since == time(9))
    }

    @Test func `sources and environments are kept apart`() throws {
        let journal = try journal()
        try journal.record(sync(first, 1))
        try journal.record(sync(second, 2, source: "infra"))
        let applied = try journal.lastApplied(environment: "prod")
        #expect(applied.mapValues(\.commit) == ["config": first, "infra": second])
        #expect(try journal.lastApplied(environment: "staging").isEmpty)
    }

    @Test func `a commit chosen by hand leaves the high-water mark of the branch`() throws {
        let journal = try journal()
        try journal.record(sync(second, 1), marking: true)
        try journal.record(sync(first, 2), marking: false)
        #expect(
            try journal.mark(environment: "prod", source: "config", url: url, ref: "refs/heads/main")
                == second)
        try journal.forgetMark(environment: "prod", source: "config", url: url, ref: "refs/heads/main")
        #expect(
            try journal.mark(environment: "prod", source: "config", url: url, ref: "refs/heads/main") == nil)
    }

    @Test func `a mark is of one repository alone`() throws {
        let journal = try journal()
        try journal.record(sync(first, 1), marking: true)
        let other = try journal.mark(
            environment: "prod", source: "config", url: "/srv/other.git", ref: "refs/heads/main")
        #expect(other == nil)
    }

    @Test func `records without a well-formed commit are refused`() throws {
        let journal = try journal()
        for commit in ["", "abc", String(first.dropLast()), first.uppercased(), first + "00"] {
            #expect(
                code { () throws(JournalError) in try journal.record(sync(commit, 1)) } == .malformedRecord)
        }
        #expect(code { () throws(JournalError) in try journal.record(sync(nil, 1)) } == .malformedRecord)
        #expect(try journal.syncs(environment: "prod").isEmpty)
    }

    @Test func `snapshots are listed newest first with their revisions`() throws {
        let journal = try journal()
        let ids = (1...3).map { String(repeating: "0\($0)", count: 32) }
        for (index, id) in ids.enumerated() {
            try journal.record(
                TakenSnapshot(
                    id: id, store: "/srv/store", environment: "prod", time: time(Int64(index)),
                    status: .complete, revisions: ["config": first, "infra": second]))
        }
        let listed = try journal.snapshots(environment: "prod", limit: 2)
        #expect(listed.map(\.id) == [ids[2], ids[1]])
        #expect(listed.first?.revisions == ["config": first, "infra": second])
        try journal.removeSnapshots([ids[2]], of: "/srv/other")
        #expect(try journal.snapshots(environment: "prod").count == 3)
        try journal.removeSnapshots([ids[2], ids[0]], of: "/srv/store")
        #expect(try journal.snapshots(environment: "prod").map(\.id) == [ids[1]])
    }

    @Test func `a snapshot of a clock that was ahead hides none that was taken after it`() throws {
        let journal = try journal()
        let ids = (1...3).map { String(repeating: "0\($0)", count: 32) }
        for (id, moment) in zip(ids, [1, 2_600_000, 3] as [Int64]) {
            try journal.record(
                TakenSnapshot(
                    id: id, store: "/srv/store", environment: "prod", time: time(moment), status: .complete,
                    revisions: [:]))
        }
        #expect(try journal.snapshots(environment: "prod").map(\.id) == ids.reversed())
        #expect(try journal.snapshots(environment: "prod", limit: 1).map(\.id) == [ids[2]])
    }

    @Test func `recording a snapshot again replaces it`() throws {
        let journal = try journal()
        var snapshot = TakenSnapshot(
            id: String(repeating: "0a", count: 32), store: "/srv/store", environment: "prod", time: time(1),
            status: .partial, revisions: ["config": first])
        try journal.record(snapshot)
        snapshot.status = .complete
        snapshot.revisions = ["infra": second]
        try journal.record(snapshot)
        #expect(try journal.snapshots(environment: "prod") == [snapshot])
    }

    @Test func `a link, a directory and foreign bytes are refused`() throws {
        let target = scratch.file("elsewhere")
        unsafe symlink(target, scratch.file("link"))
        #expect(
            code { () throws(JournalError) in _ = try JournalFile.open(scratch.file("link")) } == .cannotOpen)
        #expect(code { () throws(JournalError) in _ = try JournalFile.open(scratch.path) } == .cannotOpen)
        ScratchRepository(at: scratch.path).write("text", String(repeating: "not a journal\n", count: 100))
        #expect(
            code { () throws(JournalError) in _ = try JournalFile.open(scratch.file("text")) } == .damaged)
        #expect(unsafe access(target, F_OK) != 0)
    }

    @Test func `credentials in URLs are not kept`() throws {
        let journal = try journal()
        var record = sync(first, 1)
        record.url = "https://token-CANARY@git.example.org/acme/config.git?access_token=CANARY"
        try journal.record(record)
        #expect(
            try journal.syncs(environment: "prod").first?.url == "https://git.example.org/acme/config.git")
        #expect(RedactedURL.text("ssh://git:CANARY@host/x") == "ssh://git@host/x")
        #expect(RedactedURL.text("ssh://git@host/x") == "ssh://git@host/x")
        #expect(RedactedURL.text("/srv/a?b.git") == "/srv/a?b.git")
        #expect(RedactedURL.text("file:///srv/a?b@c.git") == "file:///srv/a?b@c.git")
    }
}
