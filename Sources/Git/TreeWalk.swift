/// An entry of a commit's directory, met on a walk.
package struct TreeWalkEntry: Equatable, Sendable {
    /// The path below the walk's start, components joined by `/`.
    package let path: [UInt8]
    /// What it is.
    package let mode: TreeObject.Mode
    /// Its object.
    package let id: ObjectID
    /// The bytes of its blob; nil for directories and submodules.
    package let byteCount: Int?
}

extension Repository {
    /// All entries below a tree: each directory before what is in it, in Git's order. Submodules are listed and
    /// not entered; links are not followed.
    ///
    /// Throws `limitExceeded` above `entryLimit` entries, `GitLimits.treeDepth` directories or
    /// `GitLimits.pathByteCount` bytes of a path, and whatever `tree(_:)` throws for any directory on the way.
    package func walk(
        tree root: ObjectID, entryLimit: Int = GitLimits.treeEntries
    ) throws(GitError) -> [TreeWalkEntry] {
        var found: [TreeWalkEntry] = []
        try walk(tree: root, entryLimit: entryLimit) { entry throws(GitError) in found.append(entry) }
        return found
    }

    /// As `walk(tree:entryLimit:)`, handing each entry to `visit`, which may call the repository.
    package func walk(
        tree root: ObjectID, entryLimit: Int = GitLimits.treeEntries,
        _ visit: (TreeWalkEntry) throws(GitError) -> Void
    ) throws(GitError) {
        var levels: [(prefix: [UInt8], entries: ArraySlice<TreeObject.Entry>)] = [
            ([], try tree(root).entries[...])
        ]
        var count = 0
        while var level = levels.popLast() {
            guard let entry = level.entries.popFirst() else { continue }
            levels.append(level)
            count += 1
            guard count <= entryLimit else {
                throw GitError(.limitExceeded, "a tree of more than \(entryLimit) entries")
            }
            let path = level.prefix + entry.name
            guard path.count <= GitLimits.pathByteCount else {
                throw GitError(.limitExceeded, "a path of more than \(GitLimits.pathByteCount) bytes")
            }
            switch entry.mode {
            case .directory:
                try visit(TreeWalkEntry(path: path, mode: entry.mode, id: entry.id, byteCount: nil))
                guard levels.count <= GitLimits.treeDepth else {
                    throw GitError(
                        .limitExceeded, "more than \(GitLimits.treeDepth) directories above an entry")
                }
                levels.append((path + [0x2F], try tree(entry.id).entries[...]))
            case .submodule:
                try visit(TreeWalkEntry(path: path, mode: entry.mode, id: entry.id, byteCount: nil))
            case .file, .executable, .symbolicLink:
                let header = try header(of: entry.id)
                guard header.type == .blob else {
                    throw GitError(.wrongObjectType, "a file's object \(entry.id) is no blob")
                }
                try visit(
                    TreeWalkEntry(path: path, mode: entry.mode, id: entry.id, byteCount: header.byteCount))
            }
        }
    }

    /// The entry at `path` (components joined by `/`) below a tree; nil where there is none. Each directory on
    /// the way is parsed strictly; a link on the way is not followed and gives nil.
    package func entry(at path: [UInt8], in root: ObjectID) throws(GitError) -> TreeObject.Entry? {
        let names = path.split(separator: 0x2F, omittingEmptySubsequences: false)
        guard names.allSatisfy({ TreeObject.isSafe(name: Array($0)) }) else {
            throw GitError(.invalidName, "not a path in a tree")
        }
        var found: TreeObject.Entry?
        var directory = root
        for (index, name) in names.enumerated() {
            guard let entry = try tree(directory).entry(named: name) else { return nil }
            found = entry
            guard index < names.count - 1 else { break }
            guard entry.mode == .directory else { return nil }
            directory = entry.id
        }
        return found
    }
}
