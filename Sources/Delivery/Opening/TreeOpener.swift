internal import Files
internal import Git
package import Keyrings
package import Sealing

/// With what a verified commit is opened.
package struct TreeOpener: Sendable {
    /// The environment whose secrets are opened.
    package let environment: String
    /// The repository id that the commit's `.strongroom.yaml` must name; nil where any is taken.
    package let repository: RepositoryID?
    /// By what the keyring is known.
    package let trust: KeyringTrust
    /// Epochs that are closed for longer than the grace: at a followed head nothing sealed to them is opened.
    package let refusedEpochs: Set<UInt64>
    /// What makes manifests of the files, by the source's name; other sources' files are delivered as they are.
    package let renderings: [String: Rendering]
    private let identities: [MemberIdentity]

    /// An opener for `environment` with a member's `identities`. Throws `unusableRequest` for a name that no
    /// environment has.
    package init(
        environment: String, repository: RepositoryID? = nil, trust: KeyringTrust,
        refusedEpochs: Set<UInt64> = [], renderings: [String: Rendering] = [:], identities: [MemberIdentity]
    ) throws(DeliveryError) {
        do {
            try EnvironmentName.check(environment)
        } catch {
            throw DeliveryError(.unusableRequest, error.context, underlying: error)
        }
        self.environment = environment
        self.repository = repository
        self.trust = trust
        self.refusedEpochs = refusedEpochs
        self.renderings = renderings
        self.identities = identities
    }

    /// What the contents of all trees that this opens are compared by.
    let digest = ContentDigest()

    /// The longest rules and keyring files are bounded where they are parsed; nothing longer is read.
    private static let configurationLimit = 32 << 20
    /// Files of one tree.
    private static let fileLimit = 100_000

    /// Opens everything sealed under the source's path, of the commit and nothing else (CASES.md F040-F044): bytes
    /// come from blobs; there is no work tree, filter, attribute or hook; submodules are left out and said; a
    /// symbolic link is refused.
    ///
    /// `.strongroom.yaml` and the keyrings themselves are not delivered. Each file is opened and authenticated to
    /// its end here, its fingerprint kept, and nothing of the plaintext: it is opened again when it is written.
    /// Throws `configurationMissing`, `malformedRules`, `malformedKeyring`, `foreignRepository`, `keyringRefused`,
    /// `noIdentity`, `linkInTree`, `malformedSource`, `malformedContent`, `cannotOpen`, `plaintextRefused`,
    /// `stillSealed`, `epochClosed`, `notSupported`, `limitExceeded`; where a program renders, also `commandFailed`. The
    /// tree may be empty: `LossGuard` judges that.
    package func open(_ verified: VerifiedCommit) throws(DeliveryError) -> OpenedTree {
        let blobs = BlobReader(verified)
        let rules = try readRules(blobs)
        let (keyring, closed, notices) = try openKeyring(blobs, rules)
        let refused = blobs.source.isFollowing ? refusedEpochs.intersection(closed) : []
        let rendering = renderings[blobs.source.name]
        let files = FileOpener(
            blobs: blobs, rules: rules, keyring: keyring.without(refused), digest: digest,
            isRendered: rendering != nil)
        let outdated = ClosedEpochs(environment: environment, repository: rules.repository, numbers: closed)
        var opened: [OpenedFile] = []
        var remarks: [String] = []
        var refusals: [DeliveryError] = []
        for entry in try blobs.entries(limit: TreeOpener.fileLimit) {
            let place = Path(entry.path)
            switch entry.mode {
            case .directory: continue
            case .submodule: remarks.append("submodule \(place) is not delivered")
            case .symbolicLink:
                throw DeliveryError(.linkInTree, "\(blobs.place(entry.path)): a symbolic link")
            case .file, .executable:
                guard !isOwn(blobs.fullPath(entry.path), rules) else { continue }
                if let epoch = try outdated.first(in: entry, blobs) {
                    guard !refused.contains(epoch) else {
                        throw DeliveryError(
                            .epochClosed,
                            "\(blobs.place(entry.path)): sealed to epoch \(epoch), which is closed for longer than "
                                + "the grace: reseal it")
                    }
                    remarks.append("\(place) is sealed to epoch \(epoch), which is closed: reseal it")
                }
                do throws(DeliveryError) {
                    opened.append(try files.open(entry))
                } catch {
                    // All that would leave sealed is said at once.
                    guard error.code == .stillSealed else { throw error }
                    refusals.append(error)
                }
            }
        }
        try TreeOpener.throwAll(refusals)
        let secrets = opened.filter { $0.origin != .plain }
        var objects: [Path] = []
        if let rendering, !opened.isEmpty {
            let renderer = Renderer(
                rendering: rendering, environment: environment, rules: rules, keyring: files.keyring,
                digest: files.digest, place: blobs.place([]))
            let rendered = try renderer.render(opened)
            opened = rendered.map { [$0.file] } ?? []
            objects = rendered?.objects ?? []
        }
        return OpenedTree(
            source: blobs.source.name, environment: environment, commit: verified.pulled.id, files: opened,
            notices: notices + remarks, closedEpochs: closed, digest: files.digest, objects: objects,
            secrets: secrets)
    }

    /// Throws one error that has the words of all, up to some.
    private static func throwAll(_ refusals: [DeliveryError]) throws(DeliveryError) {
        guard let first = refusals.first else { return }
        let shown = refusals.prefix(10).map(\.context).joined(separator: "; ")
        let more = refusals.count > 10 ? "; and \(refusals.count - 10) more files" : ""
        throw DeliveryError(first.code, shown + more, underlying: first.underlying)
    }

    private func readRules(_ blobs: BlobReader) throws(DeliveryError) -> Rules {
        let bytes = try blobs.configuration(
            at: Array(Rules.fileName.utf8), limit: TreeOpener.configurationLimit)
        let rules: Rules
        do {
            rules = try Rules(parsing: bytes)
        } catch {
            throw DeliveryError(sealing: error)
        }
        guard repository == nil || repository == rules.repository else {
            throw DeliveryError(
                .foreignRepository,
                "\(Rules.fileName): repository \(rules.repository) is not the expected one")
        }
        return rules
    }

    private func openKeyring(
        _ blobs: BlobReader, _ rules: Rules
    ) throws(DeliveryError) -> (OpenedKeyring, closed: [UInt64], notices: [String]) {
        let path = Array("\(rules.keyrings)/\(environment).yaml".utf8)
        let bytes = try blobs.configuration(at: path, limit: TreeOpener.configurationLimit)
        let keyring: Keyring
        do {
            keyring = try Keyring(parsing: bytes, environment: environment)
        } catch {
            throw DeliveryError(keyring: error)
        }
        let notices = try trust.check(
            keyring, repository: rules.repository.description,
            isFollowing: blobs.source.isFollowing)
        do {
            // What can't be read is no way in; who is a member himself needs none.
            let set = KeyringSet(keyring) { name in
                let path = Array("\(rules.keyrings)/\(name).yaml".utf8)
                guard let bytes = try? blobs.configuration(at: path, limit: TreeOpener.configurationLimit)
                else { return nil }
                return try? Keyring(parsing: bytes, environment: name)
            }
            let closed = keyring.body.epochs.filter { $0.state == .closed }.map(\.number)
            return (try set.open(environment, with: identities), closed.sorted(), notices)
        } catch {
            throw DeliveryError(keyring: error)
        }
    }

    /// Whether a path of the repository is Strongroom's own configuration.
    private func isOwn(_ path: [UInt8], _ rules: Rules) -> Bool {
        path.elementsEqual(Rules.fileName.utf8) || path.starts(with: Array("\(rules.keyrings)/".utf8))
    }
}

extension DeliveryError {
    /// What Sealing said; its words name the file.
    init(sealing error: SealingError) {
        // What a caller of ours threw on the way comes back as it was.
        if error.code == .interrupted {
            let cause = (error.underlying as? AgeError)?.underlying ?? error.underlying
            if let cause = cause as? DeliveryError {
                self = cause
                return
            }
        }
        let code: Code =
            switch error.code {
            case .malformed, .unknownVersion: .malformedContent
            case .limitExceeded: .limitExceeded
            case .rules: .malformedRules
            case .notSupported: .notSupported
            case .notAuthentic, .noKey, .foreignStructure, .unsuitablePlace, .unsuitableValue, .movesToken,
                .standsAlready,
                .noMatch, .noRule, .keyPath:
                .cannotOpen
            case .nestedToken: .stillSealed
            case .plaintext: .plaintextRefused
            case .interrupted: .io
            }
        self.init(code, error.context, underlying: error)
    }

    /// What Keyrings said.
    init(keyring error: KeyringError) {
        let code: Code =
            switch error.code {
            case .malformed, .badEnvironmentName, .badMember: .malformedKeyring
            case .unsupported: .notSupported
            case .wrongEnvironment, .untrusted, .wrongBody, .forged, .cycle, .signing: .keyringRefused
            // Changes are never made here.
            case .noSuchMember, .lastMember, .lastAdmin, .unreachableThreshold, .notAnAdmin, .signedAlready,
                .conflict, .noChange:
                .keyringRefused
            case .notAMember: .noIdentity
            }
        self.init(code, error.context, underlying: error)
    }
}
