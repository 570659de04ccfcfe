internal import CGit2
internal import Files
internal import Glibc
internal import Synchronization

/// A fetch over HTTPS or SSH into a quarantine, in a process of its own (git_remote_connect_ext,
/// git_remote_download): the pack, checked for holes and giants, then the refs.
struct RemoteFetch {
    private let request: FetchRequest
    private let session: RemoteSession

    /// A fetch of what `request` asks for with the secret that came with it. Sets options of the whole process and
    /// writes `HOME`/.ssh/known_hosts. Throws `unusableCredential`, `ioFailed`.
    init(_ request: FetchRequest, _ secret: SecretText) throws(GitError) {
        self.request = request
        var knownHosts: KnownHosts?
        switch request.location.transport {
        case .directory: break
        case .https(let endpoint), .http(let endpoint):
            try RemoteFetch.setAuthorities(request.authorities)
            try HTTPSocket.register(for: endpoint, limits: request.limits)
        case .ssh(_, let endpoint):
            guard let file = request.knownHosts else {
                throw GitError(.unusableCredential, "no file of known hosts")
            }
            let home = request.quarantine.appending("home/.ssh")
            let found = try KnownHosts(RemoteFetch.read(file))
            let line = found.preference(for: endpoint) ?? []
            try GitError.onFiles("write \(home)") { () throws(FileError) in
                try Directory(home).write(line, to: "known_hosts")
            }
            knownHosts = found
        }
        session = try RemoteSession(request, secret, knownHosts: knownHosts)
    }

    /// Fills the quarantine.
    func fill() throws(GitError) {
        let quarantine = try Repository(
            directory: request.quarantine, configuration: request.quarantine.appending("config"))
        let held = try RepositoryHandle(directory: request.mirror)
        let offered = try quarantine.withHandle { handle throws(GitError) in
            try download(into: handle, held: held)
        }
        try checkPack(of: offered, held: held)
        try quarantine.setReferences(offered)
    }

    private func download(
        into quarantine: borrowing RepositoryHandle, held: borrowing RepositoryHandle
    ) throws(GitError) -> References {
        var remote: OpaquePointer?
        try GitError.check(
            "git_remote_create_anonymous",
            unsafe git_remote_create_anonymous(&remote, quarantine.repository, request.location.text),
            "fetch from \(request.location)")
        defer { unsafe git_remote_free(remote) }
        let payload = unsafe Unmanaged.passRetained(session)
        defer { unsafe payload.release() }
        var options = unsafe git_fetch_options()
        try GitError.check(
            "git_fetch_options_init",
            unsafe git_fetch_options_init(&options, UInt32(GIT_FETCH_OPTIONS_VERSION)), "fetch")
        unsafe RemoteSession.install(in: &options.callbacks, payload: payload.toOpaque())
        unsafe options.proxy_opts.type = GIT_PROXY_NONE
        unsafe options.follow_redirects = GIT_REMOTE_REDIRECT_NONE
        unsafe options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE
        unsafe options.update_fetchhead = 0
        guard let bearer = session.bearerHeader else {
            return try unsafe exchange(remote, options, quarantine)
        }
        let outcome: Result<References, GitError> = unsafe bearer.withCharacters { characters in
            var header: UnsafeMutablePointer<CChar>? = unsafe characters
            return unsafe withUnsafeMutablePointer(to: &header) { pointer in
                unsafe options.custom_headers = unsafe git_strarray(strings: pointer, count: 1)
                return Result { () throws(GitError) in try unsafe exchange(remote, options, quarantine) }
            }
        }
        return try outcome.get()
    }

    /// Connects, reads the refs, and downloads what they need and is not here.
    private func exchange(
        _ remote: OpaquePointer?, _ options: git_fetch_options, _ quarantine: borrowing RepositoryHandle
    ) throws(GitError) -> References {
        var connection = unsafe git_remote_connect_options()
        try GitError.check(
            "git_remote_connect_options_init",
            unsafe git_remote_connect_options_init(&connection, UInt32(GIT_REMOTE_CONNECT_OPTIONS_VERSION)),
            "fetch")
        unsafe connection.callbacks = unsafe options.callbacks
        unsafe connection.proxy_opts = unsafe options.proxy_opts
        unsafe connection.follow_redirects = unsafe options.follow_redirects
        unsafe connection.custom_headers = unsafe options.custom_headers
        try check(
            "git_remote_connect_ext",
            unsafe git_remote_connect_ext(remote, GIT_DIRECTION_FETCH, &connection))
        let offered = try unsafe AdvertisedReferences.read(remote, limit: request.limits.referenceCount)
        let wanted = try References(
            offered.entries.filter { request.scope.includes($0.name) }, head: offered.head)
        guard wanted.roots.contains(where: { !quarantine.contains($0) }) else { return wanted }
        var patterns =
            request.scope == .all
            ? ["+refs/*:refs/*"] : ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
        if case .detached = wanted.head { patterns.append("HEAD") }
        var options = unsafe options
        var strings: [UnsafeMutablePointer<CChar>?] = unsafe patterns.map { unsafe strdup($0) }
        defer { unsafe strings.forEach { unsafe free($0) } }
        let code = unsafe strings.withUnsafeMutableBufferPointer { buffer in
            var list = unsafe git_strarray(strings: buffer.baseAddress, count: buffer.count)
            return unsafe git_remote_download(remote, &list, &options)
        }
        try check("git_remote_download", code)
        unsafe git_remote_disconnect(remote)
        return wanted
    }

    /// Throws `brokenPack` where an object that the refs need was not sent, `limitExceeded` for a file that is too
    /// large: before anything of it becomes part of the mirror.
    private func checkPack(of wanted: References, held: borrowing RepositoryHandle) throws(GitError) {
        let whole = try RepositoryHandle(directory: request.quarantine)
        do throws(GitError) {
            try whole.walkObjects(
                from: wanted.roots, isKnown: { id in held.contains(id, refreshing: false) }
            ) { link throws(GitError) in
                if link.type == .blob { try request.limits.check(blob: link.id, in: whole) }
            }
        } catch {
            let facts: Set<GitError.Code> = [
                .objectMissing, .wrongObjectType, .malformedCommit, .malformedTree, .malformedTag,
            ]
            guard facts.contains(error.code) else { throw error }
            throw GitError(.brokenPack, "the server did not send all that its refs need", underlying: error)
        }
    }

    private func check(_ function: String, _ code: Int32) throws(GitError) {
        guard code < 0 else { return }
        let cause = GitError.library(function, code, "fetch from \(request.location)")
        if let failure = session.failure ?? HTTPSocket.rules.withLock({ $0.failure }) {
            throw GitError(failure.code, failure.context, underlying: cause.underlying)
        }
        throw RemoteFailure(cause, request.location).error
    }

    private static func setAuthorities(_ file: Path?) throws(GitError) {
        guard let file else { return }
        let name = try file.characters()
        guard unsafe strongroom_git_set_certificates(name) == 0 else {
            throw GitError(.unusableCredential, "\(file): no file of certificates in PEM form")
        }
    }

    private static func read(_ file: Path) throws(GitError) -> [UInt8] {
        do throws(FileError) {
            return try Directory(file.parent).read(file.name, limit: 16 << 20)
        } catch {
            throw GitError(.unusableCredential, "known hosts: \(error.description)", underlying: error)
        }
    }
}

extension References {
    /// The objects that the refs name, and HEAD where it is at none of them.
    var roots: [ObjectID] {
        if case .detached(let id) = head { entries.map(\.target) + [id] } else { entries.map(\.target) }
    }
}
