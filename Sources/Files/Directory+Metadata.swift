internal import CLinux
import Glibc

/// One extended attribute, ACLs (`system.posix_acl_access`) among them.
package struct ExtendedAttribute: Sendable, Hashable {
    /// The whole name with its namespace: `user.comment`.
    package let name: Path
    /// The value, opaque.
    package let value: [UInt8]

    /// The attribute of this name and value.
    package init(name: Path, value: [UInt8]) {
        self.name = name
        self.value = value
    }
}

/// Which facts are put on a file.
package struct MetadataAspects: OptionSet, Sendable {
    /// A bit an aspect.
    package let rawValue: UInt8

    /// The set with these bits.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// User and group.
    package static let owner = MetadataAspects(rawValue: 1)
    /// The permission bits without set-user-id and set-group-id.
    package static let permissions = MetadataAspects(rawValue: 2)
    /// Set-user-id and set-group-id bits, together with `permissions`.
    package static let setIdentity = MetadataAspects(rawValue: 4)
    /// The time of last modification.
    package static let modified = MetadataAspects(rawValue: 8)
}

extension Directory {
    /// The extended attributes of what stands under `path`, a link itself included, in byte order of their
    /// names. A file system without them has none. llistxattr(2), lgetxattr(2), anchored through
    /// /proc/self/fd.
    package borrowing func extendedAttributes(of path: Path) throws(FileError) -> [ExtendedAttribute] {
        do {
            return try anchor(path).extendedAttributes()
        } catch {
            throw error.at(shown(path))
        }
    }

    /// Sets one extended attribute of what stands under `path`, a link itself included. setxattr(2).
    package borrowing func setExtendedAttribute(
        _ attribute: ExtendedAttribute, of path: Path
    ) throws(FileError) {
        try anchor(path).setExtendedAttribute(attribute)
    }

    /// Puts facts kept in `metadata`, and `attributes`, on what stands under `path`, a link itself included;
    /// in the order in which none undoes another: owner, attributes, permissions, time. Throws at the first
    /// that fails.
    package borrowing func apply(
        _ metadata: FileMetadata, attributes: [ExtendedAttribute] = [], _ aspects: MetadataAspects,
        to path: Path
    ) throws(FileError) {
        let held = try anchor(path)
        let number = held.rawValue
        if aspects.contains(.owner) {
            try SystemCall.run("fchownat(2)", held.path) {
                unsafe fchownat(number, "", metadata.owner.user, metadata.owner.group, linux_AT_EMPTY_PATH)
            }
        }
        for attribute in attributes { try held.setExtendedAttribute(attribute) }
        if aspects.contains(.permissions), metadata.kind != .symbolicLink {
            try held.setModeByAnchor(metadata.mode & (aspects.contains(.setIdentity) ? 0o7777 : 0o1777))
        }
        if aspects.contains(.modified) {
            let times = [timespec(tv_sec: 0, tv_nsec: Int(linux_UTIME_OMIT)), metadata.modified.timespec]
            let anchor = held.procPath
            try SystemCall.run("utimensat(2)", held.path) { unsafe utimensat(AT_FDCWD, anchor, times, 0) }
        }
    }

    /// The extended attributes of the directory itself, in byte order of their names.
    package borrowing func extendedAttributes() throws(FileError) -> [ExtendedAttribute] {
        try descriptor.extendedAttributes()
    }

    /// Sets one extended attribute of the directory itself. setxattr(2).
    package borrowing func setExtendedAttribute(_ attribute: ExtendedAttribute) throws(FileError) {
        try descriptor.setExtendedAttribute(attribute)
    }

    /// Forces everything on the directory's file system to the disk: cheaper than a call a file. syncfs(2).
    package borrowing func synchronizeFileSystem() throws(FileError) {
        let number = descriptor.rawValue
        try SystemCall.run("syncfs(2)", path) { linux_syncfs(number) }
    }
}

extension Descriptor {
    /// The extended attributes of the open file, in byte order of their names; none where the file system has
    /// none.
    borrowing func extendedAttributes() throws(FileError) -> [ExtendedAttribute] {
        let anchor = procPath
        let list: [UInt8]
        do {
            list = try unsafe Descriptor.variable("listxattr(2)", path) { buffer, count in
                unsafe listxattr(anchor, buffer, count)
            }
        } catch  where error.code == .unsupported {
            return []
        }
        var attributes = [ExtendedAttribute]()
        for name in list.split(separator: 0).map({ Path(Array($0)) }).sorted() {
            let key = try name.cString("getxattr(2)")
            let value = try unsafe Descriptor.variable("getxattr(2)", path) { buffer, count in
                unsafe getxattr(anchor, key, buffer, count)
            }
            attributes.append(ExtendedAttribute(name: name, value: value))
        }
        return attributes
    }

    /// The extended attributes of a file that is open for reading or writing, in byte order of their names; none where the
    /// file system has none. flistxattr(2), fgetxattr(2).
    package borrowing func ownAttributes() throws(FileError) -> [ExtendedAttribute] {
        let number = rawValue
        let list: [UInt8]
        do {
            list = try unsafe Descriptor.variable("flistxattr(2)", path) { buffer, count in
                unsafe flistxattr(number, buffer, count)
            }
        } catch  where error.code == .unsupported {
            return []
        }
        guard !list.isEmpty else { return [] }
        var attributes = [ExtendedAttribute]()
        for name in list.split(separator: 0).map({ Path(Array($0)) }).sorted() {
            let key = try name.cString("fgetxattr(2)")
            let value = try unsafe Descriptor.variable("fgetxattr(2)", path) { buffer, count in
                unsafe fgetxattr(number, key, buffer, count)
            }
            attributes.append(ExtendedAttribute(name: name, value: value))
        }
        return attributes
    }

    /// Sets an extended attribute of a file that is open for reading or writing. fsetxattr(2).
    package borrowing func setOwnAttribute(_ attribute: ExtendedAttribute) throws(FileError) {
        let name = try attribute.name.cString("fsetxattr(2)")
        let number = rawValue
        try SystemCall.run("fsetxattr(2)", path) {
            unsafe fsetxattr(number, name, attribute.value, attribute.value.count, 0)
        }
    }

    /// Calls twice, for the size and for the bytes, and again while they grow in between (ERANGE).
    private static func variable(
        _ operation: StaticString, _ path: Path, _ call: (UnsafeMutablePointer<CChar>?, Int) -> Int
    ) throws(FileError) -> [UInt8] {
        while true {
            let size = try SystemCall.run(operation, path) { call(nil, 0) }
            guard size > 0 else { return [] }
            var bytes = [CChar](repeating: 0, count: size)
            do {
                let count = try SystemCall.run(operation, path) { unsafe call(&bytes, size) }
                return bytes.prefix(count).map { UInt8(bitPattern: $0) }
            } catch  where error.errno == ERANGE {
                continue
            }
        }
    }

    /// A path that leads to this very file, whatever its name is by now: the way to the calls that have no
    /// form for a descriptor opened with O_PATH. proc(5), /proc/pid/fd.
    var procPath: [CChar] {
        "/proc/self/fd/\(rawValue)".utf8.map { CChar(bitPattern: $0) } + [0]
    }

    /// chmod(2) for a descriptor opened with O_PATH.
    borrowing func setModeByAnchor(_ mode: UInt16) throws(FileError) {
        let anchor = procPath
        try SystemCall.run("chmod(2)", path) { unsafe chmod(anchor, mode_t(mode)) }
    }

    borrowing func setExtendedAttribute(_ attribute: ExtendedAttribute) throws(FileError) {
        let name = try attribute.name.cString("setxattr(2)")
        let anchor = procPath
        try SystemCall.run("setxattr(2)", path) {
            unsafe setxattr(anchor, name, attribute.value, attribute.value.count, 0)
        }
    }
}
