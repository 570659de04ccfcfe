import Sodium
import Storage

// Packs that somebody found damaged (FORMAT.md §14.2). What they hold is uploaded again; they go when everything in them that
// is in use lies in other packs, which are read whole for it.
extension StorePruner {
    /// A pack that goes where others hold what is in use of it.
    struct Replaceable {
        let name: PackName
        /// Who made it, as far as objects agree.
        let maker: [UInt8]?
        /// Pieces in use, of its kind.
        let used: Set<UsedPiece>
    }

    /// A piece in use, by 8 bytes of its id.
    struct UsedPiece: Hashable {
        let kind: PackKind
        let key: UInt64
    }

    /// Looks at the packs that are said to be damaged: what anybody who can make no one upload again says is passed over.
    mutating func examine(_ look: Look) async throws(ArchiveError) {
        var said: Set<PackName> = []
        for claim in look.catalog.tombstones.claims {
            examined.insert(claim.name)
            for pack in claim.packs where look.index.present[pack] != nil && counts(claim, of: pack, look) {
                said.insert(pack)
            }
        }
        for (position, name) in said.sorted().enumerated() {
            progress("reading packs that are said to be damaged: \(position) of \(said.count)")
            guard try await !isSound(name) else { continue }
            broken.insert(name)
        }
    }

    private func counts(_ claim: TombstoneCatalog.Claim, of pack: PackName, _ look: Look) -> Bool {
        let config = keys.store.config
        var groups = [config.agent(signing.agent.publicKey)?.trustGroup]
        if let ordinal = look.index.ordinals[pack] {
            groups.append(config.agent(look.index.packs[Int(ordinal)].maker)?.trustGroup)
        }
        return groups.contains { $0.map(claim.counts(for:)) ?? false }
    }

    /// Whether the bytes of a pack have the hash that names it. One that is gone is sound: it does no harm.
    private func isSound(_ name: PackName) async throws(ArchiveError) -> Bool {
        do throws(ArchiveError) {
            let bytes = try await keys.store.objects.fetch(
                try ObjectPlace.packs.name(name), limit: ObjectPlace.packByteLimit)
            return PackName(hashing: bytes) == name
        } catch {
            switch error.tellingBadFiles.code {
            case .absent: return true
            case .damaged: return false
            default: throw error
            }
        }
    }

    /// What is in use of a pack: what its header says, as far as it can be read, and what the index says.
    func replaceable(
        _ name: PackName, _ header: [(kind: PackKind, key: UInt64)], _ look: Look
    ) -> Replaceable {
        var used = Set(header.map { UsedPiece(kind: $0.kind, key: $0.key) })
        guard let ordinal = look.index.ordinals[name] else {
            return Replaceable(name: name, maker: nil, used: used)
        }
        for row in look.index.chunkKeys.indices
        where look.index.chunkPacks[row] == ordinal && look.walk.chunks.contains(look.index.chunkKeys[row]) {
            used.insert(UsedPiece(kind: .chunks, key: look.index.chunkKeys[row]))
        }
        for row in look.index.nodes where row.pack == ordinal && look.walk.nodes.contains(row.key) {
            used.insert(UsedPiece(kind: .nodes, key: row.key))
        }
        let pack = look.index.packs[Int(ordinal)]
        return Replaceable(name: name, maker: pack.isContested ? nil : pack.maker, used: used)
    }

    /// Damaged packs of which, by the index, everything in use lies in packs that stay.
    func replacedPacks(_ look: Look, leaving: Set<PackName>) -> Set<PackName> {
        let packs = broken.sorted().map { replaceable($0, [], look) }
        let wanted = packs.reduce(into: Set<UsedPiece>()) { $0.formUnion($1.used) }
        guard !packs.isEmpty else { return [] }
        var found: [String: Set<UsedPiece>] = [:]
        for (ordinal, pieces) in holders(of: wanted, look, leaving) {
            guard let maker = keys.store.config.agent(look.index.packs[Int(ordinal)].maker) else { continue }
            found[maker.trustGroup, default: []].formUnion(pieces)
        }
        return Set(packs.filter { isHeld($0, found) }.map(\.name))
    }

    /// Whether everything in use of `pack` is among what is `found`, by the trust group of who made it, in groups whose word
    /// the maker of the pack takes, or this pruner.
    private func isHeld(_ pack: Replaceable, _ found: [String: Set<UsedPiece>]) -> Bool {
        var held: Set<UsedPiece> = []
        for maker in [pack.maker, signing.agent.publicKey] {
            guard let group = maker.flatMap({ keys.store.config.agent($0)?.trustGroup }) else { continue }
            held.formUnion(found[group] ?? [])
        }
        return pack.used.isSubset(of: held)
    }

    /// Positions of packs that stay and that the index says to hold any of `wanted`, with what they hold of it.
    private func holders(
        of wanted: Set<UsedPiece>, _ look: Look, _ leaving: Set<PackName>
    ) -> [Int32: Set<UsedPiece>] {
        var found: [Int32: Set<UsedPiece>] = [:]
        func add(_ piece: UsedPiece, _ pack: Int32) {
            let holder = look.index.packs[Int(pack)]
            guard wanted.contains(piece), holder.isPresent, !leaving.contains(holder.name),
                !broken.contains(holder.name)
            else { return }
            found[pack, default: []].insert(piece)
        }
        for row in look.index.chunkKeys.indices {
            add(UsedPiece(kind: .chunks, key: look.index.chunkKeys[row]), look.index.chunkPacks[row])
        }
        for row in look.index.nodes { add(UsedPiece(kind: .nodes, key: row.key), row.pack) }
        return found
    }

    /// Of packs that can't be used as they are: those of which other packs hold everything that is in use. Each of these
    /// is read whole, and its maker is one whose word the maker of the pack, or this pruner, takes.
    mutating func replaced(
        _ packs: [Replaceable], _ look: Look, _ leaving: Set<PackName>
    ) async throws(ArchiveError) -> [PackName] {
        let wanted = packs.reduce(into: Set<UsedPiece>()) { $0.formUnion($1.used) }
        // Who holds what, by the trust group of its maker.
        var found: [String: Set<UsedPiece>] = [:]
        if !wanted.isEmpty {
            for ordinal in holders(of: wanted, look, leaving).keys.sorted() {
                let name = look.index.packs[Int(ordinal)].name
                guard let pack = try await verified(name) else { continue }
                guard let maker = keys.store.config.agent(pack.maker), maker.powers.contains(.add) else {
                    continue
                }
                for group in pack.header.groups {
                    for row in group.rows {
                        let piece = UsedPiece(
                            kind: pack.header.kind, key: LiveSet.key(group.keyNumber, row.hash))
                        if wanted.contains(piece) { found[maker.trustGroup, default: []].insert(piece) }
                    }
                }
            }
        }
        var proven: [PackName] = []
        for pack in packs {
            // One whose header couldn't be read is looked at whole: it was no hiccup.
            let isLost = broken.contains(pack.name) ? true : try await verified(pack.name) == nil
            if isLost, isHeld(pack, found) {
                proven.append(pack.name)
            } else {
                report.unproven.add(look.index.present[pack.name] ?? 0)
            }
        }
        return proven
    }

    /// A pack whose bytes were all read; nil where it isn't sound.
    private func verified(_ name: PackName) async throws(ArchiveError) -> IndexedPack? {
        do throws(ArchiveError) {
            let bytes = try await keys.store.objects.fetch(
                try ObjectPlace.packs.name(name), limit: ObjectPlace.packByteLimit)
            return try PackReader.verify(bytes, name, with: keys)
        } catch {
            guard error.tellingBadFiles.code != .storage else { throw error }
            return nil
        }
    }

    /// Removes what was said of packs that are gone, or that were looked at and are sound.
    func settleClaims(_ catalog: SnapshotCatalog) async throws(ArchiveError) {
        guard let lease, !catalog.tombstones.claims.isEmpty else { return }
        let present = try await IndexCatalog.packs(of: keys.store)
        for claim in catalog.tombstones.claims
        where examined.contains(claim.name)
            && !claim.packs.contains(where: { broken.contains($0) && present[$0] != nil })
        {
            try lease.check()
            try await keys.store.objects.discard(.tombstones, claim.name)
        }
    }
}
