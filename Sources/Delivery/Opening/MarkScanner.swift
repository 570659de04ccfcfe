internal import Sealing
internal import Sodium

/// Searches content that comes in pieces for what must not leave sealed: a token of ours, a SOPS marker. A mark
/// that stands across the border of two pieces is found too; in documents also one that escapes spell, everywhere
/// one in base64.
struct MarkScanner: ~Copyable {
    /// Longer than any mark with a version of a sensible number of digits, each byte escaped.
    private static let reach = 256
    private let isDocument: Bool
    /// The end of what came before, and room for the beginning of what comes.
    private var seam = WipedBuffer(byteCount: 2 * reach)
    private var tailCount = 0

    init(isDocument: Bool) {
        self.isDocument = isDocument
    }

    /// Whether a mark ends in `bytes`, the next piece.
    mutating func finds(in bytes: RawSpan) -> Bool {
        guard bytes.byteCount > 0 else { return false }
        let found = isMarkAtSeam(bytes) || isMark(in: bytes)
        keepTail(of: bytes)
        return found
    }

    private mutating func isMarkAtSeam(_ bytes: RawSpan) -> Bool {
        guard tailCount > 0 else { return false }
        let tail = tailCount
        let count = tail + min(bytes.byteCount, MarkScanner.reach)
        seam.withMutableBytes(first: count) { buffer in
            bytes.extracting(first: count - tail).copy(into: &buffer, at: tail)
        }
        return seam.withBytes(first: count) { isMark(in: $0) }
    }

    private func isMark(in bytes: RawSpan) -> Bool {
        let isSpelled =
            isDocument ? SealedToken.containsMarkInAnySpelling(bytes) : SealedToken.containsMark(bytes)
        return isSpelled || SealedToken.containsWrappedMark(bytes)
    }

    /// Keeps the last bytes of all that came so far.
    private mutating func keepTail(of bytes: RawSpan) {
        let reach = MarkScanner.reach
        if bytes.byteCount >= reach {
            seam.withMutableBytes(first: reach) { bytes.extracting(last: reach).copy(into: &$0) }
            tailCount = reach
            return
        }
        let kept = min(tailCount, reach - bytes.byteCount)
        let dropped = tailCount - kept
        seam.withMutableBytes(first: kept + bytes.byteCount) { buffer in
            for index in 0..<kept {
                let byte = unsafe buffer.bytes.unsafeLoad(fromByteOffset: dropped + index, as: UInt8.self)
                buffer.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
            }
            bytes.copy(into: &buffer, at: kept)
        }
        tailCount = kept + bytes.byteCount
    }
}
