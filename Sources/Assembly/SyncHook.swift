internal import Delivery
internal import Encodings
internal import Files
internal import Git
internal import Journal
internal import Synchronization

/// What a sync tells the journal and the audit log on its way, and the snapshot before a change.
///
/// The audit log fails closed: where a line can't be written, nothing is opened.
struct SyncHook: DeliveryHook {
    let environment: String
    let journal: JournalFile
    let audit: AuditLog
    /// Who asked for the run.
    let author: String
    let now: Timestamp
    /// Keeps what was approved.
    let approvals: ApprovedCommits
    /// Takes a snapshot; nil where none precedes a change.
    let snapshot: (@Sendable () async throws -> Void)?
    /// Whether this is the way back from a commit that failed its health check: nothing may keep it from that.
    let isReturning: Bool
    private let turn = Turn()

    /// Lets the first one through.
    private final class Turn: Sendable {
        private let isTaken = Mutex(false)

        func take() -> Bool {
            isTaken.withLock { isTaken in
                defer { isTaken = true }
                return !isTaken
            }
        }
    }

    init(
        environment: String, journal: JournalFile, audit: AuditLog, author: String, now: Timestamp,
        approvals: ApprovedCommits, snapshot: (@Sendable () async throws -> Void)?, isReturning: Bool
    ) {
        self.environment = environment
        self.journal = journal
        self.audit = audit
        self.author = author
        self.now = now
        self.approvals = approvals
        self.snapshot = snapshot
        self.isReturning = isReturning
    }

    func didApprove(_ commits: [VerifiedCommit]) throws { approvals.note(commits) }

    func didPull(_ commit: PulledCommit) throws {
        guard commit.source.isFollowing else { return }
        try journal.setWanted(
            commit.id.hex, environment: environment, source: commit.source.name, at: now)
    }

    func willHeal(_ drift: [Drift]) throws {
        try audit.append(
            AuditEvent(
                .heal,
                [
                    "environment": environment, "by": author, "count": "\(drift.count)",
                    "targets": Set(drift.map(\.target.description)).sorted().joined(separator: " ").limited,
                ]), at: now)
    }

    func willOpen(_ commit: VerifiedCommit) throws {
        try audit.append(
            AuditEvent(
                .open,
                [
                    "environment": environment, "by": author, "source": commit.pulled.source.name,
                    "commit": commit.pulled.id.hex,
                    "path": String(decoding: commit.pulled.source.path, as: UTF8.self).limited,
                ]), at: now)
    }

    func willDeliver(_ plan: DeliveryPlan) async throws {
        // Before the first delivery there is no state that a commit could bring back; and what puts the same commit in
        // place again, after drift or a reboot, takes nothing from anybody.
        guard let snapshot,
            let applied = try journal.lastApplied(environment: environment)[plan.tree.source],
            applied.commit != plan.tree.commit.hex,
            // One for all targets, before the first of them changes.
            turn.take()
        else { return }
        do {
            try await snapshot()
        } catch {
            guard !(error is CancellationError) else { throw error }
            guard isReturning else {
                throw ServiceError(
                    .noSnapshot, "no snapshot before the change: \(ScheduledBackup.words(error))",
                    underlying: error)
            }
        }
    }
}

extension String {
    /// At most 1,000 bytes of the text: what fits into a field of the audit log whatever it holds.
    var limited: String {
        guard utf8.count > 1_000 else { return self }
        var text = ""
        for character in self {
            guard text.utf8.count + character.utf8.count <= 997 else { break }
            text.append(character)
        }
        return text + "…"
    }
}
