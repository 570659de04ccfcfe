/// What a verb ends with when it does not end well: the exit code, one line, and what to do next.
///
/// Lower floors say what happened; only here it becomes a code and advice. The message names file, place and
/// cause, and holds no value, key or excerpt of the input.
struct Failure: Error {
    /// Exit codes, one table for every verb.
    enum Code: Int32, Sendable, CaseIterable {
        /// A bug of ours.
        case internalError = 1
        /// Usage or configuration.
        case usage = 2
        /// Malformed input.
        case malformed = 3
        /// Cannot decrypt or authenticate.
        case cannotDecrypt = 4
        /// Refused by policy or signature.
        case refused = 5
        /// Delivery failed.
        case deliveryFailed = 6
        /// Input or output, or no space.
        case inputOutput = 7
        /// Locked or conflicting work.
        case locked = 8
        /// Store or log damaged.
        case damaged = 9
        /// Partial success.
        case partial = 10
        /// Limit exceeded.
        case limitExceeded = 11

        /// The meaning, for the table in the program's help.
        var words: String {
            switch self {
            case .internalError: "internal error"
            case .usage: "usage or configuration"
            case .malformed: "malformed input"
            case .cannotDecrypt: "cannot decrypt or authenticate"
            case .refused: "refused by policy or signature"
            case .deliveryFailed: "delivery failed"
            case .inputOutput: "input, output or no space"
            case .locked: "locked, or conflicting work"
            case .damaged: "store or log damaged"
            case .partial: "partial success"
            case .limitExceeded: "limit exceeded"
            }
        }
    }

    /// The exit code.
    let code: Code
    /// One line, lower case, without a full stop.
    let message: String
    /// What the user can do next, a line each.
    let hints: [String]

    /// A failure of these words.
    init(_ code: Code, _ message: String, hints: [String] = []) {
        self.code = code
        self.message = message
        self.hints = hints
    }

    /// The same failure with `subject` (a file, an environment) named first, once.
    func at(_ subject: String) -> Failure {
        guard !message.hasPrefix("\(subject): ") else { return self }
        return Failure(code, "\(subject): \(message)", hints: hints)
    }
}
