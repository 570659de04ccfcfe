// An archive store: encrypted, deduplicated snapshots in named immutable objects. The format is told in FORMAT.md.
//
//   Store            the verified config of a store and where its objects are: no key yet
//   StoreCreation    a new store
//   OpenedWrite      + `write`: names and lists, checks structure
//   StoreReader      + `read`: opens snapshots, walks entries, reads contents
//   StoreWriter      `write` and an agent's key: adds a snapshot; needs no `read`
//   StoreCheck       looks at everything
import Encodings
package import Sodium
package import Storage
package import Trust

/// What a caller knows of a store from before (CASES.md D10).
package struct StoreTrust: Sendable {
    /// The fingerprint of the first config, where it is pinned.
    package var root: Fingerprint?
    /// The highest config generation seen.
    package var generation: UInt64
    /// The highest snapshot generation seen, by the agent's public key.
    package var agents: [[UInt8]: UInt64]

    /// Knowledge of a store; none by default.
    package init(root: Fingerprint? = nil, generation: UInt64 = 0, agents: [[UInt8]: UInt64] = [:]) {
        self.root = root
        self.generation = generation
        self.agents = agents
    }
}

/// A store whose config chain verified. Opens nothing by itself.
package struct Store: Sendable {
    /// Where the objects are.
    let objects: any ObjectStore
    /// Every generation of the config, the newest last.
    package let chain: GenerationChain
    /// The bodies of the chain's generations, in order.
    let configs: [StoreConfig]
    /// What was known of it before.
    let trust: StoreTrust

    /// The newest config.
    package var config: StoreConfig { configs[configs.count - 1] }
    /// The store's id, the same in all generations.
    package var id: StoreID { config.id }
    /// The newest config generation.
    package var generation: UInt64 { UInt64(configs.count) }
    /// The fingerprint that settings pin.
    package var fingerprint: Fingerprint { chain.root }

    /// Reads and verifies the config of the store in `objects`.
    ///
    /// Throws `absent` where there is no store, `foreign` where its root isn't the one that `trust` names,
    /// `rolledBack` where generations that were seen are gone, `forged` where the chain doesn't verify, `damaged` and
    /// `storage`.
    package static func open(
        _ objects: any ObjectStore, trust: StoreTrust = StoreTrust()
    ) async throws(ArchiveError) -> Store {
        let entries = try await ObjectPlace.config.list(in: objects)
        guard !entries.isEmpty else { throw ArchiveError(.absent, "no store here: it has no config") }
        var generations: [ConfigObject] = []
        for entry in entries {
            let generation = generations.count + 1
            guard entry.name == (try ConfigObject.name(UInt64(generation))) else {
                throw ArchiveError.damaged("config: generation \(generation) is missing")
            }
            let bytes = try await objects.fetch(entry.name, limit: ObjectPlace.configByteLimit)
            generations.append(try ConfigObject(decoding: bytes, entry.name.text))
        }
        return try Store(objects: objects, generations: generations, trust: trust)
    }

    /// Verifies the chain of `generations` against `trust`.
    init(objects: any ObjectStore, generations: [ConfigObject], trust: StoreTrust) throws(ArchiveError) {
        guard let first = generations.first else { throw ArchiveError(.absent, "no store here") }
        if let root = trust.root, root != first.generation.header.fingerprint {
            throw ArchiveError(.foreign, "store: its first config isn't the pinned one")
        }
        guard UInt64(generations.count) >= trust.generation else {
            throw ArchiveError(
                .rolledBack, "config: generation \(trust.generation) was seen, \(generations.count) is here")
        }
        do throws(TrustError) {
            chain = try GenerationChain(
                verifying: generations.map(\.generation), purpose: .store,
                subject: generations[0].config.id.description)
        } catch {
            throw ArchiveError(.forged, "config: \(error.context)", underlying: error)
        }
        for generation in generations {
            guard BLAKE2b.hash(generation.body) == generation.generation.header.bodyHash else {
                throw ArchiveError(.forged, "config: a body isn't the one that its header names")
            }
        }
        for (earlier, later) in zip(generations, generations.dropFirst()) {
            guard later.config.continues(earlier.config) else {
                throw ArchiveError(
                    .forged, "config: a generation has another id, algorithm or keys than before")
            }
        }
        self.objects = objects
        self.trust = trust
        configs = generations.map(\.config)
    }

    /// The same verified store, of which `objects` are read in place of its own.
    func reading(_ objects: any ObjectStore) -> Store {
        Store(objects: objects, chain: chain, configs: configs, trust: trust)
    }

    private init(
        objects: any ObjectStore, chain: GenerationChain, configs: [StoreConfig], trust: StoreTrust
    ) {
        self.objects = objects
        self.chain = chain
        self.configs = configs
        self.trust = trust
    }

    /// The store with one more generation, verified like the rest.
    func appending(_ next: ConfigObject) throws(ArchiveError) -> Store {
        let before = zip(chain.generations, configs).map { ConfigObject(generation: $0, config: $1) }
        return try Store(objects: objects, generations: before + [next], trust: trust)
    }

    /// The config of a generation; nil for one that this store doesn't have.
    func config(of generation: UInt64) -> StoreConfig? {
        guard generation >= 1, generation <= UInt64(configs.count) else { return nil }
        return configs[Int(generation) - 1]
    }

    /// The numbers of a power's keys, the newest last.
    package func keyNumbers(_ power: StorePower) -> [UInt32] {
        (power == .read ? config.readKeys : config.writeKeys).map(\.number)
    }

    /// The age file of a power's newest key, or of the one of that number, from the first of its two copies that is whole.
    ///
    /// Throws `damaged` or `absent` where neither is.
    package func wrappedKey(_ power: StorePower, number: UInt32? = nil) async throws(ArchiveError) -> [UInt8]
    {
        let records = power == .read ? config.readKeys : config.writeKeys
        guard let record = number.map({ n in records.first { $0.number == n } }) ?? records.last else {
            throw ArchiveError(.absent, "config: no such key")
        }
        var failure = ArchiveError(.absent, "keys: \(power.rawValue)")
        for copy in KeyFile.copies {
            do throws(ArchiveError) {
                return try await KeyFile.read(power, record, copy, from: objects)
            } catch {
                failure = error
            }
        }
        throw failure
    }

    /// The opened `write` secret as a key. Throws `notForThisKey` where the config knows no such key.
    package func writeKey(_ secret: borrowing SecretBytes) throws(ArchiveError) -> WriteKey {
        guard secret.byteCount == 32 else { throw ArchiveError(.notForThisKey, "write: not 32 bytes") }
        let check = WriteKey.check(of: secret)
        guard let record = config.writeKeys.first(where: { $0.key == check }) else {
            throw ArchiveError(.notForThisKey, "write: not a key of this store")
        }
        // That of the first generation, as the gear table.
        return WriteKey(
            secret: secret, number: record.number, store: id, algorithm: configs[0].idAlgorithm)
    }

    /// The opened `read` secret as an identity. Throws `notForThisKey` where the config knows no such key.
    package func readIdentity(_ secret: borrowing SecretBytes) throws(ArchiveError) -> ReadIdentity {
        guard secret.byteCount == 32 else { throw ArchiveError(.notForThisKey, "read: not 32 bytes") }
        let publicKey = X25519.publicKey(of: secret)
        guard let record = config.readKeys.first(where: { $0.key == publicKey }) else {
            throw ArchiveError(.notForThisKey, "read: not a key of this store")
        }
        return ReadIdentity(secret: secret, number: record.number)
    }
}

/// A store with its opened `write` keys: what listing and checking need.
struct OpenedWrite: Sendable {
    /// The store.
    let store: Store
    private let keys: [WriteKey]

    /// Throws `invalid` where no key is given.
    init(store: Store, keys: [WriteKey]) throws(ArchiveError) {
        guard !keys.isEmpty else { throw ArchiveError(.invalid, "no write key") }
        self.store = store
        self.keys = keys
    }

    /// The same keys, of a store of which `objects` are read in place of its own.
    func reading(_ objects: any ObjectStore) -> OpenedWrite {
        OpenedWrite(keys, of: store.reading(objects))
    }

    private init(_ keys: [WriteKey], of store: Store) {
        self.keys = keys
        self.store = store
    }

    /// The key of that number, if it is at hand.
    func key(_ number: UInt32) -> WriteKey? { keys.first { $0.number == number } }

    /// The key to write under. Throws `keyNeeded` where the newest isn't at hand.
    func newest() throws(ArchiveError) -> WriteKey {
        guard let number = store.config.writeKeys.last?.number, let key = key(number) else {
            throw ArchiveError(.keyNeeded, "the newest write key")
        }
        return key
    }

    /// The gear table's key: that of the first generation. Throws `keyNeeded`.
    func first() throws(ArchiveError) -> WriteKey {
        guard let key = key(1) else { throw ArchiveError(.keyNeeded, "the first write key") }
        return key
    }
}

/// The age files of the powers: two copies each, named so that a rewrap is another object.
enum KeyFile {
    /// The copies of each age file.
    static let copies = ["a", "b"]

    /// The name of a copy.
    static func name(_ power: StorePower, _ record: PowerKeyRecord, _ copy: String) throws(ArchiveError)
        -> ObjectName
    {
        let hash = Hex.encode(record.wrapped.bytes.prefix(8))
        return try ObjectPlace.keys.name("\(power.rawValue)-\(record.number)-\(hash).\(copy).age")
    }

    /// One copy, whose hash is the one that the config names. Throws `absent`, `damaged`, `storage`.
    static func read(
        _ power: StorePower, _ record: PowerKeyRecord, _ copy: String, from objects: any ObjectStore
    ) async throws(ArchiveError) -> [UInt8] {
        let name = try name(power, record, copy)
        let bytes = try await objects.fetch(name, limit: ObjectPlace.keyFileByteLimit)
        guard Digest(hashing: bytes) == record.wrapped else {
            throw ArchiveError.damaged("\(name): not the age file that the config names")
        }
        return bytes
    }
}
