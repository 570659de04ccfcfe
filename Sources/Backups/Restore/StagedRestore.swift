package import Archives
package import Files

/// What a name stands for on a file system: the same before and after a rename.
package struct FileIdentity: Hashable, Sendable {
    /// The file system.
    package let device: DeviceNumber
    /// The number on it.
    package let inode: UInt64

    /// The identity of these numbers.
    package init(device: DeviceNumber, inode: UInt64) {
        self.device = device
        self.inode = inode
    }

    init(_ metadata: FileMetadata) { self.init(device: metadata.device, inode: metadata.inode) }
}

/// A directory and the restored one that is to take its place: what has to be known to go on with the exchange, or to take
/// it back, after a kill at any moment.
package struct DirectorySwap: Sendable, Hashable {
    /// The directory's path.
    package let target: Path
    /// What was restored.
    package let new: FileIdentity
    /// What stood there before; nil where nothing did.
    package let old: FileIdentity?

    /// The exchange at `target` of these two.
    package init(target: Path, new: FileIdentity, old: FileIdentity?) {
        self.target = target
        self.new = new
        self.old = old
    }

    /// Puts the restored directory in its place (RENAME_EXCHANGE of renameat2(2)): whoever looks sees the one or the other.
    /// Does nothing where it stands there. Throws `occupied` where something else stands there by now.
    package func exchange() throws(BackupError) {
        do {
            try RestoreStaging.markExchanged(for: target)
        } catch {
            throw BackupError.wrapping(error)
        }
        try change(from: old, to: new)
    }

    /// Puts what stood there before back. Does nothing where it stands there.
    package func takeBack() throws(BackupError) {
        try change(from: new, to: old)
        do {
            try RestoreStaging.unmarkExchanged(for: target, holding: new)
        } catch {
            throw BackupError.wrapping(error)
        }
    }

    /// Removes the staging directory with what is in it. Where that may be what stood at `target`, it goes only with `isDone`:
    /// the restore that took it out is through.
    package func finish(isDone: Bool) throws(BackupError) {
        do {
            try RestoreStaging.remove(for: target, withExchanged: isDone)
        } catch {
            throw BackupError.wrapping(error)
        }
    }

    private func change(from first: FileIdentity?, to second: FileIdentity?) throws(BackupError) {
        do {
            let parent = try Directory(target.parent)
            let found = try parent.metadataIfPresent(of: target.name).map { FileIdentity($0) }
            guard found != second else { return }
            guard found == first else {
                throw BackupError(.occupied, "\(target): something else stands there by now")
            }
            let staging = try RestoreStaging.directory(for: target)
            try RestoreStaging.exchange(
                target.name, in: parent, with: staging, hasOld: first != nil, hasNew: second != nil)
        } catch {
            throw BackupError.wrapping(error)
        }
    }
}

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

    /// The restored directory until it is exchanged.
    package var contentPath: Path { staging.contentPath }

    /// The exchange that puts it in its place.
    package func swap() throws(BackupError) -> DirectorySwap {
        do {
            let found = try staging.identities()
            return DirectorySwap(target: target, new: found.new, old: found.old)
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
