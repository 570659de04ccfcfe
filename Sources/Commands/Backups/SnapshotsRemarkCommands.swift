internal import Archives
internal import ArgumentParser
internal import Assembly

/// A snapshot that a remark is about, and who makes it.
private struct Remarking {
    let record: SnapshotRecord
    let keeping: SnapshotKeeping
    private let store: Store
    private let choice: StoreOptions.Choice

    init(_ snapshot: String, _ store: StoreOptions) async throws {
        let archive = try await OpenArchive(store)
        record = try archive.record(snapshot, of: store.environment)
        choice = try store.choose()
        self.store = archive.opened.store
        guard let identity = try store.identities.load(defaults: choice.identityFiles).first else {
            throw Failure(.usage, "no identity")
        }
        keeping = try SnapshotKeeping(
            archive.opened.store, write: archive.opened.writeKeys, agent: StoreAccess.agentKey(of: identity))
    }

    /// Makes a remark, which this machine remembers.
    func remark(_ remark: Annotation.Remark) async throws {
        let name = try await keeping.annotate(Annotation(remark, of: record.id, time: WallClock.now))
        StorePrune.remember(name, of: record.id, in: store, at: choice.location, pins: choice.pins)
    }

    /// Prints what holds of the snapshot now.
    func show(json: Bool) async throws {
        let document = RemarkDocument(record, try await keeping.annotations())
        if json { return try Console.json(document) }
        Console.print("snapshot \(document.id)")
        Console.print("pinned   \(document.pinned ? "yes" : "no")")
        if !document.tags.isEmpty { Console.print("tags     \(document.tags.joined(separator: " "))") }
    }
}

/// What is remarked about a snapshot.
private struct RemarkDocument: Encodable {
    let id: String
    let pinned: Bool
    let reasons: [String]
    let tags: [String]

    init(_ record: SnapshotRecord, _ annotations: AnnotationCatalog) {
        id = record.id.description
        pinned = annotations.pinned.contains(record.id)
        var (reasons, tags): ([String], Set<String>) = ([], [])
        for item in annotations.records(of: record.id) {
            switch item.annotation.remark {
            case .pin(let reason): if !reason.isEmpty { reasons.append(reason) }
            case .tag(let tag): tags.insert(tag)
            case .drill, .withdrawal: break
            }
        }
        self.reasons = reasons
        self.tags = tags.sorted()
    }
}

/// `strongroom snapshots pin`: a snapshot that is not to be forgotten.
struct SnapshotsPinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pin", abstract: "Keep a snapshot from being forgotten.")

    @Argument(help: "At least eight digits of its id, or 'latest'.")
    var snapshot: String

    @Option(help: ArgumentHelp("Why, for people.", valueName: "text"))
    var reason = ""

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var store: StoreOptions

    func validate() throws {
        guard reason.utf8.count <= 1024 else { throw ValidationError("--reason: at most 1024 bytes") }
    }

    func run() async throws {
        let remarking = try await Remarking(snapshot, store)
        try await remarking.remark(.pin(reason: reason))
        try await remarking.show(json: json)
    }
}

/// `strongroom snapshots unpin`: a snapshot that may be forgotten again.
struct SnapshotsUnpinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unpin", abstract: "Let a pinned snapshot be forgotten again.",
        discussion: "Another agent's pin is taken away only by an agent that may prune.")

    @Argument(help: "At least eight digits of its id, or 'latest'.")
    var snapshot: String

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var store: StoreOptions

    func run() async throws {
        let remarking = try await Remarking(snapshot, store)
        try await remarking.keeping.withdraw(of: remarking.record.id, at: WallClock.now) { remark in
            if case .pin = remark { true } else { false }
        }
        try await remarking.show(json: json)
    }
}

/// `strongroom snapshots tag`: words to find a snapshot by.
struct SnapshotsTagCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tag", abstract: "Give a snapshot tags, or take them away.")

    @Argument(help: "At least eight digits of its id, or 'latest'.")
    var snapshot: String

    @Argument(help: "Tags; without any, those that it has are shown.")
    var tags: [String] = []

    @Flag(help: "Take these tags away.")
    var remove = false

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var store: StoreOptions

    func validate() throws {
        guard tags.allSatisfy({ (1...255).contains($0.utf8.count) }) else {
            throw ValidationError("a tag has 1 to 255 bytes")
        }
    }

    func run() async throws {
        let remarking = try await Remarking(snapshot, store)
        if remove {
            try await remarking.keeping.withdraw(of: remarking.record.id, at: WallClock.now) { remark in
                if case .tag(let tag) = remark { tags.contains(tag) } else { false }
            }
        } else {
            for tag in tags { try await remarking.remark(.tag(tag)) }
        }
        try await remarking.show(json: json)
    }
}
