internal import Files

/// Copies what a repository lacks out of one in a directory of this machine: objects first, then all refs at once.
struct LocalFetch {
    private let place: RepositoryPlace
    private let scope: ReferenceScope
    private let limits: FetchLimits

    /// A copy out of the repository at `directory`. Throws `repositoryMissing`, `unsupportedRepository`.
    init(_ directory: Path, scope: ReferenceScope, limits: FetchLimits) throws(GitError) {
        place = try RepositoryPlace(at: directory)
        try place.checkFormat()
        self.scope = scope
        self.limits = limits
    }

    /// The refs that a copy into a repository with `held` would leave there.
    func merged(into held: References) throws(GitError) -> References {
        try scope.merged(RepositoryHandle(directory: place.directory).references(), into: held)
    }

    /// Fills `repository` and returns its refs, those outside the scope as they were. `isRenamed` as in
    /// `PackReceiver.finish`.
    func fill(_ repository: Repository, isRenamed: Bool) throws(GitError) -> References {
        let source = try RepositoryHandle(
            directory: place.directory, configuration: repository.configuration)
        let offered = try source.references()
        guard offered.entries.count <= limits.referenceCount else {
            throw GitError(.limitExceeded, "more than \(limits.referenceCount) refs")
        }
        let held = try repository.references()
        let references = try scope.merged(offered, into: held)
        var roots = references.entries.map(\.target)
        if case .detached(let id) = references.head { roots.append(id) }
        var receiver = try PackReceiver(into: repository.path)
        let builder = try PackBuilder(source)
        let limits = limits
        // A mirror never holds an object without all that belongs to it: packs come in whole or not at all.
        try source.walkObjects(from: roots, isKnown: { id in receiver.had(id) }) { link throws(GitError) in
            if link.type == .blob { try limits.check(blob: link.id, in: source) }
            guard builder.count < limits.objectCount else {
                throw GitError(.limitExceeded, "more than \(limits.objectCount) new objects")
            }
            try builder.insert(link)
        }
        if builder.count > 0 {
            do throws(GitError) {
                var received = 0
                try builder.write { bytes in
                    received += bytes.byteCount
                    guard received <= limits.byteCount else {
                        throw GitError(.limitExceeded, "more than \(limits.byteCount) new bytes")
                    }
                    try receiver.append(bytes)
                }
            } catch {
                throw error.underlying as? GitError ?? error
            }
            try receiver.finish(roots: roots, isChecking: false, isRenamed: isRenamed)
        }
        if held != references { try repository.setReferences(references) }
        return references
    }
}

extension FetchLimits {
    /// Throws `limitExceeded` for a file of more bytes than one object may have.
    func check(blob id: ObjectID, in handle: borrowing RepositoryHandle) throws(GitError) {
        let byteCount = try handle.header(of: id).byteCount
        guard byteCount <= objectByteCount else {
            throw GitError(
                .limitExceeded, "object \(id) has \(byteCount) bytes, more than \(objectByteCount)")
        }
    }
}
