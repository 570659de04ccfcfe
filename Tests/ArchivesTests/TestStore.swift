import Archives
import Encodings
import Files
import SSH
import Sodium
import Storage
import Support
import Trust

/// A store in a scratch directory, with its opened keys.
struct TestStore: Sendable {
    let directory = TemporaryDirectory("archives")
    let objects: DirectoryStore
    let store: Store
    let write: WriteKey
    let read: ReadIdentity
    let agent: AgentKey
    /// Where its writers run.
    let machine = TestMachine()

    /// Small chunks and nodes, so that little data makes many.
    static let cutting = CuttingParameters(
        minimum: 256, average: 1024, maximum: 4096, normalization: 2, bundleLimit: 512, entryBits: 2,
        listBits: 3)

    init(cutting: CuttingParameters = TestStore.cutting, others: [AgentRecord] = []) async throws {
        try Sodium.start()
        objects = try DirectoryStore.create(at: Path(directory.file("store")))
        let creation = StoreCreation()
        let signer = SigningKey()
        agent = AgentKey(seed: SecretBytes(randomCount: 32))
        store = try await creation.create(
            in: objects, wrappedRead: Array("wrapped read".utf8), wrappedWrite: Array("wrapped write".utf8),
            admins: [signer.publicKey], signer: signer,
            agents: [AgentRecord(name: "agent", publicKey: agent.publicKey, powers: [.add, .prune])] + others,
            cutting: cutting)
        write = try store.writeKey(creation.writeSecret)
        read = try store.readIdentity(creation.readSecret)
    }

    /// A writer of small packs over `objects`, or over another view of them.
    func writer(
        over other: (any ObjectStore)? = nil, packByteCount: Int = 16 << 10, on place: TestMachine? = nil
    ) async throws -> StoreWriter {
        try await StoreWriter(
            try await reopened(over: other), write: [write], agent: agent,
            presence: (place ?? machine).presence,
            options: WriterOptions(parallelism: 2, packByteCount: packByteCount))
    }

    func reader(over other: (any ObjectStore)? = nil) async throws -> StoreReader {
        try await StoreReader(try await reopened(over: other), write: [write], read: [read])
    }

    func reopened(over other: (any ObjectStore)? = nil) async throws -> Store {
        try await Store.open(other ?? objects, trust: StoreTrust(root: store.fingerprint))
    }

    /// Adds a snapshot of one directory source with `files` (path and content), in their order.
    @discardableResult
    func backUp(
        _ files: [(String, [UInt8])], time: Int64 = 1_000_000_000, over other: (any ObjectStore)? = nil
    ) async throws -> (id: SnapshotID, statistics: WriterStatistics) {
        let writer = try await writer(over: other)
        let root = try await TestStore.tree(files, writer)
        let draft = TestStore.draft(root, time: time)
        let id = try await writer.commit(try await writer.prepare(draft))
        return (id, writer.statistics)
    }

    static func draft(_ root: TreeRoot, time: Int64) -> SnapshotDraft {
        SnapshotDraft(
            environment: "prod", time: Timestamp(nanoseconds: time), status: .complete,
            revisions: [Revision(source: "config", commit: [UInt8](repeating: 7, count: 20))],
            sources: [
                SnapshotSource(
                    name: "data", kind: .directory, status: .complete, root: root,
                    facts: [SourceFact("path", Array("/srv/data".utf8))])
            ], host: "host")
    }

    static func tree(_ files: [(String, [UInt8])], _ writer: StoreWriter) async throws -> TreeRoot {
        var tree = EntryTreeWriter(writer)
        try await tree.add(Entry(path: [], kind: .directory, mode: 0o755))
        for (path, bytes) in files {
            var source = ByteSource(bytes)
            let content = try await tree.content(expectedByteCount: UInt64(bytes.count)) { source.read(&$0) }
            try await tree.add(
                Entry(
                    path: Array(path.utf8), kind: .file(.empty), mode: 0o644, userID: 1000, groupID: 1000,
                    modifiedSeconds: 1_700_000_000, modifiedNanoseconds: 5), content: content)
        }
        return try await tree.finish()
    }

    /// Reads back every file of a snapshot's first source.
    static func files(_ reader: StoreReader, _ id: SnapshotID) async throws -> [(String, [UInt8])] {
        let catalog = try await reader.snapshots()
        guard let record = catalog.records.first(where: { $0.id == id }) else { return [] }
        let snapshot = try await reader.open(record)
        var files: [(String, [UInt8])] = []
        guard let root = snapshot.sources.first?.root else { return [] }
        var cursor = reader.entries(of: root)
        while let entry = try await cursor.next() {
            guard let content = entry.content else { continue }
            files.append(
                (
                    String(decoding: entry.path, as: UTF8.self),
                    try await reader.bytes(of: content, limit: 1 << 24)
                ))
        }
        return files
    }
}

/// Bytes that are read a piece at a time.
struct ByteSource {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func read(_ room: inout MutableRawSpan) -> Int {
        let count = min(room.byteCount, bytes.count - offset)
        bytes.withBytes { $0.extracting(offset..<(offset + count)).copy(into: &room) }
        offset += count
        return count
    }
}

/// The same bytes for the same seed on every run.
struct Noise {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 32) }
    }
}
