/// Why sealing, opening or a rule was refused. Names places (file, line, key path), never content.
package struct SealingError: Error, Sendable {
    /// The fact, for callers and tests to match on.
    package enum Code: Sendable {
        /// A token, a record, a sealed file or a document is not in the one accepted form.
        case malformed
        /// The rules file is not well-formed, or says what can't be.
        case rules
        /// A token or record of a version or suite that this program does not know.
        case unknownVersion
        /// Asked for by the rules or the caller, and not built yet. Nothing was done.
        case notSupported
        /// A limit of FORMAT.md §9 is exceeded.
        case limitExceeded
        /// The commitment or the tag does not fit: the token was moved, altered, or sealed to another key.
        case notAuthentic
        /// The token's environment or epoch is not among the opened keys.
        case noKey
        /// Opening a token would change more than its own scalar.
        case foreignStructure
        /// A sealed token, or another tool's marker, inside a larger text.
        case nestedToken
        /// The chosen value can't be sealed, set or opened losslessly where it stands.
        case unsuitableValue
        /// A place has no coordinates in the asked scope: aliased, or an object without its names.
        case unsuitablePlace
        /// The rules choose nothing in a file that was named.
        case noMatch
        /// No rule is for the path, or none selects the key path.
        case noRule
        /// The change would move the place of a token that stands already.
        case movesToken
        /// A closure that the caller handed in threw; `underlying` is its error.
        case interrupted
        /// Several values or tokens failed; the report lists them.
        case refused
    }

    /// The fact.
    package let code: Code
    /// Where and what, in words.
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
