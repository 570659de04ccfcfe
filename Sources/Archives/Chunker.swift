import Encodings
import Sodium

/// Where contents are cut: FastCDC (Xia et al., 2016) with normalised chunking over a gear hash, its table keyed by
/// the store's first `write` key (FORMAT.md §7). A value: the same for every content, without state between them.
struct Chunker: Sendable {
    /// 256 words of 64 bits.
    let table: [UInt64]
    /// Shortest chunk, but for a content's last.
    let minimum: Int
    /// Where the condition gets easier.
    let average: Int
    /// Longest chunk.
    let maximum: Int
    // A cut is where the hash is below the threshold: its top bits, which more bytes have gone into, are zero.
    private let hardThreshold: UInt64
    private let easyThreshold: UInt64

    /// The chunker of a store.
    init(gear: borrowing SecretBytes, _ parameters: CuttingParameters) {
        table = Chunker.table(gear)
        minimum = Int(parameters.minimum)
        average = Int(parameters.average)
        maximum = Int(parameters.maximum)
        let one = UInt64.max / parameters.average
        hardThreshold = one >> parameters.normalization
        easyThreshold = one << parameters.normalization
    }

    /// Word i is the i-th of the big-endian words of BLAKE2b-512 under the gear key over the 64-bit numbers 0 … 31.
    private static func table(_ gear: borrowing SecretBytes) -> [UInt64] {
        var table: [UInt64] = []
        for block in 0..<32 {
            var writer = CanonicalWriter()
            writer.uint64(UInt64(block))
            let bytes = [UInt8].filled(count: 64) { output in
                writer.bytes.withBytes {
                    BLAKE2b.hash($0, key: gear, personal: "strongroom gear", into: &output)
                }
            }
            for word in 0..<8 {
                table.append(bytes[(8 * word)..<(8 * word + 8)].reduce(0) { $0 << 8 | UInt64($1) })
            }
        }
        return table
    }

    /// The length of the first chunk of `bytes`: at most `maximum`; all of them where no cut is found, or where they
    /// are not longer than `minimum`. Callers give at least `maximum` bytes, or the content's last.
    ///
    /// The hash starts 64 bytes before the shortest chunk's end, so that a cut depends on its last 64 bytes alone.
    func cut(_ bytes: RawSpan) -> Int {
        let end = min(bytes.byteCount, maximum)
        guard end > minimum else { return end }
        let turn = min(average, end)
        return unsafe bytes.withUnsafeBytes { buffer in
            unsafe table.withUnsafeBufferPointer { table in
                guard let base = buffer.baseAddress, let gear = table.baseAddress else { return end }
                let input = unsafe base.assumingMemoryBound(to: UInt8.self)
                return unsafe scan(input, gear, turn: turn, end: end)
            }
        }
    }

    // The hot loop: raw pointers, no bounds checks; every index is below `end`, every table index a byte.
    private func scan(
        _ input: UnsafePointer<UInt8>, _ gear: UnsafePointer<UInt64>, turn: Int, end: Int
    ) -> Int {
        var hash: UInt64 = 0
        var index = minimum - 64
        while index < minimum {
            hash = unsafe (hash &<< 1) &+ gear[Int(input[index])]
            index &+= 1
        }
        if unsafe Chunker.find(input, gear, &index, to: turn, &hash, below: hardThreshold) { return index }
        if unsafe Chunker.find(input, gear, &index, to: end, &hash, below: easyThreshold) { return index }
        return end
    }

    /// Moves `index` behind the first byte after which the hash is below `threshold`; false at `end`. Two bytes a step:
    /// each step waits for the one before, and a step of two takes no longer than one of one.
    @inline(__always)
    private static func find(
        _ input: UnsafePointer<UInt8>, _ gear: UnsafePointer<UInt64>, _ index: inout Int, to end: Int,
        _ hash: inout UInt64, below threshold: UInt64
    ) -> Bool {
        var state = hash
        var position = index
        while position &+ 1 < end {
            let first = unsafe gear[Int(input[position])]
            let second = unsafe gear[Int(input[position &+ 1])]
            let one = (state &<< 1) &+ first
            let two = (state &<< 2) &+ ((first &<< 1) &+ second)
            if one < threshold {
                index = position &+ 1
                return true
            }
            if two < threshold {
                index = position &+ 2
                return true
            }
            state = two
            position &+= 2
        }
        if position < end {
            state = unsafe (state &<< 1) &+ gear[Int(input[position])]
            position &+= 1
            if state < threshold {
                index = position
                return true
            }
        }
        hash = state
        index = position
        return false
    }
}
