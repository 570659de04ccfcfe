internal import Archives
internal import ArgumentParser
internal import Assembly
internal import Encodings
internal import Files
internal import Keyrings
internal import SSH
internal import Sodium

/// `strongroom keys`: identities, and the members of keyrings.
struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Make identities, and say who can open an environment.",
        subcommands: [
            KeysNewCommand.self, KeysShowCommand.self, KeysListCommand.self, KeysAddCommand.self,
            KeysRemoveCommand.self, KeysRotateCommand.self, KeysExportCommand.self, KeysTrustCommand.self,
            KeysSignCommand.self, KeysRebaseCommand.self, KeysRestartCommand.self,
        ])
}

/// `strongroom keys new`: a new identity; its recipient goes to standard output.
struct KeysNewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new", abstract: "Make a new identity (a private key).",
        discussion:
            "The file gets mode 0600 and is never overwritten. Its recipient (the public key) is printed.")

    @Option(
        help: ArgumentHelp("Where the identity goes. Default: the user's own identity.", valueName: "file"))
    var output: String?

    @Flag(help: "Encrypt the file under a passphrase, which is asked for.")
    var passphrase = false

    func run() async throws {
        let path = try output ?? Locations.identity()
        let identity = X25519Identity.generate()
        let content = IdentityFile.content(of: identity, created: Process.now)
        let place = Path(path)
        if output == nil { _ = try Directory.makePath(place.parent) }
        guard try Directory(place.parent).metadataIfPresent(of: place.name) == nil else {
            throw Failure(
                .usage, "\(path): exists already and is never overwritten",
                hints: ["--output names another file"])
        }
        if passphrase {
            let encrypted = try IdentityFile.encrypt(
                content, passphrase: try Terminal.askTwice("new passphrase"))
            try encrypted.withBytes { try IdentityFile.create(Path(path), content: $0) }
        } else {
            try content.withBytes { try IdentityFile.create(Path(path), content: $0) }
        }
        Console.print(identity.recipient.text)
        Console.note(
            "strongroom: the identity is in \(path); keep a copy where you keep what must not be lost")
    }
}

/// `strongroom keys show`: the public keys that belong to identities.
struct KeysShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show the public keys that belong to an identity.",
        discussion:
            "The recipient, the key that signs keyrings where no SSH key does, and the key of an agent.")

    @OptionGroup var identities: IdentityOptions

    func run() async throws {
        for identity in try identities.load() {
            Console.print("recipient \(identity.recipient.text)")
            Console.print("signing   \(SigningKey(of: identity).publicKey.text)")
            Console.print("agent     \(Hex.encode(StoreAccess.agentKey(of: identity).publicKey))")
        }
    }
}
