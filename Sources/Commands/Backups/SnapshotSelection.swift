internal import Archives
internal import Assembly
internal import Backups
internal import Encodings
internal import Files
internal import Storage

/// A store that is open for reading, with its snapshots.
struct OpenArchive {
    /// The store and its powers.
    let opened: StoreAccess.Opened
    /// Reads snapshots and contents.
    let reader: StoreReader
    /// The snapshots, oldest first.
    let catalog: SnapshotCatalog

    /// Opens the store that `options` choose, and remembers how far each agent was seen.
    init(_ options: StoreOptions) async throws {
        let choice = try options.choose()
        opened = try await options.open(choice)
        reader = try await StoreReader(
            opened.store, write: opened.writeKeys, read: opened.readKeys,
            indexCache: IndexCache(directory: choice.pins.memory),
            notice: { Console.note("strongroom: \(choice.location): \($0)") })
        catalog = try await reader.snapshots()
        var seen = choice.trust
        seen.root = opened.store.fingerprint
        seen.generation = max(seen.generation, opened.store.generation)
        seen.agents = catalog.generations.merging(seen.agents) { max($0, $1) }
        try? choice.pins.record(seen, for: choice.location)
        for failure in catalog.failures {
            Console.note("strongroom: \(failure.name): \(failure.error.problem(about: failure.name))")
        }
    }

    /// The snapshots of `environment`, or all.
    func records(of environment: String?) -> [SnapshotRecord] {
        guard let environment else { return catalog.records }
        return catalog.records.filter { $0.header.environment == environment }
    }

    /// What was said about snapshots after they were taken.
    func annotations() async throws -> AnnotationCatalog { try await reader.annotations() }

    /// The snapshot that `text` means: `latest`, which is the one that a restore takes and told of as there, or at least eight
    /// digits of an id.
    func record(_ text: String, of environment: String?) throws -> SnapshotRecord {
        let records = records(of: environment)
        if text == "latest" {
            let plan = try RestorePlan(.latest, environment: environment, in: catalog)
            for notice in plan.notices { Console.note("strongroom: \(notice)") }
            plan.record.noteTimeAhead()
            return plan.record
        }
        guard text.utf8.count >= 8 else {
            throw Failure(.usage, "\(text): name at least eight digits of a snapshot")
        }
        let found = records.filter { $0.id.description.hasPrefix(text) }
        guard let only = found.first, found.count == 1 else {
            let reason = found.isEmpty ? "no such snapshot" : "means \(found.count) snapshots"
            let candidates = (found.isEmpty ? records : found).reversed().prefix(5)
            throw Failure(
                .usage, "\(text): \(reason)",
                hints: candidates.map { "there is \($0.id) of \($0.header.time)" }
                    + ["strongroom snapshots list shows them all"])
        }
        return only
    }

    /// The content of a snapshot. Throws `cannotDecrypt` where none of the identities reads this store.
    func open(_ record: SnapshotRecord) async throws -> Snapshot {
        guard opened.canRead else {
            throw Failure(
                .cannotDecrypt, "the identity can add to this store, not read it",
                hints: ["--identity FILE names a reader's identity"])
        }
        return try await reader.open(record)
    }
}

extension SnapshotRecord {
    /// The snapshot, its time and its commits, as a hint.
    var candidateWords: String {
        let commits = header.revisions.map { "\($0.source)=\(Hex.encode($0.commit))" }
        return "there is \(id) of \(header.time)"
            + (commits.isEmpty ? "" : " at \(commits.joined(separator: ", "))")
    }

    /// Says on standard error where its time, which is what its agent says, lies ahead of this machine's clock.
    func noteTimeAhead() {
        let (ahead, isOverflow) = header.time.seconds.subtractingReportingOverflow(WallClock.seconds())
        guard isOverflow || ahead > Int64(StoreClock.tolerance) else { return }
        Console.note("strongroom: note: its time, \(header.time), lies ahead of this machine's clock: \(id)")
    }
}

/// A place in a snapshot as it is typed: `SOURCE` or `SOURCE/PATH`.
struct SnapshotPlace {
    /// The source's name.
    let source: String
    /// The path beneath its root; empty for the root.
    let path: [UInt8]

    /// The place that `text` names as `options` say; a slash at its end is left out. Throws `usage`.
    init(_ text: String, _ options: PlaceOptions) throws {
        let parts = try options.bytes(text).split(
            separator: 0x2F, maxSplits: 1, omittingEmptySubsequences: false)
        source = String(decoding: parts[0], as: UTF8.self)
        guard !source.isEmpty else {
            throw Failure(
                .usage, "\(text): names no source: SOURCE or SOURCE/PATH, without a slash before it")
        }
        let rest = parts.count > 1 ? Array(parts[1]) : []
        path = rest.last == 0x2F ? rest.dropLast() : rest
    }

    /// `SOURCE/PATH`, and `SOURCE` for its root.
    static func text(_ source: String, _ path: [UInt8]) -> String {
        path.isEmpty ? source : "\(source)/\(Path(path))"
    }
}
