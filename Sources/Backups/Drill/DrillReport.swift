package import Archives
package import Encodings
internal import Sodium

/// What a drill found.
package struct DrillReport: Sendable {
    /// One thing that was looked at.
    package struct Check: Sendable, Equatable {
        /// How it came out.
        package enum Outcome: String, Sendable {
            /// As it should.
            case passed
            /// Not as it should: so has the drill.
            case failed
            /// There was nothing to look at.
            case skipped
        }

        /// Its name: `restore`, `age`, `content`, `canary`, `repository NAME`, `feed NAME`, `check NAME`, `sealed NAME`,
        /// `control …`; `snapshots` where one may have been passed over, `scratch` where what was restored can't be removed or
        /// was removed for a drill that was killed, and `drill` where it was broken off.
        package let name: String
        /// How it came out.
        package let outcome: Outcome
        /// What was seen, in words, with the last that a command said; holds no value of ours.
        package let detail: String

        /// A check of these facts.
        package init(_ name: String, _ outcome: Outcome, _ detail: String) {
            self.name = name
            self.outcome = outcome
            self.detail = detail
        }
    }

    /// The snapshot.
    package let record: SnapshotRecord
    /// The rule that chose it.
    package let rule: String
    /// When the drill began.
    package let time: Timestamp
    /// From the beginning until everything was restored and fed back.
    package internal(set) var recoveryTime = Duration.zero
    /// How old the snapshot was at the beginning: what would have been lost.
    package let recoveryPoint: Duration
    /// Entries and bytes that were restored.
    package internal(set) var entryCount = 0
    /// As `entryCount`.
    package internal(set) var byteCount: UInt64 = 0
    /// What fails nothing and should be known: newer snapshots that were passed over, an index that was made up for.
    package internal(set) var notices: [String] = []
    /// In the order in which they were made.
    package internal(set) var checks: [Check] = []

    /// Whether nothing failed, and something passed.
    package var isPassed: Bool {
        !checks.contains { $0.outcome == .failed } && checks.contains { $0.outcome == .passed }
    }

    /// The report as a file has it.
    package var json: String {
        let header = record.header
        return JSONText.text(
            .object([
                ("format", .string("strongroom/drill-report/v1")),
                ("outcome", .string(isPassed ? "passed" : "failed")),
                ("snapshot", .string(record.id.description)),
                ("environment", .string(header.environment)),
                ("snapshotTime", .string(header.time.description)),
                ("rule", .string(rule)),
                ("time", .string(time.description)),
                ("recoveryMilliseconds", .number(DrillReport.milliseconds(recoveryTime))),
                ("recoveryPointSeconds", .number(UInt64(clamping: recoveryPoint.components.seconds))),
                ("entries", .number(UInt64(clamping: entryCount))),
                ("bytes", .number(byteCount)),
                (
                    "revisions",
                    .object(header.revisions.map { ($0.source, .string(Hex.encode($0.commit))) })
                ),
                ("notices", .list(notices.map { .string($0) })),
                (
                    "checks",
                    .list(
                        checks.map { check in
                            .object([
                                ("name", .string(check.name)), ("outcome", .string(check.outcome.rawValue)),
                                ("detail", .string(check.detail)),
                            ])
                        })
                ),
            ]))
    }

    /// What an agent signs beside the snapshot: the outcome, and the hash of the report (BLAKE2b-256 of its JSON).
    package func annotation() throws(ArchiveError) -> Annotation {
        let failed = checks.filter { $0.outcome == .failed }.map(\.name).joined(separator: ", ")
        let words =
            "report \(Hex.encode(BLAKE2b.hash(Array(json.utf8)))); restored in "
            + "\(DrillReport.milliseconds(recoveryTime)) ms, \(recoveryPoint.components.seconds) s old"
            + (failed.isEmpty ? "" : "; failed: \(failed)")
        return try Annotation(
            .drill(passed: isPassed, note: String(decoding: words.utf8.prefix(1_000), as: UTF8.self)),
            of: record.id,
            time: time)
    }

    private static func milliseconds(_ duration: Duration) -> UInt64 {
        let (seconds, attoseconds) = duration.components
        return UInt64(clamping: seconds &* 1_000 &+ attoseconds / 1_000_000_000_000_000)
    }
}
