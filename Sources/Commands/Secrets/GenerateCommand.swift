internal import ArgumentParser
internal import Documents
internal import Files
internal import Sealing
internal import Sodium

/// `strongroom generate`: a random value or a private key, straight into a token.
struct GenerateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate", abstract: "Seal a random password or a new private key into a file.",
        discussion: """
            Nobody sees the value: it is made in guarded memory and sealed with public keys alone. By default 32 \
            letters and digits, about 190 bits. Of a private key the public one goes to standard output. A value that \
            stands there already stays, unless --replace is given. KEYPATH is as for 'set'.
            """)

    /// Forms of value that are not of an alphabet.
    enum Form: String, EnumerableFlag {
        case hex, base64, uuid, sshEd25519, age, wireguard

        static func name(for value: Form) -> NameSpecification {
            value == .sshEd25519 ? .customLong("ssh-ed25519") : .long
        }

        static func help(for value: Form) -> ArgumentHelp? {
            switch value {
            case .hex: "Random bytes in lower-case hex, --length of them."
            case .base64: "Random bytes in base64, --length of them."
            case .uuid: "A random UUID (version 4)."
            case .sshEd25519: "An OpenSSH private key; its authorized_keys line goes to standard output."
            case .age: "An age identity; its recipient goes to standard output."
            case .wireguard: "An X25519 key as WireGuard has it; its public key goes to standard output."
            }
        }
    }

    @Argument(help: "A file of this repository.", completion: .file())
    var file: String

    @Argument(help: ArgumentHelp("Where the value stands in the file.", valueName: "keypath"))
    var keyPath: String

    @Option(help: ArgumentHelp("Characters; with --hex and --base64, bytes. Default: 32.", valueName: "n"))
    var length: Int?

    @Option(help: ArgumentHelp("The characters to choose from, ASCII, each once.", valueName: "characters"))
    var alphabet: String?

    @Flag(help: "Signs besides letters and digits: +,-./:=@_~")
    var symbols = false

    @Flag(
        help:
            "At least one lower-case and upper-case letter, digit and sign, as far as the alphabet has them.")
    var everyKind = false

    @Flag var form: Form?

    @Option(help: ArgumentHelp("The comment of an SSH key. Default: the key path.", valueName: "text"))
    var comment: String?

    @Flag(help: "Put the new value in the place of one that stands there.")
    var replace = false

    @OptionGroup var document: DocumentOption
    @OptionGroup var trust: TrustOptions

    func validate() throws {
        if let length, !(8...4_096).contains(length) {
            throw ValidationError("--length is from 8 to 4096")
        }
        switch form {
        case .uuid, .sshEd25519, .age, .wireguard:
            guard length == nil else { throw ValidationError("--length does not go with this form of value") }
        case nil, .hex, .base64: break
        }
        guard comment == nil || form == .sshEd25519 else {
            throw ValidationError("--comment goes with --ssh-ed25519")
        }
        guard comment?.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) != true else {
            throw ValidationError("--comment is one line")
        }
        guard form == nil || (alphabet == nil && !symbols && !everyKind) else {
            throw ValidationError("--alphabet, --symbols and --every-kind go with no other form")
        }
        guard let alphabet else { return }
        guard !symbols else { throw ValidationError("--alphabet and --symbols exclude each other") }
        guard Set(alphabet.utf8).count == alphabet.utf8.count, (2...94).contains(alphabet.utf8.count),
            alphabet.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw ValidationError("--alphabet: 2 to 94 printable ASCII characters, each once, no space") }
    }

    func run() async throws {
        let checkout = try Checkout(around: Path(file).parent.description)
        let path = try checkout.path(of: file)
        let rule = try checkout.rule(for: path, file)
        let value = value()
        try checkout.sealValue(into: file, for: rule.environment, trust: trust) { sealer, bytes in
            try sealer.set(
                value.secret, at: Array(keyPath.utf8), in: try document.selector(), of: bytes, path: path,
                replacing: replace)
        }
        if let publicKey = value.publicKey { Console.print(publicKey) }
        Console.note("\(file): sealed \(words) at \(keyPath) to \(rule.environment)")
    }

    private var words: String {
        switch form {
        case .sshEd25519: "a new SSH key"
        case .age: "a new age identity"
        case .wireguard: "a new WireGuard key"
        case nil, .hex, .base64, .uuid: "a random value"
        }
    }

    private func value() -> GeneratedValue {
        let count = length ?? 32
        switch form {
        case .hex: return GeneratedValue(RandomValue.hex(byteCount: count))
        case .base64: return GeneratedValue(RandomValue.base64(byteCount: count))
        case .uuid: return GeneratedValue(RandomValue.uuid())
        case .sshEd25519: return .sshKey(comment: comment ?? keyPath)
        case .age: return .ageIdentity()
        case .wireguard: return .wireGuardKey()
        case nil:
            let characters = Array(
                (alphabet ?? RandomValue.alphanumeric + (symbols ? RandomValue.symbols : "")).utf8)
            return GeneratedValue(
                everyKind
                    ? RandomValue.textOfEveryKind(of: characters, count: count)
                    : RandomValue.text(of: characters, count: count))
        }
    }
}
