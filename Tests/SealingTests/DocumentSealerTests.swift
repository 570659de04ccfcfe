import Testing

@testable import Sealing

@Suite struct `sealing a document` {
    private static let secret = """
        # Database
        apiVersion: v1
        kind: Secret
        metadata: { name: db, namespace: shop }
        data:
          password: aHVudGVyMg==   # rotate in May
          empty: ""
        stringData:
          config: |
            host = db
            # no comment

            port = 5432
          motto: 'it''s'
        type: Opaque
        """

    @Test func `F008 the values of a Secret alone change, and open to the same bytes`() throws {
        let fixture = DocumentFixture.secrets
        let outcome = try fixture.seal(Self.secret)
        #expect(outcome.sealedCount == 4)
        #expect(outcome.text.tokens.count == 4)
        #expect(outcome.text.tokens.allSatisfy { $0.hasPrefix("sealed.v1.prod-3.o.") })
        #expect(outcome.text.contains("# rotate in May") && outcome.text.contains("type: Opaque"))
        #expect(!outcome.text.contains("aHVudGVyMg") && !outcome.text.contains("5432"))
        #expect(try fixture.open(outcome.text) == Self.secret)
    }

    @Test func `F002 what is sealed already stays byte for byte`() throws {
        let fixture = DocumentFixture.secrets
        let first = try fixture.seal(Self.secret)
        let again = try fixture.seal(first.text)
        #expect(again.bytes == first.bytes)
        #expect(again.sealedCount == 0 && again.keptCount == 4)
        let more = first.text.replacingFirst("type: Opaque", with: "  new: x")
        let third = try fixture.seal(more)
        #expect(third.sealedCount == 1 && third.keptCount == 4)
        #expect(third.text.tokens.prefix(4) == first.text.tokens[...])
        #expect(try fixture.open(third.text) == Self.secret.replacingFirst("type: Opaque", with: "  new: x"))
    }

    @Test func `F003 a file in which nothing is selected is refused`() {
        let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: b}\n"
        #expect(DocumentFixture.secrets.sealCode(config) == .noMatch)
        #expect(DocumentFixture.secrets.sealCode("a: b", path: "README.md") == .noMatch)
        #expect(DocumentFixture.secrets.sealCode("# nothing\n") == .noMatch)
        let elsewhere = DocumentFixture(#"{ paths: ["deploy/**"], environment: prod }"#)
        #expect(elsewhere.sealCode(Self.secret) == .noMatch)
    }

    @Test func `F005 a key that stands twice is refused with both lines`() {
        let text = "secrets:\n  a: 1\n  b: 2\n  a: 3\n"
        let error = DocumentFixture.refusal { () throws(SealingError) in
            _ = try DocumentFixture.file.seal(text)
        }
        #expect(error?.code == .malformed)
        #expect(error?.context.contains("2") == true && error?.context.contains("4") == true)
        #expect(
            DocumentFixture.file.sealCode(#"{"secrets": {"a": 1, "a": 2}}"#, path: "a.json") == .malformed)
    }

    @Test(arguments: [
        "secret: \"\"", "secret: ''", "secret: ' '", "secret: \"\\n\"", "secret:", "secret: ", "secret: ~",
        "secret:   # comment", "a:\n  secret:\n  b: 1", "secret: |\n\n", "secret: |+\n  a\n\n\nb: 1",
        "secret: |-\n  a",
        "secret: >2\n   a\n  b\n", "- secret: |\n   x\n-   secret: |1\n     y\n", "{ secret: , b: 1 }",
        "secret: &x a\nb: *x\n",
    ]) func `F001 empty, blank and block values come back as they were`(text: String) throws {
        let fixture = DocumentFixture(
            #"{ paths: ["**"], environment: prod, scope: environment, values: ["**.secret"] }"#)
        for tail in ["", "\n"] {
            let sealed = try fixture.seal(text + tail)
            #expect(sealed.sealedCount >= 1)
            #expect(try fixture.open(sealed.text) == text + tail)
        }
    }

    @Test(arguments: [
        "1.10", "0x1F", "yes", "~", "1e3", "012", "12345678901234567890", "null", "2001-12-14", "!!str 1",
    ])
    func `F009 unquoted scalars keep their source and type`(scalar: String) throws {
        let text = "secret: \(scalar)\nb: \(scalar)"
        let sealed = try DocumentFixture.file.seal(text)
        #expect(sealed.text.tokens.count == 1)
        #expect(try DocumentFixture.file.open(sealed.text) == text)
    }

    @Test func `F008 odd indentation, anchors, several documents and no final newline`() throws {
        let text =
            "%YAML 1.1\n---\n# first\nsecrets:\n     a:   &anchor   \"x\"   # one\n     b:    !!str 'y'\n     c: >-\n"
            + "           folded\n           text\n\n     list:\n     - name: n1\n       value: |+\n          keep\n\n"
            + "     -   {name: n2,   value: z,q: [1, 'two']}\n...\n---\nsecrets: {k: v}\nother: 'x'\n--- \nsecrets:\n- plain text"
        let fixture = DocumentFixture.everything
        let sealed = try fixture.seal(text)
        #expect(sealed.text.tokens.count == sealed.sealedCount)
        #expect(try fixture.open(sealed.text) == text)
        let some = try DocumentFixture.file.seal(text)
        #expect(some.text.contains("other: 'x'"))
        #expect(try DocumentFixture.file.open(some.text) == text)
    }

    @Test func `F010 CRLF line ends are kept`() throws {
        let text = "secrets:\r\n  a: 'x'\r\n  b: |\r\n    one\r\n    two\r\n"
        let sealed = try DocumentFixture.file.seal(text)
        #expect(try DocumentFixture.file.open(sealed.text) == text)
    }

    @Test func `JSON strings, numbers and literals come back as they were`() throws {
        let text =
            "{\n \"secrets\" : {\"a\":\"\\u00e9\\n\",\"b\": 1.10 ,\"c\":null,\"d\":[true,{\"e\":\"\"}]},\"other\":\"x\"}"
        let sealed = try DocumentFixture.file.seal(text, path: "a.json")
        #expect(sealed.sealedCount == 5)
        #expect(sealed.text.contains("\"other\":\"x\""))
        #expect(try DocumentFixture.file.open(sealed.text, path: "a.json") == text)
    }

    @Test func `aliased and merged values are refused in file and object scope`() {
        #expect(DocumentFixture.file.sealCode("secrets: {a: &x 1}\nb: *x\n") == .unsuitablePlace)
        #expect(DocumentFixture.file.sealCode("secrets: &x {a: 1}\nb: {<<: *x}\n") == .unsuitablePlace)
        let object = Self.secret.replacingFirst("aHVudGVyMg==", with: "&p aHVudGVyMg==") + "\nx: *p\n"
        #expect(DocumentFixture.secrets.sealCode(object) == .unsuitablePlace)
    }

    @Test(arguments: [
        "x: &x hunter2\ndata: {k: eA==, p: *x}\n", "x: &x hunter2\ndata: {p: *x}\n",
        "x: &x {p: hunter2}\ndata: *x\n", "x: &x {p: hunter2}\ndata: {k: eA==, <<: *x}\n",
        "x: &x {p: hunter2}\ndata: {<<: [*x], k: eA==}\n", "data: {<<: {p: hunter2}, k: eA==}\n",
        "x: &x {data: {p: hunter2}}\n<<: *x\n", "x: &x hunter2\ny: &y {p: *x}\ndata: *y\n",
    ]) func `plaintext that an alias or merge puts at a selected place is refused`(rest: String) throws {
        let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: n}\n" + rest
        #expect(DocumentFixture.secrets.sealCode(text) == .unsuitablePlace)
        let required = DocumentFixture(#"{ paths: ["**"], environment: prod, required: true }"#)
        #expect(required.openCode(text) == .plaintext)
        var checker = Checker(rules: try required.parsed(), epochs: [])
        checker.check(Array(text.utf8), path: Array("a.yaml".utf8))
        #expect(!checker.isClean)
    }

    @Test func `a Secret whose kind comes by alias or merge is one`() throws {
        for text in [
            "x: &k Secret\napiVersion: v1\nkind: *k\nmetadata: {name: a, namespace: n}\ndata: {k: eA==}\n",
            "x: &b {apiVersion: v1, kind: Secret}\n<<: *b\nmetadata: {name: a, namespace: n}\ndata: {k: eA==}\n",
        ] {
            let sealed = try DocumentFixture.secrets.seal(text)
            #expect(sealed.sealedCount == 1)
            #expect(try DocumentFixture.secrets.open(sealed.text) == text)
        }
    }

    @Test func `a token may be met at several places in scope environment`() throws {
        let fixture = DocumentFixture(
            #"{ paths: ["**"], environment: prod, scope: environment, values: ["**.secret"] }"#)
        let text = "a: {secret: &x 1}\nb: {secret: *x}\n"
        let sealed = try fixture.seal(text)
        #expect(sealed.sealedCount == 1)
        #expect(try fixture.open(sealed.text) == text)
    }

    @Test func `a key in data and stringData is refused`() {
        let text = Self.secret.replacingFirst("motto", with: "password")
        #expect(DocumentFixture.secrets.sealCode(text) == .unsuitablePlace)
    }

    @Test func `an absent namespace is the rule's, and without one the file is the place`() throws {
        let text = Self.secret.replacingFirst(", namespace: shop", with: "")
        let bare = try DocumentFixture.secrets.seal(text)
        #expect(bare.text.tokens.allSatisfy { $0.hasPrefix("sealed.v1.prod-3.f.") })
        #expect(try DocumentFixture.secrets.open(bare.text) == text)
        let ruled = DocumentFixture(#"{ paths: ["**"], environment: prod, namespace: shop }"#)
        let sealed = try ruled.seal(text)
        #expect(sealed.text.tokens.allSatisfy { $0.hasPrefix("sealed.v1.prod-3.o.") })
        #expect(try ruled.open(sealed.text) == text)
        // The same object with its namespace written out is the same place.
        let written = sealed.text.replacingFirst("name: db", with: "name: db, namespace: shop")
        #expect(DocumentFixture.secrets.openCode(written) == nil)
        #expect(DocumentFixture.secrets.openCode(sealed.text) == .unsuitablePlace)
        let other = DocumentFixture(#"{ paths: ["**"], environment: prod, namespace: other }"#)
        #expect(other.openCode(sealed.text) == .notAuthentic)
        let explicit = DocumentFixture(#"{ paths: ["**"], environment: prod, scope: object }"#)
        #expect(explicit.sealCode(text) == .unsuitablePlace)
    }

    @Test func `Secrets in a list are found, each with its own place`() throws {
        let item = { (name: String) in
            "- apiVersion: v1\n  kind: Secret\n  metadata: {name: \(name), namespace: n}\n  data: {k: eA==}\n"
        }
        let text = "apiVersion: v1\nkind: List\nitems:\n" + item("a") + item("b")
        let sealed = try DocumentFixture.secrets.seal(text)
        #expect(sealed.sealedCount == 2)
        #expect(try DocumentFixture.secrets.open(sealed.text) == text)
        #expect(DocumentFixture.secrets.openCode(sealed.text.swappingTokens(0, 1)) == .notAuthentic)
    }

    @Test func `a Secret without a name is selected too`() throws {
        let text = "apiVersion: v1\nkind: Secret\nmetadata: {generateName: a-}\ndata: {k: eA==}\n"
        let sealed = try DocumentFixture.secrets.seal(text)
        #expect(sealed.sealedCount == 1)
        #expect(try DocumentFixture.secrets.open(sealed.text) == text)
    }

    @Test func `a token or marker inside another text is refused`() {
        #expect(DocumentFixture.file.sealCode("secret: 'x sealed.v1.a'") == .nestedToken)
        #expect(DocumentFixture.file.sealCode("secret: x # sealed.v1.a") == .nestedToken)
        #expect(DocumentFixture.file.sealCode("secret: x\nb: ENC[AES256_GCM,data:x]") == .nestedToken)
    }

    @Test func `a value that could not be opened again is refused`() {
        #expect(DocumentFixture.file.sealCode("secret: a\n  b\n") == .unsuitableValue)
        #expect(DocumentFixture.file.sealCode("secret: \"a\u{2028}b\"\n") == .malformed)
        #expect(DocumentFixture.file.sealCode("secret: \"a\u{FEFF}b\"\n") == .malformed)
    }

    @Test func `sealing what names another token's place is refused`() throws {
        let text = "secrets: []\nlist:\n- name: a\n  secret: x\n"
        let sealed = try DocumentFixture.file.seal(text)
        #expect(DocumentFixture.everything.sealCode(sealed.text) == .movesToken)
        // Together they are sealed at the place that the sealed document has.
        let together = try DocumentFixture.everything.seal("list:\n- name: a\n  secret: x\n")
        #expect(try DocumentFixture.everything.open(together.text) == "list:\n- name: a\n  secret: x\n")
    }

    @Test(arguments: [
        ("sealed.v1.foo", SealingError.Code.malformed), ("sealed.v2.prod-3.f.AAAA", .unknownVersion),
        ("\"\\x73ealed.v1.foo\"", .malformed),
    ]) func `what is no token of ours is not sealed before`(value: String, expected: SealingError.Code) {
        for more in ["", "secrets: {b: 2}\n"] {
            #expect(DocumentFixture.file.sealCode("secret: \(value)\n" + more) == expected)
            #expect(DocumentFixture.file.sealCode("other: \(value)\nsecret: 1\n" + more) == expected)
        }
    }

    @Test func `a token of another environment is not sealed before`() throws {
        let sealed = try DocumentFixture.file.seal("secret: x\n").text
        #expect(
            DocumentFixture.file.sealCode(sealed.replacingFirst("prod-3", with: "dev-3")) == .noKey)
        #expect(DocumentFixture.file.sealCode(sealed + "# \(sealed.tokens[0])\n") == .nestedToken)
    }
}
