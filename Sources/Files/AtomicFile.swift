import Glibc

/// What a new file does about a file that has its name already.
package enum Replacement: Sendable {
    /// It must not be there (`exists`).
    case never
    /// A regular file with one name, owned by this process's user or by the owner the new file gets, is
    /// replaced. Links, FIFOs, devices, directories, hard-linked files and other people's files are refused.
    case ownFile
    /// As `ownFile`, whoever owns it.
    case anyFile
}

/// A file in the making: written under a temporary name in the directory where it will stand, and there under
/// its own name only when it is whole and on the disk. Left without `commit()`, it leaves nothing behind.
///
/// On disk: `.<name>.tmp-<16 hex digits>`, made with O_EXCL and mode 0600, locked (flock(2)) as long as its
/// writer lives. `commit()`: compare the length, set the mode, fsync, rename, fsync the directory.
package struct AtomicFile: ~Copyable {
    private let directory: Directory
    private let name: Path
    private var temporary: Temporary
    private let replacement: Replacement
    private let owner: FileOwner?
    private let mode: UInt16
    private var byteCount: Int64 = 0

    /// Begins the file `name` (one name, no path) of `directory`. It gets `mode` whatever the umask, and
    /// `owner` where that is given. Refuses at once what `replacement` would refuse at the end.
    package init(
        _ name: Path, in directory: borrowing Directory, mode: UInt16 = 0o600, owner: FileOwner? = nil,
        _ replacement: Replacement = .ownFile
    ) throws(FileError) {
        guard name.isName else { throw .refused(.invalidName, "openat2(2)", directory.shown(name)) }
        try replacement.check(name, in: directory, owner)
        let holder = try directory.duplicate()
        let temporary = try Temporary(for: name, in: directory)
        if let owner { try temporary.file.setOwner(owner) }
        self.mode = mode
        self.directory = holder
        self.name = name
        self.temporary = temporary
        self.replacement = replacement
        self.owner = owner
    }

    /// Appends bytes.
    package mutating func write(_ bytes: RawSpan) throws(FileError) {
        try temporary.file.write(bytes)
        byteCount += Int64(bytes.byteCount)
    }

    /// Makes the file `byteCount` zeros long, for which there is room on the disk when this returns. Throws `noSpace`.
    /// posix_fallocate(3).
    package mutating func reserve(_ byteCount: Int64) throws(FileError) {
        let shown = directory.shown(name)
        while true {
            let number = posix_fallocate(temporary.file.rawValue, 0, off_t(byteCount))
            guard number != 0 else { break }
            guard number == EINTR else { throw FileError(errno: number, "posix_fallocate(3)", shown) }
        }
        self.byteCount = byteCount
    }

    /// Makes the file visible under its name and durable. When this throws, the old file still stands, except
    /// where the last step alone failed (the fsync of the directory): then the new one may stand and may not
    /// be durable.
    package consuming func commit() throws(FileError) {
        let written = try temporary.file.metadata().byteCount
        guard written == byteCount else { throw .refused(.io, "fstat(2)", directory.shown(name)) }
        try temporary.file.ensureMode(mode)
        try temporary.file.synchronize()
        try replacement.check(name, in: directory, owner)
        try temporary.rename(to: name, overwriting: replacement != .never)
        do {
            try directory.synchronize()
        } catch {
            if replacement == .never { try? directory.removeFile(name) }
            throw error
        }
    }
}

extension Replacement {
    /// Throws where a file of this name must not be replaced.
    func check(_ name: Path, in directory: borrowing Directory, _ owner: FileOwner?) throws(FileError) {
        guard let found = try directory.metadataIfPresent(of: name) else { return }
        let whole = directory.shown(name)
        guard self != .never else { throw .refused(.exists, "statx(2)", whole) }
        switch found.kind {
        case .regular: break
        case .symbolicLink: throw .refused(.isLink, "statx(2)", whole)
        case .directory: throw .refused(.isDirectory, "statx(2)", whole)
        default: throw .refused(.notRegular, "statx(2)", whole)
        }
        // None at all has a file that another writer replaced between the look-up and the answer.
        guard found.linkCount <= 1 else { throw .refused(.hardLinked, "statx(2)", whole) }
        guard self == .ownFile, found.owner.user != geteuid(), found.owner.user != owner?.user else { return }
        throw .refused(.foreignOwner, "statx(2)", whole)
    }
}

extension Directory {
    /// Writes a whole file so that its name holds the old content or the new, and the new is on the disk when
    /// this returns. See `AtomicFile`. A path with several components leads to its directory first.
    package borrowing func write(
        _ bytes: RawSpan, to path: Path, mode: UInt16 = 0o600, owner: FileOwner? = nil,
        _ replacement: Replacement = .ownFile
    ) throws(FileError) {
        let place = try path.beneath("openat2(2)")
        guard let parent = place.parent else {
            var file = try AtomicFile(place.name, in: self, mode: mode, owner: owner, replacement)
            try file.write(bytes)
            return try file.commit()
        }
        try openDirectory(parent).write(bytes, to: place.name, mode: mode, owner: owner, replacement)
    }

    /// Writes a new file straight under its name and forces it to the disk, for a directory that nobody sees
    /// yet. After a failure the name is gone again. The directory itself is not fsynced.
    package borrowing func writeNew(
        _ bytes: RawSpan, to path: Path, mode: UInt16 = 0o600, owner: FileOwner? = nil
    ) throws(FileError) {
        let file = try createFile(path)
        do {
            try file.write(bytes)
            if let owner { try file.setOwner(owner) }
            try file.ensureMode(mode)
            try file.synchronize()
        } catch {
            try? removeFile(path)
            throw error
        }
    }
}
