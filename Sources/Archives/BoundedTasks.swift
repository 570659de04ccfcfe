import Storage

/// Runs one task an object, some at a time.
enum BoundedTasks {
    /// Runs `body` for each of `entries`, at most `parallelism` and objects of `byteLimit` bytes together at once, and `done`
    /// with what each gives, in the order in which they end. The first failure is thrown when those under way have ended.
    static func run<Outcome: Sendable>(
        _ entries: [ObjectEntry], _ parallelism: Int, byteLimit: Int = .max,
        _ body: @escaping @Sendable (ObjectEntry) async -> Result<Outcome, ArchiveError>,
        done: (ObjectEntry, Outcome) -> Void
    ) async throws(ArchiveError) {
        var failure: ArchiveError?
        await withTaskGroup(of: (ObjectEntry, Result<Outcome, ArchiveError>).self) { group in
            var (count, byteCount) = (0, 0)
            func settle(_ entry: ObjectEntry, _ outcome: Result<Outcome, ArchiveError>) {
                count -= 1
                byteCount -= entry.byteCount
                switch outcome {
                case .success(let outcome): done(entry, outcome)
                case .failure(let error): failure = failure ?? error
                }
            }
            for entry in entries {
                while count > 0,
                    count >= parallelism || byteCount > byteLimit - min(entry.byteCount, byteLimit),
                    let (ended, outcome) = await group.next()
                {
                    settle(ended, outcome)
                }
                guard failure == nil else { break }
                count += 1
                byteCount += entry.byteCount
                group.addTask { (entry, await body(entry)) }
            }
            for await (ended, outcome) in group { settle(ended, outcome) }
        }
        if let failure { throw failure }
    }
}
