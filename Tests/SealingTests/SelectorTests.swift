import Documents
import Testing

@testable import Sealing

@Suite struct `selectors of a rule` {
    private func fixture(_ rule: String) -> DocumentFixture {
        DocumentFixture("{ paths: [\"**\"], environment: prod, scope: file, \(rule) }")
    }

    @Test func `a regular expression takes whole key paths`() throws {
        let fixture = fixture(#"values: ['/(a|b)\.pass[0-9]{0,2}/', '/.*\[name="?DB_.*\.value/']"#)
        let text =
            "a: {pass: 1, pass1: 2, passx: 3}\nb: {pass22: 4, xpass: 5}\nc: {pass: 6}\n"
            + "env:\n- name: DB_X\n  value: 7\n- name: OTHER\n  value: 8\n"
        let sealed = try fixture.seal(text)
        #expect(sealed.sealedCount == 4)
        for kept in ["passx: 3", "xpass: 5", "pass: 6", "value: 8"] { #expect(sealed.text.contains(kept)) }
        #expect(try fixture.open(sealed.text) == text)
    }

    @Test func `a key path that is too long for expressions is refused`() {
        let key = String(repeating: "k", count: 600)
        #expect(fixture("values: [/k/]").sealCode("\(key): 1\nk: 2\n") == .limitExceeded)
    }

    @Test func `a comment beside or above a value selects it`() throws {
        let fixture = fixture("values: ['comment: seal this']")
        let text = """
            a: one # seal this, please
            b: two # leave
            # seal this
            # and mind the gap
            c: |  # why
              # seal this
              three
            d: "# seal this"
            e:
              # seal this
              - four
              - five

            """
        let sealed = try fixture.seal(text)
        #expect(sealed.sealedCount == 3, "\(sealed.text)")
        #expect(sealed.text.contains("b: two") && sealed.text.contains("- five"))
        #expect(sealed.text.contains("d: \"# seal this\"") && !sealed.text.contains("three"))
        #expect(try fixture.open(sealed.text) == text)
        #expect(try fixture.seal(sealed.text).bytes == sealed.bytes)
        let mapping = DocumentFixture(
            "{ paths: ['**'], environment: prod, scope: file, values: [{comment: seal this}] }")
        #expect(try mapping.seal(text).sealedCount == 3)
    }
}

@Suite struct `a named scope` {
    private static let rule =
        "{ paths: [values.yaml], environment: prod, values: ['**'], scope: { name: db, places: "
        + "[/Secret/shop/db*/password, apps/Deployment/shop/web/spec.env.*.value, door:helm] } }"
    private static let others =
        "\n  - { paths: ['**'], environment: prod, scope: environment, values: ['**.never'] }"
    private var fixture: DocumentFixture { DocumentFixture(Self.rule + Self.others) }

    private func token() throws -> String {
        let sealed = try fixture.seal("password: hunter2\n", path: "values.yaml").text
        #expect(sealed.tokens.count == 1 && sealed.tokens[0].hasPrefix("sealed.v1.prod-3.n-db."))
        return sealed.tokens[0]
    }

    private func open(
        _ text: String, _ path: String = "out.yaml", enforcing: Bool = true, door: String? = nil
    )
        -> SealingError.Code?
    {
        DocumentFixture.refusal { () throws(SealingError) in
            let opener = DocumentOpener(
                rules: try fixture.parsed(), keyring: fixture.keyring, enforcing: enforcing, door: door)
            _ = try opener.open(Array(text.utf8), path: Array(path.utf8))
        }?.code
    }

    private func secret(
        _ token: String, name: String = "db-1", namespace: String = "shop", key: String = "password"
    )
        -> String
    {
        "apiVersion: v1\nkind: Secret\nmetadata: {name: \(name), namespace: \(namespace)}\nstringData: {\(key): \(token)}\n"
    }

    @Test func `opens at its allowed places alone`() throws {
        let token = try token()
        #expect(open(secret(token)) == nil)
        #expect(open(secret(token, name: "other")) == .unsuitablePlace)
        #expect(open(secret(token, namespace: "x")) == .unsuitablePlace)
        #expect(open(secret(token, key: "user")) == .unsuitablePlace)
        #expect(open("password: \(token)\n") == .unsuitablePlace)
        let deployment =
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n"
            + "spec: {env: [{name: A, value: \(token)}]}\n"
        #expect(open(deployment) == nil)
        #expect(open(deployment.replacingFirst("web", with: "api")) == .unsuitablePlace)
    }

    @Test func `opens through its doors, and by hand where the rule seals it`() throws {
        let text = "password: \(try token())\n"
        #expect(open(text, "values.yaml") == .unsuitablePlace)
        #expect(open(text, "values.yaml", door: "render") == .unsuitablePlace)
        #expect(open(text, "values.yaml", door: "helm") == nil)
        #expect(open(text, "values.yaml", enforcing: false) == nil)
        #expect(open(text, "other.yaml", enforcing: false) == .unsuitablePlace)
    }

    @Test func `an alias puts it at allowed places alone`() throws {
        let token = try token()
        let inside = secret("&x \(token)") + "data2: *x\n"
        #expect(open(inside) == .unsuitablePlace)
        #expect(open(secret("&x \(token), password2: 1")) == nil)
    }

    @Test func `other places or another name don't open it`() throws {
        let token = try token()
        var wider = fixture
        wider.rules = fixture.rules.replacingFirst("door:helm", with: "door:helm, door:krm")
        #expect(wider.openCode(secret(token), path: "out.yaml") == .notAuthentic)
        wider.rules = fixture.rules.replacingFirst(
            "[/Secret/shop/db*/password, apps/Deployment/shop/web/spec.env.*.value, door:helm]",
            with: "[door:helm, apps/Deployment/shop/web/spec.env.*.value, /Secret/shop/db*/password]")
        #expect(wider.openCode(secret(token), path: "out.yaml") == nil)
        let renamed = secret(token.replacingFirst(".n-db.", with: ".n-dc."))
        #expect(fixture.openCode(renamed, path: "out.yaml") == .unsuitablePlace)
    }

    @Test func `check knows the places`() throws {
        let token = try token()
        func refused(_ text: String, _ path: String) throws -> Int {
            var checker = Checker(
                rules: try fixture.parsed(), epochs: [(environment: "prod", all: [3], open: 3)])
            checker.check(Array(text.utf8), path: Array(path.utf8))
            return checker.findings.count { $0.isRefused }
        }
        #expect(try refused("password: \(token)\n", "values.yaml") == 0)
        #expect(try refused(secret(token), "out.yaml") == 0)
        #expect(try refused("password: \(token)\n", "out.yaml") == 1)
    }
}
