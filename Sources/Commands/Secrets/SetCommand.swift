internal import ArgumentParser
internal import Documents
internal import Sealing
internal import Sodium

/// `strongroom set`: one value, sealed straight into a file, with public keys alone.
struct SetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Seal one value into a file, with public keys alone.",
        discussion: """
            The value is read from standard input, else asked for on the terminal; one trailing line feed is left out. \
            KEYPATH is as data.password, data["tls.crt"] or spec.env[name=DB].value; a missing key is appended to \
            its mapping. Under a Secret's data the value is written as base64.
            """)

    @Argument(help: "A file of this repository.", completion: .file())
    var file: String

    @Argument(help: ArgumentHelp("Where the value stands in the file.", valueName: "keypath"))
    var keyPath: String

    @Option(help: ArgumentHelp("The value's type.", valueName: "string|int|float|bool|null"))
    var type = "string"

    @Flag(help: "Keep a trailing line feed of standard input.")
    var raw = false

    @OptionGroup var document: DocumentOption
    @OptionGroup var trust: TrustOptions

    func validate() throws {
        guard DocumentSealer.ValueType(rawValue: type) != nil else {
            throw ValidationError("--type is one of string, int, float, bool, null")
        }
    }

    func run() async throws {
        let checkout = try Checkout(around: ".")
        let path = try checkout.path(of: file)
        guard let rule = checkout.rules.rule(for: path) else {
            throw Failure(
                .refused, "\(file): no rule is for this file", hints: ["add a rule to \(Rules.fileName)"])
        }
        // Before the value is asked for, which takes its time: nobody else is locked out meanwhile.
        _ = try checkout.keyring(rule.environment)
        _ = try WorkFile(file)
        let value =
            Console.isInputTerminal
            ? try Terminal.askTwice("value of \(keyPath)") : try Terminal.standardInput(raw: raw)
        try checkout.sealValue(into: file, for: rule.environment, trust: trust) { sealer, bytes in
            try sealer.set(
                value, type: DocumentSealer.ValueType(rawValue: type) ?? .string, at: Array(keyPath.utf8),
                in: try document.selector(), of: bytes, path: path)
        }
        Console.note("\(file): sealed \(keyPath) to \(rule.environment)")
    }
}
