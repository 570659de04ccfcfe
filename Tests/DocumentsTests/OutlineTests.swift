import Testing

@testable import Documents

struct OutlineTests {
    private static let texts: [(DocumentFormat, String)] = [
        (
            .yaml,
            "# a\n---\na: &x 1 # one\nb:\n  # c\n  - name: n\n    v: !!str |+\n      t\n\n\n  - [x, {y: 'z'}, \"q\" ]\nc:\n"
        ),
        (
            .yaml,
            "%YAML 1.1\n--- {a: 1,\n b: [], # c\n c: &x 1 }\n...\n# end\n---\nk: >-\n  f\n  g\nl:\n- - 1\n  -\n- ~"
        ),
        (.yaml, "a: b\r\nc:\r\n  d: \"e\\\r\n    f\"\r\n? g\r\n: h\r\n"),
        (.json, "{\n  \"a\" : [1, {\"b\": null}, []] ,\n\t\"c\": {}\n}\n"),
        (
            .toml,
            "# c\na = 1 # x\nb.c = [1,\n 2]\n\n# t\n[t]\n  k = \"\"\"\n[no]\n\"\"\"\n[t.u]\n[[s]]\nname = 'n'\n[s.v]\nw = {x = 1}\n[[s]]\nname = 'm'\n# end"
        ),
        (.dotenv, "# c\nexport A=1 # x\n\nB='2'\nC=\"3\\n\"\nD="),
    ]

    /// The pieces in their order, with the commas that belong between them.
    private func joined(_ outline: DocumentOutline, _ collection: DocumentOutline.Collection) -> [UInt8] {
        var result = Array(outline.bytes[collection.open])
        for (number, entry) in collection.entries.enumerated() {
            if collection.isFlow, number > 0 { result.append(UInt8(ascii: ",")) }
            result += outline.bytes[entry.lead] + outline.bytes[entry.head]
            switch entry.content {
            case .leaf(let range): result += outline.bytes[range]
            case .collection(let inner): result += joined(outline, inner)
            }
            result += outline.bytes[entry.tail]
        }
        return result + outline.bytes[collection.close]
    }

    /// Whether the text could be cut up; its pieces must then be the text.
    private func check(_ bytes: [UInt8], _ format: DocumentFormat) -> Bool {
        guard let document = try? TextDocument(bytes, format: format, isSealed: { _ in false }),
            let outline = try? DocumentOutline(document)
        else { return false }
        #expect(joined(outline, outline.stream) == bytes, "\(String(decoding: bytes, as: UTF8.self))")
        return true
    }

    @Test func `the pieces put together are the text, whatever was cut off or changed`() {
        var count = 0
        for (format, text) in Self.texts {
            let bytes = Array(text.utf8)
            for end in 0...bytes.count where check(Array(bytes[..<end]), format) { count += 1 }
            for position in bytes.indices {
                for byte in Array("\n #-:,[]{}'\"?a".utf8) {
                    var changed = bytes
                    changed[position] = byte
                    if check(changed, format) { count += 1 }
                    changed = bytes
                    changed.insert(byte, at: position)
                    if check(changed, format) { count += 1 }
                }
            }
        }
        #expect(count > 2_000)
    }
}
