/// Why an SSH key, signature or signers file was not taken. Carries no excerpt of the input.
package struct SSHError: Error, Equatable, Sendable {
    /// The fact, for callers and tests to match on.
    package enum Code: Sendable {
        /// Not the one accepted encoding of a key, signature, private key or signers file.
        case malformed
        /// A key type that is not known.
        case unsupportedKeyType
        /// An RSA key that is too short, or has an exponent that no key should have.
        case weakKey
        /// The security key was not touched, or did not verify its user, where that is asked for.
        case userNotPresent
        /// A signature or hash algorithm that is not accepted, or doesn't fit the key.
        case unsupportedAlgorithm
        /// The signature was made for another namespace than the one asked for.
        case wrongNamespace
        /// The signature does not fit message and key.
        case badSignature
        /// The private key file is protected by a passphrase.
        case encryptedKey
        /// A signers file without a single signer.
        case noSigners
        /// The signers file gives a power or option that is refused (`cert-authority`, unknown ones).
        case unsupportedOption
        /// Longer than any legal input.
        case limitExceeded
    }

    /// The fact.
    package let code: Code
    /// What was being read and what is wrong with it, in words.
    package let context: String

    /// Makes an error for `code` with the words of `context`.
    package init(_ code: Code, _ context: String) {
        self.code = code
        self.context = context
    }
}
