import Sodium
import Storage

extension StorePruner {
    /// Packs that one tombstone marks at most.
    private static let markLimit = 4096
    /// Packs that are packed anew under one tombstone: 1 GiB of what is read.
    private static let batchLimit = 64

    /// Marks what isn't needed, and packs anew what is little used: the new packs, then the mark that names both, then the
    /// index of the new ones. Returns the marks.
    mutating func mark(
        _ candidates: Candidates, _ look: Look
    ) async throws(ArchiveError) -> [TombstoneCatalog.Mark] {
        guard let lease else { return [] }
        var marks: [TombstoneCatalog.Mark] = []
        var start = 0
        while start < candidates.unneeded.count {
            try lease.check()
            let packs = Array(
                candidates.unneeded[start..<min(start + Self.markLimit, candidates.unneeded.count)])
            marks.append(try await put(packs, into: []))
            start += packs.count
        }
        for name in candidates.unneeded { report.marked.add(look.index.present[name] ?? 0) }
        var rewrite = IndexRewrite(keys, signing, lease)
        // What a killed run had moved and not yet indexed.
        let found = try await headers(of: candidates.unindexed, look.index)
        try await rewrite.add(found)
        for pack in found { fresh[pack.name] = pack.header }
        start = 0
        while start < candidates.sparse.count {
            let batch = candidates.sparse[start..<min(start + Self.batchLimit, candidates.sparse.count)]
            start += batch.count
            progress("packing anew: \(start) of \(candidates.sparse.count) packs")
            let (moved, added) = try await move(batch.map { look.index.packs[$0] }, look)
            guard !moved.isEmpty else { continue }
            marks.append(try await put(moved, into: added.map(\.name)))
            try await rewrite.add(added)
            for pack in added { fresh[pack.name] = pack.header }
        }
        report.indexObjectCount += rewrite.writtenCount
        // The marks are there: from here on every session that isn't among these has seen them.
        let sessions = try await SessionWatch(keys, own: lease.session, presence, &state, removes: true)
        sight(look.catalog.tombstones.marks + marks, sessions)
        return marks
    }

    private func put(
        _ packs: [PackName], into added: [PackName]
    ) async throws(ArchiveError) -> TombstoneCatalog.Mark {
        let tombstone = Tombstone(time: presence.clock(), marked: packs, into: added)
        let name = try await keys.put(tombstone, signing)
        return TombstoneCatalog.Mark(name: name, packs: packs, into: added)
    }

    private func headers(of names: [PackName], _ index: PruneIndex) async throws(ArchiveError)
        -> [IndexedPack]
    {
        var packs: [IndexedPack] = []
        for name in names {
            guard let byteCount = index.present[name] else { continue }
            packs.append(try await PackReader.header(of: name, byteCount: Int(byteCount), with: keys))
        }
        return packs
    }

    /// Moves what is used of `packs` into new ones, which are durable and read back when this returns. A pack that isn't
    /// sound stays as it is. Returns the packs that were emptied, and the new ones.
    private mutating func move(
        _ packs: [PruneIndex.Pack], _ look: Look
    ) async throws(ArchiveError) -> (moved: [PackName], added: [IndexedPack]) {
        var moved: [PackName] = []
        var added: [IndexedPack] = []
        var movers: [PackKind: PackMover] = [:]
        for pack in packs {
            let object = try ObjectPlace.packs.name(pack.name)
            let bytes: [UInt8]
            let header: PackHeader
            do throws(ArchiveError) {
                bytes = try await keys.store.objects.fetch(object, limit: ObjectPlace.packByteLimit)
                header = try PackReader.verify(bytes, pack.name, with: keys).header
            } catch {
                guard error.code != .storage else { throw error }
                report.unproven.add(pack.byteCount)
                continue
            }
            var mover = movers.removeValue(forKey: header.kind) ?? PackMover(header.kind)
            var offset = ObjectKind.preambleByteCount
            for group in header.groups {
                for row in group.rows {
                    let range = offset..<(offset + Int(row.sealedByteCount))
                    offset = range.upperBound
                    guard look.walk.isUsed(header.kind, group.keyNumber, row.hash) else { continue }
                    if mover.isFull(adding: range.count) {
                        added.append(try await store(mover))
                        mover = PackMover(header.kind)
                    }
                    bytes.withBytes { bytes in
                        mover.append(
                            bytes.extracting(range), row, keyNumber: group.keyNumber,
                            header.dataKeys[Int(group.dataKey)])
                    }
                }
            }
            movers[header.kind] = mover
            moved.append(pack.name)
            report.repacked.add(pack.byteCount)
        }
        for mover in movers.values where !mover.isEmpty { added.append(try await store(mover)) }
        for pack in added { report.moved.add(pack.byteCount) }
        return (moved, added)
    }

    private func store(_ mover: PackMover) async throws(ArchiveError) -> IndexedPack {
        try lease?.check()
        let pack = mover.finish(in: signing)
        let name = try ObjectPlace.packs.name(pack.name)
        try await keys.store.objects.store(name, pack.bytes)
        let readBack = try await keys.store.objects.fetch(name, limit: ObjectPlace.packByteLimit)
        guard readBack == pack.bytes, try PackReader.verify(readBack, pack.name, with: keys) == pack.entry
        else {
            throw ArchiveError.damaged("\(name): reads back as other bytes")
        }
        return pack.entry
    }
}

extension LiveWalk {
    /// Whether a piece is in use.
    func isUsed(_ kind: PackKind, _ keyNumber: UInt32, _ hash: Digest) -> Bool {
        let key = LiveSet.key(keyNumber, hash)
        return kind == .chunks ? chunks.contains(key) : nodes.contains(key)
    }
}
