internal import Archives
package import Files
internal import Sodium

// What an agent remembers of a directory that it captured, so that unchanged files are not opened again: path -> state ->
// content, in the order of the tree, which is the order of the next walk, and the leaves of the tree that they make. It may
// only skip work, never assert: contents and leaves count as far as the store holds them, files that changed within the last
// seconds are not remembered, and a small random share is read again each time. A memory that is lost, damaged or of another
// store costs time, nothing else.
//
// On disk: one file a source, 0600: blocks (`CaptureBlock`), each behind its length (u32) and hash (32).

/// Where captures are remembered between runs.
package struct CaptureMemory: Sendable {
    /// A directory of the caller's own, made where it is missing.
    package let directory: Path

    /// A memory in `directory`.
    package init(directory: Path) { self.directory = directory }

    /// Opens what is remembered of the source `name` at `path`, and begins the new memory.
    func open(_ name: String, _ path: Path, _ writer: StoreWriter) throws(FileError) -> CaptureRecorder {
        var header = Array("strongroom/capture-memory/v2\n".utf8)
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
    // Read ahead: bytes of the file from `offset` on, of which those before `used` are done with.
    private var offset: Int64 = 0
    private var buffer: [UInt8] = []
    private var used = 0
    private var number: UInt64 = 0
    private var block: CaptureBlock?
    // The item of the block that wasn't asked for yet.
    private var position = 0
    private var isAtEnd = false
    /// Records that were passed over: their entries are gone.
    private(set) var hasPassedOver = false

    private static let readByteCount = 1 << 20

    init(_ file: consuming Descriptor?, seed: Digest) {
        self.file = file
        self.seed = seed
    }

    /// What is remembered of `path`; nil for nothing. Paths are asked for in their order.
    mutating func record(at wanted: [UInt8], _ state: FileState) -> CaptureRecord? {
        guard let block = seek(wanted) else { return nil }
        defer { position += 1 }
        return block.items[position].state == state ? block.record(at: position) : nil
    }

    /// The block with a leaf that begins with `path`; nil where none does. Its records can still be asked for.
    mutating func leaf(at wanted: [UInt8]) -> CaptureBlock? {
        guard let block = seek(wanted), position == 0, block.leaf != nil else { return nil }
        return block
    }

    /// Goes on behind the block that `leaf(at:)` gave.
    mutating func passLeaf() { position = block?.items.count ?? 0 }

    /// Whether nothing is left.
    mutating func isExhausted() -> Bool { !fill() }

    /// The block whose next item is that of `wanted`; nil where there is no such.
    private mutating func seek(_ wanted: [UInt8]) -> CaptureBlock? {
        while fill(), let block {
            let path = block.items[position].path
            if path == wanted { return block }
            guard PathOrder.precedes(path, wanted) else { return nil }
            hasPassedOver = true
            position += 1
        }
        return nil
    }

    /// Makes sure that there is a next item; false at the end.
    private mutating func fill() -> Bool {
        if let block, position < block.items.count { return true }
        if isAtEnd { return false }
        block = nextBlock()
        position = 0
        isAtEnd = block == nil
        return !isAtEnd
    }

    private mutating func nextBlock() -> CaptureBlock? {
        guard let head = take(36) else { return nil }
        var reader = RecordReader(Array(head))
        guard let count = reader.number(UInt32.self), let hash = reader.digest(),
            count <= CaptureRecorder.blockByteLimit, let bytes = take(Int(count)).map({ Array($0) }),
            CaptureRecorder.hash(bytes, number, seed) == hash
        else { return nil }
        number += 1
        return CaptureBlock(bytes)
    }

    /// The next `byteCount` bytes; nil where there are fewer, or they can't be read.
    private mutating func take(_ byteCount: Int) -> ArraySlice<UInt8>? {
        if buffer.count - used < byteCount {
            buffer.removeFirst(used)
            used = 0
            guard read(max(byteCount, CaptureRecall.readByteCount) - buffer.count), buffer.count >= byteCount
            else {
                return nil
            }
        }
        defer { used += byteCount }
        return buffer[used..<(used + byteCount)]
    }

    /// Reads at most `byteCount` bytes more; false where that fails.
    private mutating func read(_ byteCount: Int) -> Bool {
        var bytes = [UInt8](repeating: 0, count: byteCount)
        guard let count = fill(&bytes, from: offset) else { return false }
        buffer += bytes.prefix(count)
        offset += Int64(count)
        return true
    }

    /// Reads into all of `bytes`, as far as the file goes; how many that were, nil where it can't be read.
    private borrowing func fill(_ bytes: inout [UInt8], from offset: Int64) -> Int? {
        switch file {
        case .some(let file):
            var span = bytes.mutableSpan
            var room = unsafe span.mutableBytes
            return try? file.read(into: &room, at: offset)
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
    private var block = CaptureBlockBuilder()
    // Whether all entries of the leaf at hand are in the block, and nothing else.
    private var isWhole = true
    private var hasFailed = false
    private var isChanged = false
    // Drawn anew each run: which files are read again.
    private let draw: UInt64

    /// A block without a leaf ends behind the record that makes it so long.
    private static let blockByteCount = 64 << 10
    /// No block is longer.
    static let blockByteLimit: UInt32 = 8 << 20
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
        guard let record = old.record(at: path, state) else {
            isChanged = true
            return nil
        }
        return record
    }

    /// The block with a leaf that begins with the entry at `path`.
    mutating func leaf(at path: [UInt8]) -> CaptureBlock? { old.leaf(at: path) }

    /// The leaf that `leaf(at:)` gave is done with.
    mutating func passLeaf() { old.passLeaf() }

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
        guard block.add(path, record) else { return skip() }
        // A leaf that is never used again needs no block of its own.
        if !isWhole, block.byteCount >= CaptureRecorder.blockByteCount { write(block.finish(nil)) }
    }

    /// An entry isn't remembered.
    mutating func skip() {
        isChanged = true
        isWhole = false
    }

    /// The entries since the last leaf make `leaf`.
    mutating func endLeaf(_ leaf: TreeLeaf) {
        let isUsable = isWhole && block.count == leaf.entryCount
        isWhole = true
        guard block.count > 0 else { return }
        write(block.finish(isUsable ? leaf : nil))
    }

    /// Remembers a leaf as it is remembered.
    mutating func remember(_ block: CaptureBlock) { write(block.bytes) }

    /// Notes that something is remembered otherwise than before.
    mutating func change() { isChanged = true }

    /// Puts the new memory in the place of the old, where it differs. What fails is left: the next run reads more.
    consuming func finish() {
        if block.count > 0 { write(block.finish(nil)) }
        guard !hasFailed, isChanged || old.hasPassedOver || !old.isExhausted() else { return }
        try? file.commit()
    }

    private mutating func write(_ bytes: [UInt8]) {
        guard !hasFailed else { return }
        guard bytes.count <= Int(CaptureRecorder.blockByteLimit) else { return isChanged = true }
        var head: [UInt8] = []
        head.append(little: UInt32(bytes.count))
        head.append(CaptureRecorder.hash(bytes, number, seed))
        do throws(FileError) {
            try file.write(head + bytes)
        } catch {
            hasFailed = true
        }
        number += 1
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
