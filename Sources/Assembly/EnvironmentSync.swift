internal import Delivery
package import Encodings
internal import Files
package import Git
internal import Journal
package import Keyrings
internal import Sealing
package import Settings
internal import Trust

/// One environment's sync, put together from the settings or from the command line: what Delivery needs as values,
/// and the journal that remembers how it went.
package struct EnvironmentSync: Sendable {
    /// What a run is told besides the environment's settings.
    package struct Request: Sendable {
        /// The environment as the settings have it, or as the command line describes it.
        package var environment: EnvironmentSettings
        /// The directory of mirrors, locks and journal.
        package var state: String
        /// The directory of pins.
        package var pins: String
        /// The commit that the source may go back to, where a person said so.
        package var rollback: RollbackOverride?
        /// The process that fetches; nil fetches directories of this machine alone, in this process.
        package var process: FetchProcess?
        /// The user of this process (geteuid(2)), who alone may read private keys.
        package var user: UInt32 = 0

        /// A request of these values.
        package init(
            environment: EnvironmentSettings, state: String, pins: String, rollback: RollbackOverride? = nil
        ) {
            self.environment = environment
            self.state = state
            self.pins = pins
            self.rollback = rollback
        }
    }

    /// What became of one target.
    package struct Result: Sendable, Equatable {
        /// The target's directory.
        package let target: String
        /// Whether anything was changed, or would be.
        package let isChange: Bool
        /// The counts in words.
        package let summary: String
        /// A line for each file that changes.
        package let lines: [String]
    }

    /// A commit that counts together with the delivered one.
    package struct CompanionCommit: Sendable, Equatable {
        /// The source's name.
        package let source: String
        /// The commit, 40 hexadecimal digits.
        package let commit: String
    }

    /// What became of a run.
    package struct Report: Sendable, Equatable {
        /// The commit, 40 hexadecimal digits.
        package let commit: String
        /// The source's name.
        package let source: String
        /// The sources that were approved together with it.
        package let companions: [CompanionCommit]
        /// One for each target, in order.
        package let results: [Result]
        /// What was not delivered, and what is to be known about the keyring.
        package let notices: [String]
    }

    private let request: Request
    private let identities: [MemberIdentity]
    private let signers: @Sendable (String) throws -> [UInt8]

    /// A sync for `request` with a member's `identities`; `signers` reads an allowed-signers or keyring file.
    package init(
        _ request: Request, identities: [MemberIdentity],
        signers: @escaping @Sendable (String) throws -> [UInt8]
    ) {
        self.request = request
        self.identities = identities
        self.signers = signers
    }

    /// What a run would change now. Fetches, verifies and opens; touches no target.
    package func plan(at now: Timestamp) throws -> Report {
        let approvals = ApprovedCommits()
        let (reconciliation, _) = try prepare(approvals)
        let plans = try reconciliation.plan(at: now)
        let tree = plans.first?.tree
        return Report(
            commit: tree.map { "\($0.commit)" } ?? "", source: tree?.source ?? "",
            companions: approvals.companions,
            results: plans.map { plan in
                Result(
                    target: plan.target.directory.description, isChange: !plan.isEmpty, summary: plan.summary,
                    lines: plan.lines)
            }, notices: tree?.notices ?? [])
    }

    /// Runs once and records the outcome in the journal, a failure too.
    package func run(at now: Timestamp) async throws -> Report {
        let approvals = ApprovedCommits()
        let (reconciliation, journal) = try prepare(approvals)
        let source = reconciliation.source
        func record(_ outcome: SyncRecord.Outcome, _ commit: String?, _ message: String) throws {
            var syncs = [
                (
                    sync: SyncRecord(
                        environment: request.environment.name, source: source.name,
                        url: source.location.description, ref: source.ref, commit: commit, time: now,
                        outcome: outcome, message: message), isMarking: source.isFollowing
                )
            ]
            if commit != nil {
                syncs[0].sync.tag = approvals.tag
                syncs += approvals.records(request.environment.name, now, outcome)
            }
            try journal.record(syncs)
        }
        if let rollback = request.rollback, let mark = reconciliation.lastTrusted {
            try rollback.record(
                environment: request.environment.name, source: source, from: mark, state: request.state,
                journal,
                at: now)
        }
        let receipts: [Receipt]
        do throws(DeliveryError) {
            receipts = try await reconciliation.run(at: now)
        } catch {
            try? record(error.category == .refused ? .refused : .failed, nil, error.context)
            throw error
        }
        let commit = receipts.first.map { "\($0.commit)" } ?? ""
        let isChange = receipts.contains { $0.outcome == .applied }
        try record(isChange ? .applied : .unchanged, commit, receipts.map(\.summary).joined(separator: "; "))
        return Report(
            commit: commit, source: source.name, companions: approvals.companions,
            results: receipts.map { receipt in
                Result(
                    target: receipt.target.description, isChange: receipt.outcome == .applied,
                    summary: receipt.summary, lines: [])
            }, notices: receipts.first?.notices ?? [])
    }

    private func prepare(_ approvals: ApprovedCommits) throws -> (Reconciliation, JournalFile) {
        guard let settings = request.environment.sources.first(where: \.isDelivered) else {
            throw DeliveryError(.unusableRequest, "\(request.environment.name): no source")
        }
        _ = try Directory.makePath(Path(request.state))
        let journal = try JournalFile.open(request.state + "/journal.sqlite")
        let delivered = try followed(settings, journal)
        let companions = try request.environment.sources.filter { !$0.isDelivered }.map {
            try followed($0, journal)
        }
        let targets = try request.environment.targets.map { try FilesTarget($0) }
        guard !targets.isEmpty else {
            throw DeliveryError(.unusableRequest, "\(request.environment.name): no target to deliver to")
        }
        let trusted = request.environment.trustRoot
        let root = trusted.isEmpty ? nil : try Fingerprint(text: Hex.encode(trusted))
        let repository = request.environment.repository
        let opener = try TreeOpener(
            environment: request.environment.name,
            repository: repository.isEmpty ? nil : try RepositoryID(repository),
            trust: try KeyringTrust(root: root, pins: Pins(directory: Path(request.pins))),
            identities: identities)
        let reconciliation = try Reconciliation(
            source: delivered.source, policy: delivered.policy, opener: opener, targets: targets,
            state: SyncState(directory: Path(request.state)), mark: delivered.mark,
            allowedRollback: try request.rollback?.id(for: delivered.source), fetching: delivered.fetching,
            companions: companions, hook: approvals)
        return (reconciliation, journal)
    }

    /// A source with its policy, its high-water mark and what it is fetched with.
    private func followed(_ settings: SourceSettings, _ journal: JournalFile) throws -> Companion {
        let source = try Source(settings)
        let place = (
            environment: request.environment.name, source: source.name, url: source.location.description,
            ref: source.ref
        )
        let commit = try journal.mark(
            environment: place.environment, source: place.source, url: place.url, ref: place.ref)
        let tag = try journal.markedTag(
            environment: place.environment, source: place.source, url: place.url, ref: place.ref)
        let mark = try commit.map { commit in
            HighWaterMark(commit: try ObjectID(hex: commit), tag: try tag.map { try ReferenceName($0) })
        }
        let access = SourceAccess(process: request.process, identities: identities, user: request.user)
        return Companion(
            source: source, policy: try SignaturePolicy(settings.verification, signers), mark: mark,
            fetching: try access.options(settings.access))
    }
}

extension FilesTarget {
    /// The target that `settings` describe; names of users and groups are looked up here.
    init(_ settings: FilesTargetSettings) throws {
        let layout: Layout = settings.layout == .generation ? .generation : .files
        try self.init(
            directory: Path(settings.directory), layout: layout, mode: settings.mode,
            owner: try Accounts.owner(user: settings.owner, group: settings.group))
    }
}
