import Files
import Glibc
import Support
import Testing

@Suite struct DirectoryTests {
    let scratch = TemporaryDirectory("files")

    @Test func `a directory lists raw names in byte order`() throws {
        let directory = try openScratch(scratch)
        let given: [[UInt8]] = [
            [0xFF, 0xFE], Array("\u{E9}".utf8), Array("e\u{301}".utf8), Array("a\nb".utf8), Array("-rf".utf8),
            [UInt8](repeating: 0x78, count: 255),
        ]
        for name in given { try directory.writeNew([], to: Path(name)) }
        let found = try directory.entries().map(\.name)
        #expect(found == given.map { Path($0) }.sorted())
        #expect(try directory.entries().map(\.name) == found)
    }

    @Test(arguments: ["../out", "a/../../out", "..", ".", "/etc/passwd", "", "a/./b", "a\u{0}b"])
    func `a path that could lead out is refused`(path: String) throws {
        let directory = try openScratch(scratch)
        try directory.makeDirectory("a")
        let codes = [
            code { _ = try directory.openFile(Path(path)) },
            code { _ = try directory.openDirectory(Path(path)) },
            code { try directory.removeFile(Path(path)) },
            code { try directory.write([1], to: Path(path)) },
            code { try directory.makeDirectory(Path(path)) },
            code { _ = try directory.metadata(of: Path(path)) },
        ]
        for found in codes {
            #expect(found == (path.hasPrefix("/") ? .escapes : .invalidName))
        }
    }

    @Test func `no link is passed, neither on the way nor at the end`() throws {
        let directory = try openScratch(scratch)
        try directory.makeDirectory("real")
        try directory.writeNew([1, 2, 3], to: "real/file")
        try directory.makeSymbolicLink("way", to: "real")
        try directory.makeSymbolicLink("end", to: "real/file")
        try directory.makeSymbolicLink("dangling", to: "nowhere")
        #expect(code { _ = try directory.openFile("way/file") } == .isLink)
        #expect(code { _ = try directory.openFile("end") } == .isLink)
        #expect(code { _ = try directory.openDirectory("way") } == .isLink)
        #expect(code { try directory.removeFile("way/file") } == .isLink)
        #expect(code { try directory.rename("way/file", to: "x") } == .isLink)
        #expect(code { try directory.rename("real/file", to: "way/x") } == .isLink)
        #expect(code { try directory.makeDirectory("way/x") } == .isLink)
        #expect(code { _ = try directory.createFile("dangling") } == .exists)
        #expect(try directory.read("real/file", limit: 3) == [1, 2, 3])
        #expect(try directory.readLink("way") == "real")
        #expect(try directory.metadata(of: "way").kind == .symbolicLink)
    }

    @Test func `a parent that becomes a link never lets a write out`() throws {
        let directory = try openScratch(scratch)
        try directory.makeDirectory("outside")
        try directory.makeDirectory("inside")
        try directory.makeSymbolicLink("link", to: "outside")
        let path = scratch.path
        let stop = Flag()
        let racer = Racer {
            while !stop.isSet { _ = swapNames("\(path)/inside", "\(path)/link") }
        }
        for number in 0..<2000 {
            try? directory.write([1], to: Path("inside/file\(number % 50)"))
        }
        stop.set()
        racer.join()
        #expect(try names(directory.openDirectory("outside")).isEmpty)
    }

    @Test func `a FIFO does not block an open, and is no file`() throws {
        let directory = try openScratch(scratch)
        try directory.makeSpecialFile("pipe", .fifo, mode: 0o640)
        #expect(code { _ = try directory.openFile("pipe") } == .notRegular)
        try directory.makeSpecialFile("socket", .socket)
        #expect(code { _ = try directory.openFile("socket") } == .notRegular)
        try directory.makeDirectory("directory")
        #expect(code { _ = try directory.openFile("directory") } == .isDirectory)
        #expect(try directory.metadata(of: "pipe").mode == 0o640)
    }

    @Test func `whole reads stop at the limit`() throws {
        let directory = try openScratch(scratch)
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0) }
        try directory.writeNew(bytes, to: "file")
        #expect(try directory.read("file", limit: 10_000) == bytes)
        #expect(try directory.read("file", limit: Int.max) == bytes)
        #expect(code { _ = try directory.read("file", limit: 9_999) } == .limit)
        #expect(code { _ = try directory.read("file", limit: 0) } == .limit)
        try directory.writeNew([], to: "empty")
        #expect(try directory.read("empty", limit: 0) == [])
        #expect(code { _ = try directory.read("none", limit: 1) } == .notFound)
    }

    @Test func `a file that tells no length is read whole`() throws {
        let directory = try Directory("/proc/self")
        #expect(try directory.read("status", limit: 1 << 20).count > 100)
    }

    @Test func `reads from a place give exactly what is there`() throws {
        let directory = try openScratch(scratch)
        try directory.writeNew(Array("0123456789".utf8), to: "file")
        let file = try directory.openFile("file")
        #expect(try file.read(4, at: 3) == Array("3456".utf8))
        #expect(code { _ = try file.read(4, at: 8) } == .changed)
    }

    @Test func `missing directories are made, and made again is no error`() throws {
        let directory = try openScratch(scratch)
        _ = try directory.makeDirectories("a/b/c", mode: 0o750)
        let again = try directory.makeDirectories("a/b/c")
        #expect(try again.metadata().mode == 0o750)
        #expect(try directory.metadata(of: "a").mode == 0o750)
        try directory.writeNew([], to: "file")
        #expect(code { _ = try directory.makeDirectories("file/x") } == .notDirectory)
        let made = try Directory.makePath(Path(scratch.file("x/y/z")))
        #expect(try made.metadata().mode == 0o700)
    }

    @Test func `renames replace, refuse or exchange as told`() throws {
        let directory = try openScratch(scratch)
        try directory.writeNew([1], to: "one")
        try directory.writeNew([2], to: "two")
        #expect(code { try directory.rename("one", to: "two", .exclusive) } == .exists)
        try directory.rename("one", to: "two", .exchanging)
        #expect(try directory.read("two", limit: 1) == [1])
        try directory.rename("one", to: "two")
        #expect(try directory.read("two", limit: 1) == [2])
        #expect(try names(directory) == ["two"])
        #expect(code { try directory.link("none", to: "x") } == .notFound)
        try directory.link("two", to: "three")
        #expect(try directory.metadata(of: "three").linkCount == 2)
        #expect(code { try directory.link("two", to: "three") } == .exists)
    }

    @Test func `descriptors are closed on exec`() throws {
        let directory = try openScratch(scratch)
        let file = try directory.createFile("file")
        let copy = try file.duplicate()
        for number in [file.rawValue, copy.rawValue] {
            #expect(fcntl(number, F_GETFD) & FD_CLOEXEC != 0)
        }
    }

    @Test func `a lock is held by one, and free when its holder ends`() throws {
        let directory = try openScratch(scratch)
        do {
            let held = try FileLock("lock", in: directory)
            #expect(code { _ = try FileLock("lock", in: directory) } == .locked)
            _ = consume held
        }
        let again = try FileLock("lock", in: directory)
        _ = consume again
        try directory.makeSymbolicLink("link", to: "lock")
        #expect(code { _ = try FileLock("link", in: directory) } == .isLink)
        #expect(try directory.metadata(of: "lock").mode == 0o600)
    }

    @Test func `key files tell who else could reach them`() throws {
        let directory = try openScratch(scratch)
        try directory.makeDirectory("keys", mode: 0o700)
        let keys = try directory.openDirectory("keys")
        try keys.writeNew([1], to: "good")
        try keys.writeNew([1], to: "open", mode: 0o644)
        let good = try keys.exposure(of: keys.openFile("good"))
        #expect(!good.isOpenToOthers)
        #expect(!good.isForeign(to: geteuid()))
        #expect(!good.isReplaceable(byOthersThan: geteuid()))
        #expect(try keys.exposure(of: keys.openFile("open")).isOpenToOthers)
        try keys.setMode(0o770)
        #expect(try keys.exposure(of: keys.openFile("good")).isReplaceable(byOthersThan: geteuid()))
        try keys.setMode(0o1777)
        #expect(try !keys.exposure(of: keys.openFile("good")).isReplaceable(byOthersThan: geteuid()))
    }
}
