internal import Archives
internal import Backups
internal import Encodings

/// What a restore would do, as `--dry-run` shows it.
struct RestorePlanDocument: Encodable {
    /// One source.
    struct Source: Encodable {
        let name: String
        let kind: String
        let status: String
        let path: String
        let entries: UInt64
        let bytes: UInt64
    }

    /// A commit whose files are restored beside or in place of live state.
    struct Desired: Encodable {
        let source: String
        let commit: String
        let isAlone: Bool
    }

    let snapshot: String
    let time: String
    let environment: String
    let status: String
    let rule: String
    let notices: [String]
    let revisions: [String: String]
    let sources: [Source]
    let desired: Desired?
    let into: String
    let bytes: UInt64

    /// The plan of a restore of `planned` into the directory `into`.
    init(_ plan: RestorePlan, _ planned: [Restore.PlannedSource], into: String) {
        let header = plan.record.header
        snapshot = plan.record.id.description
        time = header.time.description
        environment = header.environment
        status = header.status.name
        rule = plan.rule
        notices = plan.notices
        revisions = Dictionary(
            header.revisions.map { ($0.source, Hex.encode($0.commit)) },
            uniquingKeysWith: { first, _ in first })
        sources = planned.map { source in
            Source(
                name: source.name, kind: source.kind.name, status: source.status.name, path: source.path,
                entries: source.entryCount, bytes: source.byteCount)
        }
        desired = plan.desired.map { state in
            Desired(
                source: state.source, commit: Hex.encode(state.commit), isAlone: plan.isDesiredStateAlone)
        }
        self.into = into
        bytes = planned.reduce(0) { $0 &+ $1.byteCount }
    }

    /// Prints it: a line for each source, and what would be overwritten.
    func show(json: Bool) throws {
        if json { return try Console.json(self) }
        for source in sources {
            let place = source.path.isEmpty ? into : "\(into)/\(source.path)"
            let status = source.status == "complete" ? "" : " (\(source.status))"
            Console.print(
                "would restore \(source.kind) \(source.name)\(status): \(Sizes.entries(source.entries)), "
                    + "\(Sizes.text(source.bytes)), to \(place)")
        }
        if let desired {
            Console.print(
                "would restore commit \(desired.commit) of \(desired.source) to \(into)/desired/\(desired.source)"
            )
        }
        Console.print("\(Sizes.text(bytes)) in all; nothing is overwritten: \(into) is absent or empty")
    }
}
