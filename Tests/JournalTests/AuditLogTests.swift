import Encodings
import Files
import Glibc
import Sodium
import Support
import Testing

@testable import Journal

private func time(_ seconds: Int64) -> Timestamp { Timestamp(nanoseconds: seconds * 1_000_000_000) }

private func code<Value>(_ body: () throws(JournalError) -> Value) -> JournalError.Code? {
    do {
        _ = try body()
        return nil
    } catch {
        return error.code
    }
}

@Suite struct AuditLogTests {
    let scratch = TemporaryDirectory("strongroom-audit")

    init() throws { try Sodium.start() }

    private var directory: Path { Path(scratch.file("audit")) }

    private func log() throws(JournalError) -> AuditLog { try AuditLog(in: directory) }

    /// A log with its first line and `count` openings.
    private func filled(_ count: Int) throws -> AuditLog {
        let log = try log()
        for number in 1..<(count + 1) {
            try log.append(
                AuditEvent(.open, ["environment": "prod", "commit": "c\(number)"]), at: time(Int64(number)))
        }
        return log
    }

    private var lines: [String] {
        ShellCommand.run("cat", [scratch.file("audit/log")]).text.split(separator: "\n").map(String.init)
    }

    private func write(_ lines: [String]) {
        let text = lines.map { "\($0)\n" }.joined()
        _ = ShellCommand.run("tee", [scratch.file("audit/log")], stdin: Array(text.utf8))
    }

    @Test func `what was appended is listed in order, and verifies`() throws {
        let log = try filled(3)
        let entries = try log.entries(limit: 10)
        #expect(entries.map(\.event) == ["begin", "open", "open", "open"])
        #expect(entries.map(\.index) == [1, 2, 3, 4])
        #expect(entries.last?.fields == ["environment": "prod", "commit": "c3"])
        let report = try log.verify()
        #expect(report.firstBad == nil)
        #expect(report.head == (try log.head()))
        #expect(report.head.hash == entries.last?.hash)
    }

    @Test func `files have mode 0600 and the directory 0700 whatever the umask`() throws {
        let umask = Umask.begin(0)
        defer { umask.end() }
        _ = try filled(1)
        for (name, mode) in [("", 0o700), ("/log", 0o600), ("/key", 0o600), ("/head", 0o600)] {
            var status = stat()
            _ = unsafe lstat(scratch.file("audit" + name), &status)
            #expect(status.st_mode & 0o7777 == UInt32(mode), "\(name)")
        }
    }

    @Test func `another log object and another process's lines go on in one chain`() throws {
        let one = try filled(1)
        let two = try log()
        try two.append(AuditEvent(.suspend, ["environment": "prod"]), at: time(7))
        try one.append(AuditEvent(.resume, ["environment": "prod"]), at: time(8))
        #expect(try one.verify().firstBad == nil)
        #expect(try two.entries(limit: 2).map(\.event) == ["suspend", "resume"])
    }

    @Test func `writers at the same time leave one whole chain`() async throws {
        let (one, two) = (try log(), try log())
        await withTaskGroup(of: Void.self) { group in
            for log in [one, two] {
                group.addTask {
                    for number in 0..<25 {
                        _ = try? log.append(AuditEvent(.open, ["commit": "\(number)"]), at: time(9))
                    }
                }
            }
        }
        let report = try one.verify()
        #expect(report.firstBad == nil)
        #expect(report.head.index == 51)
    }

    @Test func `F078: an edited line is named by its number`() throws {
        let log = try filled(5)
        var changed = lines
        changed[2] = changed[2].replacing("c2", with: "c9")
        write(changed)
        #expect(try log.verify().firstBad?.index == 3)
    }

    @Test func `F078: every single flipped bit of a log is found`() throws {
        let log = try filled(2)
        let bytes = ShellCommand.run("cat", [scratch.file("audit/log")]).stdout
        let ends = bytes.indices.filter { bytes[$0] == 0x0A }
        for offset in stride(from: 0, to: bytes.count, by: 3) {
            var damaged = bytes
            damaged[offset] ^= 1 << UInt8(offset % 7)
            _ = ShellCommand.run("tee", [scratch.file("audit/log")], stdin: damaged)
            let line = ends.count { $0 < offset } + 1
            #expect(try log.verify().firstBad?.index == UInt64(line), "byte \(offset)")
        }
    }

    @Test func `F078: a deleted line, swapped lines and a line put in are named by their number`() throws {
        let log = try filled(5)
        let whole = lines
        write(Array(whole[..<2] + whole[3...]))
        #expect(try log.verify().firstBad?.index == 3)
        var swapped = whole
        swapped.swapAt(3, 4)
        write(swapped)
        #expect(try log.verify().firstBad?.index == 4)
        write(whole + [whole[5]])
        #expect(try log.verify().firstBad?.index == 7)
        write(whole)
        #expect(try log.verify().firstBad == nil)
    }

    @Test func `F078: a cut tail is noticed, and nothing is appended to what is left`() throws {
        let log = try filled(5)
        let whole = lines
        for count in 0..<6 {
            write(Array(whole[..<count]))
            #expect(try log.verify().firstBad?.index == UInt64(count + 1))
            #expect(
                code { () throws(JournalError) in try log.append(AuditEvent(.open), at: time(9)) } == .damaged
            )
            #expect(lines.count == count)
        }
    }

    @Test func `F078: a log whose head was removed is damage, however many lines are left`() throws {
        let log = try filled(4)
        try Directory(directory).removeFile("head")
        #expect(try log.verify().firstBad?.index == UInt64(lines.count + 1))
        #expect(
            code { () throws(JournalError) in try log.append(AuditEvent(.open), at: time(9)) } == .damaged)
    }

    @Test func `F078: a log that was cut with its head is noticed by a head noted elsewhere`() throws {
        _ = try filled(2)
        let oldHead = ShellCommand.run("cat", [scratch.file("audit/head")]).stdout
        let oldLines = lines
        let log = try filled(2)
        let noted = try log.head()
        let head = ShellCommand.run("cat", [scratch.file("audit/head")]).stdout
        let whole = lines
        write(oldLines)
        _ = ShellCommand.run("tee", [scratch.file("audit/head")], stdin: oldHead)
        #expect(try log.verify().firstBad == nil)
        #expect(try log.verify(expecting: noted).firstBad?.index == UInt64(oldLines.count + 1))
        write(whole)
        _ = ShellCommand.run("tee", [scratch.file("audit/head")], stdin: head)
        #expect(try log.verify(expecting: noted).firstBad == nil)
        let other = AuditHead(index: noted.index, hash: [UInt8](repeating: 7, count: 32))
        #expect(try log.verify(expecting: other).firstBad?.index == noted.index)
    }

    @Test func `a chain made without the key does not verify`() throws {
        let log = try filled(3)
        let other = try AuditLog(in: Path(scratch.file("other")))
        for number in 1..<4 {
            try other.append(
                AuditEvent(.open, ["environment": "prod", "commit": "c\(number)"]), at: time(Int64(number)))
        }
        _ = ShellCommand.run("cp", [scratch.file("other/log"), scratch.file("audit/log")])
        #expect(try log.verify().firstBad?.index == 1)
    }

    @Test func `a line cut by a kill is cut off by the next writer, who says so`() throws {
        let log = try filled(2)
        let whole = ShellCommand.run("cat", [scratch.file("audit/log")]).stdout
        let torn = Array("{\"index\":4,\"time\":\"20".utf8)
        _ = ShellCommand.run("tee", [scratch.file("audit/log")], stdin: whole + torn)
        #expect(try log.verify().firstBad?.index == 4)
        try log.append(AuditEvent(.suspend), at: time(9))
        #expect(try log.verify().firstBad == nil)
        let entries = try log.entries(limit: 2)
        #expect(entries.map(\.event) == ["repair", "suspend"])
        #expect(entries[0].fields == ["bytes": "\(torn.count)"])
    }

    @Test func `F077: a log that can't be written refuses, and is whole afterwards`() throws {
        let log = try filled(2)
        let before = lines
        // A link in the log's place is not followed, a directory is not a log.
        unsafe rename(scratch.file("audit/log"), scratch.file("audit/moved"))
        unsafe symlink("moved", scratch.file("audit/log"))
        #expect(
            code { () throws(JournalError) in try log.append(AuditEvent(.open), at: time(9)) } == .cannotOpen)
        unsafe unlink(scratch.file("audit/log"))
        // Without the log, the head says that there was one.
        #expect(
            code { () throws(JournalError) in try log.append(AuditEvent(.open), at: time(9)) } == .damaged)
        unsafe unlink(scratch.file("audit/log"))
        unsafe rename(scratch.file("audit/moved"), scratch.file("audit/log"))
        #expect(lines == before)
        #expect(try log.verify().firstBad == nil)
    }

    @Test func `F077: on a full disk nothing is appended, and afterwards the log goes on`() throws {
        let mounted = scratch.file("small")
        unsafe mkdir(mounted, 0o700)
        let mount = ShellCommand.run("mount", ["-t", "tmpfs", "-o", "size=64k", "none", mounted])
        try #require(mount.status == 0 || geteuid() != 0, "mount: \(mount.errorText)")
        guard mount.status == 0 else { return }
        defer { _ = ShellCommand.run("umount", [mounted]) }
        let log = try AuditLog(in: Path("\(mounted)/audit"))
        _ = ShellCommand.run("sh", ["-c", "cat /dev/zero > \(mounted)/filler"])
        var refusals = 0
        for _ in 0..<200
        where code({ () throws(JournalError) in
            try log.append(AuditEvent(.open, ["reason": String(repeating: "x", count: 2_000)]), at: time(2))
        }) == .noSpace {
            refusals += 1
        }
        #expect(refusals > 0)
        unsafe unlink("\(mounted)/filler")
        try log.append(AuditEvent(.resume), at: time(3))
        #expect(try log.verify().firstBad == nil)
    }

    @Test func `a log without its key, and a key that is not whole, are damage`() throws {
        _ = try filled(1)
        let key = ShellCommand.run("cat", [scratch.file("audit/key")]).stdout
        _ = ShellCommand.run("tee", [scratch.file("audit/key")], stdin: Array(key.dropLast()))
        #expect(code(log) == .damaged)
        unsafe unlink(scratch.file("audit/key"))
        #expect(code(log) == .damaged)
    }

    @Test func `hostile particulars stay within their line`() throws {
        let log = try log()
        let hostile = "a\"b\\c\n{\"index\":9}\u{0}\u{7F}é\u{2028}\t"
        try log.append(AuditEvent(.override, ["reason": hostile]), at: time(2))
        #expect(try log.entries(limit: 1).first?.fields["reason"] == hostile)
        #expect(lines.count == 2)
        #expect(try log.verify().firstBad == nil)
        for fields in [
            ["index": "1"], ["Upper": "1"], ["": "x"], ["reason": String(repeating: "x", count: 9_999)],
        ] {
            #expect(
                code { () throws(JournalError) in try log.append(AuditEvent(.override, fields), at: time(3)) }
                    == .malformedRecord)
        }
        #expect(lines.count == 2)
    }

    @Test func `a line is read in the one form in which it is written`() throws {
        let log = try filled(1)
        let line = try #require(lines.last)
        #expect(AuditLine.parse(Array(line.utf8))?.entry.index == 2)
        for count in 0..<line.utf8.count { #expect(AuditLine.parse(Array(line.utf8.prefix(count))) == nil) }
        for other in [
            line + " ", " " + line, line.replacing("\"index\":2", with: "\"index\":02"),
            line.replacing("prod", with: "\\u0070rod"), line.replacing("{", with: "{ "),
            line.replacing("\"commit\"", with: "\"zommit\""),
        ] {
            #expect(AuditLine.parse(Array(other.utf8)) == nil, "\(other)")
        }
        #expect(try log.head() == AuditHead(try log.head().description))
    }
}
