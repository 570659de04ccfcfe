internal import CGit2
internal import Files

/// What went wrong with a repository, an object or a name. Carries no credential and no excerpt of an object.
package struct GitError: Error, Sendable {
    /// The fact, for callers and tests to match on.
    package enum Code: String, Sendable {
        /// libgit2 could not be started.
        case libraryFailed
        /// The location is neither an absolute path nor a well-formed URL, or holds what no URL should.
        case invalidURL
        /// A well-formed URL of a transport that does not authenticate its server, or that is not allowed here.
        case unsupportedTransport
        /// A ref or branch name that is malformed or deceives.
        case invalidName
        /// Not forty lower-case hexadecimal digits.
        case invalidObjectID
        /// There is no repository at the place.
        case repositoryMissing
        /// Something is there already.
        case repositoryExists
        /// A repository of a kind that is not read: SHA-256, shallow, partial, reftable, an unknown extension.
        case unsupportedRepository
        /// The ref is not there.
        case referenceMissing
        /// The object is not there.
        case objectMissing
        /// An object of another type than asked for.
        case wrongObjectType
        /// The bytes on disk are not those that were written: hash mismatch, broken pack or ref file.
        case damaged
        /// More refs, entries, bytes or levels than allowed.
        case limitExceeded
        /// The file system failed; `underlying` is the `FileError`.
        case ioFailed
        /// Somebody else holds the repository.
        case locked
        /// The caller's sink or source threw; `underlying` is its error.
        case stoppedByCaller
        /// libgit2 failed otherwise; `underlying` is a `LibraryFailure`.
        case library

        /// The server can't be reached, answers with an error, or breaks off.
        case unreachable
        /// The server's certificate or host key is not one to trust: unknown, changed, expired, of another host.
        case serverNotTrusted
        /// The server wants credentials, or other ones.
        case authenticationFailed
        /// What is to authenticate this side, or to recognise the server, can't be used: a key, a login, a file.
        case unusableCredential
        /// The server sends on to another host or port.
        case redirectRefused
        /// The fetch was still running at its deadline, or the server fell silent.
        case timedOut
        /// The process that fetches ended without an answer.
        case processFailed

        /// A commit that is not laid out as commits are.
        case malformedCommit
        /// A header of a commit stands out of order.
        case headerOrder
        /// A second `tree`, `author`, `committer` or `encoding`.
        case duplicateHeader
        /// A `parent` after the author.
        case misplacedParent
        /// A second `gpgsig`.
        case twoSignatures
        /// A signature header for another object format (`gpgsig-sha256`).
        case foreignSignature
        /// A header follows the signature.
        case headerAfterSignature

        /// A tree that is not laid out as trees are.
        case malformedTree
        /// A mode that is not a file, an executable, a link, a directory or a submodule.
        case invalidMode
        /// A name that would not stay inside its directory, or that Git keeps for itself.
        case hostileName
        /// Two entries of one name.
        case duplicateEntry
        /// Entries out of order.
        case entryOrder
        /// A tag that is not laid out as tags are.
        case malformedTag

        /// A bundle's header that is not one.
        case malformedBundle
        /// An object that the bundle builds on is not in the repository.
        case prerequisiteMissing
        /// A pack that is broken, or lacks objects that its refs need.
        case brokenPack
        /// A Git configuration file that can't be parsed.
        case malformedConfiguration
    }

    /// The fact.
    package let code: Code
    /// Where and in which step, in words.
    package let context: String
    /// The cause, where there is one: a `LibraryFailure` or what the caller threw.
    package let underlying: (any Error)?

    /// Makes an error for `code` with the words of `context`.
    package init(_ code: Code, _ context: String, underlying: (any Error)? = nil) {
        self.code = code
        self.context = context
        self.underlying = underlying
    }

    /// What Files refused while Git worked on its own files.
    static func files(_ error: FileError, _ context: String) -> GitError {
        GitError(error.code == .locked ? .locked : .ioFailed, context, underlying: error)
    }

    /// Runs `body` and turns what Files refuses into a `GitError` with the words of `context`.
    static func onFiles<Result: ~Copyable>(
        _ context: String, _ body: () throws(FileError) -> Result
    ) throws(GitError) -> Result {
        do throws(FileError) {
            return try body()
        } catch {
            throw files(error, context)
        }
    }
}

/// libgit2's own account of a failed call (git_error_last).
package struct LibraryFailure: Error, Sendable {
    /// The C function.
    package let function: String
    /// Its return code (`git_error_code`).
    package let code: Int32
    /// The part of the library (`git_error_t`).
    package let errorClass: Int32
    /// The library's words, without the user part of URLs.
    package let message: String
}

extension GitError {
    /// The error for a return code below zero of `function`, read at once since libgit2 keeps its message by
    /// thread. `context` says for which object or place.
    static func library(_ function: String, _ code: Int32, _ context: String) -> GitError {
        let last = unsafe git_error_last()
        let errorClass = unsafe last?.pointee.klass ?? 0
        var message = ""
        if let text = unsafe last?.pointee.message { message = unsafe String(cString: text) }
        let failure = LibraryFailure(
            function: function, code: code, errorClass: errorClass,
            message: RemoteLocation.withoutCredentials(message))
        let fact: Code =
            switch (git_error_code(code), git_error_t(UInt32(bitPattern: errorClass))) {
            case (GIT_ENOTFOUND, GIT_ERROR_REPOSITORY): .repositoryMissing
            case (GIT_ENOTFOUND, GIT_ERROR_REFERENCE): .referenceMissing
            case (GIT_ENOTFOUND, _): .objectMissing
            case (GIT_EMISMATCH, _), (_, GIT_ERROR_ZLIB): .damaged
            case (GIT_ELOCKED, _): .locked
            case (_, GIT_ERROR_INDEXER): .brokenPack
            case (_, GIT_ERROR_ODB), (_, GIT_ERROR_OBJECT), (GIT_ERROR, GIT_ERROR_REFERENCE): .damaged
            default: .library
            }
        let words =
            switch fact {
            case .repositoryMissing: "no Git repository"
            case .referenceMissing: "the ref is missing"
            case .objectMissing: "missing"
            case .damaged: "damaged, or not to be read"
            case .locked: "in use by another process"
            case .brokenPack: "the pack is broken"
            default: "libgit2 fails (\(function))"
            }
        return GitError(fact, "\(context): \(words)", underlying: failure)
    }

    /// Throws the error of `function` where `code` is below zero, else gives it back.
    @discardableResult
    static func check(_ function: String, _ code: Int32, _ context: String) throws(GitError) -> Int32 {
        guard code < 0 else { return code }
        throw library(function, code, context)
    }
}
