// Delivery: Git to target, one way.
//
//     Source -> PulledCommit -> VerifiedCommit -> OpenedTree -> DeliveryPlan -> Receipt
//
// Each is made by the stage before it alone: only what a policy approved is opened, only what was opened is
// planned, only what was planned is delivered. `Reconciliation` runs the whole of it. `Target` says where to: a
// directory in one of two layouts (`GenerationTarget`, `SharedTarget`), a program (`CommandExchange`), credentials of
// systemd's units (`CredentialServer`); `TargetContents` chooses and makes files of values for it. Snapshots before a
// change, journal and clock are the caller's: Delivery is handed values and a hook.
package import Encodings
internal import Files
package import Git
internal import Glibc

/// What is called on the way, with everything that will be done. What it throws ends the run as `stoppedByHook`.
package protocol DeliveryHook: Sendable {
    /// These commits are approved, the delivered source's first, then those of its companions.
    func didApprove(_ commits: [VerifiedCommit]) throws
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
    package func didApprove(_ commits: [VerifiedCommit]) throws {}
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
    package let targets: [Target]
    /// Mirrors and locks.
    package let state: SyncState
    /// The last commit of this source and branch that was delivered, out of the journal.
    package var lastTrusted: ObjectID? { mark?.commit }
    /// That commit with its tag.
    package let mark: HighWaterMark?
    /// A commit that the operator lets the source go back to: see `PulledCommit.pull`.
    package let allowedRollback: ObjectID?
    /// With what the source is fetched.
    package let fetching: FetchOptions
    /// Sources whose commits count together with this one's.
    package let companions: [Companion]
    /// The share in per cent of files or objects that may vanish from the source without a commit that confirms it.
    package let maximumLoss: Int
    /// Whether the sources are left alone: their commits are taken as the mirrors have them.
    package let isRecalling: Bool
    private let hook: (any DeliveryHook)?

    /// A run over these values. `mark` takes the place of `lastTrusted` where a tag or version is followed. Throws
    /// `targetCollision` where two targets are one directory, or one lies in the other, and `unusableRequest` where two
    /// sources have one name.
    package init(
        source: Source, policy: SignaturePolicy, opener: TreeOpener, targets: [Target], state: SyncState,
        lastTrusted: ObjectID? = nil, mark: HighWaterMark? = nil, allowedRollback: ObjectID? = nil,
        fetching: FetchOptions = FetchOptions(), companions: [Companion] = [], maximumLoss: Int = 100,
        isRecalling: Bool = false, hook: (any DeliveryHook)? = nil
    ) throws(DeliveryError) {
        guard Set(companions.map(\.source.name) + [source.name]).count == companions.count + 1 else {
            throw DeliveryError(.unusableRequest, "two sources of one name")
        }
        for (index, target) in targets.enumerated() {
            for other in targets[..<index] where target.overlaps(other) {
                throw DeliveryError(
                    .targetCollision, "targets \(other.name) and \(target.name) overlap")
            }
        }
        self.source = source
        self.policy = policy
        self.opener = opener
        self.targets = targets
        self.state = state
        self.mark = mark ?? lastTrusted.map { HighWaterMark(commit: $0) }
        self.allowedRollback = allowedRollback
        self.fetching = fetching
        self.companions = companions
        self.maximumLoss = maximumLoss
        self.isRecalling = isRecalling
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
        for target in targets {
            plans.append(try target.preview(tree.arranged(for: target.contents)).withEvidence())
        }
        return plans
    }

    /// Runs the whole flow: a receipt for each target, in order.
    ///
    /// Blocks its thread while it fetches and writes. Throws what the stages throw. Where that is before the first target
    /// is changed, as for all that a commit or a target refuses, none is; else targets before the one that failed are
    /// delivered, and that one is as it was (see `TargetSession.deliver`). With `reloadFailed` all are delivered.
    package func run(at now: Timestamp) async throws(DeliveryError) -> [Receipt] {
        let lock = try state.lock(environment: opener.environment)
        defer { _ = lock }
        let tree = try openLocked(at: now)
        return try await deliver(tree, at: now)
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
        let verified = try whole(pulled) { pulled, isAgain throws(DeliveryError) in
            try approve(pulled, at: now, isAgain)
        }
        let commit = pulled.id
        var drift: [Drift] = []
        let refused = source.isFollowing ? opener.refusedEpochs : []
        if !polling.opensAlways, let standing = try state.expectation(environment: opener.environment),
            standing.covers(
                commit, of: source, refusedEpochs: refused, targets: targets,
                rendering: opener.renderings[source.name])
        {
            guard polling.looksForDrift else { return .standing(commit) }
            drift = try standing.drift(at: targets)
            guard !drift.isEmpty, polling.heals else { return .looked(commit, drift) }
            let found = drift
            try calling("before healing") { try $0.willHeal(found) }
        }
        let tree = try whole(verified.pulled) { pulled, isAgain throws(DeliveryError) in
            try open(isAgain ? approve(pulled, at: now, isAgain) : verified)
        }
        let receipts = try await deliver(tree, at: now)
        return .delivered(receipts, closedEpochs: tree.closedEpochs, drift: drift)
    }

    private func pull(rebuilding: Bool = false) throws(DeliveryError) -> PulledCommit {
        guard !isRecalling else {
            return try PulledCommit.recall(source, from: state.mirror(of: source.location), mark: mark)
        }
        let pulled = try waiting(for: source) { () throws(DeliveryError) in
            try PulledCommit.pull(
                source, into: state.mirror(of: source.location), mark: mark, allowedRollback: allowedRollback,
                rebuilding: rebuilding, fetching)
        }
        try calling("after the pull") { try $0.didPull(pulled) }
        return pulled
    }

    /// Verifies the commit, and pulls and verifies those of the companions: all are approved, or none.
    private func approve(
        _ pulled: PulledCommit, at now: Timestamp, _ isAgain: Bool
    ) throws(DeliveryError) -> VerifiedCommit {
        let verified = try VerifiedCommit.verify(pulled, policy, at: now)
        var all = [verified]
        for companion in companions {
            let other = try pull(companion, isAgain)
            all.append(try VerifiedCommit.verify(other, companion.policy, at: now))
        }
        try calling("after the approval") { try $0.didApprove(all) }
        return verified
    }

    private func pull(
        _ companion: Companion, _ isAgain: Bool
    ) throws(DeliveryError) -> PulledCommit {
        let (source, mark) = (companion.source, companion.mark)
        let mirror = state.mirror(of: source.location)
        guard !isRecalling else { return try PulledCommit.recall(source, from: mirror, mark: mark) }
        let pulled = try waiting(for: source) { () throws(DeliveryError) in
            try PulledCommit.pull(source, into: mirror, mark: mark, rebuilding: isAgain, companion.fetching)
        }
        try calling("after the pull") { try $0.didPull(pulled) }
        return pulled
    }

    /// Runs `body`, and once more over mirrors that are made anew where what it met in a mirror is damaged.
    private func whole<Value>(
        _ pulled: PulledCommit,
        _ body: (_ pulled: PulledCommit, _ isAgain: Bool) throws(DeliveryError) -> Value
    ) throws(DeliveryError) -> Value {
        do throws(DeliveryError) {
            return try body(pulled, false)
        } catch {
            guard error.isDamage, !isRecalling else { throw error }
            return try body(pull(rebuilding: true), true)
        }
    }

    /// Waits up to half a minute where another environment fetches from the same repository: they share its mirror.
    private func waiting<Value>(
        for source: Source, _ pull: () throws(DeliveryError) -> Value
    ) throws(DeliveryError) -> Value {
        for _ in 0..<150 {
            do throws(DeliveryError) {
                return try pull()
            } catch {
                guard error.code == .locked, !Task.isCancelled else { throw error }
                usleep(200_000)
            }
        }
        throw DeliveryError(
            .locked, "source \(source.name): another process fetches from \(source.location) all the time")
    }

    private func openLocked(at now: Timestamp) throws(DeliveryError) -> OpenedTree {
        try whole(pull()) { pulled, isAgain throws(DeliveryError) in
            try open(approve(pulled, at: now, isAgain))
        }
    }

    private func open(_ verified: VerifiedCommit) throws(DeliveryError) -> OpenedTree {
        try calling("before opening") { try $0.willOpen(verified) }
        let tree = try opener.open(verified)
        // A commit that somebody chose is what he wants; a head may be an accident.
        let known =
            source.isFollowing
            ? try state.inventory(environment: opener.environment, source: source.name) ?? [] : tree.units
        try LossGuard(maximumLoss: maximumLoss, environment: opener.environment).check(
            tree, after: known, verified)
        return tree
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

    /// A receipt for each target, in order. All are planned before the first is changed, so that what one refuses keeps
    /// all as they are. What is expected there is forgotten before and kept after a change.
    private func deliver(
        _ tree: OpenedTree, at now: Timestamp
    ) async throws(DeliveryError) -> [Receipt] {
        let trees = try targets.map { (target) throws(DeliveryError) in
            try tree.arranged(for: target.contents)
        }
        var sessions: [HeldSession] = []
        var plans: [DeliveryPlan] = []
        for (target, tree) in zip(targets, trees) {
            let session = HeldSession(try TargetSession.open(target, now: now))
            sessions.append(session)
            plans.append(try session.plan(tree))
        }
        var receipts: [Receipt] = []
        var failure: DeliveryError?
        for (session, plan) in zip(sessions, plans) {
            if !plan.isEmpty {
                try await willDeliver(plan)
                try state.setExpectation(nil, environment: opener.environment)
            }
            do throws(DeliveryError) {
                receipts.append(try session.deliver(plan, at: now))
            } catch {
                // That target has what it is to have: no reason to keep it from the others.
                guard error.code == .reloadFailed else { throw error }
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        let refused = source.isFollowing ? opener.refusedEpochs : []
        if try state.inventory(environment: opener.environment, source: source.name) != tree.units {
            try state.setInventory(tree.units, environment: opener.environment, source: source.name)
        }
        // Any change would have made it forgotten: what is still known is right, and not written again.
        if let standing = try state.expectation(environment: opener.environment),
            standing.covers(
                tree.commit, of: source, refusedEpochs: refused, targets: targets,
                rendering: opener.renderings[source.name])
        {
            return receipts
        }
        try state.setExpectation(
            Expectation(
                tree, path: source.path, refusedEpochs: refused, plans: plans,
                rendering: opener.renderings[source.name]),
            environment: opener.environment)
        return receipts
    }

    private func willDeliver(_ plan: DeliveryPlan) async throws(DeliveryError) {
        guard let hook else { return }
        do {
            try await hook.willDeliver(plan)
        } catch {
            throw DeliveryError(
                .stoppedByHook, "target \(plan.target.name): stopped before the change", underlying: error)
        }
    }
}
