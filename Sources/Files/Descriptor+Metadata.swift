internal import CLinux
import Glibc

extension Descriptor {
    /// The file's facts. statx(2) with AT_EMPTY_PATH.
    package borrowing func metadata() throws(FileError) -> FileMetadata {
        var status = statx()
        let number = rawValue
        try SystemCall.run("statx(2)", path) {
            unsafe linux_statx(number, "", linux_AT_EMPTY_PATH, linux_STATX_WANTED, &status)
        }
        return FileMetadata(status)
    }

    /// Sets the twelve permission bits, whatever the umask. fchmod(2).
    package borrowing func setMode(_ mode: UInt16) throws(FileError) {
        let number = rawValue
        try SystemCall.run("fchmod(2)", path) { fchmod(number, mode_t(mode)) }
    }

    /// Takes off the access control lists, also the one that a directory hands on to what is made in it: then the
    /// permission bits alone say who may what. Nothing where the file system has none. fremovexattr(2).
    package borrowing func removeAccessLists() throws(FileError) {
        let number = rawValue
        for name in ["system.posix_acl_access", "system.posix_acl_default"] {
            do throws(FileError) {
                try SystemCall.run("fremovexattr(2)", path) { unsafe fremovexattr(number, name) }
            } catch {
                // A file has no list to hand on (EACCES); most have no list at all.
                guard [ENODATA, EOPNOTSUPP, EACCES].contains(error.errno) else { throw error }
            }
        }
    }

    /// Sets the permission bits where they differ: after creation under any umask, and after a change of
    /// owner.
    borrowing func ensureMode(_ mode: UInt16) throws(FileError) {
        if try metadata().mode != mode { try setMode(mode) }
    }

    /// Sets owner and group; clears set-id bits, so the mode is set after it. fchown(2).
    package borrowing func setOwner(_ owner: FileOwner) throws(FileError) {
        let number = rawValue
        try SystemCall.run("fchown(2)", path) { fchown(number, owner.user, owner.group) }
    }

    /// Sets the time of last modification and leaves that of last access. futimens(3).
    package borrowing func setModified(_ time: FileTime) throws(FileError) {
        let times = [timespec(tv_sec: 0, tv_nsec: Int(linux_UTIME_OMIT)), time.timespec]
        let number = rawValue
        try SystemCall.run("futimens(3)", path) { unsafe futimens(number, times) }
    }

    /// The ranges of the file that hold data, in order; what lies between them is holes that read as zeros.
    /// A file system without holes tells one range. SEEK_DATA and SEEK_HOLE of lseek(2). Moves the position.
    package borrowing func dataExtents() throws(FileError) -> [FileExtent] {
        let end = try metadata().byteCount
        var extents = [FileExtent]()
        var offset: Int64 = 0
        while offset < end {
            guard let start = try seek(from: offset, linux_SEEK_DATA), start < end else { break }
            let stop = min(try seek(from: start, linux_SEEK_HOLE) ?? end, end)
            guard stop > start else { throw .refused(.changed, "lseek(2)", path) }
            extents.append(FileExtent(offset: start, byteCount: stop - start))
            offset = stop
        }
        try seek(to: 0)
        return extents
    }

    /// Nil for ENXIO: there is no such place up to the end of the file.
    private borrowing func seek(from offset: Int64, _ whence: Int32) throws(FileError) -> Int64? {
        let number = rawValue
        do {
            return Int64(try SystemCall.run("lseek(2)", path) { lseek(number, Int(offset), whence) })
        } catch  where error.errno == ENXIO {
            return nil
        }
    }
}

/// A range of a file that holds data.
package struct FileExtent: Hashable, Sendable {
    /// The first byte's place.
    package let offset: Int64
    /// How many bytes.
    package let byteCount: Int64

    /// A range of `byteCount` bytes from `offset` on.
    package init(offset: Int64, byteCount: Int64) {
        self.offset = offset
        self.byteCount = byteCount
    }
}
