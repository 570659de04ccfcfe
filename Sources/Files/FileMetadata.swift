internal import CLinux
import Glibc

/// What lies under a name.
package enum FileKind: Sendable, Hashable {
    /// A file with content.
    case regular
    /// A directory.
    case directory
    /// A symbolic link, itself.
    case symbolicLink
    /// A named pipe.
    case fifo
    /// A socket's name.
    case socket
    /// A character device.
    case characterDevice
    /// A block device.
    case blockDevice

    /// The kind in the S_IFMT bits of `mode`. Bits no Linux knows count as a socket: nothing opens them.
    init(mode: UInt32) {
        switch mode & S_IFMT {
        case S_IFREG: self = .regular
        case S_IFDIR: self = .directory
        case S_IFLNK: self = .symbolicLink
        case S_IFIFO: self = .fifo
        case S_IFCHR: self = .characterDevice
        case S_IFBLK: self = .blockDevice
        default: self = .socket
        }
    }

    /// The kind in `d_type` of readdir(3); nil where the file system doesn't tell.
    init?(entryType: Int) {
        switch entryType {
        case DT_REG: self = .regular
        case DT_DIR: self = .directory
        case DT_LNK: self = .symbolicLink
        case DT_FIFO: self = .fifo
        case DT_SOCK: self = .socket
        case DT_CHR: self = .characterDevice
        case DT_BLK: self = .blockDevice
        default: return nil
        }
    }
}

/// A point in time as file systems keep it.
package struct FileTime: Sendable, Hashable, Comparable {
    /// Seconds since 1970, negative before.
    package let seconds: Int64
    /// Nanoseconds after that second, below 1,000,000,000.
    package let nanoseconds: UInt32

    /// The time so many seconds and nanoseconds after 1970 began.
    package init(seconds: Int64, nanoseconds: UInt32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// Earlier before later.
    package static func < (left: FileTime, right: FileTime) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    var timespec: Glibc.timespec { Glibc.timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds)) }
}

/// Who a file belongs to.
package struct FileOwner: Sendable, Hashable {
    /// The user's number.
    package let user: UInt32
    /// The group's number.
    package let group: UInt32

    /// The owner with these numbers.
    package init(user: UInt32, group: UInt32) {
        self.user = user
        self.group = group
    }

    /// The number that chown(2) takes for "leave it as it is".
    package static let unchanged = UInt32.max
}

/// A device's two numbers.
package struct DeviceNumber: Sendable, Hashable {
    /// The driver.
    package let major: UInt32
    /// The device of that driver.
    package let minor: UInt32

    /// The device with these numbers.
    package init(major: UInt32, minor: UInt32) {
        self.major = major
        self.minor = minor
    }
}

/// The facts about a file that lstat(1) shows, links not followed, nanoseconds kept.
package struct FileMetadata: Sendable, Hashable {
    /// What it is.
    package var kind: FileKind
    /// The twelve permission bits: rwx three times, set-user-id, set-group-id, sticky.
    package var mode: UInt16
    /// Whose it is.
    package var owner: FileOwner
    /// The length of the content; of a symbolic link, that of its target.
    package var byteCount: Int64
    /// When the content last changed.
    package var modified: FileTime
    /// When content or facts last changed (ctime).
    package var changed: FileTime
    /// The file system it lies on.
    package var device: DeviceNumber
    /// Its number on that file system.
    package var inode: UInt64
    /// How many names it has.
    package var linkCount: UInt32
    /// What device it stands for, if it is one.
    package var specialDevice: DeviceNumber
    /// The room it takes, in steps of 512 bytes.
    package var blockCount: UInt64

    /// Whether it takes less room than its length: it may have holes.
    package var maySparse: Bool {
        kind == .regular && blockCount < (UInt64(max(0, byteCount)) + 511) / 512
    }

    /// The facts that can be put on a file; what only the file system decides is zero.
    package init(kind: FileKind, mode: UInt16, owner: FileOwner, modified: FileTime) {
        self.kind = kind
        self.mode = mode
        self.owner = owner
        self.modified = modified
        byteCount = 0
        changed = FileTime(seconds: 0)
        device = DeviceNumber(major: 0, minor: 0)
        inode = 0
        linkCount = 0
        specialDevice = DeviceNumber(major: 0, minor: 0)
        blockCount = 0
    }

    init(_ status: statx) {
        kind = FileKind(mode: UInt32(status.stx_mode))
        mode = status.stx_mode & 0o7777
        owner = FileOwner(user: status.stx_uid, group: status.stx_gid)
        byteCount = Int64(clamping: status.stx_size)
        modified = FileTime(seconds: status.stx_mtime.tv_sec, nanoseconds: status.stx_mtime.tv_nsec)
        changed = FileTime(seconds: status.stx_ctime.tv_sec, nanoseconds: status.stx_ctime.tv_nsec)
        device = DeviceNumber(major: status.stx_dev_major, minor: status.stx_dev_minor)
        inode = status.stx_ino
        linkCount = status.stx_nlink
        specialDevice = DeviceNumber(major: status.stx_rdev_major, minor: status.stx_rdev_minor)
        blockCount = status.stx_blocks
    }
}
