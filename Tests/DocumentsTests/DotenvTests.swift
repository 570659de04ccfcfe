import Testing

@testable import Documents

/// dotenv: what is read, sealed without loss, and refused.
struct DotenvTests {
    /// Texts whose every value can be sealed where several lines are allowed.
    static let nasty: [String] = [
        "A=1\nB=two\n", "A=1", "", "\n\n# only\n", "A=\nB=\n", "A=", "A= \nB=  # c\nC=\t#c\nD = # c\n",
        "A=1\r\nB='x'\r\n\r\n# c\r\nC=\r\n", "export A=1\n  export\tB = 'two words' # note\nexport=3\n",
        "A='#'\nB=\"x # y\" # z\nC=x#y # z\nD=\"\\\"q\\\" \\\\ \\n\"\n",
        "KEY='-----BEGIN-----\nAAAA\n# no comment\nB=2\n-----END-----'\nZ=1\n",
        "A=\"one\r\ntwo\r\n\"\r\nB=3", "\u{FEFF}A=ä\n# ü\u{2028}\nB='日本😀'\n",
        "a.b-c_D9=x\n_x=y\n", "A=''\nB=\"\"\nC=' '\nD=\"\n\"\n", "URL=postgres://u:p@h:5432/db?x=y\n",
        "J={\"a\":\"b;c\"}\nX=a\"b c\"'d e'\n", "A=1   \t\n\t B=2\n",
        "A=$B${C}\nD=\\n\nE=@%+,-./:=^~!*?[]{}\n",
        // What Compose, systemd and the libraries read to the end of the line.
        "URL=postgres://u:p@h/db?a=1&b=2\nMOTD=hello world\nP=a;b|c<d>e(f)\nQ=it's  \"so\" `x  # c\n",
        "MOTD=hello   world\r\nW=C:\\dir\\x y\r\nS=a'b c\"d\r\n",
    ]

    @Test(arguments: nasty)
    func `F010: each value alone, and all together, seal and open to the same bytes`(_ text: String) throws {
        let document = try Fixture.read(text, .dotenv, allowsLines: true)
        for slot in document.slots {
            let (sealed, kept) = try document.sealed([slot])
            #expect(sealed.sealedSlots.count == 1 && sealed.path(of: slot) == document.path(of: slot))
            #expect(try sealed.opened(kept) == document.bytes)
        }
        let (sealed, kept) = try document.sealed(document.slots)
        #expect(sealed.sealedSlots.count == document.slots.count)
        #expect(try sealed.opened(kept) == document.bytes)
        let again = try TextDocument(sealed.bytes, format: .dotenv, isSealed: Fixture.isToken)
        #expect(again.slots == sealed.slots)
    }

    @Test func `F010: only the values' bytes change`() throws {
        let document = try Fixture.read(
            "# c\r\nexport A=\"1\" # a\r\nB=\r\nC='x\r\ny'\r\nD= # d\r\nE=5", .dotenv, allowsLines: true)
        let text = try document.sealed(document.slots).document.text
        let tokens = (0..<5).map { String(decoding: Fixture.token($0), as: UTF8.self) }
        #expect(
            text
                == "# c\r\nexport A=\(tokens[0]) # a\r\nB=\(tokens[1])\r\nC=\(tokens[2])\r\nD=\(tokens[3]) # d"
                + "\r\nE=\(tokens[4])")
        #expect(document.slots.map(\.line) == [2, 3, 4, 6, 7])
        #expect(document.slots.map(\.column) == [10, 3, 3, 3, 3])
        #expect(document.slots.map { document.path(of: $0).text } == ["A", "B", "C", "D", "E"])
    }

    @Test func `values are decoded as readers do`() throws {
        let document = try Fixture.read(
            "A=x y #c\nB='a\\n'\nC=\"a\\n\\t\\\"\\$\\x\"\nD=#x\nE=\nF= 'q' \n", .dotenv)
        let values = document.slots.map(document.valueText)
        #expect(values == ["x y", "a\\n", "a\n\t\"$\\x", "#x", "", "q"])
        #expect(document.slots.map(\.style) == [.plain, .single, .double, .plain, .absent, .single])
    }

    @Test(arguments: [
        ("A", DocumentError.Code.syntax), ("A\nB=1\n", .syntax), ("=1\n", .syntax), ("1A=x\n", .syntax),
        ("A B=1\n", .syntax), ("export\n", .syntax), ("export A\n", .syntax), ("A='x\n", .syntax),
        ("A=\"x\n\n", .syntax), ("A='x'y\n", .syntax), ("A=\"x\"#c\n", .syntax), ("A='x' y\n", .syntax),
        ("A=\"\\\"\n", .syntax), ("ä=1\n", .syntax), ("A: 1\n", .syntax), ("[a]\n", .syntax),
        ("A=1\rB=2\n", .encoding), ("A=1\n\u{0}", .encoding), ("A=\u{1b}\n", .encoding),
        ("A=1\nB=2\nA=3\n", .duplicateKey), ("export A=1\nA='2'\n", .duplicateKey),
    ])
    func `what readers don't agree on is refused`(_ text: String, _ code: DocumentError.Code) {
        #expect(Fixture.code(text, .dotenv) == code)
    }

    @Test func `F005: a key twice names both lines`() {
        do {
            _ = try Fixture.read("# c\nA=1\nB='\n'\nexport A=2\n", .dotenv)
            Issue.record("was read")
        } catch {
            let error = error as? DocumentError
            #expect(error?.code == .duplicateKey && error?.line == 5 && error?.otherLine == 2)
        }
    }

    @Test(arguments: [
        "A=`y\n", "A=$(x)\n", "A=x $(y)\n", "A=x\\\n", "A=x y\\\n", "A=#x\n",
        "A=\"$(x)\"\n", "A=\"`x`\"\n", "A='x\\'\n", "A=\"x\\\\\"\n", "A=x\ty\n", "A='x\ny'\n",
    ])
    func `what another reader takes for more than a value is not sealed`(_ text: String) throws {
        let document = try Fixture.read(text, .dotenv)
        #expect(Fixture.code { _ = try document.sealed(document.slots) } == .unsealable)
    }

    @Test(arguments: [
        "A=x y\n", "A=x;y\n", "A=a&b\n", "A=a|b\n", "A=<x\n", "A=(x)\n", "A=x`y`\n", "A=it's\n", "A=x\"\n",
        "A=x\\'y\n",
    ])
    func `what a shell takes for more than a value is not sealed in its files`(_ text: String) throws {
        for document in [
            try Fixture.read(text, .dotenv, isForShell: true),
            try Fixture.read("export B=1\n" + text, .dotenv),
            try Fixture.read(text + "  export\tB=1", .dotenv),
        ] {
            let slot = try document.slot("A")
            #expect(Fixture.code { _ = try document.sealed([slot]) } == .unsealable)
        }
        // `export = 1` is a variable of that name.
        for more in ["", "export = 1\n", "# export B=1\n"] {
            let document = try Fixture.read(more + text, .dotenv)
            let (sealed, kept) = try document.sealed(document.slots)
            #expect(try sealed.opened(kept) == document.bytes)
        }
    }

    @Test(arguments: ["A=\"\u{2028}\"\n", "A='\u{FEFF}'\n", "A=\"\u{85}\"\n"])
    func `F011: characters that end lines elsewhere are malformed input in a value`(_ text: String) throws {
        let document = try Fixture.read(text, .dotenv)
        #expect(Fixture.code { _ = try document.sealed(document.slots) } == .encoding)
    }

    @Test func `several lines open only where they are allowed`() throws {
        for source in ["'v\nB=2'", "\"v\n# c\n\""] {
            let text = "A=sealed.v1.prod-1.o.AAAA\nZ=1\n"
            let style: ScalarStyle = source.hasPrefix("'") ? .single : .double
            let open = try Fixture.read(text, .dotenv, allowsLines: true)
            #expect(try open.opened(source, style) == "A=\(source)\nZ=1\n")
            #expect(
                Fixture.code { _ = try Fixture.read(text, .dotenv).opened(source, style) } == .injection)
            // Neither takes a quote of the next lines for its own.
            #expect(Fixture.code { _ = try open.opened("'v\n", .single) } == .injection)
        }
    }

    @Test func `two values that are harmful only together are refused`() throws {
        let document = try Fixture.read(
            "A=sealed.v1.prod-1.o.AAAA\nB=sealed.v1.prod-1.o.AAAB\n", .dotenv, allowsLines: true)
        let kept = ["\"v", "w\""].map { Kept(style: .double, indentation: 0, source: Array($0.utf8)) }
        #expect(Fixture.code { _ = try document.opened(kept) } == .injection)
    }

    @Test(arguments: [
        ("B", "A=1\n", "A=1\nB=T\n"), ("B", "A=1", "A=1\nB=T"), ("B", "", "B=T\n"),
        ("B", "# c", "# c\nB=T\n"),
        ("B", "export A='1\n2' # c\r\n# d\r\n", "export A='1\n2' # c\r\nexport B=T\n# d\r\n"),
        ("B", "A = 1\n\n", "A = 1\nB = T\n\n"), ("B", "A=\r\n", "A=\r\nB=T\r\n"),
    ])
    func `a missing key is appended`(_ path: String, _ before: String, _ after: String) throws {
        let document = try Fixture.read(before, .dotenv)
        let result = try document.inserting(
            token: Array("sealed.v1.prod-1.o.AAAA".utf8), at: SlotPath([.key(Array(path.utf8))]), document: 0)
        #expect(result.text.replacing("sealed.v1.prod-1.o.AAAA", with: "T") == after)
        #expect(result.sealedSlots.count == 1)
    }

    @Test(arguments: ["A", "a b", "B=1\nC", "B ", "", "#", "ä", "1", "export B", "B\n"])
    func `a key that is none is not appended`(_ key: String) throws {
        let document = try Fixture.read("A=1\n", .dotenv)
        let code = Fixture.code {
            _ = try document.inserting(
                token: Fixture.token(0), at: SlotPath([.key(Array(key.utf8))]), document: 0)
        }
        #expect(code == (key == "A" ? .conflict : .unsupported))
    }

    @Test(arguments: nasty)
    func `truncated and altered texts are read or refused, never more`(_ text: String) throws {
        try BrokenTexts.check(text, .dotenv)
    }
}

/// Texts that end early or have flipped bits: whatever is read seals and opens to the same bytes.
enum BrokenTexts {
    static func check(_ text: String, _ format: DocumentFormat) throws {
        let bytes = Array(text.utf8)
        var generator = SeededGenerator(UInt64(bytes.count))
        func check(_ broken: [UInt8]) throws {
            let document: TextDocument
            do {
                document = try TextDocument(
                    broken, format: format, allowsLines: true, isSealed: Fixture.isToken)
            } catch {
                #expect([.encoding, .syntax, .duplicateKey].contains(error.code))
                return
            }
            _ = try GeneratedTests.roundTrip(document, &generator)
        }
        for length in 0..<bytes.count { try check(Array(bytes[..<length])) }
        for position in bytes.indices {
            var altered = bytes
            altered[position] ^= 1 << UInt8(position % 8)
            try check(altered)
        }
        try check(bytes + bytes)
    }
}
