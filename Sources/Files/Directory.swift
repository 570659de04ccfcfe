internal import CLinux
import Glibc

// A short tour. `Directory` is an open directory; every name given to it is looked up beneath it by
// openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, so no link and no `..` leads out, however often
// others rename things meanwhile. `AtomicFile` writes a file that appears whole or not at all. `FileLock`
// keeps a second process away. `FileMetadata`, `ExtendedAttribute` and `FileExtent` are what a backup keeps
// of a file beside its content.

/// An open directory. All paths given to its methods are relative, lead only downwards, and pass no symbolic
/// link.
package struct Directory: ~Copyable, Sendable {
    let descriptor: Descriptor

    /// The path it was opened by, for messages.
    package var path: Path { descriptor.path }

    /// Opens the directory at `path` as the process sees it. Links on the way are followed, for the path is
    /// the user's own word; with `followingLinks: false` one at any place is refused (`isLink`).
    package init(_ path: Path, followingLinks: Bool = true) throws(FileError) {
        let resolve = followingLinks ? 0 : linux_RESOLVE_NO_SYMLINKS
        descriptor = try Directory.open(
            AT_FDCWD, path, Directory.flags, resolve: resolve | linux_RESOLVE_NO_MAGICLINKS, shown: path)
    }

    init(adopting descriptor: consuming Descriptor) { self.descriptor = descriptor }

    /// Opens a directory beneath this one.
    package borrowing func openDirectory(_ path: Path) throws(FileError) -> Directory {
        Directory(adopting: try open(path, Directory.flags))
    }

    /// Opens the regular file at `path` for reading. Never waits: a FIFO or a device is `notRegular`.
    package borrowing func openFile(_ path: Path) throws(FileError) -> Descriptor {
        let file = try openWithoutWaiting(path)
        try Directory.requireRegular(try file.metadata(), file.path)
        return file
    }

    /// Opens the regular file at `path` for reading, and tells its facts, which it looks at anyway.
    package borrowing func openFile(
        _ path: Path, _ metadata: inout FileMetadata
    ) throws(FileError) -> Descriptor {
        let file = try openWithoutWaiting(path)
        metadata = try file.metadata()
        try Directory.requireRegular(metadata, file.path)
        return file
    }

    private borrowing func openWithoutWaiting(_ path: Path) throws(FileError) -> Descriptor {
        // O_NONBLOCK has no effect on a regular file, and keeps a FIFO without a writer from blocking the
        // open.
        try open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
    }

    private static func requireRegular(_ metadata: FileMetadata, _ path: Path) throws(FileError) {
        switch metadata.kind {
        case .regular: return
        case .directory: throw .refused(.isDirectory, "openat2(2)", path)
        default: throw .refused(.notRegular, "openat2(2)", path)
        }
    }

    /// Makes a new, empty file, open for reading and writing. It has `mode` whatever the umask, and never
    /// more than that from its first instant. Throws `exists` for any name that is taken, be it a dangling
    /// link.
    package borrowing func createFile(_ path: Path, mode: UInt16 = 0o600) throws(FileError) -> Descriptor {
        let file = try open(path, O_RDWR | O_CREAT | O_EXCL, mode: mode & 0o700)
        try file.ensureMode(mode)
        return file
    }

    /// Makes a new, empty file, open for reading and writing, whose mode is set when it is written: until then it has no more
    /// than 0600, and less where the umask says so. Throws `exists` like `createFile`.
    package borrowing func createUnfinishedFile(_ path: Path) throws(FileError) -> Descriptor {
        try open(path, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
    }

    /// A second handle on the same directory.
    package borrowing func duplicate() throws(FileError) -> Directory {
        Directory(adopting: try descriptor.duplicate())
    }

    /// Forces the directory's names to the disk. fsync(2).
    package borrowing func synchronize() throws(FileError) { try descriptor.synchronize() }

    /// The facts of the directory itself.
    package borrowing func metadata() throws(FileError) -> FileMetadata { try descriptor.metadata() }

    /// Whether the directory is on a file system that is kept in memory: tmpfs or ramfs. fstatfs(2).
    package var isInMemory: Bool { linux_is_in_memory(descriptor.rawValue) == 1 }

    /// Sets the permission bits of the directory itself, whatever the umask.
    package borrowing func setMode(_ mode: UInt16) throws(FileError) { try descriptor.setMode(mode) }

    /// Takes off the directory's access control lists: see `Descriptor.removeAccessLists`.
    package borrowing func removeAccessLists() throws(FileError) { try descriptor.removeAccessLists() }

    /// Sets owner and group of the directory itself.
    package borrowing func setOwner(_ owner: FileOwner) throws(FileError) { try descriptor.setOwner(owner) }

    /// Sets the time of last modification of the directory itself.
    package borrowing func setModified(_ time: FileTime) throws(FileError) {
        try descriptor.setModified(time)
    }

    // MARK: - How names are looked up

    private static let flags = O_RDONLY | O_DIRECTORY

    /// Opens a path beneath this directory with the open(2) flags given.
    borrowing func open(
        _ path: Path, _ flags: Int32, mode: UInt16 = 0, resolve: UInt64 = 0
    ) throws(FileError) -> Descriptor {
        _ = try path.beneath("openat2(2)")
        return try Directory.open(
            descriptor.rawValue, path, flags, mode: mode,
            resolve: resolve | linux_RESOLVE_BENEATH | linux_RESOLVE_NO_SYMLINKS, shown: shown(path))
    }

    /// Opens whatever stands under `path`, a link itself included, only as an anchor for other calls
    /// (O_PATH).
    borrowing func anchor(_ path: Path, _ flags: Int32 = O_NOFOLLOW) throws(FileError) -> Descriptor {
        try open(path, linux_O_PATH | flags)
    }

    /// Runs `call` with the descriptor of the directory that holds `path`'s last name, and that name.
    @discardableResult
    borrowing func withParent<Value: SignedInteger>(
        of path: Path, _ operation: StaticString, _ call: (Int32, [CChar]) -> Value
    ) throws(FileError) -> Value {
        let place = try path.beneath(operation)
        let name = try place.name.cString(operation)
        let whole = shown(path)
        guard let parent = place.parent else {
            let number = descriptor.rawValue
            return try SystemCall.run(operation, whole) { call(number, name) }
        }
        let holder = try anchor(parent, O_DIRECTORY)
        return try SystemCall.run(operation, whole) { call(holder.rawValue, name) }
    }

    /// The path as messages show it.
    borrowing func shown(_ path: Path) -> Path { self.path.appending(path) }

    private static func open(
        _ directory: Int32, _ path: Path, _ flags: Int32, mode: UInt16 = 0, resolve: UInt64, shown: Path
    ) throws(FileError) -> Descriptor {
        let name = try path.cString("openat2(2)")
        var attempts = 0
        while true {
            do {
                let number = try SystemCall.run("openat2(2)", shown) {
                    unsafe linux_openat2(
                        directory, name, UInt64(UInt32(bitPattern: flags | O_CLOEXEC)), UInt64(mode), resolve)
                }
                return Descriptor(adopting: number, path: shown)
            } catch  where error.errno == EAGAIN && attempts < 1000 {
                // The kernel could not rule out that a rename elsewhere led the walk astray: walk again.
                attempts += 1
            } catch  where error.errno == EXDEV && resolve & linux_RESOLVE_NO_XDEV == 0 {
                throw error.renamed(.escapes)
            } catch  where error.errno == ENXIO {
                throw error.renamed(.notRegular)
            }
        }
    }
}
