/// The full name of a ref, `refs/…`, as bytes that git-check-ref-format(1) accepts.
package struct ReferenceName: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The bytes, from `refs/` on.
    package let bytes: [UInt8]

    /// The longest name (PATH_MAX).
    package static let byteLimit = 4096

    /// Checks a full name from a repository or a bundle. Throws `invalidName`.
    package init(_ bytes: some Collection<UInt8>) throws(GitError) {
        let bytes = Array(bytes)
        guard bytes.count <= ReferenceName.byteLimit else {
            throw GitError(.invalidName, "a ref's name is too long")
        }
        guard bytes.starts(with: Array("refs/".utf8)) else {
            throw GitError(.invalidName, "a ref's name does not begin with refs/")
        }
        guard ReferenceName.isWellFormed(bytes) else {
            throw GitError(.invalidName, "a malformed name of a ref")
        }
        self.bytes = bytes
    }

    /// Checks a full name, as `init(_:)` of its UTF-8.
    package init(_ text: String) throws(GitError) { try self.init(Array(text.utf8)) }

    /// The ref of a branch named in settings or by a person: `refs/heads/<name>`.
    ///
    /// Stricter than Git (CASES.md F039): UTF-8 of at most 200 bytes, no leading `-`, no code point that is
    /// invisible or turns the direction of text. Throws `invalidName`.
    package init(branch name: String) throws(GitError) { try self.init(person: name, under: "refs/heads/") }

    /// The ref of a tag named in settings or by a person: `refs/tags/<name>`, under the rules of `init(branch:)`.
    package init(tag name: String) throws(GitError) { try self.init(person: name, under: "refs/tags/") }

    private init(person name: String, under prefix: String) throws(GitError) {
        guard (1...200).contains(name.utf8.count) else {
            throw GitError(.invalidName, "a branch or tag has 1 to 200 bytes")
        }
        guard name.utf8.first != 0x2D, name != "HEAD", name != "@" else {
            throw GitError(.invalidName, "a reserved name of a branch or tag")
        }
        for scalar in name.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate:
                throw GitError(.invalidName, "a branch or tag with an invisible character")
            default: continue
            }
        }
        try self.init(prefix + name)
    }

    /// The bytes as text, for people only: bytes that are not UTF-8 become U+FFFD.
    package var description: String { String(decoding: bytes, as: UTF8.self) }

    /// The branch's name where this is `refs/heads/<name>`, else nil.
    package var branchBytes: [UInt8]? {
        let prefix = Array("refs/heads/".utf8)
        return bytes.starts(with: prefix) ? Array(bytes.dropFirst(prefix.count)) : nil
    }

    /// The order of the bytes.
    package static func < (left: ReferenceName, right: ReferenceName) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }

    /// The rules of git-check-ref-format(1) for a full name.
    private static func isWellFormed(_ bytes: [UInt8]) -> Bool {
        let lock = Array(".lock".utf8)
        let forbidden = Set(" ~^:?*[\\".utf8)
        let parts = bytes.split(separator: 0x2F, omittingEmptySubsequences: false)
        guard parts.count >= 2, bytes.last != 0x2E else { return false }
        for part in parts {
            guard let first = part.first, first != 0x2E, !part.reversed().starts(with: lock.reversed()) else {
                return false
            }
        }
        var previous: UInt8 = 0
        for byte in bytes {
            guard byte > 0x1F, byte != 0x7F, !forbidden.contains(byte) else { return false }
            if previous == 0x2E, byte == 0x2E { return false }
            if previous == 0x40, byte == 0x7B { return false }
            previous = byte
        }
        return true
    }
}
