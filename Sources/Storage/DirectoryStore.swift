package import Encodings
package import Files
import Synchronization

/// A store in a directory: an object is a file of the same name (0600, directories 0700), written by
/// `AtomicFile`: temporary in the same directory, length compared, fsync, rename that overwrites only when
/// asked to, fsync of the directory and of each parent of a new one (CASES.md D1). A failed fsync loses the
/// file (D2).
///
/// Names right below a fan-out component stand one level deeper, `packs/ab12…` as `packs/ab/ab12…`, so that
/// no directory grows too long.
///
/// Calls block the thread they run on for the time of the file system's work.
package final class DirectoryStore: ObjectStore {
    let root: Directory
    private let fanOut: Set<String>
    /// Directories whose own names this process knows to be on the disk.
    private let durable = Mutex<Set<Path>>([])

    /// Opens the store in the directory at `path`. Throws `notFound` where there is none.
    package init(_ path: Path, fanOut: Set<String> = ["packs"]) throws(StorageError) {
        self.fanOut = fanOut
        do {
            root = try Directory(path)
        } catch {
            throw StorageError(error, name: path.description)
        }
    }

    /// Makes a new store: the directory at `path` (0700) and what is missing above it. A directory that is
    /// there must be empty, else `exists`.
    package static func create(
        at path: Path, fanOut: Set<String> = ["packs"]
    ) throws(StorageError) -> DirectoryStore {
        let isEmpty: Bool
        do throws(FileError) {
            isEmpty = try Directory.makePath(path).entries().isEmpty
        } catch {
            throw StorageError(error, name: path.description)
        }
        guard isEmpty else { throw StorageError(.exists, name: path.description) }
        return try DirectoryStore(path, fanOut: fanOut)
    }

    package func put(_ name: ObjectName, _ bytes: [UInt8], ifAbsent: Bool) async throws(StorageError) {
        let path = try path(of: name)
        do {
            let replacement: Replacement = ifAbsent ? .never : .anyFile
            guard path.components.count > 1 else { return try root.write(bytes, to: path, replacement) }
            try directory(path.parent).write(bytes, to: path.name, replacement)
        } catch {
            throw StorageError(error, name: name.text)
        }
    }

    package func get(_ name: ObjectName, limit: Int) async throws(StorageError) -> [UInt8] {
        let path = try path(of: name)
        do {
            return try root.read(path, limit: limit)
        } catch {
            throw StorageError(error, name: name.text)
        }
    }

    package func get(_ name: ObjectName, range: Range<Int>) async throws(StorageError) -> [UInt8] {
        let path = try path(of: name)
        do throws(FileError) {
            let file = try root.openFile(path)
            // The length first: a range from a damaged index must not make room for what is not there.
            let end = try file.metadata().byteCount
            if range.lowerBound >= 0, Int64(range.upperBound) <= end {
                return try file.read(range.count, at: Int64(range.lowerBound))
            }
        } catch {
            throw StorageError(error, name: name.text)
        }
        throw StorageError(.truncated, name: name.text)
    }

    package func byteCount(of name: ObjectName) async throws(StorageError) -> Int? {
        let path = try path(of: name)
        do {
            guard let found = try root.metadataIfPresent(of: path) else { return nil }
            if found.kind == .regular { return Int(found.byteCount) }
        } catch {
            throw StorageError(error, name: name.text)
        }
        throw StorageError(.notAnObject, name: name.text)
    }

    package func list(below name: ObjectName?) async throws(StorageError) -> [ObjectEntry] {
        let top = name?.text ?? ""
        do {
            var found = [ObjectEntry]()
            guard let name else {
                try collect(in: root, at: Path([]), prefix: "", &found)
                return found.sorted { $0.name < $1.name }
            }
            let path = Path(name.text)
            guard try root.metadataIfPresent(of: path)?.kind == .directory else { return [] }
            try collect(in: root.openDirectory(path), at: path, prefix: name.text + "/", &found)
            return found.sorted { $0.name < $1.name }
        } catch {
            throw StorageError(error, name: top)
        }
    }

    package func remove(_ name: ObjectName) async throws(StorageError) {
        let path = try path(of: name)
        do {
            try root.removeFile(path)
            guard path.components.count > 1 else { return try root.synchronize() }
            try root.openDirectory(path.parent).synchronize()
            // A session's own directory goes with the last of its beats; nobody else puts there.
            if name.text.hasPrefix("leases/") { try? root.removeDirectory(path.parent) }
        } catch  where error.code == .notFound {
            return
        } catch {
            throw StorageError(error, name: name.text)
        }
    }

    package func removeLeftovers() async throws(StorageError) {
        do {
            try removeTemporaries(in: root)
        } catch {
            throw StorageError(error, name: root.path.description)
        }
    }

    package func isEmpty() async throws(StorageError) -> Bool {
        do {
            return try root.holdsNoFile()
        } catch {
            throw StorageError(error, name: root.path.description)
        }
    }

    package func time() async throws(StorageError) -> Timestamp? {
        do {
            let time = try root.fileSystemTime()
            return Timestamp(seconds: time.seconds)
        } catch {
            throw StorageError(error, name: root.path.description)
        }
    }

    /// Removes the directories below `name`, and its own, that hold nothing. For names that nobody else puts to.
    func removeEmptyDirectories(_ name: ObjectName) {
        let path = Path(name.text)
        guard let directory = try? root.openDirectory(path), let entries = try? directory.entries() else {
            return
        }
        for entry in entries {
            guard let text = String(validating: entry.name.bytes, as: UTF8.self),
                let below = try? name.appending(text)
            else { continue }
            removeEmptyDirectories(below)
        }
        try? root.removeDirectory(path)
    }

    /// Removes the directory of `name` where nothing is in it.
    func removeDirectoryIfEmpty(_ name: ObjectName) { try? root.removeDirectory(Path(name.text)) }

    /// The directory at `path`, made where it is missing. What an earlier process made, but did not live to
    /// fsync, is fsynced at its first use.
    private func directory(_ path: Path) throws(FileError) -> Directory {
        guard !durable.withLock({ $0.contains(path) }) else { return try root.makeDirectories(path) }
        let directory = try root.makeDirectories(path)
        var above = try root.duplicate()
        for name in path.components {
            try above.synchronize()
            above = try above.openDirectory(name)
        }
        durable.withLock { _ = $0.insert(path) }
        return directory
    }

    // MARK: - Names and places

    /// Where an object's file stands. Throws `invalidName` for a fan-out component with anything but one name
    /// of at least three characters below it: it would have no place, or a place that two names share.
    private func path(of name: ObjectName) throws(StorageError) -> Path {
        let components = name.components
        guard let first = components.first, fanOut.contains(first) else { return Path(name.text) }
        guard components.count == 2, components[1].utf8.count > 2 else { throw .invalidName(name.text) }
        return Path("\(first)/\(components[1].prefix(2))/\(components[1])")
    }

    /// Adds the objects whose files stand in an open directory, `place` beneath the root, and below it; their
    /// names begin with `prefix`. What can't be an object there (temporaries, strange names, other kinds of
    /// file, a file in the wrong fan-out directory) is passed over.
    private func collect(
        in directory: borrowing Directory, at place: Path, prefix: String, _ found: inout [ObjectEntry]
    ) throws(FileError) {
        for entry in try directory.entries() {
            guard let text = String(validating: entry.name.bytes, as: UTF8.self),
                let name = try? ObjectName(prefix + text),
                let metadata = try directory.metadataIfPresent(of: entry.name)
            else { continue }
            let file = place.appending(entry.name)
            if metadata.kind == .directory {
                let below = fanOut.contains(place.description) ? prefix : name.text + "/"
                try collect(in: directory.openDirectory(entry.name), at: file, prefix: below, &found)
            } else if metadata.kind == .regular, let own = try? path(of: name), own == file {
                found.append(ObjectEntry(name: name, byteCount: Int(metadata.byteCount)))
            }
        }
    }

    private func removeTemporaries(in directory: borrowing Directory) throws(FileError) {
        try directory.removeStaleTemporaries()
        for entry in try directory.entries() where entry.kind == .directory || entry.kind == nil {
            guard try directory.metadataIfPresent(of: entry.name)?.kind == .directory else { continue }
            try removeTemporaries(in: directory.openDirectory(entry.name))
        }
    }
}
