internal import Archives
internal import ArgumentParser
internal import Assembly
internal import Encodings

/// `strongroom store check`: whether everything in a store is there, authentic and readable.
struct StoreCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check that everything in a store is there and authentic.",
        discussion: """
            Findings go to standard output; the exit code is 9 where something is damaged. With --read-data every byte is \
            read and, with a reader's identity, every chunk opened and its id computed again, and the files that are hit \
            are named; with --read-data=5% a twentieth of the data each time, what was not read for the longest time \
            first. This machine remembers what it has read and when; that only chooses, and is told.

            Removes and mends nothing. Where packs are damaged, and one of the identities is an agent's that may add, this \
            is recorded in the store, unless --dry-run is given: the next backup then uploads again what it has of them, \
            and 'store prune' takes them away once nothing in them is needed.
            """)

    @Argument(help: ArgumentHelp("The store: a directory, or s3://bucket/prefix.", valueName: "store"))
    var location: String?

    @Option(
        defaultAsFlag: ReadShare(1), parsing: .next,
        help: ArgumentHelp("Read the data as well: all, or a share as in --read-data=5%.", valueName: "share")
    )
    var readData: ReadShare?

    @Flag(help: "Record nothing in the store.")
    var dryRun = false

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var store: StoreOptions

    func run() async throws {
        var store = store
        // In `--read-data STORE` the word behind the option is no share.
        let location = location ?? readData?.other
        if let other = readData?.other, other != location {
            throw Failure(
                .usage, "--read-data: \(other): expected a share between 0% and 100%, as in --read-data=5%")
        }
        if let location { store.store = location }
        let choice = try store.choose()
        let opened = try await store.open(choice)
        let report = try await StoreCheck.run(
            opened.store, write: opened.writeKeys, read: opened.readKeys,
            reading: CheckReading(
                share: readData?.share ?? 0, memory: CheckMemory(directory: choice.pins.memory),
                now: WallClock.now))
        let recorded = try await record(report, opened, choice)
        if json {
            try Console.json(CheckDocument(report, recorded: recorded))
        } else {
            for finding in report.findings {
                Console.print(
                    "\(finding.isDamage ? "damaged" : "note"): \(finding.object): \(finding.problem)")
            }
            for hit in report.hits { Console.print(CheckDocument.Hit(hit).line) }
        }
        for id in report.damagedSnapshots {
            Console.note("strongroom: snapshot \(id) cannot be restored whole")
        }
        guard report.isClean else {
            throw Failure(
                .damaged,
                "\(choice.location): \(Sizes.count(report.findings.count { $0.isDamage }, "damaged place"))",
                hints: hints(report, recorded))
        }
        Console.note(
            "strongroom: \(choice.location): sound (\(how(report))): \(report.snapshotCount) snapshots, "
                + "\(report.packCount) packs, \(report.pieceCount) pieces")
        guard report.readPackCount < report.packCount else { return }
        if report.unreadPackCount > 0 {
            Console.note(
                "strongroom: \(choice.location): never read from this machine: \(report.unreadPackCount) of "
                    + "\(report.packCount) packs; --read-data reads them")
        } else if let oldest = report.oldestReading {
            Console.note("strongroom: \(choice.location): all data was read since \(oldest)")
        }
    }

    /// Tells the writers of damaged packs, where one of the identities may: how many packs they didn't know of; nil where
    /// nobody was told.
    private func record(
        _ report: CheckReport, _ opened: StoreAccess.Opened, _ choice: StoreOptions.Choice
    ) async throws -> Int? {
        guard !report.damagedPacks.isEmpty, !dryRun else { return nil }
        let agent = try store.identities.load(defaults: choice.identityFiles)
            .map { StoreAccess.agentKey(of: $0) }
            .first { opened.store.config.agent($0.publicKey)?.powers.contains(.add) ?? false }
        guard let agent else { return nil }
        do throws(ArchiveError) {
            return try await DamageReport.record(
                report.damagedPacks, in: opened.store, write: opened.writeKeys, agent: agent,
                at: WallClock.now)
        } catch {
            guard error.code == .storage else { throw error }
            Console.note("strongroom: \(choice.location): not recorded: \(error.context)")
            return nil
        }
    }

    private func hints(_ report: CheckReport, _ recorded: Int?) -> [String] {
        var hints = ["other snapshots still restore; keep the store as it is until you know what happened"]
        if report.needsRebuild {
            hints.append(
                "packs that no index names may hold what is missing: strongroom store rebuild-index; restores find it without"
            )
        }
        guard !report.damagedPacks.isEmpty else { return hints }
        let heals =
            "the next backup uploads again what it has of the damaged packs, and strongroom store prune then takes away "
            + "those that nothing needs"
        if recorded != nil {
            hints.append(heals)
        } else if !dryRun {
            hints.append("with the --identity of an agent that may add this is recorded, and \(heals)")
        }
        return hints
    }

    private func how(_ report: CheckReport) -> String {
        guard report.readPackCount > 0 else { return "structure" }
        guard report.readPackCount < report.packCount else { return "every byte read" }
        return "structure, and \(Sizes.text(report.readByteCount)) in \(report.readPackCount) packs read"
    }
}

/// How much of the data is read: a share of it, or a word that names none.
struct ReadShare: ExpressibleByArgument, CustomStringConvertible {
    /// Above 0, at most 1.
    let share: Double
    /// What was named in the place of a share.
    let other: String?

    /// That share.
    init(_ share: Double) { self.init(share, other: nil) }

    private init(_ share: Double, other: String?) {
        self.share = share
        self.other = other
    }

    /// The share that a text as `5%` names, or the text.
    init?(argument: String) {
        if argument.hasSuffix("%"), let percent = Double(argument.dropLast()), percent > 0, percent <= 100 {
            self.init(percent / 100)
        } else {
            // `--read-data STORE`: all is read, of the store that the word names.
            self.init(1, other: argument)
        }
    }

    /// As it is written.
    var description: String { other ?? "\(share * 100)%" }
}

/// The findings of a check as JSON.
private struct CheckDocument: Encodable {
    struct Finding: Encodable {
        let damage: Bool
        let object: String
        let problem: String
    }
    struct Hit: Encodable {
        let snapshot: String
        let source: String
        let path: String
        let file: Bool

        init(_ hit: CheckReport.Hit) {
            snapshot = hit.snapshot.description
            source = hit.source
            path = String(decoding: hit.path, as: UTF8.self)
            file = hit.isFile
        }

        /// For people.
        var line: String {
            let what = file ? path : "entries from \(path.isEmpty ? "the first" : path) on"
            return "lost: \(snapshot): \(source): \(what)"
        }
    }
    let clean: Bool
    let snapshots: Int
    let packs: Int
    let pieces: Int
    let readPacks: Int
    let readBytes: UInt64
    /// Packs that were never read from this machine, and since when all others were.
    let unreadPacks: Int
    let readSince: String?
    let damagedSnapshots: [String]
    let findings: [Finding]
    /// What of damaged snapshots is lost; at most 1000, and none without a reader's identity.
    let lost: [Hit]
    /// Damaged packs, and how many of them were recorded in the store for writers by this run; nil where nothing could be.
    let damagedPacks: [String]
    let recorded: Int?

    init(_ report: CheckReport, recorded: Int?) {
        clean = report.isClean
        snapshots = report.snapshotCount
        packs = report.packCount
        pieces = report.pieceCount
        readPacks = report.readPackCount
        readBytes = report.readByteCount
        unreadPacks = report.unreadPackCount
        readSince = report.oldestReading?.description
        damagedSnapshots = report.damagedSnapshots.map(\.description)
        findings = report.findings.map {
            Finding(damage: $0.isDamage, object: $0.object, problem: $0.problem)
        }
        lost = report.hits.map(Hit.init)
        damagedPacks = report.damagedPacks.map(\.description)
        self.recorded = recorded
    }
}
