internal import Glibc

/// The file `log` of an audit directory, open and locked against other writers (flock(2)) for one append.
///
/// Append-only by intent: the only bytes that are ever taken back are those of a line that was never acknowledged.
struct AuditFile: ~Copyable {
    private let file: Int32
    private let path: String
    /// The length in bytes when it was locked.
    let byteCount: Int64

    /// Opens and locks the file at `path`, mode 0600; makes it where it is missing. Waits up to ten seconds for
    /// another writer. Throws `cannotOpen`, `busy`, `noSpace`, `io`.
    init(appendingTo path: String) throws(JournalError) {
        let flags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
        var file: Int32
        repeat { file = unsafe Glibc.open(path, flags, 0o600) } while file < 0 && errno == EINTR
        guard file >= 0 else { throw JournalError("open(2)", path, errno: errno) }
        var status = stat()
        do throws(JournalError) {
            try AuditFile.lock(file, path)
            guard unsafe fstat(file, &status) == 0 else { throw JournalError("fstat(2)", path, errno: errno) }
            guard status.st_mode & S_IFMT == S_IFREG, status.st_nlink == 1 else {
                throw JournalError(.cannotOpen, "not a regular file of one name: \(path)")
            }
            guard status.st_mode & 0o7777 == 0o600 || fchmod(file, 0o600) == 0 else {
                throw JournalError("fchmod(2)", path, errno: errno)
            }
        } catch {
            close(file)
            throw error
        }
        self.file = file
        self.path = path
        byteCount = Int64(status.st_size)
    }

    // Unlocked first: closing alone would leave the lock with a child that was forked meanwhile.
    deinit {
        flock(file, LOCK_UN)
        close(file)
    }

    private static func lock(_ file: Int32, _ path: String) throws(JournalError) {
        for _ in 0..<2_000 {
            if flock(file, LOCK_EX | LOCK_NB) == 0 { return }
            guard errno == EWOULDBLOCK || errno == EINTR else {
                throw JournalError("flock(2)", path, errno: errno)
            }
            usleep(5_000)
        }
        throw JournalError(.busy, "the audit log is being written by another process: \(path)")
    }

    /// The last whole line without its line feed, nil where there is none, and how many bytes follow it.
    func tail() throws(JournalError) -> (line: [UInt8]?, rest: Int64) {
        // A whole line, and the beginning of one that was cut.
        let count = Int(min(byteCount, Int64(2 * AuditLine.byteLimit)))
        let bytes = try read(count, at: byteCount - Int64(count))
        guard let end = bytes.lastIndex(of: 0x0A) else {
            guard byteCount <= Int64(AuditLine.byteLimit) else {
                throw JournalError(.damaged, "the audit log has no line where its end should be: \(path)")
            }
            return (nil, byteCount)
        }
        let start = bytes[..<end].lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        return (Array(bytes[start..<end]), Int64(bytes.count - end - 1))
    }

    /// Appends `bytes` after the first `length` bytes and forces them to the disk. Where that fails, the file is cut
    /// back to `length`, so that no part of a line stays.
    func append(_ bytes: [UInt8], after length: Int64) throws(JournalError) {
        guard length == byteCount || ftruncate(file, off_t(length)) == 0 else {
            throw JournalError("ftruncate(2)", path, errno: errno)
        }
        do throws(JournalError) {
            var offset = 0
            while offset < bytes.count {
                let count = unsafe bytes.withUnsafeBytes { buffer in
                    unsafe write(file, buffer.baseAddress?.advanced(by: offset), bytes.count - offset)
                }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw JournalError("write(2)", path, errno: count < 0 ? errno : EIO) }
                offset += count
            }
            guard fsync(file) == 0 else { throw JournalError("fsync(2)", path, errno: errno) }
        } catch {
            _ = ftruncate(file, off_t(length))
            throw error
        }
    }

    private func read(_ count: Int, at offset: Int64) throws(JournalError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe pread(
                    file, buffer.baseAddress?.advanced(by: done), count - done, off_t(offset) + off_t(done))
            }
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { throw JournalError("pread(2)", path, errno: got < 0 ? errno : EIO) }
            done += got
        }
        return bytes
    }
}
