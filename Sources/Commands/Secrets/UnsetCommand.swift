internal import ArgumentParser
internal import Documents
internal import Files
internal import Sealing
internal import Sodium

/// `strongroom unset`: a key and its value taken out of a file; needs no key.
struct UnsetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unset", abstract: "Take a key and its value out of a file.",
        discussion: """
            In YAML the lines of the key go, in JSON and flow style its member; every other byte stays. KEYPATH is as \
            data.password, data["tls.crt"] or spec.env[name=DB].value. Refused where more than the key would change, \
            or where another token's place would move. What Git history holds stays readable: change the secret.
            """)

    @Argument(help: "A file of this repository.", completion: .file())
    var file: String

    @Argument(help: ArgumentHelp("Where the value stands in the file.", valueName: "keypath"))
    var keyPath: String

    @Flag(help: "Say whether it could be done, and change nothing.")
    var dryRun = false

    @OptionGroup var document: DocumentOption

    func run() async throws {
        let checkout = try Checkout(around: Path(file).parent.description)
        let path = try checkout.path(of: file)
        _ = try checkout.rule(for: path, file)
        try checkout.locked(.shared, if: !dryRun) {
            let work = try WorkFile(file)
            let bytes = try work.read(limit: DocumentLimits().byteCount)
            let result = try checkout.sealer([:])
                .unset(Array(keyPath.utf8), in: try document.selector(), of: bytes, path: path)
            if !dryRun { try result.withBytes { try work.replace(with: $0) } }
        }
        Console.note("\(file): \(dryRun ? "would remove" : "removed") \(keyPath)")
    }
}
