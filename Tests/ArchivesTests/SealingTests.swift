import Sodium
import Testing

@testable import Archives

@Suite struct `Sealed pieces and objects` {
    @Test func `a chunk opens to its bytes and not at all when any bit or its name is another`() throws {
        let write = try `Known answers`.write()
        let store = `Known answers`.store
        let secret = SecretBytes(randomCount: 32)
        let key = try DataKey(
            sealingTo: ReadPublicKey(number: 1, key: X25519.publicKey(of: secret)), store: store)
        let codec = try ChunkCodec(limit: 4096, level: 1)
        var noise = Noise(5)
        for plaintext in [[], [1], Array(repeating: 7, count: 4096), noise.bytes(4096)] as [[UInt8]] {
            let id = plaintext.withBytes { write.chunkID(of: $0) }
            func open(
                _ sealed: [UInt8], _ kind: SealedKind = .chunk, _ name: ChunkID? = nil,
                store other: StoreID = store
            ) throws -> [UInt8] {
                try codec.open(
                    sealed, kind, id: name ?? id, key: key, store: other, byteCount: plaintext.count
                ) { $0.array }
            }
            let sealed = try plaintext.withBytes {
                try codec.seal($0, .chunk, id: id, key: key, store: store)
            }
            #expect(sealed.count <= plaintext.count + ChunkCodec.overhead)
            #expect(try open(sealed) == plaintext)
            #expect(throws: ArchiveError.self) { try open(sealed, .node) }
            #expect(throws: ArchiveError.self) { try open(sealed, .chunk, Decoders.chunk(3)) }
            #expect(throws: ArchiveError.self) { try open(sealed, store: StoreID(Decoders.digest(1))) }
            for position in stride(from: 0, to: sealed.count, by: 1 + sealed.count / 40) {
                var flipped = sealed
                flipped[position] ^= 1
                #expect(throws: ArchiveError.self) { try open(flipped) }
                #expect(throws: ArchiveError.self) { try open(Array(sealed.prefix(position))) }
            }
        }
    }

    @Test func `a data key opens with its identity alone, and no flipped bit passes`() throws {
        let store = `Known answers`.store
        try Sodium.start()
        let secret = SecretBytes(randomCount: 32)
        let identity = ReadIdentity(secret: secret, number: 1)
        let key = try DataKey(sealingTo: ReadPublicKey(number: 1, key: identity.publicKey), store: store)
        let opened = try DataKey(opening: key.sealed, with: identity, store: store)
        #expect(opened.secret.hex == key.secret.hex)
        let other = ReadIdentity(secret: SecretBytes(randomCount: 32), number: 1)
        #expect(throws: ArchiveError.self) { try DataKey(opening: key.sealed, with: other, store: store) }
        for position in 0..<112 {
            var bytes = key.sealed.sealed
            bytes[position] ^= 1
            let flipped = SealedDataKey(id: key.sealed.id, readNumber: 1, sealed: bytes)
            #expect(throws: ArchiveError.self) { try DataKey(opening: flipped, with: identity, store: store) }
        }
    }

    @Test func `a signed object is refused with any bit flipped, of another kind, or by a stranger`()
        async throws
    {
        let test = try await TestStore()
        let keys = try OpenedWrite(store: test.store, keys: [test.write])
        let session = SigningContext(
            store: test.store.id, generation: 1, write: test.write, agent: test.agent)
        let bytes = SignedObject.seal([1, 2, 3], .index, in: session)
        #expect(bytes.count == 3 + SignedObject.overhead)
        let opened = try SignedObject(opening: bytes, .index, "object", with: keys)
        #expect(opened.body == [1, 2, 3] && opened.agent.name == "agent")
        func code(_ bytes: [UInt8], _ kind: SealedKind = .index) -> ArchiveError.Code? {
            do throws(ArchiveError) {
                _ = try SignedObject(opening: bytes, kind, "object", with: keys)
                return nil
            } catch {
                return error.code
            }
        }
        for position in bytes.indices {
            var flipped = bytes
            flipped[position] ^= 1
            #expect(code(flipped) != nil)
            #expect(code(Array(bytes.prefix(position))) == .damaged)
        }
        #expect(code(bytes, .packHeader) == .damaged)
        let stranger = SigningContext(
            store: test.store.id, generation: 1, write: test.write,
            agent: AgentKey(seed: SecretBytes(randomCount: 32)))
        #expect(code(SignedObject.seal([1], .index, in: stranger)) == .forged)
        let later = SigningContext(store: test.store.id, generation: 2, write: test.write, agent: test.agent)
        #expect(code(SignedObject.seal([1], .index, in: later)) == .rolledBack)
    }
}
