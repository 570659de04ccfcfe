package import Files

// A short tour. `TarEntry` is what one member of an archive says; `TarHeader` turns it into the bytes that
// stand before the member's content and back; `TarWriter` and `TarReader` put whole archives together and
// take them apart. The format is pax interchange (POSIX.1-2017 pax, "pax Interchange Format"), as GNU tar,
// bsdtar and Python's tarfile read it. libarchive makes and parses headers only: content never passes through
// it.

/// What a member is, and what only that kind has.
package enum TarContent: Sendable, Hashable {
    /// A file with content. `extents` tells where data stands in a file with holes, in order and without
    /// overlap; only those bytes are stored then. Nil: no holes, all bytes are stored.
    case regular(byteCount: Int64, extents: [FileExtent]?)
    /// A directory.
    case directory
    /// A symbolic link that says `target`.
    case symbolicLink(target: Path)
    /// One more name of a file that stands earlier in the archive.
    case hardLink(to: Path)
    /// A named pipe.
    case fifo
    /// A character device.
    case characterDevice(DeviceNumber)
    /// A block device.
    case blockDevice(DeviceNumber)
}

/// One member of an archive: name and facts, without its content's bytes.
package struct TarEntry: Sendable, Hashable {
    /// The name, relative and without a slash at its end, as bytes.
    package var path: Path
    /// What it is.
    package var content: TarContent
    /// The twelve permission bits.
    package var mode: UInt16
    /// The numbers of user and group.
    package var owner: FileOwner
    /// The user's name; empty where it is not known.
    package var userName: [UInt8] = []
    /// The group's name; empty where it is not known.
    package var groupName: [UInt8] = []
    /// When the content last changed. Within the last second before 1970 the nanoseconds are not kept.
    package var modified: FileTime
    /// Extended attributes in byte order of their names, ACLs in the kernel's form (`system.posix_acl_access`
    /// and `system.posix_acl_default`) among them.
    package var attributes: [ExtendedAttribute] = []

    /// A member with these facts.
    package init(_ path: Path, _ content: TarContent, mode: UInt16, owner: FileOwner, modified: FileTime) {
        self.path = path
        self.content = content
        self.mode = mode
        self.owner = owner
        self.modified = modified
    }

    /// The number of bytes that are stored after the header, before padding.
    package var storedByteCount: Int64 {
        guard case .regular(let byteCount, let extents) = content else { return 0 }
        guard let extents else { return byteCount }
        return extents.reduce(0) { $0 &+ $1.byteCount }
    }

    /// The zeros that fill the last block after the content: 0 to 511.
    package var paddingByteCount: Int { Int((512 &- storedByteCount % 512) % 512) }
}
