internal import Files

/// Where a repository keeps its files, found without reading more than it must.
struct RepositoryPlace {
    /// The directory with HEAD: a bare repository, `.git`, or a linked work tree's own directory.
    let directory: Path
    /// The directory with objects, refs and config; another than `directory` for linked work trees.
    let common: Path
    /// The root of the work tree; nil where the path is the repository itself.
    let workTree: Path?

    /// The repository at `path` itself: a work tree's root, `.git` or a bare repository. Throws
    /// `repositoryMissing`.
    init(at path: Path) throws(GitError) {
        guard let place = try RepositoryPlace.find(at: path) else {
            guard RepositoryPlace.hasObjects(path) || RepositoryPlace.hasObjects(path.appending(".git"))
            else {
                throw GitError(.repositoryMissing, "no Git repository at \(path)")
            }
            throw GitError(
                .repositoryMissing,
                "the Git repository at \(path) is broken: HEAD, objects or refs are missing")
        }
        self = place
    }

    /// Whether something of a repository is there, if not all.
    private static func hasObjects(_ path: Path) -> Bool {
        guard let root = try? Directory(path), let objects = try? root.metadataIfPresent(of: "objects"),
            let configuration = try? root.metadataIfPresent(of: "config")
        else { return false }
        return objects.kind == .directory && configuration.kind == .regular
    }

    /// The repository at `path`; nil where there is none.
    static func find(at path: Path) throws(GitError) -> RepositoryPlace? {
        do throws(FileError) {
            let root = try Directory(path)
            guard let inner = try root.metadataIfPresent(of: ".git") else {
                return try RepositoryPlace(directory: path, workTree: nil)
            }
            guard inner.kind == .regular else {
                return try RepositoryPlace(directory: path.appending(".git"), workTree: path)
            }
            guard let directory = target(of: try root.read(".git", limit: 8192), from: path) else {
                return nil
            }
            return try RepositoryPlace(directory: directory, workTree: path)
        } catch {
            guard error.code == .notFound || error.code == .notDirectory else {
                throw GitError.files(error, "look for a repository at \(path)")
            }
            return nil
        }
    }

    private init?(directory: Path, workTree: Path?) throws(FileError) {
        let opened = try Directory(directory)
        guard try opened.metadataIfPresent(of: "HEAD") != nil else { return nil }
        var common = directory
        if try opened.metadataIfPresent(of: "commondir") != nil {
            var text = try opened.read("commondir", limit: 8192)[...]
            while text.last == 0x0A { text = text.dropLast() }
            let path = Path(Array(text))
            common = path.isAbsolute ? path : directory.appending(path)
        }
        let shared = try Directory(common)
        guard try shared.metadataIfPresent(of: "objects") != nil,
            try shared.metadataIfPresent(of: "refs") != nil
        else { return nil }
        self.directory = directory
        self.common = common
        self.workTree = workTree
    }

    /// Where a `.git` file points: `gitdir: <path>`, taken from the directory it stands in.
    private static func target(of text: [UInt8], from path: Path) -> Path? {
        let prefix = Array("gitdir: ".utf8)
        guard text.starts(with: prefix) else { return nil }
        var rest = text.dropFirst(prefix.count)
        while rest.last == 0x0A || rest.last == 0x0D { rest = rest.dropLast() }
        let target = Path(Array(rest))
        return target.isAbsolute ? target : path.appending(target)
    }
}

extension RepositoryPlace {
    /// Refuses what libgit2 would misread: SHA-256 objects, shallow and partial clones, reftables, extensions
    /// unknown to us. Reads the repository's own config for that alone, without includes, as Git does.
    func checkFormat(allowingShallow: Bool = false) throws(GitError) {
        let place = common
        let (isShallow, bytes) = try GitError.onFiles("read the format of \(place)") {
            () throws(FileError) -> (Bool, [UInt8]) in
            let shared = try Directory(place)
            let shallow = try shared.metadataIfPresent(of: "shallow")
            guard try shared.metadataIfPresent(of: "config") != nil else { return (shallow != nil, []) }
            return (shallow != nil, try shared.read("config", limit: 1 << 20))
        }
        guard !isShallow || allowingShallow else {
            throw GitError(.unsupportedRepository, "a shallow clone: its history is cut off")
        }
        let configuration = try ConfigurationText(bytes)
        let version = configuration.last("core", nil, "repositoryformatversion") ?? "0"
        guard version == "0" || version == "1" else {
            throw GitError(.unsupportedRepository, "a repository of a later format than 1")
        }
        for entry in configuration.entries where entry.section == "extensions" && entry.subsection == nil {
            try RepositoryPlace.check(extension: entry.key, entry.value ?? "true")
        }
        // What Git writes beside the extension since 2.24, or instead of it.
        for entry in configuration.entries where entry.section == "remote" && entry.key == "promisor" {
            guard ["false", "no", "off", "0", ""].contains((entry.value ?? "true").lowercased()) else {
                throw GitError(.unsupportedRepository, "a partial clone: it lacks objects")
            }
        }
    }

    private static func check(extension key: String, _ value: String) throws(GitError) {
        switch (key, value) {
        case ("objectformat", "sha1"), ("refstorage", "files"), ("noop", _), ("noop-v1", _),
            ("preciousobjects", _),
            ("worktreeconfig", _), ("relativeworktrees", _), ("compatobjectformat", _):
            return
        case ("objectformat", _):
            throw GitError(.unsupportedRepository, "a SHA-256 repository: only SHA-1 is supported")
        case ("refstorage", _):
            throw GitError(
                .unsupportedRepository, "a repository with reftables: only plain refs are supported")
        case ("partialclone", _):
            throw GitError(.unsupportedRepository, "a partial clone: it lacks objects")
        default:
            throw GitError(.unsupportedRepository, "a repository with an unknown extension")
        }
    }
}
