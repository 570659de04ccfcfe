internal import Glibc

/// A lock of a whole work tree, by flock(2) on its root: held until the value ends or the process dies, however it
/// dies. No file is made for it.
///
/// Whoever changes a keyring, or seals anew what the tree holds, is alone: of two at once, one would seal to an epoch
/// that the other's keyring never had. Whoever seals single values shares it, and so waits for neither.
struct TreeLock: ~Copyable {
    /// Who else may hold it.
    enum Kind {
        /// Nobody.
        case exclusive
        /// Others that share it.
        case shared
    }

    private let directory: Int32

    /// Takes the lock of the work tree at `root` at once. Throws `locked` where another process has it.
    init(_ root: String, _ kind: Kind) throws {
        let number = unsafe open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else { throw TreeLock.failure("open(2)", root) }
        guard flock(number, (kind == .exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0 else {
            let failure = TreeLock.failure("flock(2)", root)
            close(number)
            throw failure
        }
        directory = number
    }

    // Closing alone would leave the lock with a child that was just forked and has not yet called exec.
    deinit {
        flock(directory, LOCK_UN)
        close(directory)
    }

    /// Gives the lock up.
    consuming func release() {}

    private static func failure(_ operation: String, _ root: String) -> Failure {
        let number = errno
        guard number != EWOULDBLOCK else {
            return Failure(
                .locked,
                "\(root): another strongroom changes keyrings or sealed files here: nothing was changed",
                hints: ["the same command again, when that one has ended"])
        }
        return Failure(.inputOutput, "\(root): \(operation): errno \(number)")
    }
}

extension Checkout {
    /// Does `work` alone in this work tree, or with `shared` beside others that share it; without a lock where
    /// `isNeeded` is false. What is read of keyrings and sealed files is read within, for it is as it was until the end.
    func locked<Result>(
        _ kind: TreeLock.Kind, if isNeeded: Bool = true, _ work: () throws -> Result
    ) throws -> Result {
        guard isNeeded else { return try work() }
        let lock = try TreeLock(root, kind)
        let result = Swift.Result { try work() }
        lock.release()
        return try result.get()
    }
}
