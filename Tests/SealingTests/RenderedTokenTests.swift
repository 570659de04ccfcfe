import Documents
import Encodings
import Sodium
import Testing

@testable import Sealing

/// What a renderer made of documents with tokens of a named scope (FORMAT.md §4.3).
@Suite struct RenderedTokenTests {
    private static let rules = DocumentFixture(
        """
        { paths: ["values.yaml", "prod.env", "values.toml", "values.json"], environment: prod, values: ["**"], scope: { name: db, places: ["/Secret/shop/db/password", "/ConfigMap/shop/db/data.password"] } }
          - { paths: ["anywhere.yaml"], environment: prod, values: ["**"], scope: environment }
          - { paths: ["file.yaml"], environment: prod, values: ["**"], scope: file }
          - { paths: ["**"], environment: prod }
        """)

    private func token(_ text: String, _ path: String = "values.yaml") throws -> String {
        try Self.rules.seal(text, path: path).text.tokens[0]
    }

    private func secret(_ value: String, kind: String = "Secret", field: String = "data") -> String {
        "apiVersion: v1\n\(field):\n  password: \(value)\nkind: \(kind)\nmetadata:\n  name: db\n  namespace: shop\n"
    }

    private func opened(_ text: String) throws(SealingError) -> (text: String, objects: [String]) {
        let opener = DocumentOpener(
            rules: try Self.rules.parsed(), keyring: Self.rules.keyring, enforcing: true)
        let manifests = try opener.openRendered(Array(text.utf8), name: "manifests.yaml")
        let bytes = manifests.bytes.withBytes { $0.array }
        return (
            String(decoding: bytes, as: UTF8.self),
            manifests.objects.map { String(decoding: $0, as: UTF8.self) }
        )
    }

    private func refusal(_ text: String) -> SealingError.Code? {
        DocumentFixture.refusal { () throws(SealingError) in _ = try opened(text) }?.code
    }

    private func base64(_ text: String) -> String { Base64.standard.encode(Array(text.utf8)) }

    /// As Kustomize writes it: a literal block of lines of `width` characters.
    private func block(_ text: String, width: Int = 70, header: String = "|", end: String = "\n") -> String {
        var lines: [String] = []
        var rest = text[...]
        while !rest.isEmpty {
            lines.append(String(rest.prefix(width)))
            rest = rest.dropFirst(width)
        }
        return "\(header)\n    " + lines.joined(separator: "\(end)    ")
    }

    @Test(arguments: ["|", "|-", "|+", "|2"], [70, 76, 20])
    func `a token in base64 opens whatever lines a renderer broke it into`(
        header: String, width: Int
    ) throws {
        let lines = block(base64(try token("password: hunter2\n")), width: width, header: header)
        let result = try opened(secret(lines))
        #expect(result.text == secret("\"\(base64("hunter2"))\""))
        #expect(result.objects == ["/Secret/shop/db"])
    }

    @Test func `what stands around the lines stays as it is`() throws {
        let lines = block(base64(try token("password: hunter2\n")))
        let text = "# first\n---\n" + secret(lines) + "---\n# second\n" + secret("plain", kind: "Other")
        #expect(
            try opened(text).text == text.replacing(lines, with: "\"\(base64("hunter2"))\""))
    }

    @Test func `in a file of the repository that base64 is one line`() throws {
        let lines = block(base64(try token("password: hunter2\n")))
        #expect(Self.rules.openCode(secret(lines), path: "rendered.yaml") == .malformed)
    }

    @Test func `lines of another kind, and what is no canonical base64 of a whole token, are refused`() throws
    {
        let token = try token("password: hunter2\n")
        let text = base64(token)
        #expect(
            refusal(secret(block(text, header: ">"))) == .malformed,
            "folded: blanks, which Kubernetes refuses")
        #expect(refusal(secret(block(text + "AAAA"))) == .malformed)
        #expect(refusal(secret(block(text), kind: "ConfigMap")) == .unsuitablePlace)
        #expect(refusal(secret(block(text), field: "stringData")) == .unsuitablePlace)
    }

    @Test(arguments: [5, 9, 12, 40], 0..<3)
    func `a longer text with a token in it is found, also where its mark is broken by a line`(
        width: Int, lead: Int
    ) throws {
        let text = base64(String(repeating: "p", count: 30 + lead) + (try token("password: hunter2\n")))
        for header in ["|", ">", "|-"] {
            #expect(refusal(secret(block(text, width: width, header: header))) == .nestedToken)
        }
        let quoted = block(text, width: width).dropFirst(2).split(separator: "\n").map {
            $0.drop { $0 == " " }
        }
        #expect(refusal(secret("\"" + quoted.joined(separator: "\\n") + "\"")) == .nestedToken)
        #expect(refusal(secret("\"" + quoted.joined(separator: "\\\n      ") + "\"")) == .nestedToken)
    }

    @Test(arguments: [
        ("values.yaml", "password: hunter2\n", "hunter2"),
        ("values.yaml", "password: 'it''s'\n", "'it''s'"),
        ("values.json", "{\"password\": 12}\n", "12"),
        ("values.json", "{\"password\": \"a\\nb\"}\n", "\"a\\nb\""),
        ("prod.env", "password='it is # \"so\"'\n", "\"it is # \\\"so\\\"\""),
        ("values.toml", "password = \"\"\"\na\nb\"\"\"\n", "\"a\\nb\""),
    ])
    func `a whole scalar opens to the value's own source, or to a string that means the same`(
        path: String, source: String, expected: String
    ) throws {
        let token = try token(source, path)
        #expect(try opened(secret(token, field: "stringData")).text == secret(expected, field: "stringData"))
        #expect(try opened(secret(token, kind: "ConfigMap")).text == secret(expected, kind: "ConfigMap"))
    }

    @Test func `a name opens at its places, an environment's token anywhere, a file's nowhere`() throws {
        let named = try token("password: hunter2\n")
        for text in [
            secret(named, kind: "ConfigMap").replacing("password:", with: "other:"),
            secret(named, field: "stringData").replacing("shop", with: "elsewhere"),
            secret(named, field: "stringData").replacing("name: db", with: "name: dbx"), "a: \(named)\n",
        ] {
            #expect(refusal(text) == .unsuitablePlace, "\(text)")
        }
        let anywhere = try token("password: hunter2\n", "anywhere.yaml")
        #expect(try opened("a: {b: \(anywhere)}\n").text == "a: {b: hunter2}\n")
        #expect(refusal(secret(try token("password: hunter2\n", "file.yaml"), kind: "X")) == .unsuitablePlace)
    }

    @Test func `one token that does not open keeps all closed, and no word tells a value`() throws {
        let (good, other) = (try token("password: CANARY-hunter2\n"), try token("password: CANARY-2\n"))
        let broken =
            String(other.dropLast(30)) + (other.suffix(30).first == "A" ? "B" : "A") + other.suffix(29)
        let error = DocumentFixture.refusal { () throws(SealingError) in
            _ = try opened(secret(good) + "---\n" + secret(broken))
        }
        #expect(error?.failures.count == 1)
        #expect(!"\(String(reflecting: error))".contains("CANARY"))
    }
}
