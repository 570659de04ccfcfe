/// Why a chain of generations, a body or a pin was not taken. Carries no excerpt of the input.
package struct TrustError: Error, Sendable {
    /// The fact, for callers and tests to match on.
    package enum Code: Sendable {
        /// Bytes that are not the one encoding of a header, or a header whose fields contradict each other.
        case malformed
        /// The header is of another kind or for another subject (environment, store) than the one asked for.
        case wrongSubject
        /// The chain is empty, skips or repeats a generation, or a header doesn't name the one before.
        case brokenChain
        /// A signature that doesn't fit the header, or whose key type can't be verified.
        case badSignature
        /// A signature by a key that is no admin of the generation before.
        case unknownSigner
        /// Fewer distinct admins signed than the generation before demands.
        case notEnoughSignatures
        /// The body is not the one that the newest header names.
        case wrongBody
        /// The text is no fingerprint.
        case badFingerprint
        /// A pin can't be read, or is not what this module writes.
        case badPin
    }

    /// The fact.
    package let code: Code
    /// What was being read and what is wrong with it, in words.
    package let context: String
    /// The error of a lower floor that was the cause, if there was one.
    package let underlying: (any Error)?

    /// Makes an error for `code` with the words of `context`.
    package init(_ code: Code, _ context: String, underlying: (any Error)? = nil) {
        self.code = code
        self.context = context
        self.underlying = underlying
    }
}
