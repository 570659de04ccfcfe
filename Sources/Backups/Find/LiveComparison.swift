package import Archives
package import Files
internal import Sodium

/// Compares a snapshot's directories with what stands there now.
///
/// A file of the length and time that the snapshot has counts as unchanged and is not read, as a backup does it; one of the
/// same length and another time is read and compared.
package struct LiveComparison: Sendable {
    private let reader: StoreReader
    /// Whether files of the same length and time are read as well.
    private let readsAll: Bool

    /// A comparison that reads all files with `readsAll`.
    package init(_ reader: StoreReader, readsAll: Bool = false) {
        self.reader = reader
        self.readsAll = readsAll
    }

    /// What can't be compared, and why.
    package struct Failure: Sendable {
        /// The source's name.
        package let source: String
        /// The path beneath its root.
        package let path: [UInt8]
        /// Why, in words.
        package let reason: String
    }

    /// Hands what differs between the directory source `source` and the directory `place` to `body`, in the order of paths:
    /// `added` is what stands there now and is not in the snapshot. Of it, what is at `prefix` and beneath. Returns what
    /// could not be read. Throws `unknownSource` for a source of another kind, `unknownPath` where neither has `prefix`, `files` where the directory can't be read,
    /// `store`, `caller`.
    package func run(
        _ source: SnapshotSource, with place: Path, under prefix: [UInt8] = [],
        _ body: (PlaceDifference) throws -> Void
    ) async throws(BackupError) -> [Failure] {
        guard source.kind == .directory, let root = source.root else {
            throw BackupError(.unknownSource, "\(source.name) is no directory that was captured")
        }
        do {
            let scan = try DirectoryScan(Directory(place))
            var failures: [Failure] = []
            var cursor = reader.entries(of: root, under: prefix)
            var stored = try await cursor.next()
            var isThere = prefix.isEmpty || stored != nil
            while let item = scan.next() {
                try Task.checkCancellation()
                switch item {
                case .problem(let path, let error):
                    // What can't be read may hold it.
                    isThere = isThere || PathOrder.contains(path, prefix)
                    guard PathOrder.contains(prefix, path) else { continue }
                    failures.append(Failure(source: source.name, path: path, reason: error.description))
                    // Nothing is known of it: it is neither there nor gone.
                    while let entry = stored,
                        !PathOrder.precedes(path, entry.path) || PathOrder.contains(path, entry.path)
                    {
                        if PathOrder.precedes(entry.path, path) {
                            try tell(source, .removed, entry, nil, body)
                        }
                        stored = try await cursor.next()
                    }
                case .entry(let found):
                    guard PathOrder.contains(prefix, found.path) else { continue }
                    isThere = true
                    while let entry = stored, PathOrder.precedes(entry.path, found.path) {
                        try tell(source, .removed, entry, nil, body)
                        stored = try await cursor.next()
                    }
                    guard let entry = stored, entry.path == found.path else {
                        try tell(source, .added, nil, found, body)
                        continue
                    }
                    do {
                        let aspects = try await aspects(entry, found, root)
                        if !aspects.isEmpty { try tell(source, .changed(aspects), entry, found, body) }
                    } catch let error as FileError {
                        failures.append(
                            Failure(source: source.name, path: found.path, reason: error.description))
                    }
                    stored = try await cursor.next()
                }
            }
            while let entry = stored {
                try tell(source, .removed, entry, nil, body)
                stored = try await cursor.next()
            }
            guard isThere else {
                throw BackupError(
                    .unknownPath, "neither the snapshot nor \(place) has \(Path(prefix)) in \(source.name)")
            }
            return failures
        } catch {
            throw BackupError.wrapping(error)
        }
    }

    private func tell(
        _ source: SnapshotSource, _ change: PlaceDifference.Change, _ old: Entry?,
        _ new: DirectoryScan.Found?, _ body: (PlaceDifference) throws -> Void
    ) throws {
        let live = new.flatMap {
            $0.metadata.kind == .regular ? UInt64(clamping: $0.metadata.byteCount) : nil
        }
        try body(
            PlaceDifference(
                source: source.name, kind: source.kind, path: old?.path ?? new?.path ?? [], change: change,
                oldByteCount: old?.content?.byteCount, newByteCount: live))
    }

    private func aspects(
        _ entry: Entry, _ found: DirectoryScan.Found, _ root: NodeID
    ) async throws -> [Aspect] {
        let facts = found.metadata
        var aspects: [Aspect] = []
        var content = entry.content
        if case .hardLink(let target) = entry.kind {
            content = try await reader.entry(at: target, of: root)?.content
        }
        let time = FileTime(seconds: entry.modifiedSeconds, nanoseconds: entry.modifiedNanoseconds)
        if FileMetadata(entry).kind != facts.kind {
            aspects.append(.kind)
        } else if case .symbolicLink(let target) = entry.kind {
            if try found.linkTarget().bytes != target { aspects.append(.target) }
        } else if let content {
            if content.byteCount != UInt64(clamping: facts.byteCount) {
                aspects.append(.content)
            } else if readsAll || time != facts.modified, try await !isSame(content, found) {
                aspects.append(.content)
            }
        } else if case .characterDevice(let major, let minor) = entry.kind {
            if facts.specialDevice != DeviceNumber(major: major, minor: minor) { aspects.append(.target) }
        } else if case .blockDevice(let major, let minor) = entry.kind {
            if facts.specialDevice != DeviceNumber(major: major, minor: minor) { aspects.append(.target) }
        }
        if entry.mode != facts.mode { aspects.append(.mode) }
        if FileOwner(user: entry.userID, group: entry.groupID) != facts.owner { aspects.append(.owner) }
        if time != facts.modified { aspects.append(.time) }
        let attributes = try found.attributes().map { Entry.Attribute(name: $0.name.bytes, value: $0.value) }
        let sorted = attributes.sorted { $0.name.lexicographicallyPrecedes($1.name) }
        if sorted != entry.attributes { aspects.append(.attributes) }
        return aspects
    }

    private func isSame(_ content: Content, _ found: DirectoryScan.Found) async throws -> Bool {
        let file = try found.open()
        var hash = BLAKE2b.Stream()
        var offset: UInt64 = 0
        // As long as the snapshot's: more or less than that is another file.
        while offset < content.byteCount {
            try Task.checkCancellation()
            let count = Int(min(content.byteCount - offset, 1 << 20))
            hash.update(try file.read(count, at: Int64(clamping: offset)))
            offset += UInt64(count)
        }
        let live = hash.finish()
        return try await reader.digest(of: content) == live
    }
}
