internal import Archives
internal import ArgumentParser
internal import Assembly
internal import Backups
internal import Files
internal import Glibc

/// `strongroom snapshots export`: a snapshot, or a part of one, as a tar archive.
struct SnapshotsExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write a snapshot as a tar archive.",
        discussion: """
            A pax archive, which GNU tar and bsdtar read, goes to standard output or into a file. PATH is SOURCE or \
            SOURCE/PATH; without it all sources are written, laid out as a restore does, repositories as their bundles. \
            Sockets are left out. What the store holds no sound copy of is left out and named, the exit code is 9; a \
            damaged file of more than 4 MiB ends the archive instead: restore goes on then. The file appears whole, in the place of one of that name, or not at all; on standard output an archive without an end \
            says that it is not whole, as does the exit code. What the snapshot does not have whole is told, and the \
            exit code is 10.

            With --repository a Git repository is written as one bundle, with every reference, instead: `git clone` takes it.
            """)

    @Argument(help: "At least eight digits of its id, or 'latest'.")
    var snapshot: String

    @Argument(help: ArgumentHelp("What is written, with all below it.", valueName: "path"))
    var path: String?

    @Option(help: ArgumentHelp("The archive. Default: standard output.", valueName: "file"))
    var output: String?

    @Option(help: ArgumentHelp("Write this repository as a Git bundle, no archive.", valueName: "name"))
    var repository: String?

    @Flag(help: "Print the outcome as JSON; with --output.")
    var json = false

    @OptionGroup var placing: PlaceOptions
    @OptionGroup var store: StoreOptions

    func validate() throws {
        guard !json || output != nil else {
            throw ValidationError("--json goes with --output: standard output is the archive")
        }
        guard repository == nil || (path == nil && !json) else {
            throw ValidationError("--repository goes with neither a path nor --json")
        }
    }

    func run() async throws {
        guard output != nil || !Console.isTerminal else {
            throw Failure(
                .usage, "an archive doesn't go to a terminal", hints: ["--output FILE, or pipe it into tar"])
        }
        let archive = try await OpenArchive(store)
        let snapshot = try await archive.open(try archive.record(snapshot, of: store.environment))
        let place = try path.map { try SnapshotPlace($0, placing) }
        if let repository {
            let (source, issues) = try await bundle(repository, snapshot, archive.reader)
            for issue in issues {
                Console.note("strongroom: \(SnapshotPlace.text(source.name, issue.path)): \(issue.reason)")
            }
            try requireWhole(snapshot, [source])
            guard issues.isEmpty else {
                throw Failure(
                    .partial, "\(source.name): the bundle has all refs but those that are told above")
            }
            return
        }
        let file = try output.map { try ArchiveFile(Path(try Process.absolute($0))) }
        let line = ProgressLine()
        defer { line.end() }
        let report = try await SnapshotExport.run(
            snapshot, archive.reader, source: place?.source, path: place?.path ?? []
        ) { bytes in
            if let file { try file.write(bytes) } else { try Console.write(span: bytes) }
        } progress: { report in
            line.show("\(Sizes.entries(report.entryCount)), \(Sizes.text(report.byteCount)) so far")
        }
        try file?.commit()
        line.end()
        try show(report)
        let browser = SnapshotBrowser(snapshot, archive.reader)
        try requireWhole(snapshot, try place.map { [try browser.source($0.source)] } ?? snapshot.sources)
    }

    /// Throws `partial` where the snapshot does not hold `sources` whole; what is wrong is told before.
    private func requireWhole(_ snapshot: Snapshot, _ sources: [SnapshotSource]) throws {
        let status = snapshot.record.header.status
        let short = sources.filter { $0.status != .complete }
        guard !short.isEmpty || status == .torn else { return }
        for source in short {
            Console.note("strongroom: \(source.name): not whole in the snapshot: \(source.captureWords)")
        }
        throw Failure(
            .partial,
            "the snapshot is \(status.name): all that it has of what was asked for is written, and that is not whole",
            hints: ["strongroom snapshots list shows others"])
    }

    /// Writes a repository's bundle, and returns the source and the refs that are left out. The repository is put together in
    /// a passing directory of the state directory.
    private func bundle(
        _ name: String, _ snapshot: Snapshot, _ reader: StoreReader
    ) async throws -> (SnapshotSource, [RestoreIssue]) {
        let named = name.hasPrefix("repository:") ? name : "repository:\(name)"
        let names = snapshot.sources.filter { $0.kind == .repository }.map(\.name)
        guard names.contains(where: { Array("repository:\($0)".utf8) == Array(named.utf8) }) else {
            let others = names.isEmpty ? "none" : names.joined(separator: ", ")
            throw Failure(.usage, "the snapshot has no repository \(named.dropFirst(11)); it has \(others)")
        }
        let source = try SnapshotBrowser(snapshot, reader).source(named)
        let scratch = Path(
            try Locations.memory() + "/exports/\(getpid())-\(UInt32.random(in: 0 ... .max)).git")
        _ = try Directory.makePath(scratch.parent)
        let file = try output.map { try ArchiveFile(Path(try Process.absolute($0))) }
        let issues = try await RepositoryExport.run(source, from: reader, scratch: scratch) { bytes in
            if let file { try file.write(bytes) } else { try Console.write(span: bytes) }
        }
        try file?.commit()
        return (source, issues)
    }

    private func show(_ report: SnapshotExport.Report) throws {
        if json { try Console.json(ExportDocument(report)) }
        for (source, issue) in report.issues {
            Console.note("strongroom: \(SnapshotPlace.text(source, issue.path)): \(issue.reason)")
        }
        guard !report.issues.contains(where: { $0.issue.kind == .damaged }) else {
            throw Failure(
                .damaged, "what is damaged in the store is not in the archive; all else is",
                hints: ["strongroom store check --read-data says what else is affected"])
        }
        guard report.issues.contains(where: { $0.issue.kind == .refused }) else { return }
        throw Failure(.partial, "some entries can't be in an archive; all others are")
    }
}

/// The file that an archive grows in: seen under its name when it is whole.
private final class ArchiveFile {
    private var file: AtomicFile?

    /// Begins the file at `path`. Throws where something that must not be replaced stands there.
    init(_ path: Path) throws {
        let directory = try Directory(path.parent)
        try directory.removeStaleTemporaries(of: path.name)
        file = try AtomicFile(path.name, in: directory)
    }

    /// Appends bytes.
    func write(_ bytes: RawSpan) throws { try file?.write(bytes) }

    /// Makes it visible and durable.
    func commit() throws { try file.take()?.commit() }
}

/// The outcome of an export as JSON.
private struct ExportDocument: Encodable {
    struct Issue: Encodable {
        let source: String
        let path: String
        let kind: String
        let reason: String
    }
    let entries: Int
    let bytes: UInt64
    let issues: [Issue]

    init(_ report: SnapshotExport.Report) {
        entries = report.entryCount
        bytes = report.byteCount
        issues = report.issues.map { source, issue in
            Issue(
                source: source, path: Path(issue.path).description, kind: issue.kind.rawValue,
                reason: issue.reason)
        }
    }
}
