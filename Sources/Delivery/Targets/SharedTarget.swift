internal import Encodings
internal import Files
internal import Glibc

/// A target of layout `files`, locked for one delivery: a directory in which others have files too.
///
/// On disk, in the target: `.strongroom/` (0700) with `lock` and `manifest`; and the delivered files. Order: the
/// manifest grows by what is about to be written, files are replaced one by one (`AtomicFile`), removed ones go,
/// the manifest shrinks to what stands. A kill at any point leaves each file old or new, and a manifest that
/// names everything that is ours.
struct SharedTarget: ~Copyable {
    private let target: FilesTarget
    private let root: Directory
    private let own: Directory
    private let lock: FileLock
    private var manifest: FilesManifest

    /// The directory of ours in the target; a tree that has this name at its top is refused.
    static let ownName: Path = ".strongroom"

    /// Takes the lock, makes the directory and `.strongroom` where they are missing, clears what a killed run
    /// left. Throws `targetRefused` where the target is a link or no directory, `locked` where another process
    /// delivers.
    static func open(_ target: FilesTarget) throws(DeliveryError) -> SharedTarget {
        let parent = try onTarget { () throws(FileError) in try Directory(target.parent) }
        let root = try onTarget { () throws(FileError) in
            do throws(FileError) {
                try parent.makeDirectory(target.name)
                let made = try parent.openDirectory(target.name)
                if let owner = target.owner { try made.setOwner(owner) }
                try made.setMode(target.directoryMode)
                try parent.synchronize()
            } catch {
                guard error.code == .exists else { throw error }
            }
            return try parent.openDirectory(target.name)
        }
        let own = try onTarget { () throws(FileError) in try root.makeDirectories(ownName) }
        let facts = try onTarget { () throws(FileError) in try own.metadata() }
        guard facts.owner.user == geteuid() else {
            throw DeliveryError(.targetNotOurs, "target: \(own.path) belongs to another user")
        }
        let lock = try onTarget { () throws(FileError) in try FileLock("lock", in: own) }
        let manifest = try FilesManifest.read(in: own)
        var opened = SharedTarget(target: target, root: root, own: own, lock: lock, manifest: manifest)
        try opened.clear()
        return opened
    }

    /// Compares the tree with what stands. Throws `targetNotOurs` where a file would replace one that Strongroom
    /// did not write.
    borrowing func plan(_ tree: OpenedTree) throws(DeliveryError) -> DeliveryPlan {
        try SharedTarget.plan(tree, target, root: root, manifest)
    }

    /// The plan without lock, clean-up or any other trace, for `--dry-run`.
    static func preview(_ tree: OpenedTree, _ target: FilesTarget) throws(DeliveryError) -> DeliveryPlan {
        let parent = try onTarget { () throws(FileError) in try Directory(target.parent) }
        let isThere = try onTarget { () throws(FileError) in
            try parent.metadataIfPresent(of: target.name) != nil
        }
        guard isThere else {
            return DeliveryPlan(
                tree: tree, target: .files(target), steps: ObservedTree(empty: tree.files).steps,
                unchangedCount: 0,
                isFirst: true)
        }
        let root = try onTarget { () throws(FileError) in try parent.openDirectory(target.name) }
        let hasOwn = try onTarget { () throws(FileError) in try root.metadataIfPresent(of: ownName) != nil }
        guard hasOwn else { return try plan(tree, target, root: root, FilesManifest()) }
        let own = try onTarget { () throws(FileError) in try root.openDirectory(ownName) }
        return try plan(tree, target, root: root, FilesManifest.read(in: own))
    }

    /// Carries out the plan, which was made under this very lock.
    mutating func deliver(_ plan: DeliveryPlan) throws(DeliveryError) {
        let wanted = Set(plan.tree.files.map(\.path))
        let parents = plan.tree.files.reduce(into: Set<Path>()) { $0.formUnion($1.path.ancestors) }
        let missing = try onTarget { () throws(FileError) in
            var missing: Set<Path> = []
            for path in parents.sorted() where try root.isMissing(path) { missing.insert(path) }
            return missing
        }
        try save(
            FilesManifest(
                files: manifest.files.union(wanted), directories: manifest.directories.union(missing)))
        try onTarget { () throws(FileError) in
            for path in missing.sorted() { try makeDirectory(path) }
        }
        let changed = Set(plan.steps.lazy.filter { $0.action != .remove }.map(\.path))
        for file in plan.tree.files where changed.contains(file.path) {
            try write(file, checking: plan.tree.digest)
        }
        for step in plan.steps where step.action == .remove {
            try onTarget { () throws(FileError) in try root.removeOwnFile(step.path) }
        }
        var kept = manifest.directories.intersection(parents)
        for path in manifest.directories.subtracting(parents).sorted(by: >) {
            let isGone = try onTarget { () throws(FileError) in try root.removeDirectoryIfEmpty(path) }
            if !isGone { kept.insert(path) }
        }
        try onTarget { () throws(FileError) in try root.synchronize() }
        try save(FilesManifest(files: wanted, directories: kept))
    }

    // MARK: - The command after a change

    /// Whether a command is still to be run.
    borrowing func isCompletionDue() throws(DeliveryError) -> Bool {
        try onTarget { () throws(FileError) in try own.isCompletionDue() }
    }

    /// Notes, before a change, that a command is to be run after it.
    borrowing func noteCompletion() throws(DeliveryError) {
        try onTarget { () throws(FileError) in try own.noteCompletion() }
    }

    /// Runs the command and notes that it was.
    borrowing func complete(_ tree: OpenedTree) throws(DeliveryError) {
        guard let completion = target.completion else { return }
        try CompletionRun(target.directory.description, tree).run(completion, in: target.directory)
        try onTarget { () throws(FileError) in try own.forgetCompletion() }
    }

    /// Whether a command is still to be run, seen without a lock.
    static func isCompletionDue(_ target: FilesTarget) throws(DeliveryError) -> Bool {
        try onTarget { () throws(FileError) in
            let path = target.name.appending(ownName)
            let parent = try Directory(target.parent)
            guard try parent.metadataIfPresent(of: path)?.kind == .directory else { return false }
            return try parent.openDirectory(path).isCompletionDue()
        }
    }

    // MARK: - Steps

    private borrowing func makeDirectory(_ path: Path) throws(FileError) {
        try root.makeDirectory(path)
        let made = try root.openDirectory(path)
        if let owner = target.owner { try made.setOwner(owner) }
        try made.setMode(target.directoryMode)
        try made.synchronize()
        try root.openHolder(of: path).synchronize()
    }

    private borrowing func write(
        _ file: OpenedFile, checking digest: ContentDigest
    ) throws(DeliveryError) {
        var output = try onTarget { () throws(FileError) in
            try AtomicFile(
                file.path.name, in: root.openHolder(of: file.path),
                mode: target.mode(executable: file.isExecutable), owner: target.owner)
        }
        try file.write(checking: digest) { (bytes) throws(DeliveryError) in
            try onTarget { () throws(FileError) in try output.write(bytes) }
        }
        do throws(FileError) { try output.commit() } catch { throw DeliveryError(target: error) }
    }

    private static func plan(
        _ tree: OpenedTree, _ target: FilesTarget, root: borrowing Directory, _ manifest: FilesManifest
    ) throws(DeliveryError) -> DeliveryPlan {
        var observed = ObservedTree(empty: [ExpectedFile]())
        for file in tree.files {
            guard file.path.components.first != ownName else {
                throw DeliveryError(.targetNotOurs, "target: \(file.path): the name is Strongroom's own")
            }
            let facts: FileMetadata?
            do throws(FileError) {
                facts = try root.metadataIfPresent(of: file.path)
            } catch {
                throw DeliveryError(target: error)
            }
            guard let facts else {
                observed.add(.add, file.path)
                continue
            }
            guard facts.kind == .regular, manifest.files.contains(file.path) else {
                throw DeliveryError(
                    .targetNotOurs,
                    "target: \(target.directory.appending(file.path)) was not written by Strongroom")
            }
            try onTarget { () throws(FileError) in
                try observed.compare(file, root.openFile(file.path), facts, target, tree.digest)
            }
        }
        let wanted = Set(tree.files.map(\.path))
        for path in manifest.files.subtracting(wanted) {
            let kind = try onTarget { () throws(FileError) in
                try root.metadataIfPresent(of: path)?.kind
            }
            // Something else that stands there by now is not what was written: it stays.
            if kind == .regular { observed.add(.remove, path) }
        }
        return DeliveryPlan(
            tree: tree, target: .files(target), steps: observed.steps,
            unchangedCount: observed.unchangedCount,
            isFirst: false)
    }

    // MARK: - What a killed run left

    private mutating func clear() throws(DeliveryError) {
        let places = manifest.files.reduce(into: Set<Path>()) { $0.insert($1.parent) }
        try onTarget { () throws(FileError) in
            try own.removeStaleTemporaries()
            for place in places {
                if place == "." {
                    try root.removeStaleTemporaries()
                } else if try root.metadataIfPresent(of: place)?.kind == .directory {
                    try root.openDirectory(place).removeStaleTemporaries()
                }
            }
        }
    }

    private mutating func save(_ next: FilesManifest) throws(DeliveryError) {
        guard next != manifest else { return }
        let bytes = next.bytes
        try onTarget { () throws(FileError) in
            try own.write(unsafe bytes.span.bytes, to: FilesManifest.fileName)
        }
        manifest = next
    }
}

extension Directory {

    fileprivate borrowing func isMissing(_ path: Path) throws(FileError) -> Bool {
        try metadataIfPresent(of: path) == nil
    }

    /// The directory that `path`'s last name stands in.
    fileprivate borrowing func openHolder(of path: Path) throws(FileError) -> Directory {
        let holder = path.parent
        return holder == "." ? try duplicate() : try openDirectory(holder)
    }

    /// Removes a file unless something else stands there by now, and makes that durable.
    fileprivate borrowing func removeOwnFile(_ path: Path) throws(FileError) {
        guard try metadataIfPresent(of: path)?.kind == .regular else { return }
        try removeFile(path)
        try openHolder(of: path).synchronize()
    }

    /// Whether the directory is gone now: it was empty, or not there.
    fileprivate borrowing func removeDirectoryIfEmpty(_ path: Path) throws(FileError) -> Bool {
        do throws(FileError) {
            guard try metadataIfPresent(of: path)?.kind == .directory else { return true }
            try removeDirectory(path)
            try openHolder(of: path).synchronize()
            return true
        } catch {
            guard error.code == .notEmpty || error.code == .exists else { throw error }
            return false
        }
    }
}
