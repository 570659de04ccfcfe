/// Why a program was not run. Never says anything about what it was handed or printed.
package struct ProcessError: Error, Equatable, Sendable {
    /// The fact, for callers and tests to match on.
    package enum Code: Sendable {
        /// No executable file of this name is there.
        case notFound
        /// Not a program's name, or text with a zero byte in it.
        case invalidName
        /// The kernel did not start it.
        case notStarted
        /// Another system call failed.
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
