internal import CLinux
import Glibc

/// An open file, owned: closed when the value ends. Always close-on-exec.
///
/// Reading and writing calls repeat themselves when interrupted and go on after a short transfer, so each
/// either does the whole of what it says or throws. Errors carry the path the file was opened by.
package struct Descriptor: ~Copyable, Sendable {
    /// The number, lent: valid as long as this value lives, and not to be closed.
    package let rawValue: Int32
    /// What the file was opened by, for errors alone.
    package let path: Path

    /// Takes over an open descriptor; nobody else closes it.
    package init(adopting rawValue: Int32, path: Path) {
        self.rawValue = rawValue
        self.path = path
    }

    deinit { close(rawValue) }

    /// A second descriptor of the same open file (F_DUPFD_CLOEXEC of fcntl(2)): position and locks are
    /// shared.
    package borrowing func duplicate() throws(FileError) -> Descriptor {
        let number = rawValue
        let copy = try SystemCall.run("fcntl(2)", path) { fcntl(number, F_DUPFD_CLOEXEC, 0) }
        return Descriptor(adopting: copy, path: path)
    }

    /// Reads from the current position until `buffer` is full or the file ends; returns the number of bytes
    /// read. read(2).
    package borrowing func read(into buffer: inout MutableRawSpan) throws(FileError) -> Int {
        try unsafe fill(&buffer, "read(2)") { number, start, count, _ in
            unsafe Glibc.read(number, start, count)
        }
    }

    /// Reads from `offset` until `buffer` is full or the file ends; returns the number of bytes read.
    /// pread(2).
    package borrowing func read(into buffer: inout MutableRawSpan, at offset: Int64) throws(FileError) -> Int
    {
        try unsafe fill(&buffer, "pread(2)") { number, start, count, done in
            unsafe pread(number, start, count, Int(offset) + done)
        }
    }

    /// Exactly `byteCount` bytes from `offset` on. Throws `changed` where the file ends before that.
    /// pread(2).
    package borrowing func read(_ byteCount: Int, at offset: Int64) throws(FileError) -> [UInt8] {
        let bytes = try Descriptor.bytes(upTo: byteCount) { (room) throws(FileError) in
            try read(into: &room, at: offset)
        }
        guard bytes.count == byteCount else { throw .refused(.changed, "pread(2)", path) }
        return bytes
    }

    /// The bytes that `fill` writes into room for `byteCount`, of which it returns the number. The room isn't filled with zeros
    /// first: that costs as much as reading.
    private static func bytes(
        upTo byteCount: Int, _ fill: (inout MutableRawSpan) throws(FileError) -> Int
    ) throws(FileError) -> [UInt8] {
        var failure: FileError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            var room = unsafe MutableRawSpan(_unsafeBytes: UnsafeMutableRawBufferPointer(buffer))
            do throws(FileError) {
                // There may be more room than was asked for.
                var part = room._mutatingExtracting(first: byteCount)
                count = try fill(&part)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Reads what is left of the file. Throws `limit` where that is more than `limit` bytes, having read no
    /// more than one byte beyond it.
    package borrowing func readAll(limit: Int) throws(FileError) -> [UInt8] {
        let length = try metadata().byteCount
        guard length <= Int64(limit) else { throw .refused(.limit, "statx(2)", path) }
        let first = min(Int(max(length, 4096)), limit) + 1
        var bytes = try Descriptor.bytes(upTo: first) { (room) throws(FileError) in try read(into: &room) }
        guard bytes.count == first else { return bytes }
        while true {
            guard bytes.count <= limit else { throw .refused(.limit, "read(2)", path) }
            let before = bytes.count
            let wanted = min(before, limit - before) + 1
            bytes.append(contentsOf: repeatElement(0, count: wanted))
            var span = bytes.mutableSpan
            var tail = unsafe span.mutableBytes
            let got = try unsafe fill(&tail, "read(2)", from: before) { number, start, count, _ in
                unsafe Glibc.read(number, start, count)
            }
            bytes.removeLast(wanted - got)
            guard bytes.count <= limit else { throw .refused(.limit, "read(2)", path) }
            guard got == wanted else { return bytes }
        }
    }

    /// Writes all of `bytes` at the current position. write(2).
    package borrowing func write(_ bytes: RawSpan) throws(FileError) {
        try unsafe drain(bytes, "write(2)") { number, start, count, _ in
            unsafe Glibc.write(number, start, count)
        }
    }

    /// Writes all of `bytes` from `offset` on. pwrite(2).
    package borrowing func write(_ bytes: RawSpan, at offset: Int64) throws(FileError) {
        try unsafe drain(bytes, "pwrite(2)") { number, start, count, done in
            unsafe pwrite(number, start, count, Int(offset) + done)
        }
    }

    /// Moves to `offset` from the start. lseek(2).
    package borrowing func seek(to offset: Int64) throws(FileError) {
        let number = rawValue
        try SystemCall.run("lseek(2)", path) { lseek(number, Int(offset), SEEK_SET) }
    }

    /// Sets the file's length; new bytes are zeros and take no room. ftruncate(2).
    package borrowing func truncate(to byteCount: Int64) throws(FileError) {
        let number = rawValue
        try SystemCall.run("ftruncate(2)", path) { ftruncate(number, Int(byteCount)) }
    }

    /// Forces content and metadata to the disk. fsync(2). A failure is final for this file: what was written
    /// may be lost though a later call succeeds, so the file must be written anew.
    package borrowing func synchronize() throws(FileError) {
        let number = rawValue
        try SystemCall.run("fsync(2)", path) { fsync(number) }
    }

    private borrowing func fill(
        _ buffer: inout MutableRawSpan, _ operation: StaticString, from first: Int = 0,
        _ transfer: (Int32, UnsafeMutableRawPointer, Int, Int) -> Int
    ) throws(FileError) -> Int {
        let number = rawValue
        let path = path
        return try unsafe buffer.withUnsafeMutableBytes { (bytes) throws(FileError) -> Int in
            guard let start = bytes.baseAddress else { return 0 }
            let wanted = bytes.count - first
            var done = 0
            while done < wanted {
                let got = try SystemCall.run(operation, path) {
                    unsafe transfer(number, start + first + done, wanted - done, done)
                }
                guard got > 0 else { break }
                done += got
            }
            return done
        }
    }

    private borrowing func drain(
        _ bytes: RawSpan, _ operation: StaticString, _ transfer: (Int32, UnsafeRawPointer, Int, Int) -> Int
    ) throws(FileError) {
        let number = rawValue
        let path = path
        try unsafe bytes.withUnsafeBytes { (bytes) throws(FileError) in
            guard let start = bytes.baseAddress else { return }
            var done = 0
            while done < bytes.count {
                let put = try SystemCall.run(operation, path) {
                    unsafe transfer(number, start + done, bytes.count - done, done)
                }
                guard put > 0 else { throw .refused(.io, operation, path) }
                done += put
            }
        }
    }
}
