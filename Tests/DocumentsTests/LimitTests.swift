import Testing

@testable import Documents

/// Input that is made to exhaust a reader ends in `limit`, input that is broken in its own code.
struct LimitTests {
    @Test func `F007: 100,000 levels of nesting are refused in flow, block and JSON`() {
        let depth = 100_000
        #expect(Fixture.code(String(repeating: "[", count: depth)) == .limit)
        #expect(
            Fixture.code(String(repeating: "[", count: depth) + String(repeating: "]", count: depth))
                == .limit)
        #expect(Fixture.code(String(repeating: "{a: ", count: depth)) == .limit)
        #expect(Fixture.code(String(repeating: "[\n", count: depth)) == .limit)
        #expect(Fixture.code("[" + String(repeating: "a: [", count: depth)) == .limit)
        #expect(Fixture.code(String(repeating: "- ", count: depth) + "a") == .limit)
        #expect(Fixture.code(String(repeating: "? ", count: depth) + "a") != nil)
        #expect(Fixture.code(String(repeating: "[", count: depth), .json) == .limit)
        #expect(Fixture.code(String(repeating: "{\"a\":", count: depth), .json) == .limit)
        var block = ""
        for level in 0..<600 { block += String(repeating: " ", count: level) + "a:\n" }
        #expect(Fixture.code(block) == .limit)
    }

    @Test func `nesting up to the limit is read`() throws {
        let text = String(repeating: "[", count: 512) + String(repeating: "]", count: 512)
        #expect(Fixture.code(text) == nil)
        #expect(Fixture.code(text, .json) == nil)
        #expect(Fixture.code("[\(text)]") == .limit)
        #expect(Fixture.code("[\(text)]", .json) == .limit)
    }

    @Test func `many nodes in deep brackets are refused`() {
        let text = String(repeating: "[", count: 511) + String(repeating: "a,", count: 220_000)
        #expect(Fixture.code(text) == .limit)
    }

    @Test func `F006: alias bombs, many aliases and recursive aliases are refused`() {
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<9 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            bomb += "a\(level): &a\(level) [\(aliases)]\n"
        }
        #expect(Fixture.code(bomb) == .limit)
        #expect(Fixture.code("a: &a x\nb: [" + String(repeating: "*a , ", count: 10_000) + "]\n") == .limit)
        #expect(Fixture.code("a: &a [*a]\n") == .limit)
        #expect(Fixture.code("&a {x: {y: *a}}\n") == .limit)
        #expect(Fixture.code("a: &a\n  <<: *a\n") == .limit)
        #expect(Fixture.code("a: *b\n") == .syntax)
        #expect(Fixture.code("a: &a x\n---\nb: *a\n") == .syntax)
        #expect(Fixture.code("a: &a x\nb: *a\nc: [*a, *a]\n") == nil)
    }

    @Test func `F012: a text above its limit is refused before it is parsed`() {
        var limits = DocumentLimits()
        limits.byteCount = 10
        for format in DocumentFormat.allCases {
            #expect(
                Fixture.code {
                    _ = try TextDocument(
                        Array("{\"a\":\"bcd\"}".utf8), format: format, limits: limits,
                        isSealed: Fixture.isToken)
                } == .limit)
        }
    }

    @Test func `a flood of directives is refused`() {
        let directives = (0..<100_000).map { "%TAG !t\($0)! tag:x\n" }.joined()
        #expect(Fixture.code(directives + "---\na: b\n") == .limit)
    }

    @Test func `F005: a key twice in one mapping is refused with both lines`() {
        for (text, format): (String, DocumentFormat) in [
            ("a: 1\nb:\n  c: 1\na: 2\n", .yaml), ("a: 1\n\n\n\"\\x61\": 2\n", .yaml),
            ("{\"a\": 1,\n\n\n\"\\u0061\": 2}", .json), ("{\"\": 1,\n\n\n\"\": 2}", .json),
        ] {
            do {
                _ = try TextDocument(Array(text.utf8), format: format, isSealed: Fixture.isToken)
                Issue.record("was read")
            } catch {
                #expect(error.code == .duplicateKey)
                #expect(error.line == 4)
                #expect(error.otherLine == 1)
            }
        }
        let many = (0..<2_000).map { "key\($0): \($0)\n" }.joined()
        #expect(Fixture.code(many) == nil)
        #expect(Fixture.code(many + "key77: x\n") == .duplicateKey)
        #expect(Fixture.code("a: 1\n---\na: 1\n") == nil)
    }

    @Test func `T1: keys that differ in normalisation alone are two keys`() throws {
        let document = try Fixture.yaml("\u{E9}: 1\ne\u{301}: 2\n")
        #expect(document.slots.count == 2)
        #expect(document.path(of: document.slots[0]) != document.path(of: document.slots[1]))
    }

    @Test func `T2: CR LF lines are counted one by one`() throws {
        let document = try Fixture.yaml("a: 1\r\nb: 2\r\n")
        #expect(document.slots.map(\.line) == [1, 2])
        #expect(document.slots.map(document.valueText) == ["1", "2"])
    }

    @Test func `F011: what is not UTF-8, NUL and UTF-16 are refused`() {
        for format in DocumentFormat.allCases {
            for bytes: [UInt8] in [
                [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
                [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], [0x22, 0xE2, 0x82, 0x22], [0xFF, 0xFE, 0x61, 0x00],
                [0xFE, 0xFF, 0x00, 0x61],
            ] {
                #expect(Fixture.code(bytes, format) == .encoding)
            }
            #expect(Fixture.code([0x22, 0x00, 0x22], format) != nil)
            #expect(Fixture.code([0x61, 0x00], format) != nil)
        }
        for (text, format): (String, DocumentFormat) in [
            ("1", .json), ("1", .yaml), ("a = 1", .toml), ("a = 1", .ini), ("A=1", .dotenv),
        ] { #expect(Fixture.code([0xEF, 0xBB, 0xBF] + Array(text.utf8), format) == nil) }
        #expect(Fixture.code([0xEF, 0xBB, 0xBF, 0xEF, 0xBB, 0xBF, 0x31], .json) == .syntax)
    }

    @Test(arguments: [
        "", " ", "{", "}", "[1,]", "{\"a\":1,}", "{\"a\"}", "{\"a\":}", "{a:1}", "{'a':1}", "[1 2]", "1 2",
        "tru", "nul",
        "truee", "01", "1.", ".5", "-", "1e", "1e+", "+1", "0x1", "\"", "\"\\", "\"\\u12\"", "\"\\u12G4\"",
        "\"\\q\"",
        "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"a\nb\"", "\"\t\"", "[1]]", "// c\n1", "/* */1",
        "NaN", "Infinity",
        "[,1]", "{,}", "\u{A0}1", "\u{b}1", "nullx", "\"a\" \"b\"",
    ])
    func `what RFC 8259 does not allow is refused`(_ text: String) {
        #expect(Fixture.code(text, .json) == .syntax)
    }

    @Test func `T4: number texts are kept`() throws {
        let document = try Fixture.json("{\"a\": 1.10, \"b\": -0, \"c\": 1E400, \"d\": 12345678901234567890}")
        #expect(document.slots.map(document.valueText) == ["1.10", "-0", "1E400", "12345678901234567890"])
    }

    @Test func `keys that are no scalars are refused with their line`() {
        for text in ["a: 1\n? [b]\n: c\n", "a: 1\n? {b: c}\n: d\n", "a: &x 1\n*x : 2\n", "z: 1\n{a: b}: c\n"]
        {
            #expect(Fixture.code(text) == .unsupported)
        }
    }

    @Test func `every truncation and every flipped bit is read or refused`() throws {
        let yaml = Array(
            "%YAML 1.1\n---\na: &x [1, 'ä', {b: \"c\\n\"}]\nd: |+2\n   e\n\nf: *x\n? g\n: !!str h # i\n".utf8)
        let json = Array("{\"a\": [1.5e-3, \"\\ud83d\\ude00ä\", {\"b\": null}], \"c\": true}".utf8)
        for (bytes, format) in [(yaml, DocumentFormat.yaml), (json, .json)] {
            #expect(Fixture.code(bytes, format) == nil)
            for count in bytes.indices { _ = Fixture.code(Array(bytes[..<count]), format) }
            for index in bytes.indices {
                for bit in 0..<8 {
                    var flipped = bytes
                    flipped[index] ^= 1 << bit
                    guard let document = try? TextDocument(flipped, format: format, isSealed: Fixture.isToken)
                    else { continue }
                    for slot in document.slots where Fixture.code({ try document.checkSealable(slot) }) == nil
                    {
                        guard let (sealed, kept) = try? document.sealed([slot]) else { continue }
                        #expect(try sealed.opened(kept) == flipped)
                    }
                }
            }
        }
        for count in 0..<(json.count - 1) { #expect(Fixture.code(Array(json[..<count]), .json) != nil) }
    }
}
