import Support
import Testing

/// What the cases of CASES.md share: rules for their files, and what holds after every refusal.
extension World {
    /// Puts a rule, in flow style, before the others.
    func addRule(_ rule: String, sourceLocation: SourceLocation = #_sourceLocation) {
        edit("config/.strongroom.yaml", "rules:\n", "rules:\n  - \(rule)\n", sourceLocation: sourceLocation)
    }

    /// A world in which every value of the files in `cases/` is sealed to its file; those that end in `.bin` whole.
    static func withCases(_ options: String = "") -> World {
        let world = World()
        world.addRule(
            "{ paths: [\"cases/**\"], environment: prod, scope: file, values: [\"**\"]\(options) }")
        world.addRule("{ paths: [\"cases/*.bin\"], environment: prod, sealed: file, required: true }")
        return world
    }

    /// Runs strongroom where it has to be refused with `status`: one line of error with `words`, nothing on standard
    /// output, and the repository as it was, to the mode and byte, without any temporary file (G1 to G3).
    func expectRefused(
        _ status: Int32, _ words: [String], _ arguments: [String], identity: String? = nil,
        stdin: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let before = try FileTree(config.path)
        let outcome = run(arguments, identity: identity, stdin: stdin)
        expect(outcome, status, sourceLocation: sourceLocation)
        for word in words {
            #expect(
                outcome.errorText.contains(word), "\(outcome.errorText)", sourceLocation: sourceLocation)
        }
        #expect(outcome.stdout.isEmpty, sourceLocation: sourceLocation)
        #expect(try FileTree(config.path) == before, sourceLocation: sourceLocation)
    }

    /// Seals a file of the repository, which must get `count` tokens; opens it, which must give the bytes back. Returns
    /// the sealed text.
    @discardableResult
    func expectRoundTrip(
        _ file: String, _ bytes: [UInt8], tokens count: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) -> String {
        config.write(file, bytes)
        let outcome = run("seal", file)
        let words = count == 1 ? "sealed 1 value" : "sealed \(count) values"
        expect(outcome, 0, words, sourceLocation: sourceLocation)
        let sealed = text("config/\(file)")
        #expect(Self.tokens(sealed).count == count, "\(sealed)", sourceLocation: sourceLocation)
        let opened = run("open", file, identity: "alice")
        expect(opened, 0, sourceLocation: sourceLocation)
        #expect(
            opened.stdout == bytes, "\(opened.text.debugDescription)", sourceLocation: sourceLocation)
        return sealed
    }

    /// The tokens in a text, in order.
    static func tokens(_ text: String) -> [String] {
        text.split { !($0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0))) }
            .filter { $0.hasPrefix("sealed.v") }.map(String.init)
    }

    /// What a text has outside of its tokens, each of which is a `T`.
    static func frame(_ text: String) -> String {
        tokens(text).reduce(text) { $0.replacing($1, with: "T") }
    }
}

/// The bound of G4 on memory, for what is refused or streamed.
let memoryLimit = 64 << 20
