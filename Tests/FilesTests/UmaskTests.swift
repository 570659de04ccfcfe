import Files
import Glibc
import Support
import Testing

/// One at a time, for the umask is the whole process's.
@Suite(.serialized) struct UmaskTests {
    let scratch = TemporaryDirectory("files")

    @Test func `modes hold whatever the umask`() throws {
        let directory = try openScratch(scratch)
        let umask = Umask.begin(0o077)
        defer { umask.end() }
        try directory.makeDirectory("open", mode: 0o2755)
        try directory.writeNew([], to: "file", mode: 0o644)
        try directory.writeNew([], to: "private")
        try directory.makeSpecialFile("pipe", .fifo, mode: 0o622)
        #expect(try directory.metadata(of: "open").mode == 0o2755)
        #expect(try directory.metadata(of: "file").mode == 0o644)
        #expect(try directory.metadata(of: "private").mode == 0o600)
        #expect(try directory.metadata(of: "pipe").mode == 0o622)
    }

    @Test func `an open file of mode 0644 becomes 0600 when replaced`() throws {
        // F028
        let directory = try openScratch(scratch)
        let umask = Umask.begin(0)
        defer { umask.end() }
        try directory.writeNew([1], to: "file", mode: 0o644)
        try directory.write([2], to: "file")
        #expect(try directory.metadata(of: "file").mode == 0o600)
        #expect(try directory.read("file", limit: 1) == [2])
    }
}
