internal import Archives
internal import Backups
internal import Delivery
internal import Encodings
internal import Files
internal import Git
internal import Keyrings
internal import Sealing
internal import Settings
internal import Trust

/// Opens everything sealed at the commits that a snapshot was taken at, out of the repositories that a drill restored.
struct SealedLook: Sendable {
    let environment: EnvironmentSettings
    let pins: String
    let identities: [MemberIdentity]
    /// Whether the identities were named for drills.
    let isOwn: Bool
    let fetching: FetchOptions
    let clock: @Sendable () -> Timestamp

    /// A check for each source of the environment.
    func checks(_ restored: Path, _ record: SnapshotRecord) async -> [DrillReport.Check] {
        environment.sources.map { source in
            let name = "sealed \(source.name)"
            guard let revision = record.header.revisions.first(where: { $0.source == source.name }) else {
                return .init(name, .skipped, "no commit was applied when the snapshot was taken")
            }
            do {
                return .init(name, .passed, try open(source, Hex.encode(revision.commit), restored))
            } catch {
                return .init(name, .failed, ScheduledBackup.words(error))
            }
        }
    }

    /// Opens the files of one commit; what was opened and by whom, in words. The commit was approved when it was applied,
    /// and the snapshot's signature names it: its own is not asked for again.
    private func open(_ settings: SourceSettings, _ commit: String, _ restored: Path) throws -> String {
        let source = try Source(
            name: settings.name, url: "\(restored)/repositories/\(settings.name).git", commit: commit,
            path: settings.path)
        let mirrors = restored.parent.appending("mirrors")
        _ = try Directory.makePath(mirrors)
        let pulled = try PulledCommit.pull(
            source, into: mirrors.appending(Path("\(settings.name).git")), fetching)
        let verified = try VerifiedCommit.verify(pulled, .none, at: clock())
        let root = environment.trustRoot
        let opener = try TreeOpener(
            environment: environment.name,
            repository: environment.repository.isEmpty ? nil : try RepositoryID(environment.repository),
            trust: try KeyringTrust(
                root: root.isEmpty ? nil : try Fingerprint(text: Hex.encode(root)),
                pins: Pins(directory: Path(pins))),
            renderings: try settings.rendering.map { [settings.name: try Rendering($0)] } ?? [:],
            identities: identities)
        let who = try member(settings, restored)
        let tree = try opener.open(verified)
        let count = tree.files.count { $0.origin != .plain }
        return "\(count) files with sealed values opened by \(who)"
    }

    /// The member whose identity opens, by the keyring that was restored. Throws where the identity was named for drills
    /// and its member has no role for them.
    private func member(_ settings: SourceSettings, _ restored: Path) throws -> String {
        let prefix = settings.isDelivered ? "" : "\(settings.name)/"
        let directory = try Directory(restored.appending(Path("keyring")))
        let rules = try Rules(
            parsing: try directory.read(Path("\(prefix)\(Rules.fileName)"), limit: 32 << 20))
        let path = Path("\(prefix)\(rules.keyrings)/\(environment.name).yaml")
        let keyring = try Keyring(
            parsing: try directory.read(path, limit: 32 << 20), environment: environment.name)
        let own = identities.map(\.recipient)
        let members = keyring.body.members.filter { own.contains($0.recipient) }
        if let member = members.first(where: { !Set($0.roles).isDisjoint(with: [.drill, .escrow]) }) {
            return "\(member.name) (\(member.roles.map(\.name).joined(separator: ", ")))"
        }
        guard !isOwn else {
            throw DeliveryError(
                .noIdentity, "drill.identity: its member has neither the role drill nor escrow")
        }
        return members.first.map { "\($0.name), the service's own identity" } ?? "a key of this machine"
    }
}
