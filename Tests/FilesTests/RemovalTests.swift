import Files
import Glibc
import Support
import Testing

@Suite struct RemovalTests {
    let scratch = TemporaryDirectory("files")

    @Test func `a tree goes, and what its links point at stays`() throws {
        let directory = try openScratch(scratch)
        try directory.makeDirectory("outside")
        try directory.writeNew([1], to: "outside/kept")
        _ = try directory.makeDirectories("tree/a/b/c")
        try directory.writeNew([1], to: "tree/a/b/file")
        try directory.makeSymbolicLink("tree/a/link", to: Path(scratch.file("outside")))
        try directory.makeSymbolicLink("tree/top", to: "../outside")
        try directory.makeSpecialFile("tree/a/pipe", .fifo)
        try directory.removeTree("tree")
        #expect(try names(directory) == ["outside"])
        #expect(try names(directory.openDirectory("outside")) == ["kept"])
    }

    @Test func `a link, a file and nothing at all are trees too`() throws {
        let directory = try openScratch(scratch)
        try directory.makeDirectory("outside")
        try directory.makeSymbolicLink("link", to: "outside")
        try directory.removeTree("link")
        try directory.removeTree("nothing")
        #expect(try names(directory) == ["outside"])
    }

    @Test func `a tree deeper than any path is removed`() throws {
        let directory = try openScratch(scratch)
        var deepest = try directory.makeDirectories("tree")
        for _ in 0..<3000 {
            try deepest.makeDirectory("down")
            _ = try deepest.createFile("file")
            deepest = try deepest.openDirectory("down")
        }
        try directory.removeTree("tree")
        #expect(try names(directory).isEmpty)
    }

    @Test func `directories without any permission are removed, by their owner`() throws {
        let directory = try openScratch(scratch)
        let locked = try directory.makeDirectories("tree/a/b")
        try locked.writeNew([1], to: "file")
        try locked.setMode(0)
        try directory.openDirectory("tree/a").setMode(0)
        try directory.openDirectory("tree").setMode(0)
        try asOrdinaryUser(owning: scratch.path) {
            try directory.removeTree("tree")
        }
        #expect(try names(directory).isEmpty)
    }

    @Test(.enabled(if: geteuid() == 0, "needs root"))
    func `a mount below is not entered`() throws {
        let directory = try openScratch(scratch)
        _ = try directory.makeDirectories("tree/mount")
        let mounted = scratch.file("tree/mount")
        try #require(unsafe mount("tmpfs", mounted, "tmpfs", 0, "size=64k") == 0)
        defer { unsafe umount2(mounted, Int32(MNT_DETACH)) }
        let inside = try Directory(Path(mounted))
        try inside.writeNew([1], to: "kept")
        #expect(code { try directory.removeTree("tree") } == .crossesMount)
        #expect(try names(inside) == ["kept"])
    }
}
