internal import Files

/// Why a reconciliation ended before its receipt. Names places and commits; never a value, never ciphertext.
package struct DeliveryError: Error, Sendable {
    /// The fact, for callers and tests to match on.
    package enum Code: Sendable, Hashable, CaseIterable {
        // What was asked for.
        /// A path, URL, branch, mode or another word of the caller can't be used.
        case unusableRequest
        /// The rules ask for something that this version does not carry out.
        case notSupported
        // The source.
        /// The repository, branch, commit or path is not there.
        case sourceMissing
        /// An object that is not laid out as Git has it, a hostile name, a damaged repository.
        case malformedSource
        /// A symbolic link stands where content is wanted.
        case linkInTree
        /// The source can't be reached, or its answer did not come in time: what was pulled before stays.
        case sourceUnreachable
        /// The source's certificate or host key is not one to trust, or it sends on to another place.
        case sourceNotTrusted
        /// The source wants credentials, or other ones.
        case sourceRefused
        /// The followed branch no longer descends from the commit that was delivered from it.
        case nonFastForward
        /// The followed branch is not there: deleted, renamed, or the repository is empty.
        case branchMissing
        // Signatures.
        /// The allowed-signers file can't be used; nobody is allowed.
        case signersUnusable
        /// A commit without a signature.
        case unsigned
        /// A signature that is malformed, doubled, of another namespace, or does not fit the commit.
        case badSignature
        /// A good signature by a key that is not allowed, or not at this time.
        case signerNotAllowed
        /// gpgv can't be run, or gave no answer in time.
        case verifierFailed
        // Rules and keyring.
        /// `.strongroom.yaml` is not well-formed, or says what can't be.
        case malformedRules
        /// The keyring is not well-formed.
        case malformedKeyring
        /// `.strongroom.yaml` or the keyring is not in the commit.
        case configurationMissing
        /// The commit's repository id is not the expected one.
        case foreignRepository
        /// The keyring's chain does not verify, is of another root, or is older than one seen before.
        case keyringRefused
        /// No given identity opens the environment's keys.
        case noIdentity
        // Opening.
        /// A document or a sealed value or file that is not in its one form.
        case malformedContent
        /// A sealed value or file that does not open here.
        case cannotOpen
        /// Plaintext where the rules require a seal.
        case plaintextRefused
        /// Something sealed would be delivered as it is: a token, another environment's file, a SOPS marker.
        case stillSealed
        /// Sealed to an epoch that was closed longer ago than the grace.
        case epochClosed
        /// Nothing would be delivered.
        case emptyTree
        /// More entries or bytes than allowed.
        case limitExceeded
        // The target.
        /// Two targets of one run are the same directory, or one lies in the other.
        case targetCollision
        /// What stands at the target, or at a file's place in it, is not Strongroom's.
        case targetNotOurs
        /// A link, another kind of file or a moved directory is in the way.
        case targetRefused
        /// Another process works on this target or state.
        case locked
        /// The disk or the quota is full.
        case noSpace
        /// A system call failed.
        case io
        /// What was delivered does not pass its health check.
        case unhealthy
        /// Somebody told the service to leave the environment alone.
        case suspended
        /// The caller's hook stopped the delivery.
        case stoppedByHook
        /// A command target, or a program that renders, failed, was too slow, said too much, or answered amiss.
        case commandFailed
        /// What was delivered stands, and the command after it failed.
        case reloadFailed
        /// More would vanish than is allowed, and no commit confirms it.
        case lossRefused
    }

    /// The classes that faces turn into exit codes (CASES.md section 1).
    package enum Category: Sendable, Hashable {
        /// Exit code 2.
        case configuration
        /// Exit code 3.
        case malformed
        /// Exit code 4.
        case cannotOpen
        /// Exit code 5.
        case refused
        /// Exit code 6.
        case target
        /// Exit code 7.
        case io
        /// Exit code 8.
        case locked
        /// Exit code 11.
        case limit
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

    /// The class of the fact.
    package var category: Category {
        switch code {
        case .unusableRequest, .notSupported, .sourceMissing, .malformedRules: .configuration
        case .malformedSource, .linkInTree, .malformedKeyring, .malformedContent: .malformed
        case .noIdentity, .cannotOpen, .sourceRefused: .cannotOpen
        case .nonFastForward, .branchMissing, .sourceNotTrusted, .signersUnusable, .targetCollision,
            .unsigned, .badSignature,
            .signerNotAllowed, .verifierFailed, .configurationMissing,
            .foreignRepository, .keyringRefused, .plaintextRefused, .stillSealed, .epochClosed, .emptyTree,
            .lossRefused:
            .refused
        case .targetNotOurs, .targetRefused, .unhealthy, .stoppedByHook, .commandFailed, .reloadFailed:
            .target
        case .noSpace, .io, .sourceUnreachable: .io
        case .locked, .suspended: .locked
        case .limitExceeded: .limit
        }
    }
}

extension DeliveryError {
    /// Whether the source is away or a stranger, or what it shows now is not to be delivered: what was approved before
    /// is as good as it was.
    package var isOfSource: Bool {
        switch code {
        case .sourceMissing, .malformedSource, .linkInTree, .sourceUnreachable, .sourceNotTrusted,
            .sourceRefused, .nonFastForward, .branchMissing, .unsigned, .badSignature, .signerNotAllowed,
            .malformedRules, .malformedKeyring, .configurationMissing, .foreignRepository,
            .malformedContent, .cannotOpen, .plaintextRefused, .stillSealed, .emptyTree, .lossRefused:
            true
        default: false
        }
    }
}

extension DeliveryError: CustomStringConvertible {
    /// One line for people.
    package var description: String { context }
}

extension DeliveryError {
    /// What the file system, or a rule of Files, refused at the target.
    init(target error: FileError) {
        let code: Code =
            switch error.code {
            case .noSpace: .noSpace
            case .io, .permission, .readOnly, .other, .unsupported: .io
            case .locked: .locked
            case .limit: .limitExceeded
            case .notFound, .exists, .isLink, .isDirectory, .notDirectory, .notRegular, .notEmpty,
                .hardLinked,
                .foreignOwner, .escapes, .crossesMount, .invalidName, .changed:
                .targetRefused
            }
        self.init(code, "target: \(error.description)", underlying: error)
    }
}

/// Runs file work on the target; what the file system says becomes a DeliveryError.
func onTarget<Value: ~Copyable>(_ body: () throws(FileError) -> Value) throws(DeliveryError) -> Value {
    do throws(FileError) { return try body() } catch { throw DeliveryError(target: error) }
}
