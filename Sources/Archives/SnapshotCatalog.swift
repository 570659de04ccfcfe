import Encodings
import Storage

/// The snapshots of a store, as `write` shows them.
package struct SnapshotCatalog: Sendable {
    /// What can't be listed, and why.
    package struct Failure: Sendable {
        /// The object's name.
        package let name: String
        /// What is wrong with it.
        package let error: ArchiveError
    }

    /// Oldest first.
    package let records: [SnapshotRecord]
    /// Objects in the place of snapshots that aren't sound snapshots.
    package let failures: [Failure]
    /// The highest generation seen of each agent, by public key: for `StoreTrust`.
    package let generations: [[UInt8]: UInt64]
    /// The public keys of each record's agent, beside `records`.
    package let agentKeys: [SnapshotID: [UInt8]]
    /// What is forgotten and about to be removed.
    let tombstones: TombstoneCatalog
    /// Snapshots that are forgotten and whose objects are still there.
    let leftovers: [SnapshotID]

    /// Reads the header of every snapshot. Nothing but a storage that fails, and a store that shows less of an agent
    /// than `StoreTrust` saw (`rolledBack`), throws.
    static func load(with keys: OpenedWrite) async throws(ArchiveError) -> SnapshotCatalog {
        var records: [SnapshotRecord] = []
        var failures: [Failure] = []
        var generations: [[UInt8]: UInt64] = [:]
        var agentKeys: [SnapshotID: [UInt8]] = [:]
        for entry in try await ObjectPlace.snapshots.list(in: keys.store.objects) {
            do throws(ArchiveError) {
                guard let id = SnapshotID(entry.name.lastComponent) else {
                    throw ArchiveError.damaged("\(entry.name): not the name of a snapshot")
                }
                let bytes = try await keys.store.objects.fetch(
                    entry.name, limit: ObjectPlace.snapshotByteLimit)
                let opened = try SnapshotObject.open(bytes, id, with: keys)
                records.append(
                    SnapshotRecord(id: id, header: opened.header, objectByteCount: UInt64(bytes.count)))
                agentKeys[id] = opened.agentKey
                generations[opened.agentKey] = max(
                    generations[opened.agentKey] ?? 0, opened.header.generation)
            } catch {
                guard error.code != .storage else { throw error }
                failures.append(Failure(name: entry.name.text, error: error))
            }
        }
        // After the snapshots: one that went meanwhile has its tombstone by now.
        let tombstones = try await TombstoneCatalog.load(with: keys)
        failures.removeAll { failure in
            guard failure.error.code == .absent, let text = failure.name.split(separator: "/").last,
                let id = SnapshotID(String(text))
            else { return false }
            return tombstones.forgotten[id] != nil
        }
        let leftovers = records.map(\.id).filter { tombstones.honoured.contains($0) }
        records.removeAll { tombstones.honoured.contains($0.id) }
        for forgotten in tombstones.forgotten.values {
            generations[forgotten.agent] = max(generations[forgotten.agent] ?? 0, forgotten.generation)
        }
        for (agent, generation) in keys.store.trust.agents where (generations[agent] ?? 0) < generation {
            // What can't be read may be just that snapshot: then it is damaged, and told, and not gone.
            guard !failures.contains(where: { $0.error.code == .damaged }) else { continue }
            // Of an agent that was revoked, what was seen may count no more.
            guard !keys.store.config.revoked.contains(where: { $0.publicKey == agent }) else { continue }
            throw ArchiveError(
                .rolledBack, "snapshots: an agent's snapshot \(generation) was seen and is gone")
        }
        let times = SnapshotCatalog.latestTimes(records, agentKeys)
        records.sort { left, right in
            (times[left.id] ?? left.header.time, left.header.generation, left.id)
                < (times[right.id] ?? right.header.time, right.header.generation, right.id)
        }
        return SnapshotCatalog(
            records: records, failures: failures, generations: generations, agentKeys: agentKeys,
            tombstones: tombstones, leftovers: leftovers)
    }

    /// When each of `records` was taken at the latest: no snapshot is newer than those that its agent took after it, whatever
    /// a clock said that was ahead.
    private static func latestTimes(
        _ records: [SnapshotRecord], _ agentKeys: [SnapshotID: [UInt8]]
    ) -> [SnapshotID: Timestamp] {
        var bounds: [[UInt8]: Timestamp] = [:]
        var times: [SnapshotID: Timestamp] = [:]
        for record in records.sorted(by: { $0.header.generation > $1.header.generation }) {
            let agent = agentKeys[record.id] ?? []
            let time = min(record.header.time, bounds[agent] ?? record.header.time)
            bounds[agent] = time
            times[record.id] = time
        }
        return times
    }

    /// Failures that may hide a snapshot that counts, of any environment and time: not what is forged, went while it was
    /// listed, or is forgotten.
    package var damaged: [Failure] {
        failures.filter { failure in
            guard failure.error.code != .forged, failure.error.code != .absent else { return false }
            let id = failure.name.split(separator: "/").last.flatMap { SnapshotID(String($0)) }
            return !(id.map { tombstones.honoured.contains($0) } ?? false)
        }
    }

    /// The snapshots of an agent: all that count.
    package func snapshots(of agentKey: [UInt8]) -> [SnapshotRecord] {
        records.filter { agentKeys[$0.id] == agentKey }
    }

    /// The newest snapshot of the agent, forgotten or not: the one that its next follows.
    func newest(of agentKey: [UInt8]) -> (generation: UInt64, id: SnapshotID)? {
        let here = records.filter { agentKeys[$0.id] == agentKey }.map { ($0.header.generation, $0.id) }
        let gone = tombstones.forgotten.values.filter { $0.agent == agentKey }.map { ($0.generation, $0.id) }
        return (here + gone).max { $0 < $1 }.map { (generation: $0.0, id: $0.1) }
    }

    private struct Chained: Hashable {
        let agent: [UInt8]
        let generation: UInt64
    }

    /// Snapshots of one agent with the same number: it took them not knowing of each other, or its key is used in
    /// two places.
    package var forks: [[SnapshotRecord]] {
        let groups = Dictionary(grouping: records) { record in
            Chained(agent: agentKeys[record.id] ?? [], generation: record.header.generation)
        }
        return groups.values.filter { $0.count > 1 }.sorted { $0[0].id < $1[0].id }
    }

    /// Chains with a member missing: (agent, generation) that a later snapshot, or the tombstone of one, names, and that is
    /// neither here nor forgotten. Two snapshots that follow the same one are a fork, and no gap.
    var gaps: [(agent: String, generation: UInt64)] {
        var known = Set(records.map(\.id.digest))
        for id in tombstones.forgotten.keys { known.insert(id.digest) }
        // What counts no more is there all the same: nobody took it away.
        for failure in failures where failure.error.code == .forged {
            let text = failure.name.split(separator: "/").last.map(String.init) ?? ""
            if let id = SnapshotID(text) { known.insert(id.digest) }
        }
        let here = records.filter { $0.header.previous != .zero && !known.contains($0.header.previous) }
            .map { (agent: $0.header.agent, generation: $0.header.generation - 1) }
        let gone = tombstones.forgotten.values.filter { $0.previous != .zero && !known.contains($0.previous) }
            .sorted()
            .map { (agent: Hex.encode($0.agent.prefix(8)), generation: $0.generation - 1) }
        return here + gone
    }
}
