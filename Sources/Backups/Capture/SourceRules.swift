internal import Archives
internal import Synchronization

/// A command that runs before or after a source is captured: one that flushes, freezes, or mounts what a snapshot needs.
package struct SourceHook: Sendable {
    /// The command; its output is dropped. What it leaves running is not waited for.
    package private(set) var command: CommandRun
    /// Whether the source counts as captured only where the command succeeded.
    package let isRequired: Bool

    /// A hook of this command.
    package init(_ command: CommandRun, isRequired: Bool = true) {
        self.command = command
        self.command.isDoneAtExit = true
        // What was begun, a flush, a thaw, is better ended than cut.
        self.command.endsWithUs = false
        self.isRequired = isRequired
    }

    /// Runs the command to its end, also for a task that is cancelled: what was frozen is to go on. What went wrong, in
    /// words; nil where nothing did.
    func failure(_ name: String) async -> String? {
        let command = command
        return await Task {
            do {
                try await command.run()
                return nil
            } catch {
                return "\(name): \(CaptureNotes.reason(error))"
            }
        }.value
    }
}

/// What goes on around the capture of a source.
package struct SourceRules: Sendable {
    /// Runs first. Where it fails and is required, nothing is captured and the source failed.
    package var before: SourceHook?
    /// Runs last, whatever became of the capture and of `before`. Where it fails and is required, the source is partial.
    package var after: SourceHook?
    /// The share in per cent that a source may have lost since it was captured well the last time; nil for any.
    package var maximumShrink: Int?

    /// Rules that say nothing.
    package init() {}
}

extension SourceRules {
    /// Whether a hook that runs last is still to run, or runs, for any backup of this process: until then what the first one
    /// stopped stands still, and a process that is asked to end goes on.
    package static var isOwed: Bool { owed.load(ordering: .sequentiallyConsistent) > 0 }
    private static let owed = Atomic<Int>(0)

    /// Captures by `capture` between the hooks. Throws what `capture` throws, after the last hook; `CancellationError` before the
    /// first one where the task is cancelled by then.
    func around(
        _ source: BackupSource, _ capture: () async throws -> SnapshotSource
    ) async throws -> SnapshotSource {
        if after != nil { SourceRules.owed.add(1, ordering: .sequentiallyConsistent) }
        defer { if after != nil { SourceRules.owed.subtract(1, ordering: .sequentiallyConsistent) } }
        try Task.checkCancellation()
        let first = await before?.failure("before")
        let captured: Result<SnapshotSource, any Error>
        if let first, before?.isRequired == true {
            captured = .success(source.failed(first))
        } else {
            do {
                try Task.checkCancellation()
                captured = .success(try await capture())
            } catch { captured = .failure(error) }
        }
        let last = await after?.failure("after")
        var result = try captured.get()
        if let first, before?.isRequired == false { result.notes.insert(first, at: 0) }
        if let last {
            result.notes.append(last)
            if after?.isRequired == true, result.status == .complete { result.status = .partial }
        }
        return result
    }
}
