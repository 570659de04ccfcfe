package import Archives
internal import Files
package import Keyrings
internal import Storage
internal import Trust

/// Forgetting and pruning on this machine: with what it has seen of the store before, and what it sees now kept.
package enum StorePrune {
    /// Prunes the store `opened`, which is known as `location`, as the agent of `identity`. See `StorePruner.run`.
    package static func run(
        _ opened: StoreAccess.Opened, at location: String, as identity: MemberIdentity, pins: StorePins,
        _ options: PruneOptions, progress: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> PruneReport {
        if !options.isDryRun { try await opened.objects.removeLeftovers() }
        var state = try pins.prunerState(for: location)
        let result: Result<PruneReport, ArchiveError>
        do throws(ArchiveError) {
            let report = try await StorePruner.run(
                opened.store, write: opened.writeKeys, agent: StoreAccess.agentKey(of: identity),
                presence: MachinePresence.current, state: &state, options: options, progress: progress)
            result = .success(report)
        } catch {
            result = .failure(error)
        }
        // Of a run that failed too: what it saw counts from then on.
        if !options.isDryRun { try pins.record(state, for: location) }
        let report = try result.get()
        var seen = try pins.trust(for: location)
        if seen.root == nil { seen.root = opened.store.fingerprint }
        guard seen.root == opened.store.fingerprint else { return report }
        seen.generation = max(seen.generation, opened.store.generation)
        seen.agents.merge(report.generations) { max($0, $1) }
        try? pins.record(seen, for: location)
        return report
    }

    /// What `rules` make of the snapshots of `environment` (of all, where it is nil), and why; oldest first.
    package static func verdicts(
        _ opened: StoreAccess.Opened, at location: String, as identity: MemberIdentity, pins: StorePins,
        _ rules: RetentionRules, of environment: String?, in catalog: SnapshotCatalog
    ) async throws -> [RetentionRules.Verdict] {
        let keeping = try SnapshotKeeping(
            opened.store, write: opened.writeKeys, agent: StoreAccess.agentKey(of: identity))
        let annotations = try await keeping.annotations()
        var state = try pins.prunerState(for: location)
        let result: Result<[RetentionRules.Verdict], ArchiveError>
        do throws(ArchiveError) {
            result = .success(
                try await state.verdicts(
                    by: rules, of: environment, in: catalog, annotations, store: opened.store,
                    presence: MachinePresence.current))
        } catch {
            result = .failure(error)
        }
        try pins.record(state, for: location)
        return try result.get()
    }

    /// Remembers an annotation of `snapshot` that was put into `store` just now: this machine notices when it vanishes. A
    /// failure to do so costs that, nothing else.
    package static func remember(
        _ annotation: AnnotationName, of snapshot: SnapshotID, in store: Store, at location: String,
        pins: StorePins
    ) {
        guard var state = try? pins.prunerState(for: location) else { return }
        state.note(annotation, of: snapshot, in: store.id)
        try? pins.record(state, for: location)
    }
}
