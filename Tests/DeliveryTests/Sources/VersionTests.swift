import Testing

@testable import Delivery

@Suite struct VersionTests {
    @Test func `versions come in the order of Semantic Versioning 2.0.0, section 11`() throws {
        let ordered = [
            "0.0.1", "0.1.0-0", "0.1.0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta",
            "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0",
            "2.1.0", "2.1.1", "999999999999999.0.0",
        ]
        let versions = try ordered.map { try #require(SemanticVersion($0)) }
        for (index, version) in versions.enumerated() {
            #expect(version.description == ordered[index])
            for (other, second) in versions.enumerated() {
                #expect((version < second) == (index < other), "\(version) and \(second)")
            }
        }
        let (plain, built) = (
            try #require(SemanticVersion("1.0.0")), try #require(SemanticVersion("1.0.0+7.a"))
        )
        #expect(!(plain < built) && !(built < plain))
        #expect(plain == built)
    }

    @Test(arguments: [
        "", "1", "1.2", "1.2.3.4", "01.2.3", "1.02.3", "1.2.03", "1.2.3-", "1.2.3-01", "1.2.3-a..b", "1.2.3+",
        "1.2.3+a..b", "1.2.3-a_b", "-1.2.3", "1.2.x", " 1.2.3", "1.2.3 ", "V1.2.3", "vv1.2.3",
        "9999999999999999.0.0", "1.2.3\u{0}", "1.2.3-\u{202E}", "v1.2.3",
    ])
    func `what is no whole version is none`(_ text: String) {
        #expect(SemanticVersion(text) == nil)
        #expect(text == "v1.2.3" || SemanticVersion(tag: Array(text.utf8)) == nil)
    }

    @Test func `a tag is of the version after one leading v`() {
        #expect(SemanticVersion(tag: Array("v1.2.3".utf8)) == SemanticVersion("1.2.3"))
        #expect(SemanticVersion(tag: Array("1.2.3-rc.1".utf8)) == SemanticVersion("1.2.3-rc.1"))
        #expect(SemanticVersion(tag: Array("app-1.2.3".utf8)) == nil)
    }

    @Test(arguments: [
        ("^1.2", ["1.2.0", "1.9.9"], ["1.1.9", "2.0.0", "1.3.0-rc.1", "2.0.0-rc.1"]),
        ("^0.2.3", ["0.2.3", "0.2.9"], ["0.3.0", "0.2.2", "1.0.0"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4", "0.0.2"]), ("^0.0", ["0.0.0", "0.0.9"], ["0.1.0"]),
        ("^0", ["0.0.1", "0.9.0"], ["1.0.0"]), ("^1.2.3", ["1.2.3", "1.3.0"], ["1.2.2", "2.0.0"]),
        ("~1.2.3", ["1.2.3", "1.2.9"], ["1.3.0", "1.2.2"]), ("~1.2", ["1.2.0"], ["1.3.0", "1.1.0"]),
        ("~1", ["1.0.0", "1.9.0"], ["2.0.0", "0.9.0"]), (">=1 <2", ["1.0.0", "1.99.0"], ["2.0.0", "0.9.9"]),
        (">= 1.2, < 1.5", ["1.2.0", "1.4.9"], ["1.5.0"]), (">1.2", ["1.3.0"], ["1.2.9"]),
        (">1.2.3", ["1.2.4"], ["1.2.3"]), ("<=1.2", ["1.2.9", "0.1.0"], ["1.3.0"]),
        ("<=1.2.3", ["1.2.3"], ["1.2.4"]), ("1.x", ["1.0.0", "1.7.3"], ["2.0.0", "0.9.9"]),
        ("1.2.*", ["1.2.9"], ["1.3.0"]), ("*", ["0.0.1", "9.9.9"], ["1.0.0-rc.1"]),
        ("=1.2.3", ["1.2.3"], ["1.2.4"]), ("1.2.3", ["1.2.3"], ["1.2.4"]), ("v1.2", ["1.2.5"], ["1.3.0"]),
        ("1.2 - 2.0", ["1.2.0", "2.0.9"], ["2.1.0", "1.1.9"]),
        ("1.2.3 - 2.0.0", ["1.2.3", "2.0.0"], ["2.0.1", "1.2.2"]),
        ("^1 || ^3", ["1.5.0", "3.0.0"], ["2.0.0", "4.0.0"]),
        (">=1.2.0-rc.1", ["1.2.0-rc.1", "1.2.0-rc.2", "1.2.0", "2.0.0"], ["1.2.0-beta", "1.3.0-rc.1"]),
        ("^1.2.3-beta.2", ["1.2.3-beta.3", "1.2.3", "1.4.0"], ["1.2.4-beta.3", "1.2.3-beta.1", "2.0.0"]),
    ])
    func `a range holds what it says`(_ text: String, _ inside: [String], _ outside: [String]) throws {
        let range = try #require(VersionRange(text))
        for version in inside {
            #expect(range.contains(try #require(SemanticVersion(version))), "\(version)")
        }
        for version in outside {
            #expect(!range.contains(try #require(SemanticVersion(version))), "\(version)")
        }
    }

    @Test(arguments: [
        "", " ", "||", "^1 ||", "abc", "1.2.3.4", "^^1", "=>1", "1.x.3", "1 -", "^", ">*", "~>1", "^1\n",
        "1..2", "01",
        "^1.2-rc", ">=1 $(id)", "\u{202E}1", String(repeating: "1 ", count: 101),
    ])
    func `what is no range is none`(_ text: String) {
        #expect(VersionRange(text) == nil)
    }
}

@Suite struct PollScheduleTests {
    @Test func `looks are an interval apart, spread by a tenth`() {
        var schedule = PollSchedule(interval: .seconds(60))
        #expect(schedule.afterSuccess(random: 0) == .seconds(54))
        #expect(schedule.afterSuccess(random: 0.5) == .seconds(60))
        #expect(schedule.afterSuccess(random: 0.999) < .seconds(66))
        #expect(schedule.first(random: 0.5) == .seconds(30))
    }

    @Test func `F036 failures double the wait up to the limit, with jitter, until a success`() {
        var schedule = PollSchedule(interval: .seconds(60), limit: .seconds(900))
        var waits: [Duration] = []
        for _ in 0..<6 { waits.append(schedule.afterFailure(random: 0)) }
        #expect(waits == [30, 60, 120, 240, 450, 450].map { Duration.seconds($0) })
        #expect(schedule.failureCount == 6)
        #expect(schedule.afterFailure(random: 0.9999) > .seconds(890))
        for _ in 0..<100 { #expect(schedule.afterFailure(random: 0.5) <= .seconds(900)) }
        _ = schedule.afterSuccess(random: 0.5)
        #expect(schedule.failureCount == 0)
        #expect(schedule.afterFailure(random: 0) == .seconds(30))
    }

    @Test func `odd intervals and random numbers are brought into bounds`() {
        var schedule = PollSchedule(interval: .zero, limit: .zero)
        #expect(schedule.interval == .seconds(1))
        for random in [-1, 2, Double.nan, .infinity] {
            #expect(schedule.afterSuccess(random: random) == .milliseconds(900))
            #expect(schedule.afterFailure(random: random) >= .milliseconds(500))
        }
    }
}
