package import Files
internal import Synchronization

/// A repository's refs and objects, read without its work tree and without its configuration.
///
/// Calls block and follow one another: one handle is behind a lock. Objects are compared with their names as
/// they are read.
package final class Repository: Sendable {
    /// The directory with HEAD and objects.
    package let path: Path
    /// The configuration that libgit2 sees: a file of ours, or nothing.
    let configuration: Path?
    private let handle: Mutex<RepositoryHandle>

    /// Opens the repository at `path`: a bare one, a work tree's root or its `.git`.
    ///
    /// Throws `repositoryMissing`, or `unsupportedRepository` for SHA-256, partial and, but for `allowingShallow`,
    /// shallow repositories: of those `graph(from:)` alone reads the commits.
    package convenience init(at path: Path, allowingShallow: Bool = false) throws(GitError) {
        let place = try RepositoryPlace(at: path)
        try place.checkFormat(allowingShallow: allowingShallow)
        try self.init(directory: place.directory, configuration: nil)
    }

    init(directory: Path, configuration: Path?) throws(GitError) {
        path = directory
        self.configuration = configuration
        handle = Mutex(try RepositoryHandle(directory: directory, configuration: configuration))
    }

    /// Runs `body` with the handle, alone. `body` must not call this repository.
    func withHandle<Result>(
        _ body: (borrowing RepositoryHandle) throws(GitError) -> Result
    ) throws(GitError) -> Result {
        try handle.withLock { (handle) throws(GitError) -> Result in try body(handle) }
    }

    /// Every ref and HEAD, as they are now.
    package func references() throws(GitError) -> References {
        try withHandle { handle throws(GitError) in try handle.references() }
    }

    /// As `references()`; refs that are also directories of others, as only a broken repository has them, are left out.
    func soundReferences() throws(GitError) -> (references: References, leftOut: [References.Entry]) {
        try withHandle { handle throws(GitError) in try handle.soundReferences() }
    }

    /// Whether the object is there.
    package func contains(_ id: ObjectID) throws(GitError) -> Bool {
        try withHandle { handle throws(GitError) in handle.contains(id) }
    }

    /// Type and size of an object. Throws `objectMissing`, `damaged`.
    package func header(of id: ObjectID) throws(GitError) -> (type: ObjectType, byteCount: Int) {
        try withHandle { handle throws(GitError) in try handle.header(of: id) }
    }

    /// The raw bytes of an object of any type, at most `limit`.
    ///
    /// Throws `objectMissing`, `damaged`, `limitExceeded` (before anything is read).
    package func object(_ id: ObjectID, limit: Int = GitLimits.blobByteCount) throws(GitError) -> RawObject {
        try withHandle { handle throws(GitError) in try handle.read(id, expecting: nil, limit: limit) }
    }

    /// A commit, parsed strictly. Throws as `object(_:limit:)` and `CommitObject.init(raw:)`, and
    /// `wrongObjectType`.
    package func commit(_ id: ObjectID) throws(GitError) -> CommitObject {
        try CommitObject(raw: bytes(of: id, .commit, GitLimits.metadataByteCount))
    }

    /// A directory, parsed strictly. Throws as `object(_:limit:)` and `TreeObject.init(raw:)`, and
    /// `wrongObjectType`.
    package func tree(_ id: ObjectID) throws(GitError) -> TreeObject {
        try TreeObject(raw: bytes(of: id, .tree, GitLimits.metadataByteCount))
    }

    /// An annotated tag, parsed strictly. Throws as `object(_:limit:)` and `TagObject.init(raw:)`, and
    /// `wrongObjectType`.
    package func tag(_ id: ObjectID) throws(GitError) -> TagObject {
        try TagObject(raw: bytes(of: id, .tag, GitLimits.metadataByteCount))
    }

    /// The content of a file, at most `limit` bytes. Throws as `object(_:limit:)`, and `wrongObjectType`.
    package func blob(_ id: ObjectID, limit: Int = GitLimits.blobByteCount) throws(GitError) -> [UInt8] {
        try bytes(of: id, .blob, limit)
    }

    /// Lends the content of a file, at most `limit` bytes, without a copy of it. `body` must not call this
    /// repository. libgit2 streams only loose objects, and without comparing the hash: a blob is read whole.
    package func withBlob<Result>(
        _ id: ObjectID, limit: Int = GitLimits.blobByteCount, _ body: (RawSpan) throws(GitError) -> Result
    ) throws(GitError) -> Result {
        try withHandle { handle throws(GitError) in
            try handle.withObject(id, expecting: .blob, limit: limit) { (_, bytes) throws(GitError) in
                try body(bytes)
            }
        }
    }

    /// The commit that an object comes to: itself, or what its chain of tags names. Throws `wrongObjectType`
    /// where that is no commit, `limitExceeded` for a chain of more than 16.
    package func peel(_ id: ObjectID) throws(GitError) -> ObjectID {
        var id = id
        for _ in 0...16 {
            switch try header(of: id).type {
            case .commit: return id
            case .tag: id = try tag(id).target
            case .tree, .blob: throw GitError(.wrongObjectType, "object \(id) leads to no commit")
            }
        }
        throw GitError(.limitExceeded, "a chain of more than 16 tags")
    }

    private func bytes(of id: ObjectID, _ type: ObjectType, _ limit: Int) throws(GitError) -> [UInt8] {
        try withHandle { handle throws(GitError) in try handle.read(id, expecting: type, limit: limit).bytes }
    }
}
