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

    /// Reads every index object. Those that are damaged or forged are left out and reported; a storage that fails
    /// throws. Agents of `trustGroup` in the newest config vouch for what they signed, as far as the pack is there;
    /// nobody does without one.
    static func load(with keys: OpenedWrite, trustGroup: String? = nil) async throws(ArchiveError) -> Loaded {
        let present = trustGroup == nil ? [:] : try await packs(of: keys.store)
        let config = keys.store.config
        func trusts(_ publicKey: [UInt8]) -> Bool {
            guard let trustGroup, let agent = config.agent(publicKey) else { return false }
            return agent.trustGroup == trustGroup && agent.powers.contains(.add)
        }
        var sources: [PieceIndex.Source] = []
        var failures: [(name: ObjectName, error: ArchiveError)] = []
        for entry in try await ObjectPlace.index.list(in: keys.store.objects) {
            do throws(ArchiveError) {
                let (object, agent) = try await read(entry.name, with: keys)
                sources.append(PieceIndex.Source(object: object, isVouched: trusts(agent.publicKey)))
            } catch {
                guard error.code != .storage else { throw error }
                failures.append((entry.name, error))
            }
        }
        let index = try PieceIndex(sources) { trusts($0.maker) && present[$0.name] == $0.byteCount }
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
