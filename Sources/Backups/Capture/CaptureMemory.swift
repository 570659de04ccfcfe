internal import Archives
package import Files
internal import Sodium

// What an agent remembers of a directory that it captured, so that unchanged files are not opened again: path -> state ->
// content, in the order of the tree, which is the order of the next walk. It may only skip work, never assert: contents
// count as far as the store holds them, files that changed within the last seconds are not remembered, and a small random
// share is read again each time. A memory that is lost, damaged or of another store costs time, nothing else.
//
// On disk: one file a source, 0600: header, then blocks of length (u32), hash (32) and records: bytes of the path that are
// shared with the record before in the block (u16) and the rest of it (u16, bytes), then the record.

/// Where captures are remembered between runs.
package struct CaptureMemory: Sendable {
    /// A directory of the caller's own, made where it is missing.
    package let directory: Path

    /// A memory in `directory`.
    package init(directory: Path) { self.directory = directory }

    /// Opens what is remembered of the source `name` at `path`, and begins the new memory.
    func open(_ name: String, _ path: Path, _ writer: StoreWriter) throws(FileError) -> CaptureRecorder {
        var header = Array("strongroom/capture-memory/v1\n".utf8)
        for part in [writer.memoryKey, Array(name.utf8), path.bytes] {
            header.append(little: UInt32(part.count))
            header += part
        }
        let seed = Digest(hashing: header)
        let folder = try Directory.makePath(directory)
        // What a killed run left; that of a living one is locked and stays.
        _ = try? folder.removeStaleTemporaries()
        let file = Path(String(describing: SnapshotID(seed)) + ".memory")
        return CaptureRecorder(
            old: CaptureRecall(try? folder.openFile(file), seed: seed),
            file: try AtomicFile(file, in: folder), seed: seed)
    }
}

/// Reads a memory in its order, a block at a time.
struct CaptureRecall: ~Copyable {
    private let file: Descriptor?
    private let seed: Digest
    private var offset: Int64 = 0
    private var number: UInt64 = 0
    private var block = RecordReader([])
    private var path: [UInt8] = []
    // The record at `path`, which wasn't asked for yet.
    private var record: CaptureRecord?
    private var isAtEnd = false
    /// Records that were passed over: their entries are gone.
    private(set) var hasPassedOver = false

    init(_ file: consuming Descriptor?, seed: Digest) {
        self.file = file
        self.seed = seed
    }

    /// What is remembered of `path`; nil for nothing. Paths are asked for in their order.
    mutating func record(at wanted: [UInt8]) -> CaptureRecord? {
        while true {
            if record == nil, !advance() { return nil }
            if path == wanted {
                defer { record = nil }
                return record
            }
            guard PathOrder.precedes(path, wanted) else { return nil }
            hasPassedOver = true
            record = nil
        }
    }

    /// Whether nothing is left.
    mutating func isExhausted() -> Bool { record == nil && !advance() }

    private mutating func advance() -> Bool {
        if isAtEnd { return false }
        if block.isAtEnd, !nextBlock() {
            isAtEnd = true
            return false
        }
        guard let shared = block.number(UInt16.self), let count = block.number(UInt16.self),
            Int(shared) <= path.count, let range = block.range(Int(count))
        else {
            isAtEnd = true
            return false
        }
        path.removeLast(path.count - Int(shared))
        path += block[range]
        record = CaptureRecord(from: &block)
        isAtEnd = record == nil
        return !isAtEnd
    }

    private mutating func nextBlock() -> Bool {
        guard let head = read(36, at: offset) else { return false }
        var reader = RecordReader(head)
        guard let count = reader.number(UInt32.self), let hash = reader.digest(),
            count <= CaptureRecorder.blockByteLimit, let bytes = read(Int(count), at: offset + 36),
            CaptureRecorder.hash(bytes, number, seed) == hash
        else { return false }
        offset += 36 + Int64(count)
        number += 1
        block = RecordReader(bytes)
        path = []
        return true
    }

    /// Exactly `byteCount` bytes; nil where there are fewer, or they can't be read.
    private borrowing func read(_ byteCount: Int, at offset: Int64) -> [UInt8]? {
        switch file {
        case .some(let file):
            guard let bytes = try? file.read(byteCount, at: offset), bytes.count == byteCount else {
                return nil
            }
            return bytes
        case .none: return nil
        }
    }
}

/// One capture's look at the memory of the last, and the memory that it leaves for the next.
struct CaptureRecorder: ~Copyable {
    private var old: CaptureRecall
    private var file: AtomicFile
    private let seed: Digest
    private var number: UInt64 = 0
    private var block: [UInt8] = []
    private var lastPath: [UInt8] = []
    private var hasFailed = false
    private var isChanged = false
    // Drawn anew each run: which files are read again.
    private let draw: UInt64

    /// A block ends behind the record that makes it so long.
    private static let blockByteCount = 64 << 10
    /// No block is longer: one record more.
    static let blockByteLimit: UInt32 = 4 << 20
    /// One file in so many is read again.
    private static let share: UInt64 = 512

    init(old: consuming CaptureRecall, file: consuming AtomicFile, seed: Digest) {
        self.old = old
        self.file = file
        self.seed = seed
        draw = RandomBytes.make(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// What is remembered of the entry at `path`, if it is still as it was.
    mutating func unchanged(_ path: [UInt8], _ state: FileState) -> CaptureRecord? {
        guard let record = old.record(at: path), record.state == state else {
            isChanged = true
            return nil
        }
        return record
    }

    /// Whether this file is one of those that are read again this time.
    func isDrawn(_ state: FileState) -> Bool {
        // SplitMix64's finaliser: every bit of the number decides.
        var bits = (state.inode ^ draw) &* 0x9E37_79B9_7F4A_7C15
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return (bits ^ (bits >> 31)) % CaptureRecorder.share == 0
    }

    /// Remembers the entry at `path`, behind the one before. A memory that can't be written is none.
    mutating func remember(_ path: [UInt8], _ record: CaptureRecord) {
        guard !hasFailed else { return }
        var shared = 0
        let limit = min(path.count, lastPath.count)
        while shared < limit, path[shared] == lastPath[shared] { shared += 1 }
        let start = block.count
        block.append(little: UInt16(shared))
        block.append(little: UInt16(path.count - shared))
        block += path[shared...]
        record.append(to: &block)
        guard block.count <= Int(CaptureRecorder.blockByteLimit) else {
            block.removeLast(block.count - start)
            return
        }
        lastPath = path
        if block.count >= CaptureRecorder.blockByteCount { endBlock() }
    }

    /// Notes that something is remembered otherwise than before.
    mutating func change() { isChanged = true }

    /// Puts the new memory in the place of the old, where it differs. What fails is left: the next run reads more.
    consuming func finish() {
        if !block.isEmpty { endBlock() }
        guard !hasFailed, isChanged || old.hasPassedOver || !old.isExhausted() else { return }
        try? file.commit()
    }

    private mutating func endBlock() {
        var head: [UInt8] = []
        head.append(little: UInt32(block.count))
        head.append(CaptureRecorder.hash(block, number, seed))
        do throws(FileError) {
            try file.write(head)
            try file.write(block)
        } catch {
            hasFailed = true
        }
        number += 1
        block.removeAll(keepingCapacity: true)
        lastPath = []
    }

    /// H over the memory's header, the number of the block, and its bytes.
    static func hash(_ bytes: [UInt8], _ number: UInt64, _ seed: Digest) -> Digest {
        var stream = BLAKE2b.Stream()
        var head: [UInt8] = []
        head.append(seed)
        head.append(little: number)
        stream.update(head)
        stream.update(bytes)
        return Digest(stream.finish())
    }
}
