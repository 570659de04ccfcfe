/// Why an age file, key or armor was not taken. Carries no key, no plaintext and no excerpt of the input.
package struct AgeError: Error, Sendable {
    /// The fact, for callers and tests to match on.
    package enum Code: Sendable {
        /// The header, or a stanza of a known type in it, is malformed; or the file ends before its payload.
        case header
        /// The armor is malformed.
        case armor
        /// An age file of a version that is not v1.
        case version
        /// No identity opens any stanza. Not a fault of the file.
        case noMatch
        /// A file key was unwrapped, but the header's MAC doesn't fit it.
        case hmac
        /// The payload is truncated, changed, or followed by other bytes.
        case payload
        /// Larger than what the reader is ready to take.
        case limit
        /// The text is no recipient that files can be encrypted to, or the set of recipients can't be mixed.
        case recipient
        /// The text is no identity, or the identity file is malformed.
        case identity
        /// An identity file that others could read or exchange.
        case exposed
        /// An identity file that could not be read or written; `underlying` is the `FileError`.
        case unreadable
        /// A closure that the caller handed in threw; `underlying` is its error.
        case interrupted
        /// Memory for the passphrase's key derivation is not to be had.
        case unavailable
    }

    /// The fact.
    package let code: Code
    /// What, in words.
    package let context: String
    /// The error that was the cause, if there was one.
    package let underlying: (any Error)?

    /// Makes an error for `code` with the words of `context`.
    package init(_ code: Code, _ context: String, underlying: (any Error)? = nil) {
        self.code = code
        self.context = context
        self.underlying = underlying
    }

    /// Runs a closure of the caller; what it throws comes out as `interrupted`.
    static func interruptible(_ body: () throws -> Void) throws(AgeError) {
        do {
            try body()
        } catch {
            throw AgeError(.interrupted, "the caller's closure failed", underlying: error)
        }
    }
}
