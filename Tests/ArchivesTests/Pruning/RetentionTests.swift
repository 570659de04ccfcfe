import Encodings
import Testing

@testable import Archives

@Suite struct `Retention` {
    static func candidate(
        _ time: String, _ seed: UInt64, status: SnapshotStatus = .complete, environment: String = "prod",
        age: Duration = .seconds(30 * 86_400)
    ) throws -> RetentionRules.Candidate {
        let time = try Timestamp(rfc3339: time)
        let header = SnapshotHeader(
            environment: environment, agent: "agent", time: time, generation: seed, previous: .zero,
            status: status, sourceSet: .zero, revisions: [], roots: [])
        let record = SnapshotRecord(
            id: SnapshotID(Decoders.digest(seed)), header: header, objectByteCount: 0)
        return RetentionRules.Candidate(record: record, agentKey: [1], time: time, age: age)
    }

    static func kept(
        _ rules: RetentionRules, _ candidates: [RetentionRules.Candidate], pinned: Set<SnapshotID> = [],
        passed: Set<SnapshotID> = []
    ) -> [UInt64] {
        let expired = Set(
            rules.expired(among: candidates, marks(pinned, passed)).map(\.id))
        return candidates.map(\.record).filter { !expired.contains($0.id) }.map(\.header.generation)
    }

    static func marks(
        _ pinned: Set<SnapshotID>, _ passed: Set<SnapshotID>, tags: [SnapshotID: Set<String>] = [:]
    ) -> RetentionRules.Marks {
        var marks = RetentionRules.Marks()
        (marks.pinned, marks.passedDrills, marks.tags) = (pinned, passed, tags)
        return marks
    }

    @Test func `the newest of each hour, day, week, month and year is kept`() throws {
        let all = try [
            "2024-12-31T23:59:59Z", "2025-01-31T00:00:00Z", "2025-02-28T12:00:00Z", "2025-03-01T00:00:00Z",
            // 2025-03-02 is a Sunday.
            "2025-03-02T23:59:59Z", "2025-03-03T00:00:00Z", "2025-03-03T00:30:00Z", "2025-03-03T01:00:00Z",
        ].enumerated().map { try Self.candidate($1, UInt64($0 + 1)) }
        func rules(_ set: (inout RetentionRules) -> Void) -> RetentionRules {
            var rules = RetentionRules()
            set(&rules)
            return rules
        }
        #expect(Self.kept(rules { $0.last = 2 }, all) == [7, 8])
        #expect(Self.kept(rules { $0.hourly = 2 }, all) == [7, 8])
        #expect(Self.kept(rules { $0.daily = 3 }, all) == [4, 5, 8])
        #expect(Self.kept(rules { $0.weekly = 2 }, all) == [5, 8])
        #expect(Self.kept(rules { $0.monthly = 3 }, all) == [2, 3, 8])
        #expect(Self.kept(rules { $0.yearly = 5 }, all) == [1, 8])
        // Without a count nothing is judged.
        #expect(Self.kept(RetentionRules(), all).count == 8)
    }

    @Test func `what is partial takes no complete one's place, and alone it is kept by the rules`() throws {
        var rules = RetentionRules()
        rules.last = 1
        rules.daily = 2
        let all = try [
            Self.candidate("2025-03-01T00:00:00Z", 1), Self.candidate("2025-03-02T00:00:00Z", 2),
            Self.candidate("2025-03-03T00:00:00Z", 3, status: .partial),
            Self.candidate("2025-03-04T00:00:00Z", 4, status: .torn),
            Self.candidate("2025-03-05T00:00:00Z", 5, status: .failed),
        ]
        #expect(Self.kept(rules, all) == [1, 2, 5])
        #expect(Self.kept(rules, Array(all.dropFirst(2))) == [4, 5])
    }

    @Test func `pinned ones stay, so do young ones, and the last that passed a drill`() throws {
        var rules = RetentionRules()
        rules.last = 1
        let all = try [
            Self.candidate("2025-03-01T00:00:00Z", 1), Self.candidate("2025-03-02T00:00:00Z", 2),
            Self.candidate("2025-03-03T00:00:00Z", 3),
            Self.candidate("2025-03-04T00:00:00Z", 4, age: .seconds(14 * 86_400 - 1)),
            Self.candidate("2025-03-05T00:00:00Z", 5, age: .seconds(13 * 86_400)),
            Self.candidate("2025-03-01T00:00:00Z", 6, environment: "staging"),
        ]
        let ids = all.map(\.record.id)
        #expect(Self.kept(rules, all) == [4, 5, 6])
        #expect(Self.kept(rules, all, pinned: [ids[0]]) == [1, 4, 5, 6])
        #expect(Self.kept(rules, all, passed: [ids[0], ids[2]]) == [3, 4, 5, 6])
        rules.minimumAge = .zero
        #expect(Self.kept(rules, all) == [5, 6])
    }

    @Test func `each verdict says why`() throws {
        let all = try (1...4).map { try Self.candidate("2025-03-0\($0)T00:00:00Z", UInt64($0)) }
        var rules = RetentionRules()
        (rules.last, rules.daily, rules.within, rules.tags) = (1, 2, .seconds(86_400), ["release"])
        let marks = Self.marks(
            [all[0].record.id], [all[1].record.id], tags: [all[0].record.id: ["release", "other"]])
        #expect(
            rules.verdicts(on: all, marks).map(\.reasons) == [
                ["pinned", "tag release"], ["the last that passed a drill"], ["within 1d", "daily 2 of 2"],
                ["last 1 of 1", "within 1d", "daily 1 of 2"],
            ])
        rules = RetentionRules()
        rules.tags = ["release"]
        #expect(rules.expired(among: all, marks).isEmpty, "tags alone are no rule that keeps anything else")
    }

    @Test func `a time that an agent claims changes no order`() throws {
        // The second was forged into the far future, the third into the past.
        let times = [
            "2025-03-01T00:00:00Z", "2099-01-01T00:00:00Z", "1999-01-01T00:00:00Z", "2025-03-04T00:00:00Z",
        ]
        let all = try times.enumerated().map { try Self.candidate($1, UInt64($0 + 1)) }
        var rules = RetentionRules()
        rules.last = 2
        #expect(Self.kept(rules, all) == [3, 4])
        #expect(rules.expired(among: all, Self.marks([], [])).map(\.header.generation) == [1, 2])
        // What was seen last came last, whatever it says of its generation.
        let late = try Self.candidate("2025-01-01T00:00:00Z", 1, age: .seconds(86_400 * 20))
        let early = try Self.candidate("2025-01-02T00:00:00Z", 9, age: .seconds(86_400 * 30))
        rules.last = 1
        #expect(rules.expired(among: [early, late], Self.marks([], [])).map(\.header.generation) == [9])
    }
}
