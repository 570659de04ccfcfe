internal import Archives
internal import ArgumentParser
internal import Assembly
internal import Encodings
internal import Files
internal import Keyrings
internal import Trust

/// `strongroom store init`: a new store; its fingerprint goes to standard output.
struct StoreInitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make an archive store in an empty directory or bucket prefix.",
        discussion: """
            Readers can open backups; writers can add them and open none, their own included. Without --reader the \
            caller's identity is one. The caller's agent key is enrolled, and others with --agent. The fingerprint of \
            the store's first configuration is printed: settings name it as 'trust'. A bucket has to be there; \
            the variables for its credentials are told by strongroom --help.
            """)

    @Argument(help: ArgumentHelp("The store: a directory, or s3://bucket/prefix.", valueName: "store"))
    var store: String

    @Option(help: ArgumentHelp("Who can read backups; repeatable.", valueName: "recipient"))
    var reader: [String] = []

    @Option(
        help: ArgumentHelp("Who can add backups without reading any; repeatable.", valueName: "recipient"))
    var writer: [String] = []

    @Option(
        help: ArgumentHelp(
            "Another agent that may add, beside the caller's, which is named 'default': with the key that 'strongroom keys show' prints. It needs --writer, too; repeatable.",
            valueName: "name=key"))
    var agent: [String] = []

    @Option(
        help: ArgumentHelp(
            "The OpenSSH key that signs the configuration. Default: one of the identity.", valueName: "file"))
    var signingKey: String?

    @OptionGroup var identities: IdentityOptions

    func run() async throws {
        let place = try StoreOptions.place(store)
        let identity = try identities.load().first
        guard let identity else { throw Failure(.usage, "no identity") }
        let readers = try reader.isEmpty ? [identity.recipient] : reader.map { try recipient($0, "--reader") }
        let writers = try writer.map { try recipient($0, "--writer") }
        guard (readers + writers).contains(identity.recipient) || !agent.isEmpty else {
            throw Failure(
                .usage,
                "the caller is neither reader nor writer, and no --agent is named: nobody could add a backup")
        }
        let signer = try AdminSigner.find(keyFile: signingKey, repository: nil, identity: identity)
        let made = try await StoreAccess.create(
            place, readers: readers, writers: writers, agents: try agents(identity),
            signer: signer.publicKey
        ) { header in try await signer.sign(header) }
        let pins = StorePins(directory: Path(try Locations.pins()))
        try pins.record(StoreTrust(root: made.fingerprint, generation: made.generation), for: place.name)
        Console.print(made.fingerprint.description)
        Console.note(
            "strongroom: \(store): a store with \(readers.count) \(readers.count == 1 ? "reader" : "readers"); "
                + "trust fingerprint above")
        Console.note("strongroom: next: strongroom backup --store \(store) PATH…, or name it in the settings")
    }

    private func agents(_ identity: MemberIdentity) throws -> [AgentRecord] {
        var agents = [
            AgentRecord(
                name: "default", publicKey: StoreAccess.agentKey(of: identity).publicKey,
                powers: [.add, .prune])
        ]
        for text in agent {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, let key = try? Hex.decode(parts[1]), key.count == 32 else {
                throw Failure(
                    .usage, "--agent: expected NAME=KEY with the key that 'strongroom keys show' prints")
            }
            guard AgentRecord.isName(parts[0]) else {
                throw Failure(.usage, "--agent: \(parts[0]): \(AgentRecord.nameRule)")
            }
            guard !agents.contains(where: { $0.name == parts[0] || $0.publicKey == key }) else {
                throw Failure(
                    .usage, "--agent: \(parts[0]): the name or its key is enrolled already",
                    hints: ["the caller's own key is enrolled as 'default'"])
            }
            agents.append(AgentRecord(name: parts[0], publicKey: key, powers: [.add]))
        }
        return agents
    }

    private func recipient(_ text: String, _ option: String) throws -> MemberRecipient {
        try Failure.about(option) { try MemberRecipient(text: text) }
    }
}
