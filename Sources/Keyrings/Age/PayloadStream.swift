internal import Sodium

/// The chunked encryption of an age payload (C2SP age.md, "Payload"; the STREAM construction): chunks of 64 KiB
/// under ChaCha20-Poly1305, the nonce an 11-byte big-endian counter and a byte that marks the last chunk.
enum PayloadStream {
    /// Plaintext bytes of a full chunk.
    static let chunkByteCount = 64 << 10
    /// Bytes that a chunk grows by.
    static let tagByteCount = ChaCha20Poly1305.tagByteCount
    /// Bytes of the nonce before the first chunk.
    static let nonceByteCount = 16

    /// The nonce of chunk number `index`.
    static func nonce(_ index: UInt64, isLast: Bool) -> [UInt8] {
        [0, 0, 0] + (0..<8).map { UInt8(truncatingIfNeeded: index >> UInt64(56 - 8 * $0)) } + [isLast ? 1 : 0]
    }

    /// The plaintext bytes in a payload of `byteCount` bytes without its nonce; nil where no payload has that
    /// length.
    static func plaintextByteCount(_ byteCount: Int) -> Int? {
        let (full, rest) = byteCount.quotientAndRemainder(dividingBy: chunkByteCount + tagByteCount)
        guard rest > 0 else { return full > 0 ? full * chunkByteCount : nil }
        // An empty last chunk stands only for an empty payload.
        guard rest > tagByteCount || (rest == tagByteCount && full == 0) else { return nil }
        return full * chunkByteCount + rest - tagByteCount
    }
}

/// Seals a payload from pieces of any size, in constant memory.
struct PayloadSealer: ~Copyable {
    private let key: SecretBytes
    private var index: UInt64 = 0
    private var plaintext = WipedBuffer(byteCount: PayloadStream.chunkByteCount)
    private var ciphertext = WipedBuffer(byteCount: PayloadStream.chunkByteCount + PayloadStream.tagByteCount)
    private var buffered = 0

    /// A sealer under the 32-byte payload `key`, which must not serve another payload.
    init(key: consuming SecretBytes) {
        self.key = key
    }

    /// Takes `bytes` of plaintext; each chunk that becomes full, and is not the last, goes to `output`. Throws
    /// `interrupted` where `output` throws.
    mutating func update(_ bytes: RawSpan, into output: (RawSpan) throws -> Void) throws(AgeError) {
        var rest = bytes
        while rest.byteCount > 0 {
            if buffered == PayloadStream.chunkByteCount { try flush(isLast: false, into: output) }
            let count = min(rest.byteCount, PayloadStream.chunkByteCount - buffered)
            plaintext.withMutableBytes(first: buffered + count) {
                rest.extracting(first: count).copy(into: &$0, at: buffered)
            }
            buffered += count
            rest = rest.extracting(droppingFirst: count)
        }
    }

    /// Gives the last chunk to `output`: the only one that may be short, and empty where the payload is.
    consuming func finish(into output: (RawSpan) throws -> Void) throws(AgeError) {
        try flush(isLast: true, into: output)
    }

    private mutating func flush(isLast: Bool, into output: (RawSpan) throws -> Void) throws(AgeError) {
        let nonce = PayloadStream.nonce(index, isLast: isLast)
        let count = buffered
        let sealedCount = count + PayloadStream.tagByteCount
        ciphertext.withMutableBytes(first: sealedCount) { target in
            plaintext.withBytes(first: count) { source in
                key.withBytes { ChaCha20Poly1305.seal(source, key: $0, nonce: nonce, into: &target) }
            }
        }
        index += 1
        buffered = 0
        try ciphertext.withBytes(first: sealedCount) { (bytes) throws(AgeError) in
            try AgeError.interruptible { try output(bytes) }
        }
    }
}

/// Opens a payload from pieces of any size, in constant memory. A chunk is released only when it is authentic;
/// after an error nothing more is.
struct PayloadOpener: ~Copyable {
    private static let sealedByteCount = PayloadStream.chunkByteCount + PayloadStream.tagByteCount

    private let key: SecretBytes
    private var index: UInt64 = 0
    private var isEnded = false
    private var ciphertext = WipedBuffer(byteCount: PayloadOpener.sealedByteCount)
    private var plaintext = WipedBuffer(byteCount: PayloadStream.chunkByteCount)
    private var buffered = 0

    /// An opener under the 32-byte payload `key`.
    init(key: consuming SecretBytes) {
        self.key = key
    }

    /// Takes `bytes` of ciphertext; the plaintext of each chunk that is full and has a successor goes to
    /// `output`. Throws `payload` where a chunk isn't authentic or follows the last one, `interrupted` where
    /// `output` throws. Not to be called again after an error.
    mutating func update(_ bytes: RawSpan, into output: (RawSpan) throws -> Void) throws(AgeError) {
        var rest = bytes
        while rest.byteCount > 0 {
            if buffered == PayloadOpener.sealedByteCount { try openFull(into: output) }
            guard !isEnded else { throw AgeError(.payload, "bytes after the last chunk") }
            let count = min(rest.byteCount, PayloadOpener.sealedByteCount - buffered)
            ciphertext.withMutableBytes(first: buffered + count) {
                rest.extracting(first: count).copy(into: &$0, at: buffered)
            }
            buffered += count
            rest = rest.extracting(droppingFirst: count)
        }
    }

    /// Opens what is left, which must be the last chunk. Throws as `update`, and `payload` where the end is
    /// missing.
    mutating func finish(into output: (RawSpan) throws -> Void) throws(AgeError) {
        if buffered == PayloadOpener.sealedByteCount {
            try openFull(into: output)
        } else if buffered > 0 {
            // An empty last chunk says nothing that the chunk before could not have said.
            let isAllowed = buffered > PayloadStream.tagByteCount || index == 0
            guard isAllowed, open(isLast: true) else {
                throw AgeError(.payload, "chunk \(index) is not authentic")
            }
            isEnded = true
            try release(into: output)
        }
        guard isEnded else { throw AgeError(.payload, "ends before the last chunk") }
    }

    /// Opens a full chunk: the last one where it opens as such.
    private mutating func openFull(into output: (RawSpan) throws -> Void) throws(AgeError) {
        if !open(isLast: false) {
            guard open(isLast: true) else { throw AgeError(.payload, "chunk \(index) is not authentic") }
            isEnded = true
        }
        try release(into: output)
    }

    /// Whether what is buffered opens as chunk `index`; the plaintext buffer then holds it.
    private mutating func open(isLast: Bool) -> Bool {
        guard buffered >= PayloadStream.tagByteCount else { return false }
        let nonce = PayloadStream.nonce(index, isLast: isLast)
        let count = buffered
        do {
            try plaintext.withMutableBytes(first: count - PayloadStream.tagByteCount) {
                (target) throws(SodiumError) in
                try ciphertext.withBytes(first: count) { (source) throws(SodiumError) in
                    try key.withBytes { (key) throws(SodiumError) in
                        try ChaCha20Poly1305.open(source, key: key, nonce: nonce, into: &target)
                    }
                }
            }
            return true
        } catch {
            return false
        }
    }

    private mutating func release(into output: (RawSpan) throws -> Void) throws(AgeError) {
        let count = buffered - PayloadStream.tagByteCount
        index += 1
        buffered = 0
        try plaintext.withBytes(first: count) { (bytes) throws(AgeError) in
            try AgeError.interruptible { try output(bytes) }
        }
    }
}
