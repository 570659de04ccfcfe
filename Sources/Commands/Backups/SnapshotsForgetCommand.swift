internal import Archives
internal import ArgumentParser
internal import Assembly
internal import Encodings
internal import Journal
internal import Settings

/// `strongroom snapshots forget`: snapshots that are not needed any more.
struct SnapshotsForgetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forget", abstract: "Forget snapshots, by name or by the rules of the settings.",
        discussion: """
            A forgotten snapshot can't be brought back. What it alone needed is removed by 'strongroom store prune'. Pinned \
            snapshots stay. By rule, the settings' backup.retention of the environment decides, and nothing goes that this \
            machine has known for less than its minimumAge, counted from the first run of forget --by-rule (with --dry-run, too) \
            or store prune that saw it; --dry-run says of each snapshot why it stays. By rule nothing is forgotten (exit 5) where \
            a pin, tag or drill's outcome that this machine has seen is missing. The ids go to standard output.
            """)

    @Argument(help: "At least eight digits of their ids.")
    var snapshots: [String] = []

    @Flag(help: "Forget what the retention rules of the settings don't keep; needs --environment.")
    var byRule = false

    @Flag(help: "Say what would be forgotten, and change nothing.")
    var dryRun = false

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var store: StoreOptions

    func validate() throws {
        guard byRule != !snapshots.isEmpty else {
            throw ValidationError("name snapshots, or say --by-rule")
        }
        guard !byRule || store.environment != nil else {
            throw ValidationError("--by-rule: the rules are those of the settings; name the --environment")
        }
    }

    func run() async throws {
        let archive = try await OpenArchive(store)
        let choice = try store.choose()
        guard let identity = try store.identities.load(defaults: choice.identityFiles).first else {
            throw Failure(.usage, "no identity")
        }
        let records: [SnapshotRecord]
        if byRule, let name = store.environment {
            guard let retention = try store.settings.read().environment(name).backup?.retention else {
                throw Failure(.usage, "\(name): the settings have no backup.retention for it")
            }
            let verdicts = try await StorePrune.verdicts(
                archive.opened, at: choice.location, as: identity, pins: choice.pins,
                RetentionRules(retention), of: name, in: archive.catalog)
            if dryRun { explain(verdicts) }
            records = verdicts.filter { !$0.isKept }.map(\.record)
        } else {
            records = try snapshots.map { text in
                guard text != "latest" else {
                    throw Failure(.usage, "latest: name a snapshot that is to be forgotten by its id")
                }
                return try archive.record(text, of: store.environment)
            }
        }
        if !dryRun, !records.isEmpty {
            let keeping = try SnapshotKeeping(
                archive.opened.store, write: archive.opened.writeKeys,
                agent: StoreAccess.agentKey(of: identity))
            try await keeping.forget(records.map(\.id), in: archive.catalog, at: WallClock.now)
            tellJournal(records, choice.location)
        }
        if json { return try Console.json(records.map { SnapshotDocument($0, nil) }) }
        for record in records { Console.print(record.id.description) }
        let count = records.count == 1 ? "1 snapshot" : "\(records.count) snapshots"
        Console.note("strongroom: \(count) \(dryRun ? "would be " : "")forgotten")
    }

    /// Has `status` name none of `records` any more, where the settings are those of this machine. The store is the truth: what
    /// fails is told, and the snapshots are forgotten all the same.
    private func tellJournal(_ records: [SnapshotRecord], _ location: String) {
        guard let settings = try? store.settings.read(),
            let journal = try? JournalFile.open(StateFiles.journal(settings.state))
        else { return }
        do throws(JournalError) {
            try journal.removeSnapshots(records.map(\.id.description), of: location)
        } catch {
            Console.note("strongroom: status may go on naming what is forgotten: \(error.context)")
        }
    }

    /// Says of each snapshot, oldest first, what becomes of it and why.
    private func explain(_ verdicts: [RetentionRules.Verdict]) {
        for verdict in verdicts {
            let fate =
                verdict.isKept
                ? "keep: \(verdict.reasons.joined(separator: "; "))" : "forget: no rule keeps it"
            let header = verdict.record.header
            Console.note(
                "strongroom: \(verdict.record.id.description.prefix(16)) \(header.time) \(header.status.name): \(fate)"
            )
        }
    }
}
