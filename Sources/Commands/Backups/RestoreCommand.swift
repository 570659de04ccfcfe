internal import Archives
internal import ArgumentParser
internal import Backups
internal import Encodings
internal import Files
internal import Glibc

/// `strongroom restore`: a snapshot, or the environment at a commit, into a directory.
struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Restore a snapshot, or the environment at a commit.",
        discussion: """
            The directory is absent or empty before, and complete or absent afterwards: directories/NAME, \
            commands/NAME, repositories/NAME.git, keyring/ and REPORT.json. With one --source it is that source's \
            content itself. What is not as it was is listed in REPORT.json and on standard error: the exit code is 9 \
            where the store held no sound copy of an entry, which is left out then, and 10 where one was refused; all \
            others are restored.
            """)

    @Option(help: ArgumentHelp("At least eight digits of a snapshot's id, or 'latest'.", valueName: "id"))
    var snapshot: String?

    @Option(
        help: ArgumentHelp(
            "The commit that was applied, of a source or of any.", valueName: "[source=]commit"))
    var commit: String?

    @Option(
        help: ArgumentHelp("The newest snapshot up to this time, as 2026-03-01T09:30:00Z.", valueName: "time")
    )
    var asOf: String?

    @Option(help: ArgumentHelp("Restore this source only; repeatable.", valueName: "name"))
    var source: [String] = []

    @Option(
        help: ArgumentHelp(
            "Restore this path of a source and what is below it; repeatable.", valueName: "path"))
    var only: [String] = []

    @Option(help: ArgumentHelp("The directory to restore into: absent or empty.", valueName: "dir"))
    var into: String

    @Flag(help: "Give entries their owners (needs root).")
    var owners = false

    @Flag(help: "Give entries their set-user-id and set-group-id bits.")
    var setId = false

    @Flag(help: "Make device nodes (needs root).")
    var devices = false

    @Flag(help: "Print the plan, and restore nothing.")
    var dryRun = false

    @Flag(help: "Print the report as JSON.")
    var json = false

    @OptionGroup var store: StoreOptions

    func validate() throws {
        guard [snapshot, commit, asOf].compactMap({ $0 }).count == 1 else {
            throw ValidationError("say what to restore: one of --snapshot, --commit and --as-of")
        }
    }

    func run() async throws {
        let archive = try await OpenArchive(store)
        let plan = try RestorePlan(try selection(), environment: store.environment, in: archive.catalog)
        Console.note("strongroom: snapshot \(plan.record.id) of \(plan.record.header.time): \(plan.rule)")
        for notice in plan.notices { Console.note("strongroom: \(notice)") }
        if dryRun {
            for source in try await archive.open(plan.record).sources {
                Console.print(
                    "would restore \(source.kind.name) \(source.name): \(Sizes.text(source.byteCount))")
            }
            return
        }
        _ = try await archive.open(plan.record)
        var options = Restore.Options()
        options.sources = source
        options.only = only.map { Array(($0.hasSuffix("/") ? String($0.dropLast()) : $0).utf8) }
        options.tree.owners = owners
        options.tree.setIdentity = setId
        options.tree.devices = devices
        let report = try await Restore.run(
            plan, from: archive.reader, into: Path(try Process.absolute(into)),
            as: FileOwner(user: geteuid(), group: getegid()), options)
        try show(report)
    }

    private func selection() throws -> SnapshotSelection {
        if let snapshot { return snapshot == "latest" ? .latest : .id(snapshot) }
        if let asOf {
            guard let time = try? Timestamp(rfc3339: asOf) else {
                throw Failure(.usage, "--as-of: expected a time as 2026-03-01T09:30:00Z")
            }
            return .asOf(time)
        }
        let parts = (commit ?? "").split(separator: "=", maxSplits: 1).map(String.init)
        return parts.count == 2
            ? .commit(parts[1], source: parts[0]) : .commit(parts.first ?? "", source: nil)
    }

    private func show(_ report: RestoreReport) throws {
        if json {
            try Console.write(Array(report.json.utf8))
        } else {
            for source in report.sources {
                Console.print(
                    "restored \(source.kind.name) \(source.name): \(Sizes.entries(source.entryCount)), "
                        + Sizes.text(source.byteCount))
            }
        }
        for source in report.sources {
            for issue in source.issues {
                Console.note("strongroom: \(source.name)/\(Path(issue.path)): \(issue.reason)")
            }
        }
        guard !report.isDamaged else {
            throw Failure(
                .damaged, "\(into): what is damaged in the store is left out; all else is restored",
                hints: ["strongroom store check --read-data says what else is affected"])
        }
        guard !report.isWhole else { return }
        throw Failure(.partial, "\(into): some entries were refused; all others are restored")
    }
}
