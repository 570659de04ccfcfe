import Archives
import Encodings
import Files
import Glibc
import SSH
import Sodium
import Storage

/// Files of some folders in one store, by size of chunks and level of compression.
struct ChunkMeasure {
    /// Where the store is made.
    let directory: Path
    /// Length of a chunk that is aimed at; a quarter of it is the least, four times as much the most.
    let average: UInt64
    /// zstd's.
    let level: Int

    /// Takes one folder after the other in and prints what each took and added.
    func run(_ folders: [Path]) async throws {
        let objects = try DirectoryStore.create(at: directory)
        let creation = StoreCreation()
        let signer = SigningKey()
        let agent = AgentKey(seed: SecretBytes(randomCount: 32))
        let store = try await creation.create(
            in: objects, wrappedRead: Array("read".utf8), wrappedWrite: Array("write".utf8),
            admins: [signer.publicKey], signer: signer,
            agents: [AgentRecord(name: "agent", publicKey: agent.publicKey, powers: [.add])],
            cutting: CuttingParameters(
                minimum: average / 4, average: average, maximum: 4 * average, normalization: 2,
                bundleLimit: 16 << 10, entryBits: 5, listBits: 7))
        let write = try store.writeKey(creation.writeSecret)
        for (number, folder) in folders.enumerated() {
            let start = Measure.seconds()
            let writer = try await StoreWriter(
                store, write: [write], agent: agent, presence: Measure.presence,
                options: WriterOptions(compressionLevel: level))
            var tree = EntryTreeWriter(writer)
            try await add(try Directory(folder), at: [], to: &tree)
            let root = try await tree.finish()
            let draft = SnapshotDraft(
                environment: "probe", time: Timestamp(nanoseconds: Int64(number) + 1), status: .complete,
                revisions: [],
                sources: [SnapshotSource(name: "probe", kind: .directory, status: .complete, root: root)],
                host: "probe")
            _ = try await writer.commit(try await writer.prepare(draft))
            let statistics = writer.statistics
            print(
                "\(statistics.storedByteCount) bytes, \(statistics.addedPieceCount) pieces, "
                    + Measure.cost(since: start))
        }
    }

    private func add(
        _ folder: borrowing Directory, at path: [UInt8], to tree: inout EntryTreeWriter
    ) async throws {
        try await tree.add(Entry(path: path, kind: .directory, mode: 0o755))
        for entry in try folder.entries() {
            let below = path.isEmpty ? entry.name.bytes : path + [0x2F] + entry.name.bytes
            let metadata = try folder.metadata(of: entry.name)
            if metadata.kind == .directory {
                try await add(try folder.openDirectory(entry.name), at: below, to: &tree)
            } else if metadata.kind == .regular {
                let file = try folder.openFile(entry.name)
                let content = try await tree.content(expectedByteCount: UInt64(metadata.byteCount)) { room in
                    try file.read(into: &room)
                }
                try await tree.add(
                    Entry(path: below, kind: .file(.empty), mode: metadata.mode), content: content)
            }
        }
    }
}

extension Measure {
    /// A machine whose clocks stand still.
    static var presence: SessionPresence {
        SessionPresence(
            holder: LeaseHolder(host: "", boot: "", processNamespace: 0, process: 0, processStart: 0),
            boot: { .zero }, clock: { Timestamp(nanoseconds: Int64(seconds(of: CLOCK_REALTIME) * 1e9)) },
            wait: { _ in try await Task.sleep(for: .seconds(86_400)) }, isGone: { _ in false })
    }
}
