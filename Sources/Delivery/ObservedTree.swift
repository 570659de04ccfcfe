internal import Files

/// A file as it is to stand in a delivered directory: everything but its content.
struct ExpectedFile: Sendable, Hashable {
    let path: Path
    let isExecutable: Bool
    let fingerprint: ContentDigest.Fingerprint
}

extension OpenedFile {
    /// What is left of the file when it is delivered.
    var expected: ExpectedFile {
        ExpectedFile(path: path, isExecutable: isExecutable, fingerprint: fingerprint)
    }
}

/// What stands in a delivered directory now, compared with what should.
struct ObservedTree {
    private(set) var steps: [DeliveryPlan.Step] = []
    private(set) var unchangedCount = 0
    /// What stands in the place of changed regular files.
    private(set) var foundInstead: [Path: ContentDigest.Fingerprint] = [:]

    /// Everything is to be added: nothing is there yet.
    init(empty files: [ExpectedFile]) {
        steps = files.map { DeliveryPlan.Step(action: .add, path: $0.path) }
    }

    /// As `init(empty:)` for the files of an opened tree.
    init(empty files: [OpenedFile]) { self.init(empty: files.map(\.expected)) }

    /// As `init(comparing:with:_:_:)` for the files of an opened tree.
    init(
        comparing files: [OpenedFile], with directory: borrowing Directory, _ target: FilesTarget,
        _ digest: ContentDigest
    ) throws(FileError) {
        try self.init(comparing: files.map(\.expected), with: directory, target, digest)
    }

    /// Compares the whole of `directory`, which is ours alone: what is there beside `files`, directories that
    /// none of them needs included, is to be removed.
    init(
        comparing files: [ExpectedFile], with directory: borrowing Directory, _ target: FilesTarget,
        _ digest: ContentDigest
    ) throws(FileError) {
        var wanted: [Path: ExpectedFile] = [:]
        var parents: Set<Path> = []
        for file in files {
            wanted[file.path] = file
            parents.formUnion(file.path.ancestors)
        }
        try check(directory: directory, at: nil, target)
        try walk(directory, Path([]), wanted, parents, target, digest, depth: 0)
        let seen = Set(steps.map(\.path)).union(found)
        for file in files where !seen.contains(file.path) { add(.add, file.path) }
    }

    /// Files that are there and as they should be.
    private var found: Set<Path> = []

    private mutating func walk(
        _ directory: borrowing Directory, _ place: Path, _ wanted: [Path: ExpectedFile], _ parents: Set<Path>,
        _ target: FilesTarget, _ digest: ContentDigest, depth: Int
    ) throws(FileError) {
        for entry in try directory.entries() {
            let path = place.appending(entry.name)
            let facts = try directory.metadata(of: entry.name)
            guard facts.kind == .directory, parents.contains(path), depth < OpenedTree.depthLimit else {
                guard facts.kind == .regular, let file = wanted[path] else {
                    // Whatever it is, it goes with the generation; a wanted file in its place is a change.
                    add(wanted[path] == nil ? .remove : .change, path)
                    continue
                }
                let stands = try directory.openFile(entry.name)
                try compare(file, stands, facts, target, digest)
                continue
            }
            let child = try directory.openDirectory(entry.name)
            try check(directory: child, at: path, target)
            try walk(child, path, wanted, parents, target, digest, depth: depth + 1)
        }
    }

    private mutating func check(
        directory: borrowing Directory, at path: Path?, _ target: FilesTarget
    ) throws(FileError) {
        let facts = try directory.metadata()
        guard facts.mode != target.directoryMode || !target.ownerFits(facts.owner) else { return }
        add(.metadata, path ?? Path("."))
    }

    /// Compares one regular file.
    mutating func compare(
        _ file: ExpectedFile, _ stands: borrowing Descriptor, _ facts: FileMetadata, _ target: FilesTarget,
        _ digest: ContentDigest
    ) throws(FileError) {
        let fingerprint = try digest.fingerprint(of: stands)
        guard fingerprint == file.fingerprint else {
            foundInstead[file.path] = fingerprint
            return add(.change, file.path)
        }
        guard facts.mode == target.mode(executable: file.isExecutable), target.ownerFits(facts.owner) else {
            return add(.metadata, file.path)
        }
        found.insert(file.path)
        unchangedCount += 1
    }

    /// Compares one regular file of an opened tree.
    mutating func compare(
        _ file: OpenedFile, _ stands: borrowing Descriptor, _ facts: FileMetadata, _ target: FilesTarget,
        _ digest: ContentDigest
    ) throws(FileError) {
        try compare(file.expected, stands, facts, target, digest)
    }

    mutating func add(_ action: DeliveryPlan.Action, _ path: Path) {
        steps.append(DeliveryPlan.Step(action: action, path: path))
    }
}

extension Path {
    /// The directories above the last name, outermost first: `a/b/c` has `a` and `a/b`.
    var ancestors: [Path] {
        var result: [Path] = []
        var current = Path([])
        for component in components.dropLast() {
            current = current.appending(component)
            result.append(current)
        }
        return result
    }
}
