import Glibc

/// What the file system, or a rule of this module, refused.
package struct FileError: Error, Sendable {
    /// The kind of failure; the only part that is compared.
    package enum Code: Sendable, Hashable {
        /// ENOSPC, EDQUOT: the disk or the quota is full.
        case noSpace
        /// EIO and what else says that bytes may be lost: short writes, a length that differs after writing.
        case io
        /// EACCES, EPERM.
        case permission
        /// EROFS.
        case readOnly
        /// ENOENT, or ENOTDIR for a parent.
        case notFound
        /// EEXIST.
        case exists
        /// A symbolic link where none is followed.
        case isLink
        /// A directory where a file was wanted.
        case isDirectory
        /// Something else where a directory was wanted.
        case notDirectory
        /// A FIFO, socket or device where a regular file was wanted.
        case notRegular
        /// ENOTEMPTY.
        case notEmpty
        /// A regular file with more than one name, which must not be replaced.
        case hardLinked
        /// A file of another owner, which must not be replaced.
        case foreignOwner
        /// The path leads out of the directory it was to stay beneath.
        case escapes
        /// EXDEV: two file systems, or a mount point in the way.
        case crossesMount
        /// Held by somebody else.
        case locked
        /// More bytes than allowed: a caller's limit, EFBIG, ENAMETOOLONG, too many descriptors.
        case limit
        /// An empty name, one with NUL or slash, `.` or `..`.
        case invalidName
        /// The file changed while it was worked on.
        case changed
        /// The file system or the kernel can't do this.
        case unsupported
        /// Anything else; see `errno`.
        case other
    }

    /// What kind of failure it is.
    package let code: Code
    /// The system call's number for the cause; 0 where a rule of this module refused.
    package let errno: Int32
    /// The call that failed, as its manual page is named: `openat2(2)`.
    package let operation: String
    /// The path as it was given to the call. Names, never content.
    package let path: Path

    /// The failure of a system call.
    init(errno number: Int32, _ operation: StaticString, _ path: Path) {
        code = FileError.code(number)
        errno = number
        self.operation = operation.description
        self.path = path
    }

    private init(code: Code, _ operation: StaticString, _ path: Path) {
        self.code = code
        errno = 0
        self.operation = operation.description
        self.path = path
    }

    /// A refusal by a rule of this module.
    static func refused(_ code: Code, _ operation: StaticString, _ path: Path) -> FileError {
        FileError(code: code, operation, path)
    }

    /// The same failure, told with the path that the caller knows.
    package func at(_ path: Path) -> FileError { FileError(copying: self, code: code, path: path) }

    /// The same failure under another code, where the call's meaning is known better than from errno alone.
    func renamed(_ code: Code) -> FileError { FileError(copying: self, code: code, path: path) }

    private init(copying error: FileError, code: Code, path: Path) {
        self.code = code
        errno = error.errno
        operation = error.operation
        self.path = path
    }

    private static func code(_ number: Int32) -> Code {
        switch number {
        case ENOSPC, EDQUOT: .noSpace
        case EIO, ENXIO, ENODEV: .io
        case EACCES, EPERM: .permission
        case EROFS: .readOnly
        case ENOENT: .notFound
        case EEXIST: .exists
        case ELOOP: .isLink
        case EISDIR: .isDirectory
        case ENOTDIR: .notDirectory
        case ENOTEMPTY: .notEmpty
        case EXDEV: .crossesMount
        case EWOULDBLOCK: .locked
        case EFBIG, ENAMETOOLONG, EMFILE, ENFILE, EMLINK, E2BIG: .limit
        case EOPNOTSUPP, ENOSYS: .unsupported
        default: .other
        }
    }
}

extension FileError: CustomStringConvertible {
    /// One line for people: call, path and reason.
    package var description: String {
        guard errno != 0, code != .isLink else { return "\(path): \(reason) [\(operation)]" }
        return "\(path): \(FileError.message(errno)) [\(operation)]"
    }

    private var reason: String {
        switch code {
        case .noSpace: "no space left"
        case .io: "not all bytes were written"
        case .permission: "permission denied"
        case .readOnly: "read-only file system"
        case .notFound: "not found"
        case .exists: "exists already"
        case .isLink: "is a symbolic link"
        case .isDirectory: "is a directory"
        case .notDirectory: "is not a directory"
        case .notRegular: "is not a regular file"
        case .notEmpty: "directory is not empty"
        case .hardLinked: "has more than one name (hard link)"
        case .foreignOwner: "belongs to another user"
        case .escapes: "leads out of its directory"
        case .crossesMount: "lies on another file system"
        case .locked: "is locked by another process"
        case .limit: "is too large"
        case .invalidName: "is not a usable name"
        case .changed: "changed while it was worked on"
        case .unsupported: "not supported here"
        case .other: "failed"
        }
    }

    /// The C library's text for an error number, by strerror_r(3), which is safe between threads.
    private static func message(_ number: Int32) -> String {
        var text = [CChar](repeating: 0, count: 256)
        guard unsafe strerror_r(number, &text, text.count) == 0 else { return "errno \(number)" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
