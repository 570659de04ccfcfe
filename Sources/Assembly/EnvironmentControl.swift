internal import Delivery
package import Encodings
internal import Files
internal import Git
package import Journal
package import Settings

/// What people decide about an environment by hand: to leave it alone, to stay at a commit, to go on. Each decision is
/// in the audit log before it holds, and in the journal from then on: a running service follows it with its next poll.
package struct EnvironmentControl: Sendable {
    private let environment: EnvironmentSettings
    private let journal: JournalFile
    private let audit: AuditLog
    private let author: String
    private let state: String

    /// Control over `environment`, whose state lies in `state`, by `author`.
    package init(_ environment: EnvironmentSettings, state: String, author: String) throws {
        self.environment = environment
        self.author = author
        self.state = state
        let memory = try StateMemory(state)
        journal = memory.journal
        audit = memory.audit
    }

    private var name: String { environment.name }

    /// Leaves the environment alone from now on.
    package func suspend(reason: String, at now: Timestamp) throws {
        try write(.suspend, ["reason": reason], at: now)
        try journal.setSuspension(
            Suspension(time: now, author: author, reason: reason), environment: name)
    }

    /// Takes care of the environment again: lifts a suspension, a held commit and all quarantines. Returns what was
    /// lifted, in words.
    ///
    /// Throws `restoreCutOff` and `locked` where a restore in place has not come to its end: what it suspended is of two
    /// moments.
    package func resume(at now: Timestamp) throws -> [String] {
        if let restore = try StandingRestore(environment: name, state: state) {
            throw ServiceError(
                restore.isUnderWay ? .locked : .restoreCutOff, "\(name): not resumed: \(restore.words)")
        }
        var lifted: [String] = []
        if let order = try journal.suspension(environment: name) {
            lifted.append("suspended since \(order.time.toSecond) by \(order.author)")
        }
        if let held = try journal.hold(environment: name) {
            lifted.append("held at \(held.commit) since \(held.order.time.toSecond) by \(held.order.author)")
        }
        for source in environment.sources {
            for commit in try journal.quarantine(environment: name, source: source.name) {
                lifted.append("quarantined \(commit.commit) since \(commit.time.toSecond)")
            }
        }
        try write(.resume, ["lifted": lifted.joined(separator: "; ").limited], at: now)
        try journal.setSuspension(nil, environment: name)
        try journal.setHold(nil, environment: name)
        try journal.liftQuarantine(environment: name)
        return lifted
    }

    /// Has the environment stay at `commit` until `resume`: 40 hex digits, or the beginning of a commit that was
    /// applied here; nil for the good one that came before the present. The other sources stay at the commits that were
    /// in place with it. Returns the commit and what was held before. The
    /// sync that delivers it is the caller's.
    ///
    /// Throws `unusableRequest` where no commit, or more than one, is meant.
    package func hold(
        _ commit: String?, reason: String, at now: Timestamp
    ) throws -> (commit: String, before: HeldCommit?) {
        guard let source = environment.deliveredSource?.name else {
            throw DeliveryError(.unusableRequest, "\(name): no source")
        }
        let applied = try journal.standing(environment: name, source: source)
        let known = try journal.goodCommits(environment: name, source: source)
        let chosen = try choose(commit, known: known, applied: applied)
        let before = try journal.hold(environment: name)
        try write(
            .rollback,
            ["source": source, "commit": chosen, "from": applied ?? "", "reason": reason.limited], at: now)
        let order = Suspension(time: now, author: author, reason: reason)
        try journal.setHold(
            HeldCommit(source: source, commit: chosen, order: order), environment: name)
        return (chosen, before)
    }

    /// Has the environment stay at `commit` as `hold` says, and delivers it by `sync`. Waits up to a minute for a sync
    /// that runs; a service delivers it in any case with its next poll. Where the commit is refused or can't be
    /// opened, the environment goes on as before.
    package func rollBack(
        to commit: String?, reason: String, by sync: EnvironmentSync, clock: @Sendable () -> Timestamp
    ) async throws -> EnvironmentSync.Report {
        let before = try hold(commit, reason: reason, at: clock()).before
        for _ in 0..<300 {
            do {
                return try await sync.run(at: clock())
            } catch let error as DeliveryError where error.code == .locked {
                try await Task.sleep(for: .milliseconds(200))
            } catch let error as DeliveryError
                where [.configuration, .malformed, .cannotOpen, .refused].contains(error.category)
            {
                try write(.resume, ["reason": "could not go back: \(error.context)".limited], at: clock())
                try journal.setHold(before, environment: name)
                throw error
            }
        }
        throw DeliveryError(
            .locked, "\(name): another sync still runs: a service goes back with its next poll")
    }

    private func choose(_ commit: String?, known: [String], applied: String?) throws -> String {
        guard let commit else {
            // Twice goes back two commits, not there and back.
            let place = applied.flatMap { known.firstIndex(of: $0) }
            guard let chosen = known[(place.map { $0 + 1 } ?? 0)...].first else {
                throw DeliveryError(
                    .unusableRequest, "\(name): no other commit was applied here before: name one with --to")
            }
            return chosen
        }
        if (try? ObjectID(hex: commit)) != nil { return commit }
        let fitting = known.filter { $0.hasPrefix(commit) }
        guard commit.utf8.count >= 7, fitting.count == 1 else {
            throw DeliveryError(
                .unusableRequest,
                "\(name): \(commit.limited) is neither 40 hex digits nor the beginning of one commit applied here"
            )
        }
        return fitting[0]
    }

    private func write(_ kind: AuditEvent.Kind, _ fields: [String: String], at now: Timestamp) throws {
        try audit.append(
            AuditEvent(kind, fields.merging(["environment": name, "by": author]) { $1 }), at: now)
    }
}

extension Timestamp {
    /// RFC 3339 without a fraction of the second.
    var toSecond: String { "\(Timestamp(seconds: seconds) ?? self)" }
}
