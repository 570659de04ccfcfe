import Archives
import Encodings
import Files
import SSH
import Sodium
import Storage

/// An index of many chunks.
struct IndexMeasure {
    let directory: Path

    private var agent: AgentKey { AgentKey(seed: secret(1)) }

    private func secret(_ byte: UInt8) -> SecretBytes {
        [UInt8](repeating: byte, count: 32).withBytes { SecretBytes(copying: $0) }
    }

    /// A store with two snapshots, of a file of about a tenth of `count` chunks of some 65 bytes and of another of `count`,
    /// made by the parts that a backup is made of.
    func make(count: Int) async throws {
        let objects = try DirectoryStore.create(at: directory.appending("store"))
        let creation = StoreCreation()
        let signer = SigningKey()
        let store = try await creation.create(
            in: objects, wrappedRead: Array("read".utf8), wrappedWrite: Array("write".utf8),
            admins: [signer.publicKey], signer: signer,
            agents: [AgentRecord(name: "agent", publicKey: agent.publicKey, powers: [.add, .prune])],
            cutting: CuttingParameters(
                minimum: 64, average: 65, maximum: 66, normalization: 0, bundleLimit: 64, entryBits: 5,
                listBits: 7))
        try creation.writeSecret.withBytes { try Directory(directory).write($0, to: "write") }
        let write = try store.writeKey(creation.writeSecret)
        for (number, chunks) in [count / 10, count].enumerated() {
            try await add(number + 1, chunks, to: store, write)
        }
    }

    /// Adds a snapshot of one file of about `count` chunks that no other number has.
    private func add(_ number: Int, _ count: Int, to store: Store, _ write: WriteKey) async throws {
        let writer = try await StoreWriter(
            store, write: [write], agent: agent, presence: Measure.presence)
        var tree = EntryTreeWriter(writer)
        var state = UInt64(number)
        var left = count * 65
        let content = try await tree.content(expectedByteCount: UInt64(left)) { room in
            var offset = 0
            while left > 0, offset + 8 <= room.byteCount {
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                room.storeBytes(of: state, toByteOffset: offset, as: UInt64.self)
                offset += 8
                left -= 8
            }
            return offset
        }
        try await tree.add(
            Entry(path: Array("file".utf8), kind: .file(.empty), mode: 0o600), content: content)
        let root = try await tree.finish()
        let draft = SnapshotDraft(
            environment: "probe", time: Timestamp(nanoseconds: Int64(number)), status: .complete,
            revisions: [],
            sources: [SnapshotSource(name: "probe", kind: .directory, status: .complete, root: root)],
            host: "probe")
        _ = try await writer.commit(try await writer.prepare(draft))
        await writer.close()
        print("\(writer.statistics.addedPieceCount) pieces")
    }

    private func open() async throws -> (store: Store, write: WriteKey) {
        let store = try await Store.open(try DirectoryStore(directory.appending("store")))
        let bytes = try Directory(directory).read("write", limit: 32)
        return (store, try store.writeKey(bytes.withBytes { SecretBytes(copying: $0) }))
    }

    /// Begins a backup, with the cache of the index in `cache`.
    func start() async throws {
        let (store, write) = try await open()
        let writer = try await StoreWriter(
            store, write: [write], agent: agent, presence: Measure.presence,
            indexCache: IndexCache(directory: directory.appending("cache")))
        await writer.close()
    }

    /// Checks the structure of the whole store.
    func check() async throws {
        let (store, write) = try await open()
        let report = try await StoreCheck.run(store, write: [write])
        print(
            "\(report.isClean ? "sound" : "damaged"), \(report.packCount) packs, \(report.pieceCount) pieces")
    }

    /// Forgets the first snapshot.
    func forget() async throws {
        let (store, write) = try await open()
        let reader = try await StoreReader(store, write: [write])
        let catalog = try await reader.snapshots()
        try await SnapshotKeeping(store, write: [write], agent: agent)
            .forget([catalog.records[0].id], in: catalog, at: Timestamp(nanoseconds: 3))
    }

    /// Gives the space back that nothing needs.
    func prune() async throws {
        let (store, write) = try await open()
        var state = PrunerState()
        let report = try await StorePruner.run(
            store, write: [write], agent: agent, presence: Measure.presence, state: &state,
            options: PruneOptions(grace: .zero))
        print(
            "\(report.removed.packCount) of \(report.present.packCount) packs removed, "
                + "\(report.repacked.packCount) packed anew")
    }
}
