internal import Files

/// The parts of a location's text, each in one form. What could be read in two ways is refused: libgit2, a shell
/// on the server and the person who reviewed the settings must all see the same place.
enum LocationText {
    /// What stands after `https://` or `http://`. Throws `invalidURL`.
    static func httpURL(_ rest: ArraySlice<UInt8>, port: UInt16) throws(GitError) -> RemoteLocation.Endpoint {
        let (authority, path) = split(rest)
        guard !authority.contains(0x40) else {
            throw GitError(.invalidURL, "credentials in a URL: they belong in a sealed file")
        }
        let place = try endpoint(authority, port: port)
        try checkServed(path, isEncoded: true)
        return place
    }

    /// What stands after `ssh://`. Throws `invalidURL`.
    static func sshURL(
        _ rest: ArraySlice<UInt8>
    ) throws(GitError) -> (user: String, RemoteLocation.Endpoint) {
        let (authority, path) = split(rest)
        guard let at = authority.lastIndex(of: 0x40) else {
            throw GitError(.invalidURL, "an SSH URL names its user, as ssh://git@host/path")
        }
        let place = try endpoint(authority[(at + 1)...], port: 22)
        try checkServed(path, isEncoded: false)
        return (try user(authority[..<at]), place)
    }

    /// The whole of `user@host:path`; nil where the text is not of that shape. Throws `invalidURL`.
    static func shortSSH(
        _ bytes: [UInt8]
    ) throws(GitError) -> (user: String, RemoteLocation.Endpoint)? {
        guard let colon = bytes.firstIndex(of: 0x3A), let at = bytes[..<colon].lastIndex(of: 0x40) else {
            return nil
        }
        let path = bytes[(colon + 1)...]
        guard !path.starts(with: "//".utf8) else { return nil }
        let place = try endpoint(bytes[(at + 1)..<colon], port: 22)
        try checkServed(path, isEncoded: false)
        return (try user(bytes[..<at]), place)
    }

    /// What stands after `file://`. Throws `invalidURL`.
    static func fileURL(_ rest: [UInt8]) throws(GitError) -> Path {
        let localhost = Array("localhost/".utf8)
        let encoded = rest.starts(with: localhost) ? Array(rest.dropFirst(localhost.count - 1)) : rest
        guard encoded.first == 0x2F else { throw GitError(.invalidURL, "a file URL of another host") }
        return try directory(decoded(encoded))
    }

    /// An absolute path of this machine. Throws `invalidURL`.
    static func directory(_ bytes: [UInt8]) throws(GitError) -> Path {
        try check(path: bytes)
        return Path(bytes)
    }

    /// Whether the character can't be seen, or turns the direction of text.
    static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse: true
        default: false
        }
    }

    private static func split(_ rest: ArraySlice<UInt8>) -> (ArraySlice<UInt8>, ArraySlice<UInt8>) {
        let slash = rest.firstIndex(of: 0x2F) ?? rest.endIndex
        return (rest[..<slash], rest[slash...])
    }

    /// A path on a server: without query, fragment and what `check(path:)` refuses.
    private static func checkServed(_ path: ArraySlice<UInt8>, isEncoded: Bool) throws(GitError) {
        guard path.contains(where: { $0 != 0x2F }), path.first != 0x2D else {
            throw GitError(.invalidURL, "a URL without the path of a repository")
        }
        guard !path.contains(0x3F), !path.contains(0x23) else {
            throw GitError(.invalidURL, "a URL with a query or a fragment")
        }
        guard isEncoded || !path.contains(0x25) else {
            throw GitError(.invalidURL, "a percent sign in an SSH URL")
        }
        try check(path: isEncoded ? decoded(Array(path)) : Array(path))
    }

    private static func check(path bytes: [UInt8]) throws(GitError) {
        guard let path = String(validating: bytes, as: UTF8.self),
            !path.unicodeScalars.contains(where: isInvisible)
        else { throw GitError(.invalidURL, "a path with an invisible character") }
        let shell = Set("$`;&|<>\"'*?{}[]()!\\".utf8)
        guard !bytes.contains(where: shell.contains) else {
            throw GitError(.invalidURL, "a path with characters that shells interpret")
        }
        let parts = bytes.split(separator: 0x2F)
        guard !parts.contains(where: { $0.elementsEqual(".".utf8) || $0.elementsEqual("..".utf8) }) else {
            throw GitError(.invalidURL, "a path with . or .. in it")
        }
    }

    /// `host` or `host:port`; a host of the letters, digits, dots and inner hyphens of DNS.
    private static func endpoint(
        _ authority: ArraySlice<UInt8>, port standard: UInt16
    ) throws(GitError) -> RemoteLocation.Endpoint {
        let colon = authority.firstIndex(of: 0x3A) ?? authority.endIndex
        var port = standard
        if colon < authority.endIndex {
            let digits = authority[(colon + 1)...]
            guard (1...5).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = UInt16(String(decoding: digits, as: UTF8.self)), number > 0
            else { throw GitError(.invalidURL, "a URL with a broken port") }
            port = number
        }
        let host = String(decoding: authority[..<colon], as: UTF8.self).lowercased()
        let labels = Array(host.utf8).split(separator: 0x2E, omittingEmptySubsequences: false)
        guard (1...253).contains(host.utf8.count), labels.allSatisfy(isLabel) else {
            throw GitError(.invalidURL, "a URL whose host is no DNS name and no IPv4 address")
        }
        return RemoteLocation.Endpoint(host: host, port: port)
    }

    private static func isLabel(_ label: ArraySlice<UInt8>) -> Bool {
        guard (1...63).contains(label.count), label.first != 0x2D, label.last != 0x2D else { return false }
        return label.allSatisfy {
            (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D || $0 == 0x5F
        }
    }

    private static func user(_ bytes: ArraySlice<UInt8>) throws(GitError) -> String {
        let isPlain = bytes.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F
        }
        guard (1...64).contains(bytes.count), isPlain, bytes.first != 0x2D else {
            throw GitError(.invalidURL, "a URL with a user that is no plain name")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func decoded(_ encoded: [UInt8]) throws(GitError) -> [UInt8] {
        var decoded: [UInt8] = []
        var index = 0
        while index < encoded.count {
            guard encoded[index] == 0x25 else {
                decoded.append(encoded[index])
                index += 1
                continue
            }
            guard index + 2 < encoded.count, let high = hexValue(encoded[index + 1]),
                let low = hexValue(encoded[index + 2]), high << 4 | low != 0x2F
            else { throw GitError(.invalidURL, "a broken percent sign in a URL") }
            decoded.append(high << 4 | low)
            index += 3
        }
        return decoded
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
