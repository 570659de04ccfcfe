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
    /// What was first seen less long ago is never forgotten by rule.
    package var minimumAge = RetentionRules.standardAge

    /// 14 days: time to notice that something is wrong with what came last.
    package static let standardAge = Duration.seconds(14 * 86_400)

    /// Rules that keep nothing but what is young.
    package init() {}

    /// Whether any count says that something is kept: rules without are a mistake, not a wish.
    package var isUsable: Bool {
        [last, hourly, daily, weekly, monthly, yearly].contains { $0 > 0 }
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

    /// The snapshots among `candidates` that are not to be kept, oldest first. `pinned` stay, and so does the last of each
    /// group that passed a drill.
    ///
    /// What is partial, torn or failed takes no complete one's place: the rules count complete ones; of the others, those
    /// stay that are among the `last` of their own kind. Where a group has no complete one, the rules count what it has.
    package func expired(
        among candidates: [Candidate], pinned: Set<SnapshotID>, passedDrills: Set<SnapshotID>
    ) -> [SnapshotRecord] {
        guard isUsable else { return [] }
        let groups = Dictionary(grouping: candidates) { candidate in
            Group(
                environment: candidate.record.header.environment, agentKey: candidate.agentKey,
                sourceSet: candidate.record.header.sourceSet)
        }
        var kept = pinned
        for group in groups.values {
            let newestFirst = group.sorted {
                ($0.time, $0.record.header.generation, $0.record.id)
                    > ($1.time, $1.record.header.generation, $1.record.id)
            }
            let healthy = newestFirst.filter { $0.record.header.status == .complete }
            keep(healthy.isEmpty ? newestFirst : healthy, &kept)
            kept.formUnion(
                newestFirst.lazy.filter { $0.record.header.status != .complete }.prefix(last).map(\.record.id)
            )
            kept.formUnion(
                newestFirst.lazy.filter { passedDrills.contains($0.record.id) }.prefix(1).map(\.record.id))
            kept.formUnion(group.lazy.filter { $0.age < minimumAge }.map(\.record.id))
        }
        return candidates.filter { !kept.contains($0.record.id) }
            .sorted { ($0.time, $0.record.id) < ($1.time, $1.record.id) }.map(\.record)
    }

    /// Adds what the counts keep of `newestFirst`.
    private func keep(_ newestFirst: [Candidate], _ kept: inout Set<SnapshotID>) {
        kept.formUnion(newestFirst.prefix(max(0, last)).map(\.record.id))
        let spans: [(Int, (Timestamp) -> Int64)] = [
            (hourly, { RetentionRules.floor($0.seconds, 3600) }),
            (daily, { RetentionRules.floor($0.seconds, 86_400) }),
            // 1970-01-01 was a Thursday.
            (weekly, { RetentionRules.floor(RetentionRules.floor($0.seconds, 86_400) + 3, 7) }),
            (monthly, { RetentionRules.month($0) }),
            (yearly, { RetentionRules.floor(RetentionRules.month($0), 12) }),
        ]
        for (count, span) in spans {
            var seen: Set<Int64> = []
            for candidate in newestFirst {
                guard seen.count < count else { break }
                if seen.insert(span(candidate.time)).inserted { kept.insert(candidate.record.id) }
            }
        }
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
