internal import ArgumentParser
internal import Documents
internal import Files
internal import Sealing
internal import Sodium

/// `strongroom generate`: a random value, straight into a token.
struct GenerateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate", abstract: "Seal a random password or key into a file.",
        discussion: """
            Nobody sees the value: it is made in guarded memory and sealed with public keys alone. By default 32 \
            letters and digits, about 190 bits. KEYPATH is as for 'set'.
            """)

    /// Forms of value that are not of an alphabet.
    enum Form: String, EnumerableFlag {
        case hex, base64, uuid

        static func help(for value: Form) -> ArgumentHelp? {
            switch value {
            case .hex: "Random bytes in lower-case hex, --length of them."
            case .base64: "Random bytes in base64, --length of them."
            case .uuid: "A random UUID (version 4)."
            }
        }
    }

    @Argument(help: "A file of this repository.")
    var file: String

    @Argument(help: ArgumentHelp("Where the value stands in the file.", valueName: "keypath"))
    var keyPath: String

    @Option(help: ArgumentHelp("Characters; with --hex and --base64, bytes. Default: 32.", valueName: "n"))
    var length: Int?

    @Option(help: ArgumentHelp("The characters to choose from, ASCII, each once.", valueName: "characters"))
    var alphabet: String?

    @Flag var form: Form?

    @OptionGroup var document: DocumentOption
    @OptionGroup var trust: TrustOptions

    func validate() throws {
        if let length, !(8...4_096).contains(length) {
            throw ValidationError("--length is from 8 to 4096")
        }
        guard form != .uuid || length == nil else { throw ValidationError("a UUID has its own length") }
        guard let alphabet else { return }
        guard form == nil else { throw ValidationError("--alphabet goes with no other form") }
        guard Set(alphabet.utf8).count == alphabet.utf8.count, (2...94).contains(alphabet.utf8.count),
            alphabet.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw ValidationError("--alphabet: 2 to 94 printable ASCII characters, each once, no space") }
    }

    func run() async throws {
        let checkout = try Checkout(around: Path(file).parent.description)
        let path = try checkout.path(of: file)
        let rule = try checkout.rule(for: path, file)
        let keys = try checkout.sealingKeys([rule.environment], trust: trust)
        let work = try WorkFile(file)
        let bytes = try work.read(limit: DocumentLimits().byteCount)
        let outcome = try checkout.sealer(keys).set(
            value(), at: Array(keyPath.utf8), in: try document.selector(), of: bytes, path: path)
        try outcome.bytes.withBytes { try work.replace(with: $0) }
        Console.note("\(file): sealed a random value at \(keyPath) to \(rule.environment)")
    }

    private func value() -> SecretBytes {
        let count = length ?? 32
        switch form {
        case .hex: return RandomValue.hex(byteCount: count)
        case .base64: return RandomValue.base64(byteCount: count)
        case .uuid: return RandomValue.uuid()
        case nil:
            return RandomValue.text(of: Array((alphabet ?? RandomValue.alphanumeric).utf8), count: count)
        }
    }
}
