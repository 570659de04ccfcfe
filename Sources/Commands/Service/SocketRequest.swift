internal import Files

/// One GET over HTTP/1.1 to a Unix socket.
enum SocketRequest {
    private static let answerLimit = 64 << 20
    private static let deadlineSeconds = 10

    /// The body of a 200 answer; nil for everything else.
    static func get(_ target: String, at path: String) -> [UInt8]? {
        let request = Array("GET \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
        let answer: [UInt8]
        do {
            let connection = try UnixConnection(connectingTo: Path(path), timeout: deadlineSeconds)
            try connection.send(unsafe request.span.bytes, timeout: deadlineSeconds)
            answer = try connection.receiveAll(limit: answerLimit)
        } catch {
            return nil
        }
        let end: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
        guard answer.starts(with: Array("HTTP/1.1 200 ".utf8)),
            let head = answer.indices.first(where: { answer[$0...].starts(with: end) })
        else { return nil }
        return Array(answer[(head + 4)...])
    }
}
