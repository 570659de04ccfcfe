internal import Archives
internal import Assembly
internal import Encodings
internal import Files
internal import Trust

extension StoreOptions {
    /// A store and what it is to be.
    struct Choice {
        /// Where it is.
        let place: StorePlace
        /// What is known of it.
        let trust: StoreTrust
        /// Where that is kept.
        let pins: StorePins
        /// Identity files that the settings name.
        let identityFiles: [String]
        // Whether what was seen counts no more.
        private let forgets: Bool

        /// What messages, pins and the journal call the place.
        var location: String { place.name }

        /// The store at `place`. Its root is the fingerprint `storeTrust` of the command line, else `trusted` of the
        /// settings, else that of the pin in the directory `pins`; with `forgets` that is all that is known of it.
        init(
            _ place: StorePlace, trusted: [UInt8]?, storeTrust: String?, forgets: Bool = false, pins: String,
            identityFiles: [String]
        ) throws {
            let pins = StorePins(directory: Path(pins))
            let root = try storeTrust.map { text in
                try Failure.about("--store-trust") { try Fingerprint(text: text) }
            }
            let trust = try pins.trust(
                for: place.name, root: root ?? trusted.map { try Fingerprint(text: Hex.encode($0)) })
            self.forgets = forgets
            self.place = place
            self.trust = forgets ? StoreTrust(root: trust.root) : trust
            self.pins = pins
            self.identityFiles = identityFiles
        }

        /// The store, its configuration verified and remembered; no key is needed.
        func verified() async throws -> Store {
            do {
                let store = try await StoreAccess.verified(place, trust: trust).store
                record(store)
                return store
            } catch let error as ArchiveError where error.code == .foreign {
                throw refusal(error)
            }
        }

        /// Remembers the configuration of the store that is there, and says so the first time.
        func record(_ store: Store) {
            var seen = trust
            if seen.root == nil {
                Console.note(
                    "strongroom: \(location): trusting this store from now on: \(store.fingerprint)")
            }
            seen.root = store.fingerprint
            // What was seen meanwhile, also of agents, stays seen.
            if !forgets, let pinned = try? pins.trust(for: location), pinned.root == seen.root {
                seen.generation = max(seen.generation, pinned.generation)
                seen.agents.merge(pinned.agents) { max($0, $1) }
            }
            seen.generation = max(seen.generation, store.generation)
            try? pins.record(seen, for: location)
            if forgets { try? pins.acceptMissingAnnotations(at: location) }
        }

        /// What the user is told where another store is there.
        func refusal(_ error: ArchiveError) -> Failure {
            Failure(
                .refused, "\(location): another store than the one that is trusted here (\(error.context))",
                hints: ["where it was replaced on purpose, --store-trust FINGERPRINT trusts the new one"])
        }
    }
}
