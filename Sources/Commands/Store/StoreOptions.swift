internal import Archives
internal import ArgumentParser
internal import Assembly
internal import Keyrings
internal import Settings

/// Which archive store a verb works on, and with which identities.
struct StoreOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The store: a directory, or s3://bucket/prefix. Else STRONGROOM_STORE, else that of the settings' environment.",
            valueName: "store"))
    var store: String?

    @Option(help: ArgumentHelp("The environment.", valueName: "env"))
    var environment: String?

    @Option(
        help: ArgumentHelp(
            "The fingerprint of the store's first configuration. Else that of the settings, else the pin.",
            valueName: "fingerprint"))
    var storeTrust: String?

    @Flag(
        help: """
            Go on with a store that shows less than this machine has seen of it, as after snapshots, pins or generations of \
            its configuration were lost: what is there counts from now on.
            """)
    var acknowledgeRollback = false

    @OptionGroup var limits: RateOptions
    @OptionGroup var settings: SettingsOptions
    @OptionGroup var identities: IdentityOptions

    /// The store that `name` means: a directory's path, or a bucket's URL. Nothing is opened.
    static func place(_ name: String, _ limits: RateOptions? = nil) throws -> StorePlace {
        let isBucket = name.hasPrefix("s3://")
        let settings =
            try isBucket ? BucketVariables.settings(name) : StoreSettings(url: Process.absolute(name))
        return try StorePlace(limits?.limiting(settings) ?? settings, BucketVariables.access)
    }

    /// Whether a store is named by option or environment variable: what makes a backup an ad-hoc one.
    var isNamed: Bool { store != nil || Process.variable("STRONGROOM_STORE") != nil }

    /// The store that options, environment variable or settings name, with what is known of it.
    func choose() throws -> Choice {
        if let name = store ?? Process.variable("STRONGROOM_STORE") {
            return try Choice(
                StoreOptions.place(name, limits), trusted: nil, storeTrust: storeTrust,
                forgets: acknowledgeRollback, pins: try Locations.pins(), identityFiles: [])
        }
        guard let environment else {
            throw Failure(
                .usage, "no store is named", hints: ["--store DIR, STRONGROOM_STORE, or --environment ENV"])
        }
        let settings = try settings.read()
        guard let backup = try settings.environment(environment).backup else {
            throw Failure(.usage, "\(environment): the settings name no store for it")
        }
        return try choice(settings, backup)
    }

    /// The store of an environment's backup settings.
    func choice(_ settings: Settings, _ backup: BackupSettings) throws -> Choice {
        let store = try settings.store(backup.store)
        return try Choice(
            StorePlace(limits.limiting(store), BucketVariables.access), trusted: store.trust,
            storeTrust: storeTrust, forgets: acknowledgeRollback, pins: settings.state + "/pins",
            identityFiles: settings.identities)
    }

    /// Opens the chosen store with what the identities can.
    func open(_ choice: Choice) async throws -> StoreAccess.Opened {
        let identities = try identities.load(defaults: choice.identityFiles)
        let opened: StoreAccess.Opened
        do {
            opened = try await StoreAccess.open(choice.place, trust: choice.trust, identities: identities)
        } catch let error as AgeError where error.code == .noMatch {
            throw Failure(
                .cannotDecrypt,
                "\(choice.location): none of the identities is a reader's or writer's of this store",
                hints: ["--identity FILE names another identity"])
        } catch let error as ArchiveError where error.code == .foreign {
            throw choice.refusal(error)
        }
        choice.record(opened.store)
        return opened
    }
}
