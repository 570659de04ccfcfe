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

    /// Whether the exclusive lock of an open file could be had without waiting.
    static func take(_ file: borrowing Descriptor) throws(FileError) -> Bool {
        let number = file.rawValue
        do {
            try SystemCall.run("flock(2)", file.path) { flock(number, LOCK_EX | LOCK_NB) }
            return true
        } catch  where error.code == .locked {
            return false
        }
    }
}
