internal import CLinux
import Glibc

/// What a rename does about a name that is taken.
package enum RenameMode: Sendable {
    /// The new name's old file is replaced at once.
    case replacing
    /// A taken name is refused (`exists`).
    case exclusive
    /// The two names change places; both must be there.
    case exchanging
}

extension Directory {
    /// Makes a directory with `mode` whatever the umask. Throws `exists` for a taken name. mkdirat(2).
    package borrowing func makeDirectory(_ path: Path, mode: UInt16 = 0o700) throws(FileError) {
        try withParent(of: path, "mkdirat(2)") { directory, name in
            unsafe mkdirat(directory, name, mode_t(mode & 0o700))
        }
        let made = try anchor(path, O_DIRECTORY)
        if try made.metadata().mode != mode { try made.setModeByAnchor(mode) }
    }

    /// Opens the directory at `path`, after making what is missing of it. Each new directory has `mode`, and
    /// its name is on the disk (its parent is fsynced) when this returns.
    package borrowing func makeDirectories(_ path: Path, mode: UInt16 = 0o700) throws(FileError) -> Directory
    {
        _ = try path.beneath("mkdirat(2)")
        var current = try duplicate()
        for name in path.components {
            current = try current.openOrMake(name, mode)
        }
        return current
    }

    /// Opens the directory at `path` as the process sees it, links followed, after making what is missing of
    /// it. Each new directory has `mode`, and its name is on the disk when this returns.
    package static func makePath(_ path: Path, mode: UInt16 = 0o700) throws(FileError) -> Directory {
        do {
            return try Directory(path)
        } catch  where error.code == .notFound && path.name.isName {
            return try makePath(path.parent, mode: mode).openOrMake(path.name, mode)
        }
    }

    private borrowing func openOrMake(_ name: Path, _ mode: UInt16) throws(FileError) -> Directory {
        do {
            return try openDirectory(name)
        } catch  where error.code == .notFound {
            do {
                try makeDirectory(name, mode: mode)
                try synchronize()
            } catch  where error.code == .exists {
                // Somebody else made it in between; it is opened below.
            }
            return try openDirectory(name)
        }
    }

    /// Removes a name that is not a directory's. A link goes, not its target. unlinkat(2).
    package borrowing func removeFile(_ path: Path) throws(FileError) {
        try withParent(of: path, "unlinkat(2)") { directory, name in unsafe unlinkat(directory, name, 0) }
    }

    /// Removes an empty directory. unlinkat(2) with AT_REMOVEDIR.
    package borrowing func removeDirectory(_ path: Path) throws(FileError) {
        try withParent(of: path, "unlinkat(2)") { directory, name in
            unsafe unlinkat(directory, name, AT_REMOVEDIR)
        }
    }

    /// Gives what stands under `old` the name `new`, in this directory or another. renameat2(2). Durable
    /// after a `synchronize()` of both directories.
    package borrowing func rename(
        _ old: Path, to new: Path, in other: borrowing Directory, _ mode: RenameMode = .replacing
    ) throws(FileError) {
        let flags =
            switch mode {
            case .replacing: 0 as UInt32
            case .exclusive: linux_RENAME_NOREPLACE
            case .exchanging: linux_RENAME_EXCHANGE
            }
        let operation: StaticString = "renameat2(2)"
        let (from, to) = (try old.beneath(operation), try new.beneath(operation))
        let source = try parentAnchor(from.parent)
        let target = try other.parentAnchor(to.parent)
        let (sourceName, targetName) = (try from.name.cString(operation), try to.name.cString(operation))
        try SystemCall.run(operation, other.shown(new)) {
            unsafe linux_renameat2(source.rawValue, sourceName, target.rawValue, targetName, flags)
        }
    }

    /// As `rename(_:to:in:_:)` within this directory.
    package borrowing func rename(
        _ old: Path, to new: Path, _ mode: RenameMode = .replacing
    ) throws(FileError) {
        try rename(old, to: new, in: self, mode)
    }

    /// Gives the file at `old` (a link itself, not its target) a second name, in this directory or another.
    /// Throws `exists` for a taken name. linkat(2).
    package borrowing func link(
        _ old: Path, to new: Path, in other: borrowing Directory
    ) throws(FileError) {
        let operation: StaticString = "linkat(2)"
        let (from, to) = (try old.beneath(operation), try new.beneath(operation))
        let source = try parentAnchor(from.parent)
        let target = try other.parentAnchor(to.parent)
        let (sourceName, targetName) = (try from.name.cString(operation), try to.name.cString(operation))
        try SystemCall.run(operation, other.shown(new)) {
            unsafe linkat(source.rawValue, sourceName, target.rawValue, targetName, 0)
        }
    }

    /// As `link(_:to:in:)` within this directory.
    package borrowing func link(_ old: Path, to new: Path) throws(FileError) {
        try link(old, to: new, in: self)
    }

    /// Makes a symbolic link at `path` that says `target`, which is not looked at. symlinkat(2).
    package borrowing func makeSymbolicLink(_ path: Path, to target: Path) throws(FileError) {
        let text = try target.cString("symlinkat(2)")
        try withParent(of: path, "symlinkat(2)") { directory, name in unsafe symlinkat(text, directory, name)
        }
    }

    /// Makes a FIFO, a socket's name or a device with `mode` whatever the umask. mknodat(2); devices need
    /// root. Regular files, directories and links are refused (`unsupported`): they have calls of their own.
    package borrowing func makeSpecialFile(
        _ path: Path, _ kind: FileKind, mode: UInt16 = 0o600,
        device: DeviceNumber = DeviceNumber(major: 0, minor: 0)
    ) throws(FileError) {
        let type: mode_t
        switch kind {
        case .fifo: type = S_IFIFO
        case .socket: type = S_IFSOCK
        case .characterDevice: type = S_IFCHR
        case .blockDevice: type = S_IFBLK
        case .regular, .directory, .symbolicLink: throw .refused(.unsupported, "mknodat(2)", shown(path))
        }
        try withParent(of: path, "mknodat(2)") { directory, name in
            unsafe mknodat(
                directory, name, type | mode_t(mode & 0o700), dev_t(linux_makedev(device.major, device.minor))
            )
        }
        let made = try anchor(path)
        if try made.metadata().mode != mode { try made.setModeByAnchor(mode) }
    }

    private borrowing func parentAnchor(_ parent: Path?) throws(FileError) -> Descriptor {
        guard let parent else { return try descriptor.duplicate() }
        return try anchor(parent, O_DIRECTORY)
    }
}
