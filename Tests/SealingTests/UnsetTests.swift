import Documents
import Testing

@testable import Keyrings
@testable import Sealing

@Suite struct `unsetting a value` {
    private func unset(_ keyPath: String, of text: String, _ fixture: DocumentFixture = .secrets)
        throws(SealingError)
        -> String
    {
        let bytes = try fixture.sealer().unset(
            Array(keyPath.utf8), of: Array(text.utf8), path: Array("a.yaml".utf8))
        return String(decoding: bytes, as: UTF8.self)
    }

    private func code(_ keyPath: String, of text: String, _ fixture: DocumentFixture = .secrets)
        -> SealingError.Code?
    {
        DocumentFixture.refusal { () throws(SealingError) in _ = try unset(keyPath, of: text, fixture) }?.code
    }

    private static let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: n}\ndata:\n  k: eA==\n  # two\n  l: eQ==  # c\n"

    @Test func `a token goes with its line, the others keep their bytes`() throws {
        let sealed = try DocumentFixture.secrets.seal(Self.secret).text
        let text = try unset("data.l", of: sealed)
        #expect(text.tokens == [sealed.tokens[0]] && text.hasSuffix("# two\n"))
        #expect(
            try DocumentFixture.secrets.open(text) == Self.secret.replacingFirst("  l: eQ==  # c\n", with: "")
        )
    }

    @Test func `what no rule selects, isn't there, or can't go is refused`() throws {
        let sealed = try DocumentFixture.secrets.seal(Self.secret).text
        #expect(code("kind", of: sealed) == .noRule)
        #expect(code("data.x", of: sealed) == .keyPath)
        #expect(code("data", of: sealed) == .keyPath)
        let one = try unset("data.l", of: sealed)
        #expect(code("data.k", of: one) == .unsuitableValue)
    }

    @Test func `a value that names a token's place stays`() throws {
        let fixture = DocumentFixture.everything
        let text = "list:\n- secret: x\n  name: a\n- id: b\n"
        let sealed = try DocumentFixture(
            #"{ paths: ["**"], environment: prod, scope: file, values: ["**.secret"] }"#
        ).seal(text).text
        #expect(code("list[0].name", of: sealed, fixture) == .movesToken)
    }
}

@Suite struct `sealing again` {
    private static let old = SealingFixture.keyring()
    private static let path = Array("a.yaml".utf8)

    private func resealer(_ fixture: DocumentFixture, epoch: UInt64 = 4) throws -> DocumentResealer {
        let keyring = OpenedKeyring(
            environment: "prod", identities: [3: SealingFixture.identity(1), 4: SealingFixture.identity(4)])
        return DocumentResealer(
            rules: try fixture.parsed(), keyring: keyring,
            key: SealingFixture.key(epoch == 4 ? 4 : 1, epoch: epoch))
    }

    private func text(_ outcome: DocumentSealer.Outcome) -> String { outcome.text }

    private static let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: n}\ndata:\n  k: eA==\nstringData:\n  l: |\n    x\n"

    @Test func `tokens of old epochs become tokens of the newest, once`() throws {
        var fixture = DocumentFixture.secrets
        let sealed = try fixture.seal(Self.secret).text
        let resealer = try resealer(fixture)
        let first = try resealer.reseal(Array(sealed.utf8), path: Self.path)
        #expect(first.sealedCount == 2 && first.keptCount == 0)
        #expect(text(first).tokens.allSatisfy { $0.hasPrefix("sealed.v1.prod-4.o.") })
        let again = try resealer.reseal(first.bytes, path: Self.path)
        #expect(again.sealedCount == 0 && again.keptCount == 2 && again.bytes == first.bytes)
        fixture.keyring = SealingFixture.keyring(4, epoch: 4)
        #expect(try fixture.open(text(first)) == Self.secret)
    }

    @Test func `one token that doesn't open leaves all as they are`() throws {
        let sealed = try DocumentFixture.secrets.seal(Self.secret).text
        let swapped = sealed.swappingTokens(0, 1)
        let resealer = try resealer(.secrets)
        let error = DocumentFixture.refusal { () throws(SealingError) in
            _ = try resealer.reseal(Array(swapped.utf8), path: Self.path)
        }
        #expect(error?.code == .notAuthentic && error?.failures.count == 2)
    }

    @Test func `a moved token is bound to where it stands`() throws {
        let fixture = DocumentFixture.file
        let sealed = Array(try fixture.seal("secrets: {a: one, b: two}\n", path: "old.yaml").text.utf8)
        let resealer = try resealer(fixture, epoch: 3)
        let nowhere = DocumentFixture.refusal { () throws(SealingError) in
            _ = try resealer.rebind(sealed, path: Self.path) { _ in [] }
        }
        #expect(nowhere?.code == .notAuthentic && nowhere?.failures.count == 2)
        let places = TokenPlace.all(in: sealed, path: Array("old.yaml".utf8), rules: try fixture.parsed())
        #expect(places.map(\.place.words) == ["old.yaml, secrets.a", "old.yaml, secrets.b"])
        let bound = try resealer.rebind(sealed, path: Self.path) { token in
            places.filter { $0.token == token }.map(\.place)
        }
        #expect(bound.sealedCount == 2)
        #expect(try fixture.open(text(bound)) == "secrets: {a: one, b: two}\n")
        let again = try resealer.rebind(bound.bytes, path: Self.path) { _ in [] }
        #expect(again.sealedCount == 0 && again.bytes == bound.bytes)
    }

    @Test func `another scope in the rule is taken up`() throws {
        let sealed = try DocumentFixture.secrets.seal(Self.secret).text
        let file = DocumentFixture(#"{ paths: ["**"], environment: prod, scope: file }"#)
        let bound = try resealer(file, epoch: 3).rebind(Array(sealed.utf8), path: Self.path) { _ in [] }
        #expect(
            bound.sealedCount == 2 && text(bound).tokens.allSatisfy { $0.hasPrefix("sealed.v1.prod-3.f.") })
        #expect(try file.open(text(bound)) == Self.secret)
    }
}

@Suite struct `sealing what was edited` {
    private static let path = Array("a.yaml".utf8)

    private func seal(
        _ edited: String, over sealed: String, _ fixture: DocumentFixture = .file
    ) throws(SealingError) -> DocumentSealer.Outcome {
        try fixture.sealer().seal(
            Array(edited.utf8), replacing: Array(sealed.utf8), with: fixture.keyring, path: Self.path)
    }

    @Test func `unchanged values keep their tokens`() throws {
        let fixture = DocumentFixture.file
        let text = "secrets:\n  a: one\n  b: |\n    two\n  c: 'three'\nplain: x\n"
        let sealed = try fixture.seal(text).text
        let edited =
            "# new\nsecrets:\n  z: four\n  b: |\n    two\n  c: \"three\"\n  a: one # note\nplain: y\n"
        let outcome = try seal(edited, over: sealed)
        #expect(outcome.sealedCount == 2 && outcome.keptCount == 2)
        let tokens = outcome.text.tokens
        #expect(
            tokens[3] == sealed.tokens[0] && tokens[1] == sealed.tokens[1] && tokens[2] != sealed.tokens[2])
        #expect(try fixture.open(outcome.text) == edited)
        #expect(try seal(text, over: sealed).bytes == Array(sealed.utf8))
    }

    @Test func `a value that moves is sealed for its new place`() throws {
        let sealed = try DocumentFixture.file.seal("secrets: {a: one}\n").text
        let outcome = try seal("secrets: {b: one}\n", over: sealed)
        #expect(outcome.sealedCount == 1 && outcome.text.tokens != sealed.tokens)
        #expect(try DocumentFixture.file.open(outcome.text) == "secrets: {b: one}\n")
    }

    @Test func `a sealed value is never left in the clear`() throws {
        let sealed = try DocumentFixture.file.seal("secrets: {a: hunter2}\nb: 1\n").text
        for edited in ["other: {a: hunter2}\nb: 1\n", "secrets: {a: x}\nb: hunter2\n"] {
            let code = DocumentFixture.refusal { () throws(SealingError) in _ = try seal(edited, over: sealed)
            }?
            .code
            #expect(code == .plaintext, "\(edited)")
        }
        let narrow = DocumentFixture(
            #"{ paths: ["**"], environment: prod, scope: file, values: ["nothing"] }"#)
        #expect(try seal("secrets: {a: hunter2}\nb: 2\n", over: sealed, narrow).keptCount == 1)
        let changed = DocumentFixture.refusal { () throws(SealingError) in
            _ = try seal("secrets: {a: hunter3}\nb: 1\n", over: sealed, narrow)
        }
        #expect(changed?.code == .plaintext)
    }
}
