internal import Files
internal import Keyrings
internal import SSH
internal import Sealing
internal import Sodium
internal import Trust

/// A change of a keyring in the work tree: the keyring as it is, the identities that open it, the admin who signs.
struct KeyringWork: ~Copyable {
    /// The repository.
    let checkout: Checkout
    /// The keyring before the change, trusted.
    let keyring: Keyring
    /// The caller's identities; empty where none is at hand and none is needed.
    let identities: [MemberIdentity]
    private let signer: AdminSigner
    private let trust: TrustOptions
    /// Keeps every other change of this work tree away; nil where nothing is changed.
    private let lock: TreeLock?

    /// Loads the keyring that `options` name. `needsIdentity` says that the change has to open it. Throws `refused`
    /// where the caller is no admin of it or it is not the trusted one, `locked` where another change is under way; a
    /// `dryRun` locks nothing.
    static func begin(
        _ options: KeyringOptions, needsIdentity: Bool = true, dryRun: Bool = false
    ) throws -> KeyringWork {
        let checkout = try Checkout(around: ".")
        let lock = try dryRun ? nil : TreeLock(checkout.root, .exclusive)
        let keyring = try checkout.keyring(try options.environment.name(in: checkout))
        try options.trust.verify(keyring, of: checkout, sealing: true)
        return try KeyringWork(
            checkout, keyring, options, needsIdentity: needsIdentity, admins: keyring.chain.newest.admins,
            lock: lock)
    }

    /// Work on a `keyring` that was trusted before, and read under `lock`, signed by one of `admins`; nil takes any
    /// signer.
    init(
        _ checkout: Checkout, _ keyring: Keyring, _ options: KeyringOptions, needsIdentity: Bool,
        admins: [SSHPublicKey]?, lock: consuming TreeLock?
    ) throws {
        let identities =
            needsIdentity ? try options.identities.load() : (try? options.identities.load()) ?? []
        let signer = try AdminSigner.find(
            among: admins, keyFile: options.signingKey, repository: checkout.root, identities: identities,
            of: checkout.keyringPath(keyring.environment))
        self.init(checkout, keyring, identities, signer, options.trust, lock)
    }

    private init(
        _ checkout: Checkout, _ keyring: Keyring, _ identities: [MemberIdentity],
        _ signer: consuming AdminSigner, _ trust: TrustOptions, _ lock: consuming TreeLock?
    ) {
        self.checkout = checkout
        self.keyring = keyring
        self.identities = identities
        self.signer = signer
        self.trust = trust
        self.lock = lock
    }

    /// The key that signs.
    var signerKey: SSHPublicKey { signer.publicKey }

    /// The identities of the keyring's epochs, be it through other environments.
    func opened() throws -> OpenedKeyring {
        try Failure.about(checkout.keyringPath(keyring.environment)) {
            try checkout.keyrings().open(keyring.environment, with: identities)
        }
    }

    /// Refuses to begin a change while another one waits for signatures.
    func checkNothingPends() throws {
        if let pending = pending() { throw pending }
    }

    /// Why no change can begin: another one waits for signatures, or its file can't be read. Nil where none does.
    func pending() -> Failure? {
        do {
            try refusePending()
            return nil
        } catch {
            return Failure(error)
        }
    }

    /// Whether one more signature, the caller's, is not enough for `proposal`.
    func isProposalOnly(_ proposal: KeyringProposal) -> Bool { missing(proposal) > 0 }

    /// How many admins have to sign `proposal` besides the caller.
    func missing(_ proposal: KeyringProposal) -> Int {
        max(0, proposal.missingCount - (proposal.authority.admins.contains(signer.publicKey) ? 1 : 0))
    }

    private func refusePending() throws {
        guard let pending = try checkout.proposal(keyring.environment) else { return }
        guard pending.base?.newest.fingerprint == keyring.chain.newest.fingerprint else {
            // It follows an older generation, and so will never be in force.
            return
        }
        throw Failure(
            .locked, "\(checkout.proposalPath(keyring.environment)): a proposal waits for signatures",
            hints: ["strongroom keys sign adds one; remove the file to drop it"])
    }

    /// Signs `proposal` and writes it: as the keyring where the signatures are enough, else as a proposal. Keyrings
    /// of which the environment is a member follow its new epoch. Returns the environments that have a new epoch now;
    /// nil where the change is not in force.
    @discardableResult
    func publish(_ proposal: KeyringProposal) async throws -> [String]? {
        let signature = try await signer.sign(proposal.pending.header)
        let signed = try proposal.adding(signature)
        guard signed.missingCount == 0 else {
            try propose(signed)
            return nil
        }
        let next = try signed.completed()
        try put(next)
        guard next.sealingKey != keyring.sealingKey else { return [] }
        return try await [keyring.environment] + follow(next.sealingKey)
    }

    /// Lets keyrings follow that a run which was stopped left behind: those that have this environment, or one of its
    /// hosts, as a member with an old key. Returns the environments that have a new epoch now.
    func catchUp() async throws -> [String] {
        var renewed: [String] = []
        var names = [keyring.environment]
        var seen: Set<String> = []
        while let name = names.popLast() {
            guard seen.insert(name).inserted else { continue }
            let set = try checkout.keyrings()
            if let key = set[name]?.sealingKey, !set.stale(of: name).isEmpty {
                renewed += try await follow(key)
            }
            names += try set.dependents(of: name)
        }
        return renewed
    }

    /// Reseals what the tree holds of `environments` with the caller's identities; see `TreeResealing`.
    func reseal(
        _ environments: [String], former: [String: OpenedKeyring] = [:],
        onChange: (TreeResealer.Change) -> Void
    ) throws -> TreeResealing {
        try TreeResealing(
            checkout, of: environments, with: identities, trust: trust, former: former, onChange: onChange)
    }

    /// The bodies with which other keyrings would follow the new `key` of this environment.
    func following(_ key: EnvironmentPublicKey) throws -> [(environment: String, body: KeyringBody)] {
        try checkout.keyrings().following(key, with: identities).bodies
    }

    /// Writes a proposal that needs more signatures.
    private func propose(_ proposal: KeyringProposal) throws {
        let path = checkout.proposalPath(proposal.environment)
        let root = try Directory(Path(checkout.root))
        try proposal.yaml.withBytes { try root.write($0, to: Path(path), mode: 0o644, .anyFile) }
        Console.note(
            "strongroom: \(path): generation \(proposal.pending.header.generation) waits for "
                + "\(proposal.missingCount) more of \(proposal.authority.admins.count) admins")
        Console.note("strongroom: next: commit the proposal; another admin runs strongroom keys sign")
    }

    /// Writes the keyring, removes the proposal that it came from, and pins it.
    private func put(_ next: Keyring) throws {
        let path = checkout.keyringPath(next.environment)
        let root = try Directory(Path(checkout.root))
        try next.yaml.withBytes { try root.write($0, to: Path(path), mode: 0o644, .anyFile) }
        let proposal = Path(checkout.proposalPath(next.environment))
        if try root.metadataIfPresent(of: proposal) != nil { try root.removeFile(proposal) }
        try pin(next)
        Console.note(
            "strongroom: \(path): generation \(next.generation), epoch \(next.sealingKey.epoch) is sealed to")
    }

    /// Remembers a keyring that this program wrote itself.
    func pin(_ next: Keyring) throws {
        // Without a home nothing was remembered before either, which was said then.
        guard let directory = try? Locations.pins() else { return }
        let repository = checkout.rules.repository.description
        if let error = try Pins(directory: Path(directory)).trust(next.chain, repository: repository) {
            Console.note("strongroom: the keyring could not be pinned (\(error.description)); going on")
        }
    }

    /// Gives the keyrings that depend on the environment of `key` that key and a new epoch. Returns those for which
    /// that is in force.
    private func follow(_ key: EnvironmentPublicKey) async throws -> [String] {
        var renewed: [String] = []
        let set = try checkout.keyrings()
        let following = try set.following(key, with: identities)
        for name in following.closed {
            Console.note(
                "strongroom: \(checkout.keyringPath(name)): has \(key.environment) as a member and can't be "
                    + "opened here; its own admins have to run strongroom keys rotate --environment \(name)")
        }
        for (name, body) in following.bodies {
            guard let host = set[name] else { continue }
            try trust.verify(host, of: checkout, sealing: true)
            let proposal = try KeyringProposal(after: host, body: body)
            guard proposal.authority.admins.contains(signer.publicKey) else {
                try propose(proposal)
                continue
            }
            let signed = try proposal.adding(try await signer.sign(proposal.pending.header))
            guard signed.missingCount == 0 else {
                try propose(signed)
                continue
            }
            try put(try signed.completed())
            renewed.append(name)
        }
        return renewed
    }
}

extension AdminSigner {
    /// The signer who is one of `admins` (nil: anybody): `keyFile` or git's key as `find` has them, else the key of
    /// one of `identities`. Throws `refused` where none of them is an admin.
    static func find(
        among admins: [SSHPublicKey]?, keyFile: String?, repository: String,
        identities: [MemberIdentity], of subject: String
    ) throws -> AdminSigner {
        let first = try find(keyFile: keyFile, repository: repository, identity: identities.first)
        guard let admins, !admins.contains(first.publicKey) else { return first }
        if keyFile == nil {
            for identity in identities {
                let key = SigningKey(of: identity)
                if admins.contains(key.publicKey) { return .key(key) }
            }
        }
        throw Failure(
            .refused, "\(subject): \(first.publicKey.fingerprint) is no admin of it",
            hints: ["its admins: " + admins.map(\.fingerprint).joined(separator: ", ")])
    }

    /// The SSH public key that `text` is, or that stands in the file `text`.
    static func publicKey(_ text: String) throws -> SSHPublicKey {
        guard !text.hasPrefix("ssh-") else {
            return try Failure.about("--admin") { try SSHPublicKey(text: text) }
        }
        return try Failure.about(text) {
            let path = Path(text)
            return try SSHPublicKey(text: try Directory(path.parent).read(path.name, limit: 1 << 16))
        }
    }
}
