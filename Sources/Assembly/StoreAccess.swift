package import Archives
internal import Encodings
internal import Files
package import Keyrings
package import SSH
internal import Sodium
package import Storage
package import Trust

/// The way to archive stores: which implementation a location means, and which powers the caller's identities open.
package enum StoreAccess {
    /// A store with the powers that could be opened.
    package struct Opened: Sendable {
        /// The store, its config verified.
        package let store: Store
        /// Its objects.
        package let objects: any ObjectStore
        /// Names, lists and adds: all keys, the newest last. What was added under an older one needs that.
        package let writeKeys: [WriteKey]
        /// Opens data: all keys, the newest last; none where none of the identities is a reader's.
        package let readKeys: [ReadIdentity]

        /// Whether data can be opened.
        package var canRead: Bool { !readKeys.isEmpty }
    }

    /// The objects at `place`, which holds none: a directory is made where it is missing. Throws `exists` where anything
    /// else is there, but for what a creation that was killed has left.
    private static func emptyObjects(at place: StorePlace) async throws -> any ObjectStore {
        let objects = try place.makeObjects()
        guard try await !objects.isEmpty() else { return objects }
        let taken = StorageError(
            .exists, name: place.name, reason: "there is something here, and a new store needs an empty place"
        )
        guard try await objects.list(below: ObjectName("config")).isEmpty else { throw taken }
        // A creation that was killed before the configuration stood has left key files that nothing names.
        try await objects.removeLeftovers()
        let names = try await objects.list(below: nil).map(\.name)
        guard !names.isEmpty, names.allSatisfy({ isKeyFile($0.text) }) else { throw taken }
        for name in names { try await objects.remove(name) }
        return objects
    }

    /// Whether an object is one of the age files of a store's first keys: `keys/read-1-<16 digits>.a.age`.
    private static func isKeyFile(_ name: String) -> Bool {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0] == "keys" else { return false }
        let words = parts[1].split(separator: ".", omittingEmptySubsequences: false)
        guard words.count == 3, words[2] == "age", words[1] == "a" || words[1] == "b" else { return false }
        let fields = words[0].split(separator: "-", omittingEmptySubsequences: false)
        guard fields.count == 3, fields[0] == "read" || fields[0] == "write", fields[1] == "1" else {
            return false
        }
        return (try? Hex.decode(String(fields[2])))?.count == 8
    }

    /// Opens the store at `place` with what `identities` can. Throws `ArchiveError`, `StorageError`, and `AgeError`
    /// `noMatch` where none of them is a writer's or reader's.
    package static func open(
        _ place: StorePlace, trust: StoreTrust, identities: [MemberIdentity]
    ) async throws -> Opened {
        let (store, objects) = try await verified(place, trust: trust)
        let writeKeys = try await writeKeys(of: store, with: identities)
        var readKeys: [ReadIdentity] = []
        do {
            for number in store.keyNumbers(.read) {
                readKeys.append(
                    try store.readIdentity(try await secret(.read, number, of: store, identities)))
            }
        } catch let error as AgeError where error.code == .noMatch {
            readKeys = []
        }
        return Opened(store: store, objects: objects, writeKeys: writeKeys, readKeys: readKeys)
    }

    /// All `write` keys of a store, the newest last. Throws `AgeError` `noMatch` where `identities` open not all of them.
    package static func writeKeys(
        of store: Store, with identities: [MemberIdentity]
    ) async throws -> [WriteKey] {
        var keys: [WriteKey] = []
        for number in store.keyNumbers(.write) {
            keys.append(try store.writeKey(try await secret(.write, number, of: store, identities)))
        }
        return keys
    }

    /// The secret of a power's key, opened by one of `identities`.
    static func secret(
        _ power: StorePower, _ number: UInt32, of store: Store, _ identities: [MemberIdentity]
    ) async throws -> SecretBytes {
        try Age.decrypt(try await store.wrappedKey(power, number: number), with: identities)
    }

    /// The store at `place` with its configuration verified, opened by nobody. Throws `ArchiveError`, and `StorageError`,
    /// of which `notFound` says that there is no store.
    package static func verified(
        _ place: StorePlace, trust: StoreTrust
    ) async throws -> (store: Store, objects: any ObjectStore) {
        let missing = StorageError(.notFound, name: place.name, reason: "no archive store")
        let objects: any ObjectStore
        do throws(StorageError) {
            objects = try place.objects()
        } catch {
            throw error.code == .notFound ? missing : error
        }
        do throws(ArchiveError) {
            return (try await Store.open(objects, trust: trust), objects)
        } catch {
            // What is there without a configuration is a store that lost it.
            guard error.code == .absent, try await objects.isEmpty() else { throw error }
            throw missing
        }
    }

    /// A new store at `place`, a bucket's empty prefix or a directory that is empty or made here: secrets wrapped to `readers` and `writers`,
    /// `agents` enrolled, the configuration signed by `signer` through `sign`. Throws `ArchiveError`, `StorageError`,
    /// `AgeError`.
    package static func create(
        _ place: StorePlace, readers: [MemberRecipient], writers: [MemberRecipient], agents: [AgentRecord],
        signer: SSHPublicKey, sign: (GenerationHeader) async throws -> SSHSignature
    ) async throws -> Store {
        let creation = StoreCreation()
        // Whoever reads can also list and check: `write` is wrapped to readers too, each recipient once.
        var all = readers
        for writer in writers where !all.contains(writer) { all.append(writer) }
        let wrappedRead = try Age.encrypt(creation.readSecret, to: readers.map(\.ageRecipient))
        let wrappedWrite = try Age.encrypt(creation.writeSecret, to: all.map(\.ageRecipient))
        return try await creation.create(
            in: try await emptyObjects(at: place), wrappedRead: wrappedRead, wrappedWrite: wrappedWrite,
            admins: [signer], agents: agents, readers: readers.map(\.text), writers: writers.map(\.text),
            sign: sign)
    }

    /// The key with which the holder of `identity` signs what it adds as an agent: HKDF-SHA-256 of the identity with
    /// the info `strongroom/agent/v1`, so that an agent has nothing to lose but its identity.
    package static func agentKey(of identity: MemberIdentity) -> AgentKey {
        AgentKey(seed: identity.derive(info: "strongroom/agent/v1"))
    }
}
