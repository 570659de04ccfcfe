internal import Files

/// The place where a restore grows before anybody sees it.
///
/// On disk, beside the directory it is for: `.<name>.restoring/` with `strongroom-restore`, which says that it is one (what has
/// none is not touched), `lock`, held as long as the restore lives, and `content`, which gets the final name by one rename. What a restore that was cut off left there is `earlier-<n>` for the
/// next one, which takes from it what has the right bytes, and removes it. While there is `exchanged`, `content` may be what
/// stood at the target before: nobody but the restore in place that put it there removes it.
struct RestoreStaging: ~Copyable {
    /// The directory above the target.
    private let parent: Directory
    private let name: Path
    private let stagingName: Path
    private let staging: Directory
    private let lock: FileLock
    let target: Path

    static let content: Path = "content"
    /// What is removed with the next removal, or before.
    static let scratch: Path = "scratch"
    private static let mark: Path = "strongroom-restore"
    private static let exchanged: Path = "exchanged"

    /// The name of the staging directory beside `target`.
    static func stagingName(_ target: Path) -> Path {
        Path([0x2E] + target.name.bytes.prefix(200) + Array(".restoring".utf8))
    }

    /// Takes the place for `target`, whose parents are made where they are missing.
    ///
    /// Throws `occupied` where `target` is there and no empty directory, `busy` where another restore into it is
    /// under way, `FileError`.
    init(for target: Path) throws {
        try RestoreStaging.checkFree(target)
        try self.init(in: try Directory.makePath(target.parent), target)
    }

    /// Takes the place for `target` beneath `parent`, whatever stands there.
    init(in parent: consuming Directory, _ target: Path) throws {
        let stagingName = RestoreStaging.stagingName(target)
        let staging = try parent.makeDirectories(stagingName)
        try RestoreStaging.requireOwn(staging, target)
        let lock = try RestoreStaging.lock(staging, target)
        try RestoreStaging.requireOwn(staging, target)
        if try staging.metadataIfPresent(of: RestoreStaging.mark) == nil {
            try staging.writeNew([], to: RestoreStaging.mark)
            try staging.synchronize()
        }
        try RestoreStaging.setAside(in: staging)
        try staging.removeTree(RestoreStaging.scratch)
        self.init(parent, staging, lock, stagingName, target)
    }

    private init(
        _ parent: consuming Directory, _ staging: consuming Directory, _ lock: consuming FileLock,
        _ stagingName: Path, _ target: Path
    ) {
        self.parent = parent
        self.staging = staging
        self.lock = lock
        self.stagingName = stagingName
        self.target = target
        name = target.name
    }

    private static func lock(_ staging: borrowing Directory, _ target: Path) throws -> FileLock {
        do throws(FileError) {
            return try FileLock("lock", in: staging)
        } catch {
            guard error.code == .locked else { throw error }
            throw BackupError(.busy, "another restore into \(target) is under way", underlying: error)
        }
    }

    // MARK: - Whose it is

    /// Whether what stands in a staging directory's place is one, and holds nothing that was in use.
    private enum Content { case own, exchanged, foreign }

    private static func content(of staging: borrowing Directory) throws(FileError) -> Content {
        let names = Set(try staging.entries().map(\.name))
        if names.contains(exchanged) { return .exchanged }
        // Cut off before it was marked, it holds nothing else.
        return names.contains(mark) || names.isSubset(of: ["lock"]) ? .own : .foreign
    }

    private static func requireOwn(_ staging: borrowing Directory, _ target: Path) throws {
        let place = target.parent.appending(stagingName(target))
        switch try content(of: staging) {
        case .own: return
        case .exchanged:
            throw BackupError(
                .occupied,
                "\(place)/content holds what stood at \(target) before a restore in place, which is under way or was cut "
                    + "off, of this environment or another: status names it, and its restore --in-place --undo puts this "
                    + "back; where its state directory is lost, move it away by hand"
            )
        case .foreign:
            throw BackupError(
                .occupied, "\(place) is in the way and not of a restore: move it away, or restore elsewhere")
        }
    }

    /// Notes that the content may be what stood at `target`, on the disk when it returns.
    static func markExchanged(for target: Path) throws {
        let staging = try directory(for: target)
        guard try staging.metadataIfPresent(of: exchanged) == nil else { return }
        try staging.writeNew([], to: exchanged)
        try staging.synchronize()
    }

    /// Notes that the content is not what stood at `target`, where it is the directory `restored`, or there is none.
    static func unmarkExchanged(for target: Path, holding restored: FileIdentity) throws {
        let staging: Directory
        do throws(FileError) {
            staging = try Directory(target.parent).openDirectory(stagingName(target))
        } catch {
            guard error.code == .notFound else { throw error }
            return
        }
        guard try staging.metadataIfPresent(of: exchanged) != nil else { return }
        if let found = try staging.metadataIfPresent(of: content) {
            guard FileIdentity(found) == restored else { return }
        }
        try staging.removeFile(exchanged)
        try staging.synchronize()
    }

    /// Removes the staging directory of `target` with what is in it. One that isn't of a restore stays, and without
    /// `withExchanged` one that may hold what stood at `target`.
    static func remove(for target: Path, withExchanged: Bool) throws {
        guard let parent = try parentIfPresent(of: target) else { return }
        guard try parent.metadataIfPresent(of: stagingName(target)) != nil else { return }
        let found = try content(of: parent.openDirectory(stagingName(target)))
        guard found == .own || withExchanged && found == .exchanged else { return }
        try clear(stagingName(target), in: parent)
    }

    /// Removes a staging directory, what says that it is one last: a removal that is cut off is gone on with.
    private static func clear(_ stagingName: Path, in parent: borrowing Directory) throws(FileError) {
        let staging = try parent.openDirectory(stagingName)
        for entry in try staging.entries() where ![mark, exchanged, "lock"].contains(entry.name) {
            try staging.removeTree(entry.name)
        }
        if try staging.metadataIfPresent(of: exchanged) != nil { try staging.removeFile(exchanged) }
        try parent.removeTree(stagingName)
    }

    // MARK: - What was left

    /// So many runs that were cut off are looked into.
    private static let earlierLimit = 3

    /// Gives what an earlier run left as `content` a name of its own.
    private static func setAside(in staging: borrowing Directory) throws {
        guard try staging.metadataIfPresent(of: content) != nil else { return }
        let numbers = try earlierNumbers(in: staging)
        for number in numbers.dropFirst(earlierLimit - 1) { try staging.removeTree(earlierName(number)) }
        try staging.rename(content, to: earlierName((numbers.first ?? 0) + 1), .exclusive)
    }

    private static func earlierName(_ number: Int) -> Path { Path("earlier-\(number)") }

    /// The numbers of earlier runs, the newest first.
    private static func earlierNumbers(in staging: borrowing Directory) throws -> [Int] {
        let prefix = Array("earlier-".utf8)
        return try staging.entries().compactMap { entry in
            guard entry.name.bytes.starts(with: prefix) else { return nil }
            return Int(String(decoding: entry.name.bytes.dropFirst(prefix.count), as: UTF8.self))
        }.sorted(by: >)
    }

    /// The directories that `path` was in earlier runs, the newest first. Links are not followed.
    borrowing func earlierRoots(_ path: Path) -> [RestoreRoot] {
        let numbers = (try? RestoreStaging.earlierNumbers(in: staging)) ?? []
        var roots: [RestoreRoot] = []
        for number in numbers {
            let place = RestoreStaging.earlierName(number).appending(path)
            if let directory = try? staging.openDirectory(place) { roots.append(RestoreRoot(directory)) }
        }
        return roots
    }

    /// Where the content is, or is to be, made.
    var contentPath: Path {
        target.parent.appending(stagingName).appending(RestoreStaging.content)
    }

    /// Where something that is removed again may be made.
    var scratchPath: Path { target.parent.appending(stagingName).appending(RestoreStaging.scratch) }

    /// Makes the empty content and opens it.
    borrowing func makeContent() throws(FileError) -> Directory {
        try staging.makeDirectory(RestoreStaging.content)
        return try staging.openDirectory(RestoreStaging.content)
    }

    /// Opens the content that stands there.
    borrowing func openContent() throws(FileError) -> Directory {
        try staging.openDirectory(RestoreStaging.content)
    }

    /// Puts the content in its place, everything on the disk before. `content` is its open handle.
    borrowing func commit(_ content: consuming Directory) throws {
        // Its new parent is written into a directory that moves: for that it has to be writable.
        let mode = try content.metadata().mode
        if mode & 0o700 != 0o700 { try content.setMode(mode | 0o700) }
        try content.synchronizeFileSystem()
        try RestoreStaging.checkFree(name, in: parent, target)
        do throws(FileError) {
            try staging.rename(RestoreStaging.content, to: name, in: parent)
        } catch {
            let taken: Set<FileError.Code> = [.notEmpty, .exists, .notDirectory]
            guard taken.contains(error.code) else { throw error }
            throw BackupError(.occupied, "\(target) is no empty directory any more", underlying: error)
        }
        if mode & 0o700 != 0o700 {
            try content.setMode(mode)
            try content.synchronize()
        }
        try parent.synchronize()
        try RestoreStaging.clear(stagingName, in: parent)
    }

    /// Removes everything again.
    borrowing func discard() {
        try? RestoreStaging.clear(stagingName, in: parent)
    }

    /// Leaves what was restored so far for the next run, where there is anything; else removes everything. Returns the place
    /// of what is left.
    borrowing func leave() -> Path? {
        let names = (try? staging.openDirectory(RestoreStaging.content).entries()) ?? []
        let hasEarlier = (try? RestoreStaging.earlierNumbers(in: staging).isEmpty) == false
        guard !names.isEmpty || hasEarlier else {
            discard()
            return nil
        }
        return target.parent.appending(stagingName)
    }

    /// Throws `occupied` where `target` can't become a restored directory. Nothing is made.
    static func checkFree(_ target: Path) throws {
        guard target.name.isName else {
            throw BackupError(.occupied, "a restore needs a directory with a name, not \(target)")
        }
        guard let parent = try parentIfPresent(of: target) else { return }
        try checkFree(target.name, in: parent, target)
    }

    /// The directory above `target`; nil where there is none.
    static func parentIfPresent(of target: Path) throws(FileError) -> Directory? {
        do throws(FileError) {
            return try Directory(target.parent)
        } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
    }

    private static func checkFree(
        _ name: Path, in parent: borrowing Directory, _ target: Path
    ) throws {
        guard let found = try parent.metadataIfPresent(of: name) else { return }
        guard found.kind == .directory, try parent.openDirectory(name).entries().isEmpty else {
            throw BackupError(.occupied, "\(target) is there and is no empty directory")
        }
    }
}
