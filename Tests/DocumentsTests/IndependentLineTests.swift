import Support
import Testing

@testable import Documents

/// Python's tomllib and configparser, and a dotenv reader of a few lines, share no code with ours: they see the same
/// keys and values before sealing, after it, and in generated documents.
struct IndependentLineTests {
    /// Whether Python has a TOML reader (3.11).
    static let hasPython = ShellCommand.run("python3", ["-c", "import tomllib, configparser"]).status == 0

    /// Reads texts, each as a line of hexadecimal digits; writes for each a line of `path:value` in hexadecimal for
    /// its values in order (`!` for what is no string, brackets for collections), or `-` where it does not read it.
    private static let script = ##"""
        import sys, re, tomllib, configparser
        def code(text): return text.replace('\r\n', '\n').encode('utf-8', 'surrogatepass').hex()
        def toml(value, path):
            if isinstance(value, dict):
                if path: yield path + ':{'
                for key, child in value.items(): yield from toml(child, path + '/' + code(key))
            elif isinstance(value, list):
                yield path + ':['
                for index, child in enumerate(value): yield from toml(child, path + '/[' + str(index))
            else:
                yield path + ':' + (code(value) if isinstance(value, str) else '!')
        def again(text):
            # Sections and keys that stand there again, by their number, which configparser does not keep.
            sections, keys, path = {}, {}, ''
            for line in re.split('\r?\n', text.removeprefix('\ufeff')):
                line = line.strip(' \t')
                if not line or line[0] in ';#': continue
                if line[0] == '[':
                    name = code(line[1:line.index(']')].strip(' \t'))
                    path = '/' + name + (f"/[{sections[name]}" if name in sections else '')
                    sections[name] = sections.get(name, 0) + 1
                    keys = {}
                    yield path + ':{'
                else:
                    key, value = (part.strip(' \t') for part in re.split('[=:]', line, maxsplit=1))
                    key = code(key)
                    yield path + '/' + key + (f"/[{keys[key]}" if key in keys else '') + ':' + code(value)
                    keys[key] = keys.get(key, 0) + 1
        def ini(text):
            try:
                yield from list(strict(text))
            except (configparser.DuplicateSectionError, configparser.DuplicateOptionError):
                yield from again(text)
        def strict(text):
            parser = configparser.RawConfigParser(default_section='\0', empty_lines_in_values=False)
            parser.optionxform = str
            parser.read_string(text.removeprefix('\ufeff'))
            for section in parser.sections():
                yield '/' + code(section.strip()) + ':{'
                for key, value in parser[section].items():
                    yield '/' + code(section.strip()) + '/' + code(key) + ':' + code(value)
        PAIR = re.compile(r'''[ \t]*(?:export[ \t]+(?![ \t]*=))?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=
            (?:[ \t]*'([^']*)' | [ \t]*"((?:\\.|[^"\\])*)" | [ \t]*((?:[^\s'"\#]|(?<==)\#)(?:[^\r\n#]|(?<![ \t])\#)*)? )
            (?:[ \t]*|[ \t]+\#[^\r\n]*)(?:\r?\n|$)''', re.X | re.S)
        BLANK = re.compile(r'[ \t]*(?:#[^\r\n]*)?(?:\r?\n|$)')
        def dotenv(text):
            text, position, seen = text.removeprefix('\ufeff'), 0, set()
            while position < len(text):
                match = BLANK.match(text, position)
                if not match:
                    match = PAIR.match(text, position)
                    if not match or match[1] in seen: raise ValueError
                    seen.add(match[1])
                    value = match[2] if match[2] is not None else match[3]
                    if match[3] is not None:
                        value = re.sub(r'\\([nrt"\\$`])', lambda m: {'n': '\n', 'r': '\r', 't': '\t'}.get(m[1], m[1]), value)
                    if value is None: value = (match[4] or '').rstrip(' \t')
                    yield '/' + code(match[1]) + ':' + code(value)
                position = match.end()
        for line in sys.stdin:
            text = bytes.fromhex(line.strip()).decode()
            try:
                read = {'toml': lambda: toml(tomllib.loads(text.removeprefix('\ufeff')), ''), 'ini': lambda: ini(text), 'dotenv': lambda: dotenv(text)}
                print(' '.join(read[sys.argv[1]]()))
            except (ValueError, configparser.Error, RecursionError):
                print('-')
        """##

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    static func python(_ texts: [[UInt8]], _ format: DocumentFormat) throws -> [String] {
        let input = texts.map { hex($0) + "\n" }.joined()
        let outcome = ShellCommand.run("python3", ["-c", script, format.rawValue], stdin: Array(input.utf8))
        try #require(outcome.status == 0, "\(outcome.errorText)")
        return outcome.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// What the script writes, of our tree.
    static func facts(_ document: TextDocument) -> String {
        let tree = document.tree
        func lines(_ bytes: [UInt8]) -> String {
            var kept: [UInt8] = []
            for (index, byte) in bytes.enumerated() {
                if byte == 0x0D, index + 1 < bytes.count, bytes[index + 1] == 0x0A { continue }
                kept.append(byte)
            }
            return hex(kept)
        }
        return document.bytes.withRawSpan { source in
            var paths = [""]
            var facts: [String] = []
            for index in tree.nodes.indices.dropFirst() {
                let node = tree.nodes[index]
                guard !node.flags.contains(.key) else {
                    paths.append("")
                    continue
                }
                let isElement = tree.nodes[Int(node.parent)].kind == .sequence
                let step = isElement ? "[\(node.ordinal)" : lines(tree.value(of: index - 1, in: source))
                let number = tree.repeats[Int32(index)].map { "/[\($0)" } ?? ""
                paths.append("\(paths[Int(node.parent)])/\(step)\(number)")
                let value =
                    switch node.kind {
                    case .mapping: "{"
                    case .sequence: "["
                    case .scalar where document.format == .toml && node.style == .plain: "!"
                    case .scalar, .alias: lines(tree.value(of: index, in: source))
                    }
                facts.append("\(paths[index]):\(value)")
            }
            return facts.joined(separator: " ")
        }
    }

    /// Compares both readings of texts and of these texts sealed; how many were compared.
    static func compare(_ texts: [String], _ format: DocumentFormat) throws -> Int {
        var documents: [TextDocument] = []
        for text in texts {
            guard let document = try? Fixture.read(text, format, allowsLines: true) else { continue }
            documents.append(document)
            let slots = document.slots.filter { slot in
                Fixture.code { _ = try document.sealed([slot]) } == nil
            }
            if let sealed = try? document.sealed(slots).document { documents.append(sealed) }
        }
        let lines = try python(documents.map(\.bytes), format)
        try #require(lines.count == documents.count)
        for (document, line) in zip(documents, lines) {
            #expect(facts(document) == line, "\(document.text.debugDescription)")
        }
        return lines.count
    }

    /// Whether Python has the library that most programs read dotenv with.
    static let hasDotenv = ShellCommand.run("python3", ["-c", "import dotenv"]).status == 0

    @Test(.enabled(if: hasDotenv, "python3-dotenv is not installed"))
    func `python-dotenv reads the values that we read, before sealing and after`() throws {
        let script = """
            import sys, io, dotenv
            for line in sys.stdin:
                text = bytes.fromhex(line.strip()).decode().removeprefix('\\ufeff').replace('\\r\\n', '\\n')
                pairs = dotenv.dotenv_values(stream=io.StringIO(text), interpolate=False)
                print(' '.join(f"/{key.encode().hex()}:{(value or '').encode().hex()}" for key, value in pairs.items()))
            """
        var generator = SeededGenerator(15)
        var documents: [TextDocument] = []
        for _ in 0..<1_500 {
            // Backslashes mean more to it than to others; a comment in the place of a value is the value, and `export`
            // no key.
            let text = Self.text(.dotenv, &generator)
            let isOdd = ["\\", "= #", "=\t#", "=  #", "export"].contains { text.contains($0) }
            guard !isOdd, let document = try? Fixture.read(text, .dotenv, allowsLines: true),
                let (sealed, kept) = try? document.sealed(
                    document.slots.filter { slot in Fixture.code { _ = try document.sealed([slot]) } == nil })
            else { continue }
            #expect(try sealed.opened(kept) == document.bytes)
            documents += [document, sealed]
        }
        #expect(documents.count > 300)
        let input = documents.map { Self.hex($0.bytes) + "\n" }.joined()
        let outcome = ShellCommand.run("python3", ["-c", script], stdin: Array(input.utf8))
        try #require(outcome.status == 0, "\(outcome.errorText)")
        let lines = outcome.text.split(separator: "\n", omittingEmptySubsequences: false)
        try #require(lines.count == documents.count)
        for (document, line) in zip(documents, lines) {
            #expect(Self.facts(document) == line, "\(document.text.debugDescription)")
        }
    }

    @Test(.enabled(if: hasPython, "python3.11 is not installed"))
    func `independent readers see the same keys and values, before sealing and after`() throws {
        #expect(try Self.compare(TOMLTests.nasty, .toml) == TOMLTests.nasty.count * 2)
        let sections = INITests.nasty.filter { text in
            // configparser has no pairs outside of a section.
            text.replacing("\u{FEFF}", with: "").hasPrefix("[")
        }
        #expect(try Self.compare(sections, .ini) == sections.count * 2)
        #expect(try Self.compare(DotenvTests.nasty, .dotenv) == DotenvTests.nasty.count * 2)
    }

    static let shards: [DocumentFormat: [String]] = [
        .toml: [
            "a", "b", " = ", "=", ".", "\n", "\n", "[", "]", "[a]\n", "[[b]]\n", "{", "}", ",", "1", "'x'",
            "\"y\"", "\"", "'",
            "\"\"\"", "'''", "# c", "\\n", "\\", "true", "1.5", "1979-05-27", "\r\n", " ", "a = 1\n",
            "b.c = 'v'\n", "_", "-",
            "0", "e", ":", "[a.b]\n", "a = [", "a = {", "[b.c]\n", "a.b = 2\n", "é", "\\u00e9", "inf", "+",
        ],
        .ini: [
            "[a]\n", "[b]\n", "[", "]", "k", "l", " = ", "=", ":", "\n", "\n", "v", " ", "\t", ";", " # c",
            "\r\n", "\"", "é",
            "k = v\n", "l: w\n", " m=x\n", "\n\n", "[c d]\n", "\\",
        ],
        .dotenv: [
            "A", "B", "=", "=", "\n", "\n", "'", "\"", " ", "#", " # c", "export ", "\\", "v", "$", "\r\n",
            "\t", "A=1\n", "B='x'\n",
            "C=\"y\"\n", ";", "é", "-", ".", "1",
        ],
    ]

    /// Whole lines; `N` becomes another number each time.
    private static let lines: [DocumentFormat: [String]] = [
        .toml: [
            "kN = 1", "kN = \"v # N\" # c", "[tN]", "[[u]]", "name = 'N'", "kN.x = 'y'", "kN.y.z = -0.5e3 ",
            "kN = [1, \"a\", {b = 'c', d.e = [true]}]", "kN = \"\"\"\n\\\n  a\nb\"\"\"\"", "[t1.sN]",
            "kN = 1979-05-27 07:32:00",
            "", "# [c]", "  \"q N\"   =   ", "[[u.wN]]", "kN = [\n  'a', # x\n\n  2,\n]", "[tN.a.'b c']",
            "kN = {}",
        ],
        .ini: [
            "[sN]", "[twice]", "key = v N", "kN = v", "kN: two  words", "kN=", "; c", "# [x]", "", "  ; c",
            "k N = a;b = \"c\"",
            "[ s.N ] ; c", "kN = 'é'",
        ],
        .dotenv: [
            "KN=v", "export KN=v", "KN='a # b'  # c", "KN=\"a\\n\\\"b\"", "KN=", "KN= # c", "# K=v", "",
            "KN='x\ny'", "KN = \"é\nz\n\"",
            "KN=a#b", "KN=a=b,c # d", "KN=\"\"", "KN=two  words & 'more; \"x", "KN = (a|b)<c> `d  # c",
        ],
    ]

    /// Lines, now and then with a shard that doesn't belong there; or shards alone.
    private static func text(_ format: DocumentFormat, _ generator: inout SeededGenerator) -> String {
        let start = format == .ini ? "[s]\n" : ""
        let shards = shards[format] ?? []
        guard generator.next() % 2 == 0 else {
            let count = Int.random(in: 1..<16, using: &generator)
            return start + (0..<count).map { _ in shards.randomElement(using: &generator) ?? "" }.joined()
        }
        var lines = (0..<Int.random(in: 1..<9, using: &generator)).map { number in
            let line = Self.lines[format]?.randomElement(using: &generator) ?? ""
            return line.replacing("N", with: "\(number)")
        }
        if generator.next() % 3 == 0 {
            lines[lines.count / 2] += shards.randomElement(using: &generator) ?? ""
        }
        let lineEnd = generator.next() % 4 == 0 ? "\r\n" : "\n"
        let text = start + lines.joined(separator: "\n") + (generator.next() % 3 == 0 ? "" : "\n")
        return lineEnd == "\n" ? text : text.replacing("\r\n", with: "\n").replacing("\n", with: "\r\n")
    }

    @Test(
        .enabled(if: hasPython, "python3.11 is not installed"),
        arguments: [DocumentFormat.toml, .ini, .dotenv])
    func `what we read of random shards, independent readers read alike`(_ format: DocumentFormat) throws {
        var generator = SeededGenerator(11)
        let texts = (0..<6_000).map { _ in Self.text(format, &generator) }
        #expect(try Self.compare(texts, format) > 1_000)
    }

    @Test(arguments: [DocumentFormat.toml, .ini, .dotenv])
    func `texts of random shards are refused, or seal and open to the same bytes`(_ format: DocumentFormat)
        throws
    {
        var generator = SeededGenerator(12)
        var sealedCount = 0
        for _ in 0..<3_000 {
            let text = Self.text(format, &generator)
            guard let document = try? Fixture.read(text, format, allowsLines: generator.next() % 2 == 0),
                !document.slots.isEmpty
            else { continue }
            sealedCount += try GeneratedTests.roundTrip(document, &generator)
        }
        #expect(sealedCount > 1_000)
    }

    @Test(arguments: [DocumentFormat.toml, .ini, .dotenv])
    func `a key is removed alone, or not at all`(_ format: DocumentFormat) throws {
        var generator = SeededGenerator(14)
        var removedCount = 0
        for _ in 0..<1_500 {
            let text = Self.text(format, &generator)
            guard let document = try? Fixture.read(text, format),
                let slot = document.slots.randomElement(using: &generator)
            else { continue }
            _ = try? DocumentOutline(document)
            let path = document.path(of: slot)
            guard let result = try? document.removing(path, document: 0) else { continue }
            let again = try TextDocument(result.bytes, format: format, isSealed: Fixture.isToken)
            #expect(again.slots == result.slots)
            let left = document.slots.filter { $0 != slot }.map(document.sourceText)
            #expect(again.slots.map(again.sourceText) == left, "\(text.debugDescription)")
            removedCount += 1
        }
        #expect(removedCount > 100)
    }

    @Test(arguments: [DocumentFormat.toml, .ini, .dotenv])
    func `a plaintext of random shards is refused, or changes its own value alone`(_ format: DocumentFormat)
        throws
    {
        let contexts: [DocumentFormat: [String]] = [
            .toml: [
                "a = \"T\"\nb = 1\n", "x = [\"T\", {b = \"T\"}]\n[a]\nc = 1",
                "[[a]]\r\nk = \"T\" # c\r\n[[a]]\r\n",
            ],
            .ini: ["[a]\nk = T\nl = 1\n[b]\n", "k: T\n; c\n[a]\nl=T", "[a]\r\n k =T\r\n m = 1\r\n"],
            .dotenv: ["A=T\nB=1\n", "export A=T # c\nB='x'\n# \"\nC=T", "A = T\r\nB=\"y\"\r\n"],
        ]
        var generator = SeededGenerator(13)
        var openedCount = 0
        for _ in 0..<12_000 {
            let context = contexts[format]?.randomElement(using: &generator) ?? ""
            let count = Int.random(in: 0..<6, using: &generator)
            let source = (0..<count).map { _ in Self.shards[format]?.randomElement(using: &generator) ?? "" }
                .joined()
            let document = try Fixture.read(
                context.replacing("T", with: "sealed.v1.prod-1.o.AAAA"), format,
                allowsLines: generator.next() % 2 == 0)
            let style = ScalarStyle.allCases.randomElement(using: &generator) ?? .plain
            let kept = document.sealedSlots.map { _ in
                Kept(style: style, indentation: 0, source: Array(source.utf8))
            }
            guard let opened = try? document.opened(kept) else { continue }
            openedCount += 1
            let after = try TextDocument(opened, format: format, isSealed: { _ in false })
            #expect(after.slots.map { after.path(of: $0) } == document.slots.map { document.path(of: $0) })
            for (before, now) in zip(document.slots, after.slots) where !before.isSealed {
                #expect(after.sourceText(now) == document.sourceText(before))
            }
        }
        #expect(openedCount > 30)
    }
}
