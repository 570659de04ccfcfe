internal import Files
internal import Git

/// Reads one verified commit's tree out of the mirror.
struct BlobReader: Sendable {
    /// Where the commit comes from.
    let source: Source
    private let commit: ObjectID
    private let root: ObjectID
    private let repository: Repository

    init(_ verified: VerifiedCommit) {
        source = verified.pulled.source
        commit = verified.pulled.id
        root = verified.commit.tree
        repository = verified.pulled.mirror.repository
    }

    /// A path below the delivered directory, as the repository has it.
    func fullPath(_ path: [UInt8]) -> [UInt8] {
        source.path.isEmpty ? path : source.path + [0x2F] + path
    }

    /// A path below the delivered directory, for messages.
    func place(_ path: [UInt8]) -> String {
        "commit \(commit): \(path.isEmpty ? Path(source.path) : Path(fullPath(path)))"
    }

    /// A file of Strongroom's own, by its path in the repository. Throws `configurationMissing`.
    func configuration(at path: [UInt8], limit: Int) throws(DeliveryError) -> [UInt8] {
        do throws(GitError) {
            let found = try repository.entry(at: path, in: root)
            guard let found, found.mode == .file || found.mode == .executable else {
                let error = DeliveryError(
                    .configurationMissing, "commit \(commit): no file \(Path(path))")
                throw GitError(.stoppedByCaller, error.context, underlying: error)
            }
            return try repository.blob(found.id, limit: limit)
        } catch {
            throw DeliveryError(git: error, source)
        }
    }

    /// Everything below the delivered directory; nothing where there is no such directory. Throws `linkInTree`
    /// where a link or a submodule stands on the way to it.
    func entries(limit: Int) throws(DeliveryError) -> [TreeWalkEntry] {
        do throws(GitError) {
            return try repository.walk(tree: try directory(), entryLimit: limit)
        } catch {
            let failure = DeliveryError(git: error, source)
            // A directory that is gone is one with nothing in it: Git keeps no other.
            guard failure.code == .emptyTree else { throw failure }
            return []
        }
    }

    private func directory() throws(GitError) -> ObjectID {
        var found = root
        guard !source.path.isEmpty else { return found }
        for name in source.path.split(separator: 0x2F) {
            let entry = try repository.tree(found).entry(named: name)
            guard let entry, entry.mode == .directory else {
                let isLink = entry?.mode == .symbolicLink || entry?.mode == .submodule
                let error = DeliveryError(
                    isLink ? .linkInTree : .emptyTree, "\(place([])): no directory of this commit")
                throw GitError(.stoppedByCaller, error.context, underlying: error)
            }
            found = entry.id
        }
        return found
    }

    /// Lends a file's bytes. `body` must not call this reader.
    func withBlob(
        _ id: ObjectID, _ body: (RawSpan) throws(DeliveryError) -> Void
    ) throws(DeliveryError) {
        do throws(GitError) {
            try repository.withBlob(id) { (bytes) throws(GitError) in
                do throws(DeliveryError) {
                    try body(bytes)
                } catch {
                    throw GitError(.stoppedByCaller, error.context, underlying: error)
                }
            }
        } catch {
            throw DeliveryError(git: error, source)
        }
    }
}
