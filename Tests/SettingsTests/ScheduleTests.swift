import Encodings
import Support
import Testing

@testable import Settings

@Suite struct ScheduleTests {
    private let berlin: ZoneRules

    init() throws {
        berlin = try ZoneRules(
            tzif: ShellCommand.run("cat", ["/usr/share/zoneinfo/Europe/Berlin"]).stdout)
    }

    private func times(
        _ text: String, after start: String, _ count: Int, in zone: ZoneRules = .utc
    ) throws -> [String] {
        let expression = try #require(CronExpression(text))
        var moment = try Timestamp(rfc3339: start)
        var found: [String] = []
        for _ in 0..<count {
            moment = try #require(expression.next(after: moment, in: zone))
            found.append("\(moment)")
        }
        return found
    }

    @Test func `each field chooses, with lists, ranges, steps and names`() throws {
        #expect(
            try times("*/15 * * * *", after: "2026-03-01T09:31:10Z", 3)
                == ["2026-03-01T09:45:00Z", "2026-03-01T10:00:00Z", "2026-03-01T10:15:00Z"])
        #expect(
            try times("5,20-22 3 * * *", after: "2026-03-01T03:20:00Z", 3)
                == ["2026-03-01T03:21:00Z", "2026-03-01T03:22:00Z", "2026-03-02T03:05:00Z"])
        #expect(
            try times("0 12 * feb mon-fri/2", after: "2027-12-31T00:00:00Z", 3)
                == ["2028-02-02T12:00:00Z", "2028-02-04T12:00:00Z", "2028-02-07T12:00:00Z"])
        #expect(try times("0 0 29 2 *", after: "2026-01-01T00:00:00Z", 1) == ["2028-02-29T00:00:00Z"])
        #expect(try times("@weekly", after: "2026-03-01T00:00:00Z", 1) == ["2026-03-08T00:00:00Z"])
        #expect(try times("0 0 * * 7", after: "2026-03-02T00:00:00Z", 1) == ["2026-03-08T00:00:00Z"])
    }

    @Test func `a day fits by either field where both choose`() throws {
        #expect(
            try times("0 0 13 * fri", after: "2026-03-01T00:00:00Z", 3)
                == ["2026-03-06T00:00:00Z", "2026-03-13T00:00:00Z", "2026-03-20T00:00:00Z"])
        #expect(
            try times("0 0 13 4 fri", after: "2026-04-08T00:00:00Z", 2)
                == ["2026-04-10T00:00:00Z", "2026-04-13T00:00:00Z"])
    }

    @Test func `every minute of a year, one after another, is met once`() throws {
        let expression = try #require(CronExpression("* * * * *"))
        var moment = try Timestamp(rfc3339: "2026-03-28T22:00:00Z")
        for _ in 0..<1_500 {
            let next = try #require(expression.next(after: moment, in: berlin))
            #expect(next.seconds == moment.seconds + 60)
            moment = next
        }
    }

    @Test func `a time that clocks skip comes all the same, one shown twice comes once`() throws {
        #expect(
            try times("30 2 * * *", after: "2026-03-27T12:00:00Z", 3, in: berlin)
                == ["2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"])
        #expect(
            try times("30 2 * * *", after: "2026-10-24T12:00:00Z", 2, in: berlin)
                == ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"])
        #expect(
            try times("30 * * * *", after: "2026-10-24T23:45:00Z", 3, in: berlin)
                == ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"])
    }

    @Test(arguments: [
        "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *",
        "* * * * 8",
        "5-1 * * * *", "*/0 * * * *", "1,,2 * * * *", "a * * * *", "-1 * * * *", "0 0 30 2 *", "@never",
        "+1 * * * *",
        "1/2/3 * * * *", "1-2-3 * * * *", "99999999999999999999 * * * *",
    ]) func `what is no schedule is refused`(_ text: String) {
        #expect(CronExpression(text) == nil)
    }

    @Test func `a window is open between its times, on its days, and over midnight`() throws {
        func isOpen(_ text: String, _ time: String, _ zone: ZoneRules = .utc) throws -> Bool {
            try #require(TimeWindow(text)).contains(try Timestamp(rfc3339: time), in: zone)
        }
        #expect(try isOpen("08:00-18:00", "2026-03-02T08:00:00Z"))
        #expect(try !isOpen("08:00-18:00", "2026-03-02T18:00:00Z"))
        #expect(try isOpen("08:00-18:00", "2026-07-02T06:30:00Z", berlin))
        #expect(try isOpen("mon-fri 22:00-06:00", "2026-03-07T05:59:00Z"))
        #expect(try !isOpen("mon-fri 22:00-06:00", "2026-03-08T05:59:00Z"))
        #expect(try !isOpen("mon-fri 22:00-06:00", "2026-03-07T22:00:00Z"))
        #expect(try isOpen("sat,sun 00:00-24:00", "2026-03-08T23:59:59Z"))
        #expect(try !isOpen("sat,sun 00:00-24:00", "2026-03-09T00:00:00Z"))
        #expect(try isOpen("fri-mon 10:00-11:00", "2026-03-02T10:30:00Z"))
        for text in [
            "", "8:00-9:00", "08:00", "25:00-26:00", "08:60-09:00", "24:00-01:00", "someday 08:00-09:00",
        ] {
            #expect(TimeWindow(text) == nil, "\(text)")
        }
    }
}

@Suite struct ServiceSettingsTests {
    private static let whole = """
        version: 1
        state: /var/lib/strongroom
        zone: Europe/Berlin
        identities: [/etc/strongroom/identity]
        stores: { main: { url: /backup/store } }
        api: { listen: "unix:/run/strongroom/api.sock", group: ops }
        environments:
          prod:
            trust: { root: "\(String(repeating: "01", count: 32))", repository: 6f0c2f3e9a5b4d1c8e7f60718293a4b5 }
            sources:
              config: { url: /srv/git/config.git, branch: main, interval: 30s, verify: none }
            targets:
              - files: { directory: /srv/app/config }
            drift: { mode: heal, interval: 10m, windows: ["22:00-06:00"] }
            health:
              - { http: "http://127.0.0.1:8080/healthz", retries: 3 }
              - { command: ["systemctl", "is-active", "app"], timeout: 5s }
              - { file: /run/app/ready, maxAge: 1m }
            epochGrace: 2d
            backup: { store: main, schedule: "*/15 * * * *", zone: UTC, beforeChange: try }
        """

    private func read(_ text: String) throws -> Settings { try Settings(parsing: Array(text.utf8)) }

    @Test func `what the service does is read`() throws {
        let settings = try read(Self.whole)
        #expect(settings.zone == "Europe/Berlin")
        #expect(settings.api == ListenSettings(socket: "/run/strongroom/api.sock", group: "ops"))
        let prod = try settings.environment("prod")
        #expect(prod.drift.mode == .heal)
        #expect(prod.drift.intervalSeconds == 600)
        #expect(prod.drift.windows.count == 1)
        #expect(prod.sources[0].intervalSeconds == 30)
        #expect(prod.epochGraceSeconds == 172_800)
        #expect(prod.backup?.schedule?.description == "*/15 * * * *")
        #expect(prod.backup?.beforeChange == .attempt)
        #expect(
            prod.health.map(\.probe) == [
                .http("http://127.0.0.1:8080/healthz"), .command(["systemctl", "is-active", "app"]),
                .file("/run/app/ready", maximumAge: 60),
            ])
        #expect(prod.health[0].retryCount == 3)
        #expect(prod.health[1].timeoutSeconds == 5)
    }

    @Test func `what is not said is drift told and put back, a week of grace, a snapshot before each change`()
        throws
    {
        let lines = Self.whole.split(separator: "\n").filter { line in
            !["drift:", "epochGrace:", "zone: Europe", "api:"].contains { line.contains($0) }
        }
        let text = lines.joined(separator: "\n").replacing(", beforeChange: try", with: "")
        let settings = try read(text)
        let prod = try settings.environment("prod")
        #expect(prod.drift == DriftSettings())
        #expect(prod.drift.mode == .both)
        #expect(prod.epochGraceSeconds == 604_800)
        #expect(prod.backup?.beforeChange == .require)
        #expect(settings.zone == "UTC")
        #expect(settings.api == nil)
    }

    @Test(arguments: [
        ("mode: heal", "mode: repair"), ("interval: 10m", "interval: 10"), ("22:00-06:00", "night"),
        ("Europe/Berlin", "../../etc/passwd"), ("Europe/Berlin", "/etc/localtime"), ("unix:/run", "tcp:/run"),
        ("unix:/run", "unix:run"), ("retries: 3", "retries: 101"), ("maxAge: 1m", "retries: 1, http: x"),
        ("retries: 3", "maxAge: 1m"), ("*/15 * * * *", "* * *"), ("beforeChange: try", "beforeChange: maybe"),
        ("epochGrace: 2d", "epochGrace: 0d"), ("/run/app/ready", "run/app/ready"),
    ]) func `what can't be is refused`(old: String, new: String) {
        #expect(Self.whole.contains(old))
        #expect(throws: SettingsError.self) { try read(Self.whole.replacing(old, with: new)) }
    }
}
