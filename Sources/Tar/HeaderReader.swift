internal import CArchive
import Files
import Glibc

/// A libarchive reader that knows pax and ustar alone, without any filter: no other parser sees the bytes.
@safe
struct HeaderReader: ~Copyable {
    private let handle: OpaquePointer
    private let input: Input

    /// Where the library's callback takes bytes from.
    @safe
    private final class Input {
        let source: () throws -> [UInt8]
        /// The piece that the library is reading from; its address must hold until the next call.
        var piece: UnsafeMutableRawBufferPointer
        var failure: (any Error)?
        var byteCount: Int64 = 0
        /// How many zeros the bytes so far end with.
        var zeroCount: Int64 = 0

        init(_ source: @escaping () throws -> [UInt8]) {
            self.source = source
            unsafe piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 0, alignment: 1)
        }

        deinit { unsafe piece.deallocate() }

        /// Gets the next piece; its length, 0 at the end, -1 for a failure.
        func advance() -> Int {
            do {
                let bytes = try source()
                unsafe piece.deallocate()
                unsafe piece = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
                unsafe piece.copyBytes(from: bytes)
                byteCount += Int64(bytes.count)
                let zeros = Int64(bytes.reversed().prefix { $0 == 0 }.count)
                zeroCount = zeros == bytes.count ? zeroCount + zeros : zeros
                return bytes.count
            } catch {
                failure = error
                return -1
            }
        }
    }

    /// Begins to read what `source` gives, a piece a call, an empty one at the end.
    init(_ source: @escaping () throws -> [UInt8]) throws(TarError) {
        try ArchiveLibrary.start()
        guard let handle = unsafe archive_read_new() else {
            throw TarError(.noMemory, "", operation: "archive_read_new(3)")
        }
        unsafe self.handle = handle
        input = Input(source)
    }

    /// Says what is read, and begins to read it.
    borrowing func open() throws(TarError) {
        try unsafe check("archive_read_support_format_tar(3)") { unsafe archive_read_support_format_tar($0) }
        try unsafe check("archive_read_support_filter_none(3)") {
            unsafe archive_read_support_filter_none($0)
        }
        let client = unsafe Unmanaged.passUnretained(input).toOpaque()
        try unsafe check("archive_read_open(3)") { handle in
            unsafe archive_read_open(
                handle, client, nil,
                { _, client, piece in
                    guard let client = unsafe client, let piece = unsafe piece else { return -1 }
                    let input = unsafe Unmanaged<Input>.fromOpaque(client).takeUnretainedValue()
                    let count = input.advance()
                    unsafe piece.pointee = UnsafeRawPointer(input.piece.baseAddress)
                    return count
                }, nil)
        }
    }

    deinit { unsafe archive_read_free(handle) }

    /// The next member; nil where nothing follows. archive_read_next_header(3).
    mutating func next() throws(TarError) -> TarEntry? {
        var entry: OpaquePointer?
        let status = try unsafe check("archive_read_next_header(3)", allowing: .end) {
            unsafe archive_read_next_header($0, &entry)
        }
        guard status == .ok, let entry = unsafe entry else { return nil }
        let facts = try PlainLocale.run { () throws(TarError) in try unsafe ReadEntry.facts(entry) }
        let format = unsafe archive_format(handle)
        guard
            [ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE, ARCHIVE_FORMAT_TAR_PAX_RESTRICTED]
                .contains(format)
        else { throw TarError(.unsupported, facts.path, "neither pax nor ustar") }
        return facts
    }

    /// The next piece of the member's content with its place in the file; nil at its end. Holes are passed
    /// over. archive_read_data_block(3).
    mutating func nextData() throws(TarError) -> (offset: Int64, bytes: [UInt8])? {
        var start: UnsafeRawPointer?
        var count = 0
        var offset: la_int64_t = 0
        let status = try unsafe check("archive_read_data_block(3)", allowing: .end) {
            unsafe archive_read_data_block($0, &start, &count, &offset)
        }
        guard status == .ok else { return nil }
        return (offset, unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: count)))
    }

    /// Reads the rest of the input, after `next()` gave nil. Throws `truncated` where the two empty blocks
    /// are missing, and `damaged` where anything but zeros stands behind the last member.
    mutating func finish() throws(TarError) {
        while true {
            let count = input.advance()
            guard count != 0 else { break }
            guard count > 0 else { throw transferFailure("") }
        }
        let rest = unsafe input.byteCount - archive_read_header_position(handle)
        guard rest >= Int64(TarHeader.end.count) else { throw TarError(.truncated, "", "no end of archive") }
        guard input.zeroCount >= rest else { throw TarError(.damaged, "", "bytes after the end of archive") }
    }

    private borrowing func transferFailure(_ operation: StaticString) -> TarError {
        TarError(.transfer, "", operation: operation, underlying: input.failure)
    }

    @discardableResult
    private borrowing func check(
        _ operation: StaticString, allowing allowed: ArchiveStatus = .ok, _ call: (OpaquePointer) -> Int32
    ) throws(TarError) -> ArchiveStatus {
        let status = ArchiveStatus(PlainLocale.run { unsafe call(handle) })
        guard status != .ok, status != allowed else { return status }
        guard input.failure == nil else { throw transferFailure(operation) }
        let message = unsafe ArchiveMessage.text(handle)
        switch status {
        // A warning says that the entry is not as the archive has it: a name was converted, a record passed
        // over.
        case .warning: throw TarError(.unsupported, "", message, operation: operation)
        case .ok, .end, .retry, .failed: throw TarError(.damaged, "", message, operation: operation)
        case .fatal: throw TarError(.truncated, "", message, operation: operation)
        }
    }
}
