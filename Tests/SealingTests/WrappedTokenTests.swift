import Documents
import Encodings
import Testing

@testable import Sealing

/// Tokens of a named scope that a template has put, in base64, under a Secret's `data` (FORMAT.md §4.3).
struct WrappedTokenTests {
    private static let rules = DocumentFixture(
        """
        { paths: ["values.yaml", "values.json", "prod.env"], environment: prod, values: ["**"], scope: { name: db, places: ["/Secret/shop/db/password", "/Secret/shop/db/url"] } }
          - { paths: ["**"], environment: prod }
        """)

    private func token(_ value: String, path: String = "values.yaml", key: String = "password") throws
        -> String
    {
        let text =
            switch path {
            case "values.json": "{\"password\": \(value)}\n"
            case "prod.env": "password=\(value)\n"
            default: "\(key): \(value)\n"
            }
        return try Self.rules.seal(text, path: path).text.tokens[0]
    }

    private func secret(_ value: String, key: String = "password", field: String = "data") -> String {
        "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\n\(field):\n  \(key): \(value)\n  other: eA==\n"
    }

    private func base64(_ text: String) -> String { Base64.standard.encode(Array(text.utf8)) }

    @Test(arguments: [
        ("values.yaml", "hunter2", "hunter2"), ("values.yaml", "\"tab\\there\"", "tab\there"),
        ("values.yaml", "\"\\L\\L\\L\\L\\L\\L\\L\\L\\L\\L\\L\\L\"", String(repeating: "\u{2028}", count: 12)),
        ("values.yaml", "|\n  two\n  lines", "two\nlines\n"), ("values.json", "\"a\\\"b\"", "a\"b"),
        ("prod.env", "'single quoted'", "single quoted"), ("values.yaml", "''", ""),
    ])
    func `a whole token in base64 opens to the base64 of its value`(
        _ path: String, _ source: String, _ value: String
    ) throws {
        let token = try token(source, path: path)
        for written in [base64(token), "\"\(base64(token))\"", "'\(base64(token))'"] {
            let opened = try Self.rules.open(secret(written), path: "rendered.yaml")
            #expect(opened == secret("\"\(base64(value))\""))
        }
        // Beside tokens of other kinds, in the same text.
        let both = secret(base64(token)).replacing("eA==", with: base64(try self.token("next", key: "url")))
            .replacing("other:", with: "url:")
        #expect(try Self.rules.open(both, path: "rendered.yaml").contains("url: \"\(base64("next"))\""))
    }

    @Test func `places that the rule doesn't allow stay closed`() throws {
        let wrapped = base64(try token("hunter2"))
        for text in [
            secret(wrapped, key: "admin"),
            secret(wrapped).replacing("namespace: shop", with: "namespace: other"),
            secret(wrapped, field: "stringData"), "a: \(wrapped)\n",
            secret(wrapped).replacing("kind: Secret", with: "kind: ConfigMap"),
        ] {
            #expect(Self.rules.openCode(text, path: "rendered.yaml") == .unsuitablePlace, "\(text)")
        }
    }

    @Test func `only whole tokens of a named scope do`() throws {
        let object = try DocumentFixture.secrets.seal(secret("eA==", field: "data")).text.tokens[0]
        #expect(Self.rules.openCode(secret(base64(object)), path: "rendered.yaml") == .unsuitablePlace)
        let token = try token("hunter2")
        #expect(Self.rules.openCode(secret(base64(token + "x")), path: "rendered.yaml") == .malformed)
        let altered = token.dropLast(20) + (token.dropLast(19).hasSuffix("A") ? "B" : "A") + token.suffix(19)
        #expect(Self.rules.openCode(secret(base64(String(altered))), path: "rendered.yaml") == .notAuthentic)
        #expect(Self.rules.openCode(secret("\(base64(token))=="), path: "rendered.yaml") == .malformed)
        #expect(Self.rules.openCode(secret(base64("sealed.v2.x")), path: "rendered.yaml") == .unknownVersion)
        #expect(
            Self.rules.openCode(secret(base64("postgres://u:\(token)@db")), path: "rendered.yaml")
                == .nestedToken,
            "a token inside a longer text")
    }

    @Test(arguments: 0..<6)
    func `base64 of a text with a token in it is found whatever stands before it`(_ count: Int) throws {
        let text = String(repeating: "p", count: count) + (try token("hunter2")) + "!"
        let coded = Array(("x: " + base64(text)).utf8)
        #expect(SealedToken.containsWrappedMark(coded))
        #expect(!SealedToken.containsWrappedMark(Array(base64("sealed, not with a v").utf8)))
        let value = #"{ paths: ["**"], environment: prod, values: ["**"] }"#
        #expect(
            DocumentFixture(value).sealCode("a: \(base64(text))x\n")
                == (count == 0 ? .unsuitablePlace : .nestedToken))
    }

    @Test func `a copy of a token is no repeated key, and rules are kept`() throws {
        let token = try token("hunter2")
        var checker = Checker(rules: try Self.rules.parsed(), epochs: [("prod", [3], 3)])
        checker.check(Array("password: \(token)\n".utf8), path: Array("values.yaml".utf8))
        checker.check(Array(secret(base64(token)).utf8), path: Array("rendered.yaml".utf8))
        let refused = checker.findings.filter(\.isRefused).map(\.reason)
        #expect(refused.isEmpty, "\(refused)")
        checker.check(Array(secret(base64(token), key: "admin").utf8), path: Array("bad.yaml".utf8))
        #expect(checker.findings.contains { $0.isRefused && $0.path == Array("bad.yaml".utf8) })
    }

    @Test func `what a seal passes over, it leaves as it is`() throws {
        let text = secret(base64(try token("hunter2")))
        let sealed = try Self.rules.seal(text, path: "rendered.yaml")
        #expect(sealed.sealedCount == 1 && sealed.keptCount == 1)
        #expect(sealed.text.hasPrefix(String(text.prefix(120))))
    }
}
