internal import Delivery
internal import Encodings
internal import Files
internal import Git
internal import Journal

/// That a person lets a source go back to one commit, which need not descend from what was delivered before.
package struct RollbackOverride: Sendable, Hashable {
    /// The commit, 40 lower-case hexadecimal digits: the branch has to stand there.
    package let commit: String
    /// Who says so.
    package let author: String
    /// Why, in their words; may be empty.
    package let reason: String

    /// An override of these values.
    package init(commit: String, author: String, reason: String) {
        self.commit = commit
        self.author = author
        self.reason = reason
    }

    /// The commit's id. Throws `unusableRequest` for what is none, and where `source` follows no branch.
    func id(for source: Source) throws(DeliveryError) -> ObjectID {
        guard source.isFollowing else {
            throw DeliveryError(
                .unusableRequest,
                "source \(source.name): names a commit itself, which may be older than what was delivered")
        }
        do {
            return try ObjectID(hex: commit)
        } catch {
            throw DeliveryError(
                .unusableRequest, "going back is allowed to one commit, 40 hexadecimal digits")
        }
    }

    /// Writes into the audit log and the journal that going back from `mark` is allowed, before anything is done: what
    /// can't be written down does not happen.
    func record(
        environment: String, source: Source, from mark: ObjectID, state: String, _ journal: JournalFile,
        at now: Timestamp
    ) throws(JournalError) {
        let audit = try AuditLog(in: Path(state + "/audit"))
        try audit.append(
            AuditEvent(
                .override,
                [
                    "environment": environment, "source": source.name, "ref": source.ref, "from": mark.hex,
                    "commit": commit, "by": author, "reason": reason,
                ]), at: now)
        let words = reason.isEmpty ? "" : ": \(reason)"
        try journal.record(
            RunRecord(
                environment: environment, kind: .override, time: now, outcome: .good,
                message:
                    "\(source.name) \(source.ref) may go back from \(mark) to \(commit), by \(author)\(words)"
            ))
    }
}
