internal import Glibc

/// One GET over HTTP/1.1 to a Unix socket.
enum SocketRequest {
    private static let answerLimit = 64 << 20
    private static let deadlineSeconds = 10

    /// The body of a 200 answer; nil for everything else.
    static func get(_ target: String, at path: String) -> [UInt8]? {
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return nil }
        defer { close(socket) }
        var limit = timeval(tv_sec: time_t(deadlineSeconds), tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            unsafe setsockopt(socket, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        guard connect(socket, path) else { return nil }
        let request = Array("GET \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
        guard unsafe send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            return nil
        }
        var answer: [UInt8] = []
        var step = [UInt8](repeating: 0, count: 1 << 16)
        while answer.count < answerLimit {
            let count = unsafe recv(socket, &step, step.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            answer += step[..<count]
        }
        let end: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
        guard answer.starts(with: Array("HTTP/1.1 200 ".utf8)),
            let head = answer.indices.first(where: { answer[$0...].starts(with: end) })
        else { return nil }
        return Array(answer[(head + 4)...])
    }

    private static func connect(_ socket: Int32, _ path: String) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
        let name = Array(path.utf8)
        guard name.count < MemoryLayout<sockaddr_un>.size - offset else { return false }
        return unsafe withUnsafeMutableBytes(of: &address) { space in
            for (index, byte) in name.enumerated() { unsafe space[offset + index] = byte }
            return unsafe Glibc.connect(
                socket, space.baseAddress?.assumingMemoryBound(to: sockaddr.self),
                socklen_t(offset + name.count + 1)) == 0
        }
    }
}
