internal import CGit2
package import Files

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
    /// Links and submodules are left out. An absent index is an empty one.
    ///
    /// Throws `library` for what `IndexFile` doesn't read, `limitExceeded`, `ioFailed`.
    package func indexEntries(file: Path? = nil) throws(GitError) -> [IndexEntry] {
        let file = file ?? gitDirectory.appending("index")
        let bytes = try GitError.onFiles("read the index") { () throws(FileError) -> [UInt8]? in
            let directory = try Directory(file.parent)
            guard try directory.metadataIfPresent(of: file.name) != nil else { return nil }
            return try directory.read(file.name, limit: IndexFile.byteLimit)
        }
        return try bytes.map { (bytes) throws(GitError) in try IndexFile.entries(bytes) } ?? []
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
