import Testing

@testable import Documents

/// INI: what is read, sealed without loss, and refused.
struct INITests {
    /// Texts whose every value can be sealed.
    static let nasty: [String] = [
        "[a]\nk=v\nl = two words\n", "k=v", "[a]", "", "; only\n# c\n\n", "g = 1\nh: 2\n\n[s]\nk: v\n",
        "[a]\r\nk=v\r\n\r\n; c\r\nl=\r\n", "[a]\nk=\nl= \nm:\nn :  \n",
        "[ req ] ; note\n  k = v\n  l = w\n m=x\nn=y\n",
        "[a.b]\nx.y-z = {1, 2}\n[c \"d\"]\nk=\"quoted; no\"\nl='#'\n".replacing("; no", with: ";no"),
        "\u{FEFF}[ä]\nü = 日本\n[b]\n a b = c:d=e\n", "[a]\nk = a;b#c\nurl = http://x/?y=z\np = %(k)s\n",
        "[a]\n\tname = x\n\temail = y\n[b]\n\tname = z",
        "[a]\nk = it's \"x\"\nl = [b]\nm = =:\nn =   sp   \n",
        "[Interface]\nPrivateKey = i\n[Peer]\nPresharedKey = a\n\n[Peer]\n# second\nPresharedKey = b\n[DNS]\n[Peer]\n",
        "[Service]\r\nEnvironment=A=1\r\nEnvironment=B=2\r\nUser=x\r\nEnvironment=\r\n",
    ]

    @Test(arguments: nasty)
    func `each value alone, and all together, seal and open to the same bytes`(_ text: String) throws {
        let document = try Fixture.read(text, .ini)
        for slot in document.slots {
            guard !document.sourceText(slot).contains("#'") else { continue }
            let (sealed, kept) = try document.sealed([slot])
            #expect(sealed.sealedSlots.count == 1)
            #expect(try sealed.opened(kept) == document.bytes)
        }
        var generator = SeededGenerator(1)
        #expect(try GeneratedTests.roundTrip(document, &generator) <= document.slots.count)
    }

    @Test func `places are section and key`() throws {
        let document = try Fixture.read("g = 1\n[ a.b ]\nk = v ; w \n[c]\nk:\n", .ini)
        #expect(document.slots.map { document.path(of: $0).text } == ["g", "[\"a.b\"].k", "c.k"])
        #expect(document.slots.map(document.valueText) == ["1", "v ; w", ""])
        #expect(document.slots.map(\.style) == [.plain, .plain, .absent])
        #expect(document.slots.map(\.line) == [1, 3, 5])
        let token = String(decoding: Fixture.token(0), as: UTF8.self)
        let sealed = try document.sealed([try document.slot("c.k")]).document
        #expect(sealed.text == "g = 1\n[ a.b ]\nk = v ; w \n[c]\nk:\(token)\n")
    }

    @Test(arguments: [
        ("[a]\nk\n", DocumentError.Code.syntax), ("[a\n", .syntax), ("[]\n", .syntax), ("[ ]\n", .syntax),
        ("[a] b\n", .syntax), ("[a] ; b]\n", .syntax), ("[a]\n= v\n", .syntax),
        ("[a]\nk = v\n  more\n", .syntax),
        ("[a]\nk = v\n  l = w\n", .syntax), ("[a]\nk = v\n\n ; c\n [b]\n", .syntax), ("text\n", .syntax),
        ("a=1\n[a]\n", .duplicateKey), ("a=1\na=2\n[a]\nx=1\n", .duplicateKey),
        ("[a]\nk=1\rl=2\n", .encoding), ("[a]\nk=\u{0}\n", .encoding), ("\u{c}[a]\n", .encoding),
    ])
    func `what readers don't agree on is refused`(_ text: String, _ code: DocumentError.Code) {
        #expect(Fixture.code(text, .ini) == code)
    }

    @Test(arguments: [
        "k = v ; c", "k = v # c", "k = ;", "k = #v", "k = v\\", "k = \"v", "k = 'v' w", "k = \"a\" \"b\"",
        "k = \"v\\\"",
        "k = a\tb", "k = `v", "k = \"",
    ])
    func `what another reader takes for more than a value is not sealed`(_ text: String) throws {
        let document = try Fixture.read("[a]\n\(text)\n", .ini)
        #expect(Fixture.code { _ = try document.sealed(document.slots) } == .unsealable)
    }

    @Test(arguments: ["k = v\u{2028}", "k = \u{FEFF}v", "k = v\u{85}w"])
    func `F011: characters that end lines elsewhere are malformed input in a value`(_ text: String) throws {
        let document = try Fixture.read("[a]\n\(text)\n", .ini)
        #expect(Fixture.code { _ = try document.sealed(document.slots) } == .encoding)
    }

    static let wireguard = """
        [Interface]
        PrivateKey = one
        [Peer]
        PublicKey = p1
        PresharedKey = two
        ; another
        [Peer]
        PublicKey = p2
        PresharedKey = three
        AllowedIPs = 10.0.0.2
        AllowedIPs = 10.0.0.3

        """

    @Test func `sections and keys that stand there again go by their number`() throws {
        let document = try Fixture.read(Self.wireguard, .ini)
        #expect(
            document.slots.map { document.path(of: $0).text } == [
                "Interface.PrivateKey", "Peer.PublicKey", "Peer.PresharedKey", "Peer[1].PublicKey",
                "Peer[1].PresharedKey", "Peer[1].AllowedIPs", "Peer[1].AllowedIPs[1]",
            ])
        for slot in document.slots { #expect(try document.slot(document.path(of: slot).text) == slot) }
        #expect(try document.slot("Peer[0].PresharedKey") == document.slot("Peer.PresharedKey"))
        for path in ["Peer[2].PublicKey", "Peer[1].PublicKey[1]", "Interface[1].PrivateKey"] {
            let found = try document.slot(at: SlotPath(parsing: Array(path.utf8)), document: 0)
            #expect(found == nil, "\(path)")
        }
        let token = Array("sealed.v1.prod-1.o.AAAA".utf8)
        let added = try document.inserting(
            token: token, at: SlotPath(parsing: Array("Peer[1].Endpoint".utf8)), document: 0)
        #expect(added.text == Self.wireguard + "Endpoint = sealed.v1.prod-1.o.AAAA\n")
        #expect(added.sealedSlots.map { added.path(of: $0).text } == ["Peer[1].Endpoint"])
        let removed = try document.removing(
            SlotPath(parsing: Array("Peer[1].AllowedIPs".utf8)), document: 0)
        #expect(removed.slots.map { removed.path(of: $0).text }.last == "Peer[1].AllowedIPs")
        #expect(removed.text == Self.wireguard.replacing("AllowedIPs = 10.0.0.2\n", with: ""))
        #expect(Fixture.code { _ = try DocumentOutline(document) } == .unsupported)
    }

    static let contexts = [
        "[a]\nk = TOKEN\nz = 1\n[b]\n", "k=TOKEN", "[a]\r\n  k: TOKEN\r\n[b]\r\nk=1\r\n",
        "[a]\nk =TOKEN \n; c\n",
    ]

    @Test(arguments: ["v", "[c]", "b = 2", "a;b", "\"x\"", "k:v", "%(x)s", "it's", "=", "{}", "-"])
    func `an honest plaintext opens to itself`(_ source: String) throws {
        for context in Self.contexts {
            let text = context.replacing("TOKEN", with: "sealed.v1.prod-1.o.AAAA")
            let opened = try Fixture.read(text, .ini).opened(source, .plain)
            #expect(opened == context.replacing("TOKEN", with: source))
        }
    }

    @Test(arguments: [
        ("a.l", "[a]\nk = 1\n\n[b]\n", "[a]\nk = 1\nl = T\n\n[b]\n"), ("a.l", "[a]", "[a]\nl = T"),
        ("a.l", "[a]\r\n\tk: 1 ;x\r\n[b]\r\n", "[a]\r\n\tk: 1 ;x\r\n\tl: T\r\n[b]\r\n"),
        ("l", "k=1\n[a]\nx=1\n", "k=1\nl=T\n[a]\nx=1\n"), ("l", "; c\n[a]\nx=1", "l = T\n; c\n[a]\nx=1"),
        ("l", "; c", "; c\nl = T\n"), ("b.l", "[a]\n[b]\n# c\n", "[a]\n[b]\nl = T\n# c\n"),
    ])
    func `a missing key is appended`(_ path: String, _ before: String, _ after: String) throws {
        let result = try Fixture.read(before, .ini).inserting(
            token: Array("sealed.v1.prod-1.o.AAAA".utf8), at: SlotPath(parsing: Array(path.utf8)), document: 0
        )
        #expect(result.text.replacing("sealed.v1.prod-1.o.AAAA", with: "T") == after)
        #expect(result.sealedSlots.map { result.path(of: $0).text } == [path])
    }

    @Test func `a key that can't be written is not appended`() throws {
        let document = try Fixture.read("[a]\nk=1\n", .ini)
        for (path, code): (String, DocumentError.Code) in [
            ("a.k", .conflict), ("a.k.l", .conflict), ("b.k", .notFound), ("a[\"x=y\"]", .unsupported),
            ("a[\"[x]\"]", .unsupported), ("a[\";x\"]", .unsupported), ("a[\"\"]", .unsupported),
            ("a[\" x\"]", .unsupported), ("a[\"x\n[b]\ny\"]", .unsupported),
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
        try BrokenTexts.check(text, .ini)
    }
}
