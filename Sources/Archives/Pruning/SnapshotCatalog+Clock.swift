import Encodings
import Storage

extension SnapshotCatalog {
    /// Throws `clockSkew` where this machine's clock, that of `objects` and what was put last (by this catalog, and at
    /// `other` nanoseconds since 1970) are more than five minutes apart: then it names the snapshot that is to blame, where
    /// one is. `consequence` says what is not done. With `isPlan` the store isn't asked for its clock, for that makes a file.
    ///
    /// An agent that lies about the time blocks this until its snapshot is forgotten by name. Throws `storage` as well.
    func requireAgreedClock(
        of objects: any ObjectStore, _ presence: SessionPresence, other: Int64 = .min, isPlan: Bool = false,
        _ consequence: String
    ) async throws(ArchiveError) {
        let newest = max(records.map(\.header.time.nanoseconds).max() ?? .min, other)
        do throws(StorageError) {
            try await objects.requireAgreedClock(
                now: presence.clock, newest: newest == .min ? nil : Timestamp(nanoseconds: newest),
                asksStore: !isPlan)
        } catch {
            guard error.code == .clockSkew else {
                throw ArchiveError(.storage, consequence, underlying: error)
            }
            guard let record = try? await aheadOfClock(of: objects, presence, isPlan: isPlan) else {
                throw ArchiveError(.clockSkew, consequence, underlying: error)
            }
            throw ArchiveError(
                .clockSkew,
                "snapshots/\(record.id): by agent \(record.header.agent), whose clock is ahead; \(consequence)"
            )
        }
    }

    /// The snapshot that lies furthest ahead, where this machine's clock agrees with the store's, or the store has none.
    private func aheadOfClock(
        of objects: any ObjectStore, _ presence: SessionPresence, isPlan: Bool
    ) async throws(StorageError) -> SnapshotRecord? {
        guard let record = records.max(by: { $0.header.time < $1.header.time }) else { return nil }
        try await objects.requireAgreedClock(now: presence.clock, newest: nil, asksStore: !isPlan)
        let limit = presence.clock().nanoseconds.addingReportingOverflow(300 * 1_000_000_000)
        return !limit.overflow && record.header.time.nanoseconds > limit.partialValue ? record : nil
    }
}
