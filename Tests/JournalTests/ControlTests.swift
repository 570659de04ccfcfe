import Encodings
import Support
import Testing

@testable import Journal

private let first = String(repeating: "a1", count: 20)
private let second = String(repeating: "b2", count: 20)

private func time(_ seconds: Int64) -> Timestamp { Timestamp(nanoseconds: seconds * 1_000_000_000) }

private func sync(_ commit: String?, _ seconds: Int64, _ outcome: SyncRecord.Outcome) -> SyncRecord {
    SyncRecord(
        environment: "prod", source: "config", url: "file:///srv/config.git", ref: "refs/heads/main",
        commit: commit, time: time(seconds), outcome: outcome, message: "")
}

@Suite struct ControlTests {
    let scratch = TemporaryDirectory("strongroom-journal")
    let journal: JournalFile

    init() throws { journal = try JournalFile.open(scratch.file("journal.sqlite")) }

    @Test func `equal runs in a row are one row with a count, changes are each their own`() throws {
        try journal.record(sync(first, 1, .applied))
        for second in 2..<10 { try journal.record(sync(first, Int64(second), .unchanged)) }
        try journal.record(sync(second, 10, .applied))
        try journal.record(sync(second, 11, .applied))
        let syncs = try journal.syncs(environment: "prod")
        #expect(syncs.map(\.outcome) == [.applied, .applied, .unchanged, .applied])
        #expect(syncs.map(\.runCount) == [1, 1, 8, 1])
        #expect(syncs[2].time == time(2))
        #expect(syncs[2].until == time(9))
        #expect(try journal.lastApplied(environment: "prod")["config"]?.time == time(11))
    }

    @Test func `an unhealthy commit moves the mark and not the applied commit`() throws {
        try journal.record(sync(first, 1, .applied), marking: true)
        try journal.record(sync(second, 2, .unhealthy), marking: true)
        #expect(try journal.lastApplied(environment: "prod")["config"]?.commit == first)
        #expect(
            try journal.mark(
                environment: "prod", source: "config", url: "file:///srv/config.git", ref: "refs/heads/main")
                == second)
    }

    @Test func `a suspension, a held commit and a quarantine stay until they are lifted`() throws {
        let order = Suspension(time: time(5), author: "root", reason: "3 am")
        try journal.setSuspension(order, environment: "prod")
        try journal.setHold(HeldCommit(source: "config", commit: first, order: order), environment: "prod")
        try journal.quarantine(second, environment: "prod", source: "config", at: time(6), reason: "503")
        let again = try JournalFile.open(scratch.file("journal.sqlite"))
        #expect(try again.suspension(environment: "prod") == order)
        #expect(try again.hold(environment: "prod")?.commit == first)
        #expect(try again.quarantined(second, environment: "prod", source: "config")?.reason == "503")
        #expect(try again.quarantined(first, environment: "prod", source: "config") == nil)
        #expect(try again.suspension(environment: "staging") == nil)
        try again.setSuspension(nil, environment: "prod")
        try again.setHold(nil, environment: "prod")
        try again.liftQuarantine(environment: "prod")
        #expect(try journal.suspension(environment: "prod") == nil)
        #expect(try journal.hold(environment: "prod") == nil)
        #expect(try journal.quarantine(environment: "prod", source: "config").isEmpty)
    }

    @Test func `drift is told once, and again where it changes`() throws {
        let one = DriftRecord(
            target: "/srv/app", path: "a.yaml", kind: "changed", evidence: "x -> y", since: time(1))
        #expect(try journal.setDrift([one], environment: "prod", at: time(1)) == [one])
        var later = one
        later.since = time(2)
        #expect(try journal.setDrift([later], environment: "prod", at: time(2)).isEmpty)
        #expect(try journal.drift(environment: "prod") == [one])
        later.evidence = "x -> z"
        #expect(try journal.setDrift([later], environment: "prod", at: time(3)) == [later])
        #expect(try journal.setDrift([], environment: "prod", at: time(4)).isEmpty)
        #expect(try journal.drift(environment: "prod").isEmpty)
    }

    @Test func `a closed epoch is counted from the first time it was seen so`() throws {
        #expect(try journal.noteClosed([1], environment: "prod", at: time(1)) == [1: time(1)])
        #expect(
            try journal.noteClosed([1, 2], environment: "prod", at: time(9)) == [1: time(1), 2: time(9)])
        #expect(try journal.closedEpochs(environment: "staging").isEmpty)
    }

    @Test func `health knows since when it is so`() throws {
        try journal.setHealth(true, commit: first, environment: "prod", at: time(1), message: "")
        try journal.setHealth(true, commit: first, environment: "prod", at: time(3), message: "")
        #expect(try journal.health(environment: "prod")?.since == time(1))
        try journal.setHealth(false, commit: first, environment: "prod", at: time(4), message: "http: 503")
        let health = try journal.health(environment: "prod")
        #expect(health?.isHealthy == false)
        #expect(health?.since == time(4))
    }

    @Test func `runs of each kind are kept by themselves`() throws {
        for seconds in 1..<4 {
            try journal.record(
                RunRecord(
                    environment: "prod", kind: .drift, time: time(Int64(seconds)), outcome: .good, message: ""
                ))
        }
        try journal.record(
            RunRecord(environment: "prod", kind: .backup, time: time(9), outcome: .bad, message: "partial"))
        #expect(try journal.runs(environment: "prod", kind: .drift).map(\.runCount) == [3])
        #expect(try journal.runs(environment: "prod", kind: .backup).map(\.message) == ["partial"])
    }
}
