internal import Archives
internal import ArgumentParser
internal import Assembly

/// `strongroom store prune`: what no snapshot needs, removed.
struct StorePruneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune", abstract: "Remove what no snapshot needs any more.",
        discussion: """
            Any number of agents may write meanwhile. Packs of which nothing is used are marked, and removed by a later \
            run, when the grace has passed and no session that began before is at work; packs that are used little are \
            packed anew. Needs an agent that may add and prune, and no reader's identity. With --grace 0s everything goes \
            at once: for a store that nobody else writes to. Nothing is removed where a snapshot is missing without having \
            been forgotten, anything else is missing or damaged (exit 9), clocks differ or a pin, tag or drill's outcome that this \
            machine has seen is missing (5), or another prune is at work (8). --dry-run refuses likewise; the store's own clock \
            alone it does not ask.

            A directory store of 1 GiB and more keeps 64 MiB in the file BALLAST, while there is room. Where the disk is full, \
            'snapshots forget' and this verb give it back first (or remove it by hand: nothing is in it); with --grace 0s \
            room is won at once, otherwise when the grace is over. Backups and prunes make it again.
            """)

    @Argument(help: ArgumentHelp("The store: a directory, or s3://bucket/prefix.", valueName: "store"))
    var location: String?

    @Option(help: ArgumentHelp("How long packs stay marked: 0s, 30m, 24h, 7d.", valueName: "time"))
    var grace = "24h"

    @Option(
        help: ArgumentHelp(
            "The share of a pack that may be unused before it is packed anew.", valueName: "share"))
    var maxUnused = "10%"

    @Flag(help: "Say what would be done, and change nothing.")
    var dryRun = false

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var store: StoreOptions

    func validate() throws {
        guard TimeSpan.seconds(grace) != nil else {
            throw ValidationError("--grace: expected a time as 0s, 30m, 24h or 7d")
        }
        guard share != nil else { throw ValidationError("--max-unused: expected a share as 10%") }
    }

    private var share: Double? {
        guard maxUnused.hasSuffix("%"), let percent = Int(maxUnused.dropLast()), (0...100).contains(percent)
        else {
            return nil
        }
        return Double(percent) / 100
    }

    func run() async throws {
        var store = store
        if let location { store.store = location }
        let choice = try store.choose()
        let opened = try await store.open(choice)
        guard let identity = try store.identities.load(defaults: choice.identityFiles).first else {
            throw Failure(.usage, "no identity")
        }
        let options = PruneOptions(
            grace: .seconds(TimeSpan.seconds(grace) ?? 0),
            maximumUnused: share ?? PruneOptions.standardUnused, isDryRun: dryRun)
        let line = ProgressLine()
        let report: PruneReport
        do {
            defer { line.end() }
            report = try await StorePrune.run(
                opened, at: choice.location, as: identity, pins: choice.pins, options
            ) { text in line.show(text) }
        }
        if report.releasedReserve {
            Console.note(
                "strongroom: \(choice.location): the disk is full: the ballast was given back, and nothing packed anew; another run may"
            )
        }
        if json { try Console.json(PruneDocument(report)) } else { show(report) }
        guard report.unproven.packCount == 0, report.damaged.packCount == 0 else {
            throw Failure(
                .damaged,
                "\(choice.location): packs that can't be verified were left as they are, with all that they hold",
                hints: [
                    "strongroom store check --read-data says which they are, and which snapshots need them",
                    "the next backup uploads again what its sources still hold; other snapshots that need them can be forgotten",
                ])
        }
    }

    private func show(_ report: PruneReport) {
        let would = report.isDryRun ? "would be " : ""
        let rows: [(String, PruneReport.Amount)] = [
            ("marked, as nothing of them is used", report.marked),
            ("packed anew, as little of them is used", report.repacked),
            ("removed", report.removed), ("waiting", report.waiting), ("used again", report.returned),
            ("left, as they can't be verified", report.unproven),
            ("left, damaged and needed", report.damaged),
        ]
        for (text, amount) in rows where amount.packCount > 0 {
            let count = amount.packCount == 1 ? "1 pack" : "\(amount.packCount) packs"
            Console.print("\(would)\(text): \(count), \(Sizes.text(amount.byteCount))")
        }
        for reason in report.reasons { Console.print("waiting: \(reason)") }
        if report.isIdle { Console.print("nothing to prune") }
        Console.note(
            "strongroom: \(report.snapshotCount) snapshots, \(report.present.packCount) packs, "
                + Sizes.text(report.present.byteCount))
    }
}

/// Spans of time as they are typed.
enum TimeSpan {
    /// The seconds of `30s`, `10m`, `2h` or `7d`; nil for any other text.
    static func seconds(_ text: String) -> Int64? {
        for (suffix, factor) in [("s", Int64(1)), ("m", 60), ("h", 3_600), ("d", 86_400)]
        where text.hasSuffix(suffix) {
            guard let count = Int64(text.dropLast()), (0...100_000).contains(count) else { return nil }
            return count * factor
        }
        return nil
    }
}

/// What was pruned as JSON.
private struct PruneDocument: Encodable {
    struct Amount: Encodable {
        let packs: Int
        let bytes: UInt64

        init(_ amount: PruneReport.Amount) {
            packs = amount.packCount
            bytes = amount.byteCount
        }
    }

    let dryRun: Bool
    let snapshots: Int
    let present: Amount
    let marked: Amount
    let repacked: Amount
    let moved: Amount
    let removed: Amount
    let waiting: Amount
    let reasons: [String]
    let returned: Amount
    let unproven: Amount
    let damaged: Amount
    let indexObjects: Int

    init(_ report: PruneReport) {
        dryRun = report.isDryRun
        snapshots = report.snapshotCount
        present = Amount(report.present)
        marked = Amount(report.marked)
        repacked = Amount(report.repacked)
        moved = Amount(report.moved)
        removed = Amount(report.removed)
        waiting = Amount(report.waiting)
        reasons = report.reasons
        returned = Amount(report.returned)
        unproven = Amount(report.unproven)
        damaged = Amount(report.damaged)
        indexObjects = report.indexObjectCount
    }
}
