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
            content itself.

            --commit means the newest complete snapshot at exactly that commit; else that of the first commit after it \
            which was deployed; else, with --nearest-ancestor, that of the nearest commit before it. Where the snapshot \
            was taken at another commit, desired/SOURCE has the files of the one that was asked for. Where no snapshot \
            fits and a repository in the store holds the commit, these files alone are restored, and the report says \
            that live state is missing. The rule that chose is printed with the plan; --dry-run prints the plan alone, and ends with \
            the code that the restore would end with, as far as that can be told without reading contents.

            A restore that was cut off leaves nothing under the final name; the same call goes on with what was brought.

            --in-place suspends the environment, restores each directory whole beside its place, exchanges them at once, \
            feeds commands' outputs to their restore: commands, holds the environment at the commit, resumes, delivers \
            and waits until it is healthy. What fails is taken back (but for what a command did), and what a kill left \
            half done the next run, or --undo, takes back first; what was written to a directory meanwhile is kept beside it \
            as NAME.undone. Until then status tells of it, resume refuses, and snapshots count as torn. A source of which the \
            snapshot holds a part only, and a torn snapshot, are refused without --accept-partial; where it was accepted, or a source of live state \
            can't be brought back at all, the exit code is 10. Places and commands are those of the settings. Programs \
            that have files in these directories open are to be stopped before.

            What is not as it was is listed in REPORT.json and on standard error: the exit code is 9 \
            where the store held no sound copy of an entry, which is left out then, or where what may be a newer snapshot \
            can't be read, and 10 where one was refused, or where nothing was captured of a source; all \
            others are restored.
            """)

    @OptionGroup var chosen: SnapshotChoice

    @Option(help: ArgumentHelp("Restore this source only; repeatable.", valueName: "name"))
    var source: [String] = []

    @Option(
        help: ArgumentHelp(
            "Restore this path of a source and what is below it, or the source of that name; repeatable.",
            valueName: "path|source"))
    var only: [String] = []

    @OptionGroup var placing: PlaceOptions

    @Option(help: ArgumentHelp("The directory to restore into: absent or empty.", valueName: "dir"))
    var into: String?

    @Flag(help: "Bring live state back where it stood, in the environment of --environment.")
    var inPlace = false

    @Flag(help: "With --in-place: leave the delivered commit as it is.")
    var keepRevision = false

    @Flag(
        help:
            "With --in-place: bring back what the snapshot holds of a source, where that is a part only or torn."
    )
    var acceptPartial = false

    @Flag(help: "With --in-place alone: take back, or end, what a restore that was cut off has begun.")
    var undo = false

    @Flag(help: "Give entries their owners (needs root).")
    var owners = false

    @Flag(help: "Give entries their set-user-id and set-group-id bits.")
    var setId = false

    @Flag(help: "Make device nodes (needs root).")
    var devices = false

    @Flag(help: "Print the plan, and restore nothing.")
    var dryRun = false

    @Flag(help: "Print the report, or the plan, as JSON.")
    var json = false

    @OptionGroup var store: StoreOptions

    func validate() throws {
        if undo {
            guard inPlace, into == nil, chosen.isEmpty, source.isEmpty, only.isEmpty else {
                throw ValidationError("--undo goes with --in-place and --environment alone")
            }
            return
        }
        try chosen.check()
        guard (into != nil) != inPlace else {
            throw ValidationError("say where to: --into DIR or --in-place")
        }
        guard !only.isEmpty || !placing.hex else { throw ValidationError("--hex goes with --only") }
        guard inPlace || !keepRevision else { throw ValidationError("--keep-revision goes with --in-place") }
        guard inPlace || !acceptPartial else {
            throw ValidationError("--accept-partial goes with --in-place")
        }
    }

    func run() async throws {
        if undo { return try await RestoreInPlace(store).undo(json: json) }
        let archive = try await OpenArchive(store)
        let scratch = try HistoryScratch()
        defer { scratch.remove() }
        let plan = try await chosen.plan(in: archive, environment: store.environment, scratch: scratch)
        Console.note("strongroom: snapshot \(plan.record.id) of \(plan.record.header.time): \(plan.rule)")
        for notice in plan.notices { Console.note("strongroom: \(notice)") }
        let snapshot = try await archive.open(plan.record)
        let options = try options(snapshot)
        guard let into else {
            guard options.only.isEmpty else {
                throw Failure(
                    .usage, "in place whole sources are restored, not paths",
                    hints: ["--into DIR restores paths"])
            }
            var inPlace = RestoreInPlace.Options()
            inPlace.sources = options.sources + options.wholeSources
            inPlace.tree = options.tree
            inPlace.acceptsPartial = acceptPartial
            inPlace.setsRevision = !keepRevision && inPlace.sources.isEmpty
            return try await RestoreInPlace(store).run(
                plan, snapshot, archive.reader, inPlace, dryRun: dryRun, json: json)
        }
        let target = Path(try Process.absolute(into))
        let user = FileOwner(user: geteuid(), group: getegid())
        if dryRun {
            let sources = try await Restore.planned(plan, from: archive.reader, as: user, options)
            try Restore.checkFree(target)
            try RestorePlanDocument(plan, sources, into: target.description).show(json: json)
            return try requireAll(sources, plan)
        }
        let report = try await Restore.run(plan, from: archive.reader, into: target, as: user, options)
        try show(report, plan, into)
    }

    /// What the options say. A name of `--only` that is a source's and no path means the source.
    private func options(_ snapshot: Snapshot) throws -> Restore.Options {
        var options = Restore.Options()
        options.sources = source
        for text in only {
            var place = try placing.bytes(text)
            if place.last == 0x2F { place.removeLast() }
            let isSource = snapshot.sources.contains { source in
                Array(source.name.utf8) == place
                    || Array("\(source.kind.name):\(source.name)".utf8) == place
            }
            if isSource, source.isEmpty {
                options.wholeSources.append(String(decoding: place, as: UTF8.self))
            } else {
                options.only.append(place)
            }
        }
        options.tree.owners = owners
        options.tree.setIdentity = setId
        options.tree.devices = devices
        return options
    }

    /// What a restore is known to end with before it begins.
    private func requireAll(_ sources: [Restore.PlannedSource], _ plan: RestorePlan) throws(Failure) {
        try RestoreCommand.requireSound(plan, isDryRun: true)
        let missing = sources.filter(\.isMissing).map(\.name)
        guard missing.isEmpty else {
            throw Failure(
                .partial,
                "not all would be restored: nothing was captured of \(missing.joined(separator: ", "))",
                hints: ["strongroom snapshots list shows others"])
        }
    }

    /// Throws `damaged` where a snapshot that can't be read may have been the one to restore; what was restored stays.
    static func requireSound(_ plan: RestorePlan, isDryRun: Bool = false) throws(Failure) {
        guard let first = plan.damaged.first else { return }
        throw Failure(
            .damaged,
            "\(first.name): can't be read and may be newer than the snapshot \(plan.record.id), which "
                + (isDryRun ? "would be restored" : "is restored"),
            hints: [
                "strongroom store check says what is damaged; --snapshot ID chooses a snapshot for certain"
            ])
    }

    private func show(_ report: RestoreReport, _ plan: RestorePlan, _ into: String) throws {
        if json {
            try Console.write(Array(report.json.utf8))
        } else {
            for source in report.sources where !source.issues.contains(where: { $0.kind == .missing }) {
                Console.print(
                    "restored \(source.kind.name) \(source.name): \(Sizes.entries(source.entryCount)), "
                        + Sizes.text(source.byteCount))
            }
            if let desired = report.desired {
                Console.print(
                    "restored commit \(Hex.encode(desired.state.commit)) of \(desired.state.source): "
                        + "\(Sizes.entries(desired.entryCount)), \(Sizes.text(desired.byteCount))")
            }
        }
        for source in report.sources {
            for issue in source.issues {
                guard issue.kind != .missing else {
                    Console.note("strongroom: \(source.name): \(issue.reason)")
                    continue
                }
                Console.note("strongroom: \(SnapshotPlace.text(source.name, issue.path)): \(issue.reason)")
            }
        }
        for issue in report.desired?.issues ?? [] {
            Console.note(
                "strongroom: \(SnapshotPlace.text(report.desired?.path ?? "", issue.path)): \(issue.reason)")
        }
        guard !report.isDamaged else {
            throw Failure(
                .damaged, "\(into): what is damaged in the store is left out; all else is restored",
                hints: ["strongroom store check --read-data says what else is affected"])
        }
        try RestoreCommand.requireSound(plan)
        guard !report.isWhole else { return }
        guard !report.sources.contains(where: { $0.issues.contains { $0.kind == .missing } }) else {
            throw Failure(
                .partial,
                "\(into): not all is restored: the snapshot does not have it, or an entry was refused",
                hints: ["strongroom snapshots list shows others"])
        }
        throw Failure(.partial, "\(into): some entries were refused; all others are restored")
    }
}
