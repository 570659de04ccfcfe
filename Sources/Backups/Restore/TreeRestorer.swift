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

    private let root: RestoreRoot
    private let reader: StoreReader
    private let facts: RestoredFacts
    private var pending: [Entry] = []
    // Names of files that batches may be about to make.
    private var links: [(ordinal: Int, entry: Entry)] = []
    private var foreignOwners = ForeignOwners()
    private var found: [(ordinal: Int, issue: RestoreIssue)] = []
    private var ordinal = 0
    // Whether entries are missing: directories may be among them.
    private var hasLoss = false
    private var losses: Set<String> = []
    private var batch: FileBatch
    private var work: [Task<FileBatch.Outcome, any Error>] = []
    /// What could not be restored exactly, in the order of the entries; owners at the end.
    package private(set) var issues: [RestoreIssue] = []
    /// Entries restored.
    package private(set) var entryCount = 0
    /// Bytes of content written, holes left out.
    package private(set) var byteCount: UInt64 = 0

    /// Batches at work at once: one more than processors of a small machine, as some wait for the disk.
    private static let batchLimit = 3

    /// Restores into the empty directory `root` as `user`, whose files new ones are; contents come from `reader`.
    package init(
        into root: consuming Directory, as user: FileOwner, from reader: StoreReader,
        options: Options = Options()
    ) {
        self.init(into: root, as: user, from: reader, options: options, earlier: EarlierFiles())
    }

    /// As above; what `earlier` has of the files' contents is not read again.
    init(
        into root: consuming Directory, as user: FileOwner, from reader: StoreReader,
        options: Options, earlier: EarlierFiles
    ) {
        self.root = RestoreRoot(root)
        self.reader = reader
        facts = RestoredFacts(options: options, user: user)
        batch = FileBatch(root: self.root, reader: reader, facts: facts, earlier: earlier)
    }

    private var options: Options { facts.options }

    /// Restores `entry`, or takes it up to be restored with others: see `finish`.
    ///
    /// What the file system refuses for this entry alone, and a content without a sound copy, becomes an issue; a full
    /// disk, an I/O error and a storage that fails end the restore: `abandon` then.
    package mutating func restore(_ entry: Entry) async throws {
        ordinal += 1
        if hasLoss { try replaceParent(of: entry) }
        switch entry.kind {
        case .file(let content): return try await gather(entry, content)
        case .hardLink:
            links.append((ordinal, entry))
            return
        default: break
        }
        do throws(FileError) {
            guard try make(entry) else { return }
        } catch {
            found.append((ordinal, try RestoreIssue(refusing: entry, error)))
            return
        }
        entryCount += 1
        if case .directory = entry.kind {
            pending.append(entry)
        } else {
            try describe(entry, ordinal)
        }
    }

    /// Lists that a part of the tree can't be read: directories that it held are made where entries beneath them follow.
    package mutating func miss(_ part: EntryCursor.Unread?, because error: ArchiveError) {
        hasLoss = true
        // The same part may be met on several ways.
        guard losses.insert(error.context).inserted else { return }
        ordinal += 1
        found.append(
            (ordinal, RestoreIssue(part?.firstPath ?? [], .damaged, TreeRestorer.words(part, error))))
    }

    /// What is said of a part of a tree that can't be read.
    static func words(_ part: EntryCursor.Unread?, _ error: ArchiveError) -> String {
        let count = part?.entryCount ?? 0
        let what =
            count == 1 ? "this entry" : count == 0 ? "what is here" : "\(count) entries from here on"
        return "\(what) can't be read, the list of entries is damaged in the store: \(error.context)"
    }

    /// Makes the directories above an entry, where they are among what is missing.
    private func replaceParent(of entry: Entry) throws {
        guard let parent = entry.path.ancestors.last, !parent.isEmpty else { return }
        do throws(FileError) {
            for path in parent.ancestors + [parent] where !path.isEmpty {
                try root.directory.reaching(path) { directory, name throws(FileError) in
                    guard try directory.metadataIfPresent(of: name) == nil else { return }
                    try directory.makeDirectory(name)
                }
            }
        } catch {
            // The entry itself is refused then, and listed.
            _ = try RestoreIssue(refusing: entry, error)
        }
    }

    /// Waits for all files, then makes their other names and puts the facts on the directories. The content is on the disk
    /// when the caller has synchronised the file system.
    package mutating func finish() async throws {
        try await dispatch()
        try await settle(0)
        for (ordinal, entry) in links {
            do throws(FileError) {
                _ = try make(entry)
            } catch {
                if case .hardLink(let other) = entry.kind, error.code == .notFound, isMissing(other) {
                    let words = "left out with \(Path(other)), another name of the same file"
                    found.append((ordinal, RestoreIssue(entry.path, .damaged, words)))
                    continue
                }
                found.append((ordinal, try RestoreIssue(refusing: entry, error)))
            }
        }
        links = []
        for entry in pending.reversed() { try describe(entry, 0) }
        pending = []
        issues += found.sorted { $0.ordinal < $1.ordinal }.map(\.issue) + foreignOwners.issues
        found = []
        foreignOwners = ForeignOwners()
    }

    /// Ends what is at work, after a failure: nothing writes beneath the root any more when this returns.
    package mutating func abandon() async {
        for task in work { task.cancel() }
        for task in work { _ = await task.result }
        work = []
    }

    /// Whether the store lost what stood at `path`, or may have.
    private func isMissing(_ path: [UInt8]) -> Bool {
        hasLoss || found.contains { $0.issue.kind == .damaged && $0.issue.path == path }
    }

    // MARK: - Files

    /// Takes a file into the batch; a long one in parts, of which several batches write.
    private mutating func gather(_ entry: Entry, _ content: Content) async throws {
        if case .segments(let segments) = content.storage {
            batch.add(
                .init(ordinal: ordinal, entry: entry, shared: nil, offset: 0, segments: segments))
            if batch.isFull { try await dispatch() }
            return
        }
        try await dispatch()
        let shared: SharedFile
        do throws(FileError) {
            shared = SharedFile(
                try root.directory.reaching(entry.path) { directory, name throws(FileError) in
                    try directory.createFile(name)
                })
        } catch {
            found.append((ordinal, try RestoreIssue(refusing: entry, error)))
            return
        }
        var cursor = reader.segments(of: content)
        var segments: [Segment] = []
        var start: UInt64 = 0
        var length: UInt64 = 0
        do {
            while let segment = try await cursor.next() {
                try Task.checkCancellation()
                segments.append(segment)
                length &+= segment.byteCount
                guard length - start >= FileBatch.byteLimit else { continue }
                try await dispatch(entry, shared, start, segments)
                start = length
                segments = []
            }
            guard length == content.byteCount else { throw ArchiveError(.damaged, "content: length") }
            try await dispatch(entry, shared, start, segments)
        } catch let error as ArchiveError where error.isDamage {
            shared.fail(error.context)
        }
        // Whoever is last finishes the file.
        guard shared.release() else { return }
        var outcome = FileBatch.Outcome()
        let part = FileBatch.Part(
            ordinal: ordinal, entry: entry, shared: shared, offset: start, segments: segments)
        if let damage = shared.failure {
            outcome.issues.append((ordinal, try root.remove(entry, damagedBecause: damage)))
        } else {
            try facts.finish(shared.file, part, &outcome)
        }
        take(outcome)
    }

    private mutating func dispatch(
        _ entry: Entry, _ shared: SharedFile, _ offset: UInt64, _ segments: [Segment]
    ) async throws {
        guard !segments.isEmpty else { return }
        shared.hold()
        batch.add(.init(ordinal: ordinal, entry: entry, shared: shared, offset: offset, segments: segments))
        try await dispatch()
    }

    /// Gives the batch to a task, when there is room for one more.
    private mutating func dispatch() async throws {
        guard !batch.parts.isEmpty else { return }
        try await settle(TreeRestorer.batchLimit - 1)
        let full = batch
        batch = FileBatch(root: root, reader: reader, facts: facts, earlier: batch.earlier)
        work.append(Task.detached(executorPreference: WorkExecutor.shared) { try await full.run() })
    }

    private mutating func settle(_ limit: Int) async throws {
        while work.count > limit {
            take(try await work[0].value)
            work.removeFirst()
        }
    }

    private mutating func take(_ outcome: FileBatch.Outcome) {
        found += outcome.issues
        entryCount += outcome.entryCount
        byteCount += outcome.byteCount
        foreignOwners.add(outcome.foreignOwners)
    }

    // MARK: - What has no content

    /// Makes what has no content. False where the entry is left out, and said so.
    private mutating func make(_ entry: Entry) throws(FileError) -> Bool {
        switch entry.kind {
        case .file: break
        case .directory:
            guard !entry.path.isEmpty else { break }
            try root.directory.reaching(entry.path) { directory, name throws(FileError) in
                try directory.makeDirectory(name)
            }
        case .symbolicLink(let target):
            try root.directory.reaching(entry.path) { directory, name throws(FileError) in
                try directory.makeSymbolicLink(name, to: Path(target))
            }
        case .hardLink(let other):
            // Only to what this restore has made: both names lie beneath the root, no link is followed.
            try root.directory.reaching(other) { otherDirectory, otherName throws(FileError) in
                try root.directory.reaching(entry.path) { directory, name throws(FileError) in
                    try otherDirectory.link(otherName, to: name, in: directory)
                }
            }
            entryCount += 1
            return false
        case .fifo:
            try root.directory.reaching(entry.path) { directory, name throws(FileError) in
                try directory.makeSpecialFile(name, .fifo)
            }
        case .socket:
            let words = "a socket: its program makes it anew"
            found.append((ordinal, RestoreIssue(entry.path, .skipped, words)))
            return false
        case .characterDevice(let major, let minor):
            return try makeDevice(entry, .characterDevice, DeviceNumber(major: major, minor: minor))
        case .blockDevice(let major, let minor):
            return try makeDevice(entry, .blockDevice, DeviceNumber(major: major, minor: minor))
        }
        return true
    }

    private mutating func makeDevice(
        _ entry: Entry, _ kind: FileKind, _ device: DeviceNumber
    ) throws(FileError) -> Bool {
        guard options.devices else {
            let words = "a device: restored with --devices alone"
            found.append((ordinal, RestoreIssue(entry.path, .skipped, words)))
            return false
        }
        try root.directory.reaching(entry.path) { directory, name throws(FileError) in
            try directory.makeSpecialFile(name, kind, device: device)
        }
        return true
    }

    /// Puts owner, attributes, mode and time on what stands at the entry's path, each as far as it goes.
    private mutating func describe(_ entry: Entry, _ ordinal: Int) throws {
        let metadata = FileMetadata(entry)
        var aspects: MetadataAspects = [.permissions, .modified]
        let owner = FileOwner(user: entry.userID, group: entry.groupID)
        if options.owners {
            aspects.insert(.owner)
        } else if owner != facts.user {
            foreignOwners.add(owner, entry.path)
        }
        if options.setIdentity {
            aspects.insert(.setIdentity)
        } else if entry.mode & 0o6000 != 0 {
            found.append((ordinal, RestoreIssue(entry.path, .mode, "set-id bits left out")))
        }
        for attribute in entry.attributes {
            let attribute = ExtendedAttribute(name: Path(attribute.name), value: attribute.value)
            do throws(FileError) {
                if entry.path.isEmpty {
                    try root.directory.setExtendedAttribute(attribute)
                } else {
                    try root.directory.reaching(entry.path) { directory, name throws(FileError) in
                        try directory.setExtendedAttribute(attribute, of: name)
                    }
                }
            } catch {
                let words = "attribute \(attribute.name): \(error.description)"
                found.append((ordinal, RestoreIssue(entry.path, .attribute, words)))
            }
        }
        do throws(FileError) {
            if entry.path.isEmpty {
                try root.directory.setMode(metadata.mode & (options.setIdentity ? 0o7777 : 0o1777))
                if options.owners { try root.directory.setOwner(metadata.owner) }
                try root.directory.setModified(metadata.modified)
            } else {
                try root.directory.reaching(entry.path) { directory, name throws(FileError) in
                    try directory.apply(metadata, aspects, to: name)
                }
            }
        } catch {
            found.append((ordinal, RestoreIssue(entry.path, .metadata, error.description)))
        }
    }
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
