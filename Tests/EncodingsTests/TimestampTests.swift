import Testing

@testable import Encodings

@Suite struct TimestampTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00Z"), (1, "1970-01-01T00:00:00.000000001Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (1_000_000, "1970-01-01T00:00:00.001Z"), (1_001_000, "1970-01-01T00:00:00.001001Z"),
        (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
        (4_107_542_400_000_000_000, "2100-03-01T00:00:00Z"),
        (1_772_357_400_500_000_000, "2026-03-01T09:30:00.500Z"),
        (Int64.max, "2262-04-11T23:47:16.854775807Z"),
        (Int64.min, "1677-09-21T00:12:43.145224192Z"), (-2_203_891_200_000_000_000, "1900-03-01T00:00:00Z"),
    ]) func `a moment has one text, and the text gives the moment`(nanoseconds: Int64, text: String) throws {
        #expect(Timestamp(nanoseconds: nanoseconds).description == text)
        #expect(try Timestamp(rfc3339: text).nanoseconds == nanoseconds)
    }

    @Test func `moments over the whole range come back`() throws {
        var value = Int64.min
        while value < Int64.max - 92_233_720_368_547_758 {
            let moment = Timestamp(nanoseconds: value)
            #expect(try Timestamp(rfc3339: moment.description) == moment)
            value += 9_223_372_036_854_775 * 10
        }
    }

    @Test(arguments: [
        ("2026-03-01", "2026-03-01T00:00:00Z"), ("2026-03-01T09:30:00+02:00", "2026-03-01T07:30:00Z"),
        ("2026-03-01T00:30:00+01:00", "2026-02-28T23:30:00Z"),
        ("2026-02-28T23:30:00-00:30", "2026-03-01T00:00:00Z"),
        ("2026-03-01T09:30:00-00:00", "2026-03-01T09:30:00Z"),
        ("2026-03-01T09:30:00.5Z", "2026-03-01T09:30:00.500Z"),
        ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500Z"), ("2024-02-29", "2024-02-29T00:00:00Z"),
    ]) func `other forms of RFC 3339 are read`(text: String, expected: String) throws {
        #expect(try Timestamp(rfc3339: text).description == expected)
    }

    @Test(arguments: [
        "", "2026", "2026-3-1", "2026-02-29", "2023-02-29", "1900-02-29", "2026-04-31", "2026-13-01",
        "2026-00-01", "2026-01-00",
        "2026-01-32", "2026-03-01T", "2026-03-01T09:30:00", "2026-03-01T09:30Z", "2026-03-01T24:00:00Z",
        "2026-03-01T09:60:00Z", "2026-03-01T09:30:60Z", "2026-03-01T09:30:00.Z",
        "2026-03-01T09:30:00.1234567890Z",
        "2026-03-01T09:30:00,5Z", "2026-03-01 09:30:00Z", "2026-03-01T09:30:00z", "2026-03-01T09:30:00Z ",
        "2026-03-01T09:30:00+0200", "2026-03-01T09:30:00+24:00", "2026-03-01T09:30:00+02:60", "+2026-03-01",
        " 2026-03-01",
        "1677-09-21T00:12:43.145224191Z", "2262-04-11T23:47:16.854775808Z", "1600-01-01", "9999-12-31",
        "0000-01-01",
        "२०२६-०३-०१",
    ]) func `other texts and days that don't exist are refused`(text: String) {
        #expect(code { _ = try Timestamp(rfc3339: text) } == .invalidCharacter)
    }

    @Test func `seconds outside the range give no moment`() {
        #expect(Timestamp(seconds: 9_223_372_036)?.nanoseconds == 9_223_372_036_000_000_000)
        #expect(Timestamp(seconds: 9_223_372_037) == nil)
        #expect(Timestamp(seconds: .min) == nil)
        #expect(Timestamp(nanoseconds: -1).seconds == -1)
        #expect(Timestamp(nanoseconds: .min).seconds == -9_223_372_037)
        #expect(Timestamp(nanoseconds: 1) < Timestamp(nanoseconds: 2))
    }
}

@Suite struct GlobTests {
    private static func matches(_ pattern: String, _ path: String) throws -> Bool {
        try Glob(Array(pattern.utf8)).matches(path.split(separator: "/").map { Array($0.utf8) })
    }

    @Test(arguments: [
        ("a/b.yaml", "a/b.yaml"), ("*.yaml", "b.yaml"), ("*", "x"), ("*", ".hidden"), ("*.yaml", ".yaml"),
        ("**", "a"),
        ("**", "a/b/c"), ("**/b", "b"), ("**/b", "a/b"), ("**/b", "a/a/b"), ("a/**", "a"), ("a/**", "a/b/c"),
        ("a/**/z", "a/z"), ("a/**/z", "a/b/c/z"), ("**/a/**/b/**", "x/a/b"), ("a*b*c", "aXbYc"),
        ("a*b*c", "abbbc"),
        ("*a*", "banana"), ("**/*.yaml", "k8s/.x/s.yaml"), ("a?[b]", "a?[b]"), ("a*", "a"), ("*é", "café"),
        ("**/**/x", "x"),
    ]) func `paths that fit`(pattern: String, path: String) throws {
        #expect(try Self.matches(pattern, path))
    }

    @Test(arguments: [
        ("a", "b"), ("a", "A"), ("*.yaml", "a/b.yaml"), ("*", "a/b"), ("a/*", "a"), ("a/*", "a/b/c"),
        ("**/b", "a/b/c"),
        ("a/**/z", "a/b"), ("a?c", "abc"), ("[ab]", "a"), ("*.yaml", "b.yml"), ("a*b", "a"), ("a/b", "b"),
        ("b", "a/b"),
        ("*a", "ab"), ("cafe\u{301}", "caf\u{E9}"),
    ]) func `paths that don't`(pattern: String, path: String) throws {
        #expect(try !Self.matches(pattern, path))
    }

    @Test(arguments: ["", "/a", "a/", "a//b", "a**", "**a", "a/b**/c", "***"])
    func `other patterns are refused`(
        pattern: String
    ) {
        #expect(code { _ = try Glob(Array(pattern.utf8)) } == .invalidCharacter)
    }

    @Test func `another separator cuts key paths`() throws {
        let glob = try Glob(Array("**.password".utf8), separator: 0x2E)
        #expect(glob.matches([Array("db".utf8), Array("password".utf8)]))
        #expect(glob.matches([Array("password".utf8)]))
        #expect(!glob.matches([Array("db.password".utf8)]))
    }

    @Test func `a pattern of many stars stays fast`() throws {
        let pattern = String(repeating: "*a", count: 500) + "b"
        #expect(try !Self.matches(pattern, String(repeating: "a", count: 5_000)))
        let deep = String(repeating: "**/a/", count: 100) + "b"
        #expect(try !Self.matches(deep, String(repeating: "a/", count: 500)))
    }
}
