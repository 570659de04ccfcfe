package import Encodings

/// Which snapshots are kept (FORMAT.md §13.4), counted for each environment, agent and set of sources.
package struct RetentionRules: Hashable, Sendable {
    /// The newest ones, whatever their times.
    package var last = 0
    /// The newest of so many hours, days, weeks (from Monday), months and years (UTC) that have any.
    package var hourly = 0
    package var daily = 0
    package var weekly = 0
    package var monthly = 0
    package var yearly = 0
    /// What was taken no longer than this before the newest one.
    package var within = Duration.zero
    /// What has one of these tags.
    package var tags: Set<String> = []
    /// What was first seen less long ago is never forgotten by rule.
    package var minimumAge = RetentionRules.standardAge

    /// 14 days: time to notice that something is wrong with what came last.
    package static let standardAge = Duration.seconds(14 * 86_400)

    /// Rules that keep nothing but what is young.
    package init() {}

    /// Whether any count says that something is kept: rules without are a mistake, not a wish.
    package var isUsable: Bool {
        [last, hourly, daily, weekly, monthly, yearly].contains { $0 > 0 } || within > .zero
    }

    /// A snapshot to be judged.
    package struct Candidate: Sendable {
        /// What `write` shows.
        package let record: SnapshotRecord
        /// The public key of its agent.
        package let agentKey: [UInt8]
        /// When it was taken, as far as the pruner could see.
        package let time: Timestamp
        /// How long ago the pruner saw it first, by what it has seen of time since.
        package let age: Duration

        /// A candidate with these facts.
        package init(record: SnapshotRecord, agentKey: [UInt8], time: Timestamp, age: Duration) {
            self.record = record
            self.agentKey = agentKey
            self.time = time
            self.age = age
        }
    }

    private struct Group: Hashable {
        let environment: String
        let agentKey: [UInt8]
        let sourceSet: Digest
    }

    /// What is said about snapshots from outside the rules.
    package struct Marks: Sendable {
        /// Stay in any case.
        package var pinned: Set<SnapshotID> = []
        /// Passed a drill.
        package var passedDrills: Set<SnapshotID> = []
        /// The tags of those that have any.
        package var tags: [SnapshotID: Set<String>] = [:]

        /// Nothing is said.
        package init() {}
    }

    /// What becomes of one snapshot.
    package struct Verdict: Sendable {
        /// The snapshot.
        package let record: SnapshotRecord
        /// Why it is kept, in words; empty where nothing keeps it.
        package let reasons: [String]

        /// Whether it stays.
        package var isKept: Bool { !reasons.isEmpty }
    }

    /// The snapshots among `candidates` that are not to be kept, oldest first.
    package func expired(among candidates: [Candidate], _ marks: Marks) -> [SnapshotRecord] {
        verdicts(on: candidates, marks).filter { !$0.isKept }.map(\.record)
    }

    /// What becomes of each of `candidates`, and why; oldest first. What is pinned stays, what has a tag of the rules, and
    /// the last of each group that passed a drill.
    ///
    /// Newest is what was received last: what the pruner saw first less long ago, and of an agent's snapshots those that it
    /// took later. Times that agents claim choose hours and days, and never the order: a forged one evicts nothing. What is
    /// partial, torn or failed takes no complete one's place: the rules count complete ones; of the others, those stay that
    /// are among the `last` of their own kind. Where a group has no complete one, the rules count what it has.
    package func verdicts(on candidates: [Candidate], _ marks: Marks) -> [Verdict] {
        let groups = Dictionary(grouping: candidates) { candidate in
            Group(
                environment: candidate.record.header.environment, agentKey: candidate.agentKey,
                sourceSet: candidate.record.header.sourceSet)
        }
        var kept: [SnapshotID: [String]] = [:]
        for candidate in candidates {
            let id = candidate.record.id
            if !isUsable { kept[id, default: []].append("no rule counts") }
            if marks.pinned.contains(id) { kept[id, default: []].append("pinned") }
            for tag in (marks.tags[id] ?? []).intersection(tags).sorted() {
                kept[id, default: []].append("tag \(tag)")
            }
        }
        for group in groups.values {
            let newestFirst = group.sorted { $0.isNewer(than: $1) }
            let healthy = newestFirst.filter { $0.record.header.status == .complete }
            keep(healthy.isEmpty ? newestFirst : healthy, &kept)
            let ill = newestFirst.lazy.filter { $0.record.header.status != .complete }
            for candidate in healthy.isEmpty ? [] : Array(ill.prefix(max(0, last))) {
                kept[candidate.record.id, default: []].append(
                    "\(candidate.record.header.status.name), one of the last \(last)")
            }
            if let passed = newestFirst.first(where: { marks.passedDrills.contains($0.record.id) }) {
                kept[passed.record.id, default: []].append("the last that passed a drill")
            }
            for candidate in group where candidate.age < minimumAge {
                kept[candidate.record.id, default: []].append(
                    "known here for less than \(RetentionRules.words(minimumAge))")
            }
        }
        return candidates.sorted { $1.isNewer(than: $0) }
            .map { Verdict(record: $0.record, reasons: kept[$0.record.id] ?? []) }
    }

    /// Adds what the counts keep of `newestFirst`.
    private func keep(_ newestFirst: [Candidate], _ kept: inout [SnapshotID: [String]]) {
        for (index, candidate) in newestFirst.prefix(max(0, last)).enumerated() {
            kept[candidate.record.id, default: []].append("last \(index + 1) of \(last)")
        }
        if within > .zero, let newest = newestFirst.map(\.time).max() {
            for candidate in newestFirst
            where newest.nanoseconds.subtractingReportingOverflow(candidate.time.nanoseconds).partialValue
                <= within.nanoseconds
            {
                kept[candidate.record.id, default: []].append("within \(RetentionRules.words(within))")
            }
        }
        let spans: [(String, Int, (Timestamp) -> Int64)] = [
            ("hourly", hourly, { RetentionRules.floor($0.seconds, 3600) }),
            ("daily", daily, { RetentionRules.floor($0.seconds, 86_400) }),
            // 1970-01-01 was a Thursday.
            ("weekly", weekly, { RetentionRules.floor(RetentionRules.floor($0.seconds, 86_400) + 3, 7) }),
            ("monthly", monthly, { RetentionRules.month($0) }),
            ("yearly", yearly, { RetentionRules.floor(RetentionRules.month($0), 12) }),
        ]
        for (name, count, span) in spans {
            var seen: Set<Int64> = []
            for candidate in newestFirst {
                guard seen.count < count else { break }
                guard seen.insert(span(candidate.time)).inserted else { continue }
                kept[candidate.record.id, default: []].append("\(name) \(seen.count) of \(count)")
            }
        }
    }

    /// A duration for people: whole days, hours or seconds.
    private static func words(_ duration: Duration) -> String {
        let seconds = duration.components.seconds
        if seconds % 86_400 == 0 { return "\(seconds / 86_400)d" }
        return seconds % 3600 == 0 ? "\(seconds / 3600)h" : "\(seconds)s"
    }

    private static func floor(_ value: Int64, _ divisor: Int64) -> Int64 {
        let quotient = value / divisor
        return value % divisor < 0 ? quotient - 1 : quotient
    }

    /// Months since the year 0 (UTC), by the days of the proleptic Gregorian calendar.
    private static func month(_ time: Timestamp) -> Int64 {
        // Days since 0000-03-01, in eras of 400 years.
        let days = floor(time.seconds, 86_400) + 719_468
        let era = floor(days, 146_097)
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        // 0 is March.
        let month = (5 * dayOfYear + 2) / 153
        return (era * 400 + yearOfEra) * 12 + month + 2
    }
}

extension RetentionRules.Candidate {
    /// Whether it was received later than the other.
    fileprivate func isNewer(than other: Self) -> Bool {
        guard age == other.age else { return age < other.age }
        return (record.header.generation, time, record.id)
            > (other.record.header.generation, other.time, other.record.id)
    }
}
