internal import CGit2
package import Files
internal import Glibc

/// A file that the index of a work tree names.
package struct IndexEntry: Equatable, Sendable {
    /// The path from the root of the work tree, components joined by `/`.
    package let path: [UInt8]
    /// The staged blob.
    package let id: ObjectID

    /// Names a file and its blob.
    package init(path: [UInt8], id: ObjectID) {
        self.path = path
        self.id = id
    }
}

extension WorkTree {
    /// The files of the index in `file`, or of the work tree's own, in Git's order; of a path in conflict every stage.
    /// Links and submodules are left out. Without `git`: by git_index_open.
    ///
    /// Throws `library` for what libgit2 can't read: a split or sparse index. An absent index is an empty one.
    package func indexEntries(file: Path? = nil) throws(GitError) -> [IndexEntry] {
        try Git.start()
        let name = try (file ?? gitDirectory.appending("index")).characters()
        var index: OpaquePointer?
        try GitError.check("git_index_open", unsafe git_index_open(&index, name), "read the index")
        defer { unsafe git_index_free(index) }
        let count = unsafe git_index_entrycount(index)
        guard count <= GitLimits.treeEntries else {
            throw GitError(.limitExceeded, "an index of more than \(GitLimits.treeEntries) entries")
        }
        var entries: [IndexEntry] = []
        entries.reserveCapacity(count)
        for position in 0..<count {
            guard let entry = unsafe git_index_get_byindex(index, position)?.pointee,
                let path = unsafe entry.path
            else { continue }
            let mode = unsafe entry.mode
            guard mode & 0o170000 == 0o100000 else { continue }
            let bytes = unsafe Array(UnsafeRawBufferPointer(start: path, count: strlen(path)))
            entries.append(IndexEntry(path: bytes, id: unsafe ObjectID(entry.id)))
        }
        return entries
    }
}

extension ObjectID {
    /// The name that Git gives to a file of these bytes (git_odb_hash).
    package init(blob bytes: [UInt8]) throws(GitError) {
        try Git.start()
        var id = git_oid()
        let code = unsafe bytes.withUnsafeBytes { buffer in
            unsafe git_odb_hash(&id, buffer.baseAddress, buffer.count, GIT_OBJECT_BLOB)
        }
        try GitError.check("git_odb_hash", code, "hash a file")
        self.init(id)
    }
}
