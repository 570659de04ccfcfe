import Testing

@testable import Documents

/// Sealing some values and opening them again gives the same bytes, and nothing else moves.
struct LosslessTests {
    /// Documents that are hard on parsers; every value of each can be sealed.
    static let nasty: [String] = [
        "a: 1\nb: two\n",
        "a: 1",
        "a: 'it''s'  # comment\nb: \"x\\ty\" # \"quoted\"\n",
        "# head\n---\na: 1 # one\n...\n# between\n---\nb: 2\n---\n# empty\n",
        "%YAML 1.1\n---\na: b\n",
        "a:\nb:\nc: ~\nd: ''\ne: \"\"\n",
        "a: # note\nb:\n# more\n",
        "list:\n- a\n-\n- \n-   c\n- - d\n  - e\n- x: y\n  z:\n",
        "list:\n    - a\n    -   b: c\n        d: e\n",
        "flow: {a: 1, b: [x, y, \"z\"], c: , d: 'e', \"f\":\"g\"}\n",
        "flow: [\n  a , # one\n  b\n  ,c,\n]\nz: 1\n",
        "flow: [a: b, c]\n",
        "lit: |\n  one\n  two\n\n\nnext: 1\n",
        "lit: |-\n  one\n   two  \n   \nnext: 1\n",
        "lit: |+\n  one\n\n\nnext: 1\n",
        "lit: |2-\n    one\n  two\nnext: 1\n",
        "lit: |+2 # with a comment\n   one\n",
        "fold: >\n  one\n  two\n\n  three\n    four\n# comment\nnext: >-\n  last",
        "empty: |\nnext: >+\n\n\nlast: |\n",
        "a:\n  b:\n    c: |\n      deep\n    # comment\n    d: \"multi\n      line\n\n      text\"\n  e: 'one\n  two'\n",
        "&a a: &b b\nc: &d\n  e: f\ng: &h !!str i\nj: !local k\nl: !!str\nm: &n\no: !<tag:x,y> p\n",
        "&x key: *x2\n".replacing("*x2", with: "v"),
        "a: &l |\n  text\nb: *l\nc: &m\n  - 1\nd: *m\n",
        "base: &base {x: 1}\nderived:\n  <<: *base\n  y: 2\n",
        "a: 1\r\nb: |\r\n  x\r\n  y\r\nc: 'p\r\n  q'\r\nd:\r\n",
        "\u{FEFF}a: ä\nb: \"日本\u{1F600}\" # ü\nÄ: [é, 'ß', \"ñ\"]\nc: |\n  ünï\n  cödé\nd: x\n",
        "a:\t1\nb: 2\t# tab\n",
        "? a\n: b\n? c\n: - d\n  - e\n? f\n",
        "'quoted key': v\n\"dq\\x41\": w\n? \"k\"\n: x\n",
        "a: 1.10\nb: 0x1F\nc: yes\nd: ~\ne: 1e3\nf: 012\ng: 12345678901234567890\nh: 2001-01-01\n",
        "   a: 1\n   b:\n        c: 2\n   d: 3",
        "a: b: c\n".replacing("b: c", with: "'b: c'"),
        "a: http://x/y?z#frag\nb: -1\nc: a-b\nd: \"#\"\n",
        "- a\n- |\n x\n- >2\n   y\n- {b: c}\n",
        "---\n- 1\n--- # two\n- 2\n...\n---\na: |\n  x\n--- \n- \"3\"\n",
        "{\"json\": \"in yaml\", \"n\": [1, true, null, {\"x\": \"y\\u0041\"}]}\n",
        "a: 'x'\n\n\n   \n",
        "a: |\n  x\n    \n  y\n \n",
        "a: !!binary |\n  AAAA\n  BBBB\nb: 1\n",
        "a: \"tr\\\n   ail\"\nb: 1\n",
        "a: &x # comment\n  value\nb: !!str # c\n  'v'\n",
        "a: |1\n  x\n y\n",
        "k: \"\u{85}\u{2028}\"\nv: plain\n".replacing("\u{85}\u{2028}", with: "\\N\\L"),
    ]

    @Test(arguments: nasty)
    func `F008: each value alone, and all together, seal and open to the same bytes`(_ text: String) throws {
        let document = try Fixture.yaml(text)
        let slots = document.slots.filter { $0.style != .absent || !$0.isFlow || text.contains(": ,") }
            .filter { document.path(of: $0) != SlotPath([.key(Array("f".utf8))]) || !text.contains("? f\n") }
        for slot in slots {
            let (sealed, kept) = try document.sealed([slot])
            #expect(sealed.text != text)
            #expect(sealed.sealedSlots.count == 1)
            #expect(sealed.path(of: try #require(sealed.sealedSlots.first)).components.count > 0)
            #expect(try sealed.opened(kept) == document.bytes)
        }
        let (sealed, kept) = try document.sealed(slots)
        #expect(try sealed.opened(kept) == document.bytes)
        #expect(sealed.slots.map(\.style).allSatisfy { $0 == .plain || $0 == .absent })
    }

    static let json: [String] = [
        "{\"a\":1,\"b\":\"x\",\"c\":[true,false,null,-1.5e+10,\"\"]}",
        " {\n\t\"a\" : { \"b\\u0041\" : \"\\ud83d\\ude00 \\n\\\"\" } ,\r\n \"ä\": [ [ ], { } , 0 ] }\n\n",
        "[\"a\", {\"name\": \"x\", \"v\": 1.10}, {\"name\": \"y\", \"v\": 12345678901234567890}]",
        "{\"\": \"\", \" \": \" \"}",
        "\u{FEFF}{\"a\": 1,\n \"b\": [\"\\u2028\"]}",
    ]

    @Test(arguments: json)
    func `F008: each value of JSON, and all together, seal and open to the same bytes`(_ text: String) throws
    {
        let document = try Fixture.json(text)
        for slot in document.slots {
            let (sealed, kept) = try document.sealed([slot])
            #expect(sealed.text != text)
            #expect(try sealed.opened(kept) == document.bytes)
        }
        let (sealed, kept) = try document.sealed(document.slots)
        #expect(sealed.sealedSlots.count == document.slots.count)
        #expect(try sealed.opened(kept) == document.bytes)
    }

    @Test func `F009: unquoted scalars keep their source text`() throws {
        let document = try Fixture.yaml("a: 1.10\nb: 012\nc: ~\nd: yes\n")
        #expect(document.slots.map(document.sourceText) == ["1.10", "012", "~", "yes"])
        let sealed = try document.sealed(document.slots).document
        #expect(sealed.text.hasPrefix("a: sealed.v1.prod-1.o.AAAA-_0\nb: sealed."))
    }

    @Test func `F001: empty, null and missing values stay distinct`() throws {
        let document = try Fixture.yaml("a: ''\nb: \"\"\nc:\nd: ~\ne: ' '\nf: \"\\n\"\n")
        #expect(document.slots.map(\.style) == [.single, .double, .absent, .plain, .single, .double])
        let (sealed, kept) = try document.sealed(document.slots)
        #expect(sealed.text.contains("\nc: sealed."))
        #expect(try sealed.opened(kept) == document.bytes)
        #expect(try Fixture.yaml("").slots.isEmpty)
        #expect(try Fixture.yaml("   \n").slots.isEmpty)
        #expect(try Fixture.yaml("# only\n").documentCount == 0)
        #expect(Fixture.code("", .json) == .syntax)
    }

    @Test func `a slot leaves out anchor, tag, comment and the last line break`() throws {
        let document = try Fixture.yaml(
            "a: &x !!str  'v' # c\nb: !t &y\n  w\nc: &z |- # h\n  one\n  two\n\nd: &q\n")
        #expect(document.slots.map(document.sourceText) == ["'v'", "w", "|- # h\n  one\n  two", ""])
        #expect(document.slots.map(\.line) == [1, 3, 4, 8])
        #expect(document.slots.map(\.column) == [14, 3, 7, 6])
        #expect(document.slots.map(\.hasAnchor) == [true, true, true, true])
        #expect(document.slots.map(\.hasTag) == [true, true, false, false])
    }

    @Test func `byte ranges hold behind characters of several bytes and a byte order mark`() throws {
        let document = try Fixture.yaml("\u{FEFF}ä: \"ö😀\"\nlist: [é, 'ü']\nß: x\n")
        #expect(document.slots.map(document.sourceText) == ["\"ö😀\"", "é", "'ü'", "x"])
        #expect(document.slots.map(document.valueText) == ["ö😀", "é", "ü", "x"])
    }

    @Test func `a sealed block scalar opens re-indented when its surroundings moved`() throws {
        let document = try Fixture.yaml("a:\n  b: |\n    one\n      two\n\n    three\n")
        let (_, kept) = try document.sealed(document.slots)
        let moved = try Fixture.yaml("x:\n    a:\n        b: sealed.v1.prod-1.o.AAAA\n")
        let opened = String(decoding: try moved.opened(kept), as: UTF8.self)
        #expect(opened == "x:\n    a:\n        b: |\n          one\n            two\n\n          three\n")
        let left = try Fixture.yaml("b: sealed.v1.prod-1.o.AAAA\n")
        #expect(
            String(decoding: try left.opened(kept), as: UTF8.self) == "b: |\n  one\n    two\n\n  three\n")
    }

    @Test func `two tokens for one value are refused`() throws {
        let document = try Fixture.yaml("a: b\n")
        let slot = try document.slot("a")
        #expect(
            Fixture.code { _ = try document.sealing([(slot, Fixture.token(1)), (slot, Fixture.token(2))]) }
                == .conflict)
        #expect(Fixture.code { _ = try document.sealing([(slot, Array("a b".utf8))]) } == .unsealable)
    }

    @Test func `a value of a key without a colon can't be sealed`() throws {
        for text in ["{a}\n", "[a: b, c: , {d}]\n", "? a\n"] {
            let document = try Fixture.yaml(text)
            let slot = try #require(document.slots.last)
            #expect(slot.style == .absent)
            #expect(Fixture.code { _ = try document.sealed([slot]) } == .unsupported)
        }
    }

    @Test(arguments: [
        "a: one\n  two\n", "a: x\ty\n", "f: [a:b]\n", "f: {k: x?}\n", "f: [x#y]\n",
    ])
    func `what could not be opened again is not sealed`(_ text: String) throws {
        let document = try Fixture.yaml(text)
        let slot = try #require(document.slots.first)
        #expect(Fixture.code { try document.checkSealable(slot) } == .unsealable)
        #expect(Fixture.code { _ = try document.sealed([slot]) } == .unsealable)
    }

    @Test(arguments: [
        "k: \"a\u{2028}b\"\n", "k: \"a\u{2029}b\"\n", "k: \"a\u{FEFF}b\"\n", "k: 'a\u{85}b'\n",
    ])
    func `F011: characters that end lines elsewhere are malformed input in a value`(_ text: String) throws {
        let document = try Fixture.yaml(text)
        let slot = try #require(document.slots.first)
        #expect(Fixture.code { try document.checkSealable(slot) } == .encoding)
        #expect(Fixture.code { _ = try document.sealed([slot]) } == .encoding)
    }

    @Test func `CR LF inside a value of an LF document is not sealed`() throws {
        let document = try Fixture.yaml("a: 'x\r\n  y'\nb: 1\n")
        #expect(Fixture.code { _ = try document.sealed([try document.slot("a")]) } == .unsealable)
        #expect(Fixture.code { _ = try document.sealed([try document.slot("b")]) } == nil)
        let line = try Fixture.yaml("a: 'x\r\n  y'")
        let (sealed, kept) = try line.sealed(line.slots)
        #expect(try sealed.opened(kept) == line.bytes)
    }

    @Test func `a value above the limit is not sealed`() throws {
        let document = try Fixture.yaml("a: \(String(repeating: "x", count: 1 << 20))y\n")
        #expect(Fixture.code { _ = try document.sealed(document.slots) } == .limit)
    }
}
