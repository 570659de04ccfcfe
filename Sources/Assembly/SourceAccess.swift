internal import Delivery
internal import Files
package import Git
package import Keyrings
internal import Sealing
package import Settings
internal import Sodium

/// With what the repositories that settings name are fetched: the process, and credentials out of files that the
/// identities open.
package struct SourceAccess: Sendable {
    private let process: FetchProcess?
    private let identities: [MemberIdentity]
    private let user: UInt32

    /// Access by `process` (nil fetches directories of this machine alone, in this process) for the process of `user`
    /// (geteuid(2)).
    package init(process: FetchProcess?, identities: [MemberIdentity], user: UInt32) {
        self.process = process
        self.identities = identities
        self.user = user
    }

    /// What a fetch is given for `settings`. Opens sealed files now; throws `GitError` (`unusableCredential`) where
    /// a file can't be read or opened.
    package func options(_ settings: AccessSettings) throws(GitError) -> FetchOptions {
        var options = FetchOptions(process: process)
        if let seconds = settings.timeoutSeconds { options.limits.seconds = seconds }
        if let count = settings.maximumByteCount { options.limits.byteCount = Int(clamping: count) }
        for file in [settings.authorities, settings.knownHosts].compactMap(\.self) { try requireOurs(file) }
        options.access = RemoteAccess(
            authorities: settings.authorities.map { Path($0) },
            knownHosts: settings.knownHosts.map { Path($0) })
        switch settings.credential {
        case .login(let file): options.access.credential = .login(try sealed(file))
        case .key(let file): options.access.credential = .key(try key(file))
        case .agent(let socket): options.access.credential = .agent(Path(socket))
        case nil: break
        }
        options.allowsPlainHTTP = settings.allowsPlainHTTP
        // Another environment may be fetching the same repository.
        options.lockSeconds = options.limits.seconds
        return options
    }

    /// Throws what `Source.init` and `RemoteAccess.check` refuse, for every repository of `settings`, before anything
    /// is opened or connected to (CASES.md F038, F039).
    package static func check(_ settings: Settings) throws {
        for environment in settings.environments.values.sorted(by: { $0.name < $1.name }) {
            for source in environment.sources {
                try check(source.access, try Source(source).location, source.name)
            }
            for source in environment.backup?.sources ?? [] {
                guard case .repository(let url, let access) = source.kind else { continue }
                do throws(GitError) {
                    try check(
                        access, try RemoteLocation(url, allowingPlainHTTP: access.allowsPlainHTTP),
                        source.name)
                } catch {
                    throw GitError(
                        error.code, "repository \(source.name): \(error.context)", underlying: error)
                }
            }
        }
    }

    /// Throws `unusableCredential` where others could say who the server is.
    private func requireOurs(_ file: String) throws(GitError) {
        let path = Path(file)
        let facts: FileMetadata
        do throws(FileError) {
            facts = try Directory(path.parent).openFile(path.name).metadata()
        } catch {
            throw GitError(.unusableCredential, error.description, underlying: error)
        }
        guard facts.mode & 0o002 == 0, facts.owner.user == user || facts.owner.user == 0 else {
            throw GitError(
                .unusableCredential, "\(file): others can write to it: who the server is can't be told by it")
        }
    }

    private static func check(
        _ settings: AccessSettings, _ location: RemoteLocation, _ name: String
    ) throws(GitError) {
        let unopened = HeldSecret(SecretBytes(randomCount: 1))
        let credential: RemoteAccess.Credential? =
            switch settings.credential {
            case .login: .login(unopened)
            case .key: .key(unopened)
            case .agent(let socket): .agent(Path(socket))
            case nil: nil
            }
        do throws(GitError) {
            try RemoteAccess(
                authorities: settings.authorities.map { Path($0) },
                knownHosts: settings.knownHosts.map { Path($0) }, credential: credential
            ).check(for: location)
        } catch {
            throw GitError(error.code, "source \(name): \(error.context)", underlying: error)
        }
    }

    private func sealed(_ file: String) throws(GitError) -> HeldSecret {
        let bytes: [UInt8]
        do throws(FileError) {
            let path = Path(file)
            bytes = try Directory(path.parent).read(path.name, limit: 1 << 20)
        } catch {
            throw GitError(.unusableCredential, error.description, underlying: error)
        }
        guard unsafe isSealed(bytes.span.bytes) else {
            throw GitError(.unusableCredential, "\(file): not a sealed file; age or strongroom seals it")
        }
        return try opened(bytes, file)
    }

    private func key(_ file: String) throws(GitError) -> HeldSecret {
        let content: SecretBytes
        do throws(AgeError) {
            content = try IdentityFile.read(Path(file), user: user, allowingExposure: false)
        } catch {
            guard error.code == .exposed, let sealed = try? sealed(file) else {
                throw GitError(.unusableCredential, error.context, underlying: error)
            }
            return sealed
        }
        guard content.withBytes({ isSealed($0) }) else { return HeldSecret(content) }
        return try sealed(file)
    }

    /// Keys of SSH are armored as well, with other words.
    private func isSealed(_ bytes: RawSpan) -> Bool {
        SealedFile.isAgeFile(bytes) || Armor.isArmoredAge(bytes)
    }

    private func opened(_ bytes: [UInt8], _ file: String) throws(GitError) -> HeldSecret {
        do throws(AgeError) {
            return HeldSecret(try Age.decrypt(bytes, with: identities))
        } catch {
            throw GitError(.unusableCredential, "\(file): \(error.context)", underlying: error)
        }
    }
}

/// An opened credential, lent to the process that fetches and wiped when released.
private final class HeldSecret: RemoteSecret {
    private let bytes: SecretBytes

    init(_ bytes: consuming SecretBytes) { self.bytes = bytes }

    func withBytes(_ body: (RawSpan) throws(GitError) -> Void) throws(GitError) {
        try bytes.withBytes { (span) throws(GitError) in try body(span) }
    }
}

extension Source {
    /// The source that `settings` describe. Throws `unusableRequest` for what CASES.md F038 and F039 name.
    init(_ settings: SourceSettings) throws(DeliveryError) {
        let isPlain = settings.access.allowsPlainHTTP
        func source(
            branch: String? = nil, tag: String? = nil, versions: String? = nil, commit: String? = nil
        ) throws(DeliveryError) -> Source {
            try Source(
                name: settings.name, url: settings.url, branch: branch, tag: tag, versions: versions,
                commit: commit, path: settings.path, allowingPlainHTTP: isPlain)
        }
        self =
            switch settings.revision {
            case .branch(let branch): try source(branch: branch)
            case .tag(let tag): try source(tag: tag)
            case .versions(let versions): try source(versions: versions)
            case .commit(let commit): try source(commit: commit)
            }
    }
}
