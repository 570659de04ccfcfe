internal import Encodings
internal import Journal
internal import Settings

extension EnvironmentStatus {
    /// Why nothing proves that the newest snapshots can be restored.
    package struct DrillTrouble: Codable, Sendable, Equatable {
        /// What it is.
        package enum Kind: String, Codable, Sendable {
            /// The last drill failed, or could not be held.
            case failed
            /// One was due by the schedule, and was not held.
            case overdue
        }

        /// What it is.
        package var kind: Kind
        /// RFC 3339: when the first of the drills ended that failed in a row, or when the one was due that was not held.
        package var since: String
        /// When the last drill ended that passed; nil where none did.
        package var lastPassed: String?
        /// Which, and why, in words.
        package var reason: String
        /// What somebody can do about it.
        package var advice: String
    }

    /// What is wrong with the drills of `environment` at `now`, as `journal` tells; nil where nothing is, or none is asked for.
    static func drillTrouble(
        _ environment: EnvironmentSettings, journal: JournalFile, zone: String, at now: Timestamp
    ) throws -> DrillTrouble? {
        let runs = try journal.runs(environment: environment.name, kind: .drill, limit: runLimit)
        let passed = runs.first { $0.outcome == .good }.map { "\($0.until)" }
        let command = "strongroom drill \(environment.name)"
        if let last = runs.first, last.outcome != .good {
            let first = runs.prefix { $0.outcome != .good }.last ?? last
            let what = last.outcome == .bad ? "the drill failed" : "the drill could not be held"
            return DrillTrouble(
                kind: .failed, since: "\(first.time)", lastPassed: passed, reason: "\(what): \(last.message)",
                advice:
                    "\(command) holds another and says more; its reports are in drills of the state directory"
            )
        }
        guard let drill = environment.backup?.drill, let schedule = drill.schedule else { return nil }
        let rules = try Zones.rules(drill.zone ?? environment.backup?.zone ?? zone)
        // Before the first there is nothing to be proved until something was saved.
        let snapshots =
            try runs.isEmpty ? journal.snapshots(environment: environment.name, limit: runLimit) : []
        guard let since = runs.first?.until ?? snapshots.last?.time,
            let due = schedule.next(after: since, in: rules),
            now.seconds > due.seconds + grace(due, schedule.next(after: due, in: rules))
        else { return nil }
        let last = runs.isEmpty ? "none was ever held" : "the last one ended at \(since)"
        return DrillTrouble(
            kind: .overdue, since: "\(due)", lastPassed: passed,
            reason: "a drill was due at \(due), and \(last)",
            advice: "\(command) holds one now; strongroom serve holds them by schedule")
    }

    /// Runs, and snapshots, that are looked through.
    private static let runLimit = 1_000

    /// The seconds that a drill which is due may take to end: half of those until the next, from an hour to a day.
    private static func grace(_ due: Timestamp, _ next: Timestamp?) -> Int64 {
        let interval = next.map { $0.seconds - due.seconds } ?? 86_400
        return min(max(interval / 2, 3_600), 86_400)
    }
}
