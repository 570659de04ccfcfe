/// Git without `git`: bare mirrors, raw objects, strict parsing, packs and bundles over libgit2 1.5.
///
/// A tour. `RemoteLocation` is a checked place to pull from; `Mirror` keeps a bare copy of all its refs;
/// `Repository` reads refs and raw objects of any bare directory, `Repository+History` walks commits.
/// `CommitObject`, `TreeObject` and `TagObject` parse raw bytes strictly and alone, since libgit2 reads more
/// than Git means (CASES.md M1-M3). `BundleWriter`, `BundleReceiver` and `Repository.create` take a
/// repository into an archive and out again. `WorkTree` and `UserConfiguration` serve the command line.
///
/// No work tree is ever written, no hook, filter, attribute or configuration of a repository is obeyed, and
/// no configuration file is read but by `UserConfiguration` and the format check. Calls block; callers put
/// them on an executor of their own.
internal import CGit2
internal import CLate

/// The library as a whole.
package enum Git {
    /// Loads and starts libgit2 once for the process and sets its options; each type of this module calls it first.
    ///
    /// The library is not linked but loaded here (dlopen(3)): it brings sixteen others, and most verbs need none of
    /// them. Throws `libraryFailed` where it is not there, older than 1.5, or refuses an option.
    package static func start() throws(GitError) { try started.get() }

    /// The version of the library in use, as `1.5.1` (git_libgit2_version). Throws as `start`.
    package static var libraryVersion: String {
        get throws(GitError) {
            try start()
            var (major, minor, patch): (Int32, Int32, Int32) = (0, 0, 0)
            unsafe git_libgit2_version(&major, &minor, &patch)
            return "\(major).\(minor).\(patch)"
        }
    }

    /// Bounds what libgit2 maps of packs, for a process whose address space is bounded.
    static func boundMaps() throws(GitError) {
        for (option, value) in [
            (GIT_OPT_SET_MWINDOW_SIZE, 32 << 20), (GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, 512 << 20),
        ] {
            try check("git_libgit2_opts", strongroom_git_set_size(Int32(option.rawValue), value))
        }
    }

    private static let started = Result { () throws(GitError) in
        if let missing = unsafe strongroom_load_git2() {
            throw GitError(.libraryFailed, "\(unsafe String(cString: missing)) cannot be loaded")
        }
        var (major, minor, patch): (Int32, Int32, Int32) = (0, 0, 0)
        unsafe git_libgit2_version(&major, &minor, &patch)
        guard (major, minor) >= (1, 5) else { throw GitError(.libraryFailed, "libgit2 older than 1.5") }
        guard git_libgit2_init() > 0 else { throw GitError(.libraryFailed, "libgit2 cannot be started") }
        // Configuration of the user and the system names programs and other files: it is not looked for.
        for level in [
            GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL,
            GIT_CONFIG_LEVEL_PROGRAMDATA,
        ] {
            try check("GIT_OPT_SET_SEARCH_PATH", unsafe strongroom_git_set_search_path(level.rawValue, ""))
        }
        try check("GIT_OPT_SET_TEMPLATE_PATH", unsafe strongroom_git_set_template_path(""))
        // Ownership is checked by nobody who opens with git_repository_open_bare; kept on for all else.
        for option in [
            GIT_OPT_SET_OWNER_VALIDATION, GIT_OPT_ENABLE_STRICT_OBJECT_CREATION,
            GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, GIT_OPT_ENABLE_FSYNC_GITDIR,
        ] {
            try check("git_libgit2_opts", strongroom_git_set_flag(Int32(option.rawValue), 1))
        }
        try check(
            "GIT_OPT_SET_PACK_MAX_OBJECTS",
            strongroom_git_set_size(Int32(GIT_OPT_SET_PACK_MAX_OBJECTS.rawValue), GitLimits.packObjects))
        try check(
            "GIT_OPT_SET_CACHE_MAX_SIZE", strongroom_git_set_cache_size(GitLimits.cacheByteCount))
    }

    private static func check(_ option: String, _ code: Int32) throws(GitError) {
        guard code >= 0 else { throw GitError(.libraryFailed, "\(option) was refused") }
    }
}

/// Bounds on what is read from repositories of others (CASES.md F045).
package enum GitLimits {
    /// Objects in one pack; libgit2 allows 2^32 otherwise.
    package static let packObjects = 1 << 26
    /// Bytes that libgit2 keeps of small objects, for all repositories.
    package static let cacheByteCount = 64 << 20
    /// Refs of one repository.
    package static let references = 500_000
    /// Entries that one walk of a tree meets, trees among them.
    package static let treeEntries = 1_000_000
    /// Directories above an entry of a tree.
    package static let treeDepth = 128
    /// Bytes of a path in a tree (PATH_MAX).
    package static let pathByteCount = 4096
    /// Bytes of one commit, tag or tree.
    package static let metadataByteCount = 64 << 20
    /// Bytes of the largest blob that is read whole where the caller names no other limit.
    package static let blobByteCount = 1 << 30
    /// Bytes of a bundle's header.
    package static let bundleHeaderByteCount = 128 << 20
}
