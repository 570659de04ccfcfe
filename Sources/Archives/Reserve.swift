import Storage

extension ObjectStore {
    /// Runs `body`; where the place is full and holds a reserve, gives that back and runs `body` once more.
    func releasingReserve<Result>(
        _ body: (_ isFull: Bool) async throws(ArchiveError) -> Result
    ) async throws(ArchiveError) -> Result {
        do throws(ArchiveError) {
            return try await body(false)
        } catch {
            guard error.isNoSpace, (try? await releaseReserve()) ?? false else { throw error }
        }
        return try await body(true)
    }
}

extension ArchiveError {
    /// Whether it comes of a place that is full.
    fileprivate var isNoSpace: Bool {
        switch underlying {
        case let error as StorageError: error.code == .noSpace
        case let error as ArchiveError: error.isNoSpace
        default: false
        }
    }
}
