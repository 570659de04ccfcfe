import Support
import Testing

@testable import Documents

/// Python's readers, which share no code with ours, see the same values before sealing, and the same
/// structure after.
struct IndependentTests {
    /// Whether Python and its pure YAML parser are there.
    static let hasPython = ShellCommand.run("python3", ["-c", "import yaml, json"]).status == 0

    /// Reads texts, each as a line of hexadecimal digits; writes for each a line of `style:value` in
    /// hexadecimal for its scalars in order, or `-` where it does not read the text.
    private static let script = """
        import sys, json, yaml
        def scalars(value):
            if isinstance(value, list):
                for pair in value:
                    if isinstance(pair, tuple):
                        yield ('"', pair[0])
                        yield from scalars(pair[1])
                    else:
                        yield from scalars(pair)
            elif isinstance(value, Text):
                yield ('', value.text)
            elif isinstance(value, str):
                yield ('"', value)
            else:
                yield ('', {None: 'null', True: 'true', False: 'false'}[value])
        class Text:
            def __init__(self, text): self.text = text
        class Pairs(list): pass
        for line in sys.stdin:
            text = bytes.fromhex(line.strip()).decode()
            try:
                if sys.argv[1] == 'yaml':
                    found = [(event.style or '', event.value) for event in yaml.parse(text, Loader=yaml.SafeLoader)
                             if isinstance(event, yaml.ScalarEvent)]
                else:
                    text = text.removeprefix('\\ufeff')
                    found = list(scalars(json.loads(text, object_pairs_hook=Pairs, parse_int=Text, parse_float=Text)))
                print(' '.join(f"{style.encode().hex()}:{value.encode().hex()}" for style, value in found))
            except yaml.YAMLError:
                print('-')
        """

    private func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    private func python(_ texts: [[UInt8]], _ format: DocumentFormat) throws -> [String] {
        let input = texts.map { hex($0) + "\n" }.joined()
        let outcome = ShellCommand.run(
            "python3", ["-c", Self.script, format.rawValue], stdin: Array(input.utf8))
        try #require(outcome.status == 0, "\(outcome.errorText)")
        return outcome.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    private func scalars(_ document: TextDocument) -> String {
        document.bytes.withRawSpan { source in
            document.tree.nodes.indices.filter { document.tree.nodes[$0].kind == .scalar }.map { index in
                let style =
                    switch document.tree.nodes[index].style {
                    case .single: "27"
                    case .double: "22"
                    case .literal: "7c"
                    case .folded: "3e"
                    default: ""
                    }
                return "\(style):\(hex(document.tree.value(of: index, in: source)))"
            }.joined(separator: " ")
        }
    }

    @Test(.enabled(if: hasPython, "python3 with PyYAML is not installed"))
    func `PyYAML reads the same scalars, before sealing and after`() throws {
        var texts = LosslessTests.nasty.map { Array($0.utf8) }
        for text in LosslessTests.nasty {
            let document = try Fixture.yaml(text)
            for slot in document.slots {
                guard let sealed = try? document.sealed([slot]).document else { continue }
                texts.append(sealed.bytes)
            }
        }
        let lines = try python(texts, .yaml)
        try #require(lines.count == texts.count)
        var compared = 0
        for (bytes, line) in zip(texts, lines) where line != "-" {
            let document = try TextDocument(bytes, format: .yaml, isSealed: Fixture.isToken)
            #expect(scalars(document) == line, "\(document.text.debugDescription)")
            compared += 1
        }
        #expect(compared > texts.count * 9 / 10)
    }

    @Test(.enabled(if: hasPython, "python3 with PyYAML is not installed"))
    func `PyYAML reads the same scalars of generated documents, sealed too, and what opens is the same`()
        throws
    {
        let texts = (0..<500).map { seed in
            var writer = GeneratedTests.Writer(generator: SeededGenerator(UInt64(seed) + 10_000))
            return writer.document()
        }
        #expect(try compare(texts, .yaml) > 600)
    }

    @Test(.enabled(if: hasPython, "python3 is not installed"))
    func
        `Python's json reads the same scalars of generated documents, sealed too, and what opens is the same`()
        throws
    {
        #expect(try compare(GeneratedTests.jsonTexts(500), .json) > 900)
    }

    /// Compares both readings of what of `texts` can be read, and of the same with everything sealed that can be; what
    /// opens has to be the text again. How many readings were compared.
    private func compare(_ texts: [String], _ format: DocumentFormat) throws -> Int {
        var documents: [TextDocument] = []
        for text in texts {
            guard let document = try? Fixture.read(text, format) else { continue }
            documents.append(document)
            let slots = document.slots.filter { slot in
                Fixture.code { _ = try document.sealed([slot]) } == nil
            }
            guard let (sealed, kept) = try? document.sealed(slots) else { continue }
            #expect(try sealed.opened(kept) == document.bytes, "\(text.debugDescription)")
            documents.append(sealed)
        }
        let lines = try python(documents.map(\.bytes), format)
        try #require(lines.count == documents.count)
        var compared = 0
        for (document, line) in zip(documents, lines) where line != "-" {
            #expect(scalars(document) == line, "\(document.text.debugDescription)")
            compared += 1
        }
        return compared
    }

    @Test(.enabled(if: hasPython, "python3 is not installed"))
    func `Python's json reads the same scalars`() throws {
        let texts = LosslessTests.json.map { Array($0.utf8) }
        for (bytes, line) in zip(texts, try python(texts, .json)) {
            let document = try TextDocument(bytes, format: .json, isSealed: Fixture.isToken)
            #expect(scalars(document) == line, "\(document.text)")
        }
    }
}
