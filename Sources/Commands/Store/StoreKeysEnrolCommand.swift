internal import Archives
internal import ArgumentParser
internal import Encodings

/// `strongroom store keys enrol`: an agent that may add, and its powers.
struct StoreKeysEnrolCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enrol", abstract: "Enrol an agent with its signing key, or change its powers.",
        discussion: """
            'strongroom keys show' prints an agent's key. To add, its identity must be a writer too: store keys rotate \
            --add-writer. Agents of one trust group take each other's word that a chunk is in the store; one of another \
            group uploads again. Names of agents and groups have 1 to 64 ASCII letters, digits, '.', '_', '-' and '@'.
            """)

    @Argument(help: ArgumentHelp("The agent's name and key.", valueName: "name=key"))
    var agent: String

    @Flag(help: "It may prune, too.")
    var prune = false

    @Option(help: ArgumentHelp("Its trust group.", valueName: "name"))
    var trustGroup = "default"

    @OptionGroup var options: StoreKeysOptions

    func run() async throws {
        let parts = agent.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2, let key = try? Hex.decode(parts[1]), key.count == 32 else {
            throw Failure(.usage, "expected NAME=KEY with the key that 'strongroom keys show' prints")
        }
        for name in [parts[0], trustGroup] {
            guard AgentRecord.isName(name) else { throw Failure(.usage, "\(name): \(AgentRecord.nameRule)") }
        }
        let record = AgentRecord(
            name: parts[0], publicKey: key, powers: prune ? [.add, .prune] : [.add], trustGroup: trustGroup)
        let work = try await StoreKeysWork(options, needsIdentity: false)
        var renewal = StoreRenewal(work.store)
        try renewal.enrol(record)
        try await work.commit(
            renewal,
            "\(record.name) may \(record.powers.names.joined(separator: " and ")), group \(trustGroup)")
    }
}

/// `strongroom store keys revoke`: an agent whose key counts no more.
struct StoreKeysRevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "End an agent's enrolment.",
        discussion: """
            What it added until now counts on, but for the snapshots that --except names; what its key signs later is \
            refused, whatever it says of its time. Its key is never enrolled again. Where its identity was stolen, rotate \
            --write (and --read, if it was a reader) as well.
            """)

    @Argument(help: ArgumentHelp("The agent's name.", valueName: "name"))
    var name: String

    @Option(
        help: ArgumentHelp(
            "A snapshot of this agent that is not to count: at least eight digits of its id; repeatable.",
            valueName: "id"))
    var except: [String] = []

    @OptionGroup var options: StoreKeysOptions

    func run() async throws {
        let work = try await StoreKeysWork(options, needsIdentity: true)
        guard let agent = work.store.config.agents.first(where: { $0.name.utf8.elementsEqual(name.utf8) })
        else {
            throw Failure(
                .usage, "\(name): no agent of this store has this name",
                hints: ["strongroom store keys list shows them"])
        }
        let archive = try await OpenArchive(options.store)
        var kept = Set(archive.catalog.snapshots(of: agent.publicKey).map(\.id))
        for text in except {
            let found = kept.filter { text.utf8.count >= 8 && $0.description.hasPrefix(text) }
            guard let only = found.first, found.count == 1 else {
                throw Failure(.usage, "--except \(text): means \(found.count) snapshots of \(name)")
            }
            kept.remove(only)
        }
        var renewal = StoreRenewal(work.store)
        // What it forgot stays forgotten, and what it pinned pinned.
        let words = try await archive.reader.words(of: agent.publicKey)
        try renewal.revoke(agent.name, keeping: Set(kept.map(\.digest) + words))
        try await work.commit(
            renewal, "\(name) is revoked, \(kept.count) of its snapshots count on")
    }
}
