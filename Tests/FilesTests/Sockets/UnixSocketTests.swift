import Files
import Glibc
import Support
import Testing

@Suite struct UnixSocketTests {
    let scratch = TemporaryDirectory("strongroom-socket")
    private var path: Path { Path(scratch.file("socket")) }

    @Test func `a peer is known by its user and by the name that its socket is bound to`() throws {
        let listener = try UnixListener(at: path)
        let name = [0] + Array("1f/unit/app.service/key".utf8)
        let client = try UnixConnection(connectingTo: path, from: name)
        guard let server = try listener.accept(waiting: 10_000) else {
            Issue.record("nobody connected")
            return
        }
        let peer = try server.peer()
        #expect(peer.name == name)
        #expect(peer.user == geteuid() && peer.process == UInt32(getpid()))
        let bytes = (0..<1_000).map { UInt8(truncatingIfNeeded: $0) }
        try server.send(unsafe bytes.span.bytes, timeout: 5)
        _ = consume server
        #expect(try client.receiveAll(limit: 2_000) == bytes)
    }

    @Test func `the socket is 0600 from its first instant and goes with the listener`() throws {
        let umask = Umask.begin(0)
        defer { umask.end() }
        let listener = try UnixListener(at: path)
        #expect(ShellCommand.run("stat", ["-c", "%a %F", scratch.file("socket")]).text == "600 socket")
        let nobody = try listener.accept(waiting: 0) == nil
        #expect(nobody)
        _ = consume listener
        #expect(unsafe access(scratch.file("socket"), F_OK) != 0)
    }

    @Test func `two listeners never meet, and one that was killed is followed`() throws {
        let first = try UnixListener(at: path)
        #expect(code { _ = try UnixListener(at: path) } == .locked)
        _ = consume first
        let left = ShellCommand.run(
            "python3",
            ["-c", "import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])", "\(path)"])
        #expect(left.status == 0)
        _ = try UnixListener(at: path)
        _ = ShellCommand.run("touch", ["\(path)"])
        #expect(code { _ = try UnixListener(at: path) } == .exists)
    }
}
