internal import Archives
internal import Files
internal import Sodium
internal import Synchronization

/// The directory that a restore fills, for several tasks.
final class RestoreRoot: Sendable {
    /// Its handle.
    let directory: Directory

    init(_ directory: consuming Directory) { self.directory = directory }

    /// Removes the file of an entry whose content can't be whole, and says so.
    func remove(_ entry: Entry, damagedBecause reason: String) throws(FileError) -> RestoreIssue {
        try directory.reaching(entry.path) { directory, name throws(FileError) in
            try directory.removeFile(name)
        }
        return RestoreIssue(entry.path, .damaged, "left out, its content is damaged in the store: \(reason)")
    }
}

extension ArchiveError {
    /// Whether the store holds no sound copy of what was asked for: the rest of it may be sound.
    var isDamage: Bool { code == .damaged || code == .absent }
}

/// A file whose content several batches write, each its own part; the last one finishes it.
final class SharedFile: Sendable {
    /// Open for writing.
    let file: Descriptor
    // Batches that are still to come or at work, and who makes them.
    private let holders = Mutex(1)
    // Why the content can't be whole.
    private let damage = Mutex<String?>(nil)

    init(_ file: consuming Descriptor) { self.file = file }

    /// One more batch writes a part.
    func hold() { holders.withLock { $0 += 1 } }

    /// A part can't be read, because of `reason`: the file is to go.
    func fail(_ reason: String) { damage.withLock { $0 = $0 ?? reason } }

    /// Why the content can't be whole; nil while nothing is known.
    var failure: String? { damage.withLock { $0 } }

    /// A part is written, or there will be no more of them. True for the last.
    func release() -> Bool {
        holders.withLock { holders in
            holders -= 1
            return holders == 0
        }
    }
}

/// Some files, or a part of a large one, that one task restores: their chunks are read in the order in which they lie in
/// packs and written wherever they belong.
struct FileBatch: Sendable {
    /// A file, or a run of its content.
    struct Part: Sendable {
        /// The entry's number in the restore.
        let ordinal: Int
        let entry: Entry
        /// The file, where others write parts of it too; nil for a whole one.
        let shared: SharedFile?
        /// Where the first segment belongs.
        let offset: UInt64
        let segments: [Segment]
    }

    /// What came of a batch.
    struct Outcome: Sendable {
        /// What could not be restored exactly, with the numbers of the entries.
        var issues: [(ordinal: Int, issue: RestoreIssue)] = []
        /// Files finished.
        var entryCount = 0
        /// Bytes written, holes left out.
        var byteCount: UInt64 = 0
        /// Owners that were left out: the first entry of each, and how many there were.
        var foreignOwners = ForeignOwners()
    }

    /// A run of a file that comes from a chunk.
    private struct Use {
        let file: Int
        let offset: UInt64
        let range: Range<Int>
    }

    /// One file at work.
    private final class Work {
        let part: Part
        let own: Descriptor?
        /// What earlier runs have of the file.
        let earlier: [EarlierFiles.Handle]
        // Why a part of the content can't be read.
        private(set) var damage: String?

        init(_ part: Part, _ own: consuming Descriptor?, _ earlier: EarlierFiles) {
            self.part = part
            self.own = own
            self.earlier = earlier.isEmpty ? [] : earlier.handles(part.entry.path)
        }

        /// The content can't be whole, because of `reason`.
        func fail(_ reason: String) {
            damage = damage ?? reason
            part.shared?.fail(reason)
        }

        func write(_ bytes: RawSpan, at offset: UInt64) throws(FileError) {
            if let shared = part.shared { return try shared.file.write(bytes, at: Int64(offset)) }
            switch own {
            case .some(let file): try file.write(bytes, at: Int64(offset))
            case .none: break
            }
        }
    }

    let root: RestoreRoot
    let reader: StoreReader
    let facts: RestoredFacts
    let earlier: EarlierFiles
    private(set) var parts: [Part] = []
    private var byteCount: UInt64 = 0

    /// A batch is full with so many bytes; the bytes in packs are held while it is at work.
    static let byteLimit: UInt64 = 4 << 20
    /// A batch is full with so many files, each of which is open while it is at work.
    private static let fileLimit = 96

    init(
        root: RestoreRoot, reader: StoreReader, facts: RestoredFacts, earlier: EarlierFiles = EarlierFiles()
    ) {
        self.earlier = earlier
        self.root = root
        self.reader = reader
        self.facts = facts
    }

    /// Whether it is time for another batch.
    var isFull: Bool { byteCount >= FileBatch.byteLimit || parts.count >= FileBatch.fileLimit }

    /// Adds a file or a part of one.
    mutating func add(_ part: Part) {
        parts.append(part)
        byteCount += part.segments.reduce(0) { sum, segment in
            if case .chunk(_, _, let count) = segment { return sum + UInt64(count) }
            return sum
        }
    }

    /// Restores them. A file of which a chunk has no sound copy is removed again and listed. Throws what ends the
    /// restore: a full or failing disk, a storage that fails.
    func run() async throws -> Outcome {
        var outcome = Outcome()
        var works: [Work] = []
        for part in parts {
            guard part.shared == nil else {
                works.append(Work(part, nil, earlier))
                continue
            }
            do throws(FileError) {
                let file = try root.directory.reaching(part.entry.path) { directory, name throws(FileError) in
                    try directory.createUnfinishedFile(name)
                }
                works.append(Work(part, file, earlier))
            } catch {
                outcome.issues.append((part.ordinal, try RestoreIssue(refusing: part.entry, error)))
            }
        }
        outcome.byteCount = try await write(works)
        for work in works { try finish(work, &outcome) }
        return outcome
    }

    private func write(_ works: [Work]) async throws -> UInt64 {
        var positions: [ChunkID: Int] = [:]
        var chunks: [ChunkID] = []
        var uses: [[Use]] = []
        for (file, work) in works.enumerated() {
            var offset = work.part.offset
            for segment in work.part.segments {
                defer { offset += segment.byteCount }
                guard case .chunk(let id, let start, let count) = segment else { continue }
                let use = Use(file: file, offset: offset, range: Int(start)..<(Int(start) + Int(count)))
                if let position = positions[id] {
                    uses[position].append(use)
                } else {
                    positions[id] = chunks.count
                    chunks.append(id)
                    uses.append([use])
                }
            }
        }
        var written: UInt64 = 0
        // Those of which no copy is sound are asked for again, each by itself, to know them.
        var isWritten = [Bool](repeating: false, count: chunks.count)
        func write(_ position: Int, _ plaintext: RawSpan) throws {
            for use in uses[position] {
                guard use.range.upperBound <= plaintext.byteCount else {
                    works[use.file].fail("a run of it lies outside of its chunk")
                    continue
                }
                try works[use.file].write(plaintext.extracting(use.range), at: use.offset)
                written += UInt64(use.range.count)
            }
            isWritten[position] = true
        }
        if !earlier.isEmpty {
            for position in chunks.indices {
                guard let bytes = kept(chunks[position], uses[position], works) else { continue }
                try bytes.withBytes { try write(position, $0) }
            }
        }
        let wanted = chunks.indices.filter { !isWritten[$0] }
        do throws(ArchiveError) {
            try await reader.read(wanted.map { chunks[$0] }) { position, plaintext in
                try write(wanted[position], plaintext)
            }
            return written
        } catch {
            guard error.isDamage else { throw error }
        }
        for position in chunks.indices where !isWritten[position] {
            do throws(ArchiveError) {
                try await reader.read([chunks[position]]) { _, plaintext in try write(position, plaintext) }
            } catch {
                guard error.isDamage else { throw error }
                for use in uses[position] { works[use.file].fail(error.context) }
            }
        }
        return written
    }

    /// The plaintext of a chunk out of what earlier runs have of the files that it belongs to: nil where they don't have all
    /// of it, or something else.
    private func kept(_ chunk: ChunkID, _ uses: [Use], _ works: [Work]) -> [UInt8]? {
        var bytes: [UInt8] = []
        for use in uses.sorted(by: { $0.range.lowerBound < $1.range.lowerBound })
        where use.range.upperBound > bytes.count {
            guard use.range.lowerBound <= bytes.count else { return nil }
            let skipped = bytes.count - use.range.lowerBound
            let found = works[use.file].earlier.lazy.compactMap { handle in
                handle.read(use.range.count - skipped, at: use.offset + UInt64(skipped))
            }.first
            guard let found else { return nil }
            bytes += found
        }
        return bytes.withBytes { reader.isPlaintext($0, of: chunk) } ? bytes : nil
    }

    private func finish(_ work: Work, _ outcome: inout Outcome) throws {
        let part = work.part
        if let shared = part.shared {
            guard shared.release() else { return }
            try finish(part, shared.file, shared.failure, &outcome)
        } else {
            switch work.own {
            case .some(let file): try finish(part, file, work.damage, &outcome)
            case .none: break
            }
        }
    }

    private func finish(
        _ part: Part, _ file: borrowing Descriptor, _ damage: String?, _ outcome: inout Outcome
    ) throws {
        if !earlier.isEmpty { earlier.remove(part.entry.path) }
        guard let damage else { return try facts.finish(file, part, &outcome) }
        outcome.issues.append((part.ordinal, try root.remove(part.entry, damagedBecause: damage)))
    }
}

/// Which facts a restore puts on files.
struct RestoredFacts: Sendable {
    let options: TreeRestorer.Options
    /// Whose files new ones are.
    let user: FileOwner

    /// Sets the length, which a hole at the end needs, and puts owner, attributes, mode and time on the file, each as far
    /// as it goes.
    func finish(
        _ file: borrowing Descriptor, _ part: FileBatch.Part, _ outcome: inout FileBatch.Outcome
    ) throws {
        let entry = part.entry
        let length = entry.content?.byteCount ?? 0
        if case .hole? = part.segments.last { try file.truncate(to: Int64(clamping: length)) }
        outcome.entryCount += 1
        let owner = FileOwner(user: entry.userID, group: entry.groupID)
        if !options.owners, owner != user { outcome.foreignOwners.add(owner, entry.path) }
        if !options.setIdentity, entry.mode & 0o6000 != 0 {
            outcome.issues.append((part.ordinal, RestoreIssue(entry.path, .mode, "set-id bits left out")))
        }
        do throws(FileError) {
            if options.owners { try file.setOwner(owner) }
            for attribute in entry.attributes {
                let attribute = ExtendedAttribute(name: Path(attribute.name), value: attribute.value)
                do throws(FileError) {
                    try file.setOwnAttribute(attribute)
                } catch {
                    let words = "attribute \(attribute.name): \(error.description)"
                    outcome.issues.append((part.ordinal, RestoreIssue(entry.path, .attribute, words)))
                }
            }
            try file.setMode(entry.mode & (options.setIdentity ? 0o7777 : 0o1777))
            try file.setModified(
                FileTime(seconds: entry.modifiedSeconds, nanoseconds: entry.modifiedNanoseconds))
        } catch {
            outcome.issues.append((part.ordinal, RestoreIssue(entry.path, .metadata, error.description)))
        }
    }
}

/// Owners that were left out: the first entry of each, and how many there were.
struct ForeignOwners: Sendable {
    private var owners: [FileOwner: (first: [UInt8], count: Int)] = [:]

    /// Counts an entry.
    mutating func add(_ owner: FileOwner, _ path: [UInt8]) { add(owner, path, 1) }

    /// Counts what another has counted.
    mutating func add(_ other: ForeignOwners) {
        for (owner, entries) in other.owners { add(owner, entries.first, entries.count) }
    }

    private mutating func add(_ owner: FileOwner, _ path: [UInt8], _ count: Int) {
        let known = owners[owner]
        let first = known.map { PathOrder.precedes(path, $0.first) ? path : $0.first } ?? path
        owners[owner] = (first, (known?.count ?? 0) + count)
    }

    /// An issue for each owner.
    var issues: [RestoreIssue] {
        owners.sorted { $0.key.order < $1.key.order }.map { owner, entries in
            let words =
                "owner \(owner.user):\(owner.group) left out of \(entries.count) entries, this the first"
            return RestoreIssue(entries.first, .owner, words)
        }
    }
}

extension FileOwner {
    fileprivate var order: UInt64 { UInt64(user) << 32 | UInt64(group) }
}

extension Directory {
    /// Runs `body` with this directory and `path`; of a path that is too long for one call (PATH_MAX), with a directory on
    /// the way and the rest.
    borrowing func reaching<Result: ~Copyable>(
        _ path: [UInt8], _ body: (borrowing Directory, Path) throws(FileError) -> Result
    ) throws(FileError) -> Result {
        let step = 2048
        guard path.count > step else { return try body(self, Path(path)) }
        var directory = try duplicate()
        var rest = path[...]
        while rest.count > step {
            // A name has at most 255 bytes: there is a slash.
            guard let slash = rest.prefix(step).lastIndex(of: 0x2F) else { break }
            directory = try directory.openDirectory(Path(Array(rest[..<slash])))
            rest = rest[(slash + 1)...]
        }
        return try body(directory, Path(Array(rest)))
    }
}

extension RestoreIssue {
    /// An entry that the file system refuses. Throws the error where the disk fails: that ends the restore.
    init(refusing entry: Entry, _ error: FileError) throws(FileError) {
        switch error.code {
        case .noSpace, .io, .readOnly: throw error
        default: self.init(entry.path, .refused, error.description)
        }
    }
}
