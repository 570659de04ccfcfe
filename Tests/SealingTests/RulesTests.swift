import Documents
import Testing

@testable import Sealing

@Suite struct `the rules file` {
    private static let head = "version: 1\nrepository: 6f0c2f3e9a5b4d1c8e7f60718293a4b5\n"

    private func parse(_ text: String) throws(SealingError) -> Rules { try Rules(parsing: Array(text.utf8)) }

    private func code(_ text: String) -> SealingError.Code? {
        DocumentFixture.refusal { () throws(SealingError) in _ = try parse(text) }?.code
    }

    @Test func `the example of the design is read`() throws {
        let rules = try parse(
            Self.head + """
                keyrings: Keys
                rules:
                  - { paths: ["deploy/prod/**"], environment: prod }
                  - { paths: ["hosts/*.env"], environment: prod, values: ["**"], scope: file }
                  - { paths: ["tls/*.key"], environment: staging, sealed: file, required: true }
                """)
        #expect(rules.repository.description == "6f0c2f3e9a5b4d1c8e7f60718293a4b5")
        #expect(rules.keyrings == "Keys")
        func rule(_ path: String) -> Rule? { rules.rule(for: Array(path.utf8)) }
        #expect(rule("deploy/prod/.a/b.yaml")?.environment == "prod")
        #expect(rule("hosts/a.env")?.scope == .file)
        #expect(rule("tls/a.key")?.isRequired == true)
        guard case .file? = rule("tls/a.key")?.treatment else { return #expect(Bool(false)) }
        for path in ["hosts/a/b.env", "Tls/a.key", "x/tls/a.key", "deploy/production/a", "a"] {
            #expect(rule(path) == nil)
        }
    }

    @Test(arguments: [
        "a/{b,c}", "a/b?.yaml", "a/[bc].yaml", "!a/**", "a/b ", " a/**", "a /b", "a\\*",
    ]) func `a glob that would never match is refused in words`(glob: String) {
        let refusal = DocumentFixture.refusal { () throws(SealingError) in
            _ = try parse(Self.head + "rules: [{paths: ['\(glob)'], environment: prod}]")
        }
        #expect(refusal?.code == .rules)
        #expect(refusal?.context.contains("literal names, * and ** alone") == true)
    }

    @Test(arguments: [
        "\u{2028}", "\u{2029}", "\u{85}", "\r", "\u{202E}", "\u{2066}", "\u{200F}", "\u{1B}", "\u{9B}",
        "\u{7F}",
    ]) func `a rule can't hide in what looks like a comment`(character: String) {
        let refusal = DocumentFixture.refusal { () throws(SealingError) in
            _ = try parse(Self.head + "rules: []\n# note:\(character)keyrings: Other\n")
        }
        #expect(refusal?.code == .rules)
        #expect(refusal?.context.contains("line 4") == true)
    }

    @Test func `line ends of two bytes, tabs in comments and other scripts are read`() throws {
        let text = (Self.head + "# \tnaïve, ключи, 鍵 and a – dash\nrules: []\n").replacing("\n", with: "\r\n")
        #expect(try parse(text).rules.isEmpty)
    }

    @Test func `the first rule that matches is the one`() throws {
        let rules = try parse(
            Self.head + "rules: [{paths: [a/*, b], environment: one}, {paths: ['**'], environment: two}]")
        #expect(rules.rule(for: Array("a/x".utf8))?.environment == "one")
        #expect(rules.rule(for: Array("b".utf8))?.environment == "one")
        #expect(rules.rule(for: Array("a/x/y".utf8))?.environment == "two")
    }

    @Test(arguments: [
        "", "version: 2\nrepository: 6f0c2f3e9a5b4d1c8e7f60718293a4b5", "version: 1",
        "version: '1'\nrepository: x", "- a",
        "version: 1\nrepository: 6F0C2F3E9A5B4D1C8E7F60718293A4B5", "version: 1\nrepository: 6f0c",
        head + "other: 1", head + "keyrings: ../x", head + "keyrings: /x",
        head + "keyrings: ''", head + "rules: {}", head + "version: 1",
    ]) func `a malformed file is refused`(text: String) {
        #expect(code(text) == .rules)
    }

    @Test(arguments: [
        "environment: prod", "paths: [a]", "paths: [], environment: prod", "paths: a, environment: prod",
        "paths: [a], environment: Prod",
        "paths: [/a], environment: prod", "paths: [a/], environment: prod", "paths: [a**], environment: prod",
        "paths: [../a], environment: prod",
        "paths: [a], environment: prod, other: 1", "paths: [a], environment: prod, scope: objects",
        "paths: [a], environment: prod, scope: {name: A}",
        "paths: [a], environment: prod, scope: {places: []}", "paths: [a], environment: prod, values: []",
        "paths: [a], environment: prod, values: x",
        "paths: [a], environment: prod, values: ['a..b']", "paths: [a], environment: prod, sealed: value",
        "paths: [a], environment: prod, sealed: file, scope: file",
        "paths: [a], environment: prod, sealed: file, values: [a]",
        "paths: [a], environment: prod, sealed: file, namespace: a",
        "paths: [a], environment: prod, sealed: file, shell: true", "paths: [a], environment: prod, shell: 1",
        "paths: [a], environment: prod, required: 1", "paths: [a], environment: prod, namespace: A",
        "paths: [a], environment: prod, namespace: ''",
        "paths: [a], environment: prod, environment: prod",
    ]) func `a malformed rule is refused with its line`(rule: String) {
        let error = DocumentFixture.refusal { () throws(SealingError) in
            _ = try parse(Self.head + "rules:\n- {\(rule)}\n")
        }
        #expect(error?.code == .rules)
        #expect(error?.context.contains("line 4") == true, "\(error?.context ?? "none")")
    }

    @Test func `every kind of selector, scope and age is read`() throws {
        for rule in [
            "values: [/a/]", "values: ['comment: x']", "values: [{comment: x}]",
            "scope: {name: db, places: [door:render, /Secret/*/db/*]}", "maxAge: 90d", "maxAge: 1y",
            "shell: true",
        ] {
            _ = try parse(Self.head + "rules:\n- {paths: ['**'], environment: prod, \(rule)}\n")
        }
    }

    @Test(arguments: [
        "values: ['/(/']", "values: ['/(a+)+/']", "values: ['/(a|b)*/']", "values: ['/((a*))*/']",
        "values: ['/(.)\\1/']", "values: ['/(?=a)b/']", "values: ['/.*.*.*.*/']", "values: [{comment: ''}]",
        "scope: {name: db}", "scope: {name: db, places: []}", "scope: {name: db, places: [a/b]}",
        "scope: {name: db, places: ['/Secret/a/b/']}", "scope: {name: db, places: ['door:']}",
        "scope: {name: db, places: ['door:A']}", "maxAge: 90", "maxAge: 0d", "maxAge: d", "maxAge: -1d",
        "maxAge: 1m",
    ]) func `a malformed selector, place or age is refused`(rule: String) {
        #expect(code(Self.head + "rules:\n- {paths: ['**'], environment: prod, \(rule)}\n") == .rules)
    }

    @Test func `a name has one list of places`() {
        func scope(_ places: String) -> String { "environment: prod, scope: {name: db, places: [\(places)]}" }
        func rules(_ one: String, _ two: String) -> String {
            Self.head + "rules:\n- {paths: [a], \(scope(one))}\n- {paths: [b], \(scope(two))}\n"
        }
        #expect(code(rules("door:a, door:b", "door:b, door:a")) == nil)
        #expect(code(rules("door:a, door:b", "door:a")) == .rules)
    }

    @Test func `what is written is read`() throws {
        let id = try RepositoryID("6f0c2f3e9a5b4d1c8e7f60718293a4b5")
        let bytes = Rules.write(
            repository: id, rules: [("prod", ["deploy/prod/**", "a b"]), ("dev", ["**"])])
        let rules = try Rules(parsing: bytes)
        #expect(rules.repository == id && rules.keyrings == "Keys")
        #expect(rules.rule(for: Array("deploy/prod/a.yaml".utf8))?.environment == "prod")
        #expect(rules.rule(for: Array("a b".utf8))?.environment == "prod")
        #expect(rules.rule(for: Array("other".utf8))?.environment == "dev")
        #expect(try Rules(parsing: Rules.write(repository: id, rules: [])).rules.isEmpty)
    }
}

@Suite struct `a key path pattern` {
    private func matches(_ pattern: String, _ path: String) throws -> Bool {
        try KeyPathGlob(pattern).matches(SlotPath(parsing: Array(path.utf8)))
    }

    @Test(arguments: [
        ("data.password", "data.password"), ("data.*", "data.password"), ("**", "a"), ("**", "a.b[0]"),
        ("**.password", "password"),
        ("**.password", "a.b.password"), ("data.tls\\.crt", "data[\"tls.crt\"]"),
        ("data[\"tls.crt\"]", "data.tls\\.crt"), ("*", "a"), ("data.*", "data[\"a.b\"]"),
        ("env[name=DB].value", "env[name=DB].value"), ("env[name=DB_*].value", "env[name=DB_PASSWORD].value"),
        ("env[*].value", "env[name=X].value"),
        ("env[*].value", "env[3].value"), ("env.*.value", "env[3].value"), ("a[0][1]", "a[0][1]"),
        ("data.p*d", "data.password"), ("**.x.**", "x"),
    ]) func `matches`(pattern: String, path: String) throws {
        #expect(try matches(pattern, path))
    }

    @Test(arguments: [
        ("data.password", "data.Password"), ("data.*", "data"), ("data.*", "data.a.b"), ("*", "a.b"),
        ("data.tls.crt", "data[\"tls.crt\"]"), ("a.0", "a[0]"),
        ("a[0]", "a[\"0\"]"), ("a[name=x]", "a[id=x]"), ("a[*]", "a.b"), ("password", "a.password"),
        ("a[name=x]", "a[0]"),
    ]) func `does not match`(pattern: String, path: String) throws {
        #expect(try !matches(pattern, path))
    }

    @Test(arguments: [
        "", ".", "a.", ".a", "a..b", "a[", "a[]", "a]b[", "a[01]", "a[-1]", "a[other=x]", "a[name=]", "a.[0]",
        "a[\"x]", "a[\"\"]", "a**", "a\\", "a[0]b", "a\\*b",
    ])
    func `a malformed one is refused`(pattern: String) {
        #expect(
            DocumentFixture.refusal { () throws(SealingError) in _ = try KeyPathGlob(pattern) }?.code
                == .rules)
    }
}
