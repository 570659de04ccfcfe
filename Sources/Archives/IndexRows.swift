import Files

/// Rows of an index, sorted by hash, that don't change: in memory, or in a file that is mapped. 48 bytes each, no more.
@safe final class IndexRows: @unchecked Sendable {
    // Sendable: nothing is written after the initialiser.
    private let base: UnsafePointer<IndexObject.Row>
    /// How many there are.
    let count: Int
    // What `base` points into; nil where the memory is this value's own.
    private let file: MappedFile?

    /// Takes over memory that holds `count` rows.
    fileprivate init(adopting base: UnsafePointer<IndexObject.Row>, count: Int) {
        unsafe self.base = base
        self.count = count
        file = nil
    }

    /// The `count` rows from `offset` of a file on, which was written by `withBytes` on this kind of machine. Traps where
    /// they aren't within it.
    init(_ file: MappedFile, at offset: Int, count: Int) {
        precondition(offset >= 0 && offset % MemoryLayout<IndexObject.Row>.alignment == 0 && count >= 0)
        precondition(count <= (file.byteCount - offset) / IndexRows.stride)
        unsafe base = (file.base + offset).assumingMemoryBound(to: IndexObject.Row.self)
        self.count = count
        self.file = file
    }

    deinit {
        if file == nil { unsafe base.deallocate() }
    }

    /// Whether they are read from a file as they are looked at.
    var isMapped: Bool { file != nil }

    /// Bytes of a row in memory.
    static var stride: Int { MemoryLayout<IndexObject.Row>.stride }

    /// The row at `position`.
    subscript(position: Int) -> IndexObject.Row {
        precondition(position >= 0 && position < count)
        return unsafe base[position]
    }

    /// Lends the rows as bytes.
    func withBytes<Result, Failure: Error>(_ body: (RawSpan) throws(Failure) -> Result) throws(Failure)
        -> Result
    {
        try body(unsafe RawSpan(_unsafeStart: UnsafeRawPointer(base), byteCount: count * IndexRows.stride))
    }

    /// The rows of `hash`, which follow each other; nil for none.
    func range(of hash: Digest) -> Range<Int>? {
        // Hashes are even: the first guess is near, and the search goes outwards from there.
        guard count > 0 else { return nil }
        let guess = Int(hash.words.0.multipliedFullWidth(by: UInt64(count)).high)
        var low = 0
        var high = count
        var step = 16
        if self[guess].hash < hash {
            low = guess + 1
            while low + step < count, self[low + step].hash < hash {
                low += step + 1
                step *= 2
            }
            high = min(count, low + step)
        } else {
            high = guess
            while high - step > 0, !(self[high - step].hash < hash) {
                high -= step
                step *= 2
            }
            low = max(0, high - step)
        }
        while low < high {
            let middle = low + (high - low) / 2
            if self[middle].hash < hash { low = middle + 1 } else { high = middle }
        }
        var end = low
        while end < count, self[end].hash == hash { end += 1 }
        return low == end ? nil : low..<end
    }
}

/// Rows that are collected in any order and sorted in place: beside them no memory is taken that grows with them.
@safe struct IndexRowsBuilder: ~Copyable {
    private var base: UnsafeMutablePointer<IndexObject.Row>
    private var capacity: Int
    private(set) var count = 0
    private var isSorted = true

    /// Room that is taken at once, in rows: 1.5 GiB of addresses. What storages say of their objects is no measure beyond.
    private static let reserveLimit = 1 << 25

    /// An empty one for about `capacity` rows. Where that is much, the system gives memory only as it is written.
    init(capacity: Int) {
        self.capacity = max(1, min(capacity, IndexRowsBuilder.reserveLimit))
        unsafe base = UnsafeMutablePointer<IndexObject.Row>.allocate(capacity: self.capacity)
    }

    deinit { unsafe base.deallocate() }

    /// Adds `rows`, whose packs are counted from `firstPack` on.
    mutating func append(_ rows: [IndexObject.Row], firstPack: Int) {
        for row in rows { append(row.shifted(by: firstPack)) }
    }

    /// Adds all of `rows` as they are.
    mutating func append(_ rows: IndexRows) {
        for position in 0..<rows.count { append(rows[position]) }
    }

    private mutating func append(_ row: IndexObject.Row) {
        if count == capacity { grow() }
        if isSorted, count > 0 { isSorted = unsafe !IndexObject.precedes(row, base[count - 1]) }
        unsafe (base + count).initialize(to: row)
        count += 1
    }

    private mutating func grow() {
        let more = UnsafeMutablePointer<IndexObject.Row>.allocate(capacity: 2 * capacity)
        unsafe more.moveInitialize(from: base, count: count)
        unsafe base.deallocate()
        unsafe base = more
        capacity *= 2
    }

    /// The rows, sorted.
    consuming func finish() -> IndexRows {
        if !isSorted { sort() }
        let rows = unsafe IndexRows(adopting: UnsafePointer(base), count: count)
        discard self
        return rows
    }

    /// Puts each row into the bucket of its hash's first bits, in place (American flag sort, McIlroy, Bostic and McIlroy,
    /// 1993), then sorts the buckets, which are short, as hashes are even.
    private func sort() {
        var all = unsafe UnsafeMutableBufferPointer(start: base, count: count)
        let bits = max(0, Int.bitWidth - 7 - count.leadingZeroBitCount)
        guard bits >= 4 else { return unsafe all.sort(by: IndexObject.precedes) }
        let shift = UInt64(64 - bits)
        var starts = [Int](repeating: 0, count: 1 << bits + 1)
        for position in 0..<count { starts[unsafe Int(all[position].hash.words.0 >> shift) + 1] += 1 }
        for bucket in 1..<starts.count { starts[bucket] += starts[bucket - 1] }
        var next = starts
        for bucket in 0..<(1 << bits) {
            while next[bucket] < starts[bucket + 1] {
                var row = unsafe all[next[bucket]]
                while true {
                    let target = Int(row.hash.words.0 >> shift)
                    let place = next[target]
                    next[target] += 1
                    if target == bucket {
                        unsafe all[place] = row
                        break
                    }
                    let displaced = unsafe all[place]
                    unsafe all[place] = row
                    row = displaced
                }
            }
            let range = starts[bucket]..<starts[bucket + 1]
            if range.count > 1 {
                var part = unsafe UnsafeMutableBufferPointer(rebasing: all[range])
                unsafe part.sort(by: IndexObject.precedes)
            }
        }
    }
}

extension IndexObject.Row {
    fileprivate func shifted(by packs: Int) -> IndexObject.Row {
        IndexObject.Row(
            hash: hash, pack: pack + UInt32(packs) << 8, offset: offset, sealedByteCount: sealedByteCount,
            auxiliary: auxiliary)
    }
}

/// A set of rows of a `PieceIndex`, by their numbers: a bit each.
struct RowSet: Sendable {
    private var words: [UInt64]

    /// No row of an index of `count` rows.
    init(count: Int) { words = [UInt64](repeating: 0, count: (count + 63) / 64) }

    /// Adds a row; whether it wasn't there. Traps for a number that the index doesn't have.
    @discardableResult
    mutating func insert(_ row: Int) -> Bool {
        let bit: UInt64 = 1 << UInt64(row & 63)
        defer { words[row >> 6] |= bit }
        return words[row >> 6] & bit == 0
    }

    /// Whether the row is in the set.
    func contains(_ row: Int) -> Bool { words[row >> 6] & (1 << UInt64(row & 63)) != 0 }
}
