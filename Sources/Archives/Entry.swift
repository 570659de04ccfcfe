/// One file, directory or other object of a source, as it was.
///
/// Paths are bytes relative to the source's root, components joined by one `/`; the root itself has the empty path.
package struct Entry: Equatable, Sendable {
    /// What the entry is, with what only that kind has.
    package enum Kind: Equatable, Sendable {
        /// A directory; what is in it are entries of their own.
        case directory
        /// A regular file with its content.
        case file(Content)
        /// A symbolic link and its target's bytes.
        case symbolicLink([UInt8])
        /// Another name of the file entry at this path of the same source.
        case hardLink([UInt8])
        /// A named pipe.
        case fifo
        /// A Unix socket's name.
        case socket
        case characterDevice(major: UInt32, minor: UInt32)
        case blockDevice(major: UInt32, minor: UInt32)
    }

    /// A named extended attribute; access control lists are `system.posix_acl_access` and `…_default`.
    package struct Attribute: Equatable, Sendable {
        /// The full name with its namespace.
        package var name: [UInt8]
        /// The value's bytes.
        package var value: [UInt8]

        /// The attribute `name` with `value`.
        package init(name: [UInt8], value: [UInt8]) {
            self.name = name
            self.value = value
        }
    }

    /// Facts about how the entry was read.
    package struct Flags: OptionSet, Equatable, Sendable {
        /// The bits as stored.
        package let rawValue: UInt8
        /// The flags of these bits.
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// It changed while being read: the content is what was read, not what stood there at one moment.
        package static let changedWhileRead = Flags(rawValue: 1)
        static let known: Flags = [.changedWhileRead]
    }

    /// Relative to the source's root.
    package var path: [UInt8]
    /// What it is.
    package var kind: Kind
    /// Permission, setuid, setgid and sticky bits: at most 0o7777.
    package var mode: UInt16
    /// The owner's number.
    package var userID: UInt32
    /// The group's number.
    package var groupID: UInt32
    /// The owner's name where it was known, else empty.
    package var userName: [UInt8]
    /// The group's name where it was known, else empty.
    package var groupName: [UInt8]
    /// The time of the last change of content: seconds since 1970, rounded down.
    package var modifiedSeconds: Int64
    /// Nanoseconds in the second, below 1,000,000,000.
    package var modifiedNanoseconds: UInt32
    /// Sorted by name, no name twice.
    package var attributes: [Attribute]
    /// How it was read.
    package var flags: Flags

    /// An entry; what isn't given is empty or zero.
    package init(
        path: [UInt8], kind: Kind, mode: UInt16, userID: UInt32 = 0, groupID: UInt32 = 0,
        userName: [UInt8] = [], groupName: [UInt8] = [], modifiedSeconds: Int64 = 0,
        modifiedNanoseconds: UInt32 = 0, attributes: [Attribute] = [], flags: Flags = []
    ) {
        self.path = path
        self.kind = kind
        self.mode = mode
        self.userID = userID
        self.groupID = groupID
        self.userName = userName
        self.groupName = groupName
        self.modifiedSeconds = modifiedSeconds
        self.modifiedNanoseconds = modifiedNanoseconds
        self.attributes = attributes
        self.flags = flags
    }

    /// The content, where the entry is a file.
    package var content: Content? {
        guard case .file(let content) = kind else { return nil }
        return content
    }
}

/// The order of paths in a tree: by component, so that a directory is followed at once by what is in it.
package enum PathOrder {
    /// Longest path.
    package static let byteLimit = 65_535

    /// Whether `left` comes before `right`: as bytes, with `/` before every other byte.
    package static func precedes(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        for index in 0..<min(left.count, right.count) where left[index] != right[index] {
            return rank(left[index]) < rank(right[index])
        }
        return left.count < right.count
    }

    /// Whether `path` is `prefix` or lies beneath it. Everything is beneath the empty path.
    package static func contains(_ prefix: [UInt8], _ path: [UInt8]) -> Bool {
        guard path.starts(with: prefix) else { return false }
        return prefix.isEmpty || path.count == prefix.count || path[prefix.count] == 0x2F
    }

    /// Whether `path` can be an entry's: components joined by single slashes, none empty, `.` or `..`, no NUL; or
    /// the empty path.
    package static func isValid(_ path: [UInt8]) -> Bool {
        guard !path.isEmpty else { return true }
        guard path.count <= byteLimit, !path.contains(0) else { return false }
        return path.split(separator: 0x2F, omittingEmptySubsequences: false).allSatisfy { component in
            !component.isEmpty && !component.elementsEqual([0x2E]) && !component.elementsEqual([0x2E, 0x2E])
        }
    }

    private static func rank(_ byte: UInt8) -> UInt8 { byte == 0x2F ? 0 : byte }
}
