internal import Archives
internal import ArgumentParser
internal import Assembly
internal import Encodings
internal import Trust

/// `strongroom store info`: what a store is.
struct StoreInfoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Show what a store is and who may add to it.")

    @Argument(help: ArgumentHelp("The store: a directory, or s3://bucket/prefix.", valueName: "store"))
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
