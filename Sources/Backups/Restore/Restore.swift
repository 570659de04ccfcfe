package import Archives
package import Files
internal import Git

/// Brings a snapshot back into a directory that is absent or empty.
///
/// On disk: everything grows in a staging directory beside it (`RestoreStaging`), is synchronised, and gets its name
/// by one rename: after a failure or a kill there is nothing under the final name, and the next restore into the same
/// place goes on with what was left: contents that have the ids of their chunks are not read again. Layout: `directories/<name>/…`,
/// `commands/<name>`, `repositories/<name>.git`, `keyring/…`, `kubernetes/<name>/…`, `REPORT.json`. Where sources are
/// chosen and one alone is meant, its content itself: a directory's or the keyring's tree, a bare repository, or
/// `<name>` for a command.
package struct Restore: Sendable {
    /// What is restored, and with which facts.
    package struct Options: Sendable {
        /// The names of the sources, `<name>` or `<kind>:<name>`; all where empty.
        package var sources: [String] = []
        /// Paths beneath the roots of trees, with all that is below them; everything where empty. Where it is not,
        /// commands and repositories, which have no such paths, are left out.
        package var only: [[UInt8]] = []
        /// Sources that are restored whole beside the paths of `only`, named as in `sources`; where there are such, the others
        /// are left out but for these paths.
        package var wholeSources: [String] = []
        /// Facts that are put on entries only when asked for.
        package var tree = TreeRestorer.Options()

        /// Everything, without owners, set-id bits and devices.
        package init() {}
    }

    /// One source and the place it goes to.
    fileprivate struct Part {
        let source: SnapshotSource
        /// Beneath the restored directory; empty for that itself.
        let path: Path
        /// What of it; all where there is none.
        let only: [[UInt8]]

        /// Whether nothing was captured of it. Where paths are asked for, they are of others.
        var isMissing: Bool { source.root == nil && source.status != .complete && only.isEmpty }
    }

    let reader: StoreReader
    let snapshot: Snapshot
    let user: FileOwner
    let options: Options

    /// Restores what `plan` chose into `target` as `user`, the process's own user and group.
    ///
    /// Entries that are refused, and those of which the store holds no sound copy, are listed in the report and are not
    /// there; the rest is restored. A damaged repository is left out as a whole. Throws `occupied`, `busy`,
    /// `unknownSource`, `unknownPath` (a path of `only` that no chosen source has), `store`, `files`, `git`.
    package static func run(
        _ plan: RestorePlan, from reader: StoreReader, into target: Path, as user: FileOwner,
        _ options: Options = Options()
    ) async throws(BackupError) -> RestoreReport {
        do {
            let snapshot = try await reader.open(plan.record)
            let restore = Restore(reader: reader, snapshot: snapshot, user: user, options: options)
            let parts = try await restore.parts(plan)
            let staging = try RestoreStaging(for: target)
            do {
                return try await restore.fill(staging, parts, plan)
            } catch {
                throw left(staging, by: error)
            }
        } catch {
            throw BackupError.wrapping(error)
        }
    }

    /// One source that a restore brings back.
    package struct PlannedSource: Sendable {
        /// The source's name.
        package let name: String
        /// What it is.
        package let kind: SourceKind
        /// How its capture came out.
        package let status: SnapshotStatus
        /// Where it goes beneath the restored directory; empty for that itself.
        package let path: String
        /// Its entries, those of the chosen paths alone where some are.
        package let entryCount: UInt64
        /// The length of their contents.
        package let byteCount: UInt64
        /// Whether nothing was captured of it, which the restore lists as missing.
        package let isMissing: Bool
    }

    /// What `run` would bring back; nothing is written. Throws as `run`, but for what the place and the contents cause.
    package static func planned(
        _ plan: RestorePlan, from reader: StoreReader, as user: FileOwner, _ options: Options = Options()
    ) async throws(BackupError) -> [PlannedSource] {
        do {
            let snapshot = try await reader.open(plan.record)
            let restore = Restore(reader: reader, snapshot: snapshot, user: user, options: options)
            var planned: [PlannedSource] = []
            for part in try await restore.parts(plan) {
                let (entryCount, byteCount) = try await restore.size(of: part)
                planned.append(
                    PlannedSource(
                        name: part.source.name, kind: part.source.kind, status: part.source.status,
                        path: part.path.description, entryCount: entryCount, byteCount: byteCount,
                        isMissing: part.isMissing))
            }
            return planned
        } catch {
            throw BackupError.wrapping(error)
        }
    }

    /// Throws `occupied` where `target` is neither absent nor an empty directory.
    package static func checkFree(_ target: Path) throws(BackupError) {
        do {
            try RestoreStaging.checkFree(target)
        } catch {
            throw BackupError.wrapping(error)
        }
    }

    private func size(of part: Part) async throws -> (entryCount: UInt64, byteCount: UInt64) {
        guard !part.only.isEmpty, let root = part.source.root else {
            return (part.source.entryCount, part.source.byteCount)
        }
        var (entryCount, byteCount): (UInt64, UInt64) = (0, 0)
        for prefix in LinkTargets(part.only).prefixes {
            var cursor = reader.entries(of: root, under: prefix)
            while let entry = try await cursor.next() {
                entryCount += 1
                byteCount &+= entry.content?.byteCount ?? 0
            }
        }
        return (entryCount, byteCount)
    }

    /// Restores one source into `staging`, as it is when it is restored alone; it is on the disk then.
    static func stage(
        _ source: SnapshotSource, of snapshot: Snapshot, from reader: StoreReader,
        into staging: borrowing RestoreStaging, as user: FileOwner, _ options: Options
    ) async throws -> RestoreReport.Source {
        let restore = Restore(reader: reader, snapshot: snapshot, user: user, options: options)
        let content = try staging.makeContent()
        let part = Part(source: source, path: source.lonePlace, only: [])
        let report = try await restore.restore(part, content, staging)
        try content.synchronizeFileSystem()
        return report
    }

    // MARK: - What goes where

    /// Whether one source's content itself is what the directory becomes.
    private func isLone(_ count: Int) -> Bool { !options.sources.isEmpty && count == 1 }

    private func parts(_ plan: RestorePlan) async throws -> [Part] {
        var chosen: [SnapshotSource] = []
        if options.sources.isEmpty { chosen = snapshot.sources }
        for name in options.sources {
            chosen += try sources(called: name).filter { !chosen.contains($0) }
        }
        if plan.isDesiredStateAlone { chosen = chosen.filter { !$0.kind.isLive } }
        guard !options.only.isEmpty || !options.wholeSources.isEmpty else {
            return chosen.map { Part(source: $0, path: place(of: $0, among: chosen), only: []) }
        }
        let whole = try options.wholeSources.flatMap { try sources(called: $0) }
        let partial =
            options.only.isEmpty ? [] : chosen.filter { $0.kind.hasTree && !whole.contains($0) }
        for path in options.only { try await checkPresent(path, in: partial + whole) }
        chosen = chosen.filter { whole.contains($0) || partial.contains($0) }
        return chosen.map { source in
            Part(
                source: source, path: place(of: source, among: chosen),
                only: whole.contains(source) ? [] : options.only)
        }
    }

    private func sources(called name: String) throws(BackupError) -> [SnapshotSource] {
        let found = snapshot.sources(called: name)
        guard !found.isEmpty else {
            let names = snapshot.sources.map(\.name).joined(separator: ", ")
            throw BackupError(.unknownSource, "the snapshot has no source \(name); it has \(names)")
        }
        return found
    }

    private func place(of source: SnapshotSource, among chosen: [SnapshotSource]) -> Path {
        isLone(chosen.count) ? source.lonePlace : source.place
    }

    private func checkPresent(_ path: [UInt8], in sources: [SnapshotSource]) async throws {
        guard PathOrder.isValid(path), !path.isEmpty else {
            throw BackupError(.unknownPath, "not a path beneath a source: \(Path(path))")
        }
        for root in sources.compactMap(\.root) {
            do throws(ArchiveError) {
                if try await reader.entry(at: path, of: root) != nil { return }
            } catch {
                // It may be there: the restore lists what can't be read.
                guard error.isDamage else { throw error }
                return
            }
        }
        throw BackupError(.unknownPath, "no source that is restored has \(Path(path))")
    }

    // MARK: - Filling

    private func fill(
        _ staging: borrowing RestoreStaging, _ parts: [Part], _ plan: RestorePlan
    ) async throws -> RestoreReport {
        var report = RestoreReport(snapshot: snapshot, rule: plan.rule, notices: plan.notices, sources: [])
        report.hasLiveState = !plan.isDesiredStateAlone
        if parts.count == 1, parts[0].source.kind == .repository, parts[0].path.bytes.isEmpty {
            let source = try await repository(parts[0], at: staging.contentPath)
            report.sources = [source]
            if source.entryCount == 0 { _ = try staging.makeContent() }
            try staging.commit(try staging.openContent())
            return report
        }
        let content = try staging.makeContent()
        for part in parts {
            try Task.checkCancellation()
            report.sources.append(try await restore(part, content, staging))
        }
        if let desired = plan.desired, !isLone(parts.count), isWanted(desired) {
            report.desired = try await restore(desired, content, staging.scratchPath)
        }
        if !isLone(parts.count) {
            try content.writeNew(Array(report.json.utf8), to: "REPORT.json")
        }
        try staging.commit(content)
        return report
    }

    private func restore(
        _ part: Part, _ content: borrowing Directory, _ staging: borrowing RestoreStaging
    ) async throws -> RestoreReport.Source {
        var report = RestoreReport.Source(part)
        guard let root = part.source.root else { return .empty(part) }
        guard Path(part.source.name).isName else {
            report.issues.append(RestoreIssue([], .refused, "a source whose name is no name of a file"))
            return report
        }
        switch part.source.kind {
        case .repository:
            _ = try content.makeDirectories(part.path.parent)
            return try await repository(part, at: staging.contentPath.appending(part.path))
        case .command:
            let name = part.path.name
            let directory =
                part.path == name ? try content.duplicate() : try content.makeDirectories(part.path.parent)
            guard try await isOutput(name.bytes, root) else {
                report.issues.append(RestoreIssue(name.bytes, .refused, "a command without its output"))
                return report
            }
            try await tree(
                [name.bytes], root, into: directory, isPlain: true,
                staging.earlierFiles(part.path == name ? Path([]) : part.path.parent), &report)
        case .directory, .keyring, .kubernetes:
            let directory =
                part.path.bytes.isEmpty ? try content.duplicate() : try content.makeDirectories(part.path)
            let isPlain = part.source.kind != .directory
            try await tree(
                part.only, root, into: directory, isPlain: isPlain, staging.earlierFiles(part.path), &report)
        }
        return report
    }

    /// Whether a command's output is there, or may be where the store is damaged: the walk says so then.
    private func isOutput(_ name: [UInt8], _ root: NodeID) async throws(ArchiveError) -> Bool {
        do throws(ArchiveError) {
            return try await reader.entry(at: name, of: root)?.content != nil
        } catch {
            guard error.isDamage else { throw error }
            return true
        }
    }

    /// The error, with the place of what was restored so far where the next run can go on with that; else nothing is left.
    private static func left(_ staging: borrowing RestoreStaging, by error: any Error) -> any Error {
        let error = BackupError.wrapping(error)
        let isOfThisRun = [.store, .files, .git, .caller].contains(error.code)
        guard isOfThisRun, let place = staging.leave() else {
            staging.discard()
            return error
        }
        return BackupError(
            error.code, error.context, underlying: error.underlying, candidates: error.candidates, left: place
        )
    }

    // MARK: - Repositories

    /// Makes a bare repository at `path` with every object, ref and HEAD. One whose bundles or names are refused is
    /// removed again and listed. Throws what fails for a reason of this machine or the store.
    private func repository(_ part: Part, at path: Path) async throws -> RestoreReport.Source {
        var report = RestoreReport.Source(part)
        guard let root = part.source.root else { return .empty(part) }
        do {
            let outcome = try await RepositoryRestore.run(root, reader, at: path)
            (report.byteCount, report.entryCount) = (outcome.byteCount, 1)
            report.issues += outcome.issues
        } catch let error as GitError where !error.isOfThisMachine {
            try Directory(path.parent).removeTree(path.name)
            report.issues.append(RestoreIssue([], .refused, "the repository: \(error.context)"))
        } catch let error as ArchiveError where error.isDamage {
            let parent = try Directory(path.parent)
            if try parent.metadataIfPresent(of: path.name) != nil { try parent.removeTree(path.name) }
            let words = "the repository is left out, it is damaged in the store: \(error.context)"
            report.issues.append(RestoreIssue([], .damaged, words))
        }
        return report
    }
}

extension RestoreReport.Source {
    fileprivate init(_ part: Restore.Part) {
        self.init(
            name: part.source.name, kind: part.source.kind, status: part.source.status,
            notes: part.source.notes, path: part.path)
    }

    /// Of a source that the snapshot has nothing of.
    fileprivate static func empty(_ part: Restore.Part) -> RestoreReport.Source {
        var report = RestoreReport.Source(part)
        if part.isMissing {
            let words = (["it \(part.source.status.name)"] + part.source.notes.prefix(3)).joined(
                separator: "; ")
            report.issues.append(RestoreIssue([], .missing, "nothing was captured of it: \(words)"))
        }
        return report
    }
}

extension SnapshotSource {
    /// Where it goes in a restore of several.
    fileprivate var place: Path {
        switch kind {
        case .directory: Path("directories").appending(Path(name))
        case .command: Path("commands").appending(Path(name))
        case .repository: Path("repositories").appending(Path("\(name).git"))
        case .keyring: "keyring"
        case .kubernetes: Path("kubernetes").appending(Path(name))
        }
    }

    /// Where it goes when it is restored alone.
    fileprivate var lonePlace: Path { kind == .command ? Path(name) : Path([]) }
}

extension SourceKind {
    /// Whether it is state that lives outside of Git.
    var isLive: Bool {
        switch self {
        case .directory, .command, .kubernetes: true
        case .repository, .keyring: false
        }
    }

    /// Whether paths beneath its root mean something to people.
    fileprivate var hasTree: Bool {
        switch self {
        case .directory, .keyring, .kubernetes: true
        case .command, .repository: false
        }
    }
}
