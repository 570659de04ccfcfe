import Documents
import Keyrings
import Sodium
import Testing

@testable import Sealing

@Suite struct `opening a document` {
    private static let two = """
        apiVersion: v1
        kind: Secret
        metadata: { name: a, namespace: n }
        data: { k: eA==, l: eQ== }
        ---
        apiVersion: v1
        kind: Secret
        metadata: { name: b, namespace: n }
        data: { k: eg== }
        """

    @Test func `F019 F020 an object's token opens in its object and key alone, in any file`() throws {
        let fixture = DocumentFixture.secrets
        let sealed = try fixture.seal(Self.two).text
        #expect(try fixture.open(sealed, path: "elsewhere/b.yaml") == Self.two)
        #expect(fixture.openCode(sealed.swappingTokens(0, 1)) == .notAuthentic)
        #expect(fixture.openCode(sealed.swappingTokens(0, 2)) == .notAuthentic)
        for (old, new) in [
            ("name: a", "name: c"), ("namespace: n", "namespace: m"), ("data: { k", "stringData: { k"),
        ] {
            #expect(fixture.openCode(sealed.replacingFirst(old, with: new)) == .notAuthentic)
        }
    }

    @Test func `F019 F020 a file's token opens in its repository, file, document and key alone`() throws {
        let fixture = DocumentFixture.file
        let text = "secrets: {a: 1, b: 2}\n---\nsecrets: {a: 3}\n"
        let sealed = try fixture.seal(text).text
        #expect(try fixture.open(sealed) == text)
        #expect(fixture.openCode(sealed.swappingTokens(0, 1)) == .notAuthentic)
        #expect(fixture.openCode(sealed.swappingTokens(0, 2)) == .notAuthentic)
        #expect(fixture.openCode(sealed, path: "b.yaml") == .notAuthentic)
        let other = DocumentFixture(
            "{ paths: [x], environment: prod }", repository: "00000000000000000000000000000000")
        #expect(other.openCode(sealed) == .notAuthentic)
    }

    @Test func `F021 paths that read alike are different places`() throws {
        for text in [
            "secrets: {a.b: 1, a: {b: 2}}\n", "secrets: {'to:to': 1, to: {to: 2}}\n",
            "secrets: {'0': 1}\nsecret: [1]\n",
        ] {
            let sealed = try DocumentFixture.file.seal(text).text
            #expect(DocumentFixture.file.openCode(sealed) == nil)
            #expect(DocumentFixture.file.openCode(sealed.swappingTokens(0, 1)) == .notAuthentic)
        }
    }

    @Test func `an element keeps its place when others come before it, by its name`() throws {
        let fixture = DocumentFixture(
            #"{ paths: ["**"], environment: prod, scope: file, values: ["env[*].value"] }"#)
        let text = "env:\n- {name: a, value: 1}\n- {name: b, value: 2}\n"
        let tokens = try fixture.seal(text).text
        let lines = tokens.split(separator: "\n").map(String.init)
        let moved = [lines[0], "- {name: z, other: 1}", lines[2], lines[1], ""].joined(separator: "\n")
        #expect(
            try fixture.open(moved)
                == "env:\n- {name: z, other: 1}\n- {name: b, value: 2}\n- {name: a, value: 1}\n")
        #expect(fixture.openCode(tokens.replacingFirst("name: a", with: "name: c")) == .notAuthentic)
    }

    @Test func `F025: all or nothing, and every failing token is listed with its place`() throws {
        let fixture = DocumentFixture.file
        let sealed = try fixture.seal("secrets:\n  a: 1\n  b: 2\n  c: 3\n").text
        let tokens = sealed.tokens
        let broken = sealed.replacingFirst(tokens[0], with: tokens[0] + "A").replacingFirst(
            tokens[2], with: tokens[1])
        let error = DocumentFixture.refusal { () throws(SealingError) in _ = try fixture.open(broken) }
        #expect(error?.failures.map(\.line) == [2, 4])
        #expect(error?.failures.map(\.keyPath) == ["secrets.a", "secrets.c"])
        #expect(error?.failures.map(\.code) == [.malformed, .notAuthentic])
        #expect(error?.context.contains(tokens[1]) == false)
        var other = fixture
        other.keyring = SealingFixture.keyring(2)
        #expect(other.openCode(sealed) == .notAuthentic)
        other.keyring = SealingFixture.keyring(epoch: 4)
        #expect(other.openCode(sealed) == .noKey)
        other.keyring = SealingFixture.keyring(environment: "dev")
        #expect(other.openCode(sealed) == .noKey)
    }

    @Test(arguments: ["a.yaml", "a.json", "a.env", "a.ini", "a.toml"])
    func `F017, F018: every flipped bit and every truncation of a token is refused in its document`(
        path: String
    ) throws {
        let texts = [
            "a.yaml": "secret: value\n", "a.json": "{\"secret\": \"value\"}", "a.env": "SECRET=value\n",
            "a.ini": "[a]\nsecret = value\n", "a.toml": "secret = 'value'\n",
        ]
        var fixture = DocumentFixture(
            #"{ paths: ["**"], environment: prod, scope: file, values: ["**"], required: true }"#)
        let sealed = try fixture.seal(texts[path] ?? "", path: path).text
        let token = Array(sealed.tokens[0].utf8)
        let bytes = Array(sealed.utf8)
        let start = try #require(bytes.indices.first { bytes[$0...].starts(with: token) })
        func code(_ altered: [UInt8]) -> SealingError.Code? {
            DocumentFixture.refusal { () throws(SealingError) in _ = try fixture.open(altered, path: path) }?
                .code
        }
        // A broken prefix is plain text, which is refused where the place must be sealed. Behind it, by whoever opens.
        let prefix = "sealed.v1.".utf8.count
        for (offset, bit) in token.indices.flatMap({ offset in (0..<8).map { (offset, $0) } }) {
            var flipped = bytes
            flipped[start + offset] ^= 1 << UInt8(bit)
            fixture.isEnforcing = offset < prefix
            let refusals: [SealingError.Code] = [
                .malformed, .notAuthentic, .noKey, .unknownVersion, .nestedToken,
            ]
            let found = code(flipped)
            #expect(
                found.map { (refusals + (offset < prefix ? [.plaintext] : [])).contains($0) } == true,
                "byte \(offset), bit \(bit): \(String(describing: found))")
        }
        for count in token.indices {
            fixture.isEnforcing = count < prefix
            let cut = Array(bytes[..<(start + count)]) + bytes[(start + token.count)...]
            #expect(code(cut) != nil, "\(count) bytes")
        }
        fixture.isEnforcing = true
        #expect(code(bytes) == nil)
    }

    @Test func `F024 a token of another version is refused`() throws {
        let sealed = try DocumentFixture.file.seal("secret: x\n").text
        for version in ["v2", "v0"] {
            let lowered = sealed.replacingFirst("sealed.v1.", with: "sealed.\(version).")
            #expect(DocumentFixture.file.openCode(lowered) == .unknownVersion)
        }
    }

    @Test func `a token that is no whole value, and a SOPS marker, are never emitted`() throws {
        let token = try DocumentFixture.file.seal("secret: x\n").text.tokens[0]
        for text in [
            "a: 'x \(token)'\n", "a: b # \(token)\n", "a: |\n  \(token)\n", "\(token): a\n", "\(token)\n",
            "a: 'ENC[AES256_GCM,data:x]'\n",
        ] {
            let code = DocumentFixture.file.openCode(text)
            #expect(code == .nestedToken || (text.contains("|") && code == .malformed), "\(text)")
        }
        #expect(DocumentFixture.file.openCode("A=\(token)\n", path: "notes.txt") == .nestedToken)
        #expect(try DocumentFixture.secrets.open("sealed. v1\n", path: "notes.txt") == "sealed. v1\n")
        let inToken = try DocumentFixture.file.seal("secret: x\nother: y\n").text
        let longer = inToken.replacingFirst("other: y", with: "other: \(token)x")
        #expect(DocumentFixture.file.openCode(longer) == .malformed)
    }

    @Test func `a document without tokens is passed through as it is`() throws {
        for text in ["a: 1", "not: [yaml", "\u{0}"] { #expect(try DocumentFixture.file.open(text) == text) }
    }

    @Test func `plaintext that the rule requires sealed is refused`() throws {
        var fixture = DocumentFixture(#"{ paths: ["**"], environment: prod, required: true }"#)
        #expect(fixture.openCode(Self.two) == .plaintext)
        let sealed = try fixture.seal(Self.two).text
        #expect(fixture.openCode(sealed) == nil)
        let half = sealed.replacingFirst(sealed.tokens[2], with: "eg==")
        #expect(fixture.openCode(half) == .plaintext)
        #expect(fixture.openCode("A=1\n", path: "a.env") == .plaintext)
        fixture.isEnforcing = false
        #expect(fixture.openCode(half) == nil)
    }

    // MARK: Hostile sealers

    private static let hostile = DocumentFixture(
        #"{ paths: ["**"], environment: prod, scope: environment, values: ["**"] }"#)

    /// A document with `source` sealed as a scalar of `style` in place of X.
    private func forge(
        _ source: String, _ style: SealedRecord.Style, in text: String, format: SealedRecord.Format = .yaml,
        indentation: UInt16 = 0
    ) throws -> String {
        let head = SealedRecord.Head(format: format, style: style, indentation: indentation)
        return text.replacingFirst(
            "X", with: String(decoding: try SealingFixture.seal(source, head).text, as: UTF8.self))
    }

    @Test(arguments: [
        ("a\n---\nb: 1", SealedRecord.Style.plain), ("a\nother: 1", .plain), ("a\n  other: 1", .plain),
        ("&anchor a", .plain),
        ("!!int 1", .plain), ("*known", .plain), ("a # comment", .plain), ("[1, 2]", .plain),
        ("{a: 1}", .plain), ("a: b", .plain),
        ("- a", .plain), ("? a", .plain), ("|\n  x", .plain), ("'a'", .plain), ("\"a\"", .plain),
        ("a ", .plain), (" a", .plain), ("", .plain),
        ("a\tb", .plain), ("'a' \nother: 'b'", .single), ("'a', other: 'b'", .single), ("'a", .single),
        ("a", .single), ("'a'\n", .single),
        ("\"a\"\nother: \"b\"", .double), ("\"a\" # c", .double), ("\"a\\\"", .double), ("&x \"a\"", .double),
        ("!!binary \"aaaa\"", .double),
        ("|\n  a\nother: b", .literal), ("|\n  a\n---\nb", .literal), ("a", .literal), (">\n  a", .literal),
        ("|\n  a\n# comment", .literal), ("|9\n  a", .literal), (">\n  a\nb: c", .folded),
        ("|\n  a\n...", .literal),
        ("a\u{0}b", .plain), ("\"a\u{FEFF}b\"", .double), ("\"a\u{85}b\"", .double),
        ("\"a\u{2028}b\"", .double), ("\"\u{7}\"", .double),
        ("'a\rb'", .single), ("\"a\r\nb\"", .double), ("%TAG ! x", .plain), ("@a", .plain), ("--- a", .plain),
        ("...", .plain), ("<<", .plain),
    ]) func `an opened value that changes more than itself is refused`(
        source: String, style: SealedRecord.Style
    ) throws {
        let text = "known: &known 1\nmap:\n  key: X\n  last: 2\n"
        let code = Self.hostile.openCode(try forge(source, style, in: text))
        // `<<` as a value and `...` inside a line are plain words there.
        let harmless = source == "<<" || source == "..." || source == "--- a"
        #expect(
            code == .foreignStructure || (harmless && code == nil), "\(source): \(String(describing: code))")
    }

    @Test(arguments: [
        ("a, b: c", SealedRecord.Style.plain), ("a}", .plain), ("a]", .plain), ("a: b", .plain),
        ("|\n  a", .literal), ("a#b", .plain),
        ("\"a\", b: \"c\"", .double), ("'a'}\nb: {c: 'd'", .single),
    ]) func `in flow context too`(source: String, style: SealedRecord.Style) throws {
        #expect(
            Self.hostile.openCode(try forge(source, style, in: "map: {key: X, last: 1}\n"))
                == .foreignStructure)
    }

    @Test(arguments: [
        ("\"a\", \"b\": \"c\"", SealedRecord.Style.double), ("1, \"b\": 2", .plain), ("{}", .plain),
        ("[1]", .plain), ("'a'", .double), ("01", .plain),
        ("\"a\n\"", .double), ("true ", .plain), ("NaN", .plain), ("\"\\x\"", .double),
        ("\"\u{1}\"", .double), ("1 /* c */", .plain), ("\"a\"", .plain),
        ("1", .double),
    ]) func `in JSON too`(source: String, style: SealedRecord.Style) throws {
        let text = #"{"key": "X", "last": 1}"#
        #expect(
            Self.hostile.openCode(try forge(source, style, in: text, format: .json), path: "a.json")
                == .foreignStructure)
    }

    @Test func `a value sealed in another format is refused`() throws {
        let text = try forge("1", .plain, in: "key: X\n", format: .json)
        #expect(Self.hostile.openCode(text) == .notSupported)
    }

    @Test func `a block scalar opens re-indented where its surroundings were`() throws {
        let fixture = DocumentFixture(
            #"{ paths: ["**"], environment: prod, scope: environment, values: ["**"] }"#)
        let sealed = try fixture.seal("a:\n  b: |\n    x\n      y\n").text
        let deeper = sealed.replacingFirst("a:\n  b:", with: "a:\n      b:")
        #expect(try fixture.open(deeper) == "a:\n      b: |\n        x\n          y\n")
    }

    @Test(arguments: [
        (#"a: "\x73ealed.v1.prod-3.f.AAAA""#, "a.yaml"), (#"a: "\u0073ealed.v1.x""#, "a.yaml"),
        (#"a: "\U00000073ealed.v1.x""#, "a.yaml"), ("a: \"sea\\\n   led.v1.x\"", "a.yaml"),
        ("a: \"sea\\\r\n\tled.v1.x\"", "a.yml"), (#"a: "see \x73ealed.v1.x""#, "a.yaml"),
        (#""\x73ealed.v1.x": a"#, "a.yaml"), (#""\x73ealed.v1.x""#, "a.yaml"),
        (#"a: "\x45NC[AES256_GCM,data""#, "a.yaml"), (#"a: ['\', "\x73ealed\x2ev1.x"]"#, "a.yaml"),
        (#"{"a": "\u0073ealed.v1.x"}"#, "a.json"), (#"{"\u0073ealed.v1.x": 1}"#, "a.json"),
        (#"["sealed\u002ev1.x"]"#, "a.json"),
    ]) func `a token in another spelling is refused, by whomever it is met`(text: String, path: String) throws
    {
        for fixture in [
            DocumentFixture.file, .everything, DocumentFixture("{ paths: [x], environment: prod }"),
        ] {
            for isEnforcing in [false, true] {
                var fixture = fixture
                fixture.isEnforcing = isEnforcing
                let code = fixture.openCode(text, path: path)
                #expect(code == .malformed || code == .nestedToken)
            }
        }
        var checker = Checker(rules: try DocumentFixture.file.parsed(), keyrings: [])
        checker.check(Array(text.utf8), path: Array(path.utf8))
        #expect(!checker.isClean)
        let code = DocumentFixture.everything.sealCode(text, path: path)
        #expect(code == .malformed || code == .nestedToken)
    }

    @Test func `a token of ours in another spelling is refused`() throws {
        let sealed = try DocumentFixture.file.seal("secret: 'x'\n").text
        let token = sealed.tokens[0]
        #expect(DocumentFixture.file.openCode("secret: \"\(token)\"\n") == nil)
        let escaped = sealed.replacingFirst(token, with: "\"\\x73\(token.dropFirst())\"")
        #expect(DocumentFixture.file.openCode(escaped) == .malformed)
        let late = sealed.replacingFirst(
            token, with: "\"\(token.dropLast())\\x\(token.utf8.last.map { String($0, radix: 16) } ?? "")\"")
        #expect(DocumentFixture.file.openCode(late) == .malformed)
    }

    @Test func `a document under a rule that does not parse is refused by name, and a template is delivered`()
    {
        var fixture = DocumentFixture.file
        fixture.isEnforcing = false
        for text in ["x: \u{1}[[[", "{{ template }}", "a: b\na: c\n"] {
            #expect(fixture.openCode(text) == .malformed)
        }
        fixture.isEnforcing = true
        #expect(fixture.openCode("{{ template }}") == nil)
        #expect(fixture.openCode(#"{{ template }} "\x73ealed.v1.x""#) == .malformed)
    }

    @Test func `plaintext that can't be sealed is refused where the rule requires it`() {
        var fixture = DocumentFixture(
            #"{ paths: ["**"], environment: prod, scope: file, values: ["**"], required: true }"#)
        #expect(fixture.openCode("hello", path: "x.txt") == .plaintext)
        #expect(fixture.openCode("", path: "x") == nil)
        #expect(fixture.openCode("a: {}\n--- hello\n") == .plaintext)
        fixture.isEnforcing = false
        #expect(fixture.openCode("hello", path: "x.txt") == nil)
    }
}
