import Testing

@testable import Documents

/// A key is removed with its value, and nothing else.
struct RemovingTests {
    private func remove(
        _ path: String, from text: String, _ format: DocumentFormat = .yaml, document: Int = 0
    ) throws -> String {
        let before = try TextDocument(Array(text.utf8), format: format, isSealed: Fixture.isToken)
        let after = try before.removing(SlotPath(parsing: Array(path.utf8)), document: document)
        // The result reads as a document of its own, equal in all facts.
        let again = try TextDocument(after.bytes, format: format, isSealed: Fixture.isToken)
        #expect(again.slots == after.slots)
        return after.text
    }

    @Test(arguments: [
        ("b", "a: 1\nb: 2\n", "a: 1\n"), ("a", "a: 1\nb: 2\n", "b: 2\n"), ("b", "a: 1\nb: 2", "a: 1"),
        ("b", "a: 1\r\nb: 2", "a: 1"), ("b", "a: 1\r\nb: 2 # c\r\nc: 3\r\n", "a: 1\r\nc: 3\r\n"),
        ("b", "a: 1\n# about b\nb:\n  'x'   # c\nc: 1\n", "a: 1\n# about b\nc: 1\n"),
        ("a.b", "a:\n  b: |\n    x\n    y\n  c: 1\n", "a:\n  c: 1\n"),
        ("a.b", "a:\n  c: 1\n  b: >-\n    x\n\nz: 1\n", "a:\n  c: 1\n\nz: 1\n"),
        ("b", "a: 1\nb: \"x\n  y\"\nc: 1\n", "a: 1\nc: 1\n"),
        ("[0].b", "- a: 1\n  b: 2\n- 2\n", "- a: 1\n- 2\n"),
        ("x.b", "x: {a: 1, b: 2}\n", "x: {a: 1}\n"), ("x.a", "x: {a: 1, b: 2}\n", "x: {b: 2}\n"),
        ("x.a", "x: {a: 1}\n", "x: {}\n"), ("x.a", "x: { a: 1 , &k b: 2}\n", "x: { &k b: 2}\n"),
        ("b", "a: 1\nb:\nc: 1\n", "a: 1\nc: 1\n"),
    ])
    func `in YAML`(_ path: String, _ before: String, _ after: String) throws {
        #expect(try remove(path, from: before) == after)
    }

    @Test(arguments: [
        ("a", "{\"a\": 1}", "{}"), ("a", "{\"a\": 1, \"b\": 2}", "{\"b\": 2}"),
        ("b", "{\n  \"a\": 1,\n  \"b\": 2\n}\n", "{\n  \"a\": 1\n}\n"),
        ("a", "{\n  \"a\": 1,\n  \"b\": 2\n}\n", "{\n  \"b\": 2\n}\n"),
        ("x.b", "{\"x\": {\"a\": [], \"b\": \"#\", \"c\": {}}}", "{\"x\": {\"a\": [], \"c\": {}}}"),
    ])
    func `in JSON`(_ path: String, _ before: String, _ after: String) throws {
        #expect(try remove(path, from: before, .json) == after)
    }

    @Test(arguments: [
        ("A", "A=1\nB=2\n", "B=2\n"), ("B", "A=1\n# b\nexport B='x y' # c\nC=3", "A=1\n# b\nC=3"),
        ("B", "A=1\nB=2", "A=1"),
    ])
    func `in dotenv`(_ path: String, _ before: String, _ after: String) throws {
        #expect(try remove(path, from: before, .dotenv) == after)
    }

    @Test(arguments: [
        ("a", "a: 1\n"), ("x.a", "x:\n  a: 1\n"), ("[0].a", "- a: 1\n  b: 2\n"), ("a", "? a\n: 1\nb: 2\n"),
        ("x.a", "x: {a: 1, # c\n  b: 2}\n"), ("a", "a: &x 1\nb: *x\n"), ("a", "a: {b: 1}\nc: 1\n"),
        ("[0]", "- 1\n- 2\n"), ("z", "a: 1\nb: 2\n"),
    ])
    func `what can't be done safely is refused`(_ path: String, _ text: String) {
        #expect(Fixture.code { _ = try remove(path, from: text) } != nil)
    }
}

/// Comments belong to the value beside or below them.
struct CommentTests {
    private func comments(_ path: String, _ text: String) throws -> [String] {
        let document = try Fixture.yaml(text)
        var found: [String] = []
        document.forEachComment(of: try document.slot(path)) { comment in
            found.append(String(decoding: comment.copied, as: UTF8.self))
            return true
        }
        return found
    }

    @Test(arguments: [
        ("a", "a: 1 # x\nb: 2\n", " x"), ("a", "a: 1 #x", "x"), ("a", "# x\na: 1\n", " x"),
        ("a", "# one\n#two\na: 1 # x\n", " x|two| one"), ("a", "a: | # x\n  t # no\nb: 1 # no\n", " x"),
        ("b", "a: |\n  # no\nb: 1\n", ""), ("b", "a: |\n  t\n# x\nb: 1\n", " x"), ("a", "# no\n\na: 1\n", ""),
        ("a", "x: {a: 1, b: \"# no\"} # x\n", " x"), ("a", "a: '# no'\n", ""), ("a", "a: b#no\n", ""),
        ("a", "# x\na:\n  1\n", " x"), ("a", "  # x\na: \"1\n  2\" # y\n", " y| x"),
        ("b", "a: 1 # no\nb: 1\n", ""), ("b", "a: \"\n# no\n\"\nb: 1\n", ""),
    ])
    func `in YAML`(_ key: String, _ text: String, _ expected: String) throws {
        let path = text.hasPrefix("x: {") ? "x.\(key)" : key
        #expect(try comments(path, text).joined(separator: "|") == expected)
    }

    private func comments(_ path: String, _ text: String, _ format: DocumentFormat) throws -> String {
        let document = try TextDocument(Array(text.utf8), format: format) { _ in false }
        var found: [String] = []
        document.forEachComment(of: try document.slot(path)) { comment in
            found.append(String(decoding: comment.copied, as: UTF8.self))
            return true
        }
        return found.joined(separator: "|")
    }

    @Test(arguments: [
        ("A", "# x\nA=1 # y\n", " y| x"), ("A", "A=1#no\n", ""), ("A", "A='# no' # x\n", " x"),
        ("B", "A=\"\n# no\n\"\nB=1\n", ""), ("B", "A=1 # no\nB=1\n", ""), ("A", "# no\n\nexport A=1\n", ""),
        ("A", "  # x\r\nexport A=1\r\n", " x\r"),
    ])
    func `in dotenv`(_ key: String, _ text: String, _ expected: String) throws {
        #expect(try comments(key, text, .dotenv) == expected)
    }

    @Test(arguments: [
        ("s.a", "[s]\n; x\n# y\na = 1\n", " y| x"), ("s.a", "; no\n[s]\na = 1\n", ""),
        ("s.a", "[s]\na = 1 ; no\n", ""), ("s.b", "[s]\na = 1\n;x\nb = 2\n", "x"),
    ])
    func `in INI, as whole lines`(_ key: String, _ text: String, _ expected: String) throws {
        #expect(try comments(key, text, .ini) == expected)
    }

    @Test(arguments: [
        ("a", "a = 1 # x\n", " x"), ("a", "# x\na = 'y # no'\n", " x"),
        ("a", "a = \"\"\"\n# no\n\"\"\" # x\n", " x"), ("b", "a = '''\n# no'''\nb = 1\n", ""),
        ("b", "a = '''\n\n# no\n'''\nb = 1\n", ""), ("t.a", "[t]\n# x\na = 1\n", " x"),
        ("t.a.x", "t = {a.x = 1, b = \"q # no\", a.y = 3} # x\n", " x"),
        ("s[0]", "s = [\n  # x\n  1, # y\n  2\n]\n", " y| x"), ("a", "a = \"\\\" # no\"\n", ""),
        ("t.d.e", "[t]\na = 1\n[u]\nb = 2 # no\n# no\n[t.d]\ne = 1\n", ""),
        ("t.d.e", "[t]\na = 1\n[u]\nb = 2 # no\n[t.d]\n# x\ne = 1\n", " x"),
    ])
    func `in TOML`(_ key: String, _ text: String, _ expected: String) throws {
        #expect(try comments(key, text, .toml) == expected)
    }

    @Test func `of elements, and none in JSON`() throws {
        #expect(try comments("[1]", "- 1 # no\n# x\n- 2\n") == [" x"])
        let json = try Fixture.json("{\"a\": \"# x\"}")
        #expect(!json.hasComment(Array("x".utf8), at: try json.slot("a")))
    }
}
