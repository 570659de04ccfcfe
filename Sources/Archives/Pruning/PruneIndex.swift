import Storage

/// What prune needs of a store's index, in flat arrays: 16 bytes a chunk, 56 a node. Each object is read once.
struct PruneIndex: Sendable {
    /// An index object.
    struct Object: Sendable {
        let name: ObjectName
        /// The public key of the agent who signed it.
        let signer: [UInt8]
        /// Positions in `packs`.
        let packs: [Int32]
        let rowCount: Int
    }

    /// A pack that any of them names.
    struct Pack: Sendable {
        let name: PackName
        let byteCount: UInt64
        let kind: PackKind
        /// Who made it, by the first object that names it.
        let maker: [UInt8]
        /// Whether objects contradict each other about it: then its own header is asked.
        var isContested = false
        /// Whether it is there, as long as it should be.
        var isPresent = false
    }

    /// Where a node lies.
    struct NodeRow: Sendable {
        let hash: Digest
        let keyNumber: UInt32
        let pack: Int32
        let offset: UInt32
        let sealedByteCount: UInt32
        let childrenByteCount: UInt32

        /// The length of the part that names children, within the node.
        var readByteCount: Int { Int(min(childrenByteCount, sealedByteCount)) }
        var key: UInt64 { LiveSet.key(keyNumber, hash) }
        var id: NodeID { NodeID(keyNumber: keyNumber, hash: hash) }
    }

    /// The packs that are there, in an index or not, with their lengths.
    private(set) var present: [PackName: UInt64] = [:]
    /// All objects.
    private(set) var objects: [Object] = []
    /// All packs, each once.
    private(set) var packs: [Pack] = []
    /// Positions in `packs`.
    private(set) var ordinals: [PackName: Int32] = [:]
    /// Sorted by key number, hash, pack.
    private(set) var nodes: [NodeRow] = []
    // Beside each other: a chunk's key, its pack and its sealed length.
    private(set) var chunkKeys: [UInt64] = []
    private(set) var chunkPacks: [Int32] = []
    private(set) var chunkByteCounts: [UInt32] = []

    /// Reads all index objects, then lists the packs: what is named and isn't there by then is missing.
    ///
    /// Throws `damaged` where one can't be used: what it holds isn't known, and nothing may be removed.
    init(with keys: OpenedWrite) async throws(ArchiveError) {
        for entry in try await ObjectPlace.index.list(in: keys.store.objects) {
            let (object, agent): (IndexObject, AgentRecord)
            do throws(ArchiveError) {
                (object, agent) = try await IndexCatalog.read(entry.name, with: keys)
            } catch {
                guard error.code != .storage else { throw error }
                throw ArchiveError(
                    .damaged, "\(entry.name): can't be used, and nothing is removed before it is rebuilt",
                    underlying: error)
            }
            add(object, entry.name, agent)
        }
        nodes.sort { left, right in
            (left.keyNumber, left.hash, left.pack, left.offset)
                < (right.keyNumber, right.hash, right.pack, right.offset)
        }
        present = try await IndexCatalog.packs(of: keys.store)
        for position in packs.indices {
            let byteCount = present[packs[position].name]
            packs[position].isPresent =
                byteCount == packs[position].byteCount || byteCount != nil && packs[position].isContested
        }
    }

    private mutating func add(
        _ object: IndexObject, _ name: ObjectName, _ signer: AgentRecord
    ) {
        var positions: [Int32] = []
        for pack in object.packs {
            if let ordinal = ordinals[pack.name] {
                positions.append(ordinal)
                let known = packs[Int(ordinal)]
                if known.maker != pack.maker || known.byteCount != pack.byteCount || known.kind != pack.kind {
                    packs[Int(ordinal)].isContested = true
                }
                continue
            }
            let ordinal = Int32(packs.count)
            ordinals[pack.name] = ordinal
            positions.append(ordinal)
            packs.append(
                Pack(name: pack.name, byteCount: pack.byteCount, kind: pack.kind, maker: pack.maker))
        }
        var rowCount = 0
        for group in object.groups {
            rowCount += group.rows.count
            switch group.kind {
            case .chunks:
                for row in group.rows {
                    chunkKeys.append(LiveSet.key(group.keyNumber, row.hash))
                    chunkPacks.append(positions[Int(row.pack >> 8)])
                    chunkByteCounts.append(row.sealedByteCount)
                }
            case .nodes:
                for row in group.rows {
                    nodes.append(
                        NodeRow(
                            hash: row.hash, keyNumber: group.keyNumber, pack: positions[Int(row.pack >> 8)],
                            offset: row.offset, sealedByteCount: row.sealedByteCount,
                            childrenByteCount: row.auxiliary))
                }
            }
        }
        objects.append(
            Object(name: name, signer: signer.publicKey, packs: positions, rowCount: rowCount))
    }

    /// The position in `nodes` of the first row of the node; nil where there is none.
    func position(of id: NodeID) -> Int? {
        var low = 0
        var high = nodes.count
        while low < high {
            let middle = low + (high - low) / 2
            let row = nodes[middle]
            if (row.keyNumber, row.hash) < (id.keyNumber, id.hash) { low = middle + 1 } else { high = middle }
        }
        guard low < nodes.count, nodes[low].keyNumber == id.keyNumber, nodes[low].hash == id.hash else {
            return nil
        }
        return low
    }

    /// Whether the pack is in the index.
    func contains(_ pack: PackName) -> Bool { ordinals[pack] != nil }
}
