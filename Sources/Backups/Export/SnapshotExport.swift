package import Archives
internal import Encodings
internal import Files
internal import Sodium
internal import Tar

/// A snapshot as a pax archive (POSIX.1-2017 pax): what GNU tar and bsdtar list and extract to the same tree.
///
/// Member names are those of a restore: `directories/<name>/…`, `commands/<name>`, `repositories/<name>/…` (facts and
/// bundles, FORMAT.md §11), `keyring/…`; of one source alone the paths beneath its root, which is `.`. Content streams
/// chunk by chunk, each verified before it is written, in memory that doesn't grow with the snapshot.
package struct SnapshotExport: ~Copyable {
    /// What went into an archive.
    package struct Report: Sendable {
        /// Members written.
        package fileprivate(set) var entryCount = 0
        /// Bytes of content, holes left out.
        package fileprivate(set) var byteCount: UInt64 = 0
        /// What is not in the archive: `skipped` is of a kind that archives don't have, `damaged` has no sound copy in the
        /// store, `refused` anything else.
        package fileprivate(set) var issues: [(source: String, issue: RestoreIssue)] = []
    }

    /// One source, what of it is meant, and the place of its root in the archive.
    private struct Part {
        let source: SnapshotSource
        let prefix: [UInt8]
        let place: Path
    }

    /// So much of one file is held in memory, to be known as sound before its member begins.
    package static let heldByteLimit: UInt64 = 4 << 20

    private let snapshot: Snapshot
    private let reader: StoreReader
    private let progress: (Report) -> Void
    private let extentLimit: Int
    private let output: ArchiveOutput
    private var tar: TarWriter
    private var report = Report()
    // Files that were left out, of the source at hand.
    private var missing: Set<[UInt8]> = []

    /// Writes all sources of an opened snapshot, or one of them (`name` or `kind:name`) with what is at `path` and
    /// beneath it, to `sink`, in order; `progress` is told after each member. Files with more runs of data than
    /// `extentLimit` are stored with their holes as zeros: a list of the runs is held in memory.
    ///
    /// An entry that archives can't have, or that the store holds no sound copy of, is left out and listed. A file longer
    /// than `heldByteLimit` is not held before its member begins: where a part of it is damaged, the export ends. Throws
    /// `unknownSource`, `unknownPath`, `store` (naming the file), `caller`: what `sink` has had by then has no end, and
    /// readers say so.
    package static func run(
        _ snapshot: Snapshot, _ reader: StoreReader, source: String? = nil, path: [UInt8] = [],
        extentLimit: Int = 1 << 16, to sink: @escaping (RawSpan) throws -> Void,
        progress: @escaping (Report) -> Void = { _ in }
    ) async throws(BackupError) -> Report {
        do {
            let parts = try parts(of: snapshot, reader, source, path)
            var export = SnapshotExport(snapshot, reader, extentLimit, sink, progress)
            for part in parts { try await export.add(part) }
            return try export.finish()
        } catch let error as TarError {
            throw BackupError.wrapping(error.underlying ?? error)
        } catch {
            throw BackupError.wrapping(error)
        }
    }

    private init(
        _ snapshot: Snapshot, _ reader: StoreReader, _ extentLimit: Int,
        _ sink: @escaping (RawSpan) throws -> Void, _ progress: @escaping (Report) -> Void
    ) {
        self.snapshot = snapshot
        self.reader = reader
        self.progress = progress
        self.extentLimit = extentLimit
        let output = ArchiveOutput(sink)
        self.output = output
        tar = TarWriter { bytes in try output.write(bytes) }
    }

    private static func parts(
        of snapshot: Snapshot, _ reader: StoreReader, _ name: String?, _ path: [UInt8]
    ) throws -> [Part] {
        guard let name else {
            return snapshot.sources.map { Part(source: $0, prefix: [], place: $0.archivePlace) }
        }
        let source = try SnapshotBrowser(snapshot, reader).source(name)
        guard source.root != nil else {
            throw BackupError(.unknownPath, "nothing was captured of \(name)")
        }
        return [Part(source: source, prefix: path, place: Path([]))]
    }

    private consuming func finish() throws -> Report {
        let (report, output) = (report, output)
        try tar.finish()
        try output.flush()
        return report
    }

    // MARK: - Entries

    private mutating func add(_ part: Part) async throws {
        guard let root = part.source.root else { return }
        missing = []
        guard Path(part.source.name).isName else {
            return refuse(part, [], .refused, "a source whose name is no name of a file")
        }
        var links = LinkTargets([part.prefix])
        var later: [Entry] = []
        var count = 0
        var cursor = reader.entries(of: root, under: part.prefix)
        while true {
            try Task.checkCancellation()
            var next: Entry?
            do throws(ArchiveError) {
                next = try await cursor.next()
            } catch {
                guard error.isDamage else { throw error }
                count += 1
                refuse(
                    part, cursor.unread?.firstPath ?? [], .damaged, TreeRestorer.words(cursor.unread, error))
                continue
            }
            guard var entry = next else { break }
            count += 1
            do {
                if case .hardLink(let target) = entry.kind {
                    if !links.isWithin(target) {
                        entry.kind = try await links.kind(of: entry.path, linkedTo: target, root, reader)
                    } else if PathOrder.precedes(entry.path, target) {
                        // Archives have the file before its other names.
                        later.append(entry)
                        continue
                    }
                }
                try await add(entry, part)
            } catch let error as ArchiveError where error.isDamage {
                leaveOut(entry, part, error)
            }
        }
        for entry in later {
            do {
                try await add(entry, part)
            } catch let error as ArchiveError where error.isDamage {
                leaveOut(entry, part, error)
            }
        }
        guard count > 0 || part.prefix.isEmpty else {
            throw BackupError(.unknownPath, "\(part.source.name) has no \(Path(part.prefix))")
        }
    }

    private mutating func leaveOut(_ entry: Entry, _ part: Part, _ error: ArchiveError) {
        missing.insert(entry.path)
        refuse(
            part, entry.path, .damaged,
            "left out, its content is damaged in the store: \(error.context)")
    }

    /// Adds an entry. Throws `ArchiveError` of damage where nothing of it was written yet.
    private mutating func add(_ entry: Entry, _ part: Part) async throws {
        if case .hardLink(let target) = entry.kind, missing.contains(target) {
            let words = "left out with \(Path(target)), another name of the same file"
            return refuse(part, entry.path, .damaged, words)
        }
        let extents = try await extents(of: entry)
        guard let content = entry.tarContent(extents, in: part.place) else {
            return refuse(part, entry.path, .skipped, "a socket: archives have none")
        }
        let storedByteCount =
            extents?.reduce(0) { $0 + UInt64($1.byteCount) } ?? entry.content?.byteCount ?? 0
        // Known as sound before its member begins.
        var held: [UInt8]?
        if let stored = entry.content, storedByteCount <= SnapshotExport.heldByteLimit {
            var bytes: [UInt8] = []
            bytes.reserveCapacity(Int(storedByteCount))
            var runs = StoredRuns(extents)
            try await reader.read(stored) { piece in
                unsafe piece.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
                runs.advance(piece.byteCount)
            } hole: { byteCount in
                bytes.append(contentsOf: repeatElement(0, count: Int(runs.passHole(byteCount))))
            }
            held = bytes
        }
        do throws(TarError) {
            try tar.begin(entry.member(content, in: part.place, self.time(of: entry, part)))
        } catch {
            guard error.code == .notRepresentable else { throw error }
            return refuse(part, entry.path, .refused, "archives can't hold it: \(error.message)")
        }
        if let held {
            if !held.isEmpty { try held.withBytes { bytes throws(TarError) in try tar.write(bytes) } }
        } else if let stored = entry.content {
            try await stream(stored, extents, entry, part)
        }
        report.byteCount += storedByteCount
        report.entryCount += 1
        progress(report)
    }

    /// Writes the content of a member that has begun. Damage ends the export.
    private mutating func stream(
        _ content: Content, _ extents: [FileExtent]?, _ entry: Entry, _ part: Part
    ) async throws {
        var runs = StoredRuns(extents)
        do throws(ArchiveError) {
            try await reader.read(content) { bytes in
                try tar.write(bytes)
                runs.advance(bytes.byteCount)
            } hole: { byteCount in
                try tar.writeZeros(runs.passHole(byteCount))
            }
        } catch {
            guard error.isDamage else { throw error }
            let place = "\(part.source.name)/\(Path(entry.path))"
            let named = ArchiveError(error.code, "\(place): \(error.context)", underlying: error)
            throw BackupError(.store, named.context, underlying: named)
        }
    }

    private mutating func refuse(_ part: Part, _ path: [UInt8], _ kind: RestoreIssue.Kind, _ why: String) {
        report.issues.append((part.source.name, RestoreIssue(path, kind, why)))
    }

    /// Where data stands in a file with holes; nil for one without, and for one with too many. GNU tar has each run begin
    /// with a block of the archive (sparse_dump_region): runs are whole blocks, but for one that ends with the file.
    private func extents(of entry: Entry) async throws -> [FileExtent]? {
        guard let content = entry.content, let total = Int64(exactly: content.byteCount) else { return nil }
        var segments = reader.segments(of: content)
        var extents: [FileExtent] = []
        var offset: Int64 = 0
        var hasHole = false
        while let segment = try await segments.next() {
            guard let byteCount = Int64(exactly: segment.byteCount), byteCount <= total - offset else {
                throw ArchiveError(.damaged, "content: length")
            }
            if case .hole = segment {
                hasHole = true
            } else {
                var start = offset
                if let last = extents.last, last.offset + last.byteCount >= offset {
                    start = last.offset
                    extents.removeLast()
                }
                let blocks = (offset + byteCount - start - 1) / 512 + 1
                extents.append(FileExtent(offset: start, byteCount: min(blocks * 512, total - start)))
            }
            guard extents.count <= extentLimit else { return nil }
            offset += byteCount
        }
        return hasHole ? extents : nil
    }

    /// Outputs, documents and facts have no time of their own: they get the snapshot's, as in a restore.
    private func time(of entry: Entry, _ part: Part) -> FileTime {
        let own = FileTime(seconds: entry.modifiedSeconds, nanoseconds: entry.modifiedNanoseconds)
        guard part.source.kind != .directory, own == FileTime(seconds: 0) else { return own }
        let taken = snapshot.record.header.time
        return FileTime(
            seconds: taken.seconds, nanoseconds: UInt32(taken.nanoseconds - taken.seconds * 1_000_000_000))
    }
}

extension TarWriter {
    /// Writes zeros of the member's content.
    fileprivate mutating func writeZeros(_ byteCount: UInt64) throws(TarError) {
        let block = [UInt8](repeating: 0, count: 64 << 10)
        var left = byteCount
        while left > 0 {
            let count = Int(min(left, UInt64(block.count)))
            try write(unsafe block.span.bytes.extracting(0..<count))
            left -= UInt64(count)
        }
    }
}

/// The place in a file that is being written, and how much of a hole its archive has as zeros.
private struct StoredRuns {
    // The runs that don't end before the place, the next one last; nil where all bytes are stored.
    private var runs: [FileExtent]?
    private var offset: Int64 = 0

    init(_ extents: [FileExtent]?) { runs = extents?.reversed() }

    /// Passes over data.
    mutating func advance(_ byteCount: Int) { offset += Int64(byteCount) }

    /// Passes over a hole, and says how many zeros of it are stored: it begins with them.
    mutating func passHole(_ byteCount: UInt64) -> UInt64 {
        guard runs != nil else { return byteCount }
        defer { offset += Int64(clamping: byteCount) }
        while let run = runs?.last, run.offset + run.byteCount <= offset { runs?.removeLast() }
        guard let run = runs?.last, run.offset <= offset else { return 0 }
        return min(byteCount, UInt64(run.offset + run.byteCount - offset))
    }
}

extension Entry {
    /// What the entry is in an archive in which the source's root is at `place`; nil for a socket.
    fileprivate func tarContent(_ extents: [FileExtent]?, in place: Path) -> TarContent? {
        switch kind {
        case .directory: .directory
        case .file(let content):
            .regular(byteCount: Int64(clamping: content.byteCount), extents: extents)
        case .symbolicLink(let target): .symbolicLink(target: Path(target))
        case .hardLink(let target): .hardLink(to: place.joined(with: target))
        case .fifo: .fifo
        case .socket: nil
        case .characterDevice(let major, let minor):
            .characterDevice(DeviceNumber(major: major, minor: minor))
        case .blockDevice(let major, let minor): .blockDevice(DeviceNumber(major: major, minor: minor))
        }
    }

    /// The archive's member of that content and time.
    fileprivate func member(_ content: TarContent, in place: Path, _ time: FileTime) -> TarEntry {
        var member = TarEntry(
            place.joined(with: path), content, mode: mode, owner: FileOwner(user: userID, group: groupID),
            modified: time)
        member.userName = userName
        member.groupName = groupName
        member.attributes = attributes.map { ExtendedAttribute(name: Path($0.name), value: $0.value) }
        return member
    }
}

extension Path {
    /// The member name of an entry's path; the root of a lone source is `.`.
    fileprivate func joined(with path: [UInt8]) -> Path {
        guard !bytes.isEmpty else { return path.isEmpty ? "." : Path(path) }
        return path.isEmpty ? self : Path(bytes + [0x2F] + path)
    }
}

extension SnapshotSource {
    /// Where its root is in an archive of all sources.
    fileprivate var archivePlace: Path {
        switch kind {
        case .directory: Path("directories").appending(Path(name))
        case .command: "commands"
        case .repository: Path("repositories").appending(Path(name))
        case .keyring: "keyring"
        case .kubernetes: Path("kubernetes").appending(Path(name))
        }
    }
}

/// Gathers the small pieces of an archive into large ones.
private final class ArchiveOutput {
    private let sink: (RawSpan) throws -> Void
    private var buffer: [UInt8] = []
    private static let byteLimit = 256 << 10

    init(_ sink: @escaping (RawSpan) throws -> Void) {
        self.sink = sink
        buffer.reserveCapacity(ArchiveOutput.byteLimit)
    }

    /// Takes bytes. Throws what the sink does.
    func write(_ bytes: RawSpan) throws {
        if buffer.count + bytes.byteCount > ArchiveOutput.byteLimit { try flush() }
        guard bytes.byteCount < ArchiveOutput.byteLimit else { return try sink(bytes) }
        unsafe bytes.withUnsafeBytes { unsafe buffer.append(contentsOf: $0) }
    }

    /// Hands on what is left.
    func flush() throws {
        guard !buffer.isEmpty else { return }
        try buffer.withBytes { try sink($0) }
        buffer.removeAll(keepingCapacity: true)
    }
}
