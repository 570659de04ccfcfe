import Storage

/// The index objects of a store: reading all of them, writing one.
enum IndexCatalog {
    /// What was read.
    struct Loaded {
        let index: PieceIndex
        /// Objects that could not be used, and why: the index is a cache, what they held can be rebuilt.
        let failures: [(name: ObjectName, error: ArchiveError)]
    }

    /// The preamble and the envelope of `index`.
    static func encode(_ index: IndexObject, in session: SigningContext) -> [UInt8] {
        ObjectKind.index.preamble + SignedObject.seal(index.encoded, .index, in: session)
    }

    /// Reads every index object, but for those that `cache` keeps. Those that are damaged or forged are left out and
    /// reported; a storage that fails throws. Agents of `trustGroup` in the newest config vouch for what they signed, as far
    /// as the pack is there and not `marked`, to be removed or as damaged; nobody does without one.
    static func load(
        with keys: OpenedWrite, trustGroup: String? = nil, cache: IndexCache? = nil,
        marked: Set<PackName> = []
    ) async throws(ArchiveError) -> Loaded {
        // Prune stores new objects before it removes old ones: one that goes between the listing and the reading has
        // its rows elsewhere by now.
        for _ in 0..<8 {
            if let loaded = try await attempt(keys, trustGroup, cache, marked) { return loaded }
        }
        throw ArchiveError(.absent, "index: changes faster than it can be read")
    }

    /// Nil where an object went away meanwhile.
    private static func attempt(
        _ keys: OpenedWrite, _ trustGroup: String?, _ cache: IndexCache?, _ marked: Set<PackName>
    ) async throws(ArchiveError) -> Loaded? {
        let present = trustGroup == nil ? [:] : try await packs(of: keys.store)
        let config = keys.store.config
        func trusts(_ publicKey: [UInt8]) -> Bool {
            guard let trustGroup, let agent = config.agent(publicKey) else { return false }
            return agent.trustGroup == trustGroup && agent.powers.contains(.add)
        }
        func isVouched(_ pack: IndexObject.Pack) -> Bool {
            trusts(pack.maker) && present[pack.name] == pack.byteCount && !marked.contains(pack.name)
        }
        let entries = try await ObjectPlace.index.list(in: keys.store.objects)
        let names = entries.map { IndexName($0.name.lastComponent) }
        let kept = cache?.read(keys.store, present: Set(names.compactMap { $0 }))
        let isKept = Set(kept?.members.map(\.name) ?? [])
        let fresh = zip(entries, names).filter { _, name in name.map { !isKept.contains($0) } ?? true }
        let builder = PieceIndexBuilder(
            rowLimit: fresh.reduce(0) {
                $0 + min($1.0.byteCount, ObjectPlace.indexByteLimit) / IndexObject.Row.byteCount
            })
        if let kept { builder.begin(kept, trusts: trusts, isVouched) }
        var members = kept?.members ?? []
        var failures: [(name: ObjectName, error: ArchiveError)] = []
        for (entry, name) in fresh {
            do throws(ArchiveError) {
                let (object, agent) = try await read(entry.name, with: keys)
                let isTrusted = trusts(agent.publicKey)
                try builder.add(object) { isTrusted && isVouched($0) }
                guard let name else { continue }
                members.append(
                    IndexCache.Member(name: name, signer: agent.publicKey, packCount: object.packs.count))
            } catch {
                guard error.code != .storage, error.code != .limitExceeded else { throw error }
                if error.code == .absent { return nil }
                failures.append((entry.name, error))
            }
        }
        guard let cache, cache.isDue(added: builder.addedCount, kept: kept?.rowCount ?? 0) else {
            return Loaded(index: builder.finish(), failures: failures)
        }
        let index = builder.finish(isMerged: true)
        cache.write(index, members, keys.store)
        return Loaded(index: index, failures: failures)
    }

    /// The packs that are there, with their lengths.
    static func packs(of store: Store) async throws(ArchiveError) -> [PackName: UInt64] {
        var found: [PackName: UInt64] = [:]
        for entry in try await ObjectPlace.packs.list(in: store.objects) {
            guard let name = PackName(entry.name.lastComponent) else { continue }
            found[name] = UInt64(entry.byteCount)
        }
        return found
    }

    /// One index object and who signed it. Throws `damaged`, `forged`, `absent`, `storage`.
    static func read(
        _ name: ObjectName, with keys: OpenedWrite
    ) async throws(ArchiveError) -> (IndexObject, AgentRecord) {
        let bytes = try await keys.store.objects.fetch(name, limit: ObjectPlace.indexByteLimit)
        guard name.lastComponent == IndexName(Digest(hashing: bytes)).description else {
            throw ArchiveError.damaged("\(name): its bytes don't have the hash that it is named by")
        }
        try ObjectKind.index.check(bytes, name.text)
        let envelope = Array(bytes.dropFirst(ObjectKind.preambleByteCount))
        let signed = try SignedObject(opening: envelope, .index, name.text, with: keys)
        return (try IndexObject(decoding: signed.body, name.text), signed.agent)
    }
}

extension PieceIndexBuilder {
    /// Begins with what a cache kept: of the packs of a signer that counts, those that `isVouched` says.
    fileprivate func begin(
        _ kept: IndexCache.Kept, trusts: ([UInt8]) -> Bool, _ isVouched: (IndexObject.Pack) -> Bool
    ) {
        var packs: [PieceIndex.Pack] = []
        packs.reserveCapacity(kept.packs.count)
        for member in kept.members {
            let isTrusted = trusts(member.signer)
            for pack in kept.packs[packs.count..<(packs.count + member.packCount)] {
                packs.append(PieceIndex.Pack(pack: pack, isVouched: isTrusted && isVouched(pack)))
            }
        }
        begin(packs, kept.tables)
    }
}
