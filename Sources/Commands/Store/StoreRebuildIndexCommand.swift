internal import Archives
internal import ArgumentParser
internal import Assembly

/// `strongroom store rebuild-index`: the index anew, out of the packs themselves.
struct StoreRebuildIndexCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild-index", abstract: "Make the index anew from the headers of the packs.",
        discussion: """
            For a store whose index objects are lost or damaged. Packs that no usable index object names are read and put \
            into new ones; only those whose header and maker verify. Index objects that can't be used are moved aside, \
            below aside/; nothing is removed. Needs the identity of a writer whose agent is enrolled. The exit code is 9 \
            where a pack could not be taken.
            """)

    @Argument(help: ArgumentHelp("The store: a directory, or s3://bucket/prefix.", valueName: "store"))
    var location: String?

    @Flag(help: "Say what would be done, and change nothing.")
    var dryRun = false

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var store: StoreOptions

    func run() async throws {
        var store = store
        if let location { store.store = location }
        let choice = try store.choose()
        let opened = try await store.open(choice)
        guard let identity = try store.identities.load(defaults: choice.identityFiles).first else {
            throw Failure(.usage, "no identity")
        }
        let line = ProgressLine()
        let report: IndexRebuild.Report
        do {
            defer { line.end() }
            report = try await IndexRebuild.run(
                opened.store, write: opened.writeKeys, agent: StoreAccess.agentKey(of: identity),
                presence: MachinePresence.current, isDry: dryRun
            ) { done, total in line.show("\(done) of \(total) packs") }
        }
        if json {
            try Console.json(RebuildDocument(report, isDry: dryRun))
        } else {
            let would = dryRun ? "would be " : ""
            Console.print("packs \(would)put into the index: \(report.packCount)")
            for name in report.movedAside { Console.print("\(would)moved aside: \(name)") }
        }
        for failure in report.failures {
            Console.note(
                "strongroom: left out: \(failure.name): \(failure.error.problem(about: failure.name))")
        }
        guard !report.failures.isEmpty else { return }
        throw Failure(
            .damaged, "\(choice.location): \(report.failures.count) packs could not be taken",
            hints: ["strongroom store check says which snapshots need them"])
    }
}

/// What was rebuilt as JSON.
private struct RebuildDocument: Encodable {
    struct Failing: Encodable {
        let pack: String
        let problem: String
    }
    let dryRun: Bool
    let packs: Int
    let movedAside: [String]
    let leftOut: [Failing]

    init(_ report: IndexRebuild.Report, isDry: Bool) {
        dryRun = isDry
        packs = report.packCount
        movedAside = report.movedAside
        leftOut = report.failures.map { Failing(pack: $0.name, problem: $0.error.problem(about: $0.name)) }
    }
}
