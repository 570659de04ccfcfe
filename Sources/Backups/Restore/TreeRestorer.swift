package import Archives
package import Files

/// Puts the entries of one source into a directory, in their order, through directory handles alone.
///
/// No link is ever followed: an entry beneath a name that is no directory is refused and listed, the others go on.
/// Files are made with mode 0600 and get their facts when they are whole; directories get theirs at the end, the
/// deepest first, so that a mode without write permission or a time of change is not in the way.
package struct TreeRestorer: ~Copyable {
    /// What is put on restored entries only when it is asked for.
    package struct Options: Sendable {
        /// Owners and groups (needs root).
        package var owners = false
        /// Set-user-id and set-group-id bits.
        package var setIdentity = false
        /// Character and block devices (needs root).
        package var devices = false

        /// Nothing of it.
        package init() {}
    }

    private let root: Directory
    private let options: Options
    private let user: FileOwner
    private var pending: [Entry] = []
    // Owners that were left out: the first entry of each, and how many there were.
    private var foreignOwners: [FileOwner: (first: [UInt8], count: Int)] = [:]
    /// What could not be restored exactly, in order.
    package private(set) var issues: [RestoreIssue] = []
    /// Entries restored.
    package private(set) var entryCount = 0
    /// Bytes of content written, holes left out.
    package private(set) var byteCount: UInt64 = 0

    /// Restores into the empty directory `root` as `user`, whose files new ones are.
    package init(into root: consuming Directory, as user: FileOwner, options: Options = Options()) {
        self.root = root
        self.user = user
        self.options = options
    }

    /// Restores `entry`; `content` writes the bytes of a file in order through the writer that it is handed.
    ///
    /// What the file system refuses for this entry alone becomes an issue; a full disk, an I/O error and what
    /// `content` throws end the restore.
    package mutating func restore(
        _ entry: Entry, content: (inout FileRestorer) async throws -> Void
    ) async throws {
        do throws(FileError) {
            guard try make(entry) else { return }
        } catch {
            try refuse(entry, error)
            return
        }
        if case .file = entry.kind {
            var file: FileRestorer
            do throws(FileError) {
                file = FileRestorer(
                    try within(entry.path) { directory, name throws(FileError) in
                        try directory.createFile(name)
                    })
            } catch {
                try refuse(entry, error)
                return
            }
            try await content(&file)
            byteCount += try file.finish()
        }
        entryCount += 1
        if case .directory = entry.kind {
            pending.append(entry)
        } else {
            try describe(entry)
        }
    }

    /// Puts the facts on the directories. The content is on the disk when the caller has synchronised the file system.
    package mutating func finish() throws {
        for entry in pending.reversed() { try describe(entry) }
        pending = []
        for (owner, entries) in foreignOwners.sorted(by: { $0.key.order < $1.key.order }) {
            let words =
                "owner \(owner.user):\(owner.group) left out of \(entries.count) entries, this the first"
            issues.append(RestoreIssue(entries.first, .owner, words))
        }
        foreignOwners = [:]
    }

    /// Makes what has no content. False where the entry is left out, and said so.
    private mutating func make(_ entry: Entry) throws(FileError) -> Bool {
        switch entry.kind {
        case .file: break
        case .directory:
            guard !entry.path.isEmpty else { break }
            try within(entry.path) { directory, name throws(FileError) in
                try directory.makeDirectory(name)
            }
        case .symbolicLink(let target):
            try within(entry.path) { directory, name throws(FileError) in
                try directory.makeSymbolicLink(name, to: Path(target))
            }
        case .hardLink(let other):
            // Only to what this restore has made: both names lie beneath the root, no link is followed.
            try within(other) { otherDirectory, otherName throws(FileError) in
                try within(entry.path) { directory, name throws(FileError) in
                    try otherDirectory.link(otherName, to: name, in: directory)
                }
            }
            entryCount += 1
            return false
        case .fifo:
            try within(entry.path) { directory, name throws(FileError) in
                try directory.makeSpecialFile(name, .fifo)
            }
        case .socket:
            issues.append(RestoreIssue(entry.path, .skipped, "a socket: its program makes it anew"))
            return false
        case .characterDevice(let major, let minor):
            return try makeDevice(entry, .characterDevice, DeviceNumber(major: major, minor: minor))
        case .blockDevice(let major, let minor):
            return try makeDevice(entry, .blockDevice, DeviceNumber(major: major, minor: minor))
        }
        return true
    }

    /// Runs `body` with the root and `path`; of a path that is too long for one call (PATH_MAX), with a directory on
    /// the way and the rest.
    private borrowing func within<Result: ~Copyable>(
        _ path: [UInt8], _ body: (borrowing Directory, Path) throws(FileError) -> Result
    ) throws(FileError) -> Result {
        guard path.count > TreeRestorer.stepByteLimit else { return try body(root, Path(path)) }
        var directory = try root.duplicate()
        var rest = path[...]
        while rest.count > TreeRestorer.stepByteLimit {
            // A name has at most 255 bytes: there is a slash.
            guard let slash = rest.prefix(TreeRestorer.stepByteLimit).lastIndex(of: 0x2F) else { break }
            directory = try directory.openDirectory(Path(Array(rest[..<slash])))
            rest = rest[(slash + 1)...]
        }
        return try body(directory, Path(Array(rest)))
    }

    private static let stepByteLimit = 2048

    private mutating func makeDevice(
        _ entry: Entry, _ kind: FileKind, _ device: DeviceNumber
    ) throws(FileError) -> Bool {
        guard options.devices else {
            issues.append(RestoreIssue(entry.path, .skipped, "a device: restored with --devices alone"))
            return false
        }
        try within(entry.path) { directory, name throws(FileError) in
            try directory.makeSpecialFile(name, kind, device: device)
        }
        return true
    }

    /// Puts owner, attributes, mode and time on what stands at the entry's path, each as far as it goes.
    private mutating func describe(_ entry: Entry) throws {
        let metadata = FileMetadata(entry)
        var aspects: MetadataAspects = [.permissions, .modified]
        let owner = FileOwner(user: entry.userID, group: entry.groupID)
        if options.owners {
            aspects.insert(.owner)
        } else if owner != user {
            foreignOwners[owner, default: (entry.path, 0)].count += 1
        }
        if options.setIdentity {
            aspects.insert(.setIdentity)
        } else if entry.mode & 0o6000 != 0 {
            issues.append(RestoreIssue(entry.path, .mode, "set-id bits left out"))
        }
        for attribute in entry.attributes {
            let attribute = ExtendedAttribute(name: Path(attribute.name), value: attribute.value)
            do throws(FileError) {
                if entry.path.isEmpty {
                    try root.setExtendedAttribute(attribute)
                } else {
                    try within(entry.path) { directory, name throws(FileError) in
                        try directory.setExtendedAttribute(attribute, of: name)
                    }
                }
            } catch {
                issues.append(
                    RestoreIssue(entry.path, .attribute, "attribute \(attribute.name): \(error.description)"))
            }
        }
        do throws(FileError) {
            if entry.path.isEmpty {
                try root.setMode(metadata.mode & (options.setIdentity ? 0o7777 : 0o1777))
                if options.owners { try root.setOwner(metadata.owner) }
                try root.setModified(metadata.modified)
            } else {
                try within(entry.path) { directory, name throws(FileError) in
                    try directory.apply(metadata, aspects, to: name)
                }
            }
        } catch {
            issues.append(RestoreIssue(entry.path, .metadata, error.description))
        }
    }

    /// An entry that the file system refuses is listed; a failing disk ends the restore.
    private mutating func refuse(_ entry: Entry, _ error: FileError) throws(FileError) {
        switch error.code {
        case .noSpace, .io, .readOnly: throw error
        default: issues.append(RestoreIssue(entry.path, .refused, error.description))
        }
    }
}

/// One file while its content is written: bytes and holes in order.
package struct FileRestorer: ~Copyable {
    private let file: Descriptor
    private var offset: Int64 = 0
    private var written: UInt64 = 0

    init(_ file: consuming Descriptor) {
        self.file = file
    }

    /// Appends bytes.
    package mutating func write(_ bytes: RawSpan) throws(FileError) {
        try file.write(bytes, at: offset)
        offset += Int64(bytes.byteCount)
        written += UInt64(bytes.byteCount)
    }

    /// Leaves a hole of `byteCount` bytes that read as zeros.
    package mutating func skip(_ byteCount: UInt64) throws(FileError) {
        offset += Int64(clamping: byteCount)
    }

    /// Sets the length, which a hole at the end needs, and returns how many bytes were written.
    consuming func finish() throws(FileError) -> UInt64 {
        try file.truncate(to: offset)
        return written
    }
}

/// Something of an entry that was not restored as it was.
package struct RestoreIssue: Sendable, Equatable {
    /// What is missing or different.
    package enum Kind: String, Sendable {
        /// The file system or a rule refused the entry; it is missing.
        case refused
        /// The entry is of a kind that is left out unless asked for.
        case skipped
        /// It, and others with it, belong to another owner now.
        case owner
        /// Some of its mode bits are missing.
        case mode
        /// An extended attribute is missing.
        case attribute
        /// Mode, owner or time could not be set.
        case metadata
    }

    /// The entry's path in its source.
    package let path: [UInt8]
    /// What is missing or different.
    package let kind: Kind
    /// Why, in words.
    package let reason: String

    init(_ path: [UInt8], _ kind: Kind, _ reason: String) {
        self.path = path
        self.kind = kind
        self.reason = reason
    }
}

extension FileOwner {
    fileprivate var order: UInt64 { UInt64(user) << 32 | UInt64(group) }
}

extension FileMetadata {
    /// The facts that `entry` keeps.
    init(_ entry: Entry) {
        let kind: FileKind =
            switch entry.kind {
            case .directory: .directory
            case .file, .hardLink: .regular
            case .symbolicLink: .symbolicLink
            case .fifo: .fifo
            case .socket: .socket
            case .characterDevice: .characterDevice
            case .blockDevice: .blockDevice
            }
        self.init(
            kind: kind, mode: entry.mode, owner: FileOwner(user: entry.userID, group: entry.groupID),
            modified: FileTime(seconds: entry.modifiedSeconds, nanoseconds: entry.modifiedNanoseconds))
    }
}
