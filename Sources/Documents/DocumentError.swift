/// What is wrong with a text document, a place in it, or a text that is to be put into it.
///
/// Tests and callers match on ``code`` only. No error carries an excerpt of the input.
package struct DocumentError: Error {
    /// The kinds of failure.
    package enum Code: Sendable, Hashable {
        /// The bytes are not UTF-8, or hold a character that the format does not allow.
        case encoding
        /// The text is not well-formed in its format.
        case syntax
        /// One mapping holds the same key twice; ``DocumentError/otherLine`` is the first one's line.
        case duplicateKey
        /// Too large, too deep, or too many aliases (exit code 11).
        case limit
        /// Well-formed, but not a thing that can be handled without loss.
        case unsupported
        /// A scalar's source that may not be sealed as it stands.
        case unsealable
        /// An opened value would change more than its own scalar.
        case injection
        /// A key path or pattern is not well-formed.
        case path
        /// Nothing stands at the given place.
        case notFound
        /// More than one node stands at the given place, or something else is in the way.
        case conflict
        /// A configuration file holds something else than what is expected there.
        case configuration
    }

    /// The kind of failure.
    package let code: Code
    /// The line of the text, from 1, where the failure is in a text.
    package let line: Int?
    /// A second line that takes part (the first of two equal keys).
    package let otherLine: Int?
    /// What happened, in lower case, without input.
    package let context: String
    /// The error below this one, where there is one.
    package let underlying: (any Error)?

    /// Makes an error; the static makers name the facts.
    package init(
        _ code: Code, line: Int? = nil, otherLine: Int? = nil, context: String,
        underlying: (any Error)? = nil
    ) {
        self.code = code
        self.line = line
        self.otherLine = otherLine
        self.context = context
        self.underlying = underlying
    }
}

extension DocumentError: CustomStringConvertible {
    /// "line N: what happened", without input.
    package var description: String {
        guard let line else { return context }
        return "line \(line): \(context)"
    }
}
