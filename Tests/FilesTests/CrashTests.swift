import Files
import Glibc
import Support
import Testing

/// Writing whole files, stopped or failed at every state-changing call of a real process.
@Suite struct CrashTests {
    let scratch = TemporaryDirectory("files")
    private let old = Array("the old content".utf8)
    private let new = Array("the new content, which is longer".utf8)

    @Test func `killed after any call, a file is old or new and the next run leaves nothing else`() throws {
        // F015
        let total = try prepare().run(.none).callCount
        for number in 1...total {
            let points = try prepare()
            #expect(points.run(.killAfter(number)).isReached)
            #expect(try [old, new].contains(content()))
            #expect(try openScratch(scratch).metadata(of: "file").mode == 0o600)
            for entry in try openScratch(scratch).entries() {
                #expect(try openScratch(scratch).metadata(of: entry.name).mode == 0o600)
            }
            #expect(points.run(.none).status == 0)
            #expect(try content() == new)
            #expect(try names(openScratch(scratch)) == ["file"])
        }
    }

    @Test func `content is forced to the disk before its name, and the name after`() throws {
        // CASES.md D1
        let calls = try prepare().run(.none).calls.map { $0.split(separator: " ") }
        #expect(calls.map { $0[1] } == ["openat2", "write", "fsync", "renameat2", "fsync"])
        #expect(calls[2][2].contains("/.file.tmp-"))
        #expect(calls[4][2] == scratch.path)
    }

    @Test func `each new directory's name is forced to the disk in its parent`() throws {
        // CASES.md D1
        let points = CrashPoints(
            CrashPoints.products + "/WriteProbe", [scratch.path, "a/b/file"], stdin: new)
        let calls = points.run(.none).calls.map { $0.split(separator: " ").dropFirst().prefix(2) }
        #expect(
            calls.prefix(4).map { $0.joined(separator: " ") } == [
                "mkdirat a", "fsync \(scratch.path)", "mkdirat b", "fsync \(scratch.path)/a",
            ])
    }

    @Test(arguments: [EIO, ENOSPC], [false, true])
    func `a call that fails leaves the old file or tells of a failed fsync`(
        errno: Int32, isPersistent: Bool
    ) throws {
        // F014, F097
        let clean = try prepare().run(.none)
        for number in 1...clean.callCount {
            let points = try prepare()
            let outcome = points.run(.fail(number, errno: errno, persistent: isPersistent))
            #expect(outcome.isReached)
            #expect(outcome.status == 1, "\(clean.calls[number - 1])")
            // Only the last fsync, that of the directory, comes after the rename.
            let isRenamed = clean.calls.prefix(number - 1).contains { $0.contains(" renameat2 ") }
            #expect(try content() == (isRenamed ? new : old))
            if !isPersistent { #expect(try names(openScratch(scratch)) == ["file"]) }
        }
    }

    @Test func `an interrupted call is made again, a short write is gone on with`() throws {
        let clean = try prepare().run(.none)
        for number in 1...clean.callCount {
            let outcome = try prepare().run(.fail(number, errno: EINTR))
            #expect(outcome.isReached)
            #expect(outcome.status == 0)
            #expect(try content() == new)
            #expect(try names(openScratch(scratch)) == ["file"])
        }
        for number in 1...clean.writeCount {
            let outcome = try prepare().run(.shortWrite(number))
            #expect(outcome.isReached)
            #expect(outcome.status == 0)
            #expect(try content() == new)
        }
    }

    @Test func `a file that must be new is whole or absent`() throws {
        let points = CrashPoints(
            CrashPoints.products + "/WriteProbe", [scratch.path, "fresh", "never"], stdin: new)
        let total = points.run(.none).callCount
        for number in 1...total {
            try openScratch(scratch).removeTree("fresh")
            #expect(points.run(.killAfter(number)).isReached)
            if try openScratch(scratch).metadataIfPresent(of: "fresh") != nil {
                #expect(try openScratch(scratch).read("fresh", limit: 1000) == new)
            }
        }
        let taken = points.run(.none)
        #expect(taken.status == 1)
    }

    private func prepare() throws -> CrashPoints {
        let directory = try openScratch(scratch)
        for entry in try directory.entries() { try directory.removeTree(entry.name) }
        try directory.writeNew(old, to: "file")
        return CrashPoints(CrashPoints.products + "/WriteProbe", [scratch.path, "file"], stdin: new)
    }

    private func content() throws -> [UInt8] { try openScratch(scratch).read("file", limit: 1000) }
}
