import Testing

@testable import Documents

/// A key that is missing is appended last in its mapping.
struct InsertingTests {
    private let token = Array("sealed.v1.prod-1.o.AAAA".utf8)

    private func insert(
        _ path: String, into text: String, _ format: DocumentFormat = .yaml, document: Int = 0
    ) throws -> String {
        let before = try TextDocument(Array(text.utf8), format: format, isSealed: Fixture.isToken)
        let after = try before.inserting(
            token: token, at: SlotPath(parsing: Array(path.utf8)), document: document)
        #expect(after.sealedSlots.contains { after.path(of: $0).text == path })
        // The result reads as a document of its own, equal in all facts.
        let again = try TextDocument(after.bytes, format: format, isSealed: Fixture.isToken)
        #expect(again.slots == after.slots)
        return after.text.replacing("sealed.v1.prod-1.o.AAAA", with: "T")
    }

    @Test(arguments: [
        ("b", "a: 1\n", "a: 1\nb: T\n"), ("b", "a: 1", "a: 1\nb: T"),
        ("b", "a: 1 # c\n\n# end\n", "a: 1 # c\nb: T\n\n# end\n"),
        ("b", "a: 1\r\n", "a: 1\r\nb: T\r\n"), ("b", "a:\r\n  x: 'y'", "a:\r\n  x: 'y'\r\nb: T"),
        ("a.c", "a:\n    b: |\n      x\n\nz: 1\n", "a:\n    b: |\n      x\n    c: T\n\nz: 1\n"),
        ("a.c", "a:\n  b: |+\n    x\n\n\nz: 1\n", "a:\n  b: |+\n    x\n\n\n  c: T\nz: 1\n"),
        ("b", "a: |+\n  x\n\n", "a: |+\n  x\n\nb: T\n"), ("b", "a: >-\n  x", "a: >-\n  x\nb: T"),
        ("[0].b", "- a: 1\n- 2\n", "- a: 1\n  b: T\n- 2\n"), ("x.b", "x: {a: 1}\n", "x: {a: 1, b: T}\n"),
        ("x.b", "x: {}\n", "x: {b: T}\n"), ("x.b", "x: {a: 1,}\n", "x: {a: 1, b: T,}\n"),
        ("x.b", "x: {\n  a: [1], # c\n}\n", "x: {\n  a: [1], b: T, # c\n}\n"),
        ("[\"tls.crt\"]", "a:\n", "a:\ntls.crt: T\n"), ("true", "a:\n- 1\n", "a:\n- 1\n\"true\": T\n"),
        ("[\"1\"]", "a: &x {b: c}\nd: *x\n", "a: &x {b: c}\nd: *x\n\"1\": T\n"),
        ("[\"a b\\\"\"]", "a: 1\n", "a: 1\n\"a b\\\"\": T\n"),
        ("b", "---\na: 1\n---\na: 2\n", "---\na: 1\nb: T\n---\na: 2\n"),
        ("b", "a: \"ä\" # ö\n...\n", "a: \"ä\" # ö\nb: T\n...\n"),
    ])
    func `in YAML`(_ path: String, _ before: String, _ after: String) throws {
        let canonical = try SlotPath(parsing: Array(path.utf8)).text
        #expect(try insert(canonical, into: before) == after)
    }

    @Test func `in the second document`() throws {
        #expect(try insert("b", into: "a: 1\n---\na: 2\n", document: 1) == "a: 1\n---\na: 2\nb: T\n")
    }

    @Test(arguments: [
        ("b", "{\"a\": 1}", "{\"a\": 1, \"b\": \"T\"}".replacing(", \"b\"", with: ",\"b\"")),
        ("b", "{}", "{\"b\": \"T\"}"),
        ("b", "{\n  \"a\" : 1\n}\n", "{\n  \"a\" : 1,\n  \"b\" : \"T\"\n}\n"),
        ("x.b", "{\"x\":{\"a\":[]}}", "{\"x\":{\"a\":[],\"b\":\"T\"}}"),
        ("c", "{\"a\": 1, \"b\": 2}", "{\"a\": 1, \"b\": 2, \"c\": \"T\"}"),
        ("[\"a\\\"\"]", "{}", "{\"a\\\"\": \"T\"}"),
    ])
    func `in JSON`(_ path: String, _ before: String, _ after: String) throws {
        #expect(try insert(path, into: before, .json) == after)
    }

    @Test func `what can't be done is refused`() throws {
        func code(_ path: String, _ text: String, _ format: DocumentFormat = .yaml) -> DocumentError.Code? {
            Fixture.code { _ = try insert(path, into: text, format) }
        }
        #expect(code("a", "a: 1\n") == .conflict)
        #expect(code("b.c", "a: 1\n") == .notFound)
        #expect(code("a.c", "a: 1\n") == .conflict)
        #expect(code("a.c", "a:\n") == .notFound)
        #expect(code("a.c", "a: [1]\n") == .conflict)
        #expect(code("b.c", "a: &x {y: 1}\nb: *x\n") == .conflict)
        #expect(code("a[1]", "a: [1]\n") == .unsupported)
        #expect(code("a", "") == .notFound)
        #expect(code("a", "# c\n---\n") == .notFound)
        #expect(code("a", "[]", .json) == .conflict)
        #expect(code("x[0].b", "x: [a: 1]\n") == .unsupported)
    }
}
