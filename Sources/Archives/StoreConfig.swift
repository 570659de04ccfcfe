import Encodings

/// How contents are cut into chunks and trees into nodes: part of the config, so that all agents of a store cut alike.
package struct CuttingParameters: Hashable, Sendable {
    /// Lengths of chunks, in bytes.
    package var minimum: UInt64
    /// Where the cut condition gets easier, in bytes.
    package var average: UInt64
    /// The longest chunk, in bytes.
    package var maximum: UInt64
    /// By how many bits the cut condition is harder before `average` and easier behind it (FastCDC, normalised).
    package var normalization: UInt64
    /// Files shorter than this go into one stream per source and share chunks.
    package var bundleLimit: UInt64
    /// One entry in 2^`entryBits` ends a node of entries.
    package var entryBits: UInt64
    /// One chunk in 2^`listBits` ends a node of a chunk list.
    package var listBits: UInt64

    /// The values of new stores. 64 KiB was measured to add 4 to 12 times less after small changes than 1 MiB.
    package static let standard = CuttingParameters(
        minimum: 32 << 10, average: 64 << 10, maximum: 256 << 10, normalization: 2, bundleLimit: 16 << 10,
        entryBits: 5, listBits: 7)

    /// The parameters with these values.
    package init(
        minimum: UInt64, average: UInt64, maximum: UInt64, normalization: UInt64, bundleLimit: UInt64,
        entryBits: UInt64, listBits: UInt64
    ) {
        self.minimum = minimum
        self.average = average
        self.maximum = maximum
        self.normalization = normalization
        self.bundleLimit = bundleLimit
        self.entryBits = entryBits
        self.listBits = listBits
    }

    /// The longest chunk that any config may allow.
    static let chunkByteLimit = 8 << 20

    /// Whether the values are within the format's bounds.
    var isValid: Bool {
        minimum >= 64 && minimum < average && average < maximum && maximum <= CuttingParameters.chunkByteLimit
            && normalization <= 4 && bundleLimit <= maximum && (1...16).contains(entryBits)
            && (1...16).contains(listBits)
    }

    /// Writes the seven numbers.
    func write(to writer: inout CanonicalWriter) {
        for value in [minimum, average, maximum, normalization, bundleLimit, entryBits, listBits] {
            writer.uint64(value)
        }
    }

    /// Reads the seven numbers.
    init(from reader: inout CanonicalReader) throws {
        minimum = try reader.uint64()
        average = try reader.uint64()
        maximum = try reader.uint64()
        normalization = try reader.uint64()
        bundleLimit = try reader.uint64()
        entryBits = try reader.uint64()
        listBits = try reader.uint64()
        guard isValid else { throw ArchiveError.damaged("config: cutting parameters out of bounds") }
    }
}

/// A generation of a power's key, as the config names it.
package struct PowerKeyRecord: Hashable, Sendable {
    /// From 1.
    package let number: UInt32
    /// Of `read` the X25519 public key, of `write` H of the secret: 32 bytes.
    package let key: [UInt8]
    /// H of the age file that holds the secret.
    package let wrapped: Digest
}

/// An agent that may write to the store.
package struct AgentRecord: Hashable, Sendable {
    /// What an agent may do.
    package struct Powers: OptionSet, Hashable, Sendable {
        /// The bits as stored.
        package let rawValue: UInt64
        /// The powers of these bits.
        package init(rawValue: UInt64) { self.rawValue = rawValue }

        /// Add packs, index objects, snapshots and annotations.
        package static let add = Powers(rawValue: 1)
        /// Make tombstones.
        package static let prune = Powers(rawValue: 2)
        static let known: Powers = [.add, .prune]
    }

    /// For people; signed headers name it too.
    package let name: String
    /// Ed25519, 32 bytes.
    package let publicKey: [UInt8]
    /// What it may do.
    package let powers: Powers
    /// Agents of one group take each other's word that a chunk is there.
    package let trustGroup: String

    /// The agent `name`, who signs with `publicKey`.
    package init(name: String, publicKey: [UInt8], powers: Powers, trustGroup: String = "default") {
        self.name = name
        self.publicKey = publicKey
        self.powers = powers
        self.trustGroup = trustGroup
    }
}

/// An agent whose key counts no more, but for what it added before.
package struct RevokedAgent: Hashable, Sendable {
    /// The name it had, for people.
    package let name: String
    /// Ed25519, 32 bytes: never enrolled again.
    package let publicKey: [UInt8]
    /// The hashes in the names of its snapshots, tombstones and annotations that still count.
    package let objects: Set<Digest>

    /// An agent with the objects that still count.
    package init(name: String, publicKey: [UInt8], objects: Set<Digest>) {
        self.name = name
        self.publicKey = publicKey
        self.objects = objects
    }
}

/// The body of a config generation (FORMAT.md §4): what every reader and writer of the store goes by.
package struct StoreConfig: Hashable, Sendable {
    /// How chunks' ids are made from plaintext; nodes' are always made by keyed BLAKE2b.
    package enum IDAlgorithm: UInt64, Sendable, CaseIterable {
        /// BLAKE2b-256 under the id key.
        case keyedBLAKE2b = 1
        /// HMAC-SHA-256 under the chunk key: by processors' own instructions, 1.7 times as fast.
        case hmacSHA256 = 2
    }

    /// The store's id.
    package let id: StoreID
    /// How contents are cut.
    package let cutting: CuttingParameters
    /// How ids are made.
    package let idAlgorithm: IDAlgorithm
    /// By number, from 1 without gaps; the last is the one to write under.
    package let readKeys: [PowerKeyRecord]
    /// By number, from 1 without gaps; the last is the one to write under.
    package let writeKeys: [PowerKeyRecord]
    /// Sorted by name, no name and no key twice.
    package let agents: [AgentRecord]
    /// Whom the age files of `read` are wrapped to, in their texts; sorted.
    package let readers: [String]
    /// Whom those of `write` are wrapped to besides the readers; sorted.
    package let writers: [String]
    /// Sorted by key, none of which is enrolled.
    package let revoked: [RevokedAgent]

    private static let format = "strongroom/store-config/v1"

    /// A config. Throws `invalid` for values that no config can have.
    package init(
        id: StoreID, cutting: CuttingParameters, readKeys: [PowerKeyRecord], writeKeys: [PowerKeyRecord],
        agents: [AgentRecord], readers: [String] = [], writers: [String] = [], revoked: [RevokedAgent] = [],
        idAlgorithm: IDAlgorithm = .hmacSHA256
    ) throws(ArchiveError) {
        self.id = id
        self.cutting = cutting
        self.idAlgorithm = idAlgorithm
        self.readKeys = readKeys
        self.writeKeys = writeKeys
        self.agents = agents.sorted { Array($0.name.utf8).lexicographicallyPrecedes(Array($1.name.utf8)) }
        self.readers = readers.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
        self.writers = writers.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
        self.revoked = revoked.sorted { $0.publicKey.lexicographicallyPrecedes($1.publicKey) }
        guard cutting.isValid, hasValidLists else { throw ArchiveError(.invalid, "config: values") }
    }

    /// Whether this can follow `earlier`: the same store, ids made alike, and every key of it.
    func continues(_ earlier: StoreConfig) -> Bool {
        func extends(_ keys: [PowerKeyRecord], _ before: [PowerKeyRecord]) -> Bool {
            keys.count >= before.count && zip(keys, before).allSatisfy { $0.key == $1.key }
        }
        return id == earlier.id && idAlgorithm == earlier.idAlgorithm
            && extends(readKeys, earlier.readKeys) && extends(writeKeys, earlier.writeKeys)
    }

    /// The enrolled agent with `publicKey`, if there is one.
    package func agent(_ publicKey: [UInt8]) -> AgentRecord? {
        agents.first { $0.publicKey == publicKey }
    }

    /// Whether an object whose name has `hash` counts, by an agent that was enrolled in the generation it names: an
    /// agent that was revoked since is believed only what it had added by then.
    func accepts(_ hash: Digest, by publicKey: [UInt8]) -> Bool {
        revoked.first { $0.publicKey == publicKey }?.objects.contains(hash) ?? true
    }

    /// The canonical bytes, which the generation's header names by their hash.
    package var encoded: [UInt8] {
        var writer = CanonicalWriter()
        writer.text(StoreConfig.format)
        writer.lp(id.digest.bytes)
        cutting.write(to: &writer)
        writer.uint64(idAlgorithm.rawValue)
        for keys in [readKeys, writeKeys] {
            writer.count(keys.count)
            for key in keys {
                writer.uint64(UInt64(key.number))
                writer.lp(key.key)
                writer.lp(key.wrapped.bytes)
            }
        }
        writer.count(agents.count)
        for agent in agents {
            writer.text(agent.name)
            writer.lp(agent.publicKey)
            writer.uint64(agent.powers.rawValue)
            writer.text(agent.trustGroup)
        }
        for recipients in [readers, writers] {
            writer.count(recipients.count)
            for recipient in recipients { writer.text(recipient) }
        }
        writer.count(revoked.count)
        for agent in revoked {
            writer.text(agent.name)
            writer.lp(agent.publicKey)
            writer.count(agent.objects.count)
            for hash in agent.objects.sorted() { writer.raw(hash.bytes) }
        }
        return writer.bytes
    }

    /// The config in `bytes`. Throws `damaged` for anything but the one encoding of a valid config, `unsupported`
    /// for an id algorithm or format of a later version.
    package init(decoding bytes: [UInt8]) throws(ArchiveError) {
        self = try decoding("config") {
            var reader = CanonicalReader(bytes, "config")
            guard try reader.text(limit: 64) == StoreConfig.format else {
                throw ArchiveError(.unsupported, "config: not of this version")
            }
            return try StoreConfig(from: &reader)
        }
    }

    private init(from reader: inout CanonicalReader) throws {
        id = StoreID(try StoreConfig.digest(from: &reader))
        cutting = try CuttingParameters(from: &reader)
        guard let algorithm = IDAlgorithm(rawValue: try reader.uint64()) else {
            throw ArchiveError(.unsupported, "config: id algorithm")
        }
        idAlgorithm = algorithm
        readKeys = try StoreConfig.keys(from: &reader)
        writeKeys = try StoreConfig.keys(from: &reader)
        var agents: [AgentRecord] = []
        for _ in 0..<(try reader.count(itemSize: 20)) {
            let name = try reader.text(limit: 255)
            let publicKey = try reader.lp(limit: 32)
            let powers = AgentRecord.Powers(rawValue: try reader.uint64())
            agents.append(
                AgentRecord(
                    name: name, publicKey: publicKey, powers: powers,
                    trustGroup: try reader.text(limit: 255)))
        }
        self.agents = agents
        readers = try StoreConfig.recipients(from: &reader)
        writers = try StoreConfig.recipients(from: &reader)
        revoked = try StoreConfig.revoked(from: &reader)
        try reader.end()
        guard hasValidLists else { throw ArchiveError.damaged("config: lists") }
    }

    private var hasValidLists: Bool {
        for keys in [readKeys, writeKeys] {
            guard !keys.isEmpty, keys.allSatisfy({ $0.key.count == 32 }) else { return false }
            guard keys.enumerated().allSatisfy({ $1.number == UInt32($0) + 1 }) else { return false }
        }
        func ascend(_ items: [[UInt8]]) -> Bool {
            zip(items, items.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) }
        }
        let enrolled = Set(agents.map(\.publicKey))
        return ascend(agents.map { Array($0.name.utf8) }) && ascend(readers.map { Array($0.utf8) })
            && ascend(writers.map { Array($0.utf8) }) && ascend(revoked.map(\.publicKey))
            && (readers + writers).allSatisfy { (1...255).contains($0.utf8.count) }
            && revoked.allSatisfy { agent in
                agent.publicKey.count == 32 && !enrolled.contains(agent.publicKey)
                    && (1...255).contains(agent.name.utf8.count)
            }
            && Set(agents.map(\.publicKey)).count == agents.count
            && agents.allSatisfy { agent in
                agent.publicKey.count == 32 && AgentRecord.Powers.known.isSuperset(of: agent.powers)
                    && (1...255).contains(agent.name.utf8.count)
                    && (1...255).contains(agent.trustGroup.utf8.count)
            }
    }

    private static func recipients(from reader: inout CanonicalReader) throws -> [String] {
        var recipients: [String] = []
        for _ in 0..<(try reader.count(itemSize: 5)) { recipients.append(try reader.text(limit: 255)) }
        return recipients
    }

    private static func revoked(from reader: inout CanonicalReader) throws -> [RevokedAgent] {
        var agents: [RevokedAgent] = []
        for _ in 0..<(try reader.count(itemSize: 45)) {
            let name = try reader.text(limit: 255)
            let publicKey = try reader.lp(limit: 32)
            var objects: [Digest] = []
            for _ in 0..<(try reader.count(itemSize: 32)) {
                objects.append(Digest(try reader.raw(32)))
            }
            guard zip(objects, objects.dropFirst()).allSatisfy({ $0 < $1 }) else {
                throw ArchiveError.damaged("config: order of a revoked agent's objects")
            }
            agents.append(RevokedAgent(name: name, publicKey: publicKey, objects: Set(objects)))
        }
        return agents
    }

    private static func digest(from reader: inout CanonicalReader) throws -> Digest {
        let bytes = try reader.lp(limit: 32)
        guard bytes.count == 32 else { throw ArchiveError.damaged("config: a hash has not 32 bytes") }
        return Digest(bytes)
    }

    private static func keys(from reader: inout CanonicalReader) throws -> [PowerKeyRecord] {
        var keys: [PowerKeyRecord] = []
        for _ in 0..<(try reader.count(itemSize: 80)) {
            guard let number = UInt32(exactly: try reader.uint64()) else {
                throw ArchiveError.damaged("config: key number")
            }
            let key = try reader.lp(limit: 32)
            keys.append(PowerKeyRecord(number: number, key: key, wrapped: try digest(from: &reader)))
        }
        return keys
    }
}
