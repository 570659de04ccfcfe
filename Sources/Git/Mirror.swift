package import Files
internal import Glibc

/// A bare copy of the refs of a repository elsewhere (`+refs/*:refs/*`, pruned), and those refs as they were when
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

    /// Fetches the refs of `source` into the mirror at `path`, whose parent must be there, and makes it where it is
    /// missing. A mirror that is found damaged is made anew and takes the old one's place when it is complete; with
    /// `rebuilding` this is done whatever is found (for whoever meets `damaged` later).
    ///
    /// Over the network, and wherever `options` name a process, a process of its own fills a quarantine beside the
    /// mirror, and only what is complete is moved in. A directory of this machine in which nothing is new is seen to
    /// without that process.
    ///
    /// Throws `locked` while another process fetches, `repositoryExists` where `path` holds something that is no
    /// mirror, and for the source `repositoryMissing`, `unsupportedRepository`, `damaged`, `objectMissing`,
    /// `limitExceeded`, `unreachable`, `serverNotTrusted`, `authenticationFailed`, `redirectRefused`, `timedOut`,
    /// `brokenPack`, `processFailed`. The mirror then is as it was.
    package static func fetch(
        _ source: RemoteLocation, into path: Path, rebuilding: Bool = false,
        _ options: FetchOptions = FetchOptions()
    ) throws(GitError) -> Mirror {
        try options.access.check(for: source)
        let directory = MirrorDirectory(at: path)
        let lock = try directory.lock(waitingSeconds: options.lockSeconds)
        defer { _ = lock }
        try directory.removeTemporaries()
        let local = try source.directory.map { place throws(GitError) in
            try LocalFetch(place, scope: options.scope, limits: options.limits)
        }
        let filler = MirrorFiller(source: source, local: local, options: options)
        if try directory.state() == .absent { try directory.make() }
        if !rebuilding, let old = try directory.healed() {
            return Mirror(repository: old, references: try filler.fill(old, directory))
        }
        let fresh = MirrorDirectory(at: directory.temporaryPath)
        try fresh.make()
        do throws(GitError) {
            let references = try filler.fill(fresh.open(), fresh)
            try directory.replace(by: fresh)
            return Mirror(repository: try directory.open(), references: references)
        } catch {
            fresh.remove()
            throw error
        }
    }
}

/// Brings a mirror up to its source, in this process or in one of its own.
private struct MirrorFiller {
    let source: RemoteLocation
    let local: LocalFetch?
    let options: FetchOptions

    /// Fills `mirror`, which stands at `directory`, and returns its refs.
    func fill(_ mirror: Repository, _ directory: MirrorDirectory) throws(GitError) -> References {
        let held = try mirror.references()
        if let local {
            guard options.process != nil else { return try local.fill(mirror, isRenamed: true) }
            guard try local.merged(into: held) != held else { return held }
        }
        guard let process = options.process else {
            throw GitError(
                .unsupportedTransport, "what is on other machines is fetched by a process of its own")
        }
        let quarantine = try FetchQuarantine(beside: directory, of: mirror, held: held)
        defer { quarantine.remove() }
        let access = options.access
        let request = FetchRequest(
            parent: getpid(), location: source, mirror: mirror.path, quarantine: quarantine.path,
            scope: options.scope, limits: options.limits, authorities: access.authorities,
            knownHosts: access.knownHosts, secret: FetchRequest.SecretKind(access.credential))
        try process.run(request, access.credential, home: quarantine.home)
        return try quarantine.adopt(options.scope, into: held)
    }
}

extension FetchRequest.SecretKind {
    fileprivate init(_ credential: RemoteAccess.Credential?) {
        self =
            switch credential {
            case .login: .login
            case .key: .key
            case .agent: .agent
            case nil: .none
            }
    }
}
