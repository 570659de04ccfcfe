internal import Archives
package import Backups
internal import Delivery
internal import Encodings
internal import Files
package import Keyrings
package import Settings
internal import Storage
internal import Trust

/// An environment's drill as the settings describe it, held without a person.
package struct ScheduledDrill: Sendable {
    private let environment: EnvironmentSettings
    private let settings: Settings
    private let identities: [MemberIdentity]
    private let load: @Sendable ([String]) throws -> [MemberIdentity]
    private let access: SourceAccess
    private let buckets: BucketAccess

    /// The drill of `environment`; nil where the settings have none for it. `load` reads identity files.
    package init?(
        _ environment: EnvironmentSettings, settings: Settings, identities: [MemberIdentity],
        load: @escaping @Sendable ([String]) throws -> [MemberIdentity], access: SourceAccess,
        buckets: BucketAccess
    ) {
        guard environment.backup?.drill != nil else { return nil }
        self.environment = environment
        self.settings = settings
        self.identities = identities
        self.load = load
        self.access = access
        self.buckets = buckets
    }

    /// Holds the drill on the newest snapshot. Throws what opening the store and `EnvironmentDrill.run` throw.
    package func run() async throws -> DrillReport {
        guard let plan = environment.backup, let drill = plan.drill else {
            throw DeliveryError(.unusableRequest, "\(environment.name): no drill")
        }
        let store = try settings.store(plan.store)
        let place = try StorePlace(store, buckets)
        let pins = StorePins(directory: Path(StateFiles.pins(settings.state)))
        let trust = try pins.trust(
            for: place.name, root: store.trust.map { try Fingerprint(text: Hex.encode($0)) })
        let own = try drill.identity.map { try load([$0]) }
        let opened = try await StoreAccess.open(place, trust: trust, identities: (own ?? []) + identities)
        let cache = IndexCache(directory: pins.memory)
        let reader = try await StoreReader(
            opened.store, write: opened.writeKeys, read: opened.readKeys, indexCache: cache)
        return try await EnvironmentDrill(
            environment, settings: settings, identities: identities, openers: own ?? identities,
            isOwn: own != nil, access: access, clock: { WallClock.now }
        ).run(opened, from: reader).report
    }
}
