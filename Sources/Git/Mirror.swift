package import Files

/// A bare copy of all refs of a repository elsewhere (`+refs/*:refs/*`, pruned), and those refs as they were when
/// it was last fetched or opened.
///
/// On disk, at the path given: `HEAD`, `packed-refs`, `objects/pack/`, `config` (ours), `strongroom-mirror` (the
/// mark without which nothing at the path is ever replaced); beside it `.<name>.lock`. Objects of refs that
/// vanished stay. What a killed fetch leaves, the next one clears.
package struct Mirror: Sendable {
    /// The copy.
    package let repository: Repository
    /// Its refs and HEAD at the time.
    package let references: References

    /// Opens the mirror at `path` without its source. Throws `repositoryMissing`, `damaged`.
    package init(at path: Path) throws(GitError) {
        try self.init(MirrorDirectory(at: path))
    }

    private init(_ directory: MirrorDirectory) throws(GitError) {
        guard try directory.state() == .mirror else {
            throw GitError(.repositoryMissing, "no mirror at \(directory.path)")
        }
        let repository = try directory.open()
        self.init(repository: repository, references: try repository.references())
    }

    private init(repository: Repository, references: References) {
        self.repository = repository
        self.references = references
    }

    /// Fetches all refs of `source` into the mirror at `path`, whose parent must be there, and makes it where it is
    /// missing. A mirror that is found damaged is made anew and takes the old one's place when it is complete; with
    /// `rebuilding` this is done whatever is found (for whoever meets `damaged` later).
    ///
    /// Throws `locked` while another process fetches, `repositoryExists` where `path` holds something that is no
    /// mirror, and for the source `repositoryMissing`, `unsupportedRepository`, `damaged`, `objectMissing`,
    /// `limitExceeded`. The mirror then is as it was.
    package static func fetch(
        _ source: RemoteLocation, into path: Path, rebuilding: Bool = false
    ) throws(GitError) -> Mirror {
        let directory = MirrorDirectory(at: path)
        let lock = try directory.lock()
        defer { _ = lock }
        try directory.removeTemporaries()
        let place = try RepositoryPlace(at: source.path)
        try place.checkFormat()
        if try directory.state() == .absent { try directory.make() }
        if !rebuilding, let old = try directory.healed() {
            return try fill(old, from: place)
        }
        let fresh = MirrorDirectory(at: directory.temporaryPath)
        try fresh.make()
        do throws(GitError) {
            let filled = try fill(fresh.open(), from: place)
            try directory.replace(by: fresh)
            return Mirror(repository: try directory.open(), references: filled.references)
        } catch {
            fresh.remove()
            throw error
        }
    }

    /// Copies what `mirror` lacks of the source: objects first, then all refs at once.
    private static func fill(_ mirror: Repository, from place: RepositoryPlace) throws(GitError) -> Mirror {
        let source = try RepositoryHandle(directory: place.directory, configuration: mirror.configuration)
        let references = try source.references()
        let roots = references.entries.map(\.target) + (references.headTarget.map { [$0] } ?? [])
        var receiver = try PackReceiver(into: mirror.path)
        let builder = try PackBuilder(source)
        // A mirror never holds an object without all that belongs to it: packs come in whole or not at all.
        try source.walkObjects(from: roots, isKnown: { id in receiver.had(id) }) { link throws(GitError) in
            try builder.insert(link)
        }
        if builder.count > 0 {
            do throws(GitError) {
                try builder.write { bytes in try receiver.append(bytes) }
            } catch {
                throw error.underlying as? GitError ?? error
            }
            try receiver.finish(roots: roots, isChecking: false, isRenamed: true)
        }
        if try mirror.references() != references { try mirror.setReferences(references) }
        return Mirror(repository: mirror, references: references)
    }
}
