package import Encodings
package import Git

/// That a commit is in place at a target. Made only by the delivery itself.
package struct Receipt: Sendable, Hashable {
    /// What had to be done.
    package enum Outcome: String, Sendable {
        /// The target was changed.
        case applied
        /// Everything was in place already: nothing was touched.
        case unchanged
    }

    /// The commit.
    package let commit: ObjectID
    /// The source's name.
    package let source: String
    /// The environment's name.
    package let environment: String
    /// The target: see `Target.name`.
    package let target: String
    /// What had to be done.
    package let outcome: Outcome
    /// When it was done: the time that the run was given.
    package let time: Timestamp
    /// The plan's counts in words.
    package let summary: String
    /// What was not delivered and why.
    package let notices: [String]

    init(_ plan: DeliveryPlan, _ outcome: Outcome, _ time: Timestamp) {
        commit = plan.tree.commit
        source = plan.tree.source
        environment = plan.tree.environment
        target = plan.target.name
        self.outcome = outcome
        self.time = time
        summary = plan.summary
        notices = plan.tree.notices + plan.notices
    }
}
