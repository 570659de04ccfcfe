package import Encodings
package import Files
internal import Sodium

/// The audit log of one state directory: who opened, overrode and took back what. Lines of JSON, each with the keyed
/// hash of itself and all before it (FORMAT.md).
///
/// On disk, in its directory (0700): `log`, append-only; `key`, 32 random bytes; `head`, the last acknowledged line,
/// by which a cut tail is noticed. All 0600. Several processes may append; they wait for each other.
package final class AuditLog: Sendable {
    private let directory: Path
    private let key: SecretBytes

    static let logName: Path = "log"
    static let keyName: Path = "key"
    static let headName: Path = "head"
    private static let headLabel = "strongroom/audit-head/v1"

    /// Opens the log in `directory`, and makes directory and key where they are missing. The first event begins the
    /// log.
    ///
    /// Throws `damaged` where there is a log without its key, and `cannotOpen`, `noSpace`, `io`.
    package init(in directory: Path) throws(JournalError) {
        self.directory = directory
        key = try AuditLog.key(in: directory)
        // The head is there before the log: a log without one was cut.
        let folder = try AuditLog.onDisk("open") { () throws(FileError) in try Directory(directory) }
        let isNew = try AuditLog.onDisk("open") { () throws(FileError) -> Bool in
            let hasHead = try folder.metadataIfPresent(of: AuditLog.headName) != nil
            let hasLog = try folder.metadataIfPresent(of: AuditLog.logName) != nil
            return !hasHead && !hasLog
        }
        if isNew { try writeHead(.empty) }
    }

    /// The log in `directory` without making anything. Throws `cannotOpen` where there is none.
    package init(reading directory: Path) throws(JournalError) {
        self.directory = directory
        let folder = try AuditLog.onDisk("read") { () throws(FileError) in try Directory(directory) }
        key = try AuditLog.readKey(in: folder)
    }

    /// Appends `event` and returns the new head, when it is on the disk: what the event is about may happen only
    /// then. Throws `busy`, `noSpace`, `io`, `cannotOpen`, and `damaged` where the log's end is not the one that was
    /// last acknowledged; nothing was appended then.
    @discardableResult
    package func append(_ event: AuditEvent, at now: Timestamp) throws(JournalError) -> AuditHead {
        let file = try AuditFile(appendingTo: directory.appending(AuditLog.logName).description)
        let (line, rest) = try file.tail()
        var last = AuditHead.empty
        if let line {
            guard let (entry, _) = AuditLine.parse(line) else {
                throw JournalError(.damaged, "the audit log's last line is not one of ours")
            }
            last = AuditHead(index: entry.index, hash: entry.hash)
        }
        guard let anchor = try readHead() else {
            throw JournalError(
                .damaged, "the audit log is there, and its head is not: its end may have been cut off")
        }
        guard anchor.index < last.index || anchor == last else {
            throw JournalError(
                .damaged,
                anchor.index > last.index
                    ? "the audit log ends at line \(last.index), and line \(anchor.index) was written before"
                    : "line \(last.index) of the audit log is not the one that was written")
        }
        var before: [AuditEvent] = []
        if rest > 0 { before.append(AuditEvent(.repair, ["bytes": "\(rest)"])) }
        if last.index == 0 {
            before.insert(AuditEvent(.begin, ["log": Hex.encode(RandomBytes.make(16))]), at: 0)
        }
        var bytes: [UInt8] = []
        for event in before {
            let line = try AuditLine.bytes(event, at: now, after: last, key: key)
            bytes += line.bytes
            last = line.head
        }
        let next = try AuditLine.bytes(event, at: now, after: last, key: key)
        try file.append(bytes + next.bytes, after: file.byteCount - rest)
        try writeHead(next.head)
        return next.head
    }

    /// The last acknowledged line's number and hash.
    package func head() throws(JournalError) -> AuditHead { try readHead() ?? .empty }

    // MARK: - Walking

    /// Gives every whole line to `body`, in order, until it returns false: its entry, nil where it is not in our form,
    /// and whether its hash is right after the one before. Returns how many bytes follow the last whole line.
    func walk(
        _ body: (_ entry: AuditEntry?, _ isAuthentic: Bool) throws(JournalError) -> Bool
    ) throws(JournalError) -> Int {
        let path = directory
        let isThere = try AuditLog.onDisk("read") { () throws(FileError) in
            try Directory(path).metadataIfPresent(of: AuditLog.logName) != nil
        }
        guard isThere else { return 0 }
        let file = try AuditLog.onDisk("read") { () throws(FileError) in
            try Directory(path).openFile(AuditLog.logName)
        }
        var last = AuditHead.empty
        var offset: Int64 = 0
        var buffer: [UInt8] = []
        var step = [UInt8](repeating: 0, count: AuditLog.stepByteCount)
        while true {
            let count = try AuditLog.onDisk("read") { () throws(FileError) in
                var span = step.mutableSpan
                var room = unsafe span.mutableBytes
                return try file.read(into: &room, at: offset)
            }
            guard count > 0 else { return buffer.count }
            offset += Int64(count)
            buffer += step[..<count]
            var start = 0
            while let end = buffer[start...].firstIndex(of: 0x0A) {
                let line = Array(buffer[start..<end])
                start = end + 1
                guard let (entry, hashed) = AuditLine.parse(line) else {
                    guard try body(nil, false) else { return 0 }
                    continue
                }
                let isNext = last.index < UInt64.max && entry.index == last.index + 1
                let isAuthentic = isNext && AuditLine.chain(last.hash, hashed, key: key) == entry.hash
                last = AuditHead(index: entry.index, hash: entry.hash)
                guard try body(entry, isAuthentic) else { return 0 }
            }
            buffer.removeFirst(start)
            guard buffer.count <= AuditLine.byteLimit else {
                throw JournalError(
                    .damaged, "the audit log has a line that is too long after line \(last.index)")
            }
        }
    }

    /// Bytes read at a time.
    private static let stepByteCount = 1 << 18

    // MARK: - Key and head

    private static func key(in directory: Path) throws(JournalError) -> SecretBytes {
        let folder = try onDisk("open") { () throws(FileError) in try Directory.makePath(directory) }
        let (hasKey, hasLog) = try onDisk("open") { () throws(FileError) in
            (
                try folder.metadataIfPresent(of: keyName) != nil,
                try folder.metadataIfPresent(of: logName) != nil
            )
        }
        guard !hasKey else { return try readKey(in: folder) }
        guard !hasLog else { throw JournalError(.damaged, "the audit log is there, and its key is not") }
        let fresh = SecretBytes(randomCount: 32)
        do throws(FileError) {
            _ = try folder.removeStaleTemporaries(of: keyName)
            try fresh.withBytes { (bytes) throws(FileError) in try folder.write(bytes, to: keyName, .never) }
            return fresh
        } catch {
            // Where it exists, another process was faster.
            guard error.code == .exists else { throw JournalError(file: error, "make") }
            return try readKey(in: folder)
        }
    }

    private static func readKey(in folder: borrowing Directory) throws(JournalError) -> SecretBytes {
        let file = try onDisk("read") { () throws(FileError) in try folder.openFile(keyName) }
        var count = 0
        let key = try SecretBytes(byteCount: 32) { (bytes) throws(JournalError) in
            count = try onDisk("read") { () throws(FileError) in try file.read(into: &bytes, at: 0) }
        }
        guard count == 32 else { throw JournalError(.damaged, "the key of the audit log is not whole") }
        return key
    }

    func readHead() throws(JournalError) -> AuditHead? {
        let path = directory
        let bytes = try AuditLog.onDisk("read") { () throws(FileError) -> [UInt8]? in
            let folder = try Directory(path)
            guard try folder.metadataIfPresent(of: AuditLog.headName) != nil else { return nil }
            return try folder.read(AuditLog.headName, limit: 1 << 10)
        }
        guard let bytes else { return nil }
        do throws(EncodingError) {
            var reader = CanonicalReader(bytes, "head of the audit log")
            guard try reader.text() == AuditLog.headLabel else {
                throw EncodingError(.badPrefix, "head of the audit log: another label")
            }
            let head = AuditHead(index: try reader.uint64(), hash: try reader.raw(32))
            guard try reader.raw(32) == seal(of: head) else {
                throw EncodingError(.badPrefix, "head of the audit log: not written with its key")
            }
            try reader.end()
            return head
        } catch {
            throw JournalError(.damaged, error.context)
        }
    }

    private func writeHead(_ head: AuditHead) throws(JournalError) {
        var writer = CanonicalWriter()
        writer.text(AuditLog.headLabel)
        writer.uint64(head.index)
        writer.raw(head.hash)
        writer.raw(seal(of: head))
        let (path, bytes) = (directory, writer.bytes)
        try AuditLog.onDisk("write") { () throws(FileError) in
            let folder = try Directory(path)
            _ = try folder.removeStaleTemporaries(of: AuditLog.headName)
            try bytes.withBytes { (span) throws(FileError) in try folder.write(span, to: AuditLog.headName) }
        }
    }

    private func seal(of head: AuditHead) -> [UInt8] {
        var writer = CanonicalWriter()
        writer.uint64(head.index)
        writer.raw(head.hash)
        var stream = BLAKE2b.Stream(key: key, personal: "strongroom/head")
        stream.update(writer.bytes)
        return stream.finish()
    }

    private static func onDisk<Value: ~Copyable>(
        _ verb: String, _ body: () throws(FileError) -> Value
    ) throws(JournalError) -> Value {
        do throws(FileError) { return try body() } catch { throw JournalError(file: error, verb) }
    }
}

extension JournalError {
    /// What the file system said of the audit log while it was to be opened, read, made or written.
    init(file error: FileError, _ verb: String) {
        let code: Code =
            switch error.code {
            case .noSpace: .noSpace
            case .notFound, .isLink, .isDirectory, .notDirectory, .notRegular, .foreignOwner:
                .cannotOpen
            default: .io
            }
        self.init(code, "cannot \(verb) the audit log: \(error.description)")
    }
}
