internal import Archives
internal import Files
internal import Git

/// Makes a bare repository of a source's facts and bundles.
enum RepositoryRestore {
    private static let factsByteLimit = 128 << 20

    /// Makes the repository at `path`, whose parent is there. Returns the bytes of its bundles.
    ///
    /// Throws `GitError` for bundles, names and refs that can't be, `ArchiveError`, `FileError`.
    static func run(_ root: NodeID, _ reader: StoreReader, at path: Path) async throws -> UInt64 {
        guard let entry = try await reader.entry(at: Array("facts".utf8), of: root),
            let content = entry.content
        else { throw ArchiveError(.damaged, "repository: without its facts") }
        let facts = try RepositoryFacts(decoding: try await reader.bytes(of: content, limit: factsByteLimit))
        guard facts.objectFormat == .sha1 else {
            throw GitError(.unsupportedRepository, "a repository of SHA-256 objects")
        }
        let references = try References(facts)
        let repository = try Repository.create(at: path)
        var byteCount: UInt64 = 0
        for increment in facts.increments {
            guard let content = try await reader.entry(at: increment.path, of: root)?.content else {
                throw ArchiveError(.damaged, "repository: a bundle that its facts name is missing")
            }
            var receiver = try BundleReceiver(into: repository)
            do throws(ArchiveError) {
                try await reader.read(content) { bytes in
                    try receiver.append(bytes)
                } hole: { _ in
                    throw GitError(.malformedBundle, "a bundle with holes")
                }
            } catch {
                throw error.underlying as? GitError ?? error
            }
            _ = try receiver.finish()
            byteCount += content.byteCount
        }
        try repository.setReferences(references)
        return byteCount
    }
}

extension References {
    /// The refs and HEAD that `facts` keep, tips that were lost among them.
    fileprivate init(_ facts: RepositoryFacts) throws(GitError) {
        var entries: [Entry] = []
        for reference in facts.references + facts.lost {
            guard let id = ObjectID(reference.target) else {
                throw GitError(.invalidObjectID, "a ref that names no object")
            }
            entries.append(Entry(try ReferenceName(reference.name), id))
        }
        let symbolic = Array("ref: ".utf8)
        guard facts.head.starts(with: symbolic) else {
            try self.init(entries, head: .detached(try ObjectID(hex: facts.head)))
            return
        }
        try self.init(entries, head: .symbolic(try ReferenceName(facts.head.dropFirst(symbolic.count))))
    }
}

extension GitError {
    /// Whether the cause lies with the disk or the library, not with what was to be made.
    var isOfThisMachine: Bool {
        switch code {
        case .libraryFailed, .ioFailed, .locked, .library, .stoppedByCaller, .repositoryExists: true
        default: false
        }
    }
}
