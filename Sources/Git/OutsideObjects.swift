/// Something that a repository names and does not hold.
package struct OutsideObject: Hashable, Comparable, Sendable {
    /// What it is.
    package enum Kind: UInt8, Sendable {
        /// A file's content on a server for Git LFS.
        case largeFile = 1
        /// A commit of another repository.
        case submodule = 2
    }

    /// What it is.
    package let kind: Kind
    /// The path of the entry that names it.
    package let path: [UInt8]
    /// Its name: `sha256:` and 64 digits of a large file, the commit's 40 digits of a submodule.
    package let name: [UInt8]

    /// By kind, path and name.
    package static func < (left: OutsideObject, right: OutsideObject) -> Bool {
        guard left.kind == right.kind else { return left.kind.rawValue < right.kind.rawValue }
        guard left.path == right.path else { return left.path.lexicographicallyPrecedes(right.path) }
        return left.name.lexicographicallyPrecedes(right.name)
    }
}

extension Repository {
    /// What the directories of HEAD and of the branches name outside of the repository, sorted: submodules, and pointers
    /// of Git LFS where a `.gitattributes` asks for its filter. At most `limit` of them; a directory that stands in several
    /// places is looked at in one. What is no well-formed directory is passed over.
    package func outsideObjects(
        of references: References, limit: Int = 100_000
    ) throws(GitError) -> [OutsideObject] {
        var starts = Set(
            references.entries.filter { $0.name.branchBytes != nil }.map(\.target)
                + (references.headTarget.map { [$0] } ?? []))
        for id in starts where try header(of: id).type != .commit { starts.remove(id) }
        let commits = starts.sorted()
        return try withHandle { handle throws(GitError) in
            var search = OutsideSearch()
            for id in commits {
                let raw = try handle.read(id, expecting: .commit, limit: GitLimits.metadataByteCount)
                guard let tree = try ObjectLinks(.commit, raw.bytes).links.first else { continue }
                try search.walk(tree.id, handle)
            }
            return Array(try search.objects(handle, limit: limit).sorted().prefix(limit))
        }
    }
}

private struct OutsideSearch {
    private var seen: Set<ObjectID> = []
    private var files: [(path: [UInt8], id: ObjectID)] = []
    private var found: Set<OutsideObject> = []
    private var hasFilter = false

    private static let pointerStart = Array("version https://git-lfs.github.com/spec/v1\n".utf8)
    private static let identifier = Array("oid ".utf8)
    // The specification: a pointer has less than this.
    private static let pointerByteCount = 1024
    private static let malformed: Set<GitError.Code> = [
        .malformedTree, .invalidMode, .hostileName, .duplicateEntry, .entryOrder,
    ]

    mutating func walk(_ root: ObjectID, _ handle: borrowing RepositoryHandle) throws(GitError) {
        var open: [(prefix: [UInt8], id: ObjectID)] = [([], root)]
        while let next = open.popLast() {
            guard seen.insert(next.id).inserted else { continue }
            let raw = try handle.read(next.id, expecting: .tree, limit: GitLimits.metadataByteCount)
            let tree: TreeObject
            do throws(GitError) {
                tree = try TreeObject(raw: raw.bytes)
            } catch {
                guard OutsideSearch.malformed.contains(error.code) else { throw error }
                continue
            }
            for entry in tree.entries {
                let path = next.prefix + entry.name
                switch entry.mode {
                case .directory: open.append((path + [0x2F], entry.id))
                case .submodule:
                    found.insert(
                        OutsideObject(kind: .submodule, path: path, name: Array(entry.id.hex.utf8)))
                case .file, .executable:
                    files.append((path, entry.id))
                    if entry.name.elementsEqual(".gitattributes".utf8) {
                        try readAttributes(entry.id, handle)
                    }
                case .symbolicLink: continue
                }
            }
        }
    }

    private mutating func readAttributes(
        _ id: ObjectID, _ handle: borrowing RepositoryHandle
    ) throws(GitError) {
        guard !hasFilter, try handle.header(of: id).byteCount <= 1 << 20 else { return }
        let text = try handle.read(id, expecting: .blob, limit: 1 << 20).bytes
        hasFilter = text.split { $0 <= 0x20 }.contains { $0.elementsEqual("filter=lfs".utf8) }
    }

    func objects(
        _ handle: borrowing RepositoryHandle, limit: Int
    ) throws(GitError) -> Set<OutsideObject> {
        var found = found
        guard hasFilter else { return found }
        var looked: Set<ObjectID> = []
        for (path, id) in files where looked.insert(id).inserted && found.count < limit {
            guard try handle.header(of: id).byteCount < OutsideSearch.pointerByteCount else { continue }
            let text = try handle.read(id, expecting: .blob, limit: OutsideSearch.pointerByteCount).bytes
            guard text.starts(with: OutsideSearch.pointerStart) else { continue }
            for line in text.split(separator: 0x0A) where line.starts(with: OutsideSearch.identifier) {
                let name = Array(line.dropFirst(OutsideSearch.identifier.count).prefix(128))
                found.insert(OutsideObject(kind: .largeFile, path: path, name: name))
            }
        }
        return found
    }
}
