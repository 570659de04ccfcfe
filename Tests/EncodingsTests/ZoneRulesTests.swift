import Support
import Testing

@testable import Encodings

@Suite struct ZoneRulesTests {
    private static func file(_ name: String) -> [UInt8] {
        ShellCommand.run("cat", ["/usr/share/zoneinfo/\(name)"]).stdout
    }

    /// What date(1) says of the zone at a time, in seconds.
    private static func reference(_ name: String, _ times: [Int64]) -> [Int64] {
        let input = times.map { "@\($0)\n" }.joined()
        let output = ShellCommand.run(
            "date", ["-f", "-", "+%z"], environment: ["TZ": name, "PATH": "/usr/bin:/bin"],
            stdin: Array(input.utf8))
        return output.text.split(separator: "\n").map { line in
            let digits = Int64(line.dropFirst()) ?? 0
            return (line.hasPrefix("-") ? -1 : 1) * (digits / 100 * 3_600 + digits % 100 * 60)
        }
    }

    @Test(arguments: [
        "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca",
        "America/St_Johns", "Pacific/Apia", "Asia/Gaza", "UTC", "Antarctica/Troll", "America/Nuuk",
    ]) func `offsets are those of date(1), now and in years to come`(_ name: String) throws {
        let rules = try ZoneRules(tzif: ZoneRulesTests.file(name))
        // From 1975 to 2099 in steps that meet every hour of the day and day of the year in turn.
        let times = (0..<4_000).map { Int64(157_766_400) + Int64($0) * 983_467 }
        #expect(times.map(rules.offset) == ZoneRulesTests.reference(name, times))
    }

    @Test func `clocks that are set back show a time twice, set forward they skip one`() throws {
        let berlin = try ZoneRules(tzif: ZoneRulesTests.file("Europe/Berlin"))
        let autumn = try Timestamp(rfc3339: "2026-10-25T02:30:00Z").seconds
        #expect(berlin.moments(showing: autumn) == [autumn - 7_200, autumn - 3_600])
        let spring = try Timestamp(rfc3339: "2026-03-29T02:30:00Z").seconds
        #expect(berlin.moments(showing: spring) == [spring - 3_600])
        let noon = try Timestamp(rfc3339: "2026-07-01T12:00:00Z").seconds
        #expect(berlin.moments(showing: noon) == [noon - 7_200])
    }

    @Test func `a file that is cut anywhere, or is none, is refused`() {
        let whole = ZoneRulesTests.file("Europe/Berlin")
        #expect((try? ZoneRules(tzif: whole)) != nil)
        for count in 0..<whole.count - 1 { #expect((try? ZoneRules(tzif: Array(whole[..<count]))) == nil) }
        var flipped = whole
        for index in flipped.indices.prefix(80) {
            flipped[index] ^= 0xFF
            _ = try? ZoneRules(tzif: flipped)
            flipped[index] ^= 0xFF
        }
    }
}
