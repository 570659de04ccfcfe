import Files
import Glibc
import Support
import Testing

@testable import Daemon

@Suite struct StatusServerTests {
    private func status(_ head: String) -> Int { StatusServer.route(Array(head.utf8)) }

    @Test func `a GET of the state is answered, and nothing else`() {
        #expect(status("GET /v1/status HTTP/1.1\r\nHost: localhost\r\nAccept: */*") == 200)
        #expect(status("POST /v1/status HTTP/1.1\r\nHost: localhost") == 405)
        #expect(status("BREW /v1/status HTTP/1.1\r\nHost: localhost") == 405)
        for target in [
            "/", "/v1/status/", "/v1//status", "/v1/../v1/status", "/v1/%73tatus", "/v1/status?x=1",
        ] {
            #expect(status("GET \(target) HTTP/1.1\r\nHost: localhost") == 404, "\(target)")
        }
    }

    @Test(arguments: [
        "", "GET", "GET /v1/status", "GET /v1/status HTTP/1.0\r\nHost: x", "GET /v1/status HTTP/2\r\nHost: x",
        "GET  /v1/status HTTP/1.1\r\nHost: x", "GET /v1/status HTTP/1.1",
        "GET /v1/status HTTP/1.1\r\nHost: x\r\nhost: y",
        "GET /v1/status HTTP/1.1\nHost: x", "GET /v1/status HTTP/1.1\r\nHost : x",
        "GET /v1/status HTTP/1.1\r\n Host: x",
        "GET /v1/status HTTP/1.1\r\nHost: x\r\n folded",
        "GET /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 1",
        "GET /v1/status HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked",
        "GET v1/status HTTP/1.1\r\nHost: x",
        "GET /v1/status HTTP/1.1\r\nHost: x\rX: y", "GET /v1/\u{0}status HTTP/1.1\r\nHost: x",
    ]) func `a head of another form is refused`(_ head: String) {
        #expect(status(head) == 400)
    }

    @Test func `a socket that was left is replaced, anything else in its place is not`() throws {
        let scratch = TemporaryDirectory("strongroom-socket")
        let path = scratch.file("run/api.sock")
        let first = try StatusServer(at: path, group: nil) { [] }
        var status = stat()
        #expect(unsafe lstat(path, &status) == 0 && status.st_mode & 0o7777 == 0o600)
        // Not stopped: as after a kill.
        _ = first
        let second = try StatusServer(at: path, group: nil) { [] }
        second.stop()
        #expect(unsafe lstat(path, &status) != 0)
        unsafe symlink("elsewhere", path)
        #expect(throws: (any Error).self) { try StatusServer(at: path, group: nil) { [] } }
        unsafe unlink(path)
        unsafe mkdir(path, 0o700)
        #expect(throws: (any Error).self) { try StatusServer(at: path, group: nil) { [] } }
    }
}
