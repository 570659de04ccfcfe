import Sodium
import Storage
import Synchronization

/// Adds one snapshot to a store: contents, trees, then `commit`. Needs `write` and an enrolled agent's key; what it
/// adds it can't read.
///
/// Order of writes (CASES.md D3): packs, the index, a look that all is there, the snapshot. What was written before
/// a failure is found again by the next writer, or removed by prune. Sealing and storing run on as many tasks as
/// `WriterOptions.parallelism`; a failure of any of them fails the session (`sessionFailed` from then on).
package final class StoreWriter: Sendable {
    /// The store and its `write` keys.
    let keys: OpenedWrite
    /// Who signs, and under which key.
    let session: SigningContext
    /// How contents are cut.
    let chunker: Chunker
    /// How it works.
    let options: WriterOptions
    /// What was in the store when the session began, and not about to be removed.
    let index: PieceIndex
    /// This session's sign of life.
    let lease: SessionLease
    /// Places for chunks under way.
    let slots: TaskSemaphore
    /// Codecs of the tasks under way.
    let codecs: CodecPool
    /// Memory that contents are read into.
    let blocks: BlockPool
    /// Places for full packs that are hashed and stored.
    private let packSlots = TaskSemaphore(StoreWriter.packLimit)
    // The block that the last content left.
    private let leftBlock = Mutex<ByteBlock?>(nil)
    private let dataKey: DataKey
    private let state: Mutex<State>
    /// The bytes of all packs, when they were listed last.
    let storedByteCount = Atomic<UInt64>(0)

    private struct State {
        var chunks: PackBuilder
        var nodes: PackBuilder
        /// Pieces that this session adds or has found.
        var known = KnownPieces()
        /// Positions in the index of packs whose pieces are not uploaded again.
        var relied: Set<Int> = []
        /// Positions of packs that this session found damaged: their pieces are uploaded again.
        var damaged: Set<Int> = []
        /// Packs stored and not yet in an index object.
        var unindexed: [IndexedPack] = []
        /// Pieces in those packs.
        var unindexedRowCount = 0
        /// All packs stored, with their lengths.
        var stored: [PackName: UInt64] = [:]
        var failure: ArchiveError?
        var statistics = WriterStatistics()
        /// Memory of packs that were stored.
        var spares: [PackMemory] = []

        mutating func newPack(_ kind: PackKind, _ key: DataKey, _ keyNumber: UInt32) -> PackBuilder {
            PackBuilder(
                kind: kind, dataKey: key, keyNumber: keyNumber, memory: spares.popLast() ?? PackMemory())
        }
    }

    /// Full packs under way at once, 16 MiB each. Another may be in the making meanwhile.
    private static let packLimit = 2

    /// Pieces after which an index object is written: packs of tiny pieces have so many that a fixed number of packs
    /// could outgrow an object (FORMAT.md: 128 MiB).
    private static let rowsPerIndex = 1 << 20

    /// A writer for `store` on the machine of `presence`. Puts its lease, then reads the index, but for what `indexCache`
    /// keeps. `close` it at the end.
    ///
    /// Throws `refused` where the agent isn't enrolled to add, and what reading the index throws.
    package init(
        _ store: Store, write: [WriteKey], agent: AgentKey, presence: SessionPresence,
        options: WriterOptions = WriterOptions(), indexCache: IndexCache? = nil
    ) async throws(ArchiveError) {
        keys = try OpenedWrite(store: store, keys: write)
        let newest = try keys.newest()
        guard let record = store.config.agent(agent.publicKey), record.powers.contains(.add) else {
            throw ArchiveError(.refused, "agent: not enrolled to add to this store")
        }
        let read = store.config.readKeys[store.config.readKeys.count - 1]
        session = SigningContext(store: store.id, generation: store.generation, write: newest, agent: agent)
        chunker = Chunker(gear: try keys.first().gear, store.config.cutting)
        // The lease before the marks (FORMAT.md §14.3): a pruner that marks later sees it, and waits.
        lease = try await SessionLease.begin(.write, in: store.objects, session, presence)
        do throws(ArchiveError) {
            let tombstones = try await TombstoneCatalog.load(with: keys)
            index = try await IndexCatalog.load(
                with: keys, trustGroup: record.trustGroup, cache: indexCache,
                marked: tombstones.markedPacks.union(tombstones.damagedPacks(for: record.trustGroup))
            ).index
            dataKey = try DataKey(
                sealingTo: ReadPublicKey(number: read.number, key: read.key), store: store.id)
        } catch {
            await lease.end()
            throw error
        }
        slots = TaskSemaphore(options.parallelism)
        codecs = CodecPool(
            limit: max(Node.contentByteLimit, Int(store.config.cutting.maximum)),
            level: options.compressionLevel)
        blocks = BlockPool(byteCount: max(ChunkStream.blockByteCount, 4 * chunker.maximum))
        self.options = options
        state = Mutex(
            State(
                chunks: PackBuilder(kind: .chunks, dataKey: dataKey, keyNumber: newest.number),
                nodes: PackBuilder(kind: .nodes, dataKey: dataKey, keyNumber: newest.number)))
    }

    /// What this session has done so far.
    package var statistics: WriterStatistics { state.withLock { $0.statistics } }

    /// Adds the chunk that is `range` of `block`, unless it is there.
    func add(_ block: ByteBlock, _ range: Range<Int>) async throws(ArchiveError) -> ChunkID {
        let id = block.withBytes(range) { session.write.chunkID(of: $0) }
        guard try claim(.chunk(id), contentByteCount: range.count) else { return id }
        // Where storing is slower than sealing, sealing waits.
        await packSlots.pass()
        let full = try failing { () throws(ArchiveError) in
            try codecs.withCodec { (codec) throws(ArchiveError) in
                try block.withBytes(range) { (plaintext) throws(ArchiveError) in
                    try codec.seal(plaintext, .chunk, id: id, key: dataKey, store: session.store) { sealed in
                        append([], sealed, .chunks, id.hash, auxiliary: UInt32(range.count))
                    }
                }
            }
        }
        if let full { await beginStoring(full) }
        return id
    }

    /// A block with at least `room` bytes behind what is filled, of which the caller is the owner: the one that the last
    /// content left, or an empty one.
    func takeBlock(room: Int) -> ByteBlock {
        let left = leftBlock.withLock { block in
            let taken = block
            block = nil
            return taken
        }
        if let left, left.capacity - left.filledCount >= room { return left }
        return blocks.take()
    }

    /// Leaves a block to the next owner, to go on behind what is filled.
    func leaveBlock(_ block: ByteBlock) {
        leftBlock.withLock { $0 = block }
    }

    /// Adds `node`, unless it is there.
    func add(_ node: Node) async throws(ArchiveError) -> NodeID {
        let parts = node.parts
        guard parts.content.count <= Node.contentByteLimit else {
            throw ArchiveError(.limitExceeded, "node: too long")
        }
        let id = session.write.nodeID(children: parts.children, content: parts.content)
        guard try claim(.node(id)) else { return id }
        let children = NodeChildren.seal(parts.children, id: id, with: session.write, store: session.store)
        let full = try failing { () throws(ArchiveError) in
            try codecs.withCodec { (codec) throws(ArchiveError) in
                try parts.content.withBytes { (plaintext) throws(ArchiveError) in
                    try codec.seal(plaintext, .node, id: id, key: dataKey, store: session.store) { sealed in
                        append(children, sealed, .nodes, id.hash, auxiliary: UInt32(children.count))
                    }
                }
            }
        }
        if let full { await beginStoring(full) }
        return id
    }

    /// Whether the piece is in the store or added by this session. Notes the pack that is relied on.
    func isKnown(_ piece: Node.Child) -> Bool {
        state.withLock { $0.known.contains(piece) || rely(on: piece, &$0) }
    }

    /// Whether the piece is new to the store and this caller is the one to add it.
    private func claim(_ piece: Node.Child, contentByteCount: Int = 0) throws(ArchiveError) -> Bool {
        let (failure, isNew) = state.withLock { state in
            state.statistics.contentByteCount += UInt64(contentByteCount)
            guard state.failure == nil, state.known.insert(piece) else {
                return (state.failure, false)
            }
            return (nil, !rely(on: piece, &state))
        }
        if let failure { throw ArchiveError(.sessionFailed, failure.context, underlying: failure) }
        return isNew
    }

    private func rely(on piece: Node.Child, _ state: inout State) -> Bool {
        let place =
            switch piece {
            case .chunk(let id): vouchedPlace(.chunks, id.keyNumber, id.hash, state)
            case .node(let id): vouchedPlace(.nodes, id.keyNumber, id.hash, state)
            }
        guard let place else { return false }
        state.relied.insert(place.ordinal)
        return true
    }

    private func vouchedPlace(
        _ kind: PackKind, _ keyNumber: UInt32, _ hash: Digest, _ state: borrowing State
    ) -> PieceIndex.Place? {
        index.vouchedPlace(kind, keyNumber, hash, except: state.damaged)
    }

    /// The place of a node that this session relies on.
    func reliedPlace(of node: NodeID) -> PieceIndex.Place? {
        state.withLock { vouchedPlace(.nodes, node.keyNumber, node.hash, $0) }
    }

    /// Relies no more on the pack of `place`, of which a node can't be opened, and says so to the writers of its group: what is
    /// needed of it is uploaded again.
    func distrust(_ place: PieceIndex.Place) async {
        let name = index.packs[place.ordinal].pack.name
        let isNew = state.withLock { state in
            guard !state.damaged.contains(place.ordinal) else { return false }
            for (ordinal, pack) in index.packs.enumerated() where pack.pack.name == name {
                state.damaged.insert(ordinal)
            }
            return true
        }
        guard isNew else { return }
        // Where that fails, the next look finds it.
        _ = try? await keys.put(Tombstone(time: lease.now, damaged: [name]), session)
    }

    /// Puts a sealed piece, in one part or two, into the pack of its kind; returns the pack that it had no room in.
    private func append(
        _ head: [UInt8], _ sealed: RawSpan, _ kind: PackKind, _ hash: Digest, auxiliary: UInt32
    ) -> PackBuilder? {
        let byteCount = head.count + sealed.byteCount
        return state.withLock { state in
            state.statistics.addedPieceCount += 1
            state.statistics.addedByteCount += UInt64(byteCount)
            switch kind {
            case .chunks:
                let full = state.chunks.isFull(adding: byteCount, target: options.packByteCount)
                let pack = full ? state.chunks : nil
                if full { state.chunks = state.newPack(kind, dataKey, session.write.number) }
                state.chunks.append(head, sealed, hash: hash, auxiliary: auxiliary)
                return pack
            case .nodes:
                let full = state.nodes.isFull(adding: byteCount, target: options.packByteCount)
                let pack = full ? state.nodes : nil
                if full { state.nodes = state.newPack(kind, dataKey, session.write.number) }
                state.nodes.append(head, sealed, hash: hash, auxiliary: auxiliary)
                return pack
            }
        }
    }

    /// Begins to store a pack; where as many as may be are under way, when one of them is done. Nothing waits for it but
    /// `flush`: what comes behind the pack goes on meanwhile. Its failure is the session's.
    private func beginStoring(_ pack: PackBuilder) async {
        await packSlots.wait()
        Task.detached { [self] in
            defer { packSlots.signal() }
            do throws(ArchiveError) {
                try await store(pack)
            } catch {
                _ = fail(error)
            }
        }
    }

    /// Waits until no pack is being stored.
    private func endStoring() async {
        for _ in 0..<StoreWriter.packLimit { await packSlots.wait() }
        for _ in 0..<StoreWriter.packLimit { packSlots.signal() }
    }

    /// Closes and stores a pack, and an index object where enough packs wait for one.
    private func store(_ builder: consuming PackBuilder) async throws(ArchiveError) {
        let pack: FinishedPack
        do throws(ArchiveError) {
            pack = builder.finish(in: session)
            let name = try ObjectPlace.packs.name(pack.name)
            try await WorkExecutor.run { () throws(ArchiveError) in
                try await keys.store.objects.store(name, pack.bytes)
            }
        } catch {
            throw fail(error)
        }
        let ready = state.withLock { state in
            if state.spares.count < StoreWriter.packLimit { state.spares.append(pack.memory) }
            state.stored[pack.name] = pack.entry.byteCount
            state.unindexed.append(pack.entry)
            state.unindexedRowCount += pack.entry.header.groups.reduce(0) { $0 + $1.rows.count }
            state.statistics.packCount += 1
            state.statistics.storedByteCount += pack.entry.byteCount
            return state.unindexed.count >= options.packsPerIndex
                || state.unindexedRowCount >= StoreWriter.rowsPerIndex
        }
        if ready { try await storeIndex() }
    }

    /// Writes an index object of the packs that wait for one, and reads it back.
    private func storeIndex() async throws(ArchiveError) {
        let packs = state.withLock { state in
            let packs = state.unindexed
            state.unindexed = []
            state.unindexedRowCount = 0
            return packs
        }
        guard !packs.isEmpty else { return }
        do throws(ArchiveError) {
            let bytes = IndexCatalog.encode(IndexObject(of: packs), in: session)
            let name = try ObjectPlace.index.name(IndexName(Digest(hashing: bytes)))
            try await keys.store.objects.store(name, bytes)
            let readBack = try await keys.store.objects.fetch(name, limit: ObjectPlace.indexByteLimit)
            guard readBack == bytes else { throw ArchiveError.damaged("\(name): reads back as other bytes") }
        } catch {
            throw fail(error)
        }
    }

    /// Stores what is still being collected; then makes sure that every pack this session made or relies on is
    /// there with its length.
    func flush() async throws(ArchiveError) {
        let last = state.withLock { state in
            let last = [state.chunks, state.nodes].filter { !$0.isEmpty }
            if !state.chunks.isEmpty { state.chunks = state.newPack(.chunks, dataKey, session.write.number) }
            if !state.nodes.isEmpty { state.nodes = state.newPack(.nodes, dataKey, session.write.number) }
            return last
        }
        for pack in last { await beginStoring(pack) }
        await endStoring()
        if let failure = state.withLock({ $0.failure }) { throw failure }
        try await storeIndex()
        try await checkPacks()
    }

    /// Lists the packs and compares. Throws `overtaken` where one that was relied on is gone, `absent` where one of this
    /// session is, `damaged` for one that isn't as it was.
    func checkPacks() async throws(ArchiveError) {
        let (failure, stored) = state.withLock { ($0.failure, $0.stored) }
        if let failure { throw ArchiveError(.sessionFailed, failure.context, underlying: failure) }
        let found = try await IndexCatalog.packs(of: keys.store)
        storedByteCount.store(found.values.reduce(0, &+), ordering: .relaxed)
        for (wanted, code) in [(stored, ArchiveError.Code.absent), (reliedPacks, .overtaken)] {
            for (name, byteCount) in wanted where found[name] != byteCount {
                let what = found[name] == nil ? "missing" : "not as long as it was"
                throw fail(ArchiveError(found[name] == nil ? code : .damaged, "packs/\(name): \(what)"))
            }
        }
    }

    /// Lists the tombstones. Throws `overtaken` where a pack that was relied on, or is this session's, is about to be
    /// removed, or the session was silent for too long: nothing was added, and another session uploads what is needed.
    func checkMarks() async throws(ArchiveError) {
        let marked = try await keys.markedPacks()
        let stored = state.withLock { $0.stored }
        let relied = reliedPacks
        for name in marked where stored[name] != nil || relied[name] != nil {
            throw fail(ArchiveError(.overtaken, "packs/\(name): about to be removed"))
        }
        try failing { () throws(ArchiveError) in try lease.check() }
    }

    /// Packs whose pieces are not uploaded again, with their lengths.
    private var reliedPacks: [PackName: UInt64] {
        var packs: [PackName: UInt64] = [:]
        for ordinal in state.withLock({ $0.relied }) {
            packs[index.packs[ordinal].pack.name] = index.packs[ordinal].pack.byteCount
        }
        return packs
    }

    /// Runs `body`; its failure is the session's.
    private func failing<Result>(_ body: () throws(ArchiveError) -> Result) throws(ArchiveError) -> Result {
        do throws(ArchiveError) {
            return try body()
        } catch {
            throw fail(error)
        }
    }

    private func fail(_ error: ArchiveError) -> ArchiveError {
        state.withLock { state in
            if state.failure == nil { state.failure = error }
        }
        return error
    }
}
