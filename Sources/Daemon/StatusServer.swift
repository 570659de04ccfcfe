internal import Assembly
internal import Dispatch
internal import Files
internal import Glibc
internal import Settings
internal import Synchronization

/// Answers `GET /v1/status` over a Unix socket in HTTP/1.1, a request a connection: the beginning of the HTTP API, kept to
/// what must not change when the rest comes.
///
/// On disk: the socket, 0600, or 0660 with the group that the settings name; its directory is made (0750) where it is
/// missing. Who may connect is the kernel's word (unix(7), SO_PEERCRED): the service's user and root, or the group.
final class StatusServer: Sendable {
    private let socket: Int32
    private let path: String
    private let isForGroup: Bool
    private let answer: @Sendable () throws -> [UInt8]
    private let isStopping = Atomic<Bool>(false)
    private let open = Atomic<Int>(0)

    /// Connections at a time; one more is closed at once.
    private static let connectionLimit = 32
    /// Bytes of a request's head.
    private static let headLimit = 16 << 10
    /// Seconds for a request and for its answer.
    private static let deadlineSeconds: Int64 = 5

    /// Listens at `path`; `answer` gives the body. A socket that a killed service left is replaced: the caller holds the
    /// lock of the state directory.
    init(at path: String, group: UInt32?, answer: @escaping @Sendable () throws -> [UInt8]) throws {
        let whole = Path(path)
        _ = try Directory.makePath(whole.parent, mode: 0o750)
        var status = stat()
        if unsafe lstat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFSOCK, status.st_uid == geteuid() else {
                throw ServiceError(.socket, "\(path): something else stands where the socket is to be")
            }
            unsafe unlink(path)
        }
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw ServiceError(.socket, "socket(2): errno \(errno)") }
        // The process's umask is 077: nobody else gets in before the mode is set.
        var isListening = StatusServer.bind(socket, path) && listen(socket, 64) == 0
        if isListening, let group { isListening = unsafe chown(path, uid_t.max, group) == 0 }
        let mode: mode_t = group == nil ? 0o600 : 0o660
        if isListening { isListening = unsafe chmod(path, mode) == 0 }
        guard isListening
        else {
            let code = errno
            close(socket)
            throw ServiceError(.socket, "\(path): can't listen there (errno \(code))")
        }
        self.socket = socket
        self.path = path
        isForGroup = group != nil
        self.answer = answer
    }

    /// Accepts until `stop`.
    func start() {
        DispatchQueue(label: "strongroom.status").async { self.accept() }
    }

    /// Ends accepting and removes the socket. Answers under way go on.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
        unsafe unlink(path)
        shutdown(socket, Int32(SHUT_RDWR))
    }

    private func accept() {
        while !isStopping.load(ordering: .relaxed) {
            let peer = Glibc.accept(socket, nil, nil)
            guard peer >= 0 else {
                // Out of descriptors, or the end.
                if !isStopping.load(ordering: .relaxed) { usleep(50_000) }
                continue
            }
            _ = fcntl(peer, F_SETFD, FD_CLOEXEC)
            let count = open.add(1, ordering: .relaxed).newValue
            guard count <= StatusServer.connectionLimit, isAllowed(peer) else {
                close(peer)
                open.subtract(1, ordering: .relaxed)
                continue
            }
            DispatchQueue.global().async {
                self.serve(peer)
                close(peer)
                self.open.subtract(1, ordering: .relaxed)
            }
        }
        close(socket)
    }

    private func isAllowed(_ peer: Int32) -> Bool {
        // struct ucred: process, user, group.
        var credentials: [UInt32] = [0, UInt32.max, UInt32.max]
        var size = socklen_t(12)
        guard unsafe getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0, size == 12 else {
            return false
        }
        // With a group, the socket's mode has let in its members alone.
        return isForGroup || credentials[1] == 0 || credentials[1] == geteuid()
    }

    // MARK: - One request

    private func serve(_ peer: Int32) {
        var limit = timeval(tv_sec: time_t(StatusServer.deadlineSeconds), tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        unsafe setsockopt(peer, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        let deadline = ContinuousClock().now.advanced(by: .seconds(StatusServer.deadlineSeconds))
        guard let head = readHead(peer, deadline) else { return send(peer, 400, "bad request") }
        switch StatusServer.route(head) {
        case 200:
            do {
                send(peer, 200, try answer())
            } catch {
                send(peer, 500, "the state can't be read")
            }
        case let code:
            send(peer, code, code == 404 ? "not found" : code == 405 ? "method not allowed" : "bad request")
        }
    }

    private func readHead(_ peer: Int32, _ deadline: ContinuousClock.Instant) -> [UInt8]? {
        var head: [UInt8] = []
        var step = [UInt8](repeating: 0, count: 2_048)
        let end: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
        while head.count <= StatusServer.headLimit {
            let left = ContinuousClock().now.duration(to: deadline) / .milliseconds(1)
            guard left > 0 else { return nil }
            var request = pollfd(fd: peer, events: Int16(POLLIN), revents: 0)
            let ready = unsafe poll(&request, 1, Int32(left) + 1)
            if ready < 0, errno == EINTR { continue }
            guard ready > 0 else { return nil }
            let count = unsafe recv(peer, &step, step.count, Int32(MSG_DONTWAIT))
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            guard count > 0 else { return nil }
            head += step[..<count]
            if let found = head.indices.first(where: { head[$0...].starts(with: end) }) {
                return Array(head[..<found])
            }
        }
        return nil
    }

    /// The status of the answer to a request with this head (RFC 9112), strictly read: one Host, no body.
    static func route(_ head: [UInt8]) -> Int {
        guard let text = String(validating: head, as: UTF8.self), text.utf8.allSatisfy({ $0 != 0 }) else {
            return 400
        }
        var lines: [Substring] = []
        var rest = Substring(text).utf8[...]
        while let cut = rest.firstIndex(of: 0x0A) {
            guard cut > rest.startIndex, rest[rest.index(before: cut)] == 0x0D else { return 400 }
            lines.append(Substring(rest[..<rest.index(before: cut)]))
            rest = rest[rest.index(after: cut)...]
        }
        lines.append(Substring(rest))
        guard lines.allSatisfy({ !$0.utf8.contains(0x0D) }) else { return 400 }
        let words = lines[0].split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, words[2] == "HTTP/1.1", words[1].hasPrefix("/") else { return 400 }
        var hosts = 0
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":"), colon > line.startIndex else { return 400 }
            let name = line[..<colon]
            guard name.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return 400 }
            switch name.lowercased() {
            case "host": hosts += 1
            case "content-length", "transfer-encoding": return 400
            default: break
            }
        }
        guard hosts == 1 else { return 400 }
        guard words[1] == "/v1/status" else { return 404 }
        return words[0] == "GET" ? 200 : 405
    }

    private func send(_ peer: Int32, _ status: Int, _ reason: String) {
        send(peer, status, Array("{\"error\":\"\(reason)\"}\n".utf8))
    }

    private func send(_ peer: Int32, _ status: Int, _ body: [UInt8]) {
        let words = [200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"]
        let head =
            "HTTP/1.1 \(status) \(words[status] ?? "Internal Server Error")\r\nContent-Type: application/json\r\n"
            + "Content-Length: \(body.count)\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
        var rest = (Array(head.utf8) + body)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.send(peer, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    private static func bind(_ socket: Int32, _ path: String) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
        let name = Array(path.utf8)
        guard name.count < MemoryLayout<sockaddr_un>.size - offset else {
            errno = ENAMETOOLONG
            return false
        }
        return unsafe withUnsafeMutableBytes(of: &address) { space in
            for (index, byte) in name.enumerated() { unsafe space[offset + index] = byte }
            return unsafe Glibc.bind(
                socket, space.baseAddress?.assumingMemoryBound(to: sockaddr.self),
                socklen_t(offset + name.count + 1)) == 0
        }
    }
}
