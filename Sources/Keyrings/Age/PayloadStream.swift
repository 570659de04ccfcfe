internal import Sodium
internal import Synchronization

/// The chunked encryption of an age payload (C2SP age.md, "Payload"; the STREAM construction): chunks of 64 KiB
/// under ChaCha20-Poly1305, the nonce an 11-byte big-endian counter and a byte that marks the last chunk.
///
/// No chunk depends on another, so that several threads work on a large payload (`PayloadBlocks`).
enum PayloadStream {
    /// Plaintext bytes of a full chunk.
    static let chunkByteCount = 64 << 10
    /// Bytes that a chunk grows by.
    static let tagByteCount = ChaCha20Poly1305.tagByteCount
    /// Bytes of a full chunk and its tag.
    static let sealedChunkByteCount = chunkByteCount + tagByteCount
    /// Bytes of the nonce before the first chunk.
    static let nonceByteCount = 16

    /// The nonce of chunk number `index`.
    static func nonce(_ index: UInt64, isLast: Bool) -> [UInt8] {
        [0, 0, 0] + (0..<8).map { UInt8(truncatingIfNeeded: index >> UInt64(56 - 8 * $0)) } + [isLast ? 1 : 0]
    }

    /// The plaintext bytes in a payload of `byteCount` bytes without its nonce; nil where no payload has that
    /// length.
    static func plaintextByteCount(_ byteCount: Int) -> Int? {
        let (full, rest) = byteCount.quotientAndRemainder(dividingBy: sealedChunkByteCount)
        guard rest > 0 else { return full > 0 ? full * chunkByteCount : nil }
        // An empty last chunk stands only for an empty payload.
        guard rest > tagByteCount || (rest == tagByteCount && full == 0) else { return nil }
        return full * chunkByteCount + rest - tagByteCount
    }
}

/// The key of a payload, for all threads that work on it.
private final class PayloadKey: Sendable {
    let bytes: SecretBytes

    init(_ bytes: consuming SecretBytes) { self.bytes = bytes }
}

extension PayloadBlock.Content {
    /// Seals the chunk at `position` in its place.
    fileprivate mutating func seal(_ position: Int, isLast: Bool, _ key: PayloadKey) {
        let nonce = PayloadStream.nonce(firstIndex + UInt64(position), isLast: isLast)
        let start = position * PayloadStream.sealedChunkByteCount
        let end = start + max(0, chunkByteCount(position)) + PayloadStream.tagByteCount
        key.bytes.withBytes { key in
            text.withMutableBytes(first: end) { span in
                var chunk = span._mutatingExtracting(start..<end)
                ChaCha20Poly1305.seal(inPlace: &chunk, key: key, nonce: nonce)
            }
        }
    }

    /// Whether the chunk at `position` is authentic; its plaintext is then in its place unless only `verifying`.
    fileprivate mutating func open(
        _ position: Int, isLast: Bool, _ key: PayloadKey, verifying: Bool
    ) -> Bool {
        let count = chunkByteCount(position)
        guard count >= PayloadStream.tagByteCount else { return false }
        let nonce = PayloadStream.nonce(firstIndex + UInt64(position), isLast: isLast)
        let start = position * PayloadStream.sealedChunkByteCount
        do throws(SodiumError) {
            try key.bytes.withBytes { (key) throws(SodiumError) in
                try text.withMutableBytes(first: start + count) { (span) throws(SodiumError) in
                    var chunk = span._mutatingExtracting(start..<(start + count))
                    if verifying {
                        try ChaCha20Poly1305.verify(chunk.bytes, key: key, nonce: nonce)
                    } else {
                        try ChaCha20Poly1305.open(inPlace: &chunk, key: key, nonce: nonce)
                    }
                }
            }
            return true
        } catch {
            return false
        }
    }

    /// Opens chunks that are full and followed by another, up to the first that is not authentic.
    fileprivate mutating func openAll(_ key: PayloadKey, verifying: Bool) {
        while authenticCount < chunkCount, open(authenticCount, isLast: false, key, verifying: verifying) {
            authenticCount += 1
        }
    }

    /// Lends the plaintext of the chunk at `position` to `output`.
    fileprivate func release(_ position: Int, into output: (RawSpan) throws -> Void) throws(AgeError) {
        let start = position * PayloadStream.sealedChunkByteCount
        let end = start + chunkByteCount(position) - PayloadStream.tagByteCount
        guard end > start else { return }
        try text.withBytes(first: end) { (bytes) throws(AgeError) in
            let plaintext = bytes.extracting(start..<end)
            try AgeError.interruptible { try output(plaintext) }
        }
    }
}

/// Seals a payload from pieces of any size, in constant memory; a large one on several threads.
struct PayloadSealer: ~Copyable {
    private let key: PayloadKey
    private var blocks: PayloadBlocks

    /// A sealer under the 32-byte payload `key`, which must not serve another payload.
    init(key: consuming SecretBytes) {
        let key = PayloadKey(key)
        self.key = key
        blocks = PayloadBlocks(inputByteCount: PayloadStream.chunkByteCount) { content in
            for position in 0..<content.chunkCount { content.seal(position, isLast: false, key) }
        }
    }

    /// Takes `bytes` of plaintext; chunks that are full, and not the last, go to `output` when they are sealed, here
    /// or in a later call. Throws `interrupted` where `output` throws.
    mutating func update(_ bytes: RawSpan, into output: (RawSpan) throws -> Void) throws(AgeError) {
        try blocks.fill(bytes) { (block) throws(AgeError) in
            try PayloadSealer.write(block, into: output)
        }
    }

    /// Takes all that `read` gives, as `update`: it fills the front of what it is lent and returns how many bytes, 0 at
    /// the end.
    mutating func update(
        reading read: (inout MutableRawSpan) throws -> Int, into output: (RawSpan) throws -> Void
    ) throws(AgeError) {
        try blocks.fill(reading: read) { (block) throws(AgeError) in
            try PayloadSealer.write(block, into: output)
        }
    }

    /// Gives all that is left to `output`, at the end the only chunk that may be short, and empty where the payload is.
    consuming func finish(into output: (RawSpan) throws -> Void) throws(AgeError) {
        try blocks.drain { (block) throws(AgeError) in try PayloadSealer.write(block, into: output) }
        let key = key
        blocks.current.content.withLock { content in
            let last = max(0, content.chunkCount - 1)
            for position in 0..<last { content.seal(position, isLast: false, key) }
            content.seal(last, isLast: true, key)
        }
        try PayloadSealer.write(blocks.current, into: output)
    }

    /// All chunks of `block`, each with its tag.
    private static func write(
        _ block: PayloadBlock, into output: (RawSpan) throws -> Void
    ) throws(AgeError) {
        try block.content.withLock { (content) throws(AgeError) in
            let count = content.byteCount + max(1, content.chunkCount) * PayloadStream.tagByteCount
            try content.text.withBytes(first: count) { (bytes) throws(AgeError) in
                try AgeError.interruptible { try output(bytes) }
            }
        }
    }
}

/// Opens a payload from pieces of any size, in constant memory; a large one on several threads. A chunk is released
/// only when it is authentic and all before it were; after an error nothing more is.
struct PayloadOpener: ~Copyable {
    private let key: PayloadKey
    private let isVerifying: Bool
    private var blocks: PayloadBlocks

    /// An opener under the 32-byte payload `key`. Where it is only `verifying`, nothing is decrypted or released.
    init(key: consuming SecretBytes, verifying: Bool = false) {
        let key = PayloadKey(key)
        self.key = key
        isVerifying = verifying
        blocks = PayloadBlocks(inputByteCount: PayloadStream.sealedChunkByteCount) {
            $0.openAll(key, verifying: verifying)
        }
    }

    /// Takes `bytes` of ciphertext; the plaintext of chunks that are full and have a successor goes to `output`, here
    /// or in a later call. Throws `payload` where a chunk isn't authentic or follows the last one, `interrupted` where
    /// `output` throws. Not to be called again after an error.
    mutating func update(_ bytes: RawSpan, into output: (RawSpan) throws -> Void) throws(AgeError) {
        let chunks = ChunkRelease(key: key, isVerifying: isVerifying)
        try blocks.fill(bytes) { (block) throws(AgeError) in try chunks.release(block, into: output) }
    }

    /// Takes all that `read` gives, as `update`: it fills the front of what it is lent and returns how many bytes, 0 at
    /// the end.
    mutating func update(
        reading read: (inout MutableRawSpan) throws -> Int, into output: (RawSpan) throws -> Void
    ) throws(AgeError) {
        let chunks = ChunkRelease(key: key, isVerifying: isVerifying)
        try blocks.fill(reading: read) { (block) throws(AgeError) in try chunks.release(block, into: output) }
    }

    /// Opens what is left, at the end the last chunk. Throws as `update`, and `payload` where the end is missing.
    mutating func finish(into output: (RawSpan) throws -> Void) throws(AgeError) {
        let chunks = ChunkRelease(key: key, isVerifying: isVerifying)
        try blocks.drain { (block) throws(AgeError) in try chunks.release(block, into: output) }
        try blocks.current.content.withLock { (content) throws(AgeError) in
            try chunks.finish(&content, into: output)
        }
    }
}

/// How chunks leave an opener.
private struct ChunkRelease {
    let key: PayloadKey
    let isVerifying: Bool

    /// Releases a block that was worked on, and that other bytes follow.
    func release(_ block: PayloadBlock, into output: (RawSpan) throws -> Void) throws(AgeError) {
        try block.content.withLock { (content) throws(AgeError) in
            for position in 0..<content.authenticCount { try release(position, of: content, into: output) }
            guard content.authenticCount < content.chunkCount else { return }
            try open(content.authenticCount, of: &content, into: output)
        }
    }

    /// Opens and releases a block that was not worked on, and that nothing follows.
    func finish(
        _ content: inout PayloadBlock.Content, into output: (RawSpan) throws -> Void
    ) throws(AgeError) {
        let last = content.chunkCount - 1
        for position in 0..<max(0, last) { try open(position, of: &content, into: output) }
        guard last >= 0 else { throw AgeError(.payload, "ends before the last chunk") }
        let index = content.firstIndex + UInt64(last)
        let count = content.chunkByteCount(last)
        if count == PayloadStream.sealedChunkByteCount,
            content.open(last, isLast: false, key, verifying: isVerifying)
        {
            try release(last, of: content, into: output)
            throw AgeError(.payload, "ends before the last chunk")
        }
        // An empty last chunk says nothing that the chunk before could not have said.
        let isAllowed = count > PayloadStream.tagByteCount || index == 0
        guard isAllowed, content.open(last, isLast: true, key, verifying: isVerifying) else {
            throw AgeError(.payload, "chunk \(index) is not authentic")
        }
        try release(last, of: content, into: output)
    }

    /// Opens and releases the chunk at `position`, which others follow: were it the last one, they should not.
    private func open(
        _ position: Int, of content: inout PayloadBlock.Content, into output: (RawSpan) throws -> Void
    ) throws(AgeError) {
        if content.open(position, isLast: false, key, verifying: isVerifying) {
            return try release(position, of: content, into: output)
        }
        guard content.open(position, isLast: true, key, verifying: isVerifying) else {
            throw AgeError(.payload, "chunk \(content.firstIndex + UInt64(position)) is not authentic")
        }
        try release(position, of: content, into: output)
        throw AgeError(.payload, "bytes after the last chunk")
    }

    private func release(
        _ position: Int, of content: borrowing PayloadBlock.Content,
        into output: (RawSpan) throws -> Void
    ) throws(AgeError) {
        guard !isVerifying else { return }
        try content.release(position, into: output)
    }
}
