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
        #expect(Self.rule.sealCode("A='\u{2028}'\n", path: ".env") == .unsuitableValue)
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
