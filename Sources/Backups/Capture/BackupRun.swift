package import Archives
package import Encodings
internal import Files

/// What a run of a backup left in the store.
package struct BackupOutcome: Sendable {
    /// The snapshot's id.
    package let id: SnapshotID
    /// Its header: time, status, revisions, generation.
    package let header: SnapshotHeader
    /// Each source with its status, notes and size, in the order in which they were given.
    package let sources: [SnapshotSource]
    /// What was read, and what was new to the store.
    package let statistics: WriterStatistics

    /// How the snapshot came out; anything but `complete` is exit 10.
    package var status: SnapshotStatus { header.status }
    /// The logical length of all sources.
    package var byteCount: UInt64 { sources.reduce(0) { $0 &+ $1.byteCount } }
}

/// One backup: all sources of an environment into one snapshot.
package struct BackupRun: Sendable {
    /// The environment's name.
    package var environment: String
    /// What is captured, in this order.
    package var sources: [BackupSource]
    /// The name of this machine, for people.
    package var host: String
    /// What is applied and healthy; asked before and after the capture.
    package var revisions: @Sendable () async throws -> [Revision]
    /// The time now.
    package var clock: @Sendable () -> Timestamp
    /// Where unchanged files are remembered; nil reads everything each time.
    package var memory: CaptureMemory?

    /// A backup of `sources`.
    package init(
        environment: String, sources: [BackupSource], host: String,
        clock: @escaping @Sendable () -> Timestamp,
        revisions: @escaping @Sendable () async throws -> [Revision] = { [] }
    ) {
        self.environment = environment
        self.sources = sources
        self.host = host
        self.clock = clock
        self.revisions = revisions
    }

    /// Captures every source and writes the snapshot, last. `recording` is handed its bytes before they are put, so
    /// that a retry can put the same.
    ///
    /// A source that fails, and entries that can't be read, make the snapshot `partial` (`failed` where no source
    /// gave anything) and never stop the others. Revisions that differ before and after make it `torn`; it records
    /// those from before. Its time is that at which the capture began. The directories that repositories are mirrored
    /// to are written. Throws `invalidSources`, `store`, `caller` (revisions, recording, cancellation): then there is
    /// no snapshot, but for a store that fails in or after its put. The writer is closed in any case.
    package func run(
        in writer: StoreWriter, recording: (PreparedSnapshot) async throws -> Void = { _ in }
    ) async throws(BackupError) -> BackupOutcome {
        do {
            try BackupSource.check(sources)
            let before = try await revisions().sorted()
            let time = clock()
            var captured: [SnapshotSource] = []
            for source in sources {
                captured.append(
                    try await WorkExecutor.run { try await capture(source, writer, startedAt: time) })
            }
            let after = try await revisions().sorted()
            let draft = SnapshotDraft(
                environment: environment, time: time,
                status: before == after ? BackupRun.status(captured) : .torn,
                revisions: before, sources: captured, host: host)
            let prepared = try await writer.prepare(draft)
            try await recording(prepared)
            let id = try await writer.commit(prepared)
            return BackupOutcome(
                id: id, header: prepared.header, sources: captured, statistics: writer.statistics)
        } catch {
            await writer.close()
            throw BackupError.wrapping(error)
        }
    }

    /// Captures one source; its own failure is its status. Throws what ends the run: the store's, cancellation.
    private func capture(
        _ source: BackupSource, _ writer: StoreWriter, startedAt time: Timestamp
    ) async throws -> SnapshotSource {
        do {
            switch source {
            case .directory(let name, let path):
                return try await DirectoryCapture.run(name, path, writer, memory, startedAt: time)
            case .command(let name, let command): return try await CommandCapture.run(name, command, writer)
            case .repository(let name, let url, let mirror, let fetching):
                return try await RepositoryCapture.run(
                    name, url, mirror, fetching, writer, memory, startedAt: time)
            case .documents(let name, let documents):
                return try await DocumentCapture.run(name, documents, writer)
            }
        } catch let error as ArchiveError where error.code != .source {
            throw error
        } catch let error as CancellationError {
            throw error
        } catch {
            try Task.checkCancellation()
            return SnapshotSource(
                name: source.name, kind: source.kind, status: .failed, notes: [CaptureNotes.reason(error)],
                root: nil, facts: source.facts)
        }
    }

    private static func status(_ sources: [SnapshotSource]) -> SnapshotStatus {
        if sources.allSatisfy({ $0.status == .complete }) { return .complete }
        return sources.allSatisfy { $0.status == .failed } ? .failed : .partial
    }
}

extension BackupSource {
    /// What is known of a source that gave nothing.
    fileprivate var facts: [SourceFact] {
        switch self {
        case .directory(_, let path): [SourceFact("path", path.bytes)]
        case .command(_, let command): [command.fact]
        // The URL as it was written may hold a credential: it is recorded only when it was checked.
        case .repository, .documents: []
        }
    }
}
