internal import Archives

extension EntryCursor {
    /// The next entry behind what the store has lost, of which `miss` is told; nil at the end. Throws what else fails, and where
    /// the task is cancelled.
    mutating func next(
        missing miss: (Unread?, ArchiveError) -> Void
    ) async throws -> Entry? {
        while true {
            try Task.checkCancellation()
            do throws(ArchiveError) {
                return try await next()
            } catch {
                guard error.isDamage else { throw error }
                miss(unread, error)
            }
        }
    }
}
