extension CommandRun {
    /// Why a command did not do what it was run for.
    package struct Failure: Error, Sendable, Equatable {
        /// The fact, for callers and tests to match on.
        package enum Code: Sendable, Equatable {
            /// The program can't be started.
            case notStarted
            /// It ended with this status, whatever it printed before.
            case exited(Int32)
            /// A signal ended it.
            case signalled(Int32)
            /// It was still running at the deadline.
            case timedOut
            /// It had ended, but something that it started still held its output at the deadline: more might have come.
            case heldOpen
            /// It printed less than the least that counts.
            case tooShort(byteCount: UInt64)
            /// It printed so much less than the last time that something must be wrong.
            case shrunken(from: UInt64, to: UInt64)
        }

        /// The fact.
        package let code: Code
        /// The last lines of its standard error, in one, without passwords; empty where it said nothing.
        package let said: String

        /// A failure, and what the command said last.
        init(_ code: Code, _ said: String = "") {
            self.code = code
            self.said = said
        }

        /// Whether the facts are the same.
        package static func == (one: Failure, other: Failure) -> Bool { one.code == other.code }

        /// The failure in words, with what the command said last.
        package var words: String { said.isEmpty ? reason : "\(reason): \(said)" }

        private var reason: String {
            switch code {
            case .notStarted: "the command can't be started"
            case .exited(let status): "the command ended with status \(status)"
            case .signalled(let signal): "signal \(signal) ended the command"
            case .timedOut: "the command was not done in time"
            case .heldOpen:
                "the command ended, but something that it started still held its output when the time was up"
            case .tooShort(let byteCount): "the command printed no more than \(byteCount) bytes"
            case .shrunken(let old, let new):
                "the command printed \(new) bytes, and \(old) the last time; accept it, if it is right"
            }
        }
    }
}
