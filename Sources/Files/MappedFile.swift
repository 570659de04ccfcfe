import Glibc

/// A file's bytes as memory, read from it as they are looked at (mmap(2), PROT_READ, MAP_PRIVATE).
///
/// For files of one's own that are replaced by name and never cut or written in place: a page that is gone when it is
/// looked at ends the process.
@safe package final class MappedFile: Sendable {
    /// Where the bytes begin, as long as this value lives: a page's start.
    package nonisolated(unsafe) let base: UnsafeRawPointer
    /// The file's length when it was mapped, above 0.
    package let byteCount: Int

    /// Maps all of `file`. Throws `limit` for an empty one, or one longer than `limit` bytes.
    package init(_ file: borrowing Descriptor, limit: Int = .max) throws(FileError) {
        let length = try file.metadata().byteCount
        guard length > 0, length <= Int64(limit) else { throw .refused(.limit, "mmap(2)", file.path) }
        byteCount = Int(length)
        let start = unsafe mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, file.rawValue, 0)
        guard let start = unsafe start, unsafe start != MAP_FAILED else {
            throw .refused(.io, "mmap(2)", file.path)
        }
        unsafe base = UnsafeRawPointer(start)
    }

    deinit { unsafe munmap(UnsafeMutableRawPointer(mutating: base), byteCount) }

    /// Lends all bytes.
    package func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(unsafe RawSpan(_unsafeStart: base, byteCount: byteCount))
    }
}
