import Testing

@testable import Documents

/// YAML and JSON texts as JSON.
struct ConversionTests {
    private func json(_ text: String, _ format: DocumentFormat = .yaml) throws -> String {
        try Array(text.utf8).withRawSpan { span in
            try DocumentConversion.withJSONLines(of: span, format) {
                String(decoding: $0.copied, as: UTF8.self)
            }
        }
    }

    private func code(_ text: String) -> DocumentError.Code? {
        do {
            _ = try json(text)
            return nil
        } catch { return (error as? DocumentError)?.code }
    }

    /// What kubectl 1.31 makes of these (`kubectl patch --local -o json`).
    @Test(arguments: [
        ("1.10", "1.10"), ("0x1F", "31"), ("yes", "true"), ("y", "true"), ("N", "false"), ("Off", "false"),
        ("~", "null"), ("", "null"), ("1e3", "1000"), ("012", "10"), ("0o14", "12"), ("0b101", "5"),
        ("-0x10", "-16"),
        ("1_000", "1000"), ("+5", "5"), ("-0", "0"), ("089", "89"), (".5", "0.5"), ("5.", "5"), ("5.00", "5"),
        ("-0.0", "-0"), ("0.050e2", "5"), ("0.05e1", "0.05e1"), ("1e20", "100000000000000000000"),
        ("1e21", "1e21"), ("0e9", "0"), ("1.50e1", "15"),
        ("+.5e-3", "0.5e-3"),
        ("00.50", "0.50"), ("1__0.5_0", "10.50"), ("18446744073709551615", "18446744073709551615"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("12345678901234567890123", "12345678901234567890123"), ("123.5e1_0", "1235000000000"),
        ("0xFFFFFFFFFFFFFFFFF", "\"0xFFFFFFFFFFFFFFFFF\""), ("1e999", "\"1e999\""),
        ("12:30:45", "\"12:30:45\""),
        ("2001-12-14", "\"2001-12-14\""), ("0x", "\"0x\""), ("1.2.3", "\"1.2.3\""), ("_1", "\"_1\""),
        ("-", "null"),
        ("tRue", "\"tRue\""), ("'yes'", "\"yes\""), ("\"12\"", "\"12\""), ("!!str 12", "\"12\""),
        ("!!float 12", "12"),
        ("!!int \"12\"", "12"), ("!!bool yes", "true"), ("\"a\\u0007\\n\\u2028\"", "\"a\\u0007\\n\\u2028\""),
        ("ä€𝄞", "\"ä€𝄞\""),
    ])
    func `scalars have the types that kubectl gives them`(_ source: String, _ expected: String) throws {
        // A lone dash begins a list of one null.
        let wanted = source == "-" ? "{\"a\":[null]}\n" : "{\"a\":\(expected)}\n"
        #expect(try json(source == "-" ? "a:\n-\n" : "a: \(source)\n") == wanted)
    }

    @Test func `block scalars, flow and documents become lines`() throws {
        let text = """
            # a comment
            ---
            a: |
              two
              lines
            b: >-
              one
              line
            c: [1, {d: "x"}, []]
            ---
            # nothing
            ---
            ~
            --- last
            """
        #expect(
            try json(text)
                == "{\"a\":\"two\\nlines\\n\",\"b\":\"one line\",\"c\":[1,{\"d\":\"x\"},[]]}\n\"last\"\n")
        #expect(try json("# nothing\n").isEmpty)
    }

    @Test func `aliases are written out and merge keys merged, the nearer winning`() throws {
        let text = """
            base: &b {x: 1, y: {z: 2}}
            more: &m
              x: 3
              w: 4
            a: *b
            one:
              <<: *b
              x: 5
            two: {<<: [*m, *b], v: 6}
            "<<": text
            """
        #expect(
            try json(text)
                == "{\"base\":{\"x\":1,\"true\":{\"z\":2}},\"more\":{\"x\":3,\"w\":4},\"a\":{\"x\":1,\"true\":{\"z\":2}},"
                + "\"one\":{\"x\":5,\"true\":{\"z\":2}},\"two\":{\"v\":6,\"x\":3,\"w\":4,\"true\":{\"z\":2}},\"<<\":\"text\"}\n"
        )
        #expect(code("a: &a {x: 1}\nb:\n  x: 2\n  <<: *a\n") == .unsupported)
        #expect(code("a: {<<: text}\n") == .unsupported)
    }

    @Test func `keys become strings, and no two the same`() throws {
        #expect(
            try json("1: a\n0x10: b\non: c\n'2': d\n")
                == "{\"1\":\"a\",\"16\":\"b\",\"true\":\"c\",\"2\":\"d\"}\n")
        #expect(code("1: a\n'1': b\n") == .duplicateKey)
        #expect(code("yes: a\non: b\n") == .duplicateKey)
        #expect(code("1.5: a\n") == .unsupported)
        #expect(code("~: a\n") == .unsupported)
        #expect(code("1e999: a\n") == nil)
    }

    @Test func `what JSON has no form for is refused with its line`() throws {
        for text in [
            "a: .inf\n", "a: !!binary AAEC\n", "a: !mine x\n", "a: !!set {x}\n", "a: !!int x\n",
            "a: !!timestamp 2001-01-01\n",
        ] {
            #expect(code("first: 1\n" + text) == .unsupported, "\(text)")
            do { _ = try json("first: 1\n" + text) } catch { #expect((error as? DocumentError)?.line == 2) }
        }
    }

    @Test func `JSON stays what it is, without white space`() throws {
        let text = "{ \"a\" : [1.10, -0, 1E5, true, null, \"\\u00e4\\/\\\"\"],\n \"yes\": {} }\n"
        #expect(try json(text, .json) == "{\"a\":[1.10,-0,1E5,true,null,\"ä/\\\"\"],\"yes\":{}}\n")
    }

    @Test func `a bomb of aliases is refused`() {
        var text = "a: &a [x, x, x, x, x, x, x, x]\n"
        for (name, former) in zip("bcdefghi", "abcdefgh") {
            text +=
                "\(name): &\(name) [\(Array(repeating: "*\(former)", count: 8).joined(separator: ", "))]\n"
        }
        #expect(code(text) == .limit)
    }
}
