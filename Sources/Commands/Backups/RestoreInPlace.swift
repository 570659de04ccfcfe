internal import Archives
internal import Assembly
internal import Backups
internal import Encodings
internal import Files
internal import Glibc
internal import Settings

/// `restore --in-place`: what the verb does with an environment of the settings.
struct RestoreInPlace {
    /// What the options of the verb say.
    struct Options {
        /// Sources; all where empty.
        var sources: [String] = []
        /// Facts that are put on entries only when asked for.
        var tree = TreeRestorer.Options()
        /// Whether sources are brought back of which the snapshot holds a part only.
        var acceptsPartial = false
        /// Whether the environment is held at the commit that was restored.
        var setsRevision = true
    }

    private let environment: EnvironmentSettings
    private let restore: EnvironmentRestore

    /// In the environment that `store` names, which the settings have.
    init(_ store: StoreOptions) throws {
        guard let name = store.environment else {
            throw Failure(
                .usage, "--in-place restores an environment of the settings",
                hints: ["--environment ENV names it; --into DIR restores without settings"])
        }
        let settings = try store.settings.read()
        environment = try settings.environment(name)
        let sync = EnvironmentSync(
            EnvironmentSync.Request(
                environment: environment, state: settings.state, pins: StateFiles.pins(settings.state),
                author: Process.author, zone: try Zones.rules(settings.zone),
                process: FetchChildCommand.process, user: geteuid()),
            identities: try store.identities.load(defaults: settings.identities),
            signers: SettingsOptions.reader)
        let location = try environment.backup.map { try store.choice(settings, $0).location }
        restore = try EnvironmentRestore(
            environment, state: settings.state, author: Process.author,
            user: FileOwner(user: geteuid(), group: getegid()), sync: sync,
            keeping: location.map { [$0] } ?? [], clock: { Process.now },
            tell: { Console.note("strongroom: \($0)") })
    }

    /// Takes back, or ends, what a run that was cut off has begun.
    func undo(json: Bool) async throws {
        let found = try await restore.recover()
        if json { try Console.json(Undone(found, environment.name)) }
        guard let found else {
            return Console.note("strongroom: \(environment.name): no restore was cut off")
        }
        let what =
            found.isEnded
            ? "all was done; what stood there before is removed" : "what it had begun is taken back"
        Console.note(
            "strongroom: \(environment.name): a restore of snapshot \(found.snapshot) was cut off: \(what)")
        for kept in found.kept {
            Console.note(
                "strongroom: \(kept.path): what stood at \(kept.target) after the exchange and was written to since; "
                    + "nothing removes it")
        }
    }

    /// What `--undo` did, as JSON.
    private struct Undone: Encodable {
        struct Kept: Encodable {
            let target: String
            let path: String
        }

        let environment: String
        let outcome: String
        let snapshot: String?
        let kept: [Kept]

        init(_ recovery: EnvironmentRestore.Recovery?, _ environment: String) {
            self.environment = environment
            outcome = recovery.map { $0.isEnded ? "ended" : "taken back" } ?? "nothing"
            snapshot = recovery?.snapshot
            kept = (recovery?.kept ?? []).map {
                Kept(target: $0.target.description, path: $0.path.description)
            }
        }
    }

    /// Brings back `snapshot`, or with `dryRun` says what that means.
    func run(
        _ plan: RestorePlan, _ snapshot: Snapshot, _ reader: StoreReader, _ options: Options, dryRun: Bool,
        json: Bool
    ) async throws {
        guard !plan.isDesiredStateAlone else {
            throw Failure(
                .usage, "there is no live state of that commit to bring back",
                hints: ["--into DIR restores its files; --nearest-ancestor takes live state of before it"])
        }
        let steps = try restore.plan(
            snapshot, options.sources, commit: options.setsRevision ? revision(plan) : nil)
        guard !steps.places.isEmpty || !steps.feeds.isEmpty else {
            throw Failure(
                .usage, "nothing of the snapshot can be brought back in place",
                hints: steps.leftOut.map(\.words))
        }
        let document = Document(plan, steps, environment.name)
        guard !dryRun else {
            try document.show(json: json)
            try requireAccepted(plan, steps, options)
            return try requireAll(plan, steps, isDryRun: true)
        }
        for omission in steps.leftOut { Console.note("strongroom: \(omission.words)") }
        for source in steps.partial {
            Console.note("strongroom: \(source.name): not whole in the snapshot: \(source.captureWords)")
        }
        try requireAccepted(plan, steps, options)
        let report = try await restore.run(steps, of: snapshot, from: reader, options.tree)
        if json {
            try Console.json(document)
        } else {
            for source in report.sources {
                Console.print(
                    "restored \(source.kind.name) \(source.name): \(Sizes.entries(source.entryCount)), "
                        + Sizes.text(source.byteCount))
            }
        }
        for source in report.sources {
            for issue in source.issues {
                Console.note("strongroom: \(SnapshotPlace.text(source.name, issue.path)): \(issue.reason)")
            }
        }
        if let commit = report.commit {
            Console.note(
                "strongroom: \(environment.name) stays at commit \(commit) until strongroom resume \(environment.name)"
            )
        }
        try requireAll(plan, steps)
    }

    /// Throws `usage` where the snapshot holds a part of a source only, or is torn, and nobody has accepted that.
    private func requireAccepted(
        _ plan: RestorePlan, _ steps: EnvironmentRestore.Plan, _ options: Options
    ) throws(Failure) {
        guard !options.acceptsPartial else { return }
        if let source = steps.partial.first {
            throw Failure(
                .usage,
                "\(source.name): the snapshot holds a part of it only, and what is missing there would be gone: \(source.captureWords)",
                hints: [
                    "--accept-partial brings it back all the same; --source names others; --into DIR restores beside"
                ])
        }
        guard plan.record.header.status != .torn else {
            throw Failure(
                .usage,
                "\(plan.record.id): the snapshot is torn, its parts may be of two moments: a deploy or a restore in place went on "
                    + "while it was taken",
                hints: ["--accept-partial brings it back all the same; --into DIR restores beside"])
        }
    }

    /// Throws `damaged` where another snapshot may have been the one to bring back, and `partial` where live state that the
    /// snapshot should have did not come back whole, or would not.
    private func requireAll(
        _ plan: RestorePlan, _ steps: EnvironmentRestore.Plan, isDryRun: Bool = false
    ) throws(Failure) {
        try RestoreCommand.requireSound(plan, isDryRun: isDryRun)
        let what = "\(environment.name): \(isDryRun ? "would be restored" : "restored") in place"
        let missing =
            steps.partial.map { "\($0.name) (a part of it)" }
            + steps.leftOut.filter(\.isShortfall).map { "\($0.source) (nothing of it)" }
        guard missing.isEmpty else {
            throw Failure(
                .partial, "\(what), but not all of the live state: \(missing.joined(separator: ", "))",
                hints: ["why is told above, and by --dry-run"])
        }
        guard plan.record.header.status != .torn else {
            throw Failure(.partial, "\(what), out of a torn snapshot: its parts may be of two moments")
        }
    }

    /// The commit that was asked for, else the one that was applied when the snapshot was taken.
    private func revision(_ plan: RestorePlan) -> [UInt8]? {
        guard let source = environment.sources.first(where: \.isDelivered)?.name else { return nil }
        if let desired = plan.desired, Array(desired.source.utf8) == Array(source.utf8) {
            return desired.commit
        }
        return plan.record.header.revisions.first { Array($0.source.utf8) == Array(source.utf8) }?.commit
    }

    /// The steps as `--dry-run` and `--json` show them.
    private struct Document: Encodable {
        struct Place: Encodable {
            let source: String
            let path: String
            let entries: UInt64
            let bytes: UInt64
            let status: String
        }

        struct Feed: Encodable {
            let source: String
            let program: String
            let bytes: UInt64
            let status: String
        }

        struct Partial: Encodable {
            let source: String
            let status: String
            let notes: [String]
        }

        let snapshot: String
        let time: String
        let environment: String
        let rule: String
        let notices: [String]
        let replaced: [Place]
        let fed: [Feed]
        let partial: [Partial]
        let leftOut: [String]
        let missing: [String]
        let commit: String?
        let status: String

        init(_ plan: RestorePlan, _ steps: EnvironmentRestore.Plan, _ environment: String) {
            snapshot = plan.record.id.description
            time = plan.record.header.time.description
            self.environment = environment
            rule = plan.rule
            notices = plan.notices
            replaced = steps.places.map { place in
                Place(
                    source: place.source.name, path: place.target.description,
                    entries: place.source.entryCount,
                    bytes: place.source.byteCount, status: place.source.status.name)
            }
            fed = steps.feeds.map { feed in
                Feed(
                    source: feed.source.name, program: feed.command.arguments[0],
                    bytes: feed.source.byteCount, status: feed.source.status.name)
            }
            partial = steps.partial.map {
                Partial(source: $0.name, status: $0.status.name, notes: $0.notes)
            }
            leftOut = steps.leftOut.map(\.words)
            missing = steps.leftOut.filter(\.isShortfall).map(\.source)
            commit = steps.commit
            status = plan.record.header.status.name
        }

        func show(json: Bool) throws {
            if json { return try Console.json(self) }
            var lines = ["suspend \(environment)"]
            lines += replaced.map { place in
                "restore \(place.source) beside \(place.path): \(Sizes.entries(place.entries)), "
                    + Sizes.text(place.bytes)
            }
            lines += replaced.map { "exchange \($0.path): what stands there is removed at the end" }
            lines += fed.map { "feed \($0.source) (\(Sizes.text($0.bytes))) to \($0.program)" }
            if let commit { lines.append("set the revision: hold \(environment) at commit \(commit)") }
            lines.append(
                "resume \(environment)" + (commit == nil ? "" : ", deliver, wait until it is healthy"))
            for (number, line) in lines.enumerated() { Console.print("\(number + 1). \(line)") }
            for source in partial {
                let notes = source.notes.map { "; \($0)" }.joined()
                Console.print(
                    "a part only, which needs --accept-partial: \(source.source): \(source.status)\(notes)")
            }
            if status == "torn" { Console.print("a torn snapshot, which needs --accept-partial") }
            for line in leftOut { Console.print("not: \(line)") }
        }
    }
}
