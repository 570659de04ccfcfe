internal import Encodings
internal import Files
internal import Glibc
internal import Sodium

/// A directory in memory that only this user can enter, for plaintext that other programs must see as files.
///
/// On disk: `/dev/shm/strongroom-<user id>-<16 hex digits>`, mode 0700, with a locked file `.lock` as long as its
/// process lives; those that killed processes left are removed when the next is made.
final class PrivateDirectory {
    private static let place = "/dev/shm"
    private static let lockName = Path(".lock")

    /// The absolute path.
    let path: String
    private let name: Path
    private let parent: Directory
    private let directory: Directory
    private let lock: FileLock

    /// Makes the directory. Throws `usage` where there is no file system in memory.
    init() throws {
        parent = try Directory(Path(PrivateDirectory.place))
        guard parent.isInMemory else {
            throw Failure(
                .usage,
                "\(PrivateDirectory.place) is no file system in memory: plaintext is put nowhere else",
                hints: ["mount a tmpfs there, or pass values through standard output with strongroom open"])
        }
        let prefix = "strongroom-\(geteuid())-"
        PrivateDirectory.removeStale(prefix, in: parent)
        let suffix = Hex.encode(RandomBytes.make(8))
        // Under its own name only when it is locked: until then nobody takes it for left behind.
        let fresh = Path(".\(prefix)\(suffix)")
        try parent.makeDirectory(fresh, mode: 0o700)
        directory = try parent.openDirectory(fresh)
        lock = try FileLock(PrivateDirectory.lockName, in: directory)
        name = Path("\(prefix)\(suffix)")
        try parent.rename(fresh, to: name, .exclusive)
        path = "\(PrivateDirectory.place)/\(name)"
    }

    deinit { remove() }

    /// Writes a new file `name`, one component, with `mode`. Throws `usage` for a name that can't be one.
    func write(_ content: RawSpan, to name: [UInt8], mode: UInt16) throws {
        let leaf = Path(name)
        guard leaf.isName, leaf != PrivateDirectory.lockName else {
            throw Failure(.usage, "a key that can't be the name of a file")
        }
        try directory.writeNew(content, to: leaf, mode: mode)
    }

    /// The content of the file `name`, at most `limit` bytes.
    func read(_ name: [UInt8], limit: Int) throws -> [UInt8] { try directory.read(Path(name), limit: limit) }

    /// Removes the directory with all that is in it.
    func remove() { try? parent.removeTree(name) }

    private static func removeStale(_ prefix: String, in parent: borrowing Directory) {
        for entry in (try? parent.entries()) ?? [] where entry.name.bytes.starts(with: prefix.utf8) {
            guard let metadata = try? parent.metadata(of: entry.name), metadata.kind == .directory,
                metadata.owner.user == geteuid()
            else { continue }
            try? removeUnlocked(entry.name, in: parent)
        }
    }

    private static func removeUnlocked(_ name: Path, in parent: borrowing Directory) throws {
        let stale = try parent.openDirectory(name)
        let lock = try FileLock(lockName, in: stale)
        try parent.removeTree(name)
        _ = consume lock
    }
}
