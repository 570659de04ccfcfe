// The service's settings file: typed, validated, without a secret in it. What this version does not carry out
// is refused by name rather than read and forgotten. Reading touches no disk: the face hands over the bytes.

/// One settings file, as `/etc/strongroom/strongroom.yaml`.
package struct Settings: Sendable {
    /// The directory of what the service remembers: mirrors, journal, locks.
    package let state: String
    /// The files of the identities that open, in the order in which they are tried.
    package let identities: [String]
    /// Archive stores by name.
    package let stores: [String: StoreSettings]
    /// Environments by name.
    package let environments: [String: EnvironmentSettings]
    /// Where the service answers; nil for `api.sock` in the state directory.
    package let api: ListenSettings?
    /// The time zone of schedules and windows.
    package let zone: String

    /// The settings of the environment `name`. Throws `unknownName` with the names that there are.
    package func environment(_ name: String) throws(SettingsError) -> EnvironmentSettings {
        guard let environment = environments[name] else {
            throw .unknownName("environment", name, known: environments.keys.sorted())
        }
        return environment
    }

    /// The settings of the store `name`. Throws `unknownName` with the names that there are.
    package func store(_ name: String) throws(SettingsError) -> StoreSettings {
        guard let store = stores[name] else {
            throw .unknownName("store", name, known: stores.keys.sorted())
        }
        return store
    }
}

/// A set of things that are synced, sealed and restored together.
package struct EnvironmentSettings: Sendable {
    /// The environment's name.
    package var name: String
    /// The fingerprint of the keyring's first generation; empty where what was seen before decides.
    package var trustRoot: [UInt8]
    /// The repository id that `.strongroom.yaml` must name, 32 hexadecimal digits; empty where any is taken.
    package let repository: String
    /// What is pulled, by name, in the order of the file.
    package let sources: [SourceSettings]
    /// Where opened state is delivered.
    package var targets: [TargetSettings]
    /// What is archived, where it is archived at all.
    package let backup: BackupSettings?
    /// What is done about drift.
    package var drift = DriftSettings()
    /// By what a delivery is judged; empty for not at all.
    package var health: [HealthSettings] = []
    /// Seconds for which values of a closed epoch are still opened at a followed head.
    package var epochGraceSeconds: Int64 = 7 * 86_400
    /// The share in per cent of files or objects that may vanish from a source without a commit that confirms it.
    package var maximumLoss = 50

    /// Settings of these values.
    package init(
        name: String, trustRoot: [UInt8], repository: String, sources: [SourceSettings],
        targets: [TargetSettings], backup: BackupSettings?
    ) {
        self.name = name
        self.trustRoot = trustRoot
        self.repository = repository
        self.sources = sources
        self.targets = targets
        self.backup = backup
    }
}

/// A Git repository and revision that is pulled.
package struct SourceSettings: Sendable {
    /// The source's name, which snapshots and receipts use.
    package let name: String
    /// A local path, or a URL of HTTPS, SSH or file.
    package let url: String
    /// How it is reached.
    package let access: AccessSettings
    /// Whether it is delivered; one source of an environment is. The others are approved and recorded with it.
    package let isDelivered: Bool
    /// What of the repository is followed.
    package var revision: Revision
    /// The directory of the repository that is delivered; empty for all of it.
    package let path: String
    /// How commits are approved.
    package let verification: Verification
    /// Seconds from one poll to the next.
    package var intervalSeconds: Int64 = 60
    /// What makes manifests of the files; nil where they are delivered as they are.
    package var rendering: RenderSettings?

    /// What to follow, or a commit to stay at.
    package enum Revision: Sendable, Equatable {
        /// The head of this branch.
        case branch(String)
        /// What this tag names.
        case tag(String)
        /// The highest version in this range that a tag names.
        case versions(String)
        /// This commit, 40 hexadecimal digits.
        case commit(String)
    }

    /// The rule by which a commit counts as approved.
    package enum Verification: Sendable, Equatable {
        /// Signed by one of the keys that these settings name.
        case signed(SignatureSettings)
        /// Every commit of the source is delivered: said in words, never by default.
        case none
    }

    /// Settings of these values.
    package init(
        name: String, url: String, revision: Revision, path: String, verification: Verification,
        access: AccessSettings = AccessSettings(), isDelivered: Bool = true
    ) {
        self.name = name
        self.url = url
        self.revision = revision
        self.path = path
        self.verification = verification
        self.access = access
        self.isDelivered = isDelivered
    }
}

/// A directory that opened files are delivered to.
package struct FilesTargetSettings: Sendable {
    /// The directory's absolute path.
    package let directory: String
    /// Whether the directory is switched as a whole, or its files one by one beside foreign ones.
    package let layout: Layout
    /// The owner's name or number; nil leaves files with the service's user.
    package let owner: String?
    /// The group's name or number; nil leaves the owner's or the service's.
    package let group: String?
    /// The permission bits of delivered files.
    package let mode: UInt16
    /// What is delivered there.
    package var contents = ContentsSettings()
    /// What is run after a change.
    package var reload: ProgramSettings?
    /// Whether the directory is to be in memory.
    package var memory = Memory.any
    /// Whether the directory is the one below /run/strongroom that stands for none.
    package var isStandingDirectory = false

    /// `tmpfs`
    package enum Memory: String, Sendable, CaseIterable {
        /// Elsewhere nothing is delivered.
        case required
        /// Elsewhere it is said with each change.
        case warned
        /// Wherever it is.
        case any
    }

    /// How a new set of files takes the place of the old one.
    package enum Layout: String, Sendable, CaseIterable {
        /// The directory is a symbolic link that is switched to a complete new generation.
        case generation
        /// Each file is replaced by itself, beside foreign files.
        case files
    }

    /// Settings of these values.
    package init(directory: String, layout: Layout, owner: String?, group: String?, mode: UInt16) {
        self.directory = directory
        self.layout = layout
        self.owner = owner
        self.group = group
        self.mode = mode
    }
}
