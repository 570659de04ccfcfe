package import Encodings

extension ObjectStore {
    /// Refuses (`clockSkew`) where this machine's clock can't be right, before anything is removed that depends on age
    /// (CASES.md D8, F096): where it and the store's own clock are more than five minutes apart, or `newest`, the time of
    /// the newest thing that a writer dated (a snapshot, a mark), lies more than that ahead of it.
    ///
    /// A clock that runs ahead together with the store's is not found out: no decision to remove may depend on it alone.
    /// In a directory a temporary file is made and removed; a bucket is asked for one key. Without `asksStore` neither is done,
    /// and the store's own clock left out.
    package func requireAgreedClock(
        now: @Sendable () -> Timestamp, newest: Timestamp?, asksStore: Bool = true
    ) async throws(StorageError) {
        let own = asksStore ? try await time() : nil
        let here = now()
        if let own {
            let ahead = here.seconds.subtractingReportingOverflow(own.seconds).partialValue
            guard ahead.magnitude <= StoreClock.tolerance else {
                throw .skew("\(ahead.magnitude) s \(ahead > 0 ? "ahead of" : "behind") the store's")
            }
        }
        guard let newest else { return }
        let ahead = newest.seconds.subtractingReportingOverflow(here.seconds).partialValue
        guard ahead <= Int64(StoreClock.tolerance) else {
            throw .skew("\(ahead) s behind what was put last, or another machine's is as far ahead")
        }
    }
}

/// Bounds of clocks.
package enum StoreClock {
    /// Seconds that clocks may be apart where something is removed (CASES.md D8).
    package static let tolerance: UInt64 = 300
}

extension StorageError {
    fileprivate static func skew(_ words: String) -> StorageError {
        StorageError(
            .clockSkew, name: "clock",
            reason: "this machine's clock is \(words); nothing is removed until it is set right")
    }
}
