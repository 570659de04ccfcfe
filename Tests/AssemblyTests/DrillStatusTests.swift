import Encodings
import Files
import Journal
import Settings
import Support
import Testing

@testable import Assembly

/// What the status makes of drills that failed, and of those that were not held.
@Suite struct `Drills in the status` {
    private let scratch = TemporaryDirectory("drill-status")

    private func environment(_ drill: String) throws -> EnvironmentSettings {
        let text = """
            version: 1
            state: /var/lib/strongroom
            identities: [/etc/strongroom/identity]
            stores: { main: { url: /backup } }
            environments:
              prod:
                trust: { root: "\(String(repeating: "ab", count: 32))", repository: 6f0c2f3e9a5b4d1c8e7f60718293a4b5 }
                sources: { config: { url: /srv/config.git, branch: main, verify: none } }
                targets: [{ files: { directory: /srv/app } }]
                backup:
                  store: main
                  sources: [{ directory: { name: live, path: /srv/live } }]
                  \(drill)

            """
        return try Settings(parsing: Array(text.utf8)).environment("prod")
    }

    private func at(_ text: String) throws -> Timestamp { try Timestamp(rfc3339: text) }

    private func trouble(
        _ journal: JournalFile, at now: String, _ drill: String = "drill: { schedule: \"30 4 * * *\" }"
    ) throws -> EnvironmentStatus.DrillTrouble? {
        try EnvironmentStatus(
            environment(drill), in: scratch.path, journal: journal, at: try at(now)
        ).drillTrouble
    }

    private func record(
        _ journal: JournalFile, _ time: String, _ outcome: RunRecord.Outcome, _ words: String = ""
    ) throws {
        try journal.record(
            RunRecord(
                environment: "prod", kind: .drill, time: try at(time), outcome: outcome, message: words))
    }

    @Test func `a drill that failed is told until one passes, with the last that did`() throws {
        let journal = try JournalFile.open(scratch.file("journal.sqlite"))
        #expect(try trouble(journal, at: "2026-03-01T12:00:00Z") == nil, "nothing was saved yet")
        try record(journal, "2026-03-01T04:31:00Z", .good)
        #expect(try trouble(journal, at: "2026-03-01T12:00:00Z") == nil)
        try record(journal, "2026-03-02T04:31:00Z", .bad, "content: uploads/x differs")
        try record(journal, "2026-03-03T04:31:00Z", .failed, "no store")
        let found = try #require(try trouble(journal, at: "2026-03-03T05:00:00Z"))
        #expect(found.kind == .failed)
        #expect(found.since == "2026-03-02T04:31:00Z" && found.lastPassed == "2026-03-01T04:31:00Z")
        #expect(found.reason == "the drill could not be held: no store")
        #expect(found.advice.contains("strongroom drill prod"))
        // Also where the settings ask for none: somebody held it by hand.
        #expect(try trouble(journal, at: "2026-03-03T05:00:00Z", "") == found)
        try record(journal, "2026-03-03T06:00:00Z", .good)
        #expect(try trouble(journal, at: "2026-03-03T07:00:00Z") == nil)
    }

    @Test func `a drill that was due and not held is overdue`() throws {
        let journal = try JournalFile.open(scratch.file("journal.sqlite"))
        try record(journal, "2026-03-01T04:31:00Z", .good)
        // It has half of the time until the next one.
        #expect(try trouble(journal, at: "2026-03-02T16:00:00Z") == nil)
        let found = try #require(try trouble(journal, at: "2026-03-02T17:00:00Z"))
        #expect(found.kind == .overdue && found.since == "2026-03-02T04:30:00Z")
        #expect(found.lastPassed == "2026-03-01T04:31:00Z")
        #expect(found.reason.contains("a drill was due at 2026-03-02T04:30:00Z"))
        #expect(try trouble(journal, at: "2027-03-02T17:00:00Z", "") == nil, "none is asked for")
        #expect(try trouble(journal, at: "2027-03-02T17:00:00Z", "drill: {}") == nil, "by hand alone")
        // In the zone of the drill.
        let tokyo = "drill: { schedule: \"30 4 * * *\", zone: Asia/Tokyo }"
        #expect(try trouble(journal, at: "2026-03-02T09:00:00Z", tokyo)?.since == "2026-03-01T19:30:00Z")
    }

    @Test func `a drill that was never held is overdue once something was saved`() throws {
        let journal = try JournalFile.open(scratch.file("journal.sqlite"))
        try journal.record(
            TakenSnapshot(
                id: String(repeating: "a", count: 64), store: "/backup", environment: "prod",
                time: try at("2026-03-01T00:00:00Z"), status: .complete, revisions: [:]))
        #expect(try trouble(journal, at: "2026-03-01T12:00:00Z") == nil)
        let found = try #require(try trouble(journal, at: "2026-03-01T17:00:00Z"))
        #expect(found.kind == .overdue && found.lastPassed == nil)
        #expect(found.reason.contains("none was ever held"))
    }
}
