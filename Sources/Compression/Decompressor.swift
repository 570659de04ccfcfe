internal import CZstd

/// Opens frames that `Compressor` makes; one context for many calls. Hostile frames are refused before any
/// room is taken for what they claim to hold.
@safe
package struct Decompressor: ~Copyable {
    private let context: OpaquePointer

    /// Prepares a context.
    package init() throws(CompressionError) {
        guard let context = unsafe ZSTD_createDCtx() else {
            throw CompressionError(.noMemory, "ZSTD_createDCtx")
        }
        unsafe self.context = context
    }

    deinit { unsafe ZSTD_freeDCtx(context) }

    /// How many bytes the content of `frame` has, by the frame's header. Throws `damaged` for bytes that are
    /// not one whole zstd frame and nothing else, `noContentSize`, and `tooLarge` above `limit`.
    /// ZSTD_getFrameContentSize.
    package static func contentSize(of frame: RawSpan, limit: Int) throws(CompressionError) -> Int {
        // Skippable frames and those of old versions begin otherwise; the library would take them.
        guard frame.byteCount > 4, frame.starts(with: magic) else {
            throw CompressionError(.damaged, "ZSTD_getFrameContentSize")
        }
        let (claimed, length) = unsafe frame.withUnsafeBytes { frame in
            (
                unsafe ZSTD_getFrameContentSize(frame.baseAddress, frame.count),
                unsafe ZSTD_findFrameCompressedSize(frame.baseAddress, frame.count)
            )
        }
        guard claimed != contentSizeError else {
            throw CompressionError(.damaged, "ZSTD_getFrameContentSize")
        }
        guard claimed != contentSizeUnknown else {
            throw CompressionError(.noContentSize, "ZSTD_getFrameContentSize")
        }
        guard claimed <= UInt64(clamping: limit) else {
            throw CompressionError(.tooLarge, "ZSTD_getFrameContentSize")
        }
        guard ZSTD_isError(length) == 0 else {
            throw CompressionError(.damaged, "ZSTD_findFrameCompressedSize", result: length)
        }
        guard length == frame.byteCount else {
            throw CompressionError(.damaged, "ZSTD_findFrameCompressedSize")
        }
        return Int(claimed)
    }

    /// Opens `frame` into `room`, which must have exactly the content's size (`contentSize(of:limit:)`). What
    /// was written to `room` before a failure is not the content. ZSTD_decompressDCtx.
    package mutating func decompress(
        _ frame: RawSpan, into room: inout MutableRawSpan
    ) throws(CompressionError) {
        let size = try Decompressor.contentSize(of: frame, limit: room.byteCount)
        guard size == room.byteCount else { throw CompressionError(.wrongRoom, "ZSTD_decompressDCtx") }
        let context = unsafe context
        let result = unsafe room.withUnsafeMutableBytes { room in
            unsafe frame.withUnsafeBytes { frame in
                unsafe ZSTD_decompressDCtx(
                    context, room.baseAddress, room.count, frame.baseAddress, frame.count)
            }
        }
        guard ZSTD_isError(result) == 0 else {
            throw CompressionError(.damaged, "ZSTD_decompressDCtx", result: result)
        }
        guard result == size else { throw CompressionError(.damaged, "ZSTD_decompressDCtx") }
    }

    // RFC 8878 §3.1.1: 0xFD2FB528, little-endian.
    private static let magic: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]
    // zstd.h: ZSTD_CONTENTSIZE_UNKNOWN and ZSTD_CONTENTSIZE_ERROR, macros that Swift doesn't see.
    private static let contentSizeUnknown = UInt64.max
    private static let contentSizeError = UInt64.max - 1
}

extension RawSpan {
    fileprivate func starts(with bytes: [UInt8]) -> Bool {
        unsafe withUnsafeBytes { unsafe $0.starts(with: bytes) }
    }
}
