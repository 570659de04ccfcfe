import Testing

@testable import Sealing

/// What Documentation.docc/Formats.md says of each format, row by row: kept, or refused and with which code.
@Suite struct `the documented formats` {
    private static let rule = DocumentFixture(
        #"{ paths: ["**"], environment: prod, scope: file, values: ["**"] }"#)

    /// A text in a format, and what it is refused with; nil where it seals and opens to the same bytes.
    struct Row: Sendable, CustomTestStringConvertible {
        let path: String
        let text: String
        let code: SealingError.Code?

        init(_ name: String, _ text: String, _ code: SealingError.Code? = nil) {
            (path, self.text, self.code) = ("a.\(name)", text, code)
        }

        var testDescription: String { "\(path) \(text.prefix(40).debugDescription)" }
    }

    static let rows: [Row] = [
        // In every format.
        Row("yaml", "a: 1\na: 2\n", .malformed), Row("json", "{\"a\": 1, \"a\": 2}", .malformed),
        Row("env", "A=1\nA=2\n", .malformed), Row("toml", "a = 1\na = 2\n", .malformed),
        Row("yaml", "a: \u{1}\n", .malformed),
        Row("yaml", String(repeating: "[", count: 600), .limitExceeded),
        Row("yaml", "a: 'x\u{FEFF}'\n", .malformed), Row("yaml", "a: \"x\\uFEFF\\u2028\"\n"),
        Row("env", "A='x\u{2028}'\n", .malformed), Row("ini", "[a]\nb = x\u{2029}\n", .malformed),
        Row("toml", "a = 'x\u{85}'\n", .malformed), Row("json", "{\"a\": \"x\u{2028}\"}", .malformed),
        Row("json", "{\"a\": \"x\\u2028\"}"), Row("toml", "a = \"x\\u2028\" # \u{2028}\n"),
        Row("yaml", "a: \(String(repeating: "x", count: 1 << 20))y\n", .limitExceeded),
        Row("yaml", "a: 'x\r\n  y'\nb: 1\n", .unsuitableValue),
        Row("yaml", "a: 'x sealed.v1.y'\n", .nestedToken),
        Row("env", "\u{FEFF}A=''\nB=\nC=\" \""), Row("yaml", "a:\nb: ~\nc: ''\nd: ' '"),
        // YAML.
        Row("yaml", "a: 1.10\nb: 012\nc: yes # c\nd: &x !!str |2+\n   e\n\nf: *x\n", .unsuitablePlace),
        Row("yaml", "? [a]\n: b\n", .unsuitableValue), Row("yaml", "a: &a [*a]\n", .limitExceeded),
        Row("yaml", "a: b\n  c\n", .unsuitableValue), Row("yaml", "a: b\tc\n", .unsuitableValue),
        Row("yaml", "a: [b:c]\n", .unsuitableValue), Row("yaml", "a: ['b:c']\n"),
        Row("yaml", "{a}\n", .unsuitableValue), Row("yaml", "{a: }\n"), Row("yaml", "word\n", .noMatch),
        // JSON.
        Row("json", "{\"a\": [1.10, 12345678901234567890, null, {\"b\": \"\\ud83d\\ude00\"}]}\n"),
        Row("json", "{\"a\": 1,}", .malformed), Row("json", "{\"a\": 1} // c", .malformed),
        Row("json", "{\"a\": \"\\ud800\"}", .malformed),
        // dotenv.
        Row("env", "URL=postgres://u:p@h/db?a=1&b=2\nMOTD=hello world\nPASSWORD=it's (a) \"test\"  # c\r\n"),
        Row("env", "export X=1\nMOTD=hello world\n", .unsuitableValue),
        Row("env", "export X=1\nMOTD='hello world'\n"),
        Row("env", "A\n", .malformed), Row("env", "A='x'y\n", .malformed), Row("env", "A='x\n", .malformed),
        Row("env", "A B=1\n", .malformed), Row("env", "A=1\rB=2\n", .malformed),
        Row("env", "A='x\ny'\n", .unsuitableValue), Row("env", "A=x\ty\n", .unsuitableValue),
        Row("env", "A=#x\n", .unsuitableValue), Row("env", "A=`x\n", .unsuitableValue), Row("env", "A=x`y\n"),
        Row("env", "A=x\\\n", .unsuitableValue), Row("env", "A=C:\\x\n"),
        Row("env", "A=x$(y)\n", .unsuitableValue),
        Row("env", "A=\"$(y)\"\n", .unsuitableValue), Row("env", "A=\"\\$(y)\"\n"),
        Row("env", "A='$(y) `z`'\n"),
        Row("env", "A=\"`y`\"\n", .unsuitableValue), Row("env", "A='x\\'\n", .unsuitableValue),
        Row("env", "A=\"x\\\\\"\n", .unsuitableValue),
        // INI.
        Row("ini", "[Peer]\nKey = a\n[Peer]\nKey = b\nKey = c\n; d\n"),
        Row("ini", "[a]\nb = \"c\"\nd: e=f\n"),
        Row("ini", "[a]\nb = 1\n  c\n", .malformed), Row("ini", "[a]\nb\n", .malformed),
        Row("ini", "a = 1\n[a]\nb = 2\n", .malformed), Row("ini", "[a\nb = 1\n", .malformed),
        Row("ini", "[a]\nb = c ; d\n", .unsuitableValue), Row("ini", "[a]\nb = #c\n", .unsuitableValue),
        Row("ini", "[a]\nb = c;d#e\n"), Row("ini", "[a]\nb = c\td\n", .unsuitableValue),
        Row("ini", "[a]\nb = c\\\n", .unsuitableValue), Row("ini", "[a]\nb = \"c\n", .unsuitableValue),
        Row("ini", "[a]\nb = it's\n"),
        // TOML.
        Row("toml", "a.b = 1\n[c]\nd = [1979-05-27, 'x', {e = \"\"\"\ny\"\"\"}]\n[[f]]\ng = 1_000\n"),
        Row("toml", "a = 07:32:60\n", .malformed), Row("toml", "[a.b]\n[a]\nb.c = 1\n", .malformed),
    ]

    @Test(arguments: rows) func `say what is kept and what is refused`(row: Row) throws {
        #expect(Self.rule.sealCode(row.text, path: row.path) == row.code)
        guard row.code == nil else { return }
        #expect(
            try Self.rule.open(try Self.rule.seal(row.text, path: row.path).text, path: row.path) == row.text)
    }

    @Test func `a rule says which dotenv files a shell reads`() throws {
        let shell = DocumentFixture(#"{ paths: ["**"], environment: prod, shell: true }"#)
        let open = DocumentFixture(#"{ paths: ["**"], environment: prod }"#)
        for value in ["hello world", "a&b", "a;b", "a|b", "a>b", "(a)", "a`b`", "it's", "a\\'b"] {
            let text = "A=\(value)\nB=1\n"
            #expect(shell.sealCode(text, path: ".env") == .unsuitableValue)
            let sealed = try open.seal(text, path: ".env").text
            #expect(try open.open(sealed, path: ".env") == text)
            // What was sealed before the rule said so is not opened after it.
            #expect(shell.openCode(sealed, path: ".env") == .foreignStructure)
            #expect(open.openCode(sealed + "export C=1\n", path: ".env") == .foreignStructure)
        }
        let plain = "A='hello world'\nB=\"it's\"\nC=a,b:c\n"
        #expect(try shell.open(try shell.seal(plain, path: ".env").text, path: ".env") == plain)
    }

    @Test func `sections that stand there again are places of their own`() throws {
        let text = "[Peer]\nPresharedKey = one\n[Peer]\nPresharedKey = two\n"
        let sealed = try Self.rule.seal(text, path: "a.ini").text
        #expect(Self.rule.openCode(sealed.swappingTokens(0, 1), path: "a.ini") == .notAuthentic)
        // One more at the end moves no other.
        #expect(
            try Self.rule.open(sealed + "[Peer]\nPresharedKey = three\n", path: "a.ini")
                == text + "[Peer]\nPresharedKey = three\n")
        #expect(Self.rule.openCode("[Peer]\nPublicKey = x\n" + sealed, path: "a.ini") == .notAuthentic)
        let all = DocumentFixture(
            #"{ paths: ["**"], environment: prod, scope: file, values: ["**.PresharedKey"] }"#)
        #expect(try all.seal(text + "[X]\ny = 1\n", path: "a.ini").sealedCount == 2)
        let one = DocumentFixture(
            #"{ paths: ["**"], environment: prod, scope: file, values: ["Peer[1].PresharedKey"] }"#)
        #expect(try one.seal(text, path: "a.ini").text.hasPrefix("[Peer]\nPresharedKey = one\n"))
        #expect(
            try one.open(
                try one.set("new", at: "Peer[1].PresharedKey", of: text, path: "a.ini"), path: "a.ini")
                == "[Peer]\nPresharedKey = one\n[Peer]\nPresharedKey = new\n")
    }
}
