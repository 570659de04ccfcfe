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
        /// Names, lists and adds.
        package let write: WriteKey
        /// Opens data; nil where none of the identities is a reader's.
        package let read: ReadIdentity?
    }

    /// The objects at `location`, a directory that is there. Throws `StorageError` `notFound` where it isn't.
    package static func objects(at location: String) throws -> any ObjectStore {
        try DirectoryStore(Path(location))
    }

    /// The objects at `location`, a directory that is empty or made here.
    private static func makeObjects(at location: String) async throws -> any ObjectStore {
        let entries = try Directory.makePath(Path(location)).entries()
        let objects = try DirectoryStore(Path(location))
        guard !entries.isEmpty else { return objects }
        // A creation that was killed before the configuration stood has left key files that nothing names.
        guard entries.allSatisfy({ $0.name == "keys" }) else {
            throw StorageError(.exists, name: location)
        }
        try await objects.removeLeftovers()
        let names = try await objects.list(below: nil).map(\.name)
        guard names.allSatisfy({ isKeyFile($0.text) }) else { throw StorageError(.exists, name: location) }
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

    /// Opens the store at `location` with what `identities` can. Throws `ArchiveError`, `StorageError`, and `AgeError`
    /// `noMatch` where none of them is a writer's or reader's.
    package static func open(
        _ location: String, trust: StoreTrust, identities: [MemberIdentity]
    ) async throws -> Opened {
        let missing = StorageError(.notFound, name: "\(location): no archive store")
        let objects: any ObjectStore
        do {
            objects = try StoreAccess.objects(at: location)
        } catch let error as StorageError where error.code == .notFound {
            throw missing
        }
        guard try await !objects.list(below: nil).isEmpty else { throw missing }
        let store = try await Store.open(objects, trust: trust)
        let write = try store.writeKey(
            try Age.decrypt(try await store.wrappedKey(.write), with: identities))
        let read: ReadIdentity?
        do {
            read = try store.readIdentity(
                try Age.decrypt(try await store.wrappedKey(.read), with: identities))
        } catch let error as AgeError where error.code == .noMatch {
            read = nil
        }
        return Opened(store: store, objects: objects, write: write, read: read)
    }

    /// A new store in the directory at `location`, empty or made here: secrets wrapped to `readers` and `writers`,
    /// `agents` enrolled, the configuration signed by `signer` through `sign`. Throws `ArchiveError`, `StorageError`,
    /// `AgeError`.
    package static func create(
        _ location: String, readers: [MemberRecipient], writers: [MemberRecipient], agents: [AgentRecord],
        signer: SSHPublicKey, sign: (GenerationHeader) async throws -> SSHSignature
    ) async throws -> Store {
        let creation = StoreCreation()
        // Whoever reads can also list and check: `write` is wrapped to readers too, each recipient once.
        var all = readers
        for writer in writers where !all.contains(writer) { all.append(writer) }
        let wrappedRead = try Age.encrypt(creation.readSecret, to: readers.map(\.ageRecipient))
        let wrappedWrite = try Age.encrypt(creation.writeSecret, to: all.map(\.ageRecipient))
        return try await creation.create(
            in: try await makeObjects(at: location), wrappedRead: wrappedRead, wrappedWrite: wrappedWrite,
            admins: [signer],
            agents: agents, sign: sign)
    }

    /// The key with which the holder of `identity` signs what it adds as an agent: HKDF-SHA-256 of the identity with
    /// the info `strongroom/agent/v1`, so that an agent has nothing to lose but its identity.
    package static func agentKey(of identity: MemberIdentity) -> AgentKey {
        AgentKey(seed: identity.derive(info: "strongroom/agent/v1"))
    }
}
