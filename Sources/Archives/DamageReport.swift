package import Encodings

/// What a check does about damage: it tells the writers.
package enum DamageReport {
    /// Says in the store, as the agent `agent`, that `packs` are damaged: writers of its trust group (all, where it may prune)
    /// upload their pieces again, and prune takes away what nothing needs any more. What was said before isn't repeated.
    /// Returns how many packs it is said of now that it wasn't.
    ///
    /// Throws `refused` where the agent isn't enrolled to add, and `storage`.
    package static func record(
        _ packs: [PackName], in store: Store, write: [WriteKey], agent: AgentKey, at time: Timestamp
    ) async throws(ArchiveError) -> Int {
        let keys = try OpenedWrite(store: store, keys: write)
        guard let record = store.config.agent(agent.publicKey), record.powers.contains(.add) else {
            throw ArchiveError(.refused, "agent: not enrolled to add to this store")
        }
        let signing = SigningContext(
            store: store.id, generation: store.generation, write: try keys.newest(), agent: agent)
        let known = try await TombstoneCatalog.load(with: keys).damagedPacks(for: record.trustGroup)
        let new = Set(packs).subtracting(known).sorted()
        for start in stride(from: 0, to: new.count, by: Tombstone.damagedLimit) {
            let slice = Array(new[start..<min(start + Tombstone.damagedLimit, new.count)])
            try await keys.put(Tombstone(time: time, damaged: slice), signing)
        }
        return new.count
    }
}
