import Keyrings
import Sealing
import Sodium
import Support
import Testing

/// F030: whatever is wrong while a secret is in hand, no message holds the secret or a slice of it.
@Suite struct LeakCaseTests {
    /// No run of five of its characters is a word of any message.
    private static let secret = "Zq7xK2vW9jB4"

    /// Whether a slice of the secret is in `text`.
    private static func leaks(_ text: String) -> Bool {
        let characters = Array(secret)
        return (0...(characters.count - 5)).contains { text.contains(String(characters[$0..<($0 + 5)])) }
    }

    /// Runs `arguments`, which have to fail, and looks for the secret in all that comes out.
    private func expectSilence(
        _ world: World, _ arguments: [String], stdin: String = "", editor: String = "true", _ note: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let outcome = world.run(arguments, identity: "alice", stdin: stdin, adding: ["EDITOR": editor])
        #expect(
            (2...11).contains(outcome.status), "\(arguments) \(note): \(outcome.errorText)",
            sourceLocation: sourceLocation)
        expect(outcome, outcome.status, sourceLocation: sourceLocation)
        let isLeaking = Self.leaks(outcome.errorText) || Self.leaks(outcome.text)
        #expect(!isLeaking, "\(arguments) \(note)", sourceLocation: sourceLocation)
    }

    @Test(arguments: [
        ("a.yaml", "a: [X\nb: 1\n"), ("a.yaml", "a: \"X\nb: 1\n"), ("a.yaml", "a: X: X\n"),
        ("a.yaml", "a: *X\n"),
        ("a.yaml", "a: X\n  b: X\n"), ("a.yaml", "a: 'X' X\n"), ("a.yaml", "a: X\na: X\n"), ("a.yaml", "X\n"),
        ("a.yaml", "a: \"\\X\"\n"), ("a.yaml", "a: !X X\n%X\n"), ("a.yaml", "a:\tX\n\tb: X\n"),
        ("a.yaml", "? [X]\n: X\n"), ("a.yaml", "a: \"X\u{2028}X\"\n"), ("a.yaml", "a: X\n  X\n"),
        ("a.yaml", "a: @X\n"),
        ("a.yaml", "a: &X X\nb: *X\n"), ("a.yaml", "a: \u{1}X\n"), ("a.yaml", "a: 'sealed.v1.X'\n"),
        ("a.yaml", "a: sealed.v1.prod-1.f.X\n"), ("a.yaml", "a: sealed.v9.X\n"),
        ("a.json", "{\"a\": X}"), ("a.json", "{\"a\": \"X\"\n \"b\": 1}"), ("a.json", "{\"a\": \"X"),
        ("a.json", "{\"a\": \"\\X\"}"), ("a.json", "{\"a\": \"X\", \"a\": \"X\"}"), ("a.json", "[1] X"),
        ("a.env", "A='X\n"), ("a.env", "X\n"), ("a.env", "A=X\nA=X\n"), ("a.env", "A='X'X\n"),
        ("a.env", "A=`X`\n"),
        ("a.env", "A=$(X)\n"), ("a.env", "A X=X\n"), ("a.ini", "[a]\nX\n"), ("a.ini", "[a]\nb = \"X\n"),
        ("a.ini", "[a]\nb = X ; X\n"), ("a.ini", "[X\n"), ("a.ini", "[a]\nb = 1\n  X\n"),
        ("a.toml", "a = X\n"),
        ("a.toml", "a = \"X\n"), ("a.toml", "a = 'X' X\n"), ("a.toml", "a = \"\\X\"\n"),
        ("a.toml", "a = 1\na = \"X\"\n"),
    ])
    func `F030: a document that can't be read or sealed is told without its content`(
        file: String, text: String
    ) {
        let world = World.withCases(", required: true")
        let place = "cases/\(file)"
        let content = text.replacing("X", with: Self.secret)
        world.config.write(place, content)
        expectSilence(world, ["seal", place], text)
        let key = file == "a.env" ? "A" : file == "a.ini" ? "a.b" : "a"
        // Another value is set, or the file is opened, where that can be.
        for arguments in [["set", place, key], ["check", place], ["render", "cases"]] {
            let outcome = world.run(arguments, identity: "alice", stdin: Self.secret)
            #expect(!Self.leaks(outcome.errorText), "\(arguments) \(outcome.errorText)")
            // Opened, or shown where it is no secret any more: data is what it is.
            if arguments[0] == "check" { #expect(!Self.leaks(outcome.text)) }
            expect(outcome, outcome.status)
            world.config.write(place, content)
        }
    }

    @Test func `F030: a value that can't be set, edited or used is not told`() {
        let world = World.withCases()
        world.config.write("cases/a.yaml", "a: 1\n")
        world.config.write("cases/a.env", "A=1\n")
        world.must("seal", "cases/a.yaml", "cases/a.env")
        for type in ["int", "float", "bool", "null"] {
            expectSilence(world, ["set", "cases/a.yaml", "a", "--type", type], stdin: Self.secret, type)
        }
        for value in ["\(Self.secret)\n\(Self.secret)", "it's \"\(Self.secret)\"", "\u{1}\(Self.secret)"] {
            expectSilence(world, ["set", "cases/a.env", "A", "--raw"], stdin: value, value)
        }
        expectSilence(
            world, ["set", "cases/a.yaml", "a"], stdin: "sealed.v1.\(Self.secret)", "a token in the value")
        expectSilence(
            world, ["set", "cases/a.yaml", "a"], stdin: Self.secret + String(repeating: "x", count: 1 << 20),
            "too long")
        for edited in ["a: [\(Self.secret)", "a: \(Self.secret)\na: \(Self.secret)", "a: \"\(Self.secret)"] {
            let editor = "printf '%s\\n' '\(edited)' >"
            expectSilence(world, ["edit", "cases/a.yaml"], editor: editor, edited)
        }
        // A program that can't be given its values.
        world.config.write(
            "deploy/prod/s.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: n}\ndata: {k: \"%\(Self.secret)\"}\n"
        )
        world.must("seal", "deploy/prod/s.yaml")
        expectSilence(world, ["exec", "--file", "deploy/prod/s.yaml", "--", "true"], "no base64")
    }

    @Test func `F030: a hostile plaintext is refused without being told`() throws {
        let world = World()
        world.addRule("{ paths: [\"cases/**\"], environment: prod, scope: environment, values: [\"**\"] }")
        let keyring = try Keyring(parsing: world.bytes("config/Keys/prod.yaml") ?? [], environment: "prod")
        for (format, name, context) in [
            (SealedRecord.Format.yaml, "a.yaml", "a: T\nb: 1\n"), (.json, "a.json", "{\"a\": \"T\"}"),
            (.dotenv, "a.env", "A=T\n"), (.ini, "a.ini", "[a]\nb = T\n"), (.toml, "a.toml", "a = \"T\"\n"),
        ] {
            for (source, style) in [
                ("\(Self.secret)\nx: \(Self.secret)", SealedRecord.Style.plain),
                ("\(Self.secret) # \(Self.secret)\n", .plain),
                ("\"\(Self.secret)", .plain), ("\u{0}\(Self.secret)", .plain),
            ] {
                let head = SealedRecord.Head(format: format, style: style, indentation: 0)
                let token = try Array(source.utf8).withBytes { (source) throws(SealingError) in
                    try SealedValue.seal(source, as: head, to: keyring.sealingKey, at: .environment)
                }
                let text = String(decoding: token.text, as: UTF8.self)
                world.config.write("cases/\(name)", context.replacing("T", with: text))
                expectSilence(world, ["open", "cases/\(name)"], source)
                expectSilence(world, ["render", "cases"], source)
                expectSilence(world, ["edit", "cases/\(name)"], source)
                _ = ShellCommand.run("rm", [world.path("config/cases/\(name)")])
            }
        }
    }
}
