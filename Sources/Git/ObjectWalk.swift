/// What an object names, read as leniently as Git itself does: old history must be copied as it is, and whoever
/// trusts an object parses it with the strict types.
struct ObjectLinks {
    /// One object that another names.
    struct Link {
        /// The object.
        let id: ObjectID
        /// What it is said to be.
        let type: ObjectType
        /// Its name in a directory; empty otherwise.
        let name: [UInt8]
    }

    /// The objects, a commit's tree before its parents; submodules are left out.
    let links: [Link]

    /// Reads the links of an object's bytes. Throws `malformedCommit`, `malformedTree` or `malformedTag` where
    /// not even Git could.
    init(_ type: ObjectType, _ raw: [UInt8]) throws(GitError) {
        switch type {
        case .blob: links = []
        case .commit: links = try ObjectLinks.commit(raw)
        case .tree: links = try ObjectLinks.tree(raw)
        case .tag: links = [try ObjectLinks.tag(raw)]
        }
    }

    private static func commit(_ raw: [UInt8]) throws(GitError) -> [Link] {
        var links: [Link] = []
        var rest = raw[...]
        for (key, type) in [("tree ", ObjectType.tree), ("parent ", .commit)] {
            while rest.starts(with: key.utf8) {
                let line = rest.dropFirst(key.utf8.count).prefix { $0 != 0x0A }
                guard let id = try? ObjectID(hex: line) else {
                    throw GitError(.malformedCommit, "a broken link")
                }
                links.append(Link(id: id, type: type, name: []))
                rest = rest[min(line.endIndex + 1, rest.endIndex)...]
                if type == .tree { break }
            }
        }
        guard links.first?.type == .tree else { throw GitError(.malformedCommit, "a commit without a tree") }
        return links
    }

    private static func tree(_ raw: [UInt8]) throws(GitError) -> [Link] {
        var links: [Link] = []
        var position = 0
        while position < raw.count {
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
            switch mode & 0o170000 {
            case 0o160000: continue
            case 0o040000: links.append(Link(id: id, type: .tree, name: Array(raw[start..<end])))
            default: links.append(Link(id: id, type: .blob, name: Array(raw[start..<end])))
            }
        }
        return links
    }

    private static func tag(_ raw: [UInt8]) throws(GitError) -> Link {
        let lines = raw.split(separator: 0x0A, maxSplits: 2, omittingEmptySubsequences: false)
        guard lines.count == 3, lines[0].starts(with: "object ".utf8), lines[1].starts(with: "type ".utf8),
            let id = try? ObjectID(hex: lines[0].dropFirst("object ".utf8.count)),
            let type = ObjectType(
                rawValue: String(decoding: lines[1].dropFirst("type ".utf8.count), as: UTF8.self))
        else { throw GitError(.malformedTag, "a tag of no object") }
        return Link(id: id, type: type, name: [])
    }
}

extension RepositoryHandle {
    /// Hands every object that is reachable from `roots` to `visit` once, commits and trees before what they name.
    /// Objects for which `isKnown` holds are passed over with all that only they reach. Nothing recurses: a tree of
    /// a million levels costs time and no stack.
    ///
    /// Throws `objectMissing`, `damaged`, `wrongObjectType` where an object is not what its name was said to be,
    /// and `limitExceeded` for a commit, tree or tag above `GitLimits.metadataByteCount`.
    borrowing func walkObjects(
        from roots: [ObjectID], isKnown: (ObjectID) -> Bool,
        _ visit: (ObjectLinks.Link) throws(GitError) -> Void
    ) throws(GitError) {
        var seen: Set<ObjectID> = []
        var waiting: [ObjectLinks.Link] = []
        for root in roots.reversed() where !isKnown(root) {
            waiting.append(ObjectLinks.Link(id: root, type: try header(of: root).type, name: []))
        }
        while let link = waiting.popLast() {
            guard !seen.contains(link.id), !isKnown(link.id) else { continue }
            seen.insert(link.id)
            if link.type == .blob {
                guard try header(of: link.id).type == .blob else {
                    throw GitError(.wrongObjectType, "a file's object \(link.id) is no blob")
                }
                try visit(link)
                continue
            }
            let raw = try read(link.id, expecting: link.type, limit: GitLimits.metadataByteCount)
            try visit(link)
            for next in try ObjectLinks(link.type, raw.bytes).links.reversed() where !seen.contains(next.id) {
                waiting.append(next)
            }
        }
    }
}
