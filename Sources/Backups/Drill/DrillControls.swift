internal import Archives
internal import Files

/// The negative controls of a drill: what is sound is damaged on purpose, and must be seen to be. A drill that can't fail
/// proves nothing.
struct DrillControls {
    /// Reads the store.
    let reader: StoreReader
    /// Reads the same store with the same index, and damaged packs.
    let damaged: StoreReader
    /// Where the snapshot was restored.
    let restored: Path
    /// Where a damaged copy may be written.
    let scratch: Path

    /// The longest file that is damaged.
    private static let byteLimit: UInt64 = 64 << 20
    /// So many files are looked at until a sound one is found.
    private static let tryLimit = 1_000

    /// Damages the first file of `outcome` that is as the store holds it: a copy of it, and what is read of its packs. What is
    /// damaged, or left out, already would show nothing. Throws `ArchiveError`, `FileError`.
    func run(_ outcome: RestoreReport) async throws -> [DrillReport.Check] {
        let comparison = RestoredComparison(reader: reader)
        var tryCount = 0
        for (source, snapshot) in zip(outcome.sources, outcome.snapshot.sources) {
            guard let root = snapshot.root, source.kind != .repository else { continue }
            let path = source.root(in: restored)
            var cursor = reader.entries(of: root)
            while tryCount < DrillControls.tryLimit, let entry = try await next(&cursor) {
                guard case .file(let content) = entry.kind,
                    (1...DrillControls.byteLimit).contains(content.byteCount)
                else { continue }
                tryCount += 1
                let isSound = try await DrillControls.onDamage(false) {
                    try await comparison.isSame(content, path, Path(entry.path))
                }
                guard isSound else { continue }
                return [
                    try await damagedCopy(content, path, Path(entry.path)),
                    await damagedPacks(root, entry.path, content),
                ]
            }
        }
        // Nothing but repositories: their facts are a file in the tree like others.
        let path = Array("facts".utf8)
        for root in outcome.snapshot.sources.filter({ $0.kind == .repository }).compactMap(\.root) {
            let content = try await DrillControls.onDamage(nil) { () -> Content? in
                let content = try await reader.entry(at: path, of: root)?.content
                if let content {
                    try await reader.read(content) { _ in
                    } hole: { _ in
                    }
                }
                return content
            }
            if let content { return [await damagedPacks(root, path, content)] }
        }
        return [.init("control", .failed, "there is nothing sound that could be damaged")]
    }

    /// The next entry; nil at the end, and where the tree goes on with damage.
    private func next(_ cursor: inout EntryCursor) async throws -> Entry? {
        do {
            return try await cursor.next()
        } catch  where error.isDamage {
            return nil
        }
    }

    private static func onDamage<Value>(
        _ value: Value, _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch let error as ArchiveError where error.isDamage {
            return value
        }
    }

    /// A copy of a restored file with one bit that is another must differ from what the store holds.
    private func damagedCopy(
        _ content: Content, _ path: Path, _ name: Path
    ) async throws -> DrillReport.Check {
        let check = "control of a damaged copy"
        var bytes = try Directory(path).openFile(name).readAll(limit: Int(DrillControls.byteLimit))
        guard !bytes.isEmpty else { return .init(check, .failed, "\(name) can't be copied") }
        bytes[bytes.count / 2] ^= 0x10
        try unsafe Directory(scratch).writeNew(bytes.span.bytes, to: "damaged")
        guard try await !RestoredComparison(reader: reader).isSame(content, scratch, "damaged") else {
            return .init(check, .failed, "the damage was not seen")
        }
        return .init(check, .passed, "the damage was seen")
    }

    /// Neither the entry nor its content may come out of damaged packs. Both came out of the sound ones a moment ago: what is
    /// told to be missing now is damage that was seen as well.
    private func damagedPacks(_ root: NodeID, _ path: [UInt8], _ content: Content) async -> DrillReport.Check
    {
        let check = "control of a damaged pack"
        do throws(ArchiveError) {
            let isSeen = try await seen { () throws(ArchiveError) in
                _ = try await damaged.entry(at: path, of: root)
            }
            let isContentSeen = try await seen { () throws(ArchiveError) in
                try await damaged.read(content) { _ in
                } hole: { _ in
                }
            }
            guard isSeen, isContentSeen else { return .init(check, .failed, "the damage was not seen") }
            return .init(check, .passed, "the damage was seen")
        } catch {
            return .init(check, .failed, "another failure than damage: \(error.context)")
        }
    }

    /// Whether `body` finds damage; throws what else it throws.
    private func seen(_ body: () async throws(ArchiveError) -> Void) async throws(ArchiveError) -> Bool {
        do throws(ArchiveError) {
            try await body()
            return false
        } catch {
            guard error.isDamage else { throw error }
            return true
        }
    }
}

extension RestoreReport.Source {
    /// The directory in which its tree stands, where all was restored into `restored`.
    func root(in restored: Path) -> Path {
        let path = restored.appending(path)
        return kind == .command ? path.parent : path
    }
}
