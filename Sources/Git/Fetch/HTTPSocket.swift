internal import CGit2
internal import Glibc
internal import Synchronization

/// The TCP connections of one HTTP fetch, in libgit2's place: to the endpoint that was asked for and to no other,
/// whatever a redirect says (libgit2 1.5 compares hosts and lets ports pass), with a bound on silence and on what is
/// received. TLS runs over it (git_stream_register). SSH can't: libgit2 reaches into its own socket there.
enum HTTPSocket {
    /// What a connection is held to, and why one was refused. One fetch a process.
    struct Rules {
        /// The only host and port.
        var endpoint: RemoteLocation.Endpoint?
        /// Seconds that the server may be silent.
        var idleSeconds = 60
        /// Bytes that may still come.
        var allowance = 0
        /// The first refusal.
        var failure: GitError?
    }

    /// What holds in this process.
    static let rules = Mutex(Rules())

    /// Takes over the connections of this process. Throws `libraryFailed`.
    static func register(
        for endpoint: RemoteLocation.Endpoint, limits: FetchLimits
    ) throws(GitError) {
        rules.withLock {
            // The advertised refs and the framing come on top of the pack.
            $0 = Rules(
                endpoint: endpoint, idleSeconds: limits.idleSeconds,
                allowance: limits.byteCount.addingReportingOverflow(512 << 20).partialValue)
        }
        var registration = git_stream_registration()
        registration.version = GIT_STREAM_VERSION
        unsafe registration.`init` = { out, host, port in
            guard let out = unsafe out, let host = unsafe host, let port = unsafe port else { return -1 }
            let name = unsafe String(cString: host).lowercased()
            let number = unsafe UInt16(String(cString: port))
            guard let endpoint = HTTPSocket.rules.withLock({ $0.endpoint }), name == endpoint.host,
                number == endpoint.port
            else {
                return HTTPSocket.refuse(.redirectRefused, "the server sends on to another host or port")
            }
            unsafe out.pointee = Connection.make()
            return 0
        }
        try GitError.check(
            "git_stream_register", unsafe git_stream_register(GIT_STREAM_STANDARD, &registration),
            "connect to \(endpoint)")
    }

    /// Keeps the first refusal and tells libgit2, which would tell it in words of its own.
    static func refuse(_ code: GitError.Code, _ context: String) -> Int32 {
        rules.withLock { rules in
            if rules.failure == nil { rules.failure = GitError(code, context) }
        }
        unsafe git_error_set_str(Int32(GIT_ERROR_NET.rawValue), context)
        return -1
    }
}

/// One connection; libgit2 knows it by its first member.
@unsafe private struct Connection {
    var stream = git_stream()
    var socket: Int32 = -1

    /// A stream on the heap that libgit2 frees by calling `free`.
    static func make() -> UnsafeMutablePointer<git_stream> {
        let pointer = UnsafeMutablePointer<Connection>.allocate(capacity: 1)
        unsafe pointer.initialize(to: Connection())
        unsafe pointer.pointee.stream.version = GIT_STREAM_VERSION
        unsafe pointer.pointee.stream.connect = { stream in unsafe Connection.at(stream)?.pointee.open() ?? -1
        }
        unsafe pointer.pointee.stream.read = { stream, bytes, count in
            unsafe Connection.at(stream)?.pointee.read(bytes, count) ?? -1
        }
        unsafe pointer.pointee.stream.write = { stream, bytes, count, _ in
            unsafe Connection.at(stream)?.pointee.write(bytes, count) ?? -1
        }
        unsafe pointer.pointee.stream.close = { stream in
            guard let connection = unsafe Connection.at(stream) else { return -1 }
            if unsafe connection.pointee.socket >= 0 { unsafe Glibc.close(connection.pointee.socket) }
            unsafe connection.pointee.socket = -1
            return 0
        }
        unsafe pointer.pointee.stream.free = { stream in
            guard let connection = unsafe Connection.at(stream) else { return }
            unsafe connection.deinitialize(count: 1)
            unsafe connection.deallocate()
        }
        return unsafe UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: git_stream.self)
    }

    static func at(_ stream: UnsafeMutablePointer<git_stream>?) -> UnsafeMutablePointer<Connection>? {
        unsafe stream.map { unsafe UnsafeMutableRawPointer($0).assumingMemoryBound(to: Connection.self) }
    }

    /// Connects to the first address that answers (getaddrinfo(3), connect(2)).
    mutating func open() -> Int32 {
        guard let endpoint = HTTPSocket.rules.withLock({ $0.endpoint }) else { return -1 }
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let failure = unsafe getaddrinfo(endpoint.host, "\(endpoint.port)", &hints, &list)
        guard failure == 0 else {
            return HTTPSocket.refuse(.unreachable, "the name \(endpoint.host) can't be resolved")
        }
        defer { unsafe freeaddrinfo(list) }
        var next = unsafe list
        while let address = unsafe next {
            unsafe socket = unsafe connected(to: address.pointee)
            guard unsafe socket < 0 else { return 0 }
            unsafe next = unsafe address.pointee.ai_next
        }
        return HTTPSocket.refuse(.unreachable, "no connection to \(endpoint) (errno \(errno))")
    }

    private func connected(to address: addrinfo) -> Int32 {
        let number = unsafe Glibc.socket(
            address.ai_family, address.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), address.ai_protocol)
        guard number >= 0 else { return -1 }
        // The bound on sending holds for connecting too (socket(7)).
        var bound = timeval(tv_sec: HTTPSocket.rules.withLock { $0.idleSeconds }, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        unsafe setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &bound, size)
        unsafe setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &bound, size)
        guard unsafe connect(number, address.ai_addr, address.ai_addrlen) == 0 else {
            let reason = errno
            Glibc.close(number)
            errno = reason
            return -1
        }
        return number
    }

    func read(_ bytes: UnsafeMutableRawPointer?, _ count: Int) -> Int {
        while true {
            let got = unsafe recv(socket, bytes, count, 0)
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { return unsafe Connection.broken("receiving") }
            let isWithin = HTTPSocket.rules.withLock { rules in
                rules.allowance -= got
                return rules.allowance >= 0
            }
            guard isWithin else {
                return Int(HTTPSocket.refuse(.limitExceeded, "the server sends more than allowed"))
            }
            return got
        }
    }

    func write(_ bytes: UnsafePointer<CChar>?, _ count: Int) -> Int {
        while true {
            let sent = unsafe send(socket, bytes, count, Int32(MSG_NOSIGNAL))
            if sent < 0, errno == EINTR { continue }
            guard sent >= 0 else { return unsafe Connection.broken("sending") }
            return sent
        }
    }

    private static func broken(_ what: String) -> Int {
        let reason = errno
        guard reason == EAGAIN || reason == EWOULDBLOCK else {
            return Int(
                HTTPSocket.refuse(.unreachable, "the connection broke while \(what) (errno \(reason))"))
        }
        let seconds = HTTPSocket.rules.withLock { $0.idleSeconds }
        return Int(HTTPSocket.refuse(.timedOut, "the server was silent for \(seconds) s"))
    }
}
