/// Why a text or byte string is not the one accepted encoding of a value. Carries no excerpt of the input.
package struct EncodingError: Error, Equatable, Sendable {
    /// The fact, for callers and tests to match on.
    package enum Code: Sendable {
        /// A character outside the alphabet.
        case invalidCharacter
        /// Decodes, but is not the one encoding of its value.
        case nonCanonical
        /// Too short, too long, or not a legal length.
        case wrongLength
        /// The checksum does not fit.
        case badChecksum
        /// Upper and lower case in one word.
        case mixedCase
        /// The human-readable part or marker is missing or another.
        case badPrefix
        /// The bytes end inside a field.
        case truncated
        /// Bytes follow the last field.
        case trailingBytes
        /// A declared count or length is above the reader's limit.
        case limitExceeded
    }

    /// The fact.
    package let code: Code
    /// Where and in which encoding, in words.
    package let context: String

    /// Makes an error for `code` with the words of `context`.
    package init(_ code: Code, _ context: String) {
        self.code = code
        self.context = context
    }
}
