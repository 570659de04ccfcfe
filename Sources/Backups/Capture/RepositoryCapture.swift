internal import Archives
internal import Files
internal import Git

/// Takes a Git repository into a store: `facts` and the bundles that give every object (FORMATS.md 4, 13).
///
/// Each snapshot has one base bundle; the same objects make the same bytes, so an unchanged repository adds nothing.
enum RepositoryCapture {
    private static let bundlePath = Array("increments/0.bundle".utf8)

    /// Fetches `url` into the mirror at `path` and stores it. A mirror that turns out damaged, and a source that
    /// lost objects while it was fetched, are fetched once more.
    ///
    /// Throws `GitError`, `FileError`, and `ArchiveError` where the store fails.
    static func run(
        _ name: String, _ url: String, _ path: Path, _ fetching: FetchOptions, _ writer: StoreWriter
    ) async throws -> SnapshotSource {
        let location = try RemoteLocation(url, allowingPlainHTTP: fetching.allowsPlainHTTP)
        _ = try Directory.makePath(path.parent)
        do {
            return try await capture(name, location, try Mirror.fetch(location, into: path, fetching), writer)
        } catch let error as GitError where error.code == .damaged || error.code == .objectMissing {
            let mirror = try Mirror.fetch(location, into: path, rebuilding: true, fetching)
            return try await capture(name, location, mirror, writer)
        }
    }

    private static func capture(
        _ name: String, _ location: RemoteLocation, _ mirror: Mirror, _ writer: StoreWriter
    ) async throws -> SnapshotSource {
        let references = mirror.references
        var tree = EntryTreeWriter(writer)
        // libgit2 writes a bundle in one call, the store takes its bytes in many: they meet in a file without a name.
        let spool = try spool(beside: mirror.repository.path)
        let increment = try bundle(of: mirror, into: spool)
        let facts = RepositoryFacts(
            url: Array(location.text.utf8), objectFormat: .sha1, head: references.headBytes,
            references: references.entries.map { .init(name: $0.name.bytes, target: $0.target.bytes) },
            increments: increment.map { [$0] } ?? [], lost: [])
        try await tree.add(Array("facts".utf8), facts.encoded, mode: 0o600)
        if let increment {
            try await tree.add(Entry(path: Array("increments".utf8), kind: .directory, mode: 0o700))
            var offset: Int64 = 0
            let content = try await tree.content(expectedByteCount: increment.byteCount) {
                room in
                let count = try spool.read(into: &room, at: offset)
                offset += Int64(count)
                return count
            }
            guard content.byteCount == increment.byteCount else {
                throw GitError(.ioFailed, "the bundle of \(location.text) can't be read back")
            }
            try await tree.add(
                Entry(path: increment.path, kind: .file(.empty), mode: 0o600), content: content)
        }
        return SnapshotSource(
            name: name, kind: .repository, status: .complete, root: try await tree.finish(),
            facts: [
                SourceFact("head", references.headBytes), SourceFact("url", Array(location.text.utf8)),
                SourceFact("references", Array(String(references.entries.count).utf8)),
            ])
    }

    /// Writes the bundle of everything; nil where there is nothing to put into one.
    private static func bundle(
        of mirror: Mirror, into spool: borrowing Descriptor
    ) throws(GitError) -> RepositoryFacts.Increment? {
        let references = mirror.references
        let tips = Set(references.entries.map(\.target) + (references.headTarget.map { [$0] } ?? []))
        guard !tips.isEmpty else { return nil }
        var byteCount: UInt64 = 0
        let header = try mirror.repository.writeBundle(of: references) { bytes in
            try spool.write(bytes)
            byteCount += UInt64(bytes.byteCount)
        }
        return RepositoryFacts.Increment(
            path: bundlePath, byteCount: byteCount, prerequisites: header.prerequisites.map(\.bytes),
            tips: tips.map(\.bytes))
    }

    /// A file without a name beside the mirror. Killed before its name goes, it is cleared by the next fetch, for it
    /// is called like what a fetch makes.
    private static func spool(beside mirror: Path) throws(FileError) -> Descriptor {
        let directory = try Directory(mirror.parent)
        let digits = String(UInt64.random(in: 1 << 60...UInt64.max), radix: 16)
        let name = Path([0x2E] + mirror.name.bytes.prefix(200) + Array(".new-\(digits)".utf8))
        let file = try directory.createFile(name)
        try directory.removeFile(name)
        return file
    }
}

extension References {
    /// What HEAD holds: `ref: refs/heads/main`, or a commit in hexadecimal digits.
    var headBytes: [UInt8] {
        switch head {
        case .symbolic(let name): Array("ref: ".utf8) + name.bytes
        case .detached(let id): Array(id.hex.utf8)
        }
    }
}
