internal import Archives
internal import Files
internal import Sodium

/// What a tree looks like from names and facts alone, no file read: two looks that are equal had no write in between.
enum TreeDigest {
    /// BLAKE2b-256 over names, kinds, modes, owners, lengths and times (mtime and ctime) of all below `root`, in order. The
    /// root's own facts don't count, for an exchange changes them; what is below a directory that may not be listed counts
    /// by the facts of that directory. Links are not followed. Throws `FileError`.
    static func of(_ root: borrowing Directory) throws(FileError) -> [UInt8] {
        var stream = BLAKE2b.Stream(personal: "strongroom/tree")
        var waiting: [[UInt8]] = [[]]
        while let path = waiting.popLast() {
            guard let directory = try open(path, root) else { continue }
            var record: [UInt8] = []
            record.append(little: UInt32(clamping: path.count))
            record += path
            for entry in try directory.entries() {
                let facts = try directory.metadata(of: entry.name)
                record.append(little: UInt32(clamping: entry.name.bytes.count))
                record += entry.name.bytes
                record.append(facts)
                guard facts.kind == .directory else { continue }
                waiting.append(path.isEmpty ? entry.name.bytes : path + [0x2F] + entry.name.bytes)
            }
            record.append(little: UInt32.max)
            stream.update(record)
        }
        return stream.finish()
    }

    /// Opens the directory at `path`; nil for one that this user may not list.
    private static func open(
        _ path: [UInt8], _ root: borrowing Directory
    ) throws(FileError) -> Directory? {
        guard !path.isEmpty else { return try root.duplicate() }
        do throws(FileError) {
            return try root.reaching(path) { directory, name throws(FileError) in
                try directory.openDirectory(name)
            }
        } catch {
            guard error.code == .permission else { throw error }
            return nil
        }
    }
}

extension [UInt8] {
    /// Adds what tells one state of a file from another.
    fileprivate mutating func append(_ facts: FileMetadata) {
        let kind: UInt8 =
            switch facts.kind {
            case .regular: 1
            case .directory: 2
            case .symbolicLink: 3
            case .fifo: 4
            case .socket: 5
            case .characterDevice: 6
            case .blockDevice: 7
            }
        append(kind)
        append(little: facts.mode)
        for number in [
            facts.owner.user, facts.owner.group, facts.specialDevice.major, facts.specialDevice.minor,
            facts.modified.nanoseconds, facts.changed.nanoseconds,
        ] { append(little: number) }
        // The length of a directory's list is the file system's affair.
        append(little: facts.kind == .directory ? 0 : facts.byteCount)
        append(little: facts.modified.seconds)
        append(little: facts.changed.seconds)
    }
}
