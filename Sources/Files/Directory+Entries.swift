internal import CLinux
import Glibc

/// One name in a directory.
package struct DirectoryEntry: Sendable, Hashable {
    /// The name's bytes; never `.` or `..`.
    package let name: Path
    /// What the directory says it is; nil where the file system leaves that to lstat.
    package let kind: FileKind?
    /// Its number on the file system.
    package let inode: UInt64
}

extension Directory {
    /// The names in the directory, in byte order. readdir(3).
    package borrowing func entries() throws(FileError) -> [DirectoryEntry] {
        // A descriptor of its own: the position in the listing belongs to the open file.
        let path = path
        let number = descriptor.rawValue
        let own = try SystemCall.run("openat(2)", path) {
            unsafe openat(number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        }
        guard let stream = unsafe fdopendir(own) else {
            let cause = errno
            close(own)
            throw FileError(errno: cause, "fdopendir(3)", path)
        }
        defer { unsafe closedir(stream) }
        var found = [DirectoryEntry]()
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else {
                guard errno == 0 else { throw FileError(errno: errno, "readdir(3)", path) }
                break
            }
            guard let start = unsafe linux_dirent_name(entry) else { continue }
            let name = unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: strlen(start)))
            guard name != [0x2E], name != [0x2E, 0x2E] else { continue }
            found.append(
                DirectoryEntry(
                    name: Path(name), kind: unsafe FileKind(entryType: Int(entry.pointee.d_type)),
                    inode: unsafe UInt64(entry.pointee.d_ino)))
        }
        return found.sorted { $0.name < $1.name }
    }

    /// The facts about what stands under `path`, not following a link there. statx(2).
    package borrowing func metadata(of path: Path) throws(FileError) -> FileMetadata {
        var status = statx()
        try withParent(of: path, "statx(2)") { directory, name in
            unsafe linux_statx(directory, name, AT_SYMLINK_NOFOLLOW, linux_STATX_WANTED, &status)
        }
        return FileMetadata(status)
    }

    /// As `metadata(of:)`, or nil where there is no such name.
    package borrowing func metadataIfPresent(of path: Path) throws(FileError) -> FileMetadata? {
        do {
            return try metadata(of: path)
        } catch  where error.code == .notFound {
            return nil
        }
    }

    /// Where the symbolic link at `path` points: bytes, not checked. readlinkat(2).
    package borrowing func readLink(_ path: Path) throws(FileError) -> Path {
        var target = [CChar](repeating: 0, count: 4097)
        let count = try withParent(of: path, "readlinkat(2)") { directory, name in
            unsafe readlinkat(directory, name, &target, target.count)
        }
        guard count < target.count else { throw .refused(.limit, "readlinkat(2)", shown(path)) }
        return Path(target.prefix(count).map { UInt8(bitPattern: $0) })
    }

    /// The whole content of the regular file at `path`. Throws `limit` where it is longer than `limit` bytes.
    package borrowing func read(_ path: Path, limit: Int) throws(FileError) -> [UInt8] {
        try openFile(path).readAll(limit: limit)
    }
}
