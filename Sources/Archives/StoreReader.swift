import Sodium
package import Storage
import Synchronization

/// Reads a store: lists with `write` alone, opens with `read`. Nothing is written.
///
/// Every chunk and node that is returned had its id recomputed; a piece that is damaged in one pack is taken from
/// another that holds it too, where there is one.
package final class StoreReader: Sendable {
    /// The store and its `write` keys.
    let keys: OpenedWrite
    /// The `read` identities at hand.
    let identities: [ReadIdentity]
    /// Where pieces are read from. It may grow (`renew`): places of an earlier one are places of each later one too.
    var source: NodeSource { renewal.withLock { $0.source } }
    /// Index objects that could not be used: what only they name is read from the packs' own headers when it is sought.
    package let indexFailures: [ArchiveError]
    /// How often the index was read again, and what came of it.
    let renewal: Mutex<Renewal>
    /// One reading of the index at a time.
    let renewalTurn = TaskSemaphore(1)
    /// Told what the reader made up for, one line each.
    let notice: @Sendable (String) -> Void
    /// What it was told so far.
    package var notices: [String] { renewal.withLock { $0.notices } }
    private let codecs: CodecPool
    private let dataKeys = Mutex<[[UInt8]: DataKey]>([:])
    private let recent = Mutex<[(id: ChunkID, block: ByteBlock)]>([])

    /// Chunks that are held: small files that follow each other share them.
    private static let recentLimit = 16
    /// Opened data keys that are held: each takes guarded memory.
    private static let dataKeyLimit = 64

    /// A reader for `store`, which reads the index, but for what `indexCache` keeps. Without identities it lists only.
    /// `notice` is told, in a line for people, when packs are read by their own headers because no index names them.
    package init(
        _ store: Store, write: [WriteKey], read: [ReadIdentity] = [], indexCache: IndexCache? = nil,
        notice: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws(ArchiveError) {
        keys = try OpenedWrite(store: store, keys: write)
        identities = read
        let loaded = try await IndexCatalog.load(with: keys, cache: indexCache)
        renewal = Mutex(Renewal(source: NodeSource(keys: keys, index: loaded.index)))
        self.notice = notice
        indexFailures = loaded.failures.map(\.error)
        codecs = CodecPool(limit: max(Node.contentByteLimit, Int(store.config.cutting.maximum)), level: 1)
    }

    /// A reader with this one's keys and with its index as it is now, for which `objects` stand in place of the store's: what a
    /// damaged copy of the store would show. Nothing that this one holds in memory is taken over but the index.
    package func reading(_ objects: any ObjectStore) -> StoreReader {
        StoreReader(self, objects)
    }

    private init(_ other: StoreReader, _ objects: any ObjectStore) {
        keys = other.keys.reading(objects)
        identities = other.identities
        renewal = Mutex(Renewal(source: NodeSource(keys: keys, index: other.source.index)))
        notice = { _ in }
        indexFailures = []
        codecs = CodecPool(
            limit: max(Node.contentByteLimit, Int(other.keys.store.config.cutting.maximum)), level: 1)
    }

    /// The snapshots. See `SnapshotCatalog`.
    package func snapshots() async throws(ArchiveError) -> SnapshotCatalog {
        try await SnapshotCatalog.load(with: keys)
    }

    /// What was said about snapshots after they were taken: pins, tags, results of drills.
    package func annotations() async throws(ArchiveError) -> AnnotationCatalog {
        try await AnnotationCatalog.load(with: keys)
    }

    /// Opens a snapshot's content. Throws `keyNeeded` without the identity, `absent`, `damaged`, `forged`.
    package func open(_ record: SnapshotRecord) async throws(ArchiveError) -> Snapshot {
        let name = try ObjectPlace.snapshots.name(record.id)
        let bytes = try await keys.store.objects.fetch(name, limit: ObjectPlace.snapshotByteLimit)
        let opened = try SnapshotObject.open(bytes, record.id, with: keys)
        let key = try dataKey(opened.dataKey)
        let codec = try ChunkCodec(
            limit: SnapshotObject.contentByteLimit, level: 1)
        let id = NodeID(keyNumber: opened.keyNumber, hash: opened.contentID)
        let plaintext = try codec.open(
            Array(bytes[opened.contentOffset...]), .snapshotContent, id: id, key: key, store: keys.store.id,
            byteCount: SnapshotObject.contentByteLimit, isBound: true
        ) { $0.array }
        let content = try SnapshotObject.decode(plaintext, roots: opened.header.roots, name.text)
        return Snapshot(record: record, host: content.host, sources: content.sources)
    }

    /// The node `id`, whose id is verified. Throws `absent`, `damaged`, `keyNeeded`, `storage`.
    func node(_ id: NodeID) async throws(ArchiveError) -> Node {
        try await first({ $0.places(of: id) }, "node \(id)") { (place) throws(ArchiveError) in
            try await node(id, at: place)
        }
    }

    /// The plaintext of the chunk `id`, whose id is verified. Throws as `node`.
    func chunk(_ id: ChunkID) async throws(ArchiveError) -> ByteBlock {
        try await first({ $0.places(of: id) }, "chunk \(id)") { (place) throws(ArchiveError) in
            try await chunk(id, at: place)
        }
    }

    /// The chunk `id`, from those that were read last where it is among them.
    func heldChunk(_ id: ChunkID) async throws(ArchiveError) -> ByteBlock {
        let held = recent.withLock { recent in recent.first { $0.id == id }?.block }
        if let held { return held }
        let block = try await chunk(id)
        recent.withLock { recent in
            if recent.count >= StoreReader.recentLimit { recent.removeFirst() }
            recent.append((id, block))
        }
        return block
    }

    /// The node at one of its places.
    func node(_ id: NodeID, at place: PieceIndex.Place) async throws(ArchiveError) -> Node {
        let key = try dataKey(place)
        let sealed = try await source.sealed(at: place)
        return try sealed.withBytes { (sealed) throws(ArchiveError) in
            try node(id, sealed, childrenByteCount: Int(place.auxiliary), key: key)
        }
    }

    /// The node of its sealed bytes.
    func node(
        _ id: NodeID, _ sealed: RawSpan, childrenByteCount length: Int, key: DataKey
    ) throws(ArchiveError) -> Node {
        guard length <= sealed.byteCount else { throw ArchiveError.damaged("node \(id): lengths") }
        let children = try NodeChildren.open(sealed.extracting(0..<length).array, id: id, with: keys)
        let content = try codecs.withCodec { (codec) throws(ArchiveError) in
            try codec.open(
                sealed.extracting(length..<sealed.byteCount), .node, id: id, key: key, store: keys.store.id,
                byteCount: Node.contentByteLimit, isBound: true
            ) { $0.array }
        }
        guard let write = keys.key(id.keyNumber), write.nodeID(children: children, content: content) == id
        else {
            throw ArchiveError.damaged("node \(id): doesn't have its id")
        }
        return try Node(decoding: Node.Parts(children: children, content: content), "node \(id)")
    }

    /// The chunk at one of its places.
    func chunk(_ id: ChunkID, at place: PieceIndex.Place) async throws(ArchiveError) -> ByteBlock {
        let key = try dataKey(place)
        let sealed = try await source.sealed(at: place)
        return try sealed.withBytes { (sealed) throws(ArchiveError) in
            try chunk(id, sealed, byteCount: Int(place.auxiliary), key: key) { plaintext in
                let block = ByteBlock(capacity: plaintext.byteCount)
                block.append(plaintext)
                return block
            }
        }
    }

    /// Lends the plaintext of a chunk of its sealed bytes, when it was opened and has its id.
    func chunk<Result: ~Copyable>(
        _ id: ChunkID, _ sealed: RawSpan, byteCount: Int, key: DataKey,
        _ body: (RawSpan) throws(ArchiveError) -> Result
    ) throws(ArchiveError) -> Result {
        guard byteCount <= Int(keys.store.config.cutting.maximum) else {
            throw ArchiveError.damaged("chunk \(id): longer than chunks of this store")
        }
        guard let write = keys.key(id.keyNumber) else {
            throw ArchiveError(.keyNeeded, "chunk \(id): under another write key")
        }
        return try codecs.withCodec { (codec) throws(ArchiveError) in
            try codec.open(
                sealed, .chunk, id: id, key: key, store: keys.store.id, byteCount: byteCount
            ) { (plaintext) throws(ArchiveError) in
                guard write.chunkID(of: plaintext) == id else {
                    throw ArchiveError.damaged("chunk \(id): doesn't have its id")
                }
                return try body(plaintext)
            }
        }
    }

    /// The first of the `places` at which `body` succeeds; else what the first threw. Where the index names none, or a pack
    /// that is gone, it is read again.
    private func first<Result>(
        _ places: (PieceIndex) -> [PieceIndex.Place], _ name: String,
        _ body: (PieceIndex.Place) async throws(ArchiveError) -> Result
    ) async throws(ArchiveError) -> Result {
        var failure: ArchiveError?
        while true {
            let (source, epoch) = renewal.withLock { ($0.source, $0.epoch) }
            let found = places(source.index)
            var isGone = found.isEmpty
            for place in found {
                do throws(ArchiveError) {
                    return try await body(place)
                } catch {
                    guard error.code == .damaged || error.code == .absent else { throw error }
                    isGone = isGone || error.code == .absent
                    failure = failure ?? error
                }
            }
            guard isGone, try await renew(after: epoch) else {
                throw failure ?? ArchiveError(.absent, "\(name): in no index")
            }
        }
    }

    func dataKey(_ place: PieceIndex.Place) throws(ArchiveError) -> DataKey {
        try dataKey(source.index.packs[place.ordinal].pack.dataKeys[place.dataKey])
    }

    /// The opened data key, from those that are held.
    func dataKey(_ sealed: SealedDataKey) throws(ArchiveError) -> DataKey {
        if let key = dataKeys.withLock({ $0[sealed.sealed] }) { return key }
        guard let identity = identities.first(where: { $0.number == sealed.readNumber }) else {
            throw ArchiveError(.keyNeeded, "data key: sealed to read key \(sealed.readNumber)")
        }
        let key = try DataKey(opening: sealed, with: identity, store: keys.store.id)
        dataKeys.withLock { held in
            if held.count >= StoreReader.dataKeyLimit { held.removeAll() }
            held[sealed.sealed] = key
        }
        return key
    }
}
