internal import CGit2
internal import Files
import Glibc

/// An open `git_repository` with its object database. Nobody but its owner uses it at a time.
///
/// Opened by git_repository_open_bare and given a configuration at once, so that libgit2 reads none of the
/// repository's own: no include, no program's name, no owner to validate (CASES.md F044).
@safe struct RepositoryHandle: ~Copyable, @unchecked Sendable {
    // Sendable: libgit2 ties no handle to a thread, and shared handles are used behind the lock of `Repository`.

    /// The `git_repository`.
    let repository: OpaquePointer
    /// Its `git_odb`.
    let objects: OpaquePointer

    /// Opens the bare layout in `directory`, which may be the `.git` of a work tree. `configuration` is a file of
    /// our own making; without one an empty configuration is used.
    init(directory: Path, configuration: Path? = nil) throws(GitError) {
        try Git.start()
        let name = try directory.characters()
        var repository: OpaquePointer?
        try GitError.check(
            "git_repository_open_bare", unsafe git_repository_open_bare(&repository, name),
            "open \(directory)")
        guard let repository = unsafe repository else { throw GitError(.library, "git_repository_open_bare") }
        do throws(GitError) {
            try unsafe RepositoryHandle.setConfiguration(configuration, of: repository)
            var objects: OpaquePointer?
            try GitError.check(
                "git_repository_odb", unsafe git_repository_odb(&objects, repository), "open \(directory)")
            guard let objects = unsafe objects else { throw GitError(.library, "git_repository_odb") }
            unsafe self.repository = repository
            unsafe self.objects = objects
        } catch {
            unsafe git_repository_free(repository)
            throw error
        }
    }

    deinit {
        unsafe git_odb_free(objects)
        unsafe git_repository_free(repository)
    }

    private static func setConfiguration(_ file: Path?, of repository: OpaquePointer) throws(GitError) {
        var configuration: OpaquePointer?
        if let file {
            let name = try file.characters()
            try GitError.check(
                "git_config_open_ondisk", unsafe git_config_open_ondisk(&configuration, name), "read \(file)")
        } else {
            try GitError.check(
                "git_config_new", unsafe git_config_new(&configuration), "an empty configuration")
        }
        defer { unsafe git_config_free(configuration) }
        try GitError.check(
            "git_repository_set_config", unsafe git_repository_set_config(repository, configuration),
            "set the configuration")
    }
}

// MARK: - Objects

extension RepositoryHandle {
    /// Whether the object is there. With `refreshing` false, packs that came after the handle was opened are
    /// not looked for (git_odb_exists_ext).
    borrowing func contains(_ id: ObjectID, refreshing: Bool = true) -> Bool {
        var name = id.structure
        let flags = refreshing ? 0 : GIT_ODB_LOOKUP_NO_REFRESH.rawValue
        return unsafe git_odb_exists_ext(objects, &name, flags) == 1
    }

    /// Type and size of an object, without its bytes where the store permits (git_odb_read_header).
    borrowing func header(of id: ObjectID) throws(GitError) -> (type: ObjectType, byteCount: Int) {
        var name = id.structure
        var byteCount = 0
        var type = GIT_OBJECT_INVALID
        try GitError.check(
            "git_odb_read_header", unsafe git_odb_read_header(&byteCount, &type, objects, &name),
            "object \(id)")
        return (try RepositoryHandle.type(type, of: id), byteCount)
    }

    /// Lends the bytes of an object to `body`; its hash was compared (git_odb_read). Throws `limitExceeded`
    /// before they are read where they are more than `limit`, `wrongObjectType` where `expected` differs.
    borrowing func withObject<Result>(
        _ id: ObjectID, expecting expected: ObjectType?, limit: Int,
        _ body: (ObjectType, RawSpan) throws(GitError) -> Result
    ) throws(GitError) -> Result {
        let header = try header(of: id)
        if let expected, expected != header.type {
            throw GitError(
                .wrongObjectType, "object \(id) is a \(header.type.rawValue), not a \(expected.rawValue)")
        }
        guard header.byteCount <= limit else {
            throw GitError(.limitExceeded, "object \(id) has \(header.byteCount) bytes, more than \(limit)")
        }
        var name = id.structure
        var object: OpaquePointer?
        try GitError.check("git_odb_read", unsafe git_odb_read(&object, objects, &name), "object \(id)")
        defer { unsafe git_odb_object_free(object) }
        let byteCount = unsafe git_odb_object_size(object)
        guard byteCount == header.byteCount, let start = unsafe git_odb_object_data(object) else {
            throw GitError(.damaged, "object \(id) has another size than it says")
        }
        return try body(header.type, unsafe RawSpan(_unsafeStart: start, byteCount: byteCount))
    }

    /// The bytes of an object, as `withObject`.
    borrowing func read(_ id: ObjectID, expecting expected: ObjectType?, limit: Int) throws(GitError)
        -> RawObject
    {
        try withObject(id, expecting: expected, limit: limit) { type, bytes in
            RawObject(id: id, type: type, bytes: bytes.array)
        }
    }

    private static func type(_ type: git_object_t, of id: ObjectID) throws(GitError) -> ObjectType {
        switch type {
        case GIT_OBJECT_COMMIT: .commit
        case GIT_OBJECT_TREE: .tree
        case GIT_OBJECT_BLOB: .blob
        case GIT_OBJECT_TAG: .tag
        default: throw GitError(.damaged, "object \(id) is of no known type")
        }
    }
}

// MARK: - Refs

extension RepositoryHandle {
    /// Every ref, symbolic ones resolved (those that lead nowhere left out), and HEAD.
    ///
    /// Throws `invalidName` where one is also a directory of others.
    borrowing func references() throws(GitError) -> References { try References(entries(), head: head()) }

    /// As `references()`; refs that are also directories of others are left out, and handed back.
    borrowing func soundReferences() throws(GitError) -> (references: References, leftOut: [References.Entry])
    {
        try References.leavingOutDirectories(entries(), head: head())
    }

    private borrowing func entries() throws(GitError) -> [References.Entry] {
        var iterator: OpaquePointer?
        try GitError.check(
            "git_reference_iterator_new", unsafe git_reference_iterator_new(&iterator, repository),
            "list refs")
        defer { unsafe git_reference_iterator_free(iterator) }
        var entries: [References.Entry] = []
        while true {
            var reference: OpaquePointer?
            let code = unsafe git_reference_next(&reference, iterator)
            if code == GIT_ITEROVER.rawValue { break }
            try GitError.check("git_reference_next", code, "list refs")
            defer { unsafe git_reference_free(reference) }
            guard let name = unsafe git_reference_name(reference) else { continue }
            let full = try unsafe ReferenceName(RepositoryHandle.bytes(name))
            guard let target = try unsafe RepositoryHandle.target(of: reference) else { continue }
            entries.append(References.Entry(full, target))
            guard entries.count <= GitLimits.references else {
                throw GitError(.limitExceeded, "more than \(GitLimits.references) refs")
            }
        }
        return entries
    }

    private borrowing func head() throws(GitError) -> References.Head {
        var reference: OpaquePointer?
        try GitError.check(
            "git_reference_lookup", unsafe git_reference_lookup(&reference, repository, "HEAD"), "read HEAD")
        defer { unsafe git_reference_free(reference) }
        if let name = unsafe git_reference_symbolic_target(reference) {
            return .symbolic(try unsafe ReferenceName(RepositoryHandle.bytes(name)))
        }
        guard let id = unsafe git_reference_target(reference) else {
            throw GitError(.damaged, "HEAD is no ref")
        }
        return .detached(ObjectID(unsafe id.pointee))
    }

    /// The bytes before the NUL: names of refs need not be UTF-8.
    private static func bytes(_ text: UnsafePointer<CChar>) -> [UInt8] {
        unsafe Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }

    private static func target(of reference: OpaquePointer?) throws(GitError) -> ObjectID? {
        if let id = unsafe git_reference_target(reference) { return ObjectID(unsafe id.pointee) }
        var resolved: OpaquePointer?
        let code = unsafe git_reference_resolve(&resolved, reference)
        if code == GIT_ENOTFOUND.rawValue { return nil }
        try GitError.check("git_reference_resolve", code, "a symbolic ref")
        defer { unsafe git_reference_free(resolved) }
        return unsafe git_reference_target(resolved).map { ObjectID(unsafe $0.pointee) }
    }
}

extension Path {
    /// The bytes with a terminating NUL, for libgit2. Throws `invalidName` where one stands inside.
    func characters() throws(GitError) -> [CChar] {
        guard !bytes.isEmpty, !bytes.contains(0) else { throw GitError(.invalidName, "not a path") }
        return bytes.map { CChar(bitPattern: $0) } + [0]
    }
}

extension RawSpan {
    /// A copy of the bytes.
    var array: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }
}
