package import Encodings

/// One reconciliation of one source, as the journal keeps it.
package struct SyncRecord: Sendable, Hashable {
    /// How it ended.
    package enum Outcome: String, Sendable, CaseIterable {
        /// The target was brought to the commit.
        case applied
        /// The target was at the commit's content already.
        case unchanged
        /// The target was brought to the commit, and the health check failed: the commit counts as delivered, and
        /// never as applied.
        case unhealthy
        /// A signature or a rule refused the commit; the target is as it was.
        case refused
        /// Something else stopped it.
        case failed

        /// Whether the target holds the commit's content now.
        package var isHealthy: Bool { self == .applied || self == .unchanged }
        /// Whether the commit was brought to the target, whatever came of it there.
        package var isDelivered: Bool { isHealthy || self == .unhealthy }
    }

    /// The environment's name.
    package var environment: String
    /// The source's name in the settings.
    package var source: String
    /// Where it was pulled from. Kept without passwords, tokens and queries.
    package var url: String
    /// The branch or commit that was asked for.
    package var ref: String
    /// The commit, 40 hex digits; nil where it never came so far.
    package var commit: String?
    /// When it ended.
    package var time: Timestamp
    /// How it ended.
    package var outcome: Outcome
    /// One line for people; holds no value.
    package var message: String
    /// When the last of the equal runs ended that this record stands for; nil is `time`.
    package var until: Timestamp?
    /// The full name of the tag that the commit was chosen by; kept with the mark alone.
    package var tag: String?
    /// How many runs in a row ended so.
    package var runCount = 1

    /// A record of these facts.
    package init(
        environment: String, source: String, url: String, ref: String, commit: String?, time: Timestamp,
        outcome: Outcome, message: String
    ) {
        self.environment = environment
        self.source = source
        self.url = url
        self.ref = ref
        self.commit = commit
        self.time = time
        self.outcome = outcome
        self.message = message
    }
}

/// The commit that a source has applied.
package struct AppliedCommit: Sendable, Hashable {
    /// 40 hex digits.
    package let commit: String
    /// The branch or commit that was asked for.
    package let ref: String
    /// When this commit was first applied, with no other one since.
    package let since: Timestamp
    /// When it was last seen to be in place.
    package let time: Timestamp
}
