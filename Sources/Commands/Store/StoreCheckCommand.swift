internal import Archives
internal import ArgumentParser
internal import Assembly

/// `strongroom store check`: whether everything in a store is there, authentic and readable.
struct StoreCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check that everything in a store is there and authentic.",
        discussion:
            "Changes nothing. Findings go to standard output; the exit code is 9 where something is damaged.")

    @Argument(help: ArgumentHelp("The store: a directory, or s3://bucket/prefix.", valueName: "store"))
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
            opened.store, write: opened.writeKeys, read: opened.readKeys, readsData: readData)
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
