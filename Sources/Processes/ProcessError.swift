/// Why a program gave no outcome. Never says anything about what it was handed or printed.
package struct ProcessError: Error, Equatable, Sendable {
    /// The fact, for callers and tests to match on.
    package enum Code: Sendable {
        /// The program is not there or can't be run.
        case notStarted
        /// It was still running at the deadline, and was killed.
        case timedOut
        /// It printed more than it may, and was killed.
        case tooMuchOutput
        /// A system call failed.
        case io
    }

    /// The fact.
    package let code: Code
    /// Which program or system call.
    package let context: String

    init(_ code: Code, _ context: String) {
        self.code = code
        self.context = context
    }
}
