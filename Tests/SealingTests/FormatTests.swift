import Sodium
import Testing

@testable import Sealing

@Suite struct `values of dotenv` {
    private static let rule = DocumentFixture(#"{ paths: ["**"], environment: prod }"#)
    private static let lines = DocumentFixture(#"{ paths: ["**"], environment: prod, multiline: true }"#)
    private static let text = "# c\r\nexport A='it #1' # note\r\nB=\r\nURL=postgres://u:p@h/db\r\nZ=\"x\""

    @Test func `F010: every value is sealed by default and opens to the same bytes`() throws {
        for path in [".env", "a/.env.production", "deploy/prod.env"] {
            let outcome = try Self.rule.seal(Self.text, path: path)
            #expect(outcome.sealedCount == 4 && outcome.text.tokens.count == 4)
            #expect(outcome.text.tokens.allSatisfy { $0.hasPrefix("sealed.v1.prod-3.f.") })
            #expect(!outcome.text.contains("postgres") && outcome.text.hasPrefix("# c\r\nexport A=sealed"))
            #expect(try Self.rule.open(outcome.text, path: path) == Self.text)
            let again = try Self.rule.seal(outcome.text, path: path)
            #expect(again.sealedCount == 0 && again.keptCount == 4 && again.text == outcome.text)
        }
    }

    @Test func `F019, F020: a token opens at its own key and file alone`() throws {
        let sealed = try Self.rule.seal("A=1\nB=2\n", path: "a.env").text
        #expect(Self.rule.openCode(sealed.swappingTokens(0, 1), path: "a.env") == .notAuthentic)
        #expect(Self.rule.openCode(sealed, path: "b.env") == .notAuthentic)
        #expect(Self.rule.openCode(sealed, path: "a.env") == nil)
    }

    @Test func `several lines are sealed and opened only where the rule says so`() throws {
        let text = "KEY='-----BEGIN\nA=1\n-----END'\nB=2\n"
        #expect(Self.rule.sealCode(text, path: ".env") == .unsuitableValue)
        let sealed = try Self.lines.seal(text, path: ".env").text
        #expect(sealed.tokens.count == 2 && !sealed.contains("BEGIN"))
        #expect(try Self.lines.open(sealed, path: ".env") == text)
        #expect(Self.rule.openCode(sealed, path: ".env") == .foreignStructure)
    }

    @Test func `F005, F011: what can't be read is refused`() {
        #expect(Self.rule.sealCode("A=1\nA=2\n", path: ".env") == .malformed)
        #expect(Self.rule.sealCode("A=\u{0}\n", path: ".env") == .malformed)
        #expect(Self.rule.sealCode("A\n", path: ".env") == .malformed)
        #expect(Self.rule.sealCode("A='\u{2028}'\n", path: ".env") == .malformed)
        #expect(Self.rule.sealCode("# none\n", path: ".env") == .noMatch)
    }

    @Test(arguments: [
        ("word", "word"), ("two words", "'two words'"), ("it's", "\"it's\""), ("", ""), ("a#b", "'a#b'"),
        ("$HOME", "'$HOME'"), ("a\\b", "'a\\b'"), ("ä", "'ä'"), ("say \"x\"", "'say \"x\"'"),
    ])
    func `a value is set in quotes that all readers take alike`(_ value: String, _ source: String) throws {
        let text = try Self.rule.set(value, at: "NEW", of: "A=1 # c\n", path: ".env")
        #expect(try Self.rule.open(text, path: ".env") == "A=1 # c\nNEW=\(source)\n")
        let again = try Self.rule.set(value, at: "A", of: "A=1 # c\n", path: ".env")
        #expect(try Self.rule.open(again, path: ".env") == "A=\(source) # c\n")
    }

    @Test func `what has no form is not set`() throws {
        func code(_ value: String, _ type: DocumentSealer.ValueType = .string) -> SealingError.Code? {
            DocumentFixture.refusal { () throws(SealingError) in
                _ = try Self.rule.set(value, type, at: "A", of: "A=1\n", path: ".env")
            }?.code
        }
        for value in ["it's \"x\"", "a\\\\b", "a\nb", "x\\", "\u{1}"] {
            #expect(code(value) == .unsuitableValue, "\(value)")
        }
        #expect(code("", .null) == .unsuitableValue)
        #expect(code("5", .int) == nil)
        let lines = try Self.lines.set("a\nb", at: "A", of: "A=1\n", path: ".env")
        #expect(try Self.lines.open(lines, path: ".env") == "A='a\nb'\n")
    }
}

@Suite struct `values of INI and TOML` {
    private static let ini = "; c\n[db]\nhost = h\npassword = it's ü\n[api]\npassword: \n"
    private static let toml =
        "a.password = 'x'\n[[db]]\nname = \"one\"\npassword = 1979-05-27 07:32:00Z # c\n[[db]]\npassword = '''\nx\n'''\n"

    private static let rule = DocumentFixture(
        #"{ paths: ["**"], environment: prod, values: ["**.password"] }"#)

    @Test func `selected values are sealed and open to the same bytes`() throws {
        for (text, path, count) in [(Self.ini, "a/b.ini", 2), (Self.toml, "conf.toml", 3)] {
            let outcome = try Self.rule.seal(text, path: path)
            #expect(outcome.sealedCount == count && outcome.text.tokens.count == count)
            #expect(try Self.rule.open(outcome.text, path: path) == text)
            #expect(Self.rule.openCode(outcome.text.swappingTokens(0, 1), path: path) == .notAuthentic)
        }
        let sealed = try Self.rule.seal(Self.toml, path: "a.toml").text
        #expect(sealed.hasPrefix("a.password = \"sealed.v1.prod-3.f."))
        #expect(
            Self.rule.openCode(try Self.rule.seal(Self.ini, path: "a.ini").text, path: "a.toml") == .malformed
        )
    }

    @Test func `by default nothing in them is selected, well-formed or not`() throws {
        let fixture = DocumentFixture(#"{ paths: ["**"], environment: prod, required: true }"#)
        for path in ["a.ini", "a.toml"] {
            #expect(fixture.sealCode(Self.ini, path: path) == .noMatch)
            #expect(try fixture.open("{{ template }}\n", path: path) == "{{ template }}\n")
            var checker = Checker(rules: try fixture.parsed(), epochs: [("prod", [3], 3)])
            checker.check(Array("{{ template }}\n".utf8), path: Array(path.utf8))
            #expect(checker.findings.isEmpty)
        }
    }

    @Test func `a table of Kubernetes' names is no Secret`() throws {
        let text =
            "apiVersion = 'v1'\nkind = 'Secret'\nmetadata = {name = 'a', namespace = 'n'}\n[data]\nk = 'v'\n"
        #expect(DocumentFixture.secrets.sealCode(text, path: "a.toml") == .noMatch)
        let fixture = DocumentFixture(#"{ paths: ["**"], environment: prod, values: ["data.*"] }"#)
        let set = try fixture.set("v", at: "data.k", of: text, path: "a.toml")
        #expect(set.tokens[0].hasPrefix("sealed.v1.prod-3.f."))
        #expect(try fixture.open(set, path: "a.toml") == text.replacing("'v'\n", with: "\"v\"\n"))
    }

    @Test func `values are set as the format writes them`() throws {
        for (value, type, source): (String, DocumentSealer.ValueType, String) in [
            ("a\n\"b\"\u{2028}", .string, "\"a\\n\\\"b\\\"\\u2028\""), ("5", .int, "5"),
            ("1e5", .float, "1e5"),
            ("true", .bool, "true"), ("", .string, "\"\""),
        ] {
            let text = try Self.rule.set(value, type, at: "t.password", of: "[t]\nx = 1\n", path: "a.toml")
            #expect(try Self.rule.open(text, path: "a.toml") == "[t]\nx = 1\npassword = \(source)\n")
        }
        for (value, source) in [("two words", "two words"), ("", ""), ("a#b;c", "a#b;c"), ("'q'", "'q'")] {
            let text = try Self.rule.set(value, at: "t.password", of: "[t]\nx=1\n", path: "a.ini")
            #expect(try Self.rule.open(text, path: "a.ini") == "[t]\nx=1\npassword=\(source)\n")
        }
        func code(_ value: String, _ type: DocumentSealer.ValueType, _ path: String) -> SealingError.Code? {
            DocumentFixture.refusal { () throws(SealingError) in
                _ = try Self.rule.set(value, type, at: "t.password", of: "[t]\npassword = 1\n", path: path)
            }?.code
        }
        for value in ["a\nb", " a", "a ", "a ;b", "#a", "\"a", "a\\", "a\tb"] {
            #expect(code(value, .string, "a.ini") == .unsuitableValue, "\(value)")
        }
        #expect(code("", .null, "a.toml") == .unsuitableValue && code("", .null, "a.ini") == .unsuitableValue)
        #expect(code("7", .float, "a.toml") == .unsuitableValue && code("7", .float, "a.ini") == nil)
    }
}
