internal import CArchive
import Files
import Glibc

/// Facts out of an entry that libarchive has read and owns.
enum ReadEntry {
    /// Copies all facts of the entry at `handle`.
    static func facts(_ handle: OpaquePointer) throws(TarError) -> TarEntry {
        var path = unsafe bytes(archive_entry_pathname(handle))
        guard !path.isEmpty else { throw TarError(.damaged, "", "member without a name") }
        let content = try unsafe content(handle, Path(path))
        if content == .directory, path.count > 1, path.last == 0x2F { path.removeLast() }
        guard let user = unsafe UInt32(exactly: archive_entry_uid(handle)),
            let group = unsafe UInt32(exactly: archive_entry_gid(handle)),
            let nanoseconds = unsafe UInt32(exactly: archive_entry_mtime_nsec(handle))
        else { throw TarError(.damaged, Path(path), "numbers out of range") }
        let time = unsafe FileTime(seconds: Int64(archive_entry_mtime(handle)), nanoseconds: nanoseconds)
        var entry = TarEntry(
            Path(path), content, mode: unsafe UInt16(archive_entry_perm(handle) & 0o7777),
            owner: FileOwner(user: user, group: group), modified: TarTime.read(time))
        entry.userName = unsafe bytes(archive_entry_uname(handle))
        entry.groupName = unsafe bytes(archive_entry_gname(handle))
        entry.attributes = unsafe attributes(handle)
        try unsafe addLists(handle, to: &entry)
        entry.attributes.sort { $0.name < $1.name }
        return entry
    }

    private static func content(_ handle: OpaquePointer, _ path: Path) throws(TarError) -> TarContent {
        if let first = unsafe archive_entry_hardlink(handle) {
            return .hardLink(to: Path(unsafe bytes(first)))
        }
        switch unsafe archive_entry_filetype(handle) {
        case S_IFREG:
            let byteCount = unsafe archive_entry_size(handle)
            guard byteCount >= 0 else { throw TarError(.damaged, path, "negative length") }
            return .regular(byteCount: byteCount, extents: try unsafe extents(handle, byteCount, path))
        case S_IFDIR: return .directory
        case S_IFLNK: return .symbolicLink(target: Path(unsafe bytes(archive_entry_symlink(handle))))
        case S_IFIFO: return .fifo
        case S_IFCHR: return .characterDevice(try unsafe device(handle, path))
        case S_IFBLK: return .blockDevice(try unsafe device(handle, path))
        default: throw TarError(.unsupported, path, "unknown kind of member")
        }
    }

    private static func device(_ handle: OpaquePointer, _ path: Path) throws(TarError) -> DeviceNumber {
        guard let major = unsafe UInt32(exactly: archive_entry_rdevmajor(handle)),
            let minor = unsafe UInt32(exactly: archive_entry_rdevminor(handle))
        else { throw TarError(.damaged, path, "device numbers out of range") }
        return DeviceNumber(major: major, minor: minor)
    }

    private static func extents(
        _ handle: OpaquePointer, _ byteCount: Int64, _ path: Path
    ) throws(TarError) -> [FileExtent]? {
        guard unsafe archive_entry_sparse_reset(handle) > 0 else { return nil }
        var found = [FileExtent]()
        var end: Int64 = 0
        var (offset, length) = (la_int64_t(0), la_int64_t(0))
        while unsafe archive_entry_sparse_next(handle, &offset, &length) == ARCHIVE_OK {
            guard offset >= end, length >= 0, length <= byteCount - offset else {
                throw TarError(.damaged, path, "broken map of holes")
            }
            end = offset + length
            if length > 0 { found.append(FileExtent(offset: offset, byteCount: length)) }
        }
        return found
    }

    private static func attributes(_ handle: OpaquePointer) -> [ExtendedAttribute] {
        var found = [ExtendedAttribute]()
        unsafe archive_entry_xattr_reset(handle)
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while unsafe archive_entry_xattr_next(handle, &name, &value, &size) == ARCHIVE_OK {
            let content = unsafe [UInt8](UnsafeRawBufferPointer(start: value, count: size))
            found.append(ExtendedAttribute(name: Path(decoded(unsafe bytes(name))), value: content))
        }
        return found
    }

    /// libarchive writes `%`, `=` and what is not printable ASCII in an attribute's name as `%XX`, but does
    /// not undo it.
    private static func decoded(_ name: [UInt8]) -> [UInt8] {
        var result = [UInt8]()
        var rest = name[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2)
            if byte == 0x25, digits.count == 2,
                digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            {
                result.append(value)
                rest = rest.dropFirst(2)
            } else {
                result.append(byte)
            }
        }
        return result
    }

    private static func addLists(_ handle: OpaquePointer, to entry: inout TarEntry) throws(TarError) {
        let kinds = [
            (Int32(ARCHIVE_ENTRY_ACL_TYPE_ACCESS), AccessControlList.accessName),
            (Int32(ARCHIVE_ENTRY_ACL_TYPE_DEFAULT), AccessControlList.defaultName),
        ]
        for (kind, name) in kinds {
            let rules = try unsafe rules(handle, kind, entry.path)
            guard !rules.isEmpty else { continue }
            // GNU tar can write a list in both forms.
            entry.attributes.removeAll { $0.name == name }
            entry.attributes.append(ExtendedAttribute(name: name, value: AccessControlList.value(rules)))
            guard name == AccessControlList.accessName,
                let mask = rules.first(where: { $0.tag == AccessControlList.mask })
            else { continue }
            // In a file's mode the group bits are the list's mask; libarchive has put the group's own rights
            // there.
            entry.mode = entry.mode & ~0o070 | mask.permissions << 3
        }
    }

    private static func rules(
        _ handle: OpaquePointer, _ kind: Int32, _ path: Path
    ) throws(TarError) -> [AccessControlList.Rule] {
        guard unsafe archive_entry_acl_reset(handle, kind) > 0 else { return [] }
        var found = [AccessControlList.Rule]()
        var (type, permissions, tag, identity) = (Int32(0), Int32(0), Int32(0), Int32(0))
        var name: UnsafePointer<CChar>?
        while unsafe archive_entry_acl_next(handle, kind, &type, &permissions, &tag, &identity, &name)
            == ARCHIVE_OK
        {
            guard let kernelTag = AccessControlList.kernelTag(tag), let bits = UInt16(exactly: permissions),
                bits <= 7
            else { throw TarError(.damaged, path, "broken access control list") }
            let isNamed = kernelTag == 0x02 || kernelTag == 0x08
            found.append(
                AccessControlList.Rule(
                    tag: kernelTag, permissions: bits,
                    identity: isNamed ? UInt32(bitPattern: identity) : AccessControlList.noIdentity))
        }
        return found
    }

    private static func bytes(_ text: UnsafePointer<CChar>?) -> [UInt8] {
        guard let text = unsafe text else { return [] }
        return unsafe [UInt8](UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }
}
