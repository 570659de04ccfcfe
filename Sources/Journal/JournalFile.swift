// What happened: every reconciliation and its outcome, the commit that each source has applied, the highest
// commit that each followed ref has shown, and the snapshots that were taken. One SQLite file (through GRDB) in
// write-ahead mode. It holds names, commits, times and messages, and no secret: losing it loses history and
// high-water marks, never secrets or backups.
internal import GRDB
internal import Glibc

/// The journal of one state directory.
///
/// Several processes may have it open; writers wait for each other. Every call that writes is one transaction
/// that is on the disk when it returns (`synchronous = FULL`).
package final class JournalFile: Sendable {
    private let queue: DatabaseQueue

    private init(_ queue: DatabaseQueue) { self.queue = queue }

    /// Opens the journal at `path`, and makes it where there is none: mode 0600 from the first instant, whatever
    /// the umask; `-wal` and `-shm` beside it get the same mode from SQLite. Brings older journals up to date.
    ///
    /// Throws `cannotOpen` where `path` is a symbolic link or no regular file, `damaged` for what is no journal,
    /// `newerVersion` where a newer Strongroom wrote it.
    package static func open(_ path: String) throws(JournalError) -> JournalFile {
        try prepareFile(path)
        do {
            var configuration = Configuration()
            configuration.busyMode = .timeout(10)
            configuration.prepareDatabase { database in
                guard try String.fetchOne(database, sql: "PRAGMA journal_mode = WAL") == "wal" else {
                    throw JournalError(.cannotOpen, "no write-ahead log on this file system")
                }
                try database.execute(sql: "PRAGMA synchronous = FULL")
            }
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            guard try !queue.read(JournalFile.migrations.hasBeenSuperseded) else {
                throw JournalError(.newerVersion, "written by a newer version: \(path)")
            }
            try JournalFile.migrations.migrate(queue)
            return JournalFile(queue)
        } catch {
            throw JournalError(error, "cannot open \(path)")
        }
    }

    /// Creates the file where it is missing and sets its mode. One that is there is never opened: closing any descriptor of
    /// it drops the locks that other connections of this process hold (POSIX locks belong to the process), and another
    /// process would take away the log that they still write.
    private static func prepareFile(_ path: String) throws(JournalError) {
        let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        var file: Int32
        repeat { file = unsafe Glibc.open(path, flags, 0o600) } while file < 0 && errno == EINTR
        guard file >= 0 || errno == EEXIST else { throw JournalError("open(2)", path, errno: errno) }
        if file >= 0 { close(file) }
        var status = stat()
        guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw JournalError(.cannotOpen, "not a regular file: \(path)")
        }
        guard status.st_mode & 0o7777 != 0o600 else { return }
        guard unsafe chmod(path, 0o600) == 0 else { throw JournalError("chmod(2)", path, errno: errno) }
    }

    /// Reads in one transaction.
    func read<Value>(_ action: String, _ body: (Database) throws -> Value) throws(JournalError) -> Value {
        do { return try queue.read(body) } catch { throw JournalError(error, action) }
    }

    /// Writes in one transaction.
    func write<Value>(_ action: String, _ body: (Database) throws -> Value) throws(JournalError) -> Value {
        do { return try queue.write(body) } catch { throw JournalError(error, action) }
    }
}
