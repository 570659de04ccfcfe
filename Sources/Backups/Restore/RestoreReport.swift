package import Archives
internal import Encodings
package import Files

/// What a restore brought back, and what it did not.
package struct RestoreReport: Sendable {
    /// One source.
    package struct Source: Sendable {
        /// The source's name.
        package let name: String
        /// What it is.
        package let kind: SourceKind
        /// How its capture came out.
        package let status: SnapshotStatus
        /// What its capture noted.
        package let notes: [String]
        /// Where it is beneath the restored directory; empty where it is that directory.
        package let path: Path
        /// Entries restored.
        package var entryCount = 0
        /// Bytes of content written.
        package var byteCount: UInt64 = 0
        /// What is missing or different.
        package var issues: [RestoreIssue] = []
    }

    /// The files of a commit that were restored out of a repository.
    package struct Desired: Sendable {
        /// The commit, and the snapshot that holds it.
        package let state: DesiredState
        /// Where they are beneath the restored directory.
        package let path: String
        /// Entries restored.
        package var entryCount = 0
        /// Bytes of content written.
        package var byteCount: UInt64 = 0
        /// What is missing or different.
        package var issues: [RestoreIssue] = []
    }

    /// The snapshot that was restored.
    package let snapshot: Snapshot
    /// The rule that chose it, in words.
    package let rule: String
    /// What the plan had to say besides.
    package let notices: [String]
    /// What was restored, in the snapshot's order.
    package internal(set) var sources: [Source]
    /// The commit that was restored beside them, where the snapshot was taken at another.
    package internal(set) var desired: Desired?
    /// Whether the snapshot has live state of what was asked for.
    package internal(set) var hasLiveState = true

    /// Whether nothing that is in the snapshot was refused, and no source failed when it was captured; else exit 10.
    package var isWhole: Bool { !issues.contains { $0.kind == .refused || $0.kind == .missing } }

    /// Whether something is missing because the store is damaged; exit 9.
    package var isDamaged: Bool { issues.contains { $0.kind == .damaged } }

    private var issues: [RestoreIssue] { sources.flatMap(\.issues) + (desired?.issues ?? []) }

    /// `REPORT.json`. Paths stand as text with `\xNN` for what isn't plain UTF-8, and then in hexadecimal too.
    package var json: String {
        let header = snapshot.record.header
        var members: [(String, JSONText.Value)] = []
        if let desired { members.append(("desired", desired.json)) }
        return JSONText.text(
            .object(
                [
                    ("snapshot", .string(snapshot.record.id.description)),
                    ("time", .string(header.time.description)),
                    ("environment", .string(header.environment)),
                    ("agent", .string(header.agent)),
                    ("host", .string(snapshot.host)),
                    ("status", .string(header.status.name)),
                    ("rule", .string(rule)),
                    ("liveState", .string(hasLiveState ? "restored" : "missing")),
                    ("notices", .list(notices.map { .string($0) })),
                    (
                        "revisions",
                        .object(header.revisions.map { ($0.source, .string(Hex.encode($0.commit))) })
                    ),
                    ("sources", .list(sources.map(\.json))),
                ] + members))
    }
}

extension RestoreReport.Desired {
    fileprivate var json: JSONText.Value {
        .object([
            ("source", .string(state.source)), ("commit", .string(Hex.encode(state.commit))),
            ("path", .string(path)), ("entries", .number(UInt64(entryCount))), ("bytes", .number(byteCount)),
            ("issues", .list(issues.map(\.json))),
        ])
    }
}

extension RestoreReport.Source {
    fileprivate var json: JSONText.Value {
        .object([
            ("name", .string(name)), ("kind", .string(kind.name)), ("status", .string(status.name)),
            ("path", .string(path.description)), ("entries", .number(UInt64(entryCount))),
            ("bytes", .number(byteCount)),
            ("notes", .list(notes.map { .string($0) })),
            ("issues", .list(issues.map(\.json))),
        ])
    }
}

extension RestoreIssue {
    fileprivate var json: JSONText.Value {
        let text = Path(path).description
        var members: [(String, JSONText.Value)] = [("path", .string(text))]
        if Array(text.utf8) != path { members.append(("pathHex", .string(Hex.encode(path)))) }
        return .object(members + [("kind", .string(kind.rawValue)), ("reason", .string(reason))])
    }
}
