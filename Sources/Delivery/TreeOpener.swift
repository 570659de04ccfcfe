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
    private let identities: [MemberIdentity]

    /// An opener for `environment` with a member's `identities`. Throws `unusableRequest` for a name that no
    /// environment has.
    package init(
        environment: String, repository: RepositoryID? = nil, trust: KeyringTrust,
        refusedEpochs: Set<UInt64> = [], identities: [MemberIdentity]
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
        self.identities = identities
    }

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
    /// `stillSealed`, `epochClosed`, `notSupported`, `limitExceeded`, and `emptyTree` where nothing would be delivered.
    package func open(_ verified: VerifiedCommit) throws(DeliveryError) -> OpenedTree {
        let blobs = BlobReader(verified)
        let rules = try readRules(blobs)
        let (keyring, closed, notices) = try openKeyring(blobs, rules)
        let refused = blobs.source.isFollowing ? refusedEpochs.intersection(closed) : []
        let files = FileOpener(
            blobs: blobs, rules: rules, keyring: keyring.without(refused), digest: ContentDigest())
        let outdated = ClosedEpochs(environment: environment, repository: rules.repository, numbers: closed)
        var opened: [OpenedFile] = []
        var remarks: [String] = []
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
                opened.append(try files.open(entry))
            }
        }
        guard !opened.isEmpty else {
            throw DeliveryError(.emptyTree, "\(blobs.place([])): nothing to deliver")
        }
        let source = verified.pulled.source
        return OpenedTree(
            source: source.name, environment: environment, commit: verified.pulled.id, files: opened,
            notices: notices + remarks, closedEpochs: closed, digest: files.digest)
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
        if error.code == .interrupted, let cause = error.underlying as? DeliveryError {
            self = cause
            return
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
