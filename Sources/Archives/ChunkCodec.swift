import Compression
import Glibc
import Sodium

/// Compresses, seals, opens and verifies chunks and the contents of nodes (FORMAT.md §6). Holds the contexts and
/// buffers of one worker; each call is a pure function of its arguments but for the random nonce.
@safe final class ChunkCodec: @unchecked Sendable {
    // Sendable: `CodecPool` hands a codec to one task at a time.
    private var compressor: Compressor
    private var decompressor: Decompressor
    private let cipher = PieceCipher()
    private var associatedData = AssociatedData()
    /// A frame: a coding byte and the coded bytes.
    private let frame: ByteBlock
    /// What was sealed: nonce, ciphertext, tag.
    private let sealed: ByteBlock
    /// What was opened again, to be compared.
    private let check: ByteBlock

    /// What the first byte of an opened frame says.
    private enum Coding {
        static let raw: UInt8 = 0
        static let zstd: UInt8 = 1
    }

    // For pieces of 64 KiB a table of 16 KiB, which leaves room in the first cache for the bytes, and matches of five instead
    // of six: measured to take 5 % less time than level 1 as it is and to make no more bytes. 8 KiB save another 4 % of the
    // time for 1 % more bytes.
    private static let matching = Compressor.Matching(tableLog: 12, leastLength: 5)

    /// Bytes that sealing adds at most: nonce 24, coding 1, tag 16.
    static let overhead = 41

    /// A codec for plaintexts of at most `limit` bytes, which compresses at `level`. Throws `storage` where memory
    /// is short.
    init(limit: Int, level: Int) throws(ArchiveError) {
        do throws(CompressionError) {
            compressor = try Compressor(level: level, matching: level == 1 ? ChunkCodec.matching : nil)
            decompressor = try Decompressor()
        } catch {
            throw ArchiveError(.storage, "zstd", underlying: error)
        }
        frame = ByteBlock(capacity: 1 + max(limit, Compressor.bound(limit)))
        sealed = ByteBlock(capacity: 41 + max(limit, Compressor.bound(limit)))
        check = ByteBlock(capacity: 1 + limit)
    }

    /// Seals `plaintext` of the piece `id` under `key`, and lends it: nonce, then ciphertext and tag. What was sealed has
    /// been opened again and compared before; throws `damaged` where it differed: memory or processor fail.
    func seal<Result: ~Copyable>(
        _ plaintext: RawSpan, _ kind: SealedKind, id: some ContentIdentifier, key: DataKey, store: StoreID,
        _ body: (RawSpan) throws(ArchiveError) -> Result
    ) throws(ArchiveError) -> Result {
        let codedCount = compress(plaintext)
        let frameCount = 1 + (codedCount ?? plaintext.byteCount)
        let data = associatedData.bytes(store, kind, id)
        sealed.withMutableBytes(24 + frameCount + 16) { output in
            var nonce = output._mutatingExtracting(0..<24)
            RandomBytes.fill(&nonce)
        }
        sealed.withBytes(0..<24) { nonce in
            sealed.withMutableBytes(24 + frameCount + 16) { output in
                var room = output._mutatingExtracting(24..<output.byteCount)
                guard codedCount != nil else {
                    cipher.seal(
                        head: Coding.raw, plaintext, key: key, nonce: nonce, associatedData: data, into: &room
                    )
                    return
                }
                frame.withBytes(0..<frameCount) { frame in
                    cipher.seal(frame, key: key, nonce: nonce, associatedData: data, into: &room)
                }
            }
        }
        return try sealed.withBytes(0..<(24 + frameCount + 16)) { (sealed) throws(ArchiveError) in
            let isSame = try open(
                sealed, kind, id: id, key: key, store: store, byteCount: plaintext.byteCount
            ) { opened in
                plaintext.isEqual(to: opened)
            }
            guard isSame else { throw ArchiveError.damaged("\(id): differs when opened again") }
            return try body(sealed)
        }
    }

    /// Seals `plaintext` into an array; see the other `seal`.
    func seal(
        _ plaintext: RawSpan, _ kind: SealedKind, id: some ContentIdentifier, key: DataKey, store: StoreID
    ) throws(ArchiveError) -> [UInt8] {
        try seal(plaintext, kind, id: id, key: key, store: store) { $0.array }
    }

    /// Opens what `seal` made and lends the plaintext of exactly `byteCount` bytes (or at most `byteCount`, where
    /// `isBound`). Throws `damaged` where the ciphertext, its frame or its length isn't right. Nothing is hashed.
    func open<Result: ~Copyable>(
        _ sealed: RawSpan, _ kind: SealedKind, id: some ContentIdentifier, key: DataKey, store: StoreID,
        byteCount: Int, isBound: Bool = false, _ body: (RawSpan) throws(ArchiveError) -> Result
    ) throws(ArchiveError) -> Result {
        let frameCount = sealed.byteCount - 40
        guard frameCount >= 1, frameCount <= frame.capacity, byteCount < check.capacity else {
            throw ArchiveError.damaged("\(id): length")
        }
        let data = associatedData.bytes(store, kind, id)
        do throws(SodiumError) {
            try frame.withMutableBytes(frameCount) { (output) throws(SodiumError) in
                try cipher.open(
                    sealed.extracting(24..<sealed.byteCount), key: key, nonce: sealed.extracting(0..<24),
                    associatedData: data, into: &output)
            }
        } catch {
            throw ArchiveError.damaged("\(id): doesn't decrypt", error)
        }
        let coding = frame.withBytes(0..<1) { $0[0] }
        switch coding {
        case Coding.raw:
            guard frameCount - 1 == byteCount || isBound && frameCount - 1 <= byteCount else {
                throw ArchiveError.damaged("\(id): length")
            }
            return try frame.withBytes(1..<frameCount, body)
        case Coding.zstd:
            let count = try decode(frameCount, byteCount: byteCount, isBound: isBound, id)
            return try check.withBytes(0..<count, body)
        default:
            throw ArchiveError.damaged("\(id): coding \(coding)")
        }
    }

    /// Opens what stands in an array; see the other `open`.
    func open<Result: ~Copyable>(
        _ sealed: [UInt8], _ kind: SealedKind, id: some ContentIdentifier, key: DataKey, store: StoreID,
        byteCount: Int, isBound: Bool = false, _ body: (RawSpan) throws(ArchiveError) -> Result
    ) throws(ArchiveError) -> Result {
        try sealed.withBytes { (sealed) throws(ArchiveError) in
            try open(
                sealed, kind, id: id, key: key, store: store, byteCount: byteCount, isBound: isBound, body)
        }
    }

    /// Writes the frame of `plaintext` compressed, and returns how many bytes it has behind the coding byte; nil, and no frame,
    /// where that isn't shorter.
    private func compress(_ plaintext: RawSpan) -> Int? {
        guard !plaintext.looksRandom else { return nil }
        return frame.withMutableBytes(1 + Compressor.bound(plaintext.byteCount)) { room in
            var coded = room._mutatingExtracting(1..<room.byteCount)
            let count = try? compressor.compress(plaintext, into: &coded)
            guard let count, count < plaintext.byteCount else { return nil }
            room.storeBytes(of: Coding.zstd, as: UInt8.self)
            return count
        }
    }

    /// Decompresses the frame into `check` and returns the plaintext's length.
    private func decode(
        _ frameCount: Int, byteCount: Int, isBound: Bool, _ id: some ContentIdentifier
    ) throws(ArchiveError) -> Int {
        let decoded: Int?
        do throws(CompressionError) {
            decoded = try frame.withBytes(1..<frameCount) { (coded) throws(CompressionError) -> Int? in
                let count = try Decompressor.contentSize(of: coded, limit: byteCount)
                guard count == byteCount || isBound else { return nil }
                try check.withMutableBytes(count) { (output) throws(CompressionError) in
                    try decompressor.decompress(coded, into: &output)
                }
                return count
            }
        } catch {
            throw ArchiveError.damaged("\(id): doesn't decompress", error)
        }
        guard let decoded else { throw ArchiveError.damaged("\(id): length") }
        return decoded
    }
}

extension RawSpan {
    /// Whether a sample of the bytes is as even as random ones are, so that compressing would gain nothing: media, archives,
    /// ciphertext. 16 runs of 128 bytes, spread evenly. Of n random bytes the squares of the 256 counts add up to n²/256 + n
    /// on average, with a standard deviation of n · √(2/256): 18,432 and 181 here; the bound lies three of them above.
    var looksRandom: Bool {
        guard byteCount >= 4096 else { return false }
        let step = (byteCount - 128) / 15
        return unsafe withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 256) { counts in
            unsafe counts.initialize(repeating: 0)
            unsafe withUnsafeBytes { bytes in
                for run in 0..<16 {
                    let start = run * step
                    for offset in start..<(start + 128) { unsafe counts[Int(bytes[offset])] &+= 1 }
                }
            }
            var sum: UInt32 = 0
            for index in 0..<256 {
                let count = unsafe counts[index]
                sum &+= count &* count
            }
            return sum < 18_975
        }
    }

    /// Whether both hold the same bytes; not in constant time.
    func isEqual(to other: RawSpan) -> Bool {
        guard byteCount == other.byteCount else { return false }
        return unsafe withUnsafeBytes { mine in
            unsafe other.withUnsafeBytes { theirs in
                guard let a = mine.baseAddress, let b = theirs.baseAddress else { return true }
                return unsafe memcmp(a, b, mine.count) == 0
            }
        }
    }
}
