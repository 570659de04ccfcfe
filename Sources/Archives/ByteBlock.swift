import Glibc
import Synchronization

/// A block of raw memory for bulk plaintext, wiped where it was written before it is given back.
///
/// Filled by one owner; after that any number of tasks read ranges of it that don't change any more. The memory of a
/// block from a `BlockPool` goes back there, to be written anew.
@safe final class ByteBlock: @unchecked Sendable {
    // Sendable: bytes below `filledCount` are never written again, and only the one owner writes above it; a range
    // is handed to a task after it was filled.
    private let base: UnsafeMutableRawPointer
    // Holds what `base` points to.
    private let memory: BlockMemory
    private let pool: BlockPool?
    /// Bytes that there is room for.
    var capacity: Int { memory.byteCount }
    /// Bytes written so far, from the start. Touched by the owner only.
    private(set) var filledCount = 0

    /// An empty block with room for `capacity` bytes.
    convenience init(capacity: Int) {
        self.init(BlockMemory(byteCount: capacity), pool: nil)
    }

    /// An empty block over `memory`, which goes back to `pool`.
    init(_ memory: BlockMemory, pool: BlockPool?) {
        unsafe base = memory.base
        self.memory = memory
        self.pool = pool
    }

    deinit {
        memory.touchedCount = max(memory.touchedCount, filledCount)
        pool?.give(memory)
    }

    /// Lends the room behind what is filled; `fill` returns how much of it was written.
    func append<Failure: Error>(
        _ fill: (inout MutableRawSpan) throws(Failure) -> Int
    ) throws(Failure) -> Int {
        // All of the room counts as touched: `fill` may write and then throw.
        let start = filledCount
        var room = unsafe MutableRawSpan(_unsafeStart: base + start, byteCount: capacity - start)
        do throws(Failure) {
            let count = try fill(&room)
            precondition(count >= 0 && count <= capacity - start, "more bytes than there is room for")
            filledCount = start + count
            return count
        } catch {
            memory.touchedCount = capacity
            throw error
        }
    }

    /// Copies `bytes` behind what is filled. Traps where they don't fit.
    func append(_ bytes: RawSpan) {
        _ = append { room in
            unsafe bytes.withUnsafeBytes { source in
                unsafe room.withUnsafeMutableBytes { unsafe $0.copyMemory(from: source) }
            }
            return bytes.byteCount
        }
    }

    /// Lends `range` of the filled bytes.
    func withBytes<Result: ~Copyable, Failure: Error>(
        _ range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(range.lowerBound >= 0 && range.upperBound <= capacity)
        return try body(unsafe RawSpan(_unsafeStart: base + range.lowerBound, byteCount: range.count))
    }

    /// Lends the first `count` bytes to the block's one user, for work in place.
    func withMutableBytes<Result: ~Copyable, Failure: Error>(
        _ count: Int, _ body: (inout MutableRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(count >= 0 && count <= capacity)
        filledCount = max(filledCount, count)
        var span = unsafe MutableRawSpan(_unsafeStart: base, byteCount: count)
        return try body(&span)
    }
}

/// The memory of a block; wiped as far as it was touched when it is released.
@safe final class BlockMemory: @unchecked Sendable {
    // Sendable: whoever holds the block, or the pool's lock, is the only one who looks at it.
    /// Where it begins.
    let base: UnsafeMutableRawPointer
    /// Its length.
    let byteCount: Int
    /// Bytes from the start that may have been written.
    var touchedCount = 0

    /// `byteCount` bytes, undefined.
    init(byteCount: Int) {
        self.byteCount = byteCount
        unsafe base = UnsafeMutableRawPointer.allocate(byteCount: max(1, byteCount), alignment: 64)
    }

    deinit {
        unsafe explicit_bzero(base, touchedCount)
        unsafe base.deallocate()
    }
}

/// Blocks of one size that are used again: a page that is written the first time, and wiped each time, costs more than
/// reading a file into it. Wiped when the pool goes.
final class BlockPool: Sendable {
    private let byteCount: Int
    private let free = Mutex<[BlockMemory]>([])

    /// A pool of blocks of `byteCount` bytes.
    init(byteCount: Int) { self.byteCount = byteCount }

    /// An empty block.
    func take() -> ByteBlock {
        let memory = free.withLock { $0.popLast() } ?? BlockMemory(byteCount: byteCount)
        return ByteBlock(memory, pool: self)
    }

    /// Takes memory back.
    func give(_ memory: BlockMemory) {
        free.withLock { $0.append(memory) }
    }
}
