import Glibc

/// An exclusive lock by flock(2) on a file made for it: held until the value ends or the process dies,
/// however it dies. The lock file stays, for removing it would let two holders lock two files of one name.
package struct FileLock: ~Copyable, Sendable {
    private let file: Descriptor

    /// Takes the lock at once, making the file `name` (0600) where it is missing. Throws `locked` where
    /// another holder has it.
    package init(_ name: Path, in directory: borrowing Directory) throws(FileError) {
        let file = try directory.open(name, O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY, mode: 0o600)
        guard try file.metadata().kind == .regular else {
            throw .refused(.notRegular, "openat2(2)", file.path)
        }
        guard try FileLock.take(file) else { throw .refused(.locked, "flock(2)", file.path) }
        self.file = file
    }

    // Closing alone would leave the lock with a child that was just forked and has not yet called exec.
    deinit { flock(file.rawValue, LOCK_UN) }

    /// Whether another holder has the lock `name`, as far as can be said of a moment; nobody has one that is not there. Where it is
    /// free, it is held for an instant.
    package static func isHeld(_ name: Path, in directory: borrowing Directory) throws(FileError) -> Bool {
        let file: Descriptor
        do throws(FileError) {
            file = try directory.open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY)
        } catch {
            guard error.code == .notFound else { throw error }
            return false
        }
        let isFree = try take(file, LOCK_SH)
        flock(file.rawValue, LOCK_UN)
        return !isFree
    }

    /// Takes the exclusive lock of an open file, or that of another `kind`, where it can be had without waiting; whether it was.
    static func take(_ file: borrowing Descriptor, _ kind: Int32 = LOCK_EX) throws(FileError) -> Bool {
        let number = file.rawValue
        do {
            try SystemCall.run("flock(2)", file.path) { flock(number, kind | LOCK_NB) }
            return true
        } catch  where error.code == .locked {
            return false
        }
    }
}
