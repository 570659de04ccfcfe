/// Why the service can't begin or go on, or a run of it.
package struct ServiceError: Error, Sendable {
    /// The fact, for callers and tests to match on.
    package enum Code: Sendable, Hashable {
        /// Another service works on the same state directory (CASES.md F048), or a restore in place is under way.
        case locked
        /// The socket can't be had.
        case socket
        /// The settings ask for what a running service can't change.
        case needsRestart
        /// No snapshot could be taken before a change.
        case noSnapshot
        /// A restore in place that was cut off is to be taken back or ended before.
        case restoreCutOff
    }

    /// The fact.
    package let code: Code
    /// In words.
    package let context: String
    /// What a lower module said.
    package let underlying: (any Error)?

    /// Makes an error for `code` with the words of `context`.
    package init(_ code: Code, _ context: String, underlying: (any Error)? = nil) {
        self.code = code
        self.context = context
        self.underlying = underlying
    }
}
