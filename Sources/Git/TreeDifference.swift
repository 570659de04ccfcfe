/// A file that two directories hold differently.
package struct FileChange: Equatable, Sendable {
    /// The path from the root, components joined by `/`.
    package let path: [UInt8]
    /// Its blob before; nil where it was not there.
    package let old: ObjectID?
    /// Its blob after; nil where it is there no more.
    package let new: ObjectID?
}

/// Compares directories of commits and enters only what differs, so that a walk over history costs what changed.
///
/// Directories are read as leniently as Git reads them. Links and submodules count as nothing: only files hold content.
package struct TreeDifference {
    private let repository: Repository
    /// Directories that were read a moment ago: those of one commit are met again with the next.
    private var recent: [ObjectID: [UInt8]] = [:]
    private var recentByteCount = 0

    private static let recentByteLimit = 32 << 20

    /// A comparison within `repository`.
    package init(in repository: Repository) { self.repository = repository }

    /// The files that differ between the directories `old` and `new`; nil is an empty directory.
    ///
    /// Throws `objectMissing`, `damaged`, `malformedTree`, and `limitExceeded` for more than `GitLimits.treeDepth`
    /// directories above an entry.
    package mutating func changes(from old: ObjectID?, to new: ObjectID?) throws(GitError) -> [FileChange] {
        var found: [FileChange] = []
        var waiting: [(prefix: [UInt8], depth: Int, old: ObjectID?, new: ObjectID?)] = [([], 0, old, new)]
        while let pair = waiting.popLast() {
            guard pair.old != pair.new else { continue }
            guard pair.depth <= GitLimits.treeDepth else {
                throw GitError(
                    .limitExceeded, "more than \(GitLimits.treeDepth) directories above an entry")
            }
            var before = try cursor(pair.old)
            var after = try cursor(pair.new)
            while true {
                // Entries stand in one order on both sides: the lesser one has no counterpart.
                let order = before.order(against: after)
                let (left, right) = (order <= 0 ? before.entry : nil, order >= 0 ? after.entry : nil)
                guard let entry = left ?? right else { break }
                if left?.id != right?.id || left?.kind != right?.kind {
                    let path = pair.prefix + entry.name
                    if entry.kind == .directory {
                        waiting.append((path + [0x2F], pair.depth + 1, left?.id, right?.id))
                    } else {
                        let (old, new) = (left?.fileID, right?.fileID)
                        if old != new { found.append(FileChange(path: path, old: old, new: new)) }
                    }
                }
                if left != nil { try before.advance() }
                if right != nil { try after.advance() }
            }
        }
        return found
    }

    private mutating func cursor(_ id: ObjectID?) throws(GitError) -> TreeCursor {
        guard let id else { return try TreeCursor([]) }
        if let known = recent[id] { return try TreeCursor(known) }
        let raw = try repository.object(id, limit: GitLimits.metadataByteCount)
        guard raw.type == .tree else {
            throw GitError(.wrongObjectType, "object \(id) is no directory")
        }
        if recentByteCount > TreeDifference.recentByteLimit { (recent, recentByteCount) = ([:], 0) }
        recent[id] = raw.bytes
        recentByteCount += raw.bytes.count
        return try TreeCursor(raw.bytes)
    }
}

/// Reads the entries of a raw directory one after the other.
private struct TreeCursor {
    enum Kind {
        case file, directory, other
    }

    struct Entry {
        let kind: Kind
        let name: ArraySlice<UInt8>
        let id: ObjectID

        var fileID: ObjectID? { kind == .file ? id : nil }
    }

    private let raw: [UInt8]
    private var position = 0
    /// The entry that the cursor is at; nil behind the last one.
    private(set) var entry: Entry?

    /// A cursor at the first entry. Throws `malformedTree`.
    init(_ raw: [UInt8]) throws(GitError) {
        self.raw = raw
        try advance()
    }

    /// Goes on to the next entry. Throws `malformedTree`.
    mutating func advance() throws(GitError) {
        guard position < raw.count else { return entry = nil }
        var mode: UInt32 = 0
        while position < raw.count, raw[position] != 0x20 {
            guard (0x30...0x37).contains(raw[position]), mode < 1 << 24 else {
                throw GitError(.malformedTree, "a broken mode")
            }
            mode = mode << 3 | UInt32(raw[position] - 0x30)
            position += 1
        }
        let start = position + 1
        guard start < raw.count, let end = raw[start...].firstIndex(of: 0),
            raw.count - end > ObjectID.byteCount,
            let id = ObjectID(raw[(end + 1)...(end + ObjectID.byteCount)])
        else { throw GitError(.malformedTree, "an entry that ends early") }
        position = end + 1 + ObjectID.byteCount
        // The file type is in the upper bits, as in stat(2).
        let kind: Kind =
            switch mode & 0o170000 {
            case 0o040000: .directory
            case 0o100000: .file
            default: .other
            }
        entry = Entry(kind: kind, name: raw[start..<end], id: id)
    }

    /// Below 0 where this entry comes first, above 0 where that of `other` does, 0 where both have one name: a
    /// directory's counts with a slash behind it, and the end comes after all.
    func order(against other: TreeCursor) -> Int {
        guard let left = entry else { return other.entry == nil ? 0 : 1 }
        guard let right = other.entry else { return -1 }
        var (first, second) = (left.name, right.name)
        while let one = first.popFirst() {
            guard let two = second.popFirst() else {
                return compare(one, right.kind == .directory ? 0x2F : 0)
            }
            if one != two { return one < two ? -1 : 1 }
        }
        let tail: UInt8 = left.kind == .directory ? 0x2F : 0
        return compare(tail, second.first ?? (right.kind == .directory ? 0x2F : 0))
    }

    private func compare(_ left: UInt8, _ right: UInt8) -> Int {
        left == right ? 0 : (left < right ? -1 : 1)
    }
}
