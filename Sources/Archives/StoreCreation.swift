package import SSH
package import Sodium
package import Storage
package import Trust

/// Everything of a new store that has to be there before its config: the secrets, for the caller to wrap, and the
/// public facts.
package struct StoreCreation: ~Copyable, Sendable {
    /// The store's id.
    package let id: StoreID
    /// The X25519 secret of `read`, 32 bytes: to be wrapped to the readers.
    package let readSecret: SecretBytes
    /// The secret of `write`, 32 bytes: to be wrapped to the writers and the readers.
    package let writeSecret: SecretBytes

    /// A random id and fresh secrets.
    package init() {
        id = StoreID(Digest(RandomBytes.make(32)))
        readSecret = SecretBytes(randomCount: 32)
        writeSecret = SecretBytes(randomCount: 32)
    }

    /// As below, with a key that is at hand.
    package func create(
        in objects: any ObjectStore, wrappedRead: [UInt8], wrappedWrite: [UInt8], admins: [SSHPublicKey],
        threshold: UInt64 = 1, signer: borrowing SigningKey, agents: [AgentRecord],
        cutting: CuttingParameters = .standard
    ) async throws(ArchiveError) -> Store {
        try await create(
            in: objects, wrappedRead: wrappedRead, wrappedWrite: wrappedWrite, admins: admins,
            threshold: threshold,
            agents: agents, cutting: cutting
        ) { header in SignedGeneration.signature(over: header, by: signer) }
    }

    /// Writes the store: both age files twice, then the first config, which makes it one.
    ///
    /// `wrappedRead` and `wrappedWrite` are the age files of the two secrets. `readers` and
    /// `writers` say in the config whom they are wrapped to. `admins` may sign the next config; `sign` gives the signature of one of them. Throws `refused` where `objects` hold a store, or anything else, already,
    /// `invalid`, `storage`.
    package func create(
        in objects: any ObjectStore, wrappedRead: [UInt8], wrappedWrite: [UInt8], admins: [SSHPublicKey],
        threshold: UInt64 = 1, agents: [AgentRecord], readers: [String] = [], writers: [String] = [],
        cutting: CuttingParameters = .standard,
        sign: (GenerationHeader) async throws -> SSHSignature
    ) async throws(ArchiveError) -> Store {
        let read = PowerKeyRecord(
            number: 1, key: X25519.publicKey(of: readSecret), wrapped: Digest(hashing: wrappedRead))
        let write = PowerKeyRecord(
            number: 1, key: WriteKey.check(of: writeSecret), wrapped: Digest(hashing: wrappedWrite))
        let config = try StoreConfig(
            id: id, cutting: cutting, readKeys: [read], writeKeys: [write], agents: agents, readers: readers,
            writers: writers)
        let header: GenerationHeader
        do throws(TrustError) {
            header = try GenerationHeader(
                first: .store, subject: id.description, threshold: threshold, admins: admins,
                body: config.encoded)
        } catch {
            throw ArchiveError(.invalid, "config: \(error.context)", underlying: error)
        }
        let signature: SSHSignature
        do {
            signature = try await sign(header)
        } catch {
            throw ArchiveError(.source, "config: not signed", underlying: error)
        }
        let object = ConfigObject(
            generation: SignedGeneration(header: header, signatures: [signature]), config: config)
        // Verified before anything is written: a signer who is no admin would make a store that nobody opens.
        let store = try Store(objects: objects, generations: [object], trust: StoreTrust())
        for place in ObjectPlace.allCases {
            guard try await place.list(in: objects).isEmpty else {
                throw ArchiveError(.refused, "a store, or part of one, is here already")
            }
        }
        for (power, record, bytes) in [
            (StorePower.read, read, wrappedRead), (StorePower.write, write, wrappedWrite),
        ] {
            for copy in KeyFile.copies {
                try await objects.store(try KeyFile.name(power, record, copy), bytes)
            }
        }
        let name = try ConfigObject.name(1)
        do throws(StorageError) {
            try await objects.put(name, object.encoded, ifAbsent: true)
        } catch {
            throw ArchiveError(
                error.code == .exists ? .refused : .storage, "\(name): can't be stored", underlying: error)
        }
        return store
    }
}
