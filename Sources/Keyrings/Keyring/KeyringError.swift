/// Why a keyring, or a change to one, was not taken. Carries no secret and no excerpt of the input.
package struct KeyringError: Error, Sendable {
    /// The fact, for callers and tests to match on.
    package enum Code: Sendable {
        /// The name of an environment is not one.
        case badEnvironmentName
        /// A member's name or recipient can't be used, or the list of members is empty, too long or repeats
        /// somebody. The context names the member.
        case badMember
        /// The file or the body is not well formed, or its parts contradict each other.
        case malformed
        /// A suite, role or state that this version doesn't know.
        case unsupported
        /// The file is another environment's.
        case wrongEnvironment
        /// The chain of generations doesn't verify; `underlying` is the `TrustError`.
        case untrusted
        /// What the file shows is not what its newest generation signed.
        case wrongBody
        /// None of the identities belongs to a member.
        case notAMember
        /// An epoch's wrapped identity is not what the list of members says: somebody else may be among its
        /// recipients, or it holds another key.
        case forged
        /// There is no member of that name.
        case noSuchMember
        /// Nobody else could open the keyring, or an epoch of it, any more.
        case lastMember
        /// Nobody would be left who may change the keyring.
        case lastAdmin
        /// A threshold of none or of more admins than there are.
        case unreachableThreshold
        /// The signer is not among the admins who may sign this generation.
        case notAnAdmin
        /// The admin signed already.
        case signedAlready
        /// An environment would be a member of itself, directly or through others.
        case cycle
        /// Two changes that contradict each other, or that don't come from one generation.
        case conflict
        /// The change changes nothing.
        case noChange
        /// The signer that was handed in failed; `underlying` is its error.
        case signing
    }

    /// The fact.
    package let code: Code
    /// What was being done and what is wrong, in words.
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
