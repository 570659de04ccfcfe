internal import Archives
internal import ArgumentParser
internal import Assembly
internal import Encodings
internal import Files
internal import SSH
internal import Sodium
internal import Trust

/// `strongroom store keys`: who reads a store, who adds to it, and with which keys.
struct StoreKeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Say who can read a store and who may add to it; rotate its keys.",
        discussion: """
            Each change is a generation of the store's configuration, signed by an admin and written last: a run that is \
            killed changes nothing. --dry-run says what would change.
            """,
        subcommands: [
            StoreKeysListCommand.self, StoreKeysExportCommand.self, StoreKeysRotateCommand.self,
            StoreKeysEnrolCommand.self, StoreKeysRevokeCommand.self,
        ])
}

/// `strongroom store keys list`: what the newest configuration says.
struct StoreKeysListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the keys, recipients, agents and admins of a store.",
        discussion: "Needs no identity: the configuration is signed, not encrypted.")

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var store: StoreOptions

    func run() async throws {
        let document = StoreKeysDocument(try await store.choose().verified())
        if json { try Console.json(document) } else { document.print() }
    }
}

/// `strongroom store keys export`: the wrapped secrets, for a safe elsewhere.
struct StoreKeysExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Copy the wrapped secrets of a store into a directory.",
        discussion: """
            Each is an age file for its recipients: age -d -i IDENTITY read-1.age. Who has them, an identity and the store's \
            packs reads the backups, also where the store's own copies are lost (Scripts/recover.py). Needs no identity.
            """)

    @Argument(help: ArgumentHelp("Where they go; files that are there stay.", valueName: "dir"))
    var directory: String

    @Flag(help: "Print the names as JSON.")
    var json = false

    @OptionGroup var store: StoreOptions

    func run() async throws {
        let opened = try await store.choose().verified()
        let place = try Directory.makePath(Path(try Process.absolute(directory)))
        var names: [String] = []
        for power in StorePower.allCases {
            for number in opened.keyNumbers(power) {
                let name = "\(power.rawValue)-\(number).age"
                let bytes = try await opened.wrappedKey(power, number: number)
                do throws(FileError) {
                    try bytes.withBytes { (bytes) throws(FileError) in
                        try place.write(bytes, to: Path(name), .never)
                    }
                } catch {
                    guard error.code == .exists, try place.read(Path(name), limit: 1 << 20) == bytes else {
                        throw error
                    }
                }
                names.append(name)
            }
        }
        if json { return try Console.json(names) }
        for name in names { Console.print(name) }
    }
}

/// The keys of a store as text and as JSON.
struct StoreKeysDocument: Encodable {
    private struct Agent: Encodable {
        let name: String
        let key: String
        let powers: [String]
        let trustGroup: String
    }
    private struct Revoked: Encodable {
        let name: String
        let key: String
        let objects: Int
    }
    private let id: String
    private let fingerprint: String
    private let generation: UInt64
    private let admins: [String]
    private let threshold: UInt64
    private let readKeys: [UInt32]
    private let writeKeys: [UInt32]
    private let readers: [String]
    private let writers: [String]
    private let agents: [Agent]
    private let revoked: [Revoked]

    init(_ store: Store) {
        id = store.id.description
        fingerprint = store.fingerprint.description
        generation = store.generation
        admins = store.chain.newest.admins.map(\.text)
        threshold = store.chain.newest.threshold
        readKeys = store.keyNumbers(.read)
        writeKeys = store.keyNumbers(.write)
        readers = store.config.readers
        writers = store.config.writers
        agents = store.config.agents.map { agent in
            Agent(
                name: agent.name, key: Hex.encode(agent.publicKey), powers: agent.powers.names,
                trustGroup: agent.trustGroup)
        }
        revoked = store.config.revoked.map { agent in
            Revoked(name: agent.name, key: Hex.encode(agent.publicKey), objects: agent.objects.count)
        }
    }

    /// Prints a line a fact.
    func print() {
        Console.print("store       \(id)")
        Console.print("fingerprint \(fingerprint)")
        Console.print("generation  \(generation)")
        for admin in admins { Console.print("admin       \(admin)") }
        Console.print("read keys   \(readKeys.count)")
        Console.print("write keys  \(writeKeys.count)")
        for reader in readers { Console.print("reader      \(reader)") }
        for writer in writers { Console.print("writer      \(writer)") }
        for agent in agents {
            Console.print(
                "agent       \(agent.name) \(agent.key) \(agent.powers.joined(separator: ",")) \(agent.trustGroup)"
            )
        }
        for agent in revoked {
            Console.print(
                "revoked     \(agent.name) \(agent.key): \(agent.objects) of its snapshots count")
        }
    }
}

extension AgentRecord.Powers {
    /// The words for people.
    var names: [String] {
        [(AgentRecord.Powers.add, "add"), (.prune, "prune")].filter { contains($0.0) }.map(\.1)
    }
}
