internal import Sodium

/// ISO/IEC 7816-4 padding to steps of 32 bytes: one byte 0x80, then zeros (FORMAT.md §3.3). Hides the exact
/// length of a value.
enum Padding {
    /// Bytes of a step.
    static let step = 32

    /// The padded length of `count` bytes: the next multiple of 32 above `count`.
    static func paddedCount(_ count: Int) -> Int {
        (count / step + 1) * step
    }

    /// The number of bytes before the padding of `padded`, or nil where it is not padded, or not minimally.
    static func unpaddedCount(_ padded: RawSpan) -> Int? {
        guard padded.byteCount > 0, padded.byteCount % step == 0 else { return nil }
        var offset = padded.byteCount - 1
        while offset > padded.byteCount - step, padded[offset] == 0 { offset -= 1 }
        return padded[offset] == 0x80 ? offset : nil
    }
}
