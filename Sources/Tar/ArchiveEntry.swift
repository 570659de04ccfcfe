internal import CArchive
import Files
import Glibc

/// An entry of libarchive's, owned.
@safe
struct ArchiveEntry: ~Copyable {
    let handle: OpaquePointer

    init() throws(TarError) {
        try ArchiveLibrary.start()
        guard let handle = unsafe archive_entry_new() else {
            throw TarError(.noMemory, "", operation: "archive_entry_new(3)")
        }
        unsafe self.handle = handle
    }

    deinit { unsafe archive_entry_free(handle) }

    /// Puts the facts of `entry` in. archive_entry(3).
    borrowing func fill(_ entry: TarEntry) throws(TarError) {
        unsafe archive_entry_copy_pathname(handle, try ArchiveEntry.text(entry.path.bytes, of: entry))
        unsafe archive_entry_set_perm(handle, mode_t(entry.mode & 0o7777))
        unsafe archive_entry_set_uid(handle, la_int64_t(entry.owner.user))
        unsafe archive_entry_set_gid(handle, la_int64_t(entry.owner.group))
        if !entry.userName.isEmpty {
            unsafe archive_entry_copy_uname(handle, try ArchiveEntry.text(entry.userName, of: entry))
        }
        if !entry.groupName.isEmpty {
            unsafe archive_entry_copy_gname(handle, try ArchiveEntry.text(entry.groupName, of: entry))
        }
        let time = TarTime.written(entry.modified)
        unsafe archive_entry_set_mtime(handle, Int(time.seconds), Int(time.nanoseconds))
        try fillContent(entry)
        try fillAttributes(entry)
    }

    private borrowing func fillContent(_ entry: TarEntry) throws(TarError) {
        let type: UInt32
        switch entry.content {
        case .regular(let byteCount, let extents):
            type = S_IFREG
            guard byteCount >= 0 else { throw TarError(.notRepresentable, entry.path, "negative length") }
            unsafe archive_entry_set_size(handle, byteCount)
            if let extents { try fillSparse(extents, byteCount, of: entry) }
        case .directory: type = S_IFDIR
        case .symbolicLink(let target):
            type = S_IFLNK
            unsafe archive_entry_copy_symlink(handle, try ArchiveEntry.text(target.bytes, of: entry))
        case .hardLink(let first):
            type = S_IFREG
            unsafe archive_entry_copy_hardlink(handle, try ArchiveEntry.text(first.bytes, of: entry))
        case .fifo: type = S_IFIFO
        case .characterDevice(let device):
            type = S_IFCHR
            fillDevice(device)
        case .blockDevice(let device):
            type = S_IFBLK
            fillDevice(device)
        }
        unsafe archive_entry_set_filetype(handle, type)
    }

    private borrowing func fillDevice(_ device: DeviceNumber) {
        unsafe archive_entry_set_rdevmajor(handle, dev_t(device.major))
        unsafe archive_entry_set_rdevminor(handle, dev_t(device.minor))
    }

    private borrowing func fillSparse(
        _ extents: [FileExtent], _ byteCount: Int64, of entry: TarEntry
    ) throws(TarError) {
        var end: Int64 = 0
        for extent in extents {
            // Neighbours without a hole between them would be merged on reading: one form only.
            guard extent.offset >= end, extent.offset > end || end == 0, extent.byteCount > 0,
                extent.byteCount <= byteCount - extent.offset
            else { throw TarError(.notRepresentable, entry.path, "broken map of holes") }
            end = extent.offset + extent.byteCount
            unsafe archive_entry_sparse_add_entry(handle, extent.offset, extent.byteCount)
        }
        // A file that is one hole has an empty last range, as GNU tar writes it; without one it counts as
        // full.
        if extents.isEmpty, byteCount > 0 { unsafe archive_entry_sparse_add_entry(handle, byteCount, 0) }
    }

    private borrowing func fillAttributes(_ entry: TarEntry) throws(TarError) {
        for attribute in entry.attributes {
            if let kind = ArchiveEntry.listKind(attribute.name),
                let rules = AccessControlList.parse(attribute.value), rules.allSatisfy(\.isSpeakable)
            {
                try fillList(rules, kind, of: entry)
            } else {
                // A list that the library's text can't say is kept as what it is for the kernel: an
                // attribute.
                let name = try ArchiveEntry.text(attribute.name.bytes, of: entry)
                unsafe archive_entry_xattr_add_entry(handle, name, attribute.value, attribute.value.count)
            }
        }
    }

    private borrowing func fillList(
        _ rules: [AccessControlList.Rule], _ kind: Int32, of entry: TarEntry
    ) throws(TarError) {
        for rule in rules {
            let tag = AccessControlList.libraryTag(rule.tag) ?? 0
            let identity = rule.identity == AccessControlList.noIdentity ? -1 : Int32(rule.identity)
            let result = unsafe archive_entry_acl_add_entry(
                handle, kind, Int32(rule.permissions), tag, identity, nil)
            guard result == ARCHIVE_OK else {
                throw TarError(.notRepresentable, entry.path, operation: "archive_entry_acl_add_entry(3)")
            }
        }
    }

    private static func listKind(_ name: Path) -> Int32? {
        switch name {
        case AccessControlList.accessName: Int32(ARCHIVE_ENTRY_ACL_TYPE_ACCESS)
        case AccessControlList.defaultName: Int32(ARCHIVE_ENTRY_ACL_TYPE_DEFAULT)
        default: nil
        }
    }

    /// Bytes with a terminating NUL. Throws `notRepresentable` for none, or with a NUL among them.
    private static func text(_ bytes: [UInt8], of entry: TarEntry) throws(TarError) -> [CChar] {
        guard !bytes.isEmpty, !bytes.contains(0) else {
            throw TarError(.notRepresentable, entry.path, "empty name, or NUL in it")
        }
        return bytes.map { CChar(bitPattern: $0) } + [0]
    }
}

/// libarchive writes seconds and nanoseconds of a time before 1970 as one decimal fraction with the sign of
/// the seconds, though nanoseconds count forward: -2 s and 250,000,000 ns become "-2.25", where -1.75 is
/// meant.
enum TarTime {
    /// What to hand to libarchive so that the text is right.
    static func written(_ time: FileTime) -> FileTime {
        guard time.seconds < 0, time.nanoseconds > 0 else { return time }
        // "-0.75" can't be had from the library: the last second before 1970 keeps no fraction.
        guard time.seconds < -1 else { return FileTime(seconds: -1) }
        return FileTime(seconds: time.seconds + 1, nanoseconds: 1_000_000_000 - time.nanoseconds)
    }

    /// What a time means that libarchive has read from such a text.
    static func read(_ time: FileTime) -> FileTime {
        guard time.seconds < 0, time.nanoseconds > 0 else { return time }
        return FileTime(seconds: time.seconds - 1, nanoseconds: 1_000_000_000 - time.nanoseconds)
    }
}
