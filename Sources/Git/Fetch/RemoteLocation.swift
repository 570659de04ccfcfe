package import Files

/// A place to pull from that was checked (CASES.md F038): a directory of this machine, or a repository that is
/// served over HTTPS or SSH. Holds no credential.
package struct RemoteLocation: Hashable, Sendable, CustomStringConvertible {
    /// How the repository is reached.
    package enum Transport: Hashable, Sendable {
        /// A directory of this machine: the repository or its work tree.
        case directory(Path)
        /// Smart HTTP over TLS.
        case https(Endpoint)
        /// Smart HTTP in the clear, where it was explicitly allowed.
        case http(Endpoint)
        /// `git-upload-pack` over SSH as `user`.
        case ssh(user: String, Endpoint)
    }

    /// A host and its port.
    package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
        /// A DNS name or an IPv4 address, in lower case.
        package let host: String
        /// The port, from 1.
        package let port: UInt16

        /// An endpoint of these values.
        package init(host: String, port: UInt16) {
            self.host = host
            self.port = port
        }

        /// `host:port`.
        package var description: String { "\(host):\(port)" }
        /// Whether the name means this machine.
        package var isLoopback: Bool { host == "localhost" || host == "127.0.0.1" }
    }

    /// How it is reached.
    package let transport: Transport
    /// As it was written.
    package let text: String

    /// As it was written.
    package var description: String { text }

    /// The directory, where it is one of this machine.
    package var directory: Path? {
        if case .directory(let path) = transport { path } else { nil }
    }

    /// The host and port, where it is on another machine.
    package var endpoint: Endpoint? {
        switch transport {
        case .directory: nil
        case .https(let endpoint), .http(let endpoint), .ssh(_, let endpoint): endpoint
        }
    }

    /// Checks `text`: an absolute path, `file://`, `https://`, `ssh://user@host[:port]/path` or
    /// `user@host:path`.
    ///
    /// Throws `unsupportedTransport` for a transport that does not authenticate the server (plain HTTP unless
    /// `allowingPlainHTTP`), and `invalidURL` for all that is no path and no URL: relative paths, `ext::`, a
    /// leading `-` anywhere, credentials in a URL, control, percent-encoded and shell characters.
    package init(_ text: String, allowingPlainHTTP: Bool = false) throws(GitError) {
        let bytes = Array(text.utf8)
        guard (1...4096).contains(bytes.count) else {
            throw GitError(.invalidURL, "a URL has 1 to 4096 bytes")
        }
        guard bytes.first != 0x2D else { throw GitError(.invalidURL, "a URL that begins with a dash") }
        guard !text.unicodeScalars.contains(where: LocationText.isInvisible) else {
            throw GitError(.invalidURL, "a URL with an invisible character")
        }
        self.text = text
        transport = try RemoteLocation.transport(of: bytes, allowingPlainHTTP)
    }

    private static func transport(
        of bytes: [UInt8], _ allowingPlainHTTP: Bool
    ) throws(GitError) -> Transport {
        guard bytes.first != 0x2F else { return .directory(try LocationText.directory(bytes)) }
        func rest(after scheme: String) -> ArraySlice<UInt8>? {
            bytes.starts(with: scheme.utf8) ? bytes.dropFirst(scheme.utf8.count) : nil
        }
        if let rest = rest(after: "file://") { return .directory(try LocationText.fileURL(Array(rest))) }
        if let rest = rest(after: "https://") { return .https(try LocationText.httpURL(rest, port: 443)) }
        if let rest = rest(after: "ssh://") {
            let (user, endpoint) = try LocationText.sshURL(rest)
            return .ssh(user: user, endpoint)
        }
        if let rest = rest(after: "http://") {
            guard allowingPlainHTTP else {
                throw GitError(.unsupportedTransport, "plain HTTP authenticates no server and hides nothing")
            }
            return .http(try LocationText.httpURL(rest, port: 80))
        }
        guard !["git://", "ftp://", "ftps://"].contains(where: { rest(after: $0) != nil }) else {
            throw GitError(.unsupportedTransport, "a transport without authentication of the server")
        }
        if let (user, endpoint) = try LocationText.shortSSH(bytes) { return .ssh(user: user, endpoint) }
        throw GitError(.invalidURL, "neither an absolute path nor a URL")
    }

    /// `text` without what stands before `@` in the authority of each URL in it.
    package static func withoutCredentials(_ text: String) -> String {
        var result: [UInt8] = []
        var rest = Array(text.utf8)[...]
        let mark = Array("://".utf8)
        while let start = rest.indices.first(where: { rest[$0...].starts(with: mark) }) {
            let authority = start + mark.count
            result += rest[..<authority]
            let stops: Set<UInt8> = [0x2F, 0x20, 0x27, 0x22, 0x0A]
            let end = rest[authority...].firstIndex { stops.contains($0) } ?? rest.endIndex
            let user = rest[authority..<end].lastIndex(of: 0x40)
            rest = rest[(user.map { $0 + 1 } ?? authority)...]
        }
        return String(decoding: result + rest, as: UTF8.self)
    }
}
