internal import Encodings
internal import Files
internal import Git
internal import Glibc

/// A target of layout `generation`, locked for one delivery.
///
/// On disk, beside the target's name in its parent directory:
///
///     <name> -> .<name>.generations/<commit>-<random>       the one thing that readers follow
///     .<name>.generations/                                   0700, or 0711 where somebody else is to read
///         lock, state                                        0600
///         <commit>-<random>/…                                complete generations
///         building-<commit>-<random>/…                       one in the making: removed by the next run
///         switch-<random>                                    a link on its way to <name>: likewise
///
/// Order: build under a name that nobody follows, files and then directories on the disk (fsync), rename to the
/// final name, fsync, rename the link over `<name>`, fsync the parent. Only the last rename changes what readers
/// see. A kill at any point leaves the old or the new generation, whole.
struct GenerationTarget: ~Copyable {
    private let target: FilesTarget
    private let parent: Directory
    private let store: Directory
    private let lock: FileLock
    private var state: GenerationState
    private var current: Path?
    private let now: Timestamp

    /// Takes the lock, makes `.<name>.generations` where it is missing, clears what a killed run left and old
    /// generations whose grace is over. Throws `targetNotOurs` where anything but an own link stands at the name
    /// (F060), `locked` where another process delivers.
    static func open(_ target: FilesTarget, now: Timestamp) throws(DeliveryError) -> GenerationTarget {
        let parent = try onTarget { () throws(FileError) in try Directory(target.parent) }
        _ = try GenerationTarget.currentGeneration(of: target, in: parent)
        let store = try GenerationTarget.openStore(target.generationsName, in: parent, target)
        let lock = try onTarget { () throws(FileError) in try FileLock("lock", in: store) }
        // Read again: until the lock was ours, another run may have switched.
        let current = try GenerationTarget.currentGeneration(of: target, in: parent)
        let known = try GenerationState.read(in: store)
        if known == nil { try GenerationTarget.checkFresh(store) }
        var opened = GenerationTarget(
            target: target, parent: parent, store: store, lock: lock, state: known ?? GenerationState(),
            current: current, now: now)
        try opened.clear()
        return opened
    }

    /// Throws `targetNotOurs` where a directory without our state holds anything but what the first run makes.
    private static func checkFresh(_ store: borrowing Directory) throws(DeliveryError) {
        let names = try onTarget { () throws(FileError) in try store.entries().map(\.name) }
        guard names.allSatisfy({ $0 == "lock" || $0.bytes.starts(with: Array(".state.tmp-".utf8)) }) else {
            throw DeliveryError(.targetNotOurs, "target: \(store.path) is not Strongroom's")
        }
    }

    /// Compares the tree with the generation that is current.
    borrowing func plan(_ tree: OpenedTree) throws(DeliveryError) -> DeliveryPlan {
        try GenerationTarget.plan(tree, target, parent: parent, current: current)
    }

    /// The plan without lock, clean-up or any other trace, for `--dry-run`.
    static func preview(_ tree: OpenedTree, _ target: FilesTarget) throws(DeliveryError) -> DeliveryPlan {
        let parent = try onTarget { () throws(FileError) in try Directory(target.parent) }
        let current = try currentGeneration(of: target, in: parent)
        return try plan(tree, target, parent: parent, current: current)
    }

    /// Builds the generation of the plan's tree and switches to it. The plan was made under this very lock.
    mutating func deliver(_ plan: DeliveryPlan) throws(DeliveryError) {
        let name = GenerationTarget.newName(plan.tree.commit.hex)
        let building = Path(Array("building-".utf8) + name.bytes)
        do {
            try build(plan.tree, in: building)
            try onTarget { () throws(FileError) in
                try store.renameExclusively(building, to: name)
                try store.synchronize()
            }
        } catch {
            try? store.removeTree(building)
            throw error
        }
        try publish(name)
        if let old = current { state.retired[old] = now }
        current = name
        // The switch is done: should this fail, the next run finds the old generation and counts from then.
        try? save()
    }

    // MARK: - The command after a change

    /// Whether a command is still to be run.
    borrowing func isCompletionDue() throws(DeliveryError) -> Bool {
        try onTarget { () throws(FileError) in try store.isCompletionDue() }
    }

    /// Notes, before a change, that a command is to be run after it.
    borrowing func noteCompletion() throws(DeliveryError) {
        try onTarget { () throws(FileError) in try store.noteCompletion() }
    }

    /// Runs the command and notes that it was.
    borrowing func complete(_ tree: OpenedTree) throws(DeliveryError) {
        guard let completion = target.completion else { return }
        let generation = current.map { target.parent.appending(target.generationsName).appending($0) }
        try CompletionRun(target.directory.description, tree).run(completion, in: generation)
        try onTarget { () throws(FileError) in try store.forgetCompletion() }
    }

    /// Whether a command is still to be run, seen without a lock.
    static func isCompletionDue(_ target: FilesTarget) throws(DeliveryError) -> Bool {
        try onTarget { () throws(FileError) in
            let parent = try Directory(target.parent)
            guard try parent.metadataIfPresent(of: target.generationsName)?.kind == .directory else {
                return false
            }
            return try parent.openDirectory(target.generationsName).isCompletionDue()
        }
    }

    // MARK: - Building

    private borrowing func build(_ tree: OpenedTree, in name: Path) throws(DeliveryError) {
        let root = try onTarget { () throws(FileError) in
            try store.makeDirectory(name)
            return try store.openDirectory(name)
        }
        var directories: Set<Path> = []
        for file in tree.files {
            let ancestors = file.path.ancestors
            for path in ancestors where directories.insert(path).inserted {
                try onTarget { () throws(FileError) in try root.makeDirectory(path) }
            }
            let output = try onTarget { () throws(FileError) in try root.createFile(file.path) }
            try file.write(checking: tree.digest) { (bytes) throws(DeliveryError) in
                try onTarget { () throws(FileError) in try output.write(bytes) }
            }
            try onTarget { () throws(FileError) in
                if let owner = target.owner { try output.setOwner(owner) }
                try output.setMode(target.mode(executable: file.isExecutable))
                try output.synchronize()
            }
        }
        // The deepest first: once a directory belongs to somebody else, only root could still work in it.
        for path in directories.sorted(by: >) {
            try onTarget { () throws(FileError) in try finish(root.openDirectory(path)) }
        }
        try onTarget { () throws(FileError) in try finish(root) }
    }

    private borrowing func finish(_ directory: borrowing Directory) throws(FileError) {
        if let owner = target.owner { try directory.setOwner(owner) }
        try directory.setMode(target.directoryMode)
        try directory.synchronize()
    }

    private borrowing func publish(_ name: Path) throws(DeliveryError) {
        try checkParent()
        guard try GenerationTarget.currentGeneration(of: target, in: parent) == current else {
            throw DeliveryError(.targetRefused, "target: \(target.directory) was changed by somebody else")
        }
        let link = Path("switch-" + GenerationTarget.randomDigits())
        try onTarget { () throws(FileError) in
            try store.makeSymbolicLink(link, to: target.generationsName.appending(name))
            if current == nil, try parent.metadataIfPresent(of: target.name) == nil {
                try store.renameExclusively(link, to: target.name, in: parent)
            } else {
                try store.rename(link, to: target.name, in: parent)
            }
            try parent.synchronize()
            try store.synchronize()
        }
    }

    /// The parent's path must still lead to the directory that was opened: else what is switched is not what
    /// readers see (F056).
    private borrowing func checkParent() throws(DeliveryError) {
        let (held, named) = try onTarget { () throws(FileError) in
            (try parent.metadata(), try Directory(target.parent).metadata())
        }
        guard held.device == named.device, held.inode == named.inode else {
            throw DeliveryError(.targetRefused, "target: \(target.parent) was moved during the delivery")
        }
    }

    // MARK: - What stands there

    private static func plan(
        _ tree: OpenedTree, _ target: FilesTarget, parent: borrowing Directory, current: Path?
    ) throws(DeliveryError) -> DeliveryPlan {
        let observed: ObservedTree
        var isFirst = current == nil
        do throws(FileError) {
            if let current {
                let path = target.generationsName.appending(current)
                if try parent.metadataIfPresent(of: path)?.kind == .directory {
                    observed = try ObservedTree(
                        comparing: tree.files, with: parent.openDirectory(path), target, tree.digest)
                } else {
                    observed = ObservedTree(empty: tree.files)
                    isFirst = true
                }
            } else {
                observed = ObservedTree(empty: tree.files)
            }
        } catch {
            throw DeliveryError(target: error)
        }
        return DeliveryPlan(
            tree: tree, target: .files(target), steps: observed.steps,
            unchangedCount: observed.unchangedCount,
            isFirst: isFirst)
    }

    /// The generation that the target's name leads to; nil where there is no such name. Throws `targetNotOurs`
    /// for anything but a link to one of our generations.
    static func currentGeneration(
        of target: FilesTarget, in parent: borrowing Directory
    ) throws(DeliveryError) -> Path? {
        let notOurs = DeliveryError(
            .targetNotOurs,
            "target: \(target.directory) is not Strongroom's: layout generation wants it absent at first")
        let text: Path
        do {
            guard let found = try parent.metadataIfPresent(of: target.name) else { return nil }
            guard found.kind == .symbolicLink else { throw notOurs }
            text = try parent.readLink(target.name)
        } catch let error as DeliveryError {
            throw error
        } catch let error as FileError {
            throw DeliveryError(target: error)
        } catch {
            throw DeliveryError(.io, "target: \(target.directory)", underlying: error)
        }
        let parts = text.components
        guard parts.count == 2, parts[0] == target.generationsName, isGeneration(parts[1]),
            text == parts[0].appending(parts[1])
        else { throw notOurs }
        return parts[1]
    }

    private static func openStore(
        _ name: Path, in parent: borrowing Directory, _ target: FilesTarget
    ) throws(DeliveryError) -> Directory {
        let mode: UInt16 = target.isShared ? 0o711 : 0o700
        let store = try onTarget { () throws(FileError) in
            do throws(FileError) {
                try parent.makeDirectory(name, mode: mode)
                try parent.synchronize()
            } catch  where error.code == .exists {
                // From an earlier run; whose it is is checked below.
            }
            return try parent.openDirectory(name)
        }
        let facts = try onTarget { () throws(FileError) in try store.metadata() }
        guard facts.owner.user == geteuid() else {
            throw DeliveryError(.targetNotOurs, "target: \(store.path) belongs to another user")
        }
        try onTarget { () throws(FileError) in
            // What the parent hands on would open up what is made here as soon as its group may read.
            try store.removeAccessLists()
            if try store.metadata().mode != mode { try store.setMode(mode) }
        }
        return store
    }

    // MARK: - Clearing

    /// Removes what a killed run left and generations whose grace is over. An old generation that `state` doesn't
    /// know was switched away from by a run that was killed before it could say so: its grace begins now.
    private mutating func clear() throws(DeliveryError) {
        let before = state
        var kept: [Path: Timestamp] = [:]
        let names = try onTarget { () throws(FileError) in
            try store.removeStaleTemporaries()
            return try store.entries().map(\.name)
        }
        for name in names {
            if GenerationTarget.isLeftOver(name) {
                try onTarget { () throws(FileError) in try store.removeTree(name) }
                continue
            }
            guard GenerationTarget.isGeneration(name), name != current else { continue }
            let since = min(state.retired[name] ?? now, now)
            if now.seconds - since.seconds >= FilesTarget.graceSeconds {
                try onTarget { () throws(FileError) in try store.removeTree(name) }
            } else {
                kept[name] = since
            }
        }
        state.retired = kept
        let isNew = try onTarget { () throws(FileError) in
            try store.metadataIfPresent(of: GenerationState.fileName) == nil
        }
        if isNew || state != before { try save() }
    }

    private borrowing func save() throws(DeliveryError) {
        let bytes = state.bytes
        try onTarget { () throws(FileError) in
            try store.write(unsafe bytes.span.bytes, to: GenerationState.fileName)
        }
    }

    // MARK: - Names

    private static func newName(_ commit: String) -> Path { Path("\(commit.prefix(12))-\(randomDigits())") }

    private static func randomDigits() -> String {
        Hex.encode((0..<8).map { _ in UInt8.random(in: 0...255) })
    }

    /// Whether `name` is `<12 hex digits>-<16 hex digits>`.
    private static func isGeneration(_ name: Path) -> Bool {
        let bytes = name.bytes
        guard bytes.count == 29, bytes[12] == 0x2D else { return false }
        return (bytes[..<12] + bytes[13...]).allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
        }
    }

    private static func isLeftOver(_ name: Path) -> Bool {
        name.bytes.starts(with: Array("building-".utf8)) || name.bytes.starts(with: Array("switch-".utf8))
    }
}

extension FilesTarget {
    /// The directory beside the target that holds its generations.
    var generationsName: Path { Path(Array(".".utf8) + name.bytes + Array(".generations".utf8)) }
}

extension Directory {
    /// Renames without ever replacing; where the file system knows no RENAME_NOREPLACE (EINVAL), as nearly.
    borrowing func renameExclusively(
        _ old: Path, to new: Path, in other: borrowing Directory
    ) throws(FileError) {
        do {
            try rename(old, to: new, in: other, .exclusive)
        } catch  where error.errno == EINVAL {
            guard try other.metadataIfPresent(of: new) == nil else { throw error }
            try rename(old, to: new, in: other)
        }
    }

    /// As `renameExclusively(_:to:in:)` within this directory.
    borrowing func renameExclusively(_ old: Path, to new: Path) throws(FileError) {
        try renameExclusively(old, to: new, in: self)
    }
}
