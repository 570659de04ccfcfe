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

/// What is called before the first change of a run, with everything that will be done: the place for a snapshot
/// before the change. What it throws ends the run as `stoppedByHook`, with no target touched by that plan.
package protocol DeliveryHook: Sendable {
    /// `plan` changes something, and is carried out when this returns.
    func willDeliver(_ plan: DeliveryPlan) async throws
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
    private let hook: (any DeliveryHook)?

    /// A run over these values. Throws `targetCollision` where two targets are one directory, or one lies in the
    /// other.
    package init(
        source: Source, policy: SignaturePolicy, opener: TreeOpener, targets: [FilesTarget], state: SyncState,
        lastTrusted: ObjectID? = nil, hook: (any DeliveryHook)? = nil
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
        let tree = try openLocked(at: now)
        var receipts: [Receipt] = []
        for target in targets { receipts.append(try await deliver(tree, to: target, at: now)) }
        return receipts
    }

    private func openLocked(at now: Timestamp) throws(DeliveryError) -> OpenedTree {
        let mirror = state.mirror(of: source.location)
        let pulled = try PulledCommit.pull(source, into: mirror, lastTrusted: lastTrusted)
        return try opener.open(try VerifiedCommit.verify(pulled, policy, at: now))
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
