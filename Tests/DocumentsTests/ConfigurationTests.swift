import Testing

@testable import Documents

/// Strongroom's own YAML files: read strictly, written so that they read back.
struct ConfigurationTests {
    private func parse(_ text: String) throws -> YAMLNode { try YAMLNode(parsing: Array(text.utf8)) }

    /// The code, line and words of the error that reading ends in.
    private func error(_ text: String, _ body: (YAMLNode) throws -> Void = { _ in }) -> DocumentError? {
        do {
            try body(try parse(text))
            return nil
        } catch {
            return error as? DocumentError
        }
    }

    @Test func `typed values are read with their places`() throws {
        let root = try parse(
            "version: 1\nname: prod # c\nlist: [a, \"1\", 2]\nflag: true\nempty:\nrules:\n  - { paths: [\"x/**\"], n: -5 }\n"
        )
        let top = try root.mapping(allowed: ["version", "name", "list", "flag", "empty", "rules"])
        #expect(try top.required("version").int() == 1)
        #expect(try top.required("name").string() == "prod")
        #expect(try top.required("list").strings() == ["a", "1", "2"])
        #expect(try top.required("flag").bool())
        #expect(top.optional("empty") == nil)
        #expect(top.optional("nope") == nil)
        let rule = try #require(try top.required("rules").list().first)
        #expect(rule.place == "rules[0]")
        #expect(rule.line == 7)
        let mapping = try rule.mapping(allowed: ["paths", "n"])
        #expect(try mapping.required("n").int() == -5)
        #expect(try mapping.required("paths").list().first?.place == "rules[0].paths[0]")
    }

    @Test func `errors say line, place and what is expected, and show no value`() throws {
        let unknown = error("a: 1\nb: hunter2\n") { _ = try $0.mapping(allowed: ["a", "c"]) }
        #expect(unknown?.code == .configuration)
        #expect(unknown?.description == "line 2: b: unknown key; known here: a, c")
        let number = error("a:\n  b: hunter2\n") {
            _ = try $0.mapping().required("a").mapping().required("b").int()
        }
        #expect(number?.description == "line 2: a.b: expected a whole number")
        let missing = error("a:\n  b:\n") { _ = try $0.mapping().required("a").mapping().required("b") }
        #expect(missing?.description == "line 2: a: expected the key b")
        let kinds: [(String, (YAMLNode) throws -> Void)] = [
            ("x", { _ = try $0.mapping() }), ("x", { _ = try $0.list() }), ("[x]", { _ = try $0.string() }),
            ("~", { _ = try $0.string() }), ("{x: y}", { _ = try $0.bytes() }),
            ("yes", { _ = try $0.bool() }),
            ("\"true\"", { _ = try $0.bool() }), ("\"1\"", { _ = try $0.int() }),
            ("01", { _ = try $0.int() }),
            ("+1", { _ = try $0.int() }), ("1.0", { _ = try $0.int() }),
            ("99999999999999999999", { _ = try $0.int() }),
            ("[a, [b]]", { _ = try $0.strings() }), ("-0", { _ = try $0.int() }),
        ]
        for (text, read) in kinds { #expect(error(text, read)?.code == .configuration, "\(text)") }
        #expect(try parse("'~'").string() == "~")
        #expect(try parse("12345678901234567890123456789012").string() == "12345678901234567890123456789012")
    }

    @Test(arguments: [
        "", "# only a comment\n", "a: 1\n---\nb: 2\n", "---\n---\n", "a: &x 1\n", "a: &x 1\nb: *x\n",
        "a: !!str 1\n", "!t {}\n",
        "%TAG ! tag:x,2000:\n---\na: 1\n", "%YAML 1.1\n---\na: 1\n",
    ])
    func `what is beyond the subset is refused`(_ text: String) {
        #expect(error(text)?.code == .configuration)
    }

    @Test func `what no document may hold is refused here too`() {
        #expect(error("a: 1\na: 2\n")?.code == .duplicateKey)
        #expect(error("a: [\n")?.code == .syntax)
        #expect(error("? [a]\n: b\n")?.code == .unsupported)
        #expect(error(String(repeating: "[", count: 65) + String(repeating: "]", count: 65))?.code == .limit)
        #expect(error(String(repeating: "[", count: 64) + String(repeating: "]", count: 64)) == nil)
    }

    @Test func `a file is written in this form`() throws {
        var writer = YAMLWriter()
        writer.comment("Made by hand\n\nor not.")
        writer.entry("version", .int(1))
        writer.entry("environment", .string("prod"))
        writer.entry("repository", .string("6f0c2f3e"))
        writer.entry("on", .bool(true))
        writer.entry(
            "members",
            .sequence([
                .mapping([
                    ("name", .string("ann")), ("roles", .flowSequence([.string("escrow"), .string("yes")])),
                ]),
                .mapping([("name", .string("b o")), ("key", .literal("-----BEGIN\n  x\n\nEND\n"))]),
            ]))
        writer.entry("nested", .sequence([.sequence([.int(1), .literal("x")]), .string("")]))
        writer.entry("none", .sequence([]))
        writer.entry(
            "rules",
            .sequence([.flowMapping([("paths", .flowSequence([.string("a/**")])), ("n", .int(-1))])]))
        writer.entry("map", .mapping([("a", .mapping([])), ("b", .literal("no break"))]))
        #expect(
            String(decoding: writer.bytes, as: UTF8.self) == """
                # Made by hand
                #
                # or not.
                version: 1
                environment: prod
                repository: "6f0c2f3e"
                "on": true
                members:
                  - name: ann
                    roles: [escrow, "yes"]
                  - name: "b o"
                    key: |
                      -----BEGIN
                        x

                      END
                nested:
                  - - 1
                    - |-
                      x
                  - ""
                none: []
                rules:
                  - { paths: ["a/**"], "n": -1 }
                map:
                  a: {}
                  b: |-
                    no break

                """)
    }

    @Test func `whatever is written reads back`() throws {
        var generator = SeededGenerator(11)
        func text() -> String {
            let pieces = [
                "a", "Z9", " ", "\n", "\n\n", ":", "#", "'", "\"", "\\", "-", "é", "\u{2028}", "\u{85}",
                "\u{0}", "\u{FEFF}", "😀",
                "yes", "1", "\t", "\r\n", "{", "]", ",", "|", "~", "null",
            ]
            return (0..<Int.random(in: 0..<6, using: &generator)).map { _ in
                pieces.randomElement(using: &generator) ?? ""
            }.joined()
        }
        func value(_ depth: Int) -> YAMLWriter.Value {
            switch Int.random(in: 0..<(depth < 3 ? 8 : 4), using: &generator) {
            case 0: .int(Int.random(in: -5...5, using: &generator))
            case 1: .bool(Bool.random(using: &generator))
            case 2: .literal(text())
            case 3: .string(text())
            case 4: .sequence((0..<Int.random(in: 0..<3, using: &generator)).map { _ in value(depth + 1) })
            case 5:
                .flowSequence((0..<Int.random(in: 0..<3, using: &generator)).map { _ in value(depth + 1) })
            case 6:
                .mapping(
                    (0..<Int.random(in: 0..<3, using: &generator)).map {
                        ("\($0)\(text())", value(depth + 1))
                    })
            default:
                .flowMapping(
                    (0..<Int.random(in: 0..<3, using: &generator)).map {
                        ("\($0)\(text())", value(depth + 1))
                    })
            }
        }
        func isSame(_ node: YAMLNode, _ value: YAMLWriter.Value) throws -> Bool {
            switch value {
            case .int(let number): return try node.int() == number
            case .bool(let flag): return try node.bool() == flag
            case .string(let text), .literal(let text): return try node.bytes() == Array(text.utf8)
            case .sequence(let elements), .flowSequence(let elements):
                let list = try node.list()
                return try list.count == elements.count
                    && zip(list, elements).allSatisfy { try isSame($0, $1) }
            case .mapping(let entries), .flowMapping(let entries):
                let mapping = try node.mapping()
                return try mapping.entries.count == entries.count
                    && zip(mapping.entries, entries).allSatisfy {
                        try Array($0.key.utf8) == Array($1.key.utf8) && isSame($0.value, $1.value)
                    }
            }
        }
        for _ in 0..<600 {
            var writer = YAMLWriter()
            writer.comment(
                text().unicodeScalars.filter { $0.isASCII && $0.value != 0 }.map(
                    String.init
                ).joined())
            let entries = (0..<3).map { (key: "key\($0)", value: value(0)) }
            for entry in entries { writer.entry(entry.key, entry.value) }
            let root = try YAMLNode(parsing: writer.bytes)
            #expect(try isSame(root, .mapping(entries)), "\(String(decoding: writer.bytes, as: UTF8.self))")
        }
    }
}
