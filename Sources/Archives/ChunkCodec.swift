import Compression
import Glibc
import Sodium

/// Compresses, seals, opens and verifies chunks and the contents of nodes (FORMAT.md §6). Holds the contexts and
/// buffers of one worker; each call is a pure function of its arguments but for the random nonce.
@safe final class ChunkCodec: @unchecked Sendable {
    // Sendable: `CodecPool` hands a codec to one task at a time.
    private var compressor: Compressor
    private var decompressor: Decompressor
    /// A frame: a coding byte and the coded bytes.
    private let frame: ByteBlock
    /// What was opened again, to be compared.
    private let check: ByteBlock

    /// What the first byte of an opened frame says.
    private enum Coding {
        static let raw: UInt8 = 0
        static let zstd: UInt8 = 1
    }

    /// Bytes that sealing adds at most: nonce 24, coding 1, tag 16.
    static let overhead = 41

    /// A codec for plaintexts of at most `limit` bytes, which compresses at `level`. Throws `storage` where memory
    /// is short.
    init(limit: Int, level: Int) throws(ArchiveError) {
        do throws(CompressionError) {
            compressor = try Compressor(level: level)
            decompressor = try Decompressor()
        } catch {
            throw ArchiveError(.storage, "zstd", underlying: error)
        }
        frame = ByteBlock(capacity: 1 + max(limit, Compressor.bound(limit)))
        check = ByteBlock(capacity: 1 + limit)
    }

    /// Seals `plaintext` of the piece `id` under `key`: nonce, then ciphertext and tag. What was sealed has been
    /// opened again and compared when this returns; throws `damaged` where it differed: memory or processor fail.
    func seal(
        _ plaintext: RawSpan, _ kind: SealedKind, id: some ContentIdentifier, key: DataKey, store: StoreID
    ) throws(ArchiveError) -> [UInt8] {
        let nonce = RandomBytes.make(XChaCha20Poly1305.nonceByteCount)
        let data = kind.associatedData(
            store: store, id: id.hash.bytes, generation: UInt64(id.keyNumber))
        let frameCount = encode(plaintext)
        let sealed = [UInt8].filled(count: 24 + frameCount + 16) { output in
            nonce.withBytes { $0.copy(into: &output) }
            var room = output._mutatingExtracting(24..<output.byteCount)
            frame.withBytes(0..<frameCount) { frame in
                key.secret.withBytes { key in
                    XChaCha20Poly1305.seal(frame, key: key, nonce: nonce, associatedData: data, into: &room)
                }
            }
        }
        let isSame = try open(
            sealed, kind, id: id, key: key, store: store, byteCount: plaintext.byteCount
        ) { opened in
            plaintext.isEqual(to: opened)
        }
        guard isSame else { throw ArchiveError.damaged("\(id): differs when opened again") }
        return sealed
    }

    /// Opens what `seal` made and lends the plaintext of exactly `byteCount` bytes (or at most `byteCount`, where
    /// `isBound`). Throws `damaged` where the ciphertext, its frame or its length isn't right. Nothing is hashed.
    func open<Result: ~Copyable>(
        _ sealed: [UInt8], _ kind: SealedKind, id: some ContentIdentifier, key: DataKey, store: StoreID,
        byteCount: Int, isBound: Bool = false, _ body: (RawSpan) throws(ArchiveError) -> Result
    ) throws(ArchiveError) -> Result {
        let frameCount = sealed.count - 40
        guard frameCount >= 1, frameCount <= frame.capacity, byteCount < check.capacity else {
            throw ArchiveError.damaged("\(id): length")
        }
        let data = kind.associatedData(
            store: store, id: id.hash.bytes, generation: UInt64(id.keyNumber))
        do throws(SodiumError) {
            try frame.withMutableBytes(frameCount) { (output) throws(SodiumError) in
                try sealed.withBytes { (sealed) throws(SodiumError) in
                    try key.secret.withBytes { (key) throws(SodiumError) in
                        try XChaCha20Poly1305.open(
                            sealed.extracting(24..<sealed.byteCount), key: key,
                            nonce: sealed.extracting(0..<24).array, associatedData: data, into: &output)
                    }
                }
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
            let count = try decode(frameCount, byteCount: byteCount, isBound: isBound, "\(id)")
            return try check.withBytes(0..<count, body)
        default:
            throw ArchiveError.damaged("\(id): coding \(coding)")
        }
    }

    /// Writes the frame of `plaintext` and returns its length: compressed where that is shorter.
    private func encode(_ plaintext: RawSpan) -> Int {
        let roomCount = 1 + max(plaintext.byteCount, Compressor.bound(plaintext.byteCount))
        return frame.withMutableBytes(roomCount) { room in
            var coded = room._mutatingExtracting(1..<room.byteCount)
            let count = try? compressor.compress(plaintext, into: &coded)
            if let count, count < plaintext.byteCount {
                room.storeBytes(of: Coding.zstd, as: UInt8.self)
                return 1 + count
            }
            plaintext.copy(into: &room, at: 1)
            room.storeBytes(of: Coding.raw, as: UInt8.self)
            return 1 + plaintext.byteCount
        }
    }

    /// Decompresses the frame into `check` and returns the plaintext's length.
    private func decode(
        _ frameCount: Int, byteCount: Int, isBound: Bool, _ name: String
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
            throw ArchiveError.damaged("\(name): doesn't decompress", error)
        }
        guard let decoded else { throw ArchiveError.damaged("\(name): length") }
        return decoded
    }
}

extension RawSpan {
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
