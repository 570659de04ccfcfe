internal import Archives
internal import ArgumentParser
internal import Assembly
internal import Backups
internal import Encodings
internal import Files

/// Which snapshot is meant: by id, commit or time.
struct SnapshotChoice: ParsableArguments {
    @Option(help: ArgumentHelp("At least eight digits of a snapshot's id, or 'latest'.", valueName: "id"))
    var snapshot: String?

    @Option(
        help: ArgumentHelp(
            "The commit that was applied, of a source or of any.", valueName: "[source=]commit"))
    var commit: String?

    @Option(
        help: ArgumentHelp("The newest snapshot up to this time, as 2026-03-01T09:30:00Z.", valueName: "time")
    )
    var asOf: String?

    @Flag(
        help: """
            Where no snapshot was taken at the commit or after it, take that of the nearest commit before it: live state \
            is older than the commit then.
            """)
    var nearestAncestor = false

    /// Whether nothing is chosen.
    var isEmpty: Bool { snapshot == nil && commit == nil && asOf == nil && !nearestAncestor }

    /// Throws a `ValidationError` unless one choice is made.
    func check() throws {
        guard [snapshot, commit, asOf].compactMap({ $0 }).count == 1 else {
            throw ValidationError("say what to restore: one of --snapshot, --commit and --as-of")
        }
        guard commit != nil || !nearestAncestor else {
            throw ValidationError("--nearest-ancestor goes with --commit")
        }
    }

    /// The plan that the options mean. Repositories whose history decides are brought into `scratch`.
    func plan(
        in archive: OpenArchive, environment: String?, scratch: HistoryScratch
    ) async throws -> RestorePlan {
        if let snapshot {
            let plan = try RestorePlan(
                snapshot == "latest" ? .latest : .id(snapshot), environment: environment, in: archive.catalog)
            plan.record.noteTimeAhead()
            return plan
        }
        if let asOf {
            guard let time = try? Timestamp(rfc3339: asOf) else {
                throw Failure(.usage, "--as-of: expected a time as 2026-03-01T09:30:00Z")
            }
            return try RestorePlan(.asOf(time), environment: environment, in: archive.catalog)
        }
        let parts = (commit ?? "").split(separator: "=", maxSplits: 1).map(String.init)
        let (source, digits) = parts.count == 2 ? (parts[0], parts[1]) : (nil, parts.first ?? "")
        guard archive.opened.canRead else {
            // What headers tell: nobody without the read key looks into repositories.
            return try RestorePlan(
                .commit(digits, source: source), environment: environment, in: archive.catalog)
        }
        return try await RestorePlan.at(
            digits, source: source, environment: environment, in: archive.catalog, archive.reader,
            scratch: try scratch.path(), takingAncestor: nearestAncestor)
    }
}

/// A directory for repositories whose history is looked through; made when it is asked for.
final class HistoryScratch {
    private let parent: Path
    private var lock: FileLock?

    /// A place in the user's own state directory.
    init() throws { parent = Path(try Locations.memory()).appending("histories") }

    /// The empty directory: what a killed run left is removed. Throws `locked` where another run uses it.
    func path() throws -> Path {
        let directory = try Directory.makePath(parent)
        if lock == nil {
            do throws(FileError) {
                lock = try FileLock("lock", in: directory)
            } catch {
                guard error.code == .locked else { throw error }
                throw Failure(.locked, "another restore looks for a commit; run it again when that has ended")
            }
        }
        if try directory.metadataIfPresent(of: "repositories") != nil {
            try directory.removeTree("repositories")
        }
        try directory.makeDirectory("repositories")
        return parent.appending("repositories")
    }

    /// Removes what was made.
    func remove() {
        guard lock != nil, let directory = try? Directory(parent) else { return }
        try? directory.removeTree("repositories")
        lock = nil
    }
}
