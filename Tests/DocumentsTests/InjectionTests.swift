import Testing

@testable import Documents

/// An opened value can change nothing but itself.
struct InjectionTests {
    /// A hostile plaintext, with the style that its sealer claims.
    struct Attack: Sendable, CustomTestStringConvertible {
        let context: String
        let source: String
        let style: ScalarStyle

        init(_ context: String, _ source: String, _ style: ScalarStyle = .plain) {
            self.context = context
            self.source = source
            self.style = style
        }

        var testDescription: String { "\(context) <- \(style) \(source)".debugDescription }
    }

    static let top = "a: TOKEN\nz: 1\n"
    static let nested = "x:\n  a: TOKEN\n  b: 1\nz: 1\n"
    static let list = "x:\n- TOKEN\n- 2\n"
    static let flow = "x: {a: TOKEN, b: 1}\n"
    static let array = "x: [TOKEN, 1]\n"
    static let last = "z: 1\na: TOKEN"
    static let commented = "a: TOKEN # kept\nz: 1\n"
    static let crlf = "a: TOKEN\r\nz: 1\r\n"

    static let yaml: [Attack] = [
        // Further documents.
        Attack(top, "v\n---\nb: 2"), Attack(top, "v\n...\nb: 2"), Attack(top, "\"v\"\n---\nb: 2", .double),
        Attack(last, "v\n--- "), Attack(top, "|\n  v\n---\nb: 2\n", .literal),
        Attack(top, "\"v\n---\n\"", .double), Attack(last, "'v'\n...", .single),
        // Further keys.
        Attack(top, "v\nb: 2"), Attack(top, "'v'\nb: 2", .single), Attack(top, "|\n  v\nb: 2", .literal),
        Attack(nested, "v\n  c: 2"), Attack(nested, ">-\n    v\n  c: 2", .folded),
        Attack(top, "b: c"), Attack(top, "'b': c", .single), Attack(top, "? b"), Attack(top, "b:"),
        Attack(top, "{b: c}"), Attack(top, "[b]"), Attack(top, "- b"), Attack(list, "b: c"),
        Attack(list, "- b"), Attack(list, "v\n- w"), Attack(list, "\"v\"\n- w", .double),
        Attack(top, "\nb: 2"),
        Attack(top, "\n  b: 2"), Attack(last, "v\nb: 2"), Attack(top, "", .plain), Attack(top, "v", .absent),
        Attack(top, "<<: *x"),
        // Anchors, aliases, tags.
        Attack(top, "&x v"), Attack(top, "*x"), Attack(top, "!!int 1"), Attack(top, "! v"),
        Attack(top, "!<tag:yaml.org,2002:str> 'v'", .single), Attack(top, "&x 'v'", .single),
        Attack(top, "!!binary |\n  AAAA", .literal), Attack(top, "&x"), Attack(flow, "&x v"),
        Attack(array, "*x"),
        // Comments that swallow what follows, or hide in the value.
        Attack(commented, "v #"), Attack(flow, "v #"), Attack(top, "v # c"), Attack(top, "# c"),
        Attack(flow, "#"), Attack(top, "'v' # c", .single), Attack(array, "\"v\" # c\n", .double),
        Attack(top, "|\n  v\n# c", .literal), Attack(top, "v\t# c"), Attack(array, "v\n# c\n"),
        // Out of brackets.
        Attack(flow, "v, c: 2"), Attack(flow, "v}"), Attack(flow, "v} #"), Attack(array, "v, 2"),
        Attack(array, "v], y: [2"), Attack(array, "v: 2"), Attack(array, "{k: v}"),
        Attack(flow, "'v', c: 'w'", .single),
        Attack(flow, "\"v\", \"c\": \"w\"", .double), Attack(flow, "|\n v", .literal), Attack(array, "[v]"),
        Attack(array, "v]"), Attack(array, "? v"), Attack(flow, ":v"), Attack(array, "-"),
        Attack(array, "v\n,2"),
        // Quotes and blocks that take in, or leave over.
        Attack(top, "\"v", .double), Attack(top, "'v", .single), Attack(top, "'v' w", .single),
        Attack(top, "\"v\" ", .double), Attack(top, " v"), Attack(top, "v "), Attack(top, "v\n"),
        Attack(top, "|", .plain), Attack(top, ">\n", .folded), Attack(top, "|\n  v\n\n", .literal),
        Attack(nested, "|\n    v\n  ", .literal), Attack(top, "|9\n  v", .literal),
        Attack(top, "|x\n  v", .literal),
        Attack(top, "\"\\z\"", .double), Attack(top, "\"\\ud800\"", .double),
        Attack(nested, "|\n  v", .literal),
        Attack(nested, "|\nv", .literal), Attack(top, "@v"), Attack(top, "`v"), Attack(top, "%v\n"),
        // Another style than the recorded one.
        Attack(top, "'v'", .plain), Attack(top, "v", .double), Attack(top, "\"v\"", .single),
        Attack(top, ">\n  v", .literal), Attack(top, "|\n  v", .folded),
        // Characters that other readers take for line ends, or for the end.
        Attack(top, "v\u{0}"), Attack(top, "\"v\u{85}b: 2\"", .double), Attack(top, "v\u{2028}b: 2"),
        Attack(top, "v\u{2029}b: 2"), Attack(top, "\u{FEFF}v"), Attack(top, "v\r"), Attack(top, "v\rb: 2"),
        Attack(top, "'v\r\n  w'", .single), Attack(crlf, "'v\r  w'", .single), Attack(top, "v\u{1b}[2J"),
        Attack(top, "\"v\u{7}\"", .double), Attack(top, "v\u{7f}"), Attack(top, "v\tw"),
    ]

    @Test(arguments: yaml)
    func `a hostile YAML plaintext is refused`(_ attack: Attack) throws {
        let text = attack.context.replacing("TOKEN", with: "sealed.v1.prod-1.o.AAAA")
        let document = try Fixture.yaml(text)
        #expect(Fixture.code { _ = try document.opened(attack.source, attack.style) } == .injection)
    }

    static let honest: [Attack] = [
        Attack(top, "v"), Attack(top, "v#w"), Attack(top, "a:b"), Attack(top, "-v"),
        Attack(top, "v # w".replacing(" # ", with: "#")),
        Attack(top, "'v\n  b: 2'", .single), Attack(top, "\"v\n  # no comment\"", .double),
        Attack(nested, "|\n    b: 2\n    ---\n    # text", .literal), Attack(top, ">-\n  v\n\n  w", .folded),
        Attack(flow, "\"v, c: 2}\"", .double), Attack(array, "'v], y: [2'", .single),
        Attack(top, "", .absent),
        Attack("x: {a:  TOKEN, b: 1}\n", "", .absent), Attack(list, "", .absent),
        Attack(crlf, "'v\r\n  w'", .single),
        Attack(crlf, "|\r\n  v\r\n  w", .literal), Attack(last, "|\n  v", .literal),
        Attack(top, "|", .literal),
        Attack(top, "\"\\u2028\\0\"", .double), Attack(array, "v-w"), Attack(top, "x,y]"),
        Attack(top, "{{ v }}x".replacing("{{ v }}", with: "$")),
        Attack(commented, "'#'", .single), Attack(top, "|  # header\n  v", .literal),
    ]

    @Test(arguments: honest)
    func `an honest YAML plaintext opens to itself`(_ attack: Attack) throws {
        let text = attack.context.replacing("TOKEN", with: "sealed.v1.prod-1.o.AAAA")
        let opened = try Fixture.yaml(text).opened(attack.source, attack.style)
        let gap = attack.style == .absent ? " " : ""
        #expect(opened == attack.context.replacing("\(gap)TOKEN", with: attack.source))
    }

    static let object = "{\"a\": \"TOKEN\", \"z\": 1}"
    static let elements = "[\"TOKEN\", 1]"

    static let json: [Attack] = [
        Attack(object, "\"v\", \"b\": 2", .double), Attack(object, "\"v\"}", .double),
        Attack(object, "\"v", .double),
        Attack(object, "v"), Attack(object, "{}"), Attack(object, "[1]"), Attack(object, "1, \"b\": 2"),
        Attack(object, "1 "), Attack(object, " \"v\"", .double), Attack(object, "01"), Attack(object, "1."),
        Attack(object, "+1"), Attack(object, "NaN"), Attack(object, "'v'", .single), Attack(object, "True"),
        Attack(object, "\"v\nw\"", .double), Attack(object, "\"v\tw\"", .double),
        Attack(object, "\"\\x41\"", .double),
        Attack(object, "\"\\ud800\"", .double), Attack(object, "\"v\u{2028}\"", .double),
        Attack(object, "\"v\u{0}\"", .double), Attack(object, "\"v\" //", .double), Attack(object, "/**/1"),
        Attack(object, "", .plain), Attack(object, "", .absent), Attack(object, "\"v\"", .plain),
        Attack(object, "1", .double), Attack(object, "|\n v", .literal), Attack(elements, "1, 2"),
        Attack(elements, "1]"), Attack(elements, "\"v\", \"w\"", .double),
        Attack(elements, "\"v\"], [\"", .double),
        Attack(elements, "null\n"), Attack(object, "\"\u{FEFF}\"", .double), Attack(object, "-"),
    ]

    @Test(arguments: json)
    func `a hostile JSON plaintext is refused`(_ attack: Attack) throws {
        let text = attack.context.replacing("TOKEN", with: "sealed.v1.prod-1.o.AAAA")
        let document = try Fixture.json(text)
        #expect(Fixture.code { _ = try document.opened(attack.source, attack.style) } == .injection)
    }

    @Test func `bytes that are not UTF-8 are refused`() throws {
        let document = try Fixture.yaml("a: sealed.v1.prod-1.o.AAAA\n")
        for bytes: [UInt8] in [[0x76, 0xFF], [0xC0, 0x80], [0x76, 0xC3], [0xED, 0xA0, 0x80], [0xF8]] {
            let kept = Kept(style: .plain, indentation: 0, source: bytes)
            #expect(Fixture.code { _ = try document.opened([kept]) } == .injection)
            let object = try Fixture.json("{\"a\": \"sealed.v1.prod-1.o.AAAA\"}")
            let quoted = Kept(style: .double, indentation: 0, source: [0x22] + bytes + [0x22])
            #expect(Fixture.code { _ = try object.opened([quoted]) } == .injection)
        }
    }

    @Test func `two values that are harmful only together are refused`() throws {
        let document = try Fixture.yaml(
            "x: [sealed.v1.prod-1.o.AAAA, sealed.v1.prod-1.o.AAAB, 1]\n")
        let kept = [
            Kept(style: .double, indentation: 0, source: Array("\"v".utf8)),
            Kept(style: .double, indentation: 0, source: Array("w\"".utf8)),
        ]
        #expect(Fixture.code { _ = try document.opened(kept) } == .injection)
    }

    @Test func `a block that does not fit its new surroundings is refused`() throws {
        let document = try Fixture.yaml("x:\n      a: sealed.v1.prod-1.o.AAAA\n")
        #expect(
            Fixture.code { _ = try document.opened("|\n v", .literal, indentation: 60_000) } == .injection)
        let flow = try Fixture.yaml("x: [sealed.v1.prod-1.o.AAAA]\n")
        #expect(Fixture.code { _ = try flow.opened("|\n v", .literal) } == .injection)
    }

    @Test func `blank lines around a kept block belong to the document`() throws {
        let text = "a: |+\n  v\n\n\nb: 1\n"
        let document = try Fixture.yaml(text)
        let (sealed, kept) = try document.sealed([try document.slot("a")])
        #expect(sealed.text == "a: sealed.v1.prod-1.o.AAAA-_0\n\n\nb: 1\n")
        #expect(String(decoding: try sealed.opened(kept), as: UTF8.self) == text)
    }
}
