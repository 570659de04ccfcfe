package import Archives
package import Encodings
package import Files

/// What a run of a backup left in the store.
package struct BackupOutcome: Sendable {
    /// The snapshot's id.
    package let id: SnapshotID
    /// Its header: time, status, revisions, generation.
    package let header: SnapshotHeader
    /// Each source with its status, notes and size, in the order in which they were given.
    package let sources: [SnapshotSource]
    /// Why what was captured is not of one moment though the revisions are; nil where it is, and where they are not.
    package let disturbance: String?
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
    /// What restores in place do to live state; asked before and after the capture.
    package var moment: @Sendable () async throws -> LiveMoment = { LiveMoment(mark: "") }
    /// The time now.
    package var clock: @Sendable () -> Timestamp
    /// Where unchanged files, and the sizes of sources, are remembered; nil reads everything each time.
    package var memory: CaptureMemory?
    /// Waits until no other run takes a snapshot as the same agent, and keeps others waiting as long as the lock lives: an agent's
    /// snapshots form a chain, which two at once would fork. Asked when everything is captured; nil where nobody else is.
    package var turn: @Sendable () async throws -> FileLock? = { nil }
    /// Whether what the sources hold now is right, however much less it is than before.
    package var acceptsShrink = false

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
    /// gave anything) and never stop the others; so does a source that lost more than its rules let it lose since it was
    /// captured well the last time. Where revisions differ before and after, or a restore in place went on, everything is
    /// captured once more; where it is so again, or one that was cut off stands, the snapshot is `torn`, and a restore is
    /// noted at each source of live state. It records the revisions from before. Its time is that at which the capture began. The
    /// directories that repositories are mirrored to are written, hooks are run. Throws `invalidSources`, `store`, `caller`
    /// (revisions, recording, cancellation): then there is no snapshot, but for a store that fails in or after its put. The
    /// writer is closed in any case.
    package func run(
        in writer: StoreWriter, recording: (PreparedSnapshot) async throws -> Void = { _ in }
    ) async throws(BackupError) -> BackupOutcome {
        do {
            try BackupSource.check(sources)
            let sizes = memory.map { CaptureSizes($0, environment, writer) }
            var round = try await capture(in: writer, sizes)
            if round.isTorn, !round.isDisturbedFromTheStart { round = try await capture(in: writer, sizes) }
            if let disturbance = round.disturbance { round.note(disturbance) }
            let draft = SnapshotDraft(
                environment: environment, time: round.time,
                status: round.isTorn ? .torn : BackupRun.status(round.sources),
                revisions: round.before, sources: round.sources, host: host)
            let turn = try await turn()
            defer { _ = turn }
            let prepared = try await writer.prepare(draft)
            try await recording(prepared)
            let id = try await writer.commit(prepared)
            for (source, captured) in zip(sources, round.sources)
            where captured.status == .complete && source.maximumShrink != nil && round.disturbance == nil {
                sizes?.record(captured)
            }
            return BackupOutcome(
                id: id, header: prepared.header, sources: round.sources, disturbance: round.disturbance,
                statistics: writer.statistics)
        } catch {
            await writer.close()
            throw BackupError.wrapping(error)
        }
    }

    /// All sources between two looks at the revisions and at live state.
    private struct Round {
        let time: Timestamp
        let before: [Revision]
        var sources: [SnapshotSource] = []
        var isDisturbedFromTheStart = false
        var disturbance: String?
        var isTorn = false

        /// Says of each source of live state why it is not of one moment.
        mutating func note(_ disturbance: String) {
            for index in sources.indices where sources[index].kind.isLive {
                sources[index].notes.append(disturbance)
            }
        }
    }

    private func capture(in writer: StoreWriter, _ sizes: CaptureSizes?) async throws -> Round {
        let moment = try await moment()
        var round = Round(time: clock(), before: try await revisions().sorted())
        round.isDisturbedFromTheStart = moment.disturbance != nil
        for source in sources {
            let time = round.time
            let captured = try await WorkExecutor.run { try await capture(source, writer, startedAt: time) }
            round.sources.append(judged(captured, source, sizes))
        }
        round.disturbance = moment.disturbance(until: try await self.moment())
        round.isTorn = try await revisions().sorted() != round.before || round.disturbance != nil
        return round
    }

    private func judged(
        _ captured: SnapshotSource, _ source: BackupSource, _ sizes: CaptureSizes?
    ) -> SnapshotSource {
        guard !acceptsShrink, let limit = source.maximumShrink else { return captured }
        return sizes?.judge(captured, limit: limit) ?? captured
    }

    /// Captures one source; its own failure is its status. Throws what ends the run: the store's, cancellation.
    private func capture(
        _ source: BackupSource, _ writer: StoreWriter, startedAt time: Timestamp
    ) async throws -> SnapshotSource {
        do {
            switch source {
            case .directory(let name, let path, let selection):
                return try await DirectoryCapture.run(name, path, selection, writer, memory, startedAt: time)
            case .command(let name, let command, let restoring):
                return try await CommandCapture.run(name, command, restoring, writer)
            case .repository(let name, let url, let mirror, let fetching):
                return try await RepositoryCapture.run(
                    name, url, mirror, fetching, writer, memory, startedAt: time)
            case .documents(let name, let documents):
                return try await DocumentCapture.run(name, documents, writer)
            case .gathered(let name, let gather):
                let documents = try await gather()
                try BackupSource.check(documents)
                return try await DocumentCapture.run(name, documents, writer)
            case .ruled(let inner, let rules):
                return try await rules.around(inner) {
                    try await capture(inner, writer, startedAt: time)
                }
            }
        } catch let error as ArchiveError where error.code != .source {
            throw error
        } catch let error as CancellationError {
            throw error
        } catch {
            try Task.checkCancellation()
            return source.failed(CaptureNotes.reason(error))
        }
    }

    private static func status(_ sources: [SnapshotSource]) -> SnapshotStatus {
        if sources.allSatisfy({ $0.status == .complete }) { return .complete }
        return sources.allSatisfy { $0.status == .failed } ? .failed : .partial
    }
}

extension BackupSource {
    /// What a snapshot says of a source that gave nothing, and why it didn't.
    func failed(_ reason: String) -> SnapshotSource {
        SnapshotSource(name: name, kind: kind, status: .failed, notes: [reason], root: nil, facts: facts)
    }

    /// The share in per cent that it may lose from one snapshot to the next; nil for any.
    fileprivate var maximumShrink: Int? {
        guard case .ruled(_, let rules) = self else { return nil }
        return rules.maximumShrink
    }

    /// What is known of a source that gave nothing.
    private var facts: [SourceFact] {
        switch self {
        case .directory(_, let path, let selection): selection.facts(path)
        case .command(_, let command, let restoring): command.facts(restoring)
        case .ruled(let source, _): source.facts
        // The URL as it was written may hold a credential: it is recorded only when it was checked.
        case .repository, .documents, .gathered: []
        }
    }
}
