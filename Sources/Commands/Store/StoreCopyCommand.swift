internal import Archives
internal import ArgumentParser
internal import Assembly
internal import Keyrings
internal import Settings
internal import Storage
internal import Trust

/// `strongroom store copy`: a replica of a store.
struct StoreCopyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "copy", abstract: "Copy a store to another place, or bring its replica up to date.",
        discussion: """
            The replica is the same store: same id, configuration and keys, so no key is needed and nothing is opened. \
            Every object is compared with the hash that names it before it is put; damaged ones are told and left out \
            (exit code 9). The target is empty or an earlier copy of the same store, and whole at every moment: a run \
            that was broken off goes on where it was. Nothing is removed from the target. With --config, FROM and TO \
            may be names of stores in the settings, each with its own credentials.

            With --identity of a writer, snapshots follow each other in the order in which they were taken; without, \
            'store check' may tell of gaps in a replica whose first copy was broken off. With that of an agent that may \
            add, pruners of both places wait for the copy; without, don't prune the target meanwhile.

            What the target has under a name and with its length is passed over; with --verify it is read, and put anew \
            where it is damaged. So 'store copy --verify REPLICA STORE' mends a store by its replica.
            """)

    @Argument(help: ArgumentHelp("The store: a directory, s3://bucket/prefix, or a name.", valueName: "from"))
    var source: String

    @Argument(help: ArgumentHelp("Where it is copied to.", valueName: "to"))
    var target: String

    @Flag(help: "Read what the target has, and put anew what is damaged there.")
    var verify = false

    @Flag(help: "Say what would be copied, and copy nothing.")
    var dryRun = false

    @Flag(help: "Print JSON.")
    var json = false

    @Option(
        help: ArgumentHelp(
            "The fingerprint of the store's first configuration. Else that of the settings, else the pin.",
            valueName: "fingerprint"))
    var storeTrust: String?

    @OptionGroup var limits: RateOptions
    @OptionGroup var settings: SettingsOptions
    @OptionGroup var identities: IdentityOptions

    func run() async throws {
        let from = try choice(source)
        let to = try choice(target)
        guard from.location != to.location else {
            throw Failure(.usage, "\(from.location): cannot be copied to itself")
        }
        guard !StorePins.isNested(from.location, to.location) else {
            throw Failure(
                .usage, "\(from.location) and \(to.location): one lies in the other",
                hints: ["a store's place holds that store alone"])
        }
        if !from.place.isBucket, !to.place.isBucket { try limits.requireNone(from.location) }
        let store = try await from.verified()
        guard to.trust.root == nil || to.trust.root == store.fingerprint else {
            throw Failure(
                .refused, "\(to.location): another store than the one that is trusted there",
                hints: ["where it was replaced on purpose, --store-trust FINGERPRINT trusts the new one"])
        }
        let write = try await writeKeys(store)
        let session = try session(store)
        let line = ProgressLine()
        var options = StoreCopy.Options()
        options.isDry = dryRun
        options.verifiesTarget = verify
        let report: StoreCopy.Report
        do {
            defer { line.end() }
            report = try await StoreCopy.run(
                from: store, to: try objects(of: to.place), write: write, session: session, options
            ) { progress in
                line.show(
                    "\(progress.doneCount) of \(progress.totalCount) objects, "
                        + "\(Sizes.text(UInt64(progress.doneByteCount))) of "
                        + Sizes.text(UInt64(progress.totalByteCount)))
            }
        }
        if !dryRun { to.record(store) }
        try show(report, store, from, to)
    }

    /// The objects of the target; nil for a directory that a dry run does not make.
    private func objects(of place: StorePlace) throws -> (any ObjectStore)? {
        guard dryRun else { return try place.makeObjects() }
        do throws(StorageError) {
            return try place.objects()
        } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
    }

    private func show(
        _ report: StoreCopy.Report, _ store: Store, _ from: StoreOptions.Choice, _ to: StoreOptions.Choice
    ) throws {
        if json {
            try Console.json(CopyDocument(report, store, from.location, to.location, isDry: dryRun))
        } else {
            let did = dryRun ? "would copy" : "copied"
            Console.print(
                "\(did) \(report.copiedCount) objects, \(Sizes.text(UInt64(report.copiedByteCount))), "
                    + "\(report.snapshotCount) snapshots among them; \(report.presentCount) were there")
            if report.replacedCount > 0 {
                Console.print("\(report.replacedCount) were damaged in the target")
            }
        }
        for failure in report.damaged {
            Console.note("strongroom: damaged: \(failure.error.context)")
        }
        guard !report.damaged.isEmpty else { return }
        throw Failure(
            .damaged, "\(from.location): \(report.damaged.count) damaged objects were left out",
            hints: ["all others are copied; strongroom store check \(from.location) says what is affected"])
    }

    /// A store by its place or, with --config, by its name in the settings.
    private func choice(_ name: String) throws -> StoreOptions.Choice {
        if settings.config != nil, !name.contains("/") {
            let settings = try settings.read()
            let store = try settings.store(name)
            return try StoreOptions.Choice(
                StorePlace(limits.limitingBucket(store), BucketVariables.access), trusted: store.trust,
                storeTrust: storeTrust, pins: settings.state + "/pins", identityFiles: settings.identities)
        }
        return try StoreOptions.Choice(
            StoreOptions.place(name, name.hasPrefix("s3://") ? limits : nil), trusted: nil,
            storeTrust: storeTrust,
            pins: try Locations.pins(), identityFiles: [])
    }

    /// The agent of the first identity that is one of the store's, where one is named.
    private func session(_ store: Store) throws -> StoreCopy.Session? {
        guard identities.isNamed else { return nil }
        let agent = try identities.load().map { StoreAccess.agentKey(of: $0) }
            .first { store.config.agent($0.publicKey)?.powers.contains(.add) ?? false }
        return agent.map { StoreCopy.Session(agent: $0, presence: MachinePresence.current) }
    }

    /// The keys that open the order of snapshots, where an identity is named that has them.
    private func writeKeys(_ store: Store) async throws -> [WriteKey] {
        guard identities.isNamed else { return [] }
        return try await StoreAccess.writeKeys(of: store, with: try identities.load())
    }
}

/// What was copied as JSON.
private struct CopyDocument: Encodable {
    struct Damage: Encodable {
        let object: String
        let problem: String
    }
    let from: String
    let to: String
    let store: String
    let dryRun: Bool
    let copiedObjects: Int
    let copiedBytes: Int
    let copiedSnapshots: Int
    let presentObjects: Int
    let replacedObjects: Int
    let inOrder: Bool
    let damaged: [Damage]

    init(_ report: StoreCopy.Report, _ store: Store, _ from: String, _ to: String, isDry: Bool) {
        self.from = from
        self.to = to
        self.store = store.id.description
        dryRun = isDry
        copiedObjects = report.copiedCount
        copiedBytes = report.copiedByteCount
        copiedSnapshots = report.snapshotCount
        presentObjects = report.presentCount
        replacedObjects = report.replacedCount
        inOrder = report.isOrdered
        damaged = report.damaged.map { Damage(object: $0.name, problem: $0.error.context) }
    }
}
