internal import Archives
internal import Files

/// Takes one directory into a store: every entry as it is found, contents as streams.
///
/// What can't be read, and what changed while it was read, becomes a note; the rest goes on (CASES.md F079-F083).
struct DirectoryCapture: ~Copyable {
    /// A file with several names.
    private struct Identity: Hashable {
        let device: DeviceNumber
        let inode: UInt64
    }

    private let writer: StoreWriter
    private var tree: EntryTreeWriter
    private var notes = CaptureNotes()
    // Where each file with several names was met first.
    private var firstNames: [Identity: [UInt8]] = [:]

    /// Files that say they are empty are read up to here: those that the kernel makes as they are read.
    private static let untoldLimit: Int64 = 64 << 20

    private init(_ writer: StoreWriter) {
        self.writer = writer
        tree = EntryTreeWriter(writer)
    }

    /// Captures the directory at `path`, links on the way there followed.
    ///
    /// Throws `FileError` where the directory itself can't be read, `ArchiveError` where the store fails.
    static func run(_ name: String, _ path: Path, _ writer: StoreWriter) async throws -> SnapshotSource {
        let scan = try DirectoryScan(Directory(path))
        var capture = DirectoryCapture(writer)
        while let item = scan.next() {
            try Task.checkCancellation()
            switch item {
            case .problem(let path, let error):
                guard !path.isEmpty else { throw error }
                capture.notes.add("not read: \(error.at(Path(path)).description)")
            case .entry(let found): try await capture.add(found)
            }
        }
        let root = try await capture.tree.finish()
        return SnapshotSource(
            name: name, kind: .directory, status: capture.notes.isEmpty ? .complete : .partial,
            notes: capture.notes.all, root: root, facts: [SourceFact("path", path.bytes)])
    }

    private mutating func add(_ found: DirectoryScan.Found) async throws {
        let device = found.metadata.specialDevice
        switch found.metadata.kind {
        case .directory: try await add(Entry(found, found.metadata, .directory))
        case .symbolicLink:
            try await add(Entry(found, found.metadata, .symbolicLink(found.linkTarget?.bytes ?? [])))
        case .fifo: try await add(Entry(found, found.metadata, .fifo))
        case .socket: try await add(Entry(found, found.metadata, .socket))
        case .characterDevice:
            let kind = Entry.Kind.characterDevice(major: device.major, minor: device.minor)
            try await add(Entry(found, found.metadata, kind))
        case .blockDevice:
            let kind = Entry.Kind.blockDevice(major: device.major, minor: device.minor)
            try await add(Entry(found, found.metadata, kind))
        case .regular: try await addFile(found)
        }
    }

    @discardableResult
    private mutating func add(
        _ entry: Entry, content: EntryTreeWriter.PendingContent? = nil
    ) async throws -> Bool {
        do throws(ArchiveError) {
            try await tree.add(entry, content: content)
            return true
        } catch {
            // A path or attributes beyond what a tree holds: this entry alone is left out.
            guard error.code == .invalid else { throw error }
            notes.add("not kept: \(Path(entry.path)): \(error.context)")
            return false
        }
    }

    private mutating func addFile(_ found: DirectoryScan.Found) async throws {
        let identity = Identity(device: found.metadata.device, inode: found.metadata.inode)
        if found.metadata.linkCount > 1, let first = firstNames[identity] {
            try await add(Entry(found, found.metadata, .hardLink(first)))
            return
        }
        let opened: FileMetadata
        var entry: Entry
        var content: EntryTreeWriter.PendingContent?
        let hasChanged: Bool
        do {
            let file = try found.open()
            opened = try file.metadata()
            entry = Entry(found, opened, .file(.empty))
            let extents = try DirectoryCapture.extents(of: file, opened)
            if let extents {
                entry.kind = .file(try await sparse(file, extents, byteCount: opened.byteCount))
            } else {
                content = try await dense(file, opened.byteCount)
            }
            let after = try file.metadata()
            hasChanged =
                !after.isSame(as: opened) || opened.inode != identity.inode
                || opened.device != identity.device
        } catch let error as FileError {
            notes.add("not read: \(error.at(Path(found.path)).description)")
            return
        } catch let error as ArchiveError where error.code == .source {
            notes.add("not read: \(Path(found.path)): \(CaptureNotes.reason(error))")
            return
        }
        if hasChanged {
            entry.flags = .changedWhileRead
            notes.add("changed while it was read: \(Path(found.path))")
        }
        let isKept = try await add(entry, content: content)
        if isKept, opened.linkCount > 1 {
            firstNames[Identity(device: opened.device, inode: opened.inode)] = found.path
        }
    }

    /// The ranges with data of a file that has holes; nil for one without.
    private static func extents(
        of file: borrowing Descriptor, _ metadata: FileMetadata
    ) throws(FileError) -> [FileExtent]? {
        guard metadata.maySparse else { return nil }
        let extents = try file.dataExtents()
        let whole = FileExtent(offset: 0, byteCount: metadata.byteCount)
        return extents == [whole] ? nil : extents
    }

    /// Reads a file up to the length it had when it was opened: one that grows without end has an end here.
    private mutating func dense(
        _ file: borrowing Descriptor, _ byteCount: Int64
    ) async throws(ArchiveError) -> EntryTreeWriter.PendingContent {
        var offset: Int64 = 0
        let end = byteCount > 0 ? byteCount : DirectoryCapture.untoldLimit
        return try await tree.content(expectedByteCount: UInt64(byteCount)) { room in
            let count = try file.read(into: &room, from: offset, to: end)
            offset += Int64(count)
            return count
        }
    }

    private func sparse(
        _ file: borrowing Descriptor, _ extents: [FileExtent], byteCount: Int64
    ) async throws(ArchiveError) -> Content {
        var content = ContentWriter(writer)
        var offset: Int64 = 0
        for extent in extents {
            if extent.offset > offset { try await content.hole(UInt64(extent.offset - offset)) }
            offset = extent.offset
            let end = extent.offset + extent.byteCount
            try await content.read { room in
                let count = try file.read(into: &room, from: offset, to: end)
                offset += Int64(count)
                return count
            }
            // Cut short meanwhile: what follows is gone, and the change will show.
            guard offset == end else { return try await content.finish() }
        }
        if byteCount > offset { try await content.hole(UInt64(byteCount - offset)) }
        return try await content.finish()
    }
}

extension Descriptor {
    /// Reads at most up to the place `end`; 0 at the end.
    fileprivate borrowing func read(
        into room: inout MutableRawSpan, from offset: Int64, to end: Int64
    ) throws(FileError) -> Int {
        guard offset < end else { return 0 }
        guard Int64(room.byteCount) > end - offset else { return try read(into: &room, at: offset) }
        var part = room._mutatingExtracting(first: Int(end - offset))
        return try read(into: &part, at: offset)
    }
}

extension FileMetadata {
    /// Whether nothing was written, truncated, renamed or described anew between two looks at the same file.
    fileprivate func isSame(as other: FileMetadata) -> Bool {
        byteCount == other.byteCount && modified == other.modified && changed == other.changed
    }
}

extension Entry {
    /// The entry of what a scan found, with the facts of `metadata`.
    fileprivate init(_ found: DirectoryScan.Found, _ metadata: FileMetadata, _ kind: Entry.Kind) {
        self.init(
            path: found.path, kind: kind, mode: metadata.mode, userID: metadata.owner.user,
            groupID: metadata.owner.group, modifiedSeconds: metadata.modified.seconds,
            modifiedNanoseconds: metadata.modified.nanoseconds,
            attributes: found.attributes.map { Attribute(name: $0.name.bytes, value: $0.value) })
    }
}
