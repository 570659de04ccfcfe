import Storage

extension StoreCheck {
    /// What is wrong with tombstones, annotations and leases: object and problem.
    static func problems(
        of catalog: SnapshotCatalog, _ keys: OpenedWrite
    ) async throws(ArchiveError) -> [(object: String, problem: String)] {
        var problems = catalog.tombstones.failures.map { (object: $0.name, problem: $0.error.context) }
        for failure in try await AnnotationCatalog.load(with: keys).failures {
            problems.append((failure.name, failure.error.context))
        }
        for entry in try await ObjectPlace.leases.list(in: keys.store.objects) {
            do throws(ArchiveError) {
                let bytes = try await keys.store.objects.fetch(entry.name, limit: Lease.byteLimit)
                _ = try Lease.open(bytes, entry.name, with: keys)
            } catch {
                guard error.code != .storage else { throw error }
                // Ended meanwhile.
                guard error.code != .absent else { continue }
                problems.append((entry.name.text, error.context))
            }
        }
        return problems
    }
}
