/// A directory, parsed strictly from its raw bytes (CASES.md F040, M3).
package struct TreeObject: Sendable {
    /// What an entry is.
    package enum Mode: UInt32, Sendable, CaseIterable {
        /// A file (100644; old trees also have 100664, which reads as this).
        case file = 0o100644
        /// A file with the executable bit.
        case executable = 0o100755
        /// A symbolic link, whose blob is its target.
        case symbolicLink = 0o120000
        /// A directory.
        case directory = 0o040000
        /// A commit of another repository.
        case submodule = 0o160000

        /// The octal digits in a tree.
        var digits: String { String(rawValue, radix: 8) }

        fileprivate init?(digits: ArraySlice<UInt8>) {
            if digits.elementsEqual("100664".utf8) {
                self = .file
                return
            }
            guard let mode = Mode.allCases.first(where: { digits.elementsEqual($0.digits.utf8) }) else {
                return nil
            }
            self = mode
        }
    }

    /// One entry.
    package struct Entry: Equatable, Sendable {
        /// What it is.
        package let mode: Mode
        /// Its name: one component, as bytes.
        package let name: [UInt8]
        /// Its object.
        package let id: ObjectID
    }

    /// The entries in Git's order: by bytes, a directory as if its name ended with a slash.
    package let entries: [Entry]

    /// Parses the bytes of a tree object.
    ///
    /// Throws `hostileName` for a name that `isSafe(name:)` refuses, `invalidMode`, `duplicateEntry`,
    /// `entryOrder`, `limitExceeded` above `GitLimits.treeEntries`, or `malformedTree` for all else.
    package init(raw: [UInt8]) throws(GitError) {
        var entries: [Entry] = []
        var position = 0
        while position < raw.count {
            guard let space = raw[position...].prefix(7).firstIndex(of: 0x20) else {
                throw GitError(.malformedTree, "an entry without a mode")
            }
            guard let mode = Mode(digits: raw[position..<space]) else {
                throw GitError(.invalidMode, "an entry with a mode that Git does not write")
            }
            guard let end = raw[(space + 1)...].firstIndex(of: 0), raw.count - end > ObjectID.byteCount,
                let id = ObjectID(raw[(end + 1)...(end + ObjectID.byteCount)])
            else { throw GitError(.malformedTree, "an entry that ends early") }
            let name = Array(raw[(space + 1)..<end])
            guard TreeObject.isSafe(name: name) else {
                throw GitError(.hostileName, "an entry with a name that may not be written")
            }
            guard !id.isZero else { throw GitError(.malformedTree, "an entry without an object") }
            let entry = Entry(mode: mode, name: name, id: id)
            if let last = entries.last { try TreeObject.check(last, before: entry) }
            entries.append(entry)
            guard entries.count <= GitLimits.treeEntries else {
                throw GitError(.limitExceeded, "a tree of more than \(GitLimits.treeEntries) entries")
            }
            position = end + ObjectID.byteCount + 1
        }
        guard Set(entries.map(\.name)).count == entries.count else {
            throw GitError(.duplicateEntry, "two entries of one name")
        }
        self.entries = entries
    }

    /// The entry called `name`; nil where there is none.
    package func entry(named name: some Sequence<UInt8>) -> Entry? {
        entries.first { $0.name.elementsEqual(name) }
    }

    /// Whether a name may be one component of a path on any system: not empty, `.` or `..`; no slash,
    /// backslash or NUL; and nothing that some file system takes for `.git` (any case, `git~1`, trailing dots,
    /// spaces and streams as on NTFS, code points that HFS+ ignores).
    package static func isSafe(name: [UInt8]) -> Bool {
        guard (1...255).contains(name.count), !name.contains(where: { $0 == 0x2F || $0 == 0x5C || $0 == 0 })
        else {
            return false
        }
        guard !name.elementsEqual(".".utf8), !name.elementsEqual("..".utf8) else { return false }
        let lower = name.map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 }
        for reserved in [".git", "git~1"] where lower.starts(with: reserved.utf8) {
            // NTFS drops trailing dots and spaces and takes what follows a colon for a stream's name.
            let tail = lower.dropFirst(reserved.utf8.count).drop { $0 == 0x2E || $0 == 0x20 }
            if tail.isEmpty || tail.first == 0x3A { return false }
        }
        return !withoutIgnorable(lower).elementsEqual(".git".utf8)
    }

    /// `name` without the code points that HFS+ leaves out of comparisons.
    private static func withoutIgnorable(_ name: [UInt8]) -> [UInt8] {
        var kept: [UInt8] = []
        var index = 0
        while index < name.count {
            let next = name[index...].prefix(3)
            if next.count == 3, isIgnorable(Array(next)) {
                index += 3
            } else {
                kept.append(name[index])
                index += 1
            }
        }
        return kept
    }

    /// U+200C-F, U+202A-E, U+206A-F and U+FEFF in UTF-8.
    private static func isIgnorable(_ bytes: [UInt8]) -> Bool {
        switch (bytes[0], bytes[1], bytes[2]) {
        case (0xE2, 0x80, 0x8C...0x8F), (0xE2, 0x80, 0xAA...0xAE), (0xE2, 0x81, 0xAA...0xAF),
            (0xEF, 0xBB, 0xBF):
            true
        default: false
        }
    }

    private static func check(_ first: Entry, before second: Entry) throws(GitError) {
        guard first.name != second.name else { throw GitError(.duplicateEntry, "two entries of one name") }
        guard sortKey(first).lexicographicallyPrecedes(sortKey(second)) else {
            throw GitError(.entryOrder, "entries out of order")
        }
    }

    private static func sortKey(_ entry: Entry) -> [UInt8] {
        entry.mode == .directory ? entry.name + [0x2F] : entry.name
    }
}
