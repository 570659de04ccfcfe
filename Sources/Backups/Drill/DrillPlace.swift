internal import Files

/// The directory that a drill restores into.
///
/// On disk, beneath the scratch place: `drill-` with 16 hexadecimal digits, and beside it the lock of that name with
/// `.lock`, which is taken before the directory is made and held as long as the drill lives. A directory whose lock nobody
/// holds was left by a drill that was killed: a copy of what is in use, in the clear.
struct DrillPlace: ~Copyable {
    private let name: Path
    private let lock: FileLock

    private static let prefix = Array("drill-".utf8)
    private static let digitCount = 16

    /// A name that no other drill has.
    static func newName() -> Path {
        Path(prefix + String(UInt64.random(in: 1 << 60...UInt64.max), radix: 16).utf8)
    }

    /// Takes the lock of the directory `name` in `folder`. Throws `locked` where its drill lives.
    init(_ name: Path, in folder: borrowing Directory) throws(FileError) {
        lock = try FileLock(DrillPlace.lockName(name), in: folder)
        self.name = name
    }

    /// Removes the directory with all that is in it, then its lock.
    borrowing func remove(from folder: borrowing Directory) throws(FileError) {
        try folder.removeTree(name)
        try folder.removeFile(DrillPlace.lockName(name))
    }

    /// Removes the directories of `user` in `folder`, which is at `path`, whose drills are gone. A check for each; it
    /// failed where one can't be removed.
    static func removeStale(
        in folder: borrowing Directory, at path: Path, of user: FileOwner
    ) throws(FileError) -> [DrillReport.Check] {
        var checks: [DrillReport.Check] = []
        for entry in try folder.entries() where isName(entry.name) {
            guard let found = try folder.metadataIfPresent(of: entry.name), found.kind == .directory,
                found.owner.user == user.user
            else { continue }
            let place = path.appending(entry.name)
            do throws(FileError) {
                try DrillPlace(entry.name, in: folder).remove(from: folder)
                checks.append(
                    .init("scratch", .passed, "\(place), which a drill that was killed left, is removed"))
            } catch {
                guard error.code != .locked else { continue }
                checks.append(
                    .init(
                        "scratch", .failed,
                        "\(place) was left by a drill that was killed, and must be removed by hand: \(error)")
                )
            }
        }
        return checks
    }

    private static func lockName(_ name: Path) -> Path { Path(name.bytes + Array(".lock".utf8)) }

    private static func isName(_ name: Path) -> Bool {
        name.bytes.starts(with: prefix) && name.bytes.count == prefix.count + digitCount
            && name.bytes.dropFirst(prefix.count).allSatisfy {
                (0x30...0x39).contains($0) || (0x61...0x66).contains($0)
            }
    }
}
