internal import CGit2
internal import Encodings
internal import Files

/// A pack on its way into a bare repository of ours: indexed in a quarantine, checked there, then moved in. A pack
/// that was cut off, or lacks objects, never becomes part of the repository.
///
/// On disk: `objects/incoming/pack/` while it lasts; then `objects/pack/pack-<hash>.{pack,idx}`. One at a time.
@safe struct PackReceiver: ~Copyable {
    private let directory: Path
    /// The repository as it was before; also gives the bases that a thin pack leaves out.
    private let before: RepositoryHandle
    private let indexer: OpaquePointer
    private var progress = git_indexer_progress()

    /// Begins to receive into the bare repository at `directory`, clearing what a killed receiver left.
    init(into directory: Path) throws(GitError) {
        let context = "receive a pack into \(directory)"
        let handle = try RepositoryHandle(directory: directory)
        try GitError.onFiles(context) { () throws(FileError) in
            let objects = try Directory(directory.appending("objects"))
            try objects.removeTree("incoming")
            _ = try objects.makeDirectories("incoming/pack")
        }
        let place = try directory.appending("objects/incoming/pack").characters()
        var indexer: OpaquePointer?
        var options = unsafe git_indexer_options()
        try GitError.check(
            "git_indexer_options_init",
            unsafe git_indexer_options_init(&options, UInt32(GIT_INDEXER_OPTIONS_VERSION)), context)
        try GitError.check(
            "git_indexer_new", unsafe git_indexer_new(&indexer, place, 0o400, handle.objects, &options),
            context)
        guard let indexer = unsafe indexer else { throw GitError(.library, "git_indexer_new") }
        unsafe self.indexer = indexer
        before = handle
        self.directory = directory
    }

    deinit {
        unsafe git_indexer_free(indexer)
        if let objects = try? Directory(directory.appending("objects")) {
            try? objects.removeTree("incoming")
        }
    }

    /// Whether the repository had the object before.
    borrowing func had(_ id: ObjectID) -> Bool { before.contains(id, refreshing: false) }

    /// Whether the repository had the object before, and as a commit.
    borrowing func hadCommit(_ id: ObjectID) -> Bool {
        guard had(id), let header = try? before.header(of: id) else { return false }
        return header.type == .commit
    }

    /// Takes the next bytes of the pack (git_indexer_append). Throws `brokenPack`.
    mutating func append(_ bytes: RawSpan) throws(GitError) {
        let indexer = unsafe self.indexer
        git_error_clear()
        let code = unsafe bytes.withUnsafeBytes { bytes in
            unsafe git_indexer_append(indexer, bytes.baseAddress, bytes.count, &progress)
        }
        try PackReceiver.check("git_indexer_append", code)
    }

    /// Finishes the index, checks where `isChecking` that `roots` and all they reach are in the repository or in the
    /// pack, and moves the pack in. Throws `brokenPack` and leaves the repository as it was.
    ///
    /// With `isRenamed` the pack gets a random name: libgit2 shares open packs by path within a process, and would
    /// go on with a rotten one where a mirror was made anew with the same bytes.
    mutating func finish(roots: [ObjectID], isChecking: Bool, isRenamed: Bool) throws(GitError) {
        git_error_clear()
        try PackReceiver.check("git_indexer_commit", unsafe git_indexer_commit(indexer, &progress))
        if isChecking { try checkClosure(of: roots) }
        guard progress.total_objects > 0, let name = unsafe git_indexer_name(indexer) else { return }
        let pack = unsafe "pack-" + String(cString: name)
        let final = isRenamed ? PackReceiver.randomName() : pack
        let place = directory
        try GitError.onFiles("move a pack into \(place)") { () throws(FileError) in
            let objects = try Directory(place.appending("objects"))
            let target = try objects.makeDirectories("pack")
            let incoming = try objects.openDirectory("incoming/pack")
            // Readers look for .idx files: the pack goes first.
            for suffix in [".pack", ".idx"] {
                try incoming.rename(Path(pack + suffix), to: Path(final + suffix), in: target)
            }
            try target.synchronize()
        }
    }

    private borrowing func checkClosure(of roots: [ObjectID]) throws(GitError) {
        let after = try RepositoryHandle(directory: directory)
        let incoming = try directory.appending("objects/incoming").characters()
        try GitError.check(
            "git_odb_add_disk_alternate", unsafe git_odb_add_disk_alternate(after.objects, incoming),
            "check a pack")
        do throws(GitError) {
            // What the repository had, it had with all that belongs to it.
            let known = unsafe before.objects
            try after.walkObjects(
                from: roots, isKnown: { id in unsafe PackReceiver.contains(id, known) },
                { (_) throws(GitError) in })
        } catch {
            let facts: Set<GitError.Code> = [
                .objectMissing, .wrongObjectType, .malformedCommit, .malformedTree, .malformedTag,
            ]
            guard facts.contains(error.code) else { throw error }
            throw GitError(.brokenPack, "a pack without an object that its refs need", underlying: error)
        }
    }

    /// `pack-<40 hex digits>`, as Git names packs.
    static func randomName() -> String {
        var generator = SystemRandomNumberGenerator()
        return "pack-" + Hex.encode((0..<20).map { _ in UInt8.random(in: 0...255, using: &generator) })
    }

    private static func contains(_ id: ObjectID, _ objects: OpaquePointer) -> Bool {
        var name = id.structure
        return unsafe git_odb_exists_ext(objects, &name, GIT_ODB_LOOKUP_NO_REFRESH.rawValue) == 1
    }

    /// Tells a pack that is broken from a disk that is: the indexer leaves no message of its own where link(2) or
    /// rename(2) fails, so that the message was cleared before the call.
    private static func check(_ function: String, _ code: Int32) throws(GitError) {
        guard code < 0 else { return }
        let cause = GitError.library(function, code, "receive a pack")
        let errorClass = (cause.underlying as? LibraryFailure)?.errorClass
        let isOutside = [GIT_ERROR_NONE, GIT_ERROR_OS].contains { Int32($0.rawValue) == errorClass }
        throw isOutside ? cause : GitError(.brokenPack, "a broken pack", underlying: cause.underlying)
    }
}
