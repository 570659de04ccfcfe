import Archives
import Keyrings
import SSH
import Support
import Testing
import Trust

@testable import Assembly

@Suite struct StoreAccessTests {
    private let scratch = TemporaryDirectory("store")
    private let reader = X25519Identity.generate()
    private let writer = X25519Identity.generate()

    @Test func `readers read and write, writers write alone, others have nothing`() async throws {
        let location = scratch.file("one")
        let made = try await create(location)
        let mine = try await open(location, reader, root: made.fingerprint)
        #expect(mine.canRead)
        #expect(mine.store.id == made.id)
        let theirs = try await open(location, writer)
        #expect(!theirs.canRead)
        await #expect(throws: AgeError.self) { _ = try await open(location, X25519Identity.generate()) }
    }

    @Test func `a store with another root than the trusted one is refused`() async throws {
        _ = try await create(scratch.file("one"))
        await #expect(throws: ArchiveError.self) {
            _ = try await open(scratch.file("one"), reader, root: Fingerprint(of: [0]))
        }
    }

    @Test func `a store is made once`() async throws {
        _ = try await create(scratch.file("one"))
        await #expect(throws: (any Error).self) { _ = try await create(scratch.file("one")) }
    }

    @Test func `an agent's key follows from its identity alone`() {
        let key = StoreAccess.agentKey(of: .x25519(writer)).publicKey
        #expect(key == StoreAccess.agentKey(of: .x25519(writer)).publicKey)
        #expect(key != StoreAccess.agentKey(of: .x25519(reader)).publicKey)
        #expect(key != Array(SigningKey(derivedFrom: writer).publicKey.wire.suffix(32)))
    }

    private func create(_ location: String) async throws -> Store {
        let agent = AgentRecord(
            name: "agent", publicKey: StoreAccess.agentKey(of: .x25519(writer)).publicKey, powers: [.add])
        let admin = reader
        return try await StoreAccess.create(
            StorePlace(directory: location), readers: [.x25519(reader.recipient)],
            writers: [.x25519(writer.recipient)],
            agents: [agent],
            signer: SigningKey(derivedFrom: admin).publicKey
        ) { header in SignedGeneration.signature(over: header, by: SigningKey(derivedFrom: admin)) }
    }

    private func open(
        _ location: String, _ identity: X25519Identity, root: Fingerprint? = nil
    ) async throws -> StoreAccess.Opened {
        try await StoreAccess.open(
            StorePlace(directory: location), trust: StoreTrust(root: root), identities: [.x25519(identity)])
    }
}
