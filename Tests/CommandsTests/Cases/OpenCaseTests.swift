import Encodings
import Glibc
import Keyrings
import Sealing
import Sodium
import Support
import Testing

/// F017 to F021, F023, F024: what was altered, cut, moved or made by another version does not open, by the real program.
@Suite struct OpenCaseTests {
    /// Runs `open` on `bytes` in the place of `file`: refused with one of `codes`, and not one byte of plaintext; also
    /// with a file for the output, where that is asked for.
    private func expectClosed(
        _ world: World, _ file: String, _ bytes: [UInt8], _ codes: [Int32], _ note: String = "",
        toFile: Bool = false,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        world.config.write(file, bytes)
        for options in toFile ? [[], ["--output", world.path("opened")]] : [[]] {
            let outcome = world.run(["open", file] + options, identity: "alice")
            #expect(
                codes.contains(outcome.status), "\(note): \(outcome.errorText)",
                sourceLocation: sourceLocation)
            expect(outcome, outcome.status, file, sourceLocation: sourceLocation)
            #expect(outcome.stdout.isEmpty, "\(note)", sourceLocation: sourceLocation)
            #expect(world.bytes("opened") == nil, "\(note)", sourceLocation: sourceLocation)
        }
    }

    private let text = "a: CANARY-alpha\nb: CANARY-beta\n"

    /// A world with `cases/a.yaml` and `cases/a.bin` sealed, and what they are then.
    private func sealed(_ options: String = "") -> (world: World, document: [UInt8], file: [UInt8]) {
        let world = World.withCases(options)
        world.config.write("cases/a.yaml", text)
        world.config.write("cases/a.bin", "CANARY-file")
        world.must("seal", "cases/a.yaml", "cases/a.bin")
        return (world, world.bytes("config/cases/a.yaml") ?? [], world.bytes("config/cases/a.bin") ?? [])
    }

    @Test func `F017: a flipped bit of a token or a sealed file is refused`() {
        let (world, document, file) = sealed(", required: true")
        let token = Array(World.tokens(String(decoding: document, as: UTF8.self))[0].utf8)
        let prefix = "sealed.v1.".utf8.count
        // Every bit is flipped in SealingTests; here a spread of them meets the whole program.
        for number in CrashPoints.spread(40, over: (token.count - prefix) * 8) {
            let bit = prefix * 8 + number - 1
            var altered = document
            altered["a: ".utf8.count + bit / 8] ^= 1 << UInt8(bit % 8)
            expectClosed(world, "cases/a.yaml", altered, [3, 4], "bit \(bit)")
        }
        for number in CrashPoints.spread(60, over: file.count * 8) {
            var altered = file
            altered[(number - 1) / 8] ^= 1 << UInt8((number - 1) % 8)
            expectClosed(world, "cases/a.bin", altered, [3, 4], "bit \(number - 1)")
        }
        world.config.write("cases/a.bin", file)
        // A broken prefix is plain text, which check refuses where the place must be sealed.
        for bit in stride(from: 0, to: prefix * 8, by: 3) {
            var altered = document
            altered["a: ".utf8.count + bit / 8] ^= 1 << UInt8(bit % 8)
            world.config.write("cases/a.yaml", altered)
            let outcome = world.run("check", "cases/a.yaml")
            #expect([3, 5].contains(outcome.status), "bit \(bit): \(outcome.text) \(outcome.errorText)")
        }
        world.config.write("cases/a.yaml", document)
        expect(world.run("check", "cases/a.yaml", "cases/a.bin"), 0)
    }

    @Test func `F018: what is cut, longer by a byte or there twice is refused`() {
        let (world, document, file) = sealed()
        let text = String(decoding: document, as: UTF8.self)
        let token = World.tokens(text)[0]
        let prefix = "sealed.v1.".utf8.count
        for count in CrashPoints.spread(25, over: token.utf8.count - prefix) {
            let cut = token.prefix(prefix + count - 1)
            expectClosed(
                world, "cases/a.yaml", Array(text.replacing(token, with: cut).utf8), [3, 4], "\(count) bytes")
        }
        for tail in ["A", "=", ".", "-", token, ".\(token)", " \(token)", "\n  \(token)"] {
            expectClosed(
                world, "cases/a.yaml", Array(text.replacing(token, with: token + tail).utf8), [3, 4, 5], tail)
        }
        for count in CrashPoints.spread(40, over: file.count) {
            expectClosed(world, "cases/a.bin", Array(file[..<(count - 1)]), [3, 4], "\(count - 1) bytes")
        }
        for byte: UInt8 in [0, 0x0A, 0xFF] { expectClosed(world, "cases/a.bin", file + [byte], [3, 4]) }
        expectClosed(world, "cases/a.bin", file + file, [3, 4], toFile: true)
        expectClosed(world, "cases/a.bin", Array(file.dropFirst()), [3, 4])
    }

    @Test(arguments: [
        ("yaml", "a: one\nb: two\n"), ("json", "{\"a\": \"one\", \"b\": \"two\"}"), ("env", "A=one\nB=two\n"),
        ("ini", "[s]\na = one\nb = two\n"), ("toml", "a = \"one\"\nb = 'two'\n"),
    ])
    func `F019: a token at another key of the same file is refused`(format: String, text: String) {
        let world = World.withCases()
        let file = "cases/a.\(format)"
        let sealed = world.expectRoundTrip(file, Array(text.utf8), tokens: 2)
        let tokens = World.tokens(sealed)
        let swapped = sealed.replacing(tokens[0], with: "\u{1}").replacing(tokens[1], with: tokens[0])
            .replacing("\u{1}", with: tokens[1])
        expectClosed(world, file, Array(swapped.utf8), [4])
        expectClosed(world, file, Array(sealed.replacing(tokens[0], with: tokens[1]).utf8), [4])
    }

    @Test func `F020: a token of scope f opens in its repository, file and document alone`() throws {
        let (world, document, file) = sealed()
        expectClosed(world, "cases/b.yaml", document, [4], toFile: true)
        expectClosed(world, "cases/deeper/a.yaml", document, [4])
        expectClosed(world, "cases/b.bin", file, [4], toFile: true)
        expectClosed(world, "cases/a.yaml", Array("x: 1\n---\n".utf8) + document, [4])
        let other = String(repeating: "ab", count: 16)
        world.edit("config/.strongroom.yaml", world.text("repository"), other)
        for (name, bytes) in [("cases/a.yaml", document), ("cases/a.bin", file)] {
            world.config.write(name, bytes)
            // The keyring is pinned for the repository's id: another one is another repository.
            let outcome = world.run("open", name, identity: "alice")
            #expect([4, 5].contains(outcome.status) && outcome.stdout.isEmpty, "\(outcome.errorText)")
        }
    }

    @Test func `F020: a token of scope o opens in its object alone, in any file`() {
        let world = World()
        let sealed = world.text("config/deploy/prod/database.yaml")
        world.config.write("deploy/prod/moved.yaml", sealed)
        #expect(world.must("open", "deploy/prod/moved.yaml", identity: "alice") == World.database)
        for (old, new) in [
            ("name: database", "name: other"), ("namespace: shop", "namespace: elsewhere"),
            ("   namespace: shop\n", ""), ("stringData:", "data:"), ("ca.crt:", "ca.pem:"),
            ("kind: Secret", "kind: ConfigMap"), ("apiVersion: v1", "apiVersion: x.io/v1"),
        ] {
            #expect(sealed.contains(old))
            expectClosed(
                world, "deploy/prod/moved.yaml", Array(sealed.replacing(old, with: new).utf8), [2, 4], new)
        }
        expectClosed(
            world, "deploy/prod/moved.yaml", world.bytes("config/deploy/staging/database.yaml") ?? [], [4])
    }

    @Test func `F020: a token of scope e opens anywhere in its environment, one of scope n at its places`() {
        let world = World()
        world.addRule("{ paths: [\"any/**\"], environment: prod, scope: environment, values: [\"**.k\"] }")
        world.addRule("{ paths: [\"stage/**\"], environment: staging, scope: environment, values: [\"**\"] }")
        world.addRule(
            "{ paths: [\"named/**\"], environment: prod, values: [\"k\"], scope: { name: db, places: [\"/Secret/shop/db/k\"] } }"
        )
        world.config.write("any/a.yaml", "k: CANARY\n")
        world.must("seal", "any/a.yaml")
        let token = World.tokens(world.text("config/any/a.yaml"))[0]
        world.config.write("any/b.json", "{\"x\": {\"k\": \"\(token)\"}}")
        // The same value; another format than it was written in is not read as this one.
        world.config.write("any/b.yaml", "x:\n  k: \(token)\n")
        #expect(world.must("open", "any/b.yaml", identity: "alice") == "x:\n  k: CANARY")
        expectClosed(world, "stage/a.yaml", Array("k: \(token)\n".utf8), [4])
        world.config.write("named/a.yaml", "k: CANARY\n")
        world.must("seal", "named/a.yaml")
        let named = World.tokens(world.text("config/named/a.yaml"))[0]
        #expect(named.hasPrefix("sealed.v1.prod-1.n-db."))
        let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\nstringData:\n"
        world.config.write("deploy/prod/db.yaml", secret + "  k: \(named)\n")
        #expect(world.must("open", "deploy/prod/db.yaml", identity: "alice") == secret + "  k: CANARY")
        expectClosed(world, "deploy/prod/db.yaml", Array((secret + "  l: \(named)\n").utf8), [2, 4])
        expectClosed(
            world, "deploy/prod/db.yaml",
            Array((secret.replacing("shop", with: "web") + "  k: \(named)\n").utf8), [2, 4])
    }

    @Test(arguments: [
        ("yaml", "a.b: one\na:\n  b: two\n"), ("yaml", "to:to: one\nto: {to: two}\n"),
        ("yaml", "'a[0]': one\na: [two]\n"), ("yaml", "\"a\\0b\": one\na: {b: two}\n"),
        ("json", "{\"a.b\": \"one\", \"a\": {\"b\": \"two\"}}"), ("json", "{\"\": {\"\": 1}, \".\": 2}"),
        ("toml", "\"a.b\" = 1\na.b = 2\n"), ("ini", "a.b = one\n[a]\nb = two\n"),
        ("ini", "[a]\nb[1] = one\nb = two\nb = three\n"),
    ])
    func `F021: key paths that read alike are different places`(format: String, text: String) {
        let world = World.withCases()
        let file = "cases/a.\(format)"
        let count = text.contains("three") ? 3 : 2
        let sealed = world.expectRoundTrip(file, Array(text.utf8), tokens: count)
        let tokens = World.tokens(sealed)
        let last = tokens[count - 1]
        let swapped = sealed.replacing(tokens[0], with: "\u{1}").replacing(last, with: tokens[0])
            .replacing("\u{1}", with: last)
        expectClosed(world, file, Array(swapped.utf8), [4])
    }

    @Test
    func `F023: headers beyond the limits are refused in little memory, and unknown stanzas passed over`()
        throws
    {
        let world = World.withCases()
        let forge = try AgeForge(world, at: "cases/a.bin")
        let plain = try AgeForge(world.text("alice.recipient"))
        func text(_ stanza: String) -> [UInt8] {
            Array("age-encryption.org/v1\n".utf8) + Array(stanza.utf8)
                + Array("--- \(String(repeating: "A", count: 43))\n".utf8) + [UInt8](repeating: 1, count: 64)
        }
        let line = String(repeating: "A", count: 64) + "\n"
        let body = String(repeating: "A", count: 43) + "\n"
        for header in [
            String(repeating: "-> X25519 \(String(repeating: "B", count: 43))\n\(body)", count: 10_000),
            String(repeating: "-> x\n\n", count: 10_000),
            "-> X25519 A\n" + String(repeating: line, count: 1 << 14) + "\n",
            "-> x " + String(repeating: "a", count: 1 << 20) + "\n\n",
        ] {
            for file in ["cases/a.bin", "plain.age"] {
                expectClosed(world, file, text(header), [11])
                let outcome = world.points("open", file, identity: "alice").run(.none)
                #expect(outcome.status == 11 && outcome.peakByteCount < memoryLimit)
            }
        }
        let unknown = [
            Stanza(type: "piv-p256", arguments: ["a", "b"], body: [1, 2, 3]),
            Stanza(type: "grease-1", arguments: [], body: [UInt8](repeating: 9, count: 500)),
        ]
        let content = Array("content".utf8)
        world.config.write(
            "plain.age", try plain.file(AgeForge.chunks(content), stanzas: unknown + plain.stanzas + unknown))
        #expect(world.run("open", "plain.age", identity: "alice").stdout == content)
        // A sealed file has its two stanzas and no others.
        world.config.write("cases/a.bin", try forge.file(content))
        #expect(world.run("open", "cases/a.bin", identity: "alice").stdout == content)
        expectClosed(
            world, "cases/a.bin", try forge.file(AgeForge.chunks(content), stanzas: forge.stanzas + unknown),
            [3])
    }

    @Test func `F024: another version is refused, and there is no falling back`() {
        let (world, document, file) = sealed()
        let text = String(decoding: document, as: UTF8.self)
        for version in ["v0", "v2", "v3", "v01", "v1000000000000000000000000"] {
            expectClosed(
                world, "cases/a.yaml", Array(text.replacing("sealed.v1.", with: "sealed.\(version).").utf8),
                [3],
                version)
        }
        for version in ["v0", "v2", "v1.1", "v11", "v"] {
            let intro = Array("age-encryption.org/\(version)\n".utf8)
            let altered = intro + file.dropFirst("age-encryption.org/v1\n".utf8.count)
            expectClosed(world, "cases/a.bin", altered, [3], version)
        }
        world.edit("config/.strongroom.yaml", "version: 1\n", "version: 2\n")
        world.config.write("cases/a.yaml", document)
        expect(world.run("open", "cases/a.yaml", identity: "alice"), 2, ".strongroom.yaml", "line")
    }
}
