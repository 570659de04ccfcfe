import Encodings
import Keyrings
import Support
import Testing

/// F026, F027: age files and tokens of any other form than the specified one, by the real program. The vectors of
/// C2SP/CCTV say the same of the module, where they are there (KeyringsTests).
@Suite struct AgeCaseTests {
    private typealias Chunk = AgeForge.Chunk

    /// Opens `bytes` as `file`: refused with one of `codes`, nothing on standard output, no file left.
    private func expectClosed(
        _ world: World, _ file: String, _ bytes: [UInt8], _ codes: [Int32], _ note: String,
        toFile: Bool = false, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        world.config.write(file, bytes)
        for options in toFile ? [[], ["--output", world.path("opened")]] : [[]] {
            let outcome = world.run(["open", file] + options, identity: "alice")
            #expect(
                codes.contains(outcome.status), "\(note): \(outcome.status) \(outcome.errorText)",
                sourceLocation: sourceLocation)
            expect(outcome, outcome.status, file, sourceLocation: sourceLocation)
            #expect(
                outcome.stdout.isEmpty && world.bytes("opened") == nil, "\(note)",
                sourceLocation: sourceLocation)
        }
        if toFile { #expect(leftovers(below: world.path("")) == [], sourceLocation: sourceLocation) }
    }

    @Test func `F026: chunks in another order, left out, doubled, or with garbage behind are refused`() throws
    {
        let world = World.withCases()
        let size = AgeForge.chunkByteCount
        let plaintext = (0..<(2 * size + 50)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) }
        for (file, forge) in [
            ("cases/a.bin", try AgeForge(world, at: "cases/a.bin")),
            ("plain.age", try AgeForge(world.text("alice.recipient"))),
        ] {
            let (a, b, c) = {
                let chunks = AgeForge.chunks(plaintext)
                return (chunks[0], chunks[1], chunks[2])
            }()
            world.config.write(file, try forge.file([a, b, c]))
            #expect(world.run("open", file, identity: "alice").stdout == plaintext)
            let full = Chunk(plaintext: a.plaintext, index: 0, isLast: true)
            let lasting = Chunk(plaintext: b.plaintext, index: 1, isLast: true)
            let empty = Chunk(plaintext: [], index: 0, isLast: true)
            for (note, chunks) in [
                ("swapped", [b, a, c]), ("the last one before", [a, c, b]), ("doubled", [a, a, b, c]),
                ("first left out", [b, c]), ("second left out", [a, c]), ("no last", [a, b]), ("none", []),
                ("last twice", [a, b, c, c]), ("two last", [a, lasting, c]),
                ("two last in line", [a, lasting, Chunk(plaintext: c.plaintext, index: 2, isLast: true)]),
                ("empty last", [a, Chunk(plaintext: [], index: 1, isLast: true)]),
                ("empty last behind a last", [full, Chunk(plaintext: [], index: 1, isLast: true)]),
                ("empty and not last", [Chunk(plaintext: [], index: 0, isLast: false)]),
                ("empty twice", [empty, empty]),
                ("short and not last", [Chunk(plaintext: [1], index: 0, isLast: false), c]),
                ("not marked as last", [a, b, Chunk(plaintext: c.plaintext, index: 2, isLast: false)]),
                ("counted from one", [Chunk(plaintext: [1, 2], index: 1, isLast: true)]),
            ] { expectClosed(world, file, try forge.file(chunks), [4], note, toFile: true) }
            let whole = try forge.file([a, b, c])
            for tail in [
                [0], [0x0A], [UInt8](repeating: 5, count: 16), [UInt8](repeating: 5, count: 17), whole,
            ] {
                expectClosed(world, file, whole + tail, [4], "garbage of \(tail.count)")
            }
            expectClosed(world, file, Array(try forge.file([empty]).dropLast(16)), [3, 4], "no payload")
            expectClosed(world, file, Array(try forge.file([empty]).dropLast(17)), [3, 4], "short nonce")
            // Full and last, or empty altogether, is in order.
            for good in [[full], [empty], [a, lasting]] {
                world.config.write(file, try forge.file(good))
                let opened = world.run("open", file, identity: "alice")
                #expect(opened.status == 0 && opened.stdout == good.flatMap(\.plaintext))
            }
        }
    }

    /// Shares that give the all-zero secret (RFC 7748 §7), the last two not canonical.
    private static let lowOrder = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ]

    @Test func `F027: a stanza of any other form is refused`() throws {
        let world = World.withCases()
        for (file, forge) in [
            ("cases/a.bin", try AgeForge(world, at: "cases/a.bin")),
            ("plain.age", try AgeForge(world.text("alice.recipient"))),
        ] {
            let good = forge.stanzas[0]
            let share = good.arguments[0]
            var wrong: [(note: String, stanza: Stanza)] = Self.lowOrder.map { hex in
                (
                    hex,
                    Stanza(
                        type: "X25519", arguments: [Base64.unpadded.encode((try? Hex.decode(hex)) ?? [])],
                        body: good.body)
                )
            }
            for (note, type, arguments) in [
                ("padding", "X25519", [share + "="]), ("two arguments", "X25519", [share, "x"]),
                ("no argument", "X25519", []), ("lower-case type", "x25519", [share]),
                ("short share", "X25519", [String(share.dropLast())]),
                ("long share", "X25519", [share + "A"]),
                ("not canonical", "X25519", [String(share.dropLast()) + Self.other(share.last)]),
                ("upper-case share", "X25519", [share.uppercased()]),
            ] { wrong.append((note, Stanza(type: type, arguments: arguments, body: good.body))) }
            for count in [0, 31, 33, 48] {
                let body = [UInt8](repeating: 1, count: count)
                wrong.append(("body of \(count)", Stanza(type: "X25519", arguments: [share], body: body)))
            }
            for (note, stanza) in wrong {
                let bytes = try forge.file(
                    AgeForge.chunks([1]), stanzas: [stanza] + forge.stanzas.dropFirst())
                expectClosed(world, file, bytes, [3, 4], note)
            }
            // The same in the text of the header: base64 of the body, line ends, white space.
            let text = try forge.file([1])
            let header = try forge.header(forge.stanzas)
            for (old, new) in [
                ("-> X25519 ", "->  X25519 "), ("-> X25519 ", "-> X25519  "), ("-> X25519 ", "->X25519 "),
                ("v1\n", "v1\r\n"), ("\n--- ", "\n---  "), ("\n--- ", "\n\n--- "), ("\n--- ", "\n---"),
            ] {
                let altered = String(decoding: header, as: UTF8.self).replacing(
                    old, with: new, maxReplacements: 1)
                expectClosed(world, file, Array(altered.utf8) + text.dropFirst(header.count), [3, 4], new)
            }
        }
    }

    /// Another last character of base64 for the same bytes.
    private static func other(_ last: Character?) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        guard let last, let index = alphabet.firstIndex(of: last) else { return "" }
        return String(alphabet[index ^ 1])
    }

    @Test func `F027: a token of any other form is refused`() throws {
        let world = World.withCases()
        world.config.write("cases/a.yaml", "a: CANARY\n")
        world.must("seal", "cases/a.yaml")
        let sealed = world.text("config/cases/a.yaml")
        let token = World.tokens(sealed)[0]
        let fields = token.split(separator: ".").map(String.init)
        let payload = try Base64.url.decode(fields[4])
        var wrong = try Self.lowOrder.map { hex in
            (fields[..<4] + [Base64.url.encode(try Hex.decode(hex) + payload.dropFirst(32))]).joined(
                separator: ".")
        }
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        let last = try #require(token.last.flatMap { alphabet.firstIndex(of: $0) })
        wrong += [
            String(token.dropLast()) + String(alphabet[last ^ 1]), token + "==", token + "AAAA",
            token.replacing("prod-1", with: "PROD-1"), token.replacing("prod-1", with: "prod-01"),
            token.replacing("prod-1", with: "prod"), token.replacing(".f.", with: ".F."),
            token.replacing(".f.", with: ".n-."), token.replacing(".f.", with: ".x."),
            token.replacing(".f.", with: ".f.f."), token.replacing(".f.", with: ".f.+/"),
            token.replacing("prod-1", with: "prod-18446744073709551616"),
            token.uppercased().replacing("SEALED.V1.", with: "sealed.v1."),
        ]
        for altered in wrong {
            #expect(altered != token)
            expectClosed(
                world, "cases/a.yaml", Array(sealed.replacing(token, with: altered).utf8), [3, 4], altered)
        }
    }
}
