import Glibc
import Support
import Synchronization
import Testing

@testable import Delivery

/// A server on 127.0.0.1 that gives one answer to each connection until it is released.
private final class Answering: Sendable {
    let port: UInt16
    private let socket: Int32
    private let requests = Requests()
    private let thread: pthread_t

    init(_ answer: String, isSilent: Bool = false) {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = unsafe withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = unsafe bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            guard unsafe bind(socket, pointer, size) == 0, listen(socket, 16) == 0 else { return Int32(-1) }
            return unsafe getsockname(socket, pointer, &size)
        }
        precondition(status == 0, "no server: errno \(errno)")
        self.socket = socket
        port = UInt16(bigEndian: address.sin_port)
        let requests = requests
        thread = startThread {
            while true {
                let peer = accept(socket, nil, nil)
                guard peer >= 0 else { return }
                var buffer = [UInt8](repeating: 0, count: 2_048)
                let count = unsafe recv(peer, &buffer, buffer.count, 0)
                if count > 0 {
                    let text = String(decoding: buffer[..<count], as: UTF8.self)
                    requests.list.withLock { $0.append(text) }
                }
                if isSilent {
                    // Held open till the client gives up.
                    _ = unsafe recv(peer, &buffer, buffer.count, 0)
                } else {
                    let bytes = Array(answer.utf8)
                    _ = unsafe send(peer, bytes, bytes.count, Int32(MSG_NOSIGNAL))
                }
                close(peer)
            }
        }
    }

    private final class Requests: Sendable {
        let list = Mutex<[String]>([])
    }

    var seen: [String] { requests.list.withLock { $0 } }

    deinit {
        shutdown(socket, Int32(SHUT_RDWR))
        // Closed only when nobody accepts on it any more: the next server may get the same number.
        pthread_join(thread, nil)
        close(socket)
    }
}

/// Runs `body` on a thread of its own, to be joined.
private func startThread(_ body: @escaping @Sendable () -> Void) -> pthread_t {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let box = unsafe Unmanaged.passRetained(Box(body)).toOpaque()
    let status = unsafe pthread_create(
        &thread, nil,
        { pointer in
            guard let pointer = unsafe pointer else { return nil }
            unsafe Unmanaged<Box>.fromOpaque(pointer).takeRetainedValue().body()
            return nil
        }, box)
    precondition(status == 0, "pthread_create: \(status)")
    return thread
}

@Suite struct HealthTests {
    let scratch = TemporaryDirectory("strongroom-health")
    private let environment = ["PATH=/usr/bin:/bin"]

    private func failures(
        _ probe: HealthCheck.Probe, timeout: Duration = .seconds(100_000), retries: Int = 0,
        now: Int64 = 1_000
    ) async -> [String] {
        let check = HealthCheck(probe, timeout: timeout, retryCount: retries, interval: .milliseconds(20))
        return await HealthCheck.run([check], environment: environment) { now }.failures
    }

    private func http(_ answer: String, path: String = "/") async throws -> [String] {
        let server = Answering(answer)
        let url = try LocalURL("http://127.0.0.1:\(server.port)\(path)")
        let failures = await failures(.http(url))
        #expect(server.seen.first?.hasPrefix("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:") == true)
        return failures
    }

    @Test func `a command is asked by its status alone, without a shell`() async {
        #expect(await failures(.command(["true"])) == [])
        #expect(await failures(.command(["sh", "-c", "echo secret; exit 3"])) == ["command sh: status 3"])
        #expect(await failures(.command(["sh", "-c", "kill -9 $$"])) == ["command sh: ended by signal 9"])
        #expect(await failures(.command(["no-such-program"]))[0].contains("can't be started"))
        #expect(await failures(.command(["test", "$HOME; true", "=", "x"])) == ["command test: status 1"])
    }

    @Test func `a command that hangs is killed with what it started`() async {
        let note = scratch.file("child")
        var child = ""
        // On a machine that is busy the command may not have begun within the first of these times.
        for timeout in [Duration.seconds(1), .seconds(10), .seconds(100)] where child.isEmpty {
            let found = await failures(
                .command(["sh", "-c", "sleep 100000 & echo $! > \(note); wait"]), timeout: timeout)
            #expect(found.count == 1 && found[0].contains("not done after"))
            child = ShellCommand.run("cat", [note]).text
        }
        #expect(Int32(child) != nil)
        // What is dead and not yet collected has no command line.
        let gone = "for i in $(seq 1200); do [ -s /proc/\(child)/cmdline ] || exit 0; sleep 0.1; done; exit 1"
        #expect(ShellCommand.run("sh", ["-c", gone]).status == 0)
    }

    @Test func `a failed check is asked again until its attempts are used up`() async {
        let count = scratch.file("count")
        let script = "echo x >> \(count); test $(wc -l < \(count)) -ge 3"
        #expect(await failures(.command(["sh", "-c", script]), retries: 1).count == 1)
        #expect(await failures(.command(["sh", "-c", script]), retries: 1) == [])
    }

    @Test func `HTTP answers of 2xx pass, and no other`() async throws {
        #expect(try await http("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") == [])
        #expect(try await http("HTTP/1.0 204 No Content\r\n\r\n", path: "/healthz?full=1") == [])
        #expect(try await http("HTTP/1.1 503 Service Unavailable\r\n\r\n")[0].hasSuffix("status 503"))
        #expect(
            try await http("HTTP/1.1 302 Found\r\nLocation: http://example.org/\r\n\r\n")[0].hasSuffix(
                "status 302"))
        #expect(try await http("SSH-2.0-OpenSSH\r\n")[0].hasSuffix("answered with no HTTP status"))
        #expect(try await http("")[0].hasSuffix("closed without an answer"))
    }

    @Test func `an HTTP server that never answers, or is not there, fails the check`() async throws {
        let server = Answering("", isSilent: true)
        let silent = try LocalURL("http://localhost:\(server.port)/")
        #expect(await failures(.http(silent), timeout: .milliseconds(300))[0].contains("no answer after"))
        #expect(await failures(.http(try LocalURL("http://127.0.0.1:1/")))[0].contains("not reachable"))
    }

    @Test func `only this machine is asked, in plain HTTP`() {
        for text in [
            "https://127.0.0.1/", "http://example.org/", "http://127.0.0.1.example.org/",
            "http://127.0.0.1:0/",
            "http://127.0.0.1:99999/", "http://user@127.0.0.1/", "http://127.0.0.1:80@example.org/",
            "ftp://localhost/",
            "http://localhost/a b", "http://localhost/\r\nX: y", "http://localhost:+80/", "http://[::2]/", "",
        ] {
            #expect(code { () throws(DeliveryError) in try LocalURL(text) } == .unusableRequest, "\(text)")
        }
        #expect((try? LocalURL("http://localhost"))?.description == "http://127.0.0.1:80/")
        #expect((try? LocalURL("http://[::1]:8080?x"))?.description == "http://[::1]:8080/?x")
    }

    @Test func `a file is to be there, and not too old`() async {
        let path = scratch.file("ready")
        #expect(await failures(.file(path: path, maximumAge: nil)) == ["file \(path): is not there"])
        _ = ShellCommand.run("touch", ["-d", "@900", path])
        #expect(await failures(.file(path: path, maximumAge: nil)) == [])
        #expect(await failures(.file(path: path, maximumAge: 100)) == [])
        #expect(await failures(.file(path: path, maximumAge: 99))[0].contains("longer than 99 s ago"))
        #expect(await failures(.file(path: scratch.file("no/such"), maximumAge: nil)).count == 1)
    }
}
