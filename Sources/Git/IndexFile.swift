import Files

/// The index of a work tree (gitformat-index(5)): versions 2, 3 and 4, of repositories with SHA-1 names.
///
/// Read here and not by libgit2, which takes longer to load than reading takes: a diff asks for the index once a
/// version of a file. Structure is checked to the last byte; the hash at the end, which Git may leave out, is not.
enum IndexFile {
    /// Bytes of the largest file that is read: that of a million long paths.
    static let byteLimit = 256 << 20
    private static let headerByteCount = 12
    /// Times, device, inode, mode, owner and size.
    private static let statusByteCount = 40
    private static let modeOffset = 24
    private static let hashByteCount = 20

    /// The files that `bytes` names, in their order; of a path in conflict every stage. Links, submodules and
    /// directories are left out.
    ///
    /// Throws `library` for what is not read: an index that is split or sparse, of another version, or not well-formed;
    /// `limitExceeded` above `GitLimits.treeEntries`.
    static func entries(_ bytes: [UInt8]) throws(GitError) -> [IndexEntry] {
        guard bytes.count >= headerByteCount + hashByteCount, bytes.starts(with: Array("DIRC".utf8)) else {
            throw malformed
        }
        let version = word(bytes, 4)
        guard (2...4).contains(version) else { throw GitError(.library, "an index of version \(version)") }
        let count = word(bytes, 8)
        guard count <= GitLimits.treeEntries else {
            throw GitError(.limitExceeded, "an index of more than \(GitLimits.treeEntries) entries")
        }
        let end = bytes.count - hashByteCount
        var position = headerByteCount
        var path: [UInt8] = []
        var entries: [IndexEntry] = []
        // An entry takes more than its hash: a wrong count can't make this large.
        entries.reserveCapacity(min(count, bytes.count / hashByteCount))
        for _ in 0..<count {
            let start = position
            position += statusByteCount + hashByteCount + 2
            guard position <= end, let id = ObjectID(bytes[(start + statusByteCount)..<(position - 2)]) else {
                throw malformed
            }
            let flags = bytes[position - 2]
            if flags & 0x40 != 0 {
                guard version >= 3 else { throw malformed }
                position += 2
            }
            try read(&path, bytes, &position, end, version)
            if version < 4 {
                // One to eight NULs up to a multiple of eight; the first was read.
                position = start + (position - 1 - start) / 8 * 8 + 8
            }
            guard position <= end, !path.isEmpty else { throw malformed }
            if word(bytes, start + modeOffset) & 0o170000 == 0o100000 {
                entries.append(IndexEntry(path: path, id: id))
            }
        }
        try checkExtensions(bytes, from: position, to: end)
        return entries
    }

    /// Reads a path with its NUL; in version 4 it says how much of the one before is kept.
    private static func read(
        _ path: inout [UInt8], _ bytes: [UInt8], _ position: inout Int, _ end: Int, _ version: Int
    ) throws(GitError) {
        if version == 4 {
            let dropped = try variableWidth(bytes, &position, end)
            guard dropped <= path.count else { throw malformed }
            path.removeLast(dropped)
        } else {
            path.removeAll(keepingCapacity: true)
        }
        guard position <= end, let nul = bytes[position..<end].firstIndex(of: 0) else { throw malformed }
        path += bytes[position..<nul]
        position = nul + 1
    }

    /// An integer as in pack files' offsets: seven bits a byte, each but the first adding one.
    private static func variableWidth(
        _ bytes: [UInt8], _ position: inout Int, _ end: Int
    ) throws(GitError) -> Int {
        var value = -1
        while position < end, value < 1 << 24 {
            let byte = bytes[position]
            position += 1
            value = (value + 1) << 7 | Int(byte & 0x7F)
            if byte & 0x80 == 0 { return value }
        }
        throw malformed
    }

    /// Extensions up to the hash. Those in lower case change what the entries mean.
    private static func checkExtensions(
        _ bytes: [UInt8], from start: Int, to end: Int
    ) throws(GitError) {
        var position = start
        while position < end {
            guard end - position >= 8, word(bytes, position + 4) <= end - position - 8 else {
                throw malformed
            }
            guard (0x41...0x5A).contains(bytes[position]) else {
                throw GitError(.library, "a split or sparse index")
            }
            position += 8 + word(bytes, position + 4)
        }
    }

    /// 32 bits, big-endian.
    private static func word(_ bytes: [UInt8], _ offset: Int) -> Int {
        bytes[offset..<(offset + 4)].reduce(0) { $0 << 8 | Int($1) }
    }

    private static let malformed = GitError(.library, "a malformed index")
}
