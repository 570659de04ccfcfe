internal import Archives
internal import Encodings
internal import Files
internal import Sodium

/// Takes one directory into a store: every entry as it is found, contents as streams.
///
/// A file that is as the last capture left it is not opened (`CaptureMemory`). What can't be read, and what changed while it was read, becomes a note; the rest goes on (CASES.md F079-F083).
struct DirectoryCapture: ~Copyable {
    private let writer: StoreWriter
    private var tree: EntryTreeWriter
    private var notes = CaptureNotes()
    // Where each file with several names was met first.
    private var firstNames: [FileIdentity: [UInt8]] = [:]
    private let memory: CaptureLedger
    // Found so far of a leaf whose entries are all as the last capture left them.
    private var leaf: CaptureBlock?
    private var held: [DirectoryScan.Found] = []

    /// Files that say they are empty are read up to here: those that the kernel makes as they are read.
    private static let untoldLimit: Int64 = 64 << 20

    private init(_ writer: StoreWriter, _ memory: CaptureLedger) {
        self.writer = writer
        self.memory = memory
        tree = EntryTreeWriter(writer) { entry in
            memory.settle(entry)
        } onLeaf: { leaf, isHeld in
            memory.settle(leaf, isHeld: isHeld)
        }
    }

    /// Captures what `selection` takes of the directory at `path`, links on the way there followed. Files that are as
    /// `memory` has them are not opened, but for a random few.
    ///
    /// Throws `FileError` where the directory itself can't be read, `ArchiveError` where the store fails.
    static func run(
        _ name: String, _ path: Path, _ selection: DirectorySelection, _ writer: StoreWriter,
        _ memory: CaptureMemory?, startedAt time: Timestamp
    ) async throws -> SnapshotSource {
        let scan = try DirectoryScan(Directory(path), selecting: selection)
        // Without a place to remember in, everything is read.
        let recorder = try? memory?.open(name, path, writer)
        var capture = DirectoryCapture(writer, CaptureLedger(recorder, startedAt: time))
        let walk = ScanAhead.start(scan)
        defer { walk.cancel() }
        while let items = await walk.next() {
            try Task.checkCancellation()
            for item in items { try await capture.take(item) }
        }
        try await capture.release()
        let root = try await capture.tree.finish()
        capture.memory.finish()
        return SnapshotSource(
            name: name, kind: .directory, status: capture.notes.isEmpty ? .complete : .partial,
            notes: capture.notes.all, root: root, facts: selection.facts(path))
    }

    private mutating func take(_ item: DirectoryScan.Item) async throws {
        switch item {
        case .problem(let path, let error):
            try await release()
            guard !path.isEmpty else { throw error }
            notes.add("not read: \(error.at(Path(path)).description)")
        case .entry(let found):
            if leaf == nil, tree.isAtLeaf { leaf = memory.leaf(at: found.path) }
            if let leaf {
                if leaf.isUnchanged(found, at: held.count) {
                    held.append(found)
                    guard held.count == leaf.items.count else { return }
                    if try await addHeld(leaf) { return }
                    return try await release()
                }
                try await release()
            }
            try await add(found)
        }
    }

    /// Adds the leaf that all that is held makes. False where its entries have to be looked at one by one: the store doesn't
    /// hold it any more, or one of the few files that are read again isn't as it was.
    private mutating func addHeld(_ block: CaptureBlock) async throws -> Bool {
        guard let leaf = block.leaf, let first = block.items.first, let last = block.items.last else {
            return false
        }
        for (position, found) in held.enumerated() where memory.isDrawn(block.items[position].state) {
            guard found.metadata.kind == .regular else { continue }
            guard let hash = block.record(at: position)?.hash, isSame(found, hash) else { return false }
        }
        let memory = memory
        let isAdded = try await tree.addHeld(leaf, from: first.path, to: last.path) { memory.expect(block) }
        guard isAdded else { return false }
        held.removeAll(keepingCapacity: true)
        self.leaf = nil
        return true
    }

    /// Adds what is held one by one.
    private mutating func release() async throws {
        guard leaf != nil else { return }
        let items = held
        held.removeAll(keepingCapacity: true)
        leaf = nil
        for found in items { try await add(found) }
    }

    private mutating func add(_ found: DirectoryScan.Found) async throws {
        let state = FileState(found.metadata)
        let known = memory.unchanged(found.path, state)
        guard found.metadata.kind != .regular else { return try await addFile(found, known) }
        var record = CaptureRecord(state)
        do throws(FileError) {
            record.attributes = try found.attributes(known)
            if found.metadata.kind == .symbolicLink {
                if let target = known?.linkTarget {
                    record.linkTarget = target
                } else {
                    record.linkTarget = try found.linkTarget().bytes
                }
            }
        } catch {
            notes.add("not read: \(error.at(Path(found.path)).description)")
            return
        }
        let device = found.metadata.specialDevice
        let kind: Entry.Kind =
            switch found.metadata.kind {
            case .regular, .directory: .directory
            case .symbolicLink: .symbolicLink(record.linkTarget ?? [])
            case .fifo: .fifo
            case .socket: .socket
            case .characterDevice: .characterDevice(major: device.major, minor: device.minor)
            case .blockDevice: .blockDevice(major: device.major, minor: device.minor)
            }
        try await add(Entry(found, found.metadata, kind, record.attributes), record)
    }

    /// Adds an entry, which is remembered by `record` when its content is known.
    @discardableResult
    private mutating func add(
        _ entry: Entry, _ record: CaptureRecord?, content: EntryTreeWriter.PendingContent? = nil,
        expecting expected: Content? = nil
    ) async throws -> Bool {
        do throws(ArchiveError) {
            memory.expect(record, content: expected)
            try await tree.add(entry, content: content)
            return true
        } catch {
            // A path or attributes beyond what a tree holds: this entry alone is left out.
            guard error.code == .invalid else { throw error }
            memory.withdraw()
            notes.add("not kept: \(Path(entry.path)): \(error.context)")
            return false
        }
    }

    private mutating func addFile(_ found: DirectoryScan.Found, _ known: CaptureRecord?) async throws {
        let identity = FileIdentity(found.metadata)
        if found.metadata.linkCount > 1, let first = firstNames[identity] {
            let attributes: [Entry.Attribute]
            do throws(FileError) {
                attributes = try found.attributes(known)
            } catch {
                notes.add("not read: \(error.at(Path(found.path)).description)")
                return
            }
            var record = CaptureRecord(FileState(found.metadata))
            record.attributes = attributes
            try await add(Entry(found, found.metadata, .hardLink(first), attributes), record)
            return
        }
        if let known, try await addUnchanged(found, known) {
            if found.metadata.linkCount > 1 { firstNames[identity] = found.path }
            return
        }
        let opened: FileMetadata
        var entry: Entry
        var content: EntryTreeWriter.PendingContent?
        var record: CaptureRecord
        let hasChanged: Bool
        do {
            var facts = found.metadata
            let file = try found.open(&facts)
            opened = facts
            record = CaptureRecord(FileState(opened))
            record.attributes = try file.ownAttributes().map { Entry.Attribute($0) }
            entry = Entry(found, opened, .file(.empty), record.attributes)
            let extents = try DirectoryCapture.extents(of: file, opened)
            if let extents {
                entry.kind = .file(try await sparse(file, extents, byteCount: opened.byteCount))
            } else {
                var hash = tree.isShared(byteCount: UInt64(opened.byteCount)) ? writer.memoryHash() : nil
                content = try await dense(file, opened.byteCount, &hash)
                if let hash = hash.take() { record.hash = Digest(hash.finish()) }
            }
            let after = try file.metadata()
            hasChanged =
                !after.isSame(as: opened) || FileIdentity(opened) != identity
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
        let isKept = try await add(
            entry, hasChanged ? nil : record, content: content, expecting: hasChanged ? nil : known?.content)
        if isKept, opened.linkCount > 1 {
            firstNames[FileIdentity(opened)] = found.path
        }
    }

    /// Adds a file that is as it was, without its bytes. False where it has to be read: the store doesn't hold them any
    /// more, or it is one of the few that are read again.
    private mutating func addUnchanged(
        _ found: DirectoryScan.Found, _ known: CaptureRecord
    ) async throws -> Bool {
        guard let content = known.content else { return false }
        if memory.isDrawn(known.state) {
            // A file of its own chunks is cut again, and compared when that is done.
            guard let hash = known.hash, isSame(found, hash) else { return false }
        }
        do throws(ArchiveError) {
            memory.expect(known, content: nil)
            let entry = Entry(found, found.metadata, .file(content), known.attributes)
            if try await tree.addHeld(entry) { return true }
            memory.withdraw()
            return false
        } catch {
            guard error.code == .invalid else { throw error }
            memory.withdraw()
            return false
        }
    }

    /// Whether a short file still has the bytes of the `hash`. If not, nothing that is remembered counts any more.
    private borrowing func isSame(_ found: DirectoryScan.Found, _ hash: Digest) -> Bool {
        guard let bytes = try? found.open().readAll(limit: 1 << 20) else { return false }
        var stream = writer.memoryHash()
        stream.update(bytes)
        let isSame = Digest(stream.finish()) == hash
        if !isSame { memory.distrust() }
        return isSame
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
        _ file: borrowing Descriptor, _ byteCount: Int64, _ hash: inout BLAKE2b.Stream?
    ) async throws(ArchiveError) -> EntryTreeWriter.PendingContent {
        var offset: Int64 = 0
        let end = byteCount > 0 ? byteCount : DirectoryCapture.untoldLimit
        return try await tree.content(expectedByteCount: UInt64(byteCount)) { room in
            let count = try file.read(into: &room, from: offset, to: end)
            offset += Int64(count)
            hash?.update(room.bytes.extracting(0..<count))
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

extension DirectorySelection {
    /// What a snapshot says of a directory: its path, and what of it was taken (lists end each item with a NUL).
    func facts(_ path: Path) -> [SourceFact] {
        var facts = [SourceFact("path", path.bytes)]
        for (name, patterns) in [("include", include), ("exclude", exclude)] where !patterns.isEmpty {
            facts.append(SourceFact(name, patterns.flatMap { Array($0.text.utf8) + [0] }))
        }
        if staysOnFileSystem { facts.append(SourceFact("one-file-system", [])) }
        return facts
    }
}

extension CaptureBlock {
    /// Whether what was found is the item at `position` as it was. A file with several names never counts as such: which of
    /// them the others name is decided anew.
    fileprivate func isUnchanged(_ found: DirectoryScan.Found, at position: Int) -> Bool {
        guard found.metadata.kind != .regular || found.metadata.linkCount == 1 else { return false }
        return items[position].path == found.path && items[position].state == FileState(found.metadata)
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
    fileprivate init(
        _ found: DirectoryScan.Found, _ metadata: FileMetadata, _ kind: Entry.Kind, _ attributes: [Attribute]
    ) {
        self.init(
            path: found.path, kind: kind, mode: metadata.mode, userID: metadata.owner.user,
            groupID: metadata.owner.group, modifiedSeconds: metadata.modified.seconds,
            modifiedNanoseconds: metadata.modified.nanoseconds,
            attributes: attributes)
    }
}

extension DirectoryScan.Found {
    /// The attributes: those of the record where there is one, as nothing changed since.
    fileprivate func attributes(_ known: CaptureRecord?) throws(FileError) -> [Entry.Attribute] {
        if let known { return known.attributes }
        return try attributes().map { Entry.Attribute($0) }
    }
}

extension Entry.Attribute {
    fileprivate init(_ attribute: ExtendedAttribute) {
        self.init(name: attribute.name.bytes, value: attribute.value)
    }
}
