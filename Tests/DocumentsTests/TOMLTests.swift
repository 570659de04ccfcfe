import Testing

@testable import Documents

/// TOML: what is read, sealed without loss, and refused.
struct TOMLTests {
    static let nasty: [String] = [
        "a = 1\nb = \"two\"\n", "a=1", "", "# only\n\n", "a = 'lit\\' # c\r\n\r\n[t]\r\nb = \"\"\r\n",
        "int = [+99, -17, 0, 1_000, 0xDEAD_beef, 0o755, 0b1101, 12345678901234567890]\n",
        "f = [+1.0, -0.01, 5e+22, 1e06, -2E-2, 6.626e-34, 224_617.445_991, inf, -inf, +nan, nan, 0e0]\n",
        "d = [1979-05-27T07:32:00Z, 1979-05-27 00:32:00.999-07:00, 1979-05-27t07:32:00z, 1979-05-27, 07:32:00.5]\n",
        "a.b.c = 1\na.b.d = 2\na.\"e f\".'g' = true\n[a.b.x]\ny = false\n",
        "[a.b]\nk = 1\n[c]\nk = 2\n[a]\nz = 3\n[a.d]\nw = 4\n[c.e]\nv = 5\n",
        "[[p]]\nname = \"x\"\nv = 1\n[p.sub]\nk = 1\n[[p.var]]\nn = 1\n[[p.var]]\nn = 2\n[[p]]\nname = \"y\"\n[[p]]\n",
        "t = {a = 1, b.c = {x = [1, {y = 'z'}]}, \"q r\" = \"\\u00e9\\U0001F600\\n\"}\ne = {}\nf = [ ]\n",
        "s = \"\"\"\nline \\\n   joined\n\"quotes\"\" here\\\"\"\"\"\"\nr = '''\n  raw \\ ''two'''\nq = ''''a''''\n",
        "l = [ # one\n  'a', # two\n\n  \"\"\"b\r\nc\"\"\",\n]\n[ x . \"y.z\" . w ] # c\nk=1",
        "ʎ = 1\n".replacing("ʎ", with: "\"ʎ\"") + "1234 = \"日本\"\n- = 2\n_ = 3\n\"\" = 4\n",
        "a = \"\"\"\"\"\"\nb = ''''''\nc = \"\\b\\t\\n\\f\\r\\\"\\\\\"\nd = \"\ttab\"\n",
        "fruit.apple.color = 'red'\nfruit.orange = 1\n[fruit.apple.texture]\nsmooth = true\n[veg]\nx.y = 1\nx.z = 2\n",
        "\u{FEFF}a = 1\nb = 'x'\n[c]\nd = 2",
    ]

    @Test(arguments: nasty)
    func `each value alone, and all together, seal and open to the same bytes`(_ text: String) throws {
        let document = try Fixture.read(text, .toml)
        let lineEnds = text.contains("\r\nc\"\"\"")
        for slot in document.slots where !lineEnds || !document.sourceText(slot).contains("\r\n") {
            let (sealed, kept) = try document.sealed([slot])
            #expect(sealed.sealedSlots.map(\.style) == [.double])
            #expect(try sealed.opened(kept) == document.bytes)
        }
        var generator = SeededGenerator(1)
        for _ in 0..<3 { _ = try GeneratedTests.roundTrip(document, &generator) }
    }

    @Test func `places are keys and elements, however tables are written`() throws {
        let document = try Fixture.read(
            "[[p]]\nname = 'x'\nv = 1\n[p.s]\nk = 2\n[[p]]\nv = 3\n[a.b]\nc.\"d.e\" = [4, {f = 5}]\n[a]\ng = 6\n",
            .toml)
        let places = document.slots.map { "\(document.path(of: $0).text)=\(document.sourceText($0))" }
        #expect(
            places == [
                "p[name=\"x\"].name='x'", "p[name=\"x\"].v=1", "p[name=\"x\"].s.k=2", "p[1].v=3",
                "a.b.c[\"d.e\"][0]=4", "a.b.c[\"d.e\"][1].f=5", "a.g=6",
            ])
        #expect(try document.slot("p[0].s.k") == document.slot("p[name=x].s.k"))
        #expect(document.slots.map(\.line) == [2, 3, 5, 7, 9, 9, 11])
        #expect(document.objects.isEmpty)
    }

    @Test func `values are decoded`() throws {
        let document = try Fixture.read(
            Self.nasty[12] + "u = \"\\u00E9\\U0001F600\\t\"\nv = 'C:\\x'\n", .toml)
        #expect(
            document.slots.map(document.valueText) == [
                "line joined\n\"quotes\"\" here\"\"", "  raw \\ ''two", "'a'", "é😀\t", "C:\\x",
            ])
        #expect(
            document.slots.map(\.style) == [.tripleDouble, .tripleSingle, .tripleSingle, .double, .single])
    }

    @Test(arguments: [
        "a", "a =", "a = \n1", "= 1", "a = 1 b = 2", "a = 1, b", "a.b. = 1", ".a = 1", "a b = 1", "ä = 1",
        "a == 1",
        "[a", "[a]]", "[[a]", "[ [a] ]", "[]", "[a.]", "[a]b", "[a] b = 1", "[\"\"\"a\"\"\"]", "a = 01",
        "a = +0x1",
        "a = 1__0", "a = _1", "a = 1_", "a = 0x", "a = 0xG", "a = 0X1", "a = 1.", "a = .1", "a = 1.e1",
        "a = 1e",
        "a = 01.5", "a = Inf", "a = infinity", "a = True", "a = tru", "a = truex", "a = null", "a = ~",
        "a = x",
        "a = 1979-13-01", "a = 1979-02-30", "a = 1900-02-29", "a = 1979-05-27T", "a = 1979-05-27T24:00:00",
        "a = 1979-05-27T07:32", "a = 07:60:00", "a = 7:32:00", "a = 07:32:00Z", "a = 1979-5-27",
        "a = 07:32:00.",
        "a = 1979-05-27T07:32:00+24:00", "a = 1979-05-27  07:32:00", "a = \"x", "a = 'x", "a = \"x\ny\"",
        "a = 'x\ny'",
        "a = \"\"\"x\"\"", "a = '''x''", "a = \"\\x41\"", "a = \"\\u12\"", "a = \"\\ud800\"",
        "a = \"\\U00110000\"",
        "a = \"\\ \"", "a = \"\"\"\\ x\"\"\"", "a = '''x''''''", "a = \"\"\"x\"\"\"\"\"\"", "a = [1 2]",
        "a = [1,,2]", "a = [,]",
        "a = [1", "a = {b = 1", "a = {b = 1,}", "a = {,}", "a = {b = 1, , c = 2}", "a = {b = 1\n}", "a = {b}",
        "a = {1}",
        "a = \"x\" \"y\"", "a = 'x'y", "\"a\nb\" = 1", "'''a''' = 1",
        "a = 1 # \u{1}\n".replacing("\u{1}", with: "") + "[",
    ])
    func `what TOML 1.0 doesn't allow is refused`(_ text: String) {
        #expect(Fixture.code(text + "\n", .toml) == .syntax)
    }

    @Test(arguments: [
        "a = 1\na = 2", "a = 1\n\"a\" = 2", "a.b = 1\na.b = 2", "a = 1\na.b = 2", "a.b = 1\na = 2",
        "[a]\n[a]",
        "[a]\nb = 1\n[a.b]", "[a]\nb = 1\n[a.b.c]", "a = {}\n[a]", "a = {}\n[a.b]", "a = {b = 1}\na.c = 2",
        "a = []\n[[a]]",
        "[[a]]\n[a]", "[a]\n[[a]]", "[a.b]\n[[a]]", "[a.b.c]\nz = 9\n[a]\nb.c.t = 1", "[a.b]\n[a]\nb.c = 1",
        "[a]\nb.c = 1\n[a.b]", "[a]\nb.c.d = 1\n[a.b.c]", "[[a]]\n[a.b]\n[[a.b]]", "[[a]]\n[[a.b]]\n[a.b]",
        "a = [{}]\n[[a]]", "a = [{}]\n[a.b]", "a = {b.c = 1, b = 2}", "a = {b = {}, b.c = 1}",
        "a = {b = 1, b = 2}",
        "[[a.b]]\n[a]\nb.y = 2", "[a]\n[b]\n[\"a\"]", "[[a]]\nb = 1\n[a.b]", "b = []\n[b.c]",
    ])
    func `F005: what is defined already is refused with both lines`(_ text: String) {
        do {
            _ = try Fixture.read(text, .toml)
            Issue.record("was read")
        } catch {
            let error = error as? DocumentError
            #expect(error?.code == .duplicateKey && (error?.otherLine ?? 0) <= (error?.line ?? 0))
            #expect((error?.otherLine ?? 0) > 0)
        }
    }

    @Test func `F007, F011: limits and characters`() {
        let depth = 100_000
        for text in [
            "a = " + String(repeating: "[", count: depth), "a = " + String(repeating: "{a=", count: depth),
            String(repeating: "a.", count: depth) + "a = 1",
            "[" + String(repeating: "a.", count: depth) + "a]",
            "a = " + String(repeating: "[", count: 512) + String(repeating: "]", count: 512),
        ] { #expect(Fixture.code(text, .toml) == .limit) }
        #expect(
            Fixture.code(
                "a=" + String(repeating: "[", count: 511) + String(repeating: "]", count: 511), .toml) == nil)
        for text in ["\u{FEFF}\u{1}a = 1", "a = 1 # \u{7f}", "a = '\u{1}'", "a = 1\rb = 2", "# \u{0}"] {
            #expect(Fixture.code(text, .toml) == .encoding)
        }
    }

    static let contexts = [
        "a = \"TOKEN\"\nz = 1\n", "x = {a = \"TOKEN\", b = 1}\n", "x = [\"TOKEN\", 1]\n[t]\n",
        "[t]\na = \"TOKEN\" # kept",
        "[[t]]\r\na = \"TOKEN\"\r\n[[t]]\r\n",
    ]

    @Test(arguments: [
        ("1", ScalarStyle.plain), ("1979-05-27 07:32:00Z", .plain), ("-inf", .plain), ("0x1F", .plain),
        ("true", .plain),
        ("\"]\\n[c]\"", .double), ("'\"'", .single), ("\"\"\"v # \"\"\"", .tripleDouble),
        ("''''v'''", .tripleSingle),
        ("\"\\u2028\\u0000\"", .double),
    ])
    func `an honest plaintext opens to itself`(_ source: String, _ style: ScalarStyle) throws {
        for context in Self.contexts {
            let document = try Fixture.read(
                context.replacing("TOKEN", with: "sealed.v1.prod-1.o.AAAA"), .toml)
            #expect(try document.opened(source, style) == context.replacing("\"TOKEN\"", with: source))
        }
        let lines = try Fixture.read("a = \"sealed.v1.prod-1.o.AAAA\"\nb = 1\n", .toml)
        #expect(try lines.opened("'''\nv\n[c]\n'''", .tripleSingle) == "a = '''\nv\n[c]\n'''\nb = 1\n")
    }

    @Test func `values that are harmful only together are refused`() throws {
        let document = try Fixture.read(
            "a = \"sealed.v1.prod-1.o.AAAA\"\nb = \"sealed.v1.prod-1.o.AAAB\"\n", .toml)
        let kept = ["\"\"\"v", "w\"\"\""].map {
            Kept(style: .tripleDouble, indentation: 0, source: Array($0.utf8))
        }
        #expect(Fixture.code { _ = try document.opened(kept) } == .injection)
    }

    @Test(arguments: [
        ("b", "a = 1\n", "a = 1\nb = \"T\"\n"), ("b", "a = 1", "a = 1\nb = \"T\""), ("b", "", "b = \"T\"\n"),
        ("b", "a = 1 # c\n[t]\nx = 1\n", "a = 1 # c\nb = \"T\"\n[t]\nx = 1\n"),
        ("b", "[t]\nx = 1\n", "b = \"T\"\n[t]\nx = 1\n"),
        ("t.y", "[t]\n  x = [\n1,\n]\n[t.s]\nz = 1\n", "[t]\n  x = [\n1,\n]\ny = \"T\"\n[t.s]\nz = 1\n"),
        ("t.y", "[t]\r\n  x = 1\r\n\r\n[u]\r\n", "[t]\r\n  x = 1\r\n  y = \"T\"\r\n\r\n[u]\r\n"),
        ("a.k", "[a.b]\nx = 1\n[c]\n[a]\n[a.d]\n", "[a.b]\nx = 1\n[c]\n[a]\nk = \"T\"\n[a.d]\n"),
        ("p[1].k", "[[p]]\nx = 1\n[[p]]\n[q]\n", "[[p]]\nx = 1\n[[p]]\nk = \"T\"\n[q]\n"),
        ("x.k", "x = {a = 1}\n", "x = {a = 1, k = \"T\"}\n"), ("x.k", "x = {}\n", "x = {k = \"T\"}\n"),
        ("[\"a b\"]", "a = 1\n", "a = 1\n\"a b\" = \"T\"\n"),
    ])
    func `a missing key is appended`(_ path: String, _ before: String, _ after: String) throws {
        let result = try Fixture.read(before, .toml).inserting(
            token: Array("sealed.v1.prod-1.o.AAAA".utf8), at: SlotPath(parsing: Array(path.utf8)), document: 0
        )
        #expect(result.text.replacing("sealed.v1.prod-1.o.AAAA", with: "T") == after)
        #expect(result.sealedSlots.map { result.path(of: $0).text } == [path])
    }

    @Test func `what can't be appended is refused`() throws {
        let document = try Fixture.read("a.b = 1\n[c.d]\n", .toml)
        for (path, code): (String, DocumentError.Code) in [
            ("a.c", .unsupported), ("c.e", .unsupported), ("x.y", .notFound), ("a.b.c", .conflict),
            ("a", .conflict),
        ] {
            #expect(
                Fixture.code {
                    _ = try document.inserting(
                        token: Fixture.token(0), at: SlotPath(parsing: Array(path.utf8)), document: 0)
                } == code, "\(path)")
        }
    }

    @Test(arguments: nasty)
    func `truncated and altered texts are read or refused, never more`(_ text: String) throws {
        try BrokenTexts.check(text, .toml)
    }
}
