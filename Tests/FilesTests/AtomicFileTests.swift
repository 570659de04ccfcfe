import Files
import Glibc
import Support
import Testing

@Suite struct AtomicFileTests {
    let scratch = TemporaryDirectory("files")

    @Test func `a file appears whole, 0600, and leaves no temporary`() throws {
        let directory = try openScratch(scratch)
        try directory.write([1, 2, 3], to: "file")
        #expect(try directory.read("file", limit: 3) == [1, 2, 3])
        #expect(try directory.metadata(of: "file").mode == 0o600)
        #expect(try names(directory) == ["file"])
    }

    @Test func `the old content stands until the commit, and a dropped file leaves nothing`() throws {
        let directory = try openScratch(scratch)
        try directory.write([1], to: "file")
        do {
            var file = try AtomicFile("file", in: directory)
            try file.write([2])
            #expect(try directory.read("file", limit: 1) == [1])
            let temporary = try #require(try directory.entries().first { $0.name != "file" })
            #expect(try directory.metadata(of: temporary.name).mode == 0o600)
            #expect(temporary.name.bytes.starts(with: Array(".file.tmp-".utf8)))
        }
        #expect(try names(directory) == ["file"])
        #expect(try directory.read("file", limit: 1) == [1])
    }

    @Test func `what is no plain file of ours is refused, not followed`() throws {
        // F016
        let directory = try openScratch(scratch)
        try directory.writeNew([7], to: "victim")
        try directory.makeSymbolicLink("link", to: "victim")
        try directory.makeSymbolicLink("dangling", to: "nowhere")
        try directory.makeSpecialFile("pipe", .fifo)
        try directory.makeDirectory("directory")
        try directory.writeNew([7], to: "first")
        try directory.link("first", to: "second")
        #expect(code { try directory.write([1], to: "link") } == .isLink)
        #expect(code { try directory.write([1], to: "dangling") } == .isLink)
        #expect(code { try directory.write([1], to: "pipe") } == .notRegular)
        #expect(code { try directory.write([1], to: "directory") } == .isDirectory)
        #expect(code { try directory.write([1], to: "second") } == .hardLinked)
        #expect(code { try directory.write([1], to: "victim", .never) } == .exists)
        #expect(code { try directory.write([1], to: "link", .never) } == .exists)
        #expect(try directory.read("victim", limit: 1) == [7])
        #expect(try directory.read("first", limit: 1) == [7])
        #expect(
            try names(directory) == ["dangling", "directory", "first", "link", "pipe", "second", "victim"])
    }

    @Test(.enabled(if: geteuid() == 0, "needs root"))
    func `another user's file is refused unless it may be anyone's`() throws {
        let directory = try openScratch(scratch)
        let stranger = FileOwner(user: 4711, group: 4712)
        try directory.writeNew([1], to: "file", owner: stranger)
        #expect(code { try directory.write([2], to: "file") } == .foreignOwner)
        try directory.write([2], to: "file", owner: stranger)
        #expect(try directory.metadata(of: "file").owner == stranger)
        try directory.write([3], to: "file", .anyFile)
        #expect(try directory.metadata(of: "file").owner.user == 0)
    }

    @Test func `a name of 255 bytes has a temporary too`() throws {
        let directory = try openScratch(scratch)
        let name = Path([UInt8](repeating: 0xC3, count: 255))
        try directory.write([1], to: name)
        #expect(try directory.read(name, limit: 1) == [1])
    }

    @Test func `temporaries of the dead go, those of the living stay`() throws {
        let directory = try openScratch(scratch)
        let dead: Path = ".file.tmp-0123456789abcdef"
        try directory.writeNew([1], to: dead)
        try directory.writeNew([1], to: ".file.tmp-notours")
        try directory.makeSymbolicLink(".x.tmp-0123456789abcdef", to: "file")
        try directory.makeDirectory(".y.tmp-0123456789abcdef")
        var living = try AtomicFile("file", in: directory)
        try living.write([2])
        #expect(try directory.removeStaleTemporaries() == 1)
        #expect(try directory.metadataIfPresent(of: dead) == nil)
        try living.commit()
        #expect(try directory.read("file", limit: 1) == [2])
        #expect(
            try names(directory) == [
                ".file.tmp-notours", ".x.tmp-0123456789abcdef", ".y.tmp-0123456789abcdef", "file",
            ])
    }

    @Test(.enabled(if: geteuid() == 0, "needs root"))
    func `a full disk leaves the old file and no temporary`() throws {
        // F014 on a real file system of 256 KiB.
        try #require(unsafe mount("tmpfs", scratch.path, "tmpfs", 0, "size=256k") == 0)
        defer { unsafe umount2(scratch.path, Int32(MNT_DETACH)) }
        let directory = try openScratch(scratch)
        try directory.write([1], to: "file")
        #expect(code { try directory.write([UInt8](repeating: 2, count: 1 << 20), to: "file") } == .noSpace)
        #expect(code { try directory.writeNew([UInt8](repeating: 2, count: 1 << 20), to: "new") } == .noSpace)
        #expect(try names(directory) == ["file"])
        #expect(try directory.read("file", limit: 1) == [1])
    }

    @Test(.enabled(if: geteuid() == 0, "needs root"))
    func `a read-only file system is told as such`() throws {
        try #require(unsafe mount("tmpfs", scratch.path, "tmpfs", UInt(MS_RDONLY), "size=64k") == 0)
        defer { unsafe umount2(scratch.path, Int32(MNT_DETACH)) }
        let directory = try openScratch(scratch)
        #expect(code { try directory.write([1], to: "file") } == .readOnly)
    }
}
