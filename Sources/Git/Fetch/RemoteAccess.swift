package import Files

/// Bytes that authenticate this side, lent while they are handed on and kept by nobody here.
package protocol RemoteSecret: Sendable {
    /// Lends the bytes to `body`.
    func withBytes(_ body: (RawSpan) throws(GitError) -> Void) throws(GitError)
}

/// By what a server is recognised, and by what it recognises this side. No file of the user's is looked at.
package struct RemoteAccess: Sendable {
    /// What this side shows.
    package enum Credential: Sendable {
        /// Lines of git-credential(1): `username=` and `password=` for basic authentication, or `password=` alone
        /// or with `authtype=bearer` for a bearer token. For HTTPS.
        case login(any RemoteSecret)
        /// An SSH private key without a passphrase, in OpenSSH's or PEM form. For SSH.
        case key(any RemoteSecret)
        /// The SSH agent that listens at this socket. For SSH.
        case agent(Path)
    }

    /// A file of certificates in PEM form, any of which may have signed the server's; nil for the system's.
    package var authorities: Path?
    /// The file of host keys (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT) that an SSH server must be in.
    package var knownHosts: Path?
    /// What this side shows where it is asked; nil for nothing.
    package var credential: Credential?

    /// Access with the system's authorities, no known host and no credential, unless given.
    package init(authorities: Path? = nil, knownHosts: Path? = nil, credential: Credential? = nil) {
        self.authorities = authorities
        self.knownHosts = knownHosts
        self.credential = credential
    }

    /// Throws `unusableCredential` where these can't go with `location`: a key for HTTPS, a login for SSH or
    /// over plain HTTP to another machine, SSH without known hosts.
    package func check(for location: RemoteLocation) throws(GitError) {
        switch (location.transport, credential) {
        case (.directory, nil), (.https, nil), (.https, .login), (.http, nil): break
        case (.http(let endpoint), .login) where endpoint.isLoopback: break
        case (.ssh, nil), (.ssh, .login):
            throw GitError(.unusableCredential, "SSH needs a key or an agent")
        case (.ssh, .key), (.ssh, .agent): break
        case (.http, _): throw GitError(.unusableCredential, "credentials never go over plain HTTP")
        case (.https, _): throw GitError(.unusableCredential, "HTTPS takes a login, not a key or an agent")
        case (.directory, _): throw GitError(.unusableCredential, "a directory takes no credential")
        }
        if case .ssh = location.transport, knownHosts == nil {
            throw GitError(
                .unusableCredential, "SSH needs a file of known hosts: no host key is taken unseen")
        }
    }
}

/// With what means a mirror is filled.
package struct FetchOptions: Sendable {
    /// The program that fetches, in a process of its own that can be killed; nil fetches directories of this machine
    /// in the calling process, and nothing else.
    package var process: FetchProcess?
    /// How much is borne.
    package var limits = FetchLimits()
    /// By what both sides are recognised.
    package var access = RemoteAccess()
    /// Which refs are brought.
    package var scope = ReferenceScope.all
    /// Whether plain HTTP is taken where a location is read from text.
    package var allowsPlainHTTP = false
    /// Seconds that another fetch into the same mirror is waited for.
    package var lockSeconds = 0

    /// Options that fetch by `process`.
    package init(process: FetchProcess? = nil) { self.process = process }
}
