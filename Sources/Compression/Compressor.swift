internal import CZstd

// The module knows one shape: one zstd frame (RFC 8878) for one span of bytes, whose header says the
// content's size, without checksum or dictionary. Contexts are kept for many calls, as they cost more than a
// small frame.

/// Compresses spans into frames of their own; one context for many calls.
@safe
package struct Compressor: ~Copyable {
    private let context: OpaquePointer

    /// The compression levels that the library knows, slower and smaller to the right (ZSTD_minCLevel,
    /// ZSTD_maxCLevel).
    package static var levels: ClosedRange<Int> { Int(ZSTD_minCLevel())...Int(ZSTD_maxCLevel()) }

    /// How a level looks for bytes that were there before, where its own values don't suit the contents.
    package struct Matching: Hashable, Sendable {
        /// log2 of the entries of the table of places, of four bytes each (ZSTD_c_hashLog).
        package let tableLog: Int
        /// The shortest match that is looked for, in bytes (ZSTD_c_minMatch).
        package let leastLength: Int

        /// The values as given; bounds are the library's.
        package init(tableLog: Int, leastLength: Int) {
            self.tableLog = tableLog
            self.leastLength = leastLength
        }
    }

    /// Prepares a context. The default level is the library's own (ZSTD_CLEVEL_DEFAULT). Throws `badLevel` where the
    /// library doesn't know `level` or a value of `matching`, and `noMemory`.
    package init(level: Int = 3, matching: Matching? = nil) throws(CompressionError) {
        guard Compressor.levels.contains(level) else { throw CompressionError(.badLevel, "ZSTD_maxCLevel") }
        guard let context = unsafe ZSTD_createCCtx() else {
            throw CompressionError(.noMemory, "ZSTD_createCCtx")
        }
        // Content size in the header, no checksum: what holds the frame authenticates it.
        var parameters = [
            (ZSTD_c_compressionLevel, level), (ZSTD_c_contentSizeFlag, 1), (ZSTD_c_checksumFlag, 0),
        ]
        if let matching {
            parameters += [(ZSTD_c_hashLog, matching.tableLog), (ZSTD_c_minMatch, matching.leastLength)]
        }
        for (parameter, value) in parameters {
            let result = unsafe ZSTD_CCtx_setParameter(context, parameter, Int32(value))
            guard ZSTD_isError(result) == 0 else {
                unsafe ZSTD_freeCCtx(context)
                throw CompressionError(.badLevel, "ZSTD_CCtx_setParameter", result: result)
            }
        }
        unsafe self.context = context
    }

    deinit { unsafe ZSTD_freeCCtx(context) }

    /// The room that a frame of `byteCount` bytes takes at most. ZSTD_compressBound.
    package static func bound(_ byteCount: Int) -> Int { ZSTD_compressBound(byteCount) }

    /// Compresses `content` to one frame at the start of `room`, and returns the frame's length. Throws
    /// `wrongRoom` where it does not fit, which can't be with `bound(_:)` bytes. ZSTD_compress2.
    package mutating func compress(
        _ content: RawSpan, into room: inout MutableRawSpan
    ) throws(CompressionError) -> Int {
        let context = unsafe context
        let result = unsafe room.withUnsafeMutableBytes { room in
            unsafe content.withUnsafeBytes { content in
                unsafe ZSTD_compress2(
                    context, room.baseAddress, room.count, content.baseAddress, content.count)
            }
        }
        guard ZSTD_isError(result) == 0 else {
            throw CompressionError(.wrongRoom, "ZSTD_compress2", result: result)
        }
        return result
    }
}
