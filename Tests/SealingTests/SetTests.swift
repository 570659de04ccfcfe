import Sodium
import Testing

@testable import Sealing

@Suite struct `setting a value` {
    private static let secret =
        "kind: Secret\napiVersion: v1\nmetadata: {name: a, namespace: n}\ndata:\n  old: eA==  # c\n"

    private func code(_ body: () throws(SealingError) -> Void) -> SealingError.Code? {
        DocumentFixture.refusal(body)?.code
    }

    @Test func `a new key is appended last, under data as base64`() throws {
        let fixture = DocumentFixture.secrets
        let text = try fixture.set("hunter2", at: "data.password", of: Self.secret)
        #expect(text.tokens.count == 1 && text.hasPrefix(Self.secret))
        #expect(try fixture.open(text) == Self.secret + "  password: \"aHVudGVyMg==\"\n")
    }

    @Test func `a value that is there is replaced, whatever its style`() throws {
        let fixture = DocumentFixture.secrets
        let text = try fixture.set("y", at: "data.old", of: Self.secret)
        #expect(try fixture.open(text) == Self.secret.replacingFirst("eA==", with: "\"eQ==\""))
        let again = try fixture.set("z", at: "data.old", of: text)
        #expect(again.tokens.count == 1 && again.tokens != text.tokens)
        #expect(try fixture.open(again) == Self.secret.replacingFirst("eA==", with: "\"eg==\""))
        for old in ["|\n  a\n  b\n", "'x'\n", "\n", "~\n", "&a !!str x\n"] {
            let text = try DocumentFixture.file.set("new\nline", at: "secret", of: "secret: \(old)b: 1\n")
            let opened = try DocumentFixture.file.open(text)
            #expect(opened.contains(" \"new\\nline\"") && opened.hasSuffix("\nb: 1\n"), "\(opened)")
        }
    }

    @Test func `other values keep their tokens`() throws {
        let sealed = try DocumentFixture.secrets.seal(Self.secret).text
        let text = try DocumentFixture.secrets.set("y", at: "data.new", of: sealed)
        #expect(text.tokens.count == 2 && text.tokens[0] == sealed.tokens[0])
        #expect(text.hasPrefix(sealed))
    }

    @Test(arguments: [
        ("5", DocumentSealer.ValueType.int), ("-12345678901234567890", .int), ("0", .int), ("1.10", .float),
        ("-0.5e+3", .float), ("7", .float),
        ("true", .bool), ("false", .bool), ("null", .null), ("", .null),
    ]) func `types are written unquoted, in YAML and JSON`(value: String, type: DocumentSealer.ValueType)
        throws
    {
        let written = value.isEmpty ? "null" : value
        let yaml = try DocumentFixture.file.set(value, type, at: "secret", of: "secret: x\n")
        #expect(try DocumentFixture.file.open(yaml) == "secret: \(written)\n")
        let json = try DocumentFixture.file.set(
            value, type, at: "secret", of: "{\"secret\": \"x\"}", path: "a.json")
        #expect(try DocumentFixture.file.open(json, path: "a.json") == "{\"secret\": \(written)}")
    }

    @Test(arguments: [
        ("05", DocumentSealer.ValueType.int), ("1.0", .int), ("", .int), ("0x1F", .int), ("+1", .int),
        ("1 ", .int), ("-", .int), ("1.", .float), (".5", .float),
        ("1e", .float), ("NaN", .float), ("yes", .bool), ("True", .bool), ("~", .null), ("1\n", .int),
    ]) func `what is not of its type is refused`(value: String, type: DocumentSealer.ValueType) {
        #expect(
            code { () throws(SealingError) in
                _ = try DocumentFixture.file.set(value, type, at: "secret", of: "secret: x\n")
            } == .unsuitableValue)
    }

    @Test(arguments: ["", " ", "true", "- x", "a: b # c", "\u{0}\u{7}\u{85}\u{2028}\u{FEFF}\r\n\t\"\\", "é🔑"])
    func `any text is a string`(value: String) throws {
        let yaml = try DocumentFixture.file.set(value, at: "secret", of: "secret: x\n")
        let opened = try DocumentFixture.file.open(yaml)
        #expect(opened.hasPrefix("secret: \"") && opened.hasSuffix("\"\n"))
        let json = try DocumentFixture.file.set(value, at: "secret", of: "{\"secret\": 1}", path: "a.json")
        #expect(try DocumentFixture.file.open(json, path: "a.json").hasPrefix("{\"secret\": \""))
        let data = try DocumentFixture.secrets.set(value, at: "data.old", of: Self.secret)
        #expect(DocumentFixture.secrets.openCode(data) == nil)
    }

    @Test func `bytes that are no text go under data alone`() throws {
        let bytes = SecretBytes(byteCount: 2) { $0.storeBytes(of: 0xFFFE, toByteOffset: 0, as: UInt16.self) }
        let outcome = try DocumentFixture.secrets.sealer().set(
            bytes, at: Array("data.old".utf8), of: Array(Self.secret.utf8), path: Array("a.yaml".utf8))
        #expect(try DocumentFixture.secrets.open(outcome.text).contains("old: \"/v8=\""))
        let isRefused: Bool
        do {
            _ = try DocumentFixture.file.sealer().set(
                bytes, at: Array("secret".utf8), of: Array("secret: x".utf8), path: Array("a.yaml".utf8))
            isRefused = false
        } catch { isRefused = error.code == .unsuitableValue }
        #expect(isRefused)
    }

    @Test func `a path that no rule selects, or that leads nowhere, is refused`() {
        func code(_ keyPath: String, _ text: String = Self.secret) -> SealingError.Code? {
            self.code { () throws(SealingError) in
                _ = try DocumentFixture.secrets.set("x", at: keyPath, of: text)
            }
        }
        #expect(code("metadata.name") == .noRule)
        #expect(code("new") == .noRule)
        #expect(code("data.a.b") == .keyPath)
        #expect(code("data") == .keyPath)
        #expect(code("data[") == .keyPath)
        #expect(code("") == .keyPath)
        #expect(code("stringData.a") == .keyPath)
        #expect(code("data.x", Self.secret + "stringData: {x: 1}\n") == .unsuitablePlace)
        #expect(
            self.code { () throws(SealingError) in
                _ = try DocumentFixture.secrets.set("x", at: "a", of: "a: b", path: "a.txt")
            } == .noRule)
    }

    @Test func `a token or marker is never set as a value`() {
        for value in ["sealed.v1.x", "see ENC[AES256_GCM,x"] {
            #expect(
                code { () throws(SealingError) in
                    _ = try DocumentFixture.secrets.set(value, at: "data.old", of: Self.secret)
                } == .nestedToken)
        }
    }

    @Test func `among several documents one is named`() throws {
        let other = Self.secret.replacingFirst("name: a", with: "name: b").replacingFirst(
            "old", with: "older")
        let text = Self.secret + "---\n" + other
        let fixture = DocumentFixture.secrets
        func opened(_ keyPath: String, _ selector: DocumentSealer.DocumentSelector) throws(SealingError)
            -> String
        {
            try fixture.open(try fixture.set("y", at: keyPath, in: selector, of: text))
        }
        let second = Self.secret + "---\n" + other.replacingFirst("eA==", with: "\"eQ==\"")
        #expect(try opened("data.older", .any) == second)
        #expect(try opened("data.older", .ordinal(1)) == second)
        #expect(
            try opened("data.older", .object(kind: Array("Secret".utf8), name: Array("b".utf8))) == second)
        for selector in [DocumentSealer.DocumentSelector.any, .ordinal(2), .object(kind: [], name: [])] {
            #expect(code { () throws(SealingError) in _ = try opened("data.new", selector) } == .keyPath)
        }
    }

    @Test func `setting what names a token's place is refused`() throws {
        let sealed = try DocumentFixture.file.seal("list:\n- name: a\n  secret: x\n").text
        #expect(
            code { () throws(SealingError) in
                _ = try DocumentFixture.everything.set("b", at: "list[0].name", of: sealed)
            } == .movesToken)
    }

    @Test func `setting in a file that would not open is refused`() throws {
        let sealed = try DocumentFixture.everything.seal("a: 1\nb: 2\n").text
        func code(_ keyPath: String, _ text: String) -> SealingError.Code? {
            self.code { () throws(SealingError) in
                _ = try DocumentFixture.everything.set("x", at: keyPath, of: text)
            }
        }
        #expect(code("c", sealed) == nil)
        #expect(code(#"["sealed.v1.x"]"#, sealed) == .nestedToken)
        #expect(code("c", sealed + "# sealed.v1.x\n") == .nestedToken)
        #expect(code("c", sealed + "d: sealed.v1.x\n") == .malformed)
        #expect(code("c", sealed + "d: \"\\x73ealed.v1.x\"\n") == .malformed)
        #expect(code("c", sealed.replacingFirst("prod-3", with: "dev-3")) == .noKey)
        #expect(code("d", sealed + "d: sealed.v1.x\n") == nil)
    }
}
