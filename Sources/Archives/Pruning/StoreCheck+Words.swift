import Storage

extension StoreCheck {
    /// What is wrong with an object, and who clears it away where it counts for nothing.
    static func words(_ failure: SnapshotCatalog.Failure) -> String {
        let problem = failure.error.problem(about: failure.name)
        return failure.error.code == .forged
            ? problem + " (it counts for nothing, and store prune clears it away where no chain needs it)"
            : problem
    }

    /// What is wrong with tombstones, annotations and leases: object and problem.
    static func problems(
        of catalog: SnapshotCatalog, _ keys: OpenedWrite
    ) async throws(ArchiveError) -> [(object: String, problem: String)] {
        var problems = catalog.tombstones.failures.map { (object: $0.name, problem: words($0)) }
        for failure in try await AnnotationCatalog.load(with: keys).failures {
            problems.append((failure.name, words(failure)))
        }
        for entry in try await ObjectPlace.leases.list(in: keys.store.objects) {
            do throws(ArchiveError) {
                let bytes = try await keys.store.objects.fetch(entry.name, limit: Lease.byteLimit)
                _ = try Lease.open(bytes, entry.name, with: keys)
            } catch {
                guard error.code != .storage else { throw error }
                // Ended meanwhile.
                guard error.code != .absent else { continue }
                problems.append(
                    (
                        entry.name.text,
                        error.problem(about: entry.name.text)
                            + " (store prune clears it away a day after it first saw it)"
                    ))
            }
        }
        return problems
    }
}
