package import Archives
package import Files

/// One source, restored and on the disk beside the place that it is for.
package final class StagedRestore {
    /// What was restored, and what could not be.
    package let report: RestoreReport.Source
    /// Where it is to stand.
    package let target: Path
    // Held as long as the value lives, so that nobody else restores there.
    private let staging: RestoreStaging

    private init(_ report: RestoreReport.Source, _ target: Path, _ staging: consuming RestoreStaging) {
        self.report = report
        self.target = target
        self.staging = staging
    }

    /// Restores `source` of `snapshot` into the staging directory of `target`, which stays as it is. What a run that was
    /// cut off left there is gone on with. Of a command its output becomes one file of the source's name in it.
    ///
    /// Throws `occupied` where `target` is a link, a file, or the place of a mounted file system; `busy`, `store`, `files`.
    package static func make(
        _ source: SnapshotSource, of snapshot: Snapshot, from reader: StoreReader, for target: Path,
        as user: FileOwner, _ options: TreeRestorer.Options
    ) async throws(BackupError) -> StagedRestore {
        do {
            let staging = try RestoreStaging(replacing: target)
            var all = Restore.Options()
            all.tree = options
            let report = try await Restore.stage(
                source, of: snapshot, from: reader, into: staging, as: user, all)
            return StagedRestore(report, target, staging)
        } catch {
            throw BackupError.wrapping(error)
        }
    }

    /// Removes what a restore has left beside `target`. Where that may be what stood there, it goes only with `isDone`: the
    /// restore that took it out is through.
    package static func removeLeftovers(of target: Path, isDone: Bool) throws(BackupError) {
        do {
            try RestoreStaging.remove(for: target, withExchanged: isDone)
        } catch {
            throw BackupError.wrapping(error)
        }
    }

    /// The restored directory until it is exchanged.
    package var contentPath: Path { staging.contentPath }

    /// The exchange that puts it in its place.
    package func swap() throws(BackupError) -> DirectorySwap {
        do {
            let found = try staging.identities()
            let digest = try TreeDigest.of(staging.openContent())
            return DirectorySwap(target: target, new: found.new, old: found.old, digest: digest)
        } catch {
            throw BackupError.wrapping(error)
        }
    }
}

/// A directory that may be moved, whatever its mode; `close` gives it its own back.
private final class Writable {
    private let directory: Directory
    private let mode: UInt16

    init(_ directory: consuming Directory) throws(FileError) {
        self.directory = directory
        mode = try self.directory.metadata().mode
        if mode & 0o700 != 0o700 { try self.directory.setMode(mode | 0o700) }
    }

    /// What is below it.
    func digest() throws(FileError) -> [UInt8] { try TreeDigest.of(directory) }

    func close() {
        if mode & 0o700 != 0o700 { try? directory.setMode(mode) }
    }
}

extension RestoreStaging {
    /// Takes the place for what is to be exchanged with `target`: a directory that is not the root of a file system, or
    /// nothing. Throws `occupied`, `busy`, `FileError`.
    init(replacing target: Path) throws {
        guard target.name.isName else {
            throw BackupError(.occupied, "a restore needs a directory with a name, not \(target)")
        }
        let parent = try Directory.makePath(target.parent)
        if let found = try parent.metadataIfPresent(of: target.name) {
            guard found.kind == .directory else {
                throw BackupError(.occupied, "\(target) is no directory: it is not replaced")
            }
            guard try found.device == parent.metadata().device else {
                throw BackupError(
                    .occupied, "\(target) is the root of a mounted file system, which can't be exchanged")
            }
        }
        try self.init(in: parent, target)
    }

    /// The restored directory and the one that it is for.
    borrowing func identities() throws -> (new: FileIdentity, old: FileIdentity?) {
        let parent = try Directory(target.parent)
        return (
            FileIdentity(try openContent().metadata()),
            try parent.metadataIfPresent(of: target.name).map { FileIdentity($0) }
        )
    }

    /// Where the content is the directory `restored` and does not look like `digest` any more, moves it beside `target`, tells
    /// its path before and returns it. Where it does, makes it what the next removal takes, whatever becomes of it meanwhile.
    static func keep(
        _ restored: FileIdentity, for target: Path, unless digest: [UInt8]?, _ tell: (Path) -> Void
    ) throws -> Path? {
        guard let parent = try parentIfPresent(of: target),
            try parent.metadataIfPresent(of: stagingName(target)) != nil
        else { return nil }
        let staging = try parent.openDirectory(stagingName(target))
        guard let found = try staging.metadataIfPresent(of: content), FileIdentity(found) == restored else {
            return nil
        }
        let directory = try Writable(staging.openDirectory(content))
        defer { directory.close() }
        if let digest, try directory.digest() == digest {
            try staging.removeTree(scratch)
            try staging.rename(content, to: scratch, .exclusive)
            return nil
        }
        var number = 1
        while try parent.metadataIfPresent(of: undoneName(target, number)) != nil { number += 1 }
        let name = undoneName(target, number)
        tell(target.parent.appending(name))
        try staging.rename(content, to: name, in: parent, .exclusive)
        try parent.synchronize()
        try staging.synchronize()
        return target.parent.appending(name)
    }

    private static func undoneName(_ target: Path, _ number: Int) -> Path {
        let end = number == 1 ? ".undone" : ".undone-\(number)"
        return Path(target.name.bytes.prefix(200) + Array(end.utf8))
    }

    /// The staging directory of `target`, which is there.
    static func directory(for target: Path) throws -> Directory {
        try Directory(target.parent).openDirectory(stagingName(target))
    }

    /// Exchanges `name` and the staged content; where one of them is absent, the other is moved. On the disk when it returns.
    static func exchange(
        _ name: Path, in parent: borrowing Directory, with staging: borrowing Directory, hasOld: Bool,
        hasNew: Bool
    ) throws {
        // A directory that moves gets a new parent written into it: for that it has to be writable.
        let old = hasOld ? try Writable(parent.openDirectory(name)) : nil
        let new = hasNew ? try Writable(staging.openDirectory(content)) : nil
        defer {
            old?.close()
            new?.close()
        }
        switch (hasOld, hasNew) {
        case (true, true): try staging.rename(content, to: name, in: parent, .exchanging)
        case (false, true): try staging.rename(content, to: name, in: parent, .exclusive)
        case (true, false): try parent.rename(name, to: content, in: staging, .exclusive)
        case (false, false): return
        }
        try parent.synchronize()
        try staging.synchronize()
    }
}
