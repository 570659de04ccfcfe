import Testing

@testable import Documents

/// Properties over generated documents: the same ones on every run.
struct GeneratedTests {
    /// Writes random, mostly valid YAML in many styles.
    struct Writer {
        var generator: SeededGenerator
        var text = ""
        var lineEnd = "\n"
        var anchorCount = 0

        mutating func number(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &generator) }
        mutating func chance(_ percent: Int) -> Bool { number(100) < percent }
        mutating func pick(_ choices: [String]) -> String { choices[number(choices.count)] }

        mutating func document() -> String {
            text = chance(5) ? "\u{FEFF}" : ""
            lineEnd = chance(15) ? "\r\n" : "\n"
            for ordinal in 0...number(3) {
                anchorCount = 0
                if ordinal > 0 || chance(30) { text += "---" + comment() + lineEnd }
                if chance(20) { text += "# a comment" + lineEnd }
                mapping(indentation: chance(10) ? 1 + number(3) : 0, depth: 0)
                if chance(10) { text += "..." + lineEnd }
            }
            if chance(20), text.hasSuffix(lineEnd) { text.removeLast() }
            return text
        }

        mutating func comment() -> String {
            chance(25) ? pick([" # note", "   # 'x' \"y\"", " #", " # ü: [x"]) : ""
        }

        mutating func mapping(indentation: Int, depth: Int, isContinued: Bool = false) {
            for ordinal in 0...number(4) {
                if ordinal > 0 || !isContinued { text += String(repeating: " ", count: indentation) }
                text += pick(["k", "\"k\\t", "'k ", "ä", "a.b", "k-"])
                text += "\(ordinal)"
                if text.hasSuffix("\"k\\t\(ordinal)") { text += "\"" }
                if text.hasSuffix("'k \(ordinal)") { text += "'" }
                text += ":"
                value(indentation: indentation, depth: depth)
                if chance(8) { text += lineEnd }
                if chance(8) { text += String(repeating: " ", count: number(6)) + "# between" + lineEnd }
            }
        }

        mutating func sequence(indentation: Int, depth: Int) {
            for _ in 0...number(3) {
                text += String(repeating: " ", count: indentation) + "-"
                if depth < 4, chance(30) {
                    let gap = 1 + number(3)
                    text += String(repeating: " ", count: gap)
                    mapping(indentation: indentation + 1 + gap, depth: depth + 1, isContinued: true)
                } else {
                    value(indentation: indentation, depth: depth)
                }
            }
        }

        mutating func properties() -> String {
            var result = ""
            if chance(6) {
                anchorCount += 1
                result += " &anchor\(anchorCount)"
            }
            if chance(6) { result += pick([" !!str", " !local", " !<tag:x.org,2002:y>", " !"]) }
            return result
        }

        mutating func value(indentation: Int, depth: Int) {
            if anchorCount > 0, chance(5) {
                text += " *anchor\(1 + number(anchorCount))" + comment() + lineEnd
                return
            }
            text += properties()
            let inner = indentation + 1 + number(5)
            switch number(depth < 4 ? 12 : 9) {
            case 0: text += comment() + lineEnd
            case 1, 2:
                text +=
                    " " + pick(["v", "1.10", "~", "x:y", "a b  c", "-1", "ü😀", "null", "a'b", "x#y"])
                    + comment() + lineEnd
            case 3:
                text +=
                    "  'it''s"
                    + pick(["", " # no", ": x", lineEnd + String(repeating: " ", count: inner) + "more"])
                    + "'"
                text += comment() + lineEnd
            case 4:
                text +=
                    " \""
                    + pick([
                        "", "\\\"q\\\"", "\\u00e9\\n",
                        "a" + lineEnd + lineEnd + String(repeating: " ", count: inner) + "b", "é",
                    ])
                text += "\"" + comment() + lineEnd
            case 5, 6: block(indentation: indentation, inner: inner)
            case 7: text += " " + flow(depth) + comment() + lineEnd
            case 8: text += " plain" + lineEnd + String(repeating: " ", count: inner) + "more" + lineEnd
            case 9, 10:
                text += comment() + lineEnd
                mapping(indentation: inner, depth: depth + 1)
            default:
                text += comment() + lineEnd
                sequence(indentation: inner, depth: depth + 1)
            }
        }

        mutating func block(indentation: Int, inner: Int) {
            let isExplicit = chance(25)
            let width = isExplicit ? min(inner - indentation, 9) : inner - indentation
            text += " " + pick(["|", ">"])
            let chomping = pick(["", "-", "+"])
            text += isExplicit ? (chance(50) ? "\(width)\(chomping)" : "\(chomping)\(width)") : chomping
            text += comment() + lineEnd
            for ordinal in 0..<number(5) {
                if chance(20) {
                    text += String(repeating: " ", count: number(width + indentation + 1)) + lineEnd
                    continue
                }
                text += String(repeating: " ", count: indentation + width)
                if ordinal > 0 || isExplicit { text += String(repeating: " ", count: number(3)) }
                text +=
                    pick(["text", "# no comment", "k: v", "- x", "---", "ünï", "trail  ", "\tx"]) + lineEnd
            }
        }

        mutating func flow(_ depth: Int) -> String {
            guard depth < 6 else { return "x" }
            let separator = pick([", ", ",", " , ", ",  # c" + lineEnd + "          "])
            let parts = (0..<number(4)).map { _ in
                switch number(6) {
                case 0: flow(depth + 2)
                case 1: "\"a,b\""
                case 2: "'}'"
                case 3: "x y"
                default: "v"
                }
            }
            guard chance(50) else { return "[" + parts.joined(separator: separator) + "]" }
            let pairs = parts.enumerated().map { "k\($0): \($1)" }
            return "{" + pairs.joined(separator: separator) + "}"
        }
    }

    /// Seals random slots of a document, opens them, and compares; the number of slots that were sealed.
    static func roundTrip(_ document: TextDocument, _ generator: inout SeededGenerator) throws -> Int {
        let share = [100, 50, 10].randomElement(using: &generator) ?? 100
        let candidates = document.slots.filter { slot in
            Int.random(in: 0..<100, using: &generator) < share
                && Fixture.code { try document.checkSealable(slot) } == nil
        }
        // What can't be sealed alone is left out: a key without a colon, a block that begins no deeper than
        // its key, a line end that is not the document's.
        let slots = candidates.filter { slot in
            let code = Fixture.code { _ = try document.sealed([slot]) }
            #expect(code == nil || code == .unsupported || code == .unsealable)
            return code == nil
        }
        guard Fixture.code({ _ = try document.sealed(slots) }) != .unsealable else { return 0 }
        let (sealed, kept) = try document.sealed(slots)
        #expect(try sealed.opened(kept) == document.bytes, "\(document.text.debugDescription)")
        let again = try TextDocument(
            sealed.bytes, format: document.format, allowsLines: document.allowsLines,
            isSealed: Fixture.isToken)
        #expect(again.slots == sealed.slots)
        #expect(again.sealedSlots.count == slots.count)
        let untouched = zip(document.slots, sealed.slots).filter { !slots.contains($0.0) }
        #expect(untouched.allSatisfy { document.sourceText($0.0) == sealed.sourceText($0.1) })
        return slots.count
    }

    @Test func `generated YAML seals and opens to the same bytes`() throws {
        var generator = SeededGenerator(1)
        var sealedCount = 0
        var readCount = 0
        for seed in 0..<600 {
            var writer = Writer(generator: SeededGenerator(UInt64(seed)))
            let text = writer.document()
            guard let document = try? Fixture.yaml(text) else { continue }
            readCount += 1
            sealedCount += try Self.roundTrip(document, &generator)
        }
        #expect(readCount > 400)
        #expect(sealedCount > 2_000)
    }

    @Test func `generated JSON seals and opens to the same bytes`() throws {
        var generator = SeededGenerator(2)
        for text in Self.jsonTexts(500) {
            let document = try Fixture.json(text)
            _ = try Self.roundTrip(document, &generator)
        }
    }

    /// Random JSON with white space in many places.
    static func jsonTexts(_ count: Int) -> [String] {
        var generator = SeededGenerator(2)
        return (0..<count).map { _ in
            func space() -> String {
                ["", " ", "\n", "\r\n\t", "   "].randomElement(using: &generator) ?? ""
            }
            func value(_ depth: Int) -> String {
                switch Int.random(in: 0..<(depth < 4 ? 9 : 6), using: &generator) {
                case 0: "null"
                case 1: "-1.50E+7"
                case 2: "\"\\u00e9ä\\n\""
                case 3: "\"\(Int.random(in: 0..<1_000, using: &generator))\""
                case 4: "true"
                case 5: "\"\""
                case 6:
                    "[" + space() + (0..<3).map { _ in value(depth + 1) }.joined(separator: space() + ",")
                        + "]"
                default:
                    "{"
                        + (0..<3).map { "\(space())\"k\($0)\"\(space()):\(space())\(value(depth + 1))" }
                        .joined(separator: ",") + "}"
                }
            }
            return space() + value(0) + space()
        }
    }

    /// Pieces that mean something to YAML, for texts that nobody would write.
    static let shards = [
        "a", "b: ", "c:", ": ", "- ", "-", "\n", "\n", "\n  ", "\n ", " ", "[", "]", "{", "}", ", ", ",", "|",
        ">", "|+\n", ">-\n  ",
        "|2\n   ", "'", "\"", "''", "\\", "#", " # c", "&x ", "*x", "!t ", "!!str ", "---\n", "\n---\n",
        "\n...\n", "\t", "\r\n", "ä",
        "\u{85}", "\u{2028}", "\u{FEFF}", "? ", "?", "~", "<<: ", "%", "@", "1", "\"k\":", "'v'", "\"w\\n\"",
        "\n    ", "%YAML 1.1\n",
    ]

    @Test func `texts of random shards are refused, or seal and open to the same bytes`() throws {
        var generator = SeededGenerator(3)
        var readCount = 0
        for _ in 0..<8_000 {
            let count = Int.random(in: 1..<14, using: &generator)
            let text = (0..<count).map { _ in Self.shards.randomElement(using: &generator) ?? "" }.joined()
            guard let document = try? Fixture.yaml(text), !document.slots.isEmpty else { continue }
            readCount += 1
            _ = try Self.roundTrip(document, &generator)
        }
        #expect(readCount > 400)
    }

    @Test func `a plaintext of random shards is refused, or changes its own value alone`() throws {
        var generator = SeededGenerator(4)
        let contexts = [
            "a: T\nz: 1\n", "x:\n  a: T # c\n  b: 1\n", "x:\n- T\n- 2\n", "x: {a: T, b: 1}\n", "x: [T, 1]",
            "z: 1\na: T",
            "a: &x T\r\nb: *x\r\n", "- - T\n- a: !t T\n", "--- \na:\n\n   - b: T\n\n\n# end\n---\nc: d\n",
        ]
        var openedCount = 0
        for _ in 0..<8_000 {
            let context = contexts.randomElement(using: &generator) ?? ""
            let count = Int.random(in: 0..<6, using: &generator)
            let source = (0..<count).map { _ in Self.shards.randomElement(using: &generator) ?? "" }.joined()
            let document = try Fixture.yaml(context.replacing("T", with: "sealed.v1.prod-1.o.AAAA"))
            let style = ScalarStyle.allCases.randomElement(using: &generator) ?? .plain
            let kept = document.sealedSlots.map {
                Kept(style: style, indentation: $0.parentIndentation, source: Array(source.utf8))
            }
            guard let opened = try? document.opened(kept) else { continue }
            openedCount += 1
            let after = try TextDocument(opened, format: .yaml, isSealed: { _ in false })
            #expect(after.documentCount == document.documentCount)
            #expect(after.slots.map { after.path(of: $0) } == document.slots.map { document.path(of: $0) })
            for (before, now) in zip(document.slots, after.slots) where !before.isSealed {
                #expect(after.sourceText(now) == document.sourceText(before))
                #expect(after.valueText(now) == document.valueText(before))
            }
        }
        #expect(openedCount > 100)
    }
}
