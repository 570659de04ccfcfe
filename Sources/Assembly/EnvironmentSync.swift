package import Delivery
package import Encodings
internal import Files
package import Git
package import Journal
package import Keyrings
internal import Sealing
package import Settings
internal import Trust

/// One environment's sync, put together from the settings or from the command line: what Delivery needs as values,
/// the journal that remembers how it went, and the audit log that says what was opened.
package struct EnvironmentSync: Sendable {
    /// What a run is told besides the environment's settings.
    package struct Request: Sendable {
        /// The environment as the settings have it, or as the command line describes it.
        package var environment: EnvironmentSettings
        /// The directory of mirrors, locks, journal and audit log.
        package var state: String
        /// The directory of pins.
        package var pins: String
        /// Who asks, for the audit log.
        package var author: String
        /// The clocks by which windows are kept.
        package var zone: ZoneRules
        /// Journal and audit log, where they are open already; else each run opens them.
        package var memory: StateMemory?
        /// The commit that the source may go back to, where a person said so.
        package var rollback: RollbackOverride?
        /// The process that fetches; nil fetches directories of this machine alone, in this process.
        package var process: FetchProcess?
        /// The user of this process (geteuid(2)), who alone may read private keys.
        package var user: UInt32 = 0

        /// A request of these values.
        package init(
            environment: EnvironmentSettings, state: String, pins: String, author: String,
            zone: ZoneRules = .utc, memory: StateMemory? = nil, rollback: RollbackOverride? = nil,
            process: FetchProcess? = nil, user: UInt32 = 0
        ) {
            self.environment = environment
            self.state = state
            self.pins = pins
            self.author = author
            self.zone = zone
            self.memory = memory
            self.rollback = rollback
            self.process = process
            self.user = user
        }
    }

    /// How far a run goes.
    package enum Mode: Sendable, Equatable {
        /// Opens the commit and compares it with the targets.
        case full
        /// Leaves what is in place alone; with `looking`, looks whether it still stands as it was delivered.
        case poll(looking: Bool)
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
        package var lines: [String] = []
        /// The same with keyed digests, and with the values of documents that differ.
        package var diff: [String] = []
    }

    /// A commit that counts together with the delivered one.
    package struct CompanionCommit: Sendable, Equatable {
        /// The source's name.
        package let source: String
        /// The commit, 40 hexadecimal digits.
        package let commit: String
    }

    /// What became of a run.
    package struct Report: Sendable {
        /// The commit that stands at the targets now, 40 hexadecimal digits.
        package var commit: String
        /// The source's name.
        package var source: String
        /// The sources that were approved together with it.
        package var companions: [CompanionCommit] = []
        /// One for each target, in order; none where the targets were not opened for.
        package var results: [Result] = []
        /// What was not delivered, and what is to be known about the keyring.
        package var notices: [String] = []
        /// What differs at the targets, as `changed /srv/app/a.yaml`; it was put back where `isHealed`.
        package var drift: [String] = []
        /// Those of `drift` that were not known before.
        package var freshDrift: [String] = []
        /// Whether drift was put back.
        package var isHealed = false
        /// What failed of the health check; empty where all passed or nothing was asked.
        package var ailments: [String] = []
        /// Why the source's newest commit is not the one that stands; nil where it is.
        package var whyNot: String?

        /// Why the source could not be followed, where what was approved before was seen to all the same.
        package var failure: DeliveryError?
        /// Whether what `commit` says stands at the targets, as far as this run looked.
        package var isStanding = true

        /// Whether this very run went back from a commit that failed its health check.
        package var wentBack = false

        /// Whether anything was changed.
        package var isChange: Bool { results.contains(where: \.isChange) }
    }

    let request: Request
    private let identities: [MemberIdentity]
    private let signers: @Sendable (String) throws -> [UInt8]
    private let snapshot: (@Sendable () async throws -> Void)?
    /// Where credentials of units are served from in this process; nil where nobody does.
    private let credentials: CredentialStore?

    /// A sync for `request` with a member's `identities`; `signers` reads an allowed-signers or keyring file, `snapshot`
    /// is called before each change of the targets. Without `credentials` the targets of that kind are left out, and
    /// that is said.
    package init(
        _ request: Request, identities: [MemberIdentity], credentials: CredentialStore? = nil,
        signers: @escaping @Sendable (String) throws -> [UInt8],
        snapshot: (@Sendable () async throws -> Void)? = nil
    ) {
        self.request = request
        self.identities = identities
        self.signers = signers
        self.snapshot = snapshot
        self.credentials = credentials
    }

    /// The environment's name.
    var name: String { request.environment.name }

    /// What a run would change now. Fetches, verifies and opens; touches no target.
    package func plan(at now: Timestamp) throws -> Report {
        let parts = try SyncParts(request)
        let held = try parts.journal.hold(environment: name)
        let plans = try reconciliation(parts, at: held?.commit, now).plan(at: now)
        let tree = plans.first?.tree
        var report = Report(
            commit: tree.map { "\($0.commit)" } ?? "", source: tree?.source ?? "",
            companions: parts.approvals.companions,
            results: plans.map { plan in
                Result(
                    target: plan.target.name, isChange: !plan.isEmpty, summary: plan.summary,
                    lines: plan.lines, diff: plan.diff)
            }, notices: (tree?.notices ?? []) + plans.flatMap(\.notices) + leftOut)
        if let order = try parts.journal.suspension(environment: name) {
            report.whyNot =
                "suspended by \(order.author): nothing is delivered until strongroom resume \(name)"
        } else if let held {
            report.whyNot = "held by \(held.order.author): \(held.order.reason)"
        } else if let bad = try parts.journal.quarantined(
            report.commit, environment: name, source: report.source)
        {
            report.whyNot = "quarantined and not delivered: \(bad.reason)"
        }
        return report
    }

    /// Runs once and records the outcome in the journal, a failure too.
    ///
    /// A commit that is held by hand is delivered in place of the source's; where the source's is quarantined, the last
    /// good one stays. A delivery that fails its health check is gone back from. Where a poll can't follow the source, drift
    /// is put back and credentials are served as the last good commit says, from the mirror; the report's `failure` says
    /// why. Where the environment is to be left
    /// alone, a poll says so and does nothing. Throws what Delivery throws, `suspended` for a full run then (`restoreCutOff` and
    /// `locked` where a restore in place has not come to its end), and
    /// `unhealthy` where there is no commit to go back to, `CancellationError` once the task is cancelled.
    package func run(at now: Timestamp, _ mode: Mode = .full) async throws -> Report {
        let parts = try SyncParts(request)
        if let order = try parts.journal.suspension(environment: name) {
            let words = "suspended by \(order.author) at \(order.time.toSecond): \(order.reason)"
            // A service goes on asking; who asks by hand is told.
            guard mode != .full else {
                // Suspended by a restore in place that was cut off: no resume ends that.
                if let restore = try StandingRestore(environment: name, state: request.state) {
                    throw ServiceError(
                        restore.isUnderWay ? .locked : .restoreCutOff, "\(name): not synced: \(restore.words)"
                    )
                }
                throw DeliveryError(.suspended, "\(name): \(words)")
            }
            let applied = try parts.journal.lastApplied(environment: name)[parts.settings.name]?.commit
            var report = Report(commit: applied ?? "", source: parts.settings.name, whyNot: words)
            report.isStanding = false
            return report
        }
        let held = try parts.journal.hold(environment: name)
        let first = try reconciliation(parts, at: held?.commit, now)
        if let rollback = request.rollback, let mark = first.lastTrusted {
            try rollback.record(
                environment: name, source: first.source, from: mark, state: request.state, parts.journal,
                at: now)
        }
        var run = SyncRun(self, parts, first, now, mode, isHeld: held != nil)
        do {
            var report = try await run.report()
            if let held {
                report.whyNot = "held by \(held.order.author): \(held.order.reason)"
                try noteShown(parts, at: now)
            }
            return report
        } catch let error as DeliveryError {
            // What was cut off by the end of the service says nothing about the source.
            guard !Task.isCancelled else { throw CancellationError() }
            // Another sync of this environment says itself how it ends.
            if !run.isRecorded, error.code != .locked { try? run.record(error) }
            throw error
        }
    }

    /// Keeps what the sources show while other commits are held: it was fetched with those.
    private func noteShown(_ parts: SyncParts, at now: Timestamp) throws {
        for settings in request.environment.sources {
            let source = try Source(settings)
            let mirror = SyncState(directory: Path(request.state)).mirror(of: source.location)
            guard source.isFollowing, let shown = try? PulledCommit.recall(source, from: mirror) else {
                continue
            }
            try parts.journal.setWanted(shown.id.hex, environment: name, source: source.name, at: now)
        }
    }

    /// What is said where credentials have nobody to serve them.
    var leftOut: [String] {
        guard credentials == nil else { return [] }
        return request.environment.targets.compactMap { target in
            guard case .credentials(let settings) = target else { return nil }
            return "target \(settings.socket): credentials are served by 'serve' and 'credentials' alone"
        }
    }

    /// The targets that this process can deliver to.
    private func targets() throws -> [Target] {
        try request.environment.targets.compactMap { settings in
            if case .credentials = settings, credentials == nil { return nil }
            return try Target(settings, store: credentials)
        }
    }

    /// What differs at the targets now, kept in the journal too. Opens nothing and changes nothing.
    ///
    /// Throws `unusableRequest` where nothing is known of what was delivered, `locked` while a sync runs.
    package func drift(at now: Timestamp) throws -> [DriftRecord] {
        let parts = try SyncParts(request)
        let state = SyncState(directory: Path(request.state))
        let lock = try state.lock(environment: name)
        defer { _ = lock }
        let targets = try targets()
        guard let standing = try state.expectation(environment: name) else {
            throw DeliveryError(
                .unusableRequest, "\(name): what was delivered is not known here: it is after the next sync")
        }
        let found = try standing.drift(at: targets).map { item in
            DriftRecord(
                target: item.target.description, path: item.path.description, kind: item.kind.rawValue,
                evidence: item.evidence, since: now)
        }
        _ = try parts.journal.setDrift(found, environment: name, at: now)
        let known = try parts.journal.drift(environment: name)
        let message =
            found.isEmpty ? "" : "\(found.count) \(found.count == 1 ? "path differs" : "paths differ")"
        try parts.journal.record(
            RunRecord(
                environment: name, kind: .drift, time: now, outcome: found.isEmpty ? .good : .bad,
                message: message))
        return known
    }

    /// The flow with these values. `commit` is delivered in place of what the source follows, where it is given, and
    /// the other sources then stay at the commits that were in place with it. `isRecalling` asks no source;
    /// with `isReturning` a snapshot that can't be taken keeps nothing back.
    func reconciliation(
        _ parts: SyncParts, at commit: String?, _ now: Timestamp, isRecalling: Bool = false,
        isReturning: Bool = false
    ) throws -> Reconciliation {
        let delivered = try followed(parts.settings, at: commit, parts.journal)
        let together = try commit.map {
            try parts.journal.companions(of: $0, source: parts.settings.name, environment: name)
        }
        let companions = try request.environment.companionSources.map {
            try followed($0, at: together?[$0.name], parts.journal)
        }
        let (mark, allowed) = try bounds(of: delivered, heldAt: commit, parts)
        let targets = try targets()
        guard !targets.isEmpty else {
            throw DeliveryError(.unusableRequest, "\(name): no target to deliver to")
        }
        let trusted = request.environment.trustRoot
        let root = trusted.isEmpty ? nil : try Fingerprint(text: Hex.encode(trusted))
        let repository = request.environment.repository
        let closed = try parts.journal.closedEpochs(environment: name)
        let refused = closed.filter { now.seconds - $0.value.seconds > request.environment.epochGraceSeconds }
        let opener = try TreeOpener(
            environment: name, repository: repository.isEmpty ? nil : try RepositoryID(repository),
            trust: try KeyringTrust(root: root, pins: Pins(directory: Path(request.pins))),
            refusedEpochs: Set(refused.keys),
            renderings: try parts.settings.rendering.map { [parts.settings.name: try Rendering($0)] } ?? [:],
            identities: identities)
        return try Reconciliation(
            source: delivered.source, policy: delivered.policy, opener: opener, targets: targets,
            state: SyncState(directory: Path(request.state)), mark: mark,
            allowedRollback: allowed, fetching: delivered.fetching,
            companions: companions, maximumLoss: request.environment.maximumLoss,
            isRecalling: isRecalling,
            hook: SyncHook(
                environment: name, journal: parts.journal, audit: parts.audit, author: request.author,
                now: now, approvals: parts.approvals, snapshot: snapshot, isReturning: isReturning))
    }

    /// The mark that `source` must not fall behind, and the commit that it may go back to all the same. What is held by
    /// hand goes by the mark of what the source follows, but for commits that were good here before.
    private func bounds(
        of source: Companion, heldAt commit: String?, _ parts: SyncParts
    ) throws -> (mark: HighWaterMark?, allowed: ObjectID?) {
        let override = { try request.rollback?.id(for: source.source) }
        guard let commit else { return (source.mark, try override()) }
        let mark = try mark(of: Source(parts.settings), parts.journal)
        let good = try parts.journal.goodCommits(environment: name, source: parts.settings.name)
        return (mark, try good.contains(commit) ? ObjectID(hex: commit) : override())
    }

    /// The last commit of what `source` follows that was delivered.
    private func mark(of source: Source, _ journal: JournalFile) throws -> HighWaterMark? {
        let url = source.location.description
        let commit = try journal.mark(environment: name, source: source.name, url: url, ref: source.ref)
        let tag = try journal.markedTag(environment: name, source: source.name, url: url, ref: source.ref)
        return try commit.map { commit in
            HighWaterMark(commit: try ObjectID(hex: commit), tag: try tag.map { try ReferenceName($0) })
        }
    }

    /// A source with its policy, its high-water mark and what it is fetched with; `commit` in place of what it follows.
    private func followed(
        _ settings: SourceSettings, at commit: String? = nil, _ journal: JournalFile
    ) throws -> Companion {
        var settings = settings
        if let commit { settings.revision = .commit(commit) }
        let source = try Source(settings)
        let mark = try mark(of: source, journal)
        let access = SourceAccess(process: request.process, identities: identities, user: request.user)
        return Companion(
            source: source, policy: try SignaturePolicy(settings.verification, signers), mark: mark,
            fetching: try access.options(settings.access))
    }
}
