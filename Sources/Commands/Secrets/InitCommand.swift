internal import ArgumentParser
internal import Files
internal import Keyrings
internal import SSH
internal import Sealing
internal import Sodium
internal import Trust

/// `strongroom init`: rules and keyring of a new environment; its trust root goes to standard output.
struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Begin an environment in this Git repository.",
        discussion: """
            Writes .strongroom.yaml where it is missing and Keys/ENVIRONMENT.yaml, which is never overwritten, and \
            prints the fingerprint of the keyring's root. Nothing else is installed.
            """)

    @Option(help: ArgumentHelp("The environment's name.", valueName: "name"))
    var environment: String

    @Option(
        help: ArgumentHelp(
            "Who can open, by name; repeatable. Default: the caller's identity, as 'default'.",
            valueName: "name=recipient"))
    var member: [String] = []

    @Option(
        help: ArgumentHelp("Files that the first rule is for. Default: deploy/NAME/**", valueName: "glob"))
    var paths: [String] = []

    @Option(
        help: ArgumentHelp(
            "The OpenSSH key that signs the keyring. Default: git's signing key, else one of the identity.",
            valueName: "file"))
    var signingKey: String?

    @OptionGroup var identities: IdentityOptions

    func run() async throws {
        try EnvironmentName.check(environment)
        let root = try Checkout.root(around: ".")
        let lock = try TreeLock(root, .exclusive)
        let directory = try Directory(Path(root))
        let rules = try newRules(try Checkout.readRules(root))
        let parsed = try Failure.about(Rules.fileName) { try Rules(parsing: rules.text) }
        let keyringPath = "\(parsed.keyrings)/\(environment).yaml"
        guard try directory.metadataIfPresent(of: Path(keyringPath)) == nil else {
            throw Failure(
                .usage, "\(keyringPath): exists already and is never overwritten",
                hints: ["name another environment, or change the members of this one"])
        }
        let keyring = try await newKeyring(root)
        try pin(keyring, parsed)

        let folder = try directory.makeDirectories(Path(parsed.keyrings), mode: 0o755)
        try keyring.yaml.withBytes {
            try folder.write($0, to: Path("\(environment).yaml"), mode: 0o644, .never)
        }
        if rules.isNew {
            try rules.text.withBytes {
                try directory.write($0, to: Path(Rules.fileName), mode: 0o644, .anyFile)
            }
        }
        lock.release()
        Console.print(keyring.root.description)
        let names = keyring.body.members.map(\.name).joined(separator: ", ")
        Console.note("strongroom: \(keyringPath): \(environment) can be opened by \(names); trust root above")
        if let rule = rules.added { Console.note("strongroom: \(Rules.fileName): added the rule \(rule)") }
        Console.note("strongroom: next: strongroom seal FILE, then commit both files with it")
    }

    /// Pins the new keyring, unless another one of this environment was seen before.
    private func pin(_ keyring: Keyring, _ rules: Rules) throws {
        guard let directory = try? Locations.pins() else { return }
        let verdict = try Pins(directory: Path(directory)).check(
            keyring.chain, repository: rules.repository.description)
        guard verdict.outcome.allowsSealing else {
            throw Failure(
                .refused, "\(environment): another keyring of this environment was seen before",
                hints: [
                    "get \(rules.keyrings)/\(environment).yaml back from Git, or name another environment"
                ])
        }
        if let error = verdict.notWritten {
            Console.note("strongroom: the keyring could not be pinned (\(error.description)); going on")
        }
    }

    private func newKeyring(_ root: String) async throws -> Keyring {
        var members: [Member] = []
        for text in member {
            guard let split = text.firstIndex(of: "=") else {
                throw Failure(.usage, "--member: expected NAME=RECIPIENT")
            }
            members.append(
                try Member(name: String(text[..<split]), recipient: String(text[text.index(after: split)...]))
            )
        }
        // The caller's identity is needed for the default member, and for signing where no SSH key is there.
        let identity = try (member.isEmpty || hasIdentity) ? identities.load().first : nil
        if members.isEmpty, let identity {
            members = [try Member(name: "default", recipient: identity.recipient.text)]
        }
        let signer = try AdminSigner.find(keyFile: signingKey, repository: root, identity: identity)
        let body = try KeyringBody(newFor: members)
        let header = try GenerationHeader(
            first: .keyring, subject: environment, admins: [signer.publicKey], body: body.bytes)
        let signature = try await signer.sign(header)
        return try Keyring(
            environment: environment,
            generations: [SignedGeneration(header: header, signatures: [signature])], body: body)
    }

    private var hasIdentity: Bool {
        guard identities.files.isEmpty, Process.variable("STRONGROOM_IDENTITY") == nil else { return true }
        guard let path = try? Locations.identity() else { return false }
        let whole = Path(path)
        return (try? Directory(whole.parent).metadataIfPresent(of: whole.name)) ?? nil != nil
    }

    /// The rules with one for the environment: new ones, or those that are there with a line at their end.
    private func newRules(_ existing: [UInt8]?) throws -> (text: [UInt8], isNew: Bool, added: String?) {
        let globs = paths.isEmpty ? ["deploy/\(environment)/**"] : paths
        guard let existing else {
            let repository = RepositoryID(random: RandomBytes.make(16))
            return (Rules.write(repository: repository, rules: [(environment, globs)]), true, nil)
        }
        let rules = try Failure.about(Rules.fileName) { try Rules(parsing: existing) }
        guard !rules.rules.contains(where: { $0.environment == environment }) else {
            return (existing, false, nil)
        }
        let list = globs.map { "\"\($0)\"" }.joined(separator: ", ")
        let line = "{ paths: [\(list)], environment: \(environment), required: true }"
        let text = existing + (existing.last == 0x0A ? [] : [0x0A]) + Array("  - \(line)\n".utf8)
        // Where the list of rules is not the last block of the file, the line has no place at its end.
        guard let grown = try? Rules(parsing: text), grown.rules.count == rules.rules.count + 1,
            grown.rules.last?.environment == environment
        else {
            Console.note("strongroom: \(Rules.fileName): add this rule where it belongs: - \(line)")
            return (existing, false, nil)
        }
        return (text, true, line)
    }
}
