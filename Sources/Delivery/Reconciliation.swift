// Delivery: Git to target, one way.
//
//     Source -> PulledCommit -> VerifiedCommit -> OpenedTree -> DeliveryPlan -> Receipt
//
// Each is made by the stage before it alone: only what a policy approved is opened, only what was opened is
// planned, only what was planned is delivered. `Reconciliation` runs the whole of it. `FilesTarget` says where to;
// `GenerationTarget` and `SharedTarget` are its two layouts. Snapshots before a change, journal and clock are the
// caller's: Delivery is handed values and a hook.
package import Encodings
internal import Files
package import Git

/// What is called on the way, with everything that will be done. What it throws ends the run as `stoppedByHook`.
package protocol DeliveryHook: Sendable {
    /// This is the commit that the source shows; nothing is known about it yet.
    func didPull(_ commit: PulledCommit) throws
    /// This differs at targets that have their commit, and is put back when this returns.
    func willHeal(_ drift: [Drift]) throws
    /// The commit is approved, and what is sealed in it is opened when this returns: the place for the audit log.
    func willOpen(_ commit: VerifiedCommit) throws
    /// `plan` changes something, and is carried out when this returns: the place for a snapshot before the change.
    /// When it throws, no target is touched by that plan.
    func willDeliver(_ plan: DeliveryPlan) async throws
}

extension DeliveryHook {
    package func didPull(_ commit: PulledCommit) throws {}
    package func willHeal(_ drift: [Drift]) throws {}
    package func willOpen(_ commit: VerifiedCommit) throws {}
    package func willDeliver(_ plan: DeliveryPlan) async throws {}
}

/// One run from a source to its targets, all of it given as values.
package struct Reconciliation: Sendable {
    /// What is pulled.
    package let source: Source
    /// Which commits are approved.
    package let policy: SignaturePolicy
    /// With what the commit is opened.
    package let opener: TreeOpener
    /// Where to.
    package let targets: [FilesTarget]
    /// Mirrors and locks.
    package let state: SyncState
    /// The last commit of this source and branch that was delivered, out of the journal.
    package let lastTrusted: ObjectID?
    /// A commit that the operator lets the source go back to: see `PulledCommit.pull`.
    package let allowedRollback: ObjectID?
    private let hook: (any DeliveryHook)?

    /// A run over these values. Throws `targetCollision` where two targets are one directory, or one lies in the
    /// other.
    package init(
        source: Source, policy: SignaturePolicy, opener: TreeOpener, targets: [FilesTarget], state: SyncState,
        lastTrusted: ObjectID? = nil, allowedRollback: ObjectID? = nil, hook: (any DeliveryHook)? = nil
    ) throws(DeliveryError) {
        for (index, target) in targets.enumerated() {
            for other in targets[..<index] where target.overlaps(other) {
                throw DeliveryError(
                    .targetCollision, "targets \(other.directory) and \(target.directory) overlap")
            }
        }
        self.source = source
        self.policy = policy
        self.opener = opener
        self.targets = targets
        self.state = state
        self.lastTrusted = lastTrusted
        self.allowedRollback = allowedRollback
        self.hook = hook
    }

    /// Pulls, verifies and opens, as things are at `now`. Changes the mirror and the pins, no target.
    package func open(at now: Timestamp) throws(DeliveryError) -> OpenedTree {
        let lock = try state.lock(environment: opener.environment)
        defer { _ = lock }
        return try openLocked(at: now)
    }

    /// What a run would change, target by target, for `--dry-run`. Changes the mirror and the pins, no target.
    package func plan(at now: Timestamp) throws(DeliveryError) -> [DeliveryPlan] {
        let tree = try open(at: now)
        var plans: [DeliveryPlan] = []
        for target in targets { plans.append(try target.preview(tree)) }
        return plans
    }

    /// Runs the whole flow: a receipt for each target, in order.
    ///
    /// Blocks its thread while it fetches and writes. Throws what the stages throw; targets before the one that
    /// failed are then delivered, that one is as it was (see `TargetSession.deliver`).
    package func run(at now: Timestamp) async throws(DeliveryError) -> [Receipt] {
        let lock = try state.lock(environment: opener.environment)
        defer { _ = lock }
        return try await deliver(try openLocked(at: now), at: now)
    }

    /// What a poll looks for where the commit is in place already, and what it does about it.
    package struct Polling: Sendable {
        /// Commits that are not to be delivered.
        package var quarantined: Set<ObjectID>
        /// Whether the targets are looked at.
        package var looksForDrift: Bool
        /// Whether what differs there is put back.
        package var heals: Bool
        /// Whether the commit is opened and compared whatever is known to be in place.
        package var opensAlways: Bool

        /// A poll of these values.
        package init(
            quarantined: Set<ObjectID> = [], looksForDrift: Bool = false, heals: Bool = false,
            opensAlways: Bool = false
        ) {
            self.quarantined = quarantined
            self.looksForDrift = looksForDrift
            self.heals = heals
            self.opensAlways = opensAlways
        }
    }

    /// What a poll found and did.
    package enum PollOutcome: Sendable {
        /// The commit was in place; the targets were not looked at.
        case standing(ObjectID)
        /// The commit was in place, and this differs at the targets; nothing was changed.
        case looked(ObjectID, [Drift])
        /// The targets were brought to the commit; `drift` was put back by that.
        case delivered([Receipt], closedEpochs: [UInt64], drift: [Drift])
        /// The source shows this commit, which is not to be delivered.
        case quarantined(ObjectID)
    }

    /// Runs the flow as far as it is needed: what the last delivery left in place is neither opened nor written again,
    /// only verified. Throws as `run`.
    package func poll(at now: Timestamp, _ polling: Polling) async throws(DeliveryError) -> PollOutcome {
        let lock = try state.lock(environment: opener.environment)
        defer { _ = lock }
        let pulled = try pull()
        guard !polling.quarantined.contains(pulled.id) else { return .quarantined(pulled.id) }
        let verified = try VerifiedCommit.verify(pulled, policy, at: now)
        let commit = pulled.id
        var drift: [Drift] = []
        let refused = source.isFollowing ? opener.refusedEpochs : []
        if !polling.opensAlways, let standing = try state.expectation(environment: opener.environment),
            standing.covers(commit, of: source, refusedEpochs: refused, targets: targets)
        {
            guard polling.looksForDrift else { return .standing(commit) }
            drift = try standing.drift()
            guard !drift.isEmpty, polling.heals else { return .looked(commit, drift) }
            let found = drift
            try calling("before healing") { try $0.willHeal(found) }
        }
        let tree = try open(verified)
        let receipts = try await deliver(tree, at: now)
        return .delivered(receipts, closedEpochs: tree.closedEpochs, drift: drift)
    }

    private func pull() throws(DeliveryError) -> PulledCommit {
        let pulled = try PulledCommit.pull(
            source, into: state.mirror(of: source.location), lastTrusted: lastTrusted,
            allowedRollback: allowedRollback)
        try calling("after the pull") { try $0.didPull(pulled) }
        return pulled
    }

    private func openLocked(at now: Timestamp) throws(DeliveryError) -> OpenedTree {
        try open(try VerifiedCommit.verify(try pull(), policy, at: now))
    }

    private func open(_ verified: VerifiedCommit) throws(DeliveryError) -> OpenedTree {
        try calling("before opening") { try $0.willOpen(verified) }
        return try opener.open(verified)
    }

    private func calling(
        _ place: String, _ body: (any DeliveryHook) throws -> Void
    ) throws(DeliveryError) {
        guard let hook else { return }
        do {
            try body(hook)
        } catch {
            throw DeliveryError(
                .stoppedByHook, "environment \(opener.environment): stopped \(place)", underlying: error)
        }
    }

    /// A receipt for each target, in order. What is expected there is forgotten before and kept after a change.
    private func deliver(
        _ tree: OpenedTree, at now: Timestamp
    ) async throws(DeliveryError) -> [Receipt] {
        var receipts: [Receipt] = []
        for target in targets { receipts.append(try await deliver(tree, to: target, at: now)) }
        let refused = source.isFollowing ? opener.refusedEpochs : []
        // Any change would have made it forgotten: what is still known is right, and not written again.
        if let standing = try state.expectation(environment: opener.environment),
            standing.covers(tree.commit, of: source, refusedEpochs: refused, targets: targets)
        {
            return receipts
        }
        try state.setExpectation(
            Expectation(tree, path: source.path, refusedEpochs: refused, targets: targets),
            environment: opener.environment)
        return receipts
    }

    private func deliver(
        _ tree: OpenedTree, to target: FilesTarget, at now: Timestamp
    ) async throws(DeliveryError) -> Receipt {
        let session = try TargetSession.open(target, now: now)
        let plan = try session.plan(tree)
        if !plan.isEmpty, let hook {
            do {
                try await hook.willDeliver(plan)
            } catch {
                throw DeliveryError(
                    .stoppedByHook, "target \(target.directory): stopped before the change", underlying: error
                )
            }
        }
        if !plan.isEmpty { try state.setExpectation(nil, environment: opener.environment) }
        return try session.deliver(plan, at: now)
    }
}

extension FilesTarget {
    /// Whether one of the two directories is the other or lies in it, as their paths are written.
    fileprivate func overlaps(_ other: FilesTarget) -> Bool {
        let (mine, theirs) = (directory.components, other.directory.components)
        return mine.starts(with: theirs) || theirs.starts(with: mine)
    }
}
