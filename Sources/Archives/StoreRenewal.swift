package import SSH
package import Sodium
import Storage
package import Trust

/// The next generation of a store's config in the making: other agents, other recipients, keys added (FORMAT.md §5).
///
/// Nothing is written before `commit`, which writes the age files first, each durable, and the config that names them
/// last: a kill in between leaves the generation that stands, and age files that nothing names.
package struct StoreRenewal: Sendable {
    private let store: Store
    private var keys: [StorePower: [PowerKeyRecord]]
    private var files: [(power: StorePower, record: PowerKeyRecord, bytes: [UInt8])] = []
    private var agents: [AgentRecord]
    private var revoked: [RevokedAgent]
    /// Whom the age files of `read` are wrapped to.
    package private(set) var readers: [String]
    /// Whom those of `write` are wrapped to besides.
    package private(set) var writers: [String]

    /// The generation after the newest of `store`, with nothing changed yet.
    package init(_ store: Store) {
        self.store = store
        let config = store.config
        keys = [.read: config.readKeys, .write: config.writeKeys]
        (agents, revoked) = (config.agents, config.revoked)
        (readers, writers) = (config.readers, config.writers)
    }

    /// Says whom the age files are for from now on; `rewrap` both powers then.
    package mutating func setRecipients(readers: [String], writers: [String]) {
        (self.readers, self.writers) = (readers, writers)
    }

    /// Replaces the age files of all keys of a power. `wrapped` are those of the keys that there are, in their order,
    /// and, where `added` is the public key of a new `read` secret or H of a new `write` secret, that of this one.
    ///
    /// Throws `invalid` where their numbers don't fit.
    package mutating func rewrap(
        _ power: StorePower, _ wrapped: [[UInt8]], adding added: [UInt8]? = nil
    ) throws(ArchiveError) {
        let before = power == .read ? store.config.readKeys : store.config.writeKeys
        let values = before.map(\.key) + (added.map { [$0] } ?? [])
        guard values.count == wrapped.count else { throw ArchiveError(.invalid, "keys: age files") }
        var records: [PowerKeyRecord] = []
        for (index, (key, bytes)) in zip(values, wrapped).enumerated() {
            records.append(
                PowerKeyRecord(number: UInt32(index) + 1, key: key, wrapped: Digest(hashing: bytes)))
        }
        keys[power] = records
        files.removeAll { $0.power == power }
        files += zip(records, wrapped).map { (power, $0, $1) }
    }

    /// What the config says of a new secret of 32 bytes: of `read` its public key, of `write` its hash.
    package static func check(of secret: borrowing SecretBytes, _ power: StorePower) -> [UInt8] {
        power == .read ? X25519.publicKey(of: secret) : WriteKey.check(of: secret)
    }

    /// Enrols an agent, or gives the one with its key and name other powers or another group.
    ///
    /// Throws `refused` where another agent has the name or the key, or where the key was revoked.
    package mutating func enrol(_ agent: AgentRecord) throws(ArchiveError) {
        guard !revoked.contains(where: { $0.publicKey == agent.publicKey }) else {
            throw ArchiveError(.refused, "agent: this key was revoked; an agent that returns needs a new one")
        }
        agents.removeAll { $0.name == agent.name && $0.publicKey == agent.publicKey }
        guard !agents.contains(where: { $0.name == agent.name }) else {
            throw ArchiveError(.refused, "agent: the name stands for another key")
        }
        guard !agents.contains(where: { $0.publicKey == agent.publicKey }) else {
            throw ArchiveError(.refused, "agent: the key has another name")
        }
        agents.append(agent)
    }

    /// Ends the enrolment of an agent: of all that its key signed, the snapshots, tombstones and annotations named by
    /// `objects` count from then on, and nothing that appears later, whichever generation it names.
    ///
    /// Throws `refused` where no agent has the name.
    package mutating func revoke(_ name: String, keeping objects: Set<Digest>) throws(ArchiveError) {
        guard let agent = agents.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
            throw ArchiveError(.refused, "agent: none has this name")
        }
        agents.removeAll { $0.publicKey == agent.publicKey }
        revoked.append(RevokedAgent(name: agent.name, publicKey: agent.publicKey, objects: objects))
    }

    /// Whether the next generation would say anything new.
    package var isChange: Bool {
        (try? config)?.encoded != store.config.encoded
    }

    private var config: StoreConfig {
        get throws(ArchiveError) {
            let before = store.config
            return try StoreConfig(
                id: before.id, cutting: before.cutting, readKeys: keys[.read] ?? [],
                writeKeys: keys[.write] ?? [], agents: agents, readers: readers, writers: writers,
                revoked: revoked, idAlgorithm: before.idAlgorithm)
        }
    }

    /// Writes the generation, signed through `sign` by one of the admins, and gives the store as it is then. Age files
    /// that it doesn't name any more are removed at last, where that is possible.
    ///
    /// Throws `refused` where more than one admin has to sign, `forged` where the signer is none, `conflict` where another
    /// admin made this generation meanwhile, `source` where signing failed, `storage`, `invalid`, `limitExceeded`.
    package func commit(
        sign: (GenerationHeader) async throws -> SSHSignature
    ) async throws(ArchiveError) -> Store {
        guard store.chain.newest.threshold == 1 else {
            throw ArchiveError(
                .refused, "config: \(store.chain.newest.threshold) admins have to sign, which one call can't")
        }
        let object = try await signed(sign)
        let next = try store.appending(object)
        let encoded = object.encoded
        guard encoded.count <= ObjectPlace.configByteLimit else {
            throw ArchiveError(.limitExceeded, "config: longer than readers read")
        }
        for file in files {
            for copy in KeyFile.copies {
                try await store.objects.store(
                    try KeyFile.name(file.power, file.record, copy), file.bytes)
            }
        }
        let name = try ConfigObject.name(next.generation)
        do throws(StorageError) {
            try await store.objects.put(name, encoded, ifAbsent: true)
        } catch {
            guard error.code == .exists else {
                throw ArchiveError(.storage, name.text, underlying: error)
            }
            throw ArchiveError(.conflict, "\(name): another admin made this generation meanwhile")
        }
        let bytes = try await store.objects.fetch(name, limit: ObjectPlace.configByteLimit)
        guard bytes == encoded else {
            throw ArchiveError(.conflict, "\(name): another admin made this generation meanwhile")
        }
        await removeUnnamed(next)
        return next
    }

    private func signed(
        _ sign: (GenerationHeader) async throws -> SSHSignature
    ) async throws(ArchiveError) -> ConfigObject {
        let config = try config
        let newest = store.chain.newest
        do {
            let header = try GenerationHeader(
                after: newest, threshold: newest.threshold, admins: newest.admins, body: config.encoded)
            let signature = try await sign(header)
            return ConfigObject(
                generation: SignedGeneration(header: header, signatures: [signature]), config: config)
        } catch {
            throw ArchiveError(.source, "config: not signed", underlying: error)
        }
    }

    /// Removes the age files of the generation before that `next` doesn't name: whoever could open them has, or had, what
    /// is in them, so a failure here is none of the change.
    private func removeUnnamed(_ next: Store) async {
        for power in [StorePower.read, .write] {
            let named = Set((power == .read ? next.config.readKeys : next.config.writeKeys).map(\.wrapped))
            let before = power == .read ? store.config.readKeys : store.config.writeKeys
            for record in before where !named.contains(record.wrapped) {
                for copy in KeyFile.copies {
                    guard let name = try? KeyFile.name(power, record, copy) else { continue }
                    try? await store.objects.remove(name)
                }
            }
        }
    }
}
