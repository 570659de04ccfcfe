package import Files

/// A place to pull from that was checked (CASES.md F038): an absolute path or a `file://` URL of this machine.
package struct RemoteLocation: Hashable, Sendable, CustomStringConvertible {
    /// The absolute path of the repository or its work tree.
    package let path: Path
    /// As it was written; holds no credential.
    package let text: String

    /// As it was written.
    package var description: String { text }

    /// Checks `text`. Throws `unsupportedTransport` for a transport that is not built, `invalidURL` for all
    /// that is no path and no URL: relative paths, `ext::`, a leading `-`, control and shell characters.
    package init(_ text: String) throws(GitError) {
        let bytes = Array(text.utf8)
        guard (1...4096).contains(bytes.count) else {
            throw GitError(.invalidURL, "a URL has 1 to 4096 bytes")
        }
        guard bytes.first != 0x2D else { throw GitError(.invalidURL, "a URL that begins with a dash") }
        guard !text.unicodeScalars.contains(where: RemoteLocation.isInvisible) else {
            throw GitError(.invalidURL, "a URL with an invisible character")
        }
        if bytes.first == 0x2F {
            self.path = try RemoteLocation.checkedPath(bytes)
        } else if text.utf8.starts(with: "file://".utf8) {
            self.path = try RemoteLocation.filePath(Array(bytes.dropFirst("file://".utf8.count)))
        } else {
            throw RemoteLocation.refusal(of: text)
        }
        self.text = text
    }

    /// `text` without what stands before `@` in the authority of each URL in it.
    static func withoutCredentials(_ text: String) -> String {
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

    private static func refusal(of text: String) -> GitError {
        let later = ["https://", "ssh://"]
        if later.contains(where: { text.utf8.starts(with: $0.utf8) }) {
            return GitError(.unsupportedTransport, "HTTPS and SSH are not built yet: give a path or file://")
        }
        let never = ["http://", "git://", "ftp://", "ftps://"]
        if never.contains(where: { text.utf8.starts(with: $0.utf8) }) {
            return GitError(.unsupportedTransport, "a transport without authentication of the server")
        }
        return GitError(.invalidURL, "neither an absolute path nor a URL")
    }

    private static func filePath(_ rest: [UInt8]) throws(GitError) -> Path {
        let localhost = Array("localhost/".utf8)
        let encoded = rest.starts(with: localhost) ? Array(rest.dropFirst(localhost.count - 1)) : rest
        guard encoded.first == 0x2F else { throw GitError(.invalidURL, "a file URL of another host") }
        var decoded: [UInt8] = []
        var index = 0
        while index < encoded.count {
            guard encoded[index] == 0x25 else {
                decoded.append(encoded[index])
                index += 1
                continue
            }
            guard index + 2 < encoded.count, let high = hexValue(encoded[index + 1]),
                let low = hexValue(encoded[index + 2])
            else { throw GitError(.invalidURL, "a broken percent sign in a URL") }
            decoded.append(high << 4 | low)
            index += 3
        }
        return try checkedPath(decoded)
    }

    private static func checkedPath(_ bytes: [UInt8]) throws(GitError) -> Path {
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
        return Path(bytes)
    }

    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse: true
        default: false
        }
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
