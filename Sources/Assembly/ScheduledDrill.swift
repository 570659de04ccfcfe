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
    private let describe: @Sendable (any Error) -> String

    /// The drill of `environment`; nil where the settings have none for it. `load` reads identity files,
    /// `describe` gives the words for an error of a drill that can't begin.
    package init?(
        _ environment: EnvironmentSettings, settings: Settings, identities: [MemberIdentity],
        load: @escaping @Sendable ([String]) throws -> [MemberIdentity], access: SourceAccess,
        buckets: BucketAccess, describe: @escaping @Sendable (any Error) -> String
    ) {
        guard environment.backup?.drill != nil else { return nil }
        self.environment = environment
        self.settings = settings
        self.identities = identities
        self.load = load
        self.access = access
        self.buckets = buckets
        self.describe = describe
    }

    /// Holds the drill on the newest snapshot, and records it whatever comes of it. Throws what opening the store and
    /// `EnvironmentDrill.run` throw.
    package func run() async throws -> DrillReport {
        let begun: Begun
        do {
            begun = try await begin()
        } catch {
            if !Task.isCancelled {
                EnvironmentDrill.recordFailure(describe(error), environment, settings, at: WallClock.now)
            }
            throw error
        }
        return try await begun.drill.run(begun.opened, from: begun.reader).report
    }

    /// A drill with the store that it is held on.
    private struct Begun {
        let drill: EnvironmentDrill
        let opened: StoreAccess.Opened
        let reader: StoreReader
    }

    private func begin() async throws -> Begun {
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
        let held = try EnvironmentDrill(
            environment, settings: settings, identities: identities, openers: own ?? identities,
            isOwn: own != nil, access: access, clock: { WallClock.now })
        return Begun(drill: held, opened: opened, reader: reader)
    }
}
