internal import Encodings
internal import Files
internal import Glibc

/// A directory in memory that nobody else sees, for the time in which a program renders opened files. Removed with the
/// value; what a killed run left is removed by the next.
///
/// On disk: `strongroom-<uid>-<environment>-<16 hex digits>/` (0700) in the first place that is there and on a tmpfs, with
/// `lock`, `files/…` (0600) and `home/`.
struct Workplace: ~Copyable {
    /// Its path.
    let path: Path
    private let parent: Directory
    private let own: Directory
    private let lock: FileLock

    /// Makes one for `environment`. Throws `notSupported` where none of `places` is there and in memory.
    init(for environment: String, in places: [Path]) throws(DeliveryError) {
        let place = places.first { place in
            guard let directory = try? Directory(place) else { return false }
            return directory.isInMemory
        }
        guard let place else {
            throw DeliveryError(
                .notSupported,
                "render: no place in memory for opened files: none of "
                    + places.map(\.description).joined(separator: ", ") + " is on a tmpfs")
        }
        let prefix = "strongroom-\(geteuid())-\(environment)-"
        let name = Path(prefix + Hex.encode((0..<8).map { _ in UInt8.random(in: 0...255) }))
        do throws(FileError) {
            let parent = try Directory(place)
            Workplace.clear(parent, prefix)
            try parent.makeDirectory(name)
            let own = try parent.openDirectory(name)
            let lock = try FileLock("lock", in: own)
            try own.makeDirectory(Rendering.homeName)
            try own.makeDirectory(Rendering.filesName)
            self.path = place.appending(name)
            self.parent = parent
            self.own = own
            self.lock = lock
        } catch {
            throw DeliveryError(
                error.code == .noSpace ? .noSpace : .io, "render: \(error.description)", underlying: error)
        }
    }

    deinit { try? parent.removeTree(path.name) }

    /// Writes the files, opened, each under its path.
    func write(_ opened: [OpenedFile], checking digest: ContentDigest) throws(DeliveryError) {
        var known: Set<Path> = []
        let files = try Workplace.onDisk { () throws(FileError) in try own.openDirectory(Rendering.filesName)
        }
        for file in opened {
            let output = try Workplace.onDisk { () throws(FileError) in
                for ancestor in file.path.ancestors where known.insert(ancestor).inserted {
                    try files.makeDirectory(ancestor)
                }
                return try files.createFile(file.path)
            }
            try file.write(checking: digest) { (bytes) throws(DeliveryError) in
                try Workplace.onDisk { () throws(FileError) in try output.write(bytes) }
            }
        }
    }

    private static func onDisk<Value: ~Copyable>(
        _ body: () throws(FileError) -> Value
    ) throws(DeliveryError) -> Value {
        do throws(FileError) {
            return try body()
        } catch {
            throw DeliveryError(
                error.code == .noSpace ? .noSpace : .io, "render: \(error.description)", underlying: error)
        }
    }

    /// Whether `name` is one of this environment's: another one's name may begin with this one's.
    private static func isOwn(_ name: Path, _ prefix: String) -> Bool {
        let prefix = Array(prefix.utf8)
        return name.bytes.starts(with: prefix) && name.bytes.count == prefix.count + 16
            && !name.bytes.dropFirst(prefix.count).contains(0x2D)
    }

    /// Removes what killed runs of this user left: nobody holds its lock.
    private static func clear(_ parent: borrowing Directory, _ prefix: String) {
        guard let entries = try? parent.entries() else { return }
        for entry in entries where isOwn(entry.name, prefix) {
            guard let left = try? parent.openDirectory(entry.name), let facts = try? left.metadata(),
                facts.owner.user == geteuid(), let lock = try? FileLock("lock", in: left)
            else { continue }
            _ = consume lock
            try? parent.removeTree(entry.name)
        }
    }
}
