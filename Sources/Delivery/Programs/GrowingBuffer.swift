internal import Sodium

/// Bytes that come in pieces, up to a limit, wiped when they go.
struct GrowingBuffer: ~Copyable {
    private var buffer = WipedBuffer(byteCount: 1 << 16)
    private var count = 0
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// False where the limit is passed.
    @discardableResult
    mutating func append(_ bytes: RawSpan) -> Bool {
        guard bytes.byteCount <= limit - count else { return false }
        if count + bytes.byteCount > buffer.byteCount {
            var larger = WipedBuffer(byteCount: max(2 * buffer.byteCount, count + bytes.byteCount))
            larger.withMutableBytes(first: larger.byteCount) { room in
                buffer.withBytes(first: count) { $0.copy(into: &room) }
            }
            buffer = larger
        }
        let start = count
        buffer.withMutableBytes(first: start + bytes.byteCount) { bytes.copy(into: &$0, at: start) }
        count += bytes.byteCount
        return true
    }

    /// Adds text, which is no secret.
    mutating func append(_ text: String) {
        _ = Array(text.utf8).withBytes { append($0) }
    }

    /// All of it, in guarded memory.
    consuming func held() -> SecretBytes {
        buffer.withBytes(first: count) { SecretBytes(copying: $0) }
    }
}
