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

    /// A store with one file of about `count` chunks of some 65 bytes, made by the parts that a backup is made of.
    func make(count: Int) async throws {
        let objects = try DirectoryStore.create(at: directory.appending("store"))
        let creation = StoreCreation()
        let signer = SigningKey()
        let store = try await creation.create(
            in: objects, wrappedRead: Array("read".utf8), wrappedWrite: Array("write".utf8),
            admins: [signer.publicKey], signer: signer,
            agents: [AgentRecord(name: "agent", publicKey: agent.publicKey, powers: [.add])],
            cutting: CuttingParameters(
                minimum: 64, average: 65, maximum: 66, normalization: 0, bundleLimit: 64, entryBits: 5,
                listBits: 7))
        try creation.writeSecret.withBytes { try Directory(directory).write($0, to: "write") }
        let writer = try await StoreWriter(
            store, write: [try store.writeKey(creation.writeSecret)], agent: agent, presence: Measure.presence
        )
        var tree = EntryTreeWriter(writer)
        var state: UInt64 = 1
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
            environment: "probe", time: Timestamp(nanoseconds: 1), status: .complete, revisions: [],
            sources: [SnapshotSource(name: "probe", kind: .directory, status: .complete, root: root)],
            host: "probe")
        _ = try await writer.commit(try await writer.prepare(draft))
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
        _ = try await StoreWriter(
            store, write: [write], agent: agent, presence: Measure.presence,
            indexCache: IndexCache(directory: directory.appending("cache")))
    }

    /// Checks the structure of the whole store.
    func check() async throws {
        let (store, write) = try await open()
        let report = try await StoreCheck.run(store, write: [write])
        print(
            "\(report.isClean ? "sound" : "damaged"), \(report.packCount) packs, \(report.pieceCount) pieces")
    }
}
