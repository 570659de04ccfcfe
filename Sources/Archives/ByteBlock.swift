import Glibc

/// A block of raw memory for bulk plaintext, wiped where it was written before it is given back.
///
/// Filled by one owner; after that any number of tasks read ranges of it that don't change any more.
@safe final class ByteBlock: @unchecked Sendable {
    // Sendable: bytes below `filledCount` are never written again, and only the one owner writes above it; a range
    // is handed to a task after it was filled.
    private let base: UnsafeMutableRawPointer
    /// Bytes that there is room for.
    let capacity: Int
    /// Bytes written so far, from the start. Touched by the owner only.
    private(set) var filledCount = 0

    /// An empty block with room for `capacity` bytes.
    init(capacity: Int) {
        self.capacity = capacity
        unsafe base = UnsafeMutableRawPointer.allocate(byteCount: max(1, capacity), alignment: 64)
    }

    deinit {
        unsafe explicit_bzero(base, filledCount)
        unsafe base.deallocate()
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
            unsafe explicit_bzero(base + start, capacity - start)
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
