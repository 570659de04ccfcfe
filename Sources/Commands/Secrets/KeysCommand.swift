internal import ArgumentParser
internal import Files
internal import Keyrings
internal import SSH
internal import Sodium

/// `strongroom keys`: identities and, with later verbs, the members of keyrings.
struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Make and show identities.",
        subcommands: [KeysNewCommand.self, KeysShowCommand.self])
}

/// `strongroom keys new`: a new identity; its recipient goes to standard output.
struct KeysNewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new", abstract: "Make a new identity (a private key).",
        discussion: "The file gets mode 0600 and is never overwritten. Its recipient (the public key) is printed.")

    @Option(help: ArgumentHelp("Where the identity goes. Default: the user's own identity.", valueName: "file"))
    var output: String?

    @Flag(help: "Encrypt the file under a passphrase, which is asked for.")
    var passphrase = false

    func run() async throws {
        let path = try output ?? Locations.identity()
        let identity = X25519Identity.generate()
        let content = IdentityFile.content(of: identity, created: Process.now)
        let whole = Path(path)
        let directory = try output == nil ? Directory.makePath(whole.parent) : Directory(whole.parent)
        do throws(FileError) {
            guard try directory.metadataIfPresent(of: whole.name) == nil else {
                throw FileError.taken(whole)
            }
            if passphrase {
                let secret = try Terminal.askTwice("new passphrase")
                let encrypted = try IdentityFile.encrypt(content, passphrase: secret)
                try encrypted.withBytes { (bytes) throws(FileError) in
                    try directory.write(bytes, to: whole.name, .refused)
                }
            } else {
                try content.withBytes { (bytes) throws(FileError) in
                    try directory.write(bytes, to: whole.name, .refused)
                }
            }
        }
        Console.print(identity.recipient.text)
        Console.note("strongroom: the identity is in \(path); keep a copy where you keep what must not be lost")
    }
}
