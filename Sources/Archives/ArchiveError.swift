import Storage

/// Why an archive store gave no result. Carries object names and ids, never content, keys or ciphertext.
package struct ArchiveError: Error, Sendable {
    /// The fact, for callers and tests to match on. Which side it lies on decides the exit code.
    package enum Code: Sendable {
        /// The store holds bytes that aren't what their name, key or id promises (exit 9).
        case damaged
        /// The store should hold an object and doesn't (exit 9).
        case absent
        /// Bytes decrypt, but a signature is wrong or its maker isn't enrolled for it (exit 5).
        case forged
        /// Another store than the pinned one, or a config chain of other roots (exit 5).
        case foreign
        /// The store shows an older state than one that was seen before (exit 5).
        case rolledBack
        /// A key was given that isn't one of this store's (exit 4).
        case notForThisKey
        /// No key for this was given: the act needs `read` or an older `write` key (exit 4).
        case keyNeeded
        /// A format, suite or algorithm of a later version (exit 2).
        case unsupported
        /// A count or length above the format's limits (exit 11).
        case limitExceeded
        /// The storage below failed; `underlying` says how (exit 7).
        case storage
        /// The caller's source of bytes failed; `underlying` is its error.
        case source
        /// The caller's consumer of bytes failed; `underlying` is its error.
        case consumer
        /// The agent that is to sign isn't enrolled for this, or the store exists already (exit 2).
        case refused
        /// Another did the same at the same time (exit 8).
        case conflict
        /// A value that the caller gave can't be stored: a path, an order, a name (exit 1).
        case invalid
        /// A snapshot is pinned and is not to be forgotten (exit 5).
        case pinned
        /// This machine's clock and the store's newest objects are too far apart to remove anything (exit 5).
        case clockSkew
        /// Another session is under way (exit 8).
        case busy
        /// This session was silent for too long, or what it relied on is about to be removed: nothing was added (exit 8).
        case overtaken
        /// The task was cancelled.
        case cancelled
        /// An earlier failure of this session: nothing more can be written with it.
        case sessionFailed
    }

    /// The fact.
    package let code: Code
    /// The object or place, in words.
    package let context: String
    /// The cause below, where there is one.
    package let underlying: (any Error)?

    /// Makes an error for `code` about `context`.
    package init(_ code: Code, _ context: String, underlying: (any Error)? = nil) {
        self.code = code
        self.context = context
        self.underlying = underlying
    }

    /// An error that says that `context` is damaged.
    static func damaged(_ context: String, _ underlying: (any Error)? = nil) -> ArchiveError {
        ArchiveError(.damaged, context, underlying: underlying)
    }
}

extension ArchiveError {
    /// What is wrong, for a line that names `object` before it.
    package func problem(about object: String) -> String {
        context.hasPrefix(object + ": ") ? String(context.dropFirst(object.count + 2)) : context
    }

    /// The same, told as damage where a disk doesn't give back one file: no reason to leave the others.
    var tellingBadFiles: ArchiveError {
        guard code == .storage, let error = underlying as? StorageError, error.code == .io,
            error.underlying != nil
        else { return self }
        return ArchiveError(.damaged, context, underlying: underlying)
    }
}

/// Runs `body`, whose decoding failures mean that the object `context` is damaged.
func decoding<Result: ~Copyable>(
    _ context: String, _ body: () throws -> Result
) throws(ArchiveError) -> Result {
    do {
        return try body()
    } catch let error as ArchiveError {
        throw error
    } catch {
        throw ArchiveError.damaged(context, error)
    }
}
