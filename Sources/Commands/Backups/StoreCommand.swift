internal import Archives
internal import ArgumentParser
internal import Assembly
internal import Encodings
internal import Files
internal import Keyrings
internal import Trust

/// `strongroom store`: archive stores.
struct StoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store", abstract: "Make and look after archive stores.",
        subcommands: [StoreInitCommand.self, StoreInfoCommand.self, StoreCheckCommand.self])
}

/// `strongroom store init`: a new store; its fingerprint goes to standard output.
struct StoreInitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make an archive store in an empty directory.",
        discussion: """
            Readers can open backups; writers can add them and open none, their own included. Without --reader the \
            caller's identity is one. The caller's agent key is enrolled, and others with --agent. The fingerprint of \
            the store's first configuration is printed: settings name it as 'trust'.
            """)

    @Argument(help: ArgumentHelp("The store's directory.", valueName: "store"))
    var store: String

    @Option(help: ArgumentHelp("Who can read backups; repeatable.", valueName: "recipient"))
    var reader: [String] = []

    @Option(
        help: ArgumentHelp("Who can add backups without reading any; repeatable.", valueName: "recipient"))
    var writer: [String] = []

    @Option(
        help: ArgumentHelp(
            "An agent that may add, with the key that 'strongroom keys show' prints; repeatable.",
            valueName: "name=key"))
    var agent: [String] = []

    @Option(
        help: ArgumentHelp(
            "The OpenSSH key that signs the configuration. Default: one of the identity.", valueName: "file"))
    var signingKey: String?

    @OptionGroup var identities: IdentityOptions

    func run() async throws {
        let location = try StoreOptions.location(store)
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
            location, readers: readers, writers: writers, agents: try agents(identity),
            signer: signer.publicKey
        ) { header in try await signer.sign(header) }
        let pins = StorePins(directory: Path(try Locations.pins()))
        try pins.record(StoreTrust(root: made.fingerprint, generation: made.generation), for: location)
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
            agents.append(AgentRecord(name: parts[0], publicKey: key, powers: [.add]))
        }
        return agents
    }

    private func recipient(_ text: String, _ option: String) throws -> MemberRecipient {
        try Failure.about(option) { try MemberRecipient(text: text) }
    }
}

/// `strongroom store info`: what a store is.
struct StoreInfoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Show what a store is and who may add to it.")

    @Argument(help: ArgumentHelp("The store's directory.", valueName: "store"))
    var location: String?

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var store: StoreOptions

    func run() async throws {
        var store = store
        if let location { store.store = location }
        let archive = try await OpenArchive(store)
        let document = StoreDocument(archive)
        if json { return try Console.json(document) }
        Console.print("store       \(document.id)")
        Console.print("fingerprint \(document.fingerprint)")
        Console.print("generation  \(document.generation)")
        Console.print("snapshots   \(document.snapshots)")
        for agent in document.agents { Console.print("agent       \(agent.name) \(agent.key)") }
    }
}

/// `strongroom store check`: whether everything in a store is there, authentic and readable.
struct StoreCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check that everything in a store is there and authentic.",
        discussion:
            "Changes nothing. Findings go to standard output; the exit code is 9 where something is damaged.")

    @Argument(help: ArgumentHelp("The store's directory.", valueName: "store"))
    var location: String?

    @Flag(help: "Read every byte; with a reader's identity, open every chunk and compute its id again.")
    var readData = false

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var store: StoreOptions

    func run() async throws {
        var store = store
        if let location { store.store = location }
        let choice = try store.choose()
        let opened = try await store.open(choice)
        let report = try await StoreCheck.run(
            opened.store, write: [opened.write], read: opened.read.map { [$0] } ?? [], readsData: readData)
        if json {
            try Console.json(CheckDocument(report))
        } else {
            for finding in report.findings {
                Console.print(
                    "\(finding.isDamage ? "damaged" : "note"): \(finding.object): \(finding.problem)")
            }
        }
        for id in report.damagedSnapshots {
            Console.note("strongroom: snapshot \(id) cannot be restored whole")
        }
        guard report.isClean else {
            throw Failure(
                .damaged, "\(choice.location): \(report.findings.count { $0.isDamage }) damaged places",
                hints: ["other snapshots still restore; keep the store as it is until you know what happened"]
            )
        }
        let how = readData ? "every byte read" : "structure"
        Console.note(
            "strongroom: \(choice.location): sound (\(how)): \(report.snapshotCount) snapshots, \(report.packCount) packs, "
                + "\(report.pieceCount) pieces")
    }
}

/// A store as JSON.
private struct StoreDocument: Encodable {
    struct Agent: Encodable {
        let name: String
        let key: String
    }
    let id: String
    let fingerprint: String
    let generation: UInt64
    let snapshots: Int
    let agents: [Agent]

    init(_ archive: OpenArchive) {
        id = archive.opened.store.id.description
        fingerprint = archive.opened.store.fingerprint.description
        generation = archive.opened.store.generation
        snapshots = archive.catalog.records.count
        agents = archive.opened.store.config.agents.map {
            Agent(name: $0.name, key: Hex.encode($0.publicKey))
        }
    }
}

/// The findings of a check as JSON.
private struct CheckDocument: Encodable {
    struct Finding: Encodable {
        let damage: Bool
        let object: String
        let problem: String
    }
    let clean: Bool
    let snapshots: Int
    let packs: Int
    let pieces: Int
    let readBytes: UInt64
    let damagedSnapshots: [String]
    let findings: [Finding]

    init(_ report: CheckReport) {
        clean = report.isClean
        snapshots = report.snapshotCount
        packs = report.packCount
        pieces = report.pieceCount
        readBytes = report.readByteCount
        damagedSnapshots = report.damagedSnapshots.map(\.description)
        findings = report.findings.map {
            Finding(damage: $0.isDamage, object: $0.object, problem: $0.problem)
        }
    }
}
