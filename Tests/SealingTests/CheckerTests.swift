import Sodium
import Testing

@testable import Sealing

@Suite struct `checking without keys` {
    private static let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: n}\ndata: {k: eA==, l: eQ==}\n"

    private func findings(
        _ files: [(String, String)], _ fixture: DocumentFixture = .secrets, open: UInt64 = 3
    ) throws -> [Checker.Finding] {
        var checker = Checker(
            rules: try fixture.parsed(), epochs: [(environment: "prod", all: [1, 2, 3, 4], open: open)])
        for (path, text) in files { checker.check(Array(text.utf8), path: Array(path.utf8)) }
        #expect(checker.isClean == !checker.findings.contains { $0.isRefused })
        return checker.findings
    }

    private func refusals(
        _ files: [(String, String)], _ fixture: DocumentFixture = .secrets, open: UInt64 = 3
    ) throws -> [String] {
        try findings(files, fixture, open: open).filter(\.isRefused).map { finding in
            if case .fault(let code) = finding.kind { return "\(code)" }
            return "\(finding.kind)"
        }
    }

    @Test func `what is sealed as the rules say is clean`() throws {
        let sealed = try DocumentFixture.secrets.seal(Self.secret).text
        #expect(
            try findings([
                ("a.yaml", sealed), ("b.yaml", "a: b"), ("README.md", "text"), ("c.yaml", "{{ template }}"),
            ]).count { $0.isRefused } == 0)
    }

    @Test func `plaintext is refused where the rule requires it sealed, and else worth a word`() throws {
        let found = try findings([("a.yaml", Self.secret)])
        #expect(found.count == 2 && found.allSatisfy { !$0.isRefused })
        #expect(found[0].line == 4 && found[0].keyPath == "data.k")
        let required = DocumentFixture(#"{ paths: ["**"], environment: prod, required: true }"#)
        #expect(try refusals([("a.yaml", Self.secret)], required) == ["plaintext", "plaintext"])
        let file = DocumentFixture(#"{ paths: ["**"], environment: prod, sealed: file, required: true }"#)
        #expect(try refusals([("a.key", "PEM")], file) == ["plaintext"])
    }

    @Test(arguments: [
        "kind: SecretList\nitems: [{metadata: {name: a}, data: {k: eA==}}]\n",
        "kind: SecretList\nitems: [{kind: Secret, metadata: {name: a}, data: {k: eA==}}]\n",
        "kind: FooList\nitems:\n  - kind: Secret\n    stringData:\n      k: plain\n",
        "kind: List\nitems: [{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Secret, data: {k: eA==}}]}]\n",
        "kind: List\nitems: [{apiVersion: v1, kind: SecretList, items: [{data: {k: eA==}}]}]\n",
        "x: &s {kind: Secret, data: {k: eA==}}\nkind: FooList\nitems: [*s]\n",
    ]) func `a Secret in a list of any kind is plaintext that a rule requires sealed`(text: String) throws {
        let required = DocumentFixture(#"{ paths: ["**"], environment: prod, required: true }"#)
        let found = try refusals([("a.yaml", "apiVersion: v1\n" + text)], required)
        #expect(!found.isEmpty && found.allSatisfy { $0 == "plaintext" })
        #expect(try refusals([("a.yaml", "apiVersion: v1\n" + text)]) == [])
    }

    @Test(arguments: [
        ("p.yaml.txt", secret), ("p.yml.j2", "{{ a }}: {{ b }}\n" + secret), ("p.txt", secret), ("p", secret),
        ("p.json.bak", #"{"apiVersion":"v1","kind":"Secret","data":{"k":"eA=="}}"#),
        ("p.key", "-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----\n"),
        ("app.env.dist", "PW=hunter2\n"), ("settings", "# c\nPW=hunter2\nexport B=x\n"),
    ]) func `a secret in a file without a known format is refused where a rule requires it sealed`(
        name: String, text: String
    ) throws {
        let required = DocumentFixture(#"{ paths: ["**"], environment: prod, required: true }"#)
        #expect(try refusals([(name, text)], required) == ["plaintext"])
        #expect(try refusals([(name, text)]) == [])
    }

    @Test(arguments: [
        ("README.md", "# Deploying\n\nRun it: `make`.\n"), ("NOTES", "port: 80\n"),
        ("Makefile", "all:\n\tmake\n"),
        ("a.yaml.md", "kind: ConfigMap\ndata: {a: b}\n"), ("empty.txt", ""),
    ]) func `plain text beside Secrets is no plaintext that a rule requires sealed`(
        name: String, text: String
    )
        throws
    {
        let required = DocumentFixture(#"{ paths: ["**"], environment: prod, required: true }"#)
        #expect(try findings([(name, text)], required).isEmpty)
    }

    @Test func `a rule that requires something sealed and is for no file is worth a word`() throws {
        let fixture = DocumentFixture(#"{ paths: ["a/**"], environment: prod, required: true }"#)
        var checker = Checker(
            rules: try fixture.parsed(), epochs: [(environment: "prod", all: [3], open: 3)])
        checker.check(Array("x".utf8), path: Array("b/x".utf8))
        checker.noteUnusedRules()
        #expect(checker.findings.map(\.kind.name) == ["matches-nothing"] && checker.isClean)
        checker.check(Array("x".utf8), path: Array("a/x".utf8))
        checker.noteUnusedRules()
        #expect(checker.findings.count == 1)
    }

    @Test func `a closed or unknown epoch and another environment are refused`() throws {
        let sealed = try DocumentFixture.secrets.seal(Self.secret).text
        #expect(try refusals([("a.yaml", sealed)], open: 4) == ["closedEpoch", "closedEpoch"])
        #expect(
            try refusals([("a.yaml", sealed.replacingFirst("prod-3", with: "prod-9"))]) == ["unknownEpoch"])
        #expect(
            try refusals([("a.yaml", sealed.replacingFirst("prod-3", with: "dev-3"))]) == ["otherEnvironment"]
        )
    }

    @Test func `a copied token is found, also in another file`() throws {
        let sealed = try DocumentFixture.secrets.seal(Self.secret).text
        let copied = sealed.replacingFirst(sealed.tokens[1], with: sealed.tokens[0])
        #expect(try refusals([("a.yaml", copied)]) == ["repeatedEphemeral"])
        #expect(
            try refusals([("a.yaml", sealed), ("b.yaml", sealed)]) == [
                "repeatedEphemeral", "repeatedEphemeral",
            ])
    }

    @Test func `malformed tokens, tokens in other text and unsuitable places are refused`() throws {
        let sealed = try DocumentFixture.secrets.seal(Self.secret).text
        #expect(
            try refusals([("a.yaml", sealed.replacingFirst("prod-3.o", with: "prod-3.x"))]) == ["malformed"])
        #expect(
            try refusals([("a.yaml", sealed.replacingFirst("sealed.v1", with: "sealed.v7"))]) == [
                "unknownVersion"
            ])
        #expect(try refusals([("a.yaml", sealed + "# \(sealed.tokens[0])\n")]) == ["nestedToken"])
        #expect(try refusals([("a.txt", sealed)]) == ["nestedToken"])
        #expect(
            try refusals([("a.yaml", sealed.replacingFirst(", namespace: n", with: ""))]) == [
                "unsuitablePlace", "unsuitablePlace",
            ])
        #expect(try refusals([("a.yaml", sealed + "data: {}\n")]) == ["malformed"])
    }

    @Test func `another scope than the rule's own is refused`() throws {
        let sealed = try DocumentFixture.secrets.seal(Self.secret).text
        let fixture = DocumentFixture(#"{ paths: ["**"], environment: prod, scope: file }"#)
        #expect(try refusals([("a.yaml", sealed)], fixture) == ["otherScope", "otherScope"])
    }

    @Test func `ages and values that came back are judged by what history tells`() throws {
        let fixture = DocumentFixture("{ paths: ['**'], environment: prod, maxAge: 90d }")
        let sealed = try fixture.seal(Self.secret).text
        func findings(_ past: Checker.Past, now: Int64 = 100 * 86_400) throws -> [String] {
            var checker = Checker(
                rules: try fixture.parsed(), epochs: [(environment: "prod", all: [1, 2, 3], open: 3)])
            checker.check(Array(sealed.utf8), path: Array("a.yaml".utf8))
            #expect(checker.sealed.count == 2 && checker.isClean)
            checker.check(now: now) { _ in past }
            return checker.findings.map { "\($0.kind) \($0.isRefused)" }
        }
        func past(_ since: Int64?, isCut: Bool = false, _ replacedIn: String? = nil) -> Checker.Past {
            Checker.Past(since: since, isCut: isCut, replacedIn: replacedIn)
        }
        #expect(try findings(past(nil)) == [])
        #expect(try findings(past(10 * 86_400)) == [])
        #expect(try findings(past(10 * 86_400 - 1)) == ["tooOld true", "tooOld true"])
        #expect(try findings(past(Int64.min)) == ["tooOld true", "tooOld true"])
        // A clock that is behind makes nothing old.
        #expect(try findings(past(200 * 86_400)) == [])
        #expect(try findings(past(50 * 86_400, isCut: true)) == ["notChecked false"])
        #expect(try findings(past(50 * 86_400, "abc")) == ["returned true", "returned true"])
        var checker = Checker(rules: try fixture.parsed(), epochs: [])
        checker.check(Array(sealed.utf8), path: Array("a.yaml".utf8))
        checker.noteNoHistory()
        #expect(checker.findings.count == 1 && checker.isClean)
    }

    @Test func `a token under no rule is worth a word`() throws {
        let sealed = try DocumentFixture.secrets.seal(Self.secret).text
        let fixture = DocumentFixture("{ paths: [x], environment: prod }")
        let found = try findings([("a.yaml", sealed), ("README.md", sealed)], fixture)
        #expect(found.count == 3 && found.allSatisfy { !$0.isRefused })
    }

    @Test func `a sealed file is checked by its digest`() throws {
        let fixture = DocumentFixture(#"{ paths: ["**"], environment: prod, sealed: file, required: true }"#)
        let rules = try fixture.parsed()
        let path = Array("a.key".utf8)
        let sealed = try [UInt8]([1]).withBytes { (span) throws(SealingError) in
            try SealedFile.seal(span, to: SealingFixture.key(), repository: rules.repository, path: path)
        }
        func refusals(_ path: [UInt8], open: UInt64 = 3) -> Int {
            var checker = Checker(rules: rules, epochs: [(environment: "prod", all: [1, 3, 4], open: open)])
            checker.check(sealed, path: path)
            return checker.findings.count { $0.isRefused }
        }
        #expect(refusals(path) == 0)
        #expect(refusals(path, open: 4) == 1)
        #expect(refusals(Array("b.key".utf8)) == 1)
    }

    @Test(arguments: [
        ("x.txt", "s3cret"), ("x", "s3cret"), ("x.xml", "<a/>"), ("x.yaml", "hello"),
        ("x.yaml", "a: {}\n--- hello"),
        ("x.json", "\"hello\""),
    ]) func `plaintext that can't be sealed is refused where the rule requires it`(path: String, text: String)
        throws
    {
        let fixture = DocumentFixture(
            #"{ paths: ["**"], environment: prod, scope: file, values: ["**"], required: true }"#)
        #expect(try refusals([(path, text)], fixture) == ["plaintext"])
        #expect(try refusals([(path, text)], .everything) == [])
        #expect(try refusals([(path, "")], fixture) == (path == "x.json" ? ["malformed"] : []))
    }
}
