import Testing

@testable import Documents

/// Text values written as quoted scalars.
struct StringLiteralTests {
    private func quoted(_ value: [UInt8], _ format: DocumentFormat = .yaml) throws -> [UInt8] {
        try value.withRawSpan { value in
            let literal = try StringLiteral(of: value, format: format)
            var bytes = [UInt8](repeating: 0, count: literal.byteCount)
            var span = bytes.mutableSpan
            var target = unsafe span.mutableBytes
            literal.write(value, into: &target)
            return bytes
        }
    }

    @Test func `control characters and those that sealing refuses are escaped`() throws {
        let text = "a\"b\\c\n\r\t\u{0}\u{7f}\u{85}\u{9f}\u{a0}\u{2028}\u{2029}\u{FEFF}\u{FFFF}é\u{1F600}"
        let expected =
            #""a\"b\\c\n\r\t\u0000\u007f\u0085\u009f"# + "\u{a0}" + #"\u2028\u2029\ufeff\uffff"#
            + "é\u{1F600}\""
        #expect(String(decoding: try quoted(Array(text.utf8)), as: UTF8.self) == expected)
    }

    @Test
    func `any text is read back alike by all readers of double quotes, and passes the rules of opening`()
        throws
    {
        var generator = SeededGenerator(7)
        for _ in 0..<500 {
            var text = ""
            for _ in 0..<Int.random(in: 0..<12, using: &generator) {
                let limit: UInt32 =
                    [0x80, 0x800, 0x3000, 0x10000, 0x110000].randomElement(using: &generator) ?? 1
                guard let scalar = Unicode.Scalar(UInt32.random(in: 0..<limit, using: &generator)) else {
                    continue
                }
                text.unicodeScalars.append(scalar)
            }
            let source = try quoted(Array(text.utf8))
            for format in DocumentFormat.allCases where format.hasEscapes {
                let isSame = try source.withRawSpan { source in
                    try TextDocument.withDecoded(source, format: format, style: .double, indentation: 0) {
                        $0.copied == Array(text.utf8)
                    }
                }
                #expect(isSame)
            }
        }
    }

    @Test func `any text is written in dotenv as all readers take it, or not at all`() throws {
        var generator = SeededGenerator(8)
        let shards = [
            "a", "B", "1", " ", "'", "\"", "\\", "$", "`", "#", "\n", "(", ";", "=", "ä", "&", "/", "{", "-",
        ]
        var styles: [ScalarStyle: Int] = [:]
        for _ in 0..<3_000 {
            let count = Int.random(in: 0..<6, using: &generator)
            let text = (0..<count).map { _ in shards.randomElement(using: &generator) ?? "" }.joined()
            let value = Array(text.utf8)
            let style: ScalarStyle
            do throws(DocumentError) {
                style = try value.withRawSpan { value throws(DocumentError) in
                    try StringLiteral(of: value, format: .dotenv).style
                }
            } catch {
                #expect(error.code == .unsupported)
                continue
            }
            let isSame = try quoted(value, .dotenv).withRawSpan { source in
                try TextDocument.withDecoded(source, format: .dotenv, style: style, indentation: 0) {
                    $0.copied == value
                }
            }
            #expect(isSame, "\(text)")
            styles[style, default: 0] += 1
        }
        #expect(styles.count == 4 && styles.values.allSatisfy { $0 > 50 })
    }

    @Test func `what is not UTF-8 is refused`() {
        for bytes: [UInt8] in [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0x61, 0x80]] {
            #expect(Fixture.code { _ = try quoted(bytes) } == .encoding)
        }
    }

    @Test(arguments: [
        (ScalarStyle.plain, "v", "v"), (.single, "'it''s\n  x'", "it's x"), (.double, "\"a\\n\"", "a\n"),
        (.literal, "|\n    a\n     b", "a\n b\n"), (.folded, ">-\n    a\n    b", "a b"), (.absent, "", ""),
    ])
    func `a source that stands nowhere is decoded`(_ style: ScalarStyle, _ source: String, _ value: String)
        throws
    {
        let isSame = try Array(source.utf8).withRawSpan { source in
            try TextDocument.withDecoded(source, format: .yaml, style: style, indentation: 2) {
                $0.copied == Array(value.utf8)
            }
        }
        #expect(isSame)
    }
}
