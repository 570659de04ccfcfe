import SSH
import Sodium
import Storage
import Testing
import Trust

@testable import Archives

/// Later generations of a store's config: keys rotated, agents enrolled and revoked (FORMAT.md §4, §5).
@Suite struct `Renewals` {
    /// A store whose admin's key is at hand, on storage in memory.
    private final class Fixture {
        let objects: MemoryStore
        let admin = SigningKey()
        let agent = AgentKey(seed: SecretBytes(randomCount: 32))
        let store: Store
        let write: WriteKey
        let read: ReadIdentity

        init() async throws {
            try Sodium.start()
            objects = MemoryStore()
            let creation = StoreCreation()
            store = try await creation.create(
                in: objects, wrappedRead: Array("read 1".utf8), wrappedWrite: Array("write 1".utf8),
                admins: [admin.publicKey], signer: admin,
                agents: [AgentRecord(name: "agent", publicKey: agent.publicKey, powers: [.add])],
                cutting: TestStore.cutting)
            write = try store.writeKey(creation.writeSecret)
            read = try store.readIdentity(creation.readSecret)
        }

        func reopened(_ objects: (any ObjectStore)? = nil, seen generation: UInt64 = 1) async throws -> Store
        {
            try await Store.open(
                objects ?? self.objects, trust: StoreTrust(root: store.fingerprint, generation: generation))
        }

        func sign(_ header: GenerationHeader) -> SSHSignature {
            SignedGeneration.signature(over: header, by: admin)
        }

        func backUp(
            _ bytes: [UInt8], as agent: AgentKey? = nil, in store: Store? = nil, write: [WriteKey]? = nil,
            time: Int64 = 1
        ) async throws -> (id: SnapshotID, statistics: WriterStatistics) {
            let current = try await reopened()
            let writer = try await StoreWriter(
                store ?? current, write: write ?? [self.write], agent: agent ?? self.agent,
                presence: TestMachine().presence)
            let root = try await TestStore.tree([("file", bytes)], writer)
            let id = try await writer.commit(
                try await writer.prepare(TestStore.draft(root, time: time * 1_000_000_000)))
            return (id, writer.statistics)
        }
    }

    @Test func `a rotation killed at any operation leaves the old generation or the new`() async throws {
        let fixture = try await Fixture()
        let added = StoreRenewal.check(of: SecretBytes(randomCount: 32), .write)
        let before = fixture.objects.all
        let counting = FaultyStore(MemoryStore(before))
        try await Self.rotate(over: counting, adding: added, fixture)
        #expect(counting.operationCount >= 10)
        for fault in FaultyStore.Fault.allCases {
            for position in 0..<counting.operationCount {
                let objects = MemoryStore(before)
                try? await Self.rotate(
                    over: FaultyStore(objects, failingAt: position, fault), adding: added, fixture)
                let store = try await fixture.reopened(objects)
                #expect(store.generation == 1 || store.generation == 2)
                // Every key that the config names is there, in both copies.
                let report = try await StoreCheck.run(
                    store, write: [fixture.write], read: [fixture.read], readsData: true)
                #expect(report.isClean, "\(fault) at \(position): \(report.findings.map(\.problem))")
                let number = store.generation == 1 ? "write 1" : "write 2"
                #expect(try await store.wrappedKey(.write) == Array(number.utf8))
                // And the next try is whole.
                let next = try await StoreRenewal(store).enrolling("later").commit { fixture.sign($0) }
                #expect(next.generation == store.generation + 1)
            }
        }
    }

    private static func rotate(
        over objects: any ObjectStore, adding added: [UInt8], _ fixture: Fixture
    ) async throws {
        var renewal = StoreRenewal(try await fixture.reopened(objects))
        try renewal.rewrap(
            .write, [Array("write 1 again".utf8), Array("write 2".utf8)], adding: added)
        _ = try await renewal.commit { fixture.sign($0) }
    }

    @Test func `a replica gets the generation that was made while it was copied, with its age files`()
        async throws
    {
        let fixture = try await Fixture()
        _ = try await fixture.backUp(Array("content".utf8))
        let target = MemoryStore()
        for round in 2...3 {
            // Opened before the rotation, which takes the age files of the generation before away.
            let opened = try await fixture.reopened()
            var renewal = StoreRenewal(try await fixture.reopened())
            let wrapped = Array("write 1 for round \(round)".utf8)
            try renewal.rewrap(.write, [wrapped])
            _ = try await renewal.commit { fixture.sign($0) }
            let report = try await StoreCopy.run(from: opened, to: target)
            #expect(report.damaged.isEmpty)
            let copy = try await fixture.reopened(target)
            #expect(copy.generation == UInt64(round))
            #expect(try await copy.wrappedKey(.write) == wrapped)
        }
        #expect(fixture.objects.all.allSatisfy { target.all[$0.key] == $0.value })
    }

    @Test func `two admins at once: one makes the generation, the other is told`() async throws {
        let fixture = try await Fixture()
        let (first, second) = (
            StoreRenewal(fixture.store).enrolling("one"), StoreRenewal(fixture.store).enrolling("two")
        )
        _ = try await first.commit { fixture.sign($0) }
        do {
            _ = try await second.commit { fixture.sign($0) }
            Issue.record("a generation was made twice")
        } catch {
            #expect(error.code == .conflict)
        }
        #expect(try await fixture.reopened(seen: 2).config.agents.map(\.name) == ["agent", "one"])
    }

    @Test func `a generation that is signed by nobody who may, or loses a key, is refused`() async throws {
        let fixture = try await Fixture()
        let stranger = SigningKey()
        do {
            _ = try await StoreRenewal(fixture.store).enrolling("x").commit { header in
                SignedGeneration.signature(over: header, by: stranger)
            }
            Issue.record("a stranger changed the config")
        } catch {
            #expect(error.code == .forged)
        }
        #expect(try await fixture.reopened().generation == 1)
        let old = fixture.store.config
        let other = PowerKeyRecord(
            number: 1, key: X25519.publicKey(of: SecretBytes(randomCount: 32)), wrapped: .zero)
        let configs = [
            try StoreConfig(
                id: old.id, cutting: old.cutting, readKeys: [other], writeKeys: old.writeKeys, agents: []),
            try StoreConfig(
                id: StoreID(Digest(hashing: [1])), cutting: old.cutting, readKeys: old.readKeys,
                writeKeys: old.writeKeys, agents: []),
            try StoreConfig(
                id: old.id, cutting: old.cutting, readKeys: old.readKeys, writeKeys: old.writeKeys,
                agents: [], idAlgorithm: .keyedBLAKE2b),
        ]
        for config in configs {
            let newest = fixture.store.chain.newest
            let header = try GenerationHeader(
                after: newest, threshold: 1, admins: newest.admins, body: config.encoded)
            let object = ConfigObject(
                generation: SignedGeneration(header: header, signatures: [fixture.sign(header)]),
                config: config)
            let objects = MemoryStore(fixture.objects.all)
            try await objects.put(try ConfigObject.name(2), object.encoded, ifAbsent: true)
            await #expect(throws: ArchiveError.self) { try await fixture.reopened(objects) }
        }
    }

    @Test func `of a revoked agent what it added counts, and nothing later, whatever generation that names`()
        async throws
    {
        let fixture = try await Fixture()
        let first = try await fixture.backUp([1, 2, 3]).id
        let disowned = try await fixture.backUp([4, 5, 6], time: 2).id
        let stolen = try await fixture.reopened()
        var renewal = StoreRenewal(stolen)
        try renewal.revoke("agent", keeping: [first.digest])
        let store = try await renewal.commit { fixture.sign($0) }
        #expect(store.config.revoked.map(\.name) == ["agent"])
        // The thief goes on with the generation that he knows.
        let forged = try await fixture.backUp([7, 8, 9], in: stolen, time: 3).id
        let reader = try await StoreReader(
            try await fixture.reopened(seen: 2), write: [fixture.write], read: [fixture.read])
        let catalog = try await reader.snapshots()
        #expect(catalog.records.map(\.id) == [first])
        #expect(catalog.failures.map(\.error.code) == [.forged, .forged])
        #expect(Set(catalog.failures.map(\.name)) == ["snapshots/\(disowned)", "snapshots/\(forged)"])
        #expect(try await TestStore.files(reader, first).map(\.1) == [[1, 2, 3]])
        // With the newest generation he can't write at all, and comes in by no other name.
        do {
            _ = try await fixture.backUp([1])
            Issue.record("a revoked agent added a snapshot")
        } catch let error as ArchiveError {
            #expect(error.code == .refused)
        }
        var again = StoreRenewal(store)
        #expect(throws: ArchiveError.self) {
            try again.enrol(
                AgentRecord(name: "other", publicKey: fixture.agent.publicKey, powers: [.add]))
        }
        // What was seen of him before may be gone.
        let seen = StoreTrust(
            root: store.fingerprint, generation: 2, agents: [fixture.agent.publicKey: 3])
        let later = try await Store.open(fixture.objects, trust: seen)
        #expect(try await StoreReader(later, write: [fixture.write]).snapshots().records.count == 1)
    }

    @Test func `nobody skips an upload on the word of another trust group or of a revoked agent`()
        async throws
    {
        let fixture = try await Fixture()
        var noise = Noise(5)
        let bytes = noise.bytes(40_000)
        _ = try await fixture.backUp(bytes)
        let friend = AgentKey(seed: SecretBytes(randomCount: 32))
        let stranger = AgentKey(seed: SecretBytes(randomCount: 32))
        var renewal = StoreRenewal(try await fixture.reopened())
        try renewal.enrol(AgentRecord(name: "friend", publicKey: friend.publicKey, powers: [.add]))
        try renewal.enrol(
            AgentRecord(
                name: "stranger", publicKey: stranger.publicKey, powers: [.add], trustGroup: "other"))
        let store = try await renewal.commit { fixture.sign($0) }
        let skipped = try await fixture.backUp(bytes, as: friend, time: 2).statistics
        #expect(skipped.addedByteCount < 20_000)
        let uploaded = try await fixture.backUp(bytes, as: stranger, time: 3).statistics
        #expect(uploaded.addedByteCount > 40_000)
        // Both others revoked: the friend's next own word is none either, and its group is empty.
        var second = StoreRenewal(store)
        let newcomer = AgentKey(seed: SecretBytes(randomCount: 32))
        try second.revoke("agent", keeping: [])
        try second.revoke("friend", keeping: [])
        try second.enrol(AgentRecord(name: "newcomer", publicKey: newcomer.publicKey, powers: [.add]))
        _ = try await second.commit { fixture.sign($0) }
        let anew = try await fixture.backUp(bytes, as: newcomer, time: 4).statistics
        #expect(anew.addedByteCount > 40_000)
    }

    @Test func `after a rotation of write older snapshots restore, and deduplication starts anew`()
        async throws
    {
        let fixture = try await Fixture()
        var noise = Noise(6)
        let bytes = noise.bytes(40_000)
        let older = try await fixture.backUp(bytes).id
        #expect(try await fixture.backUp(bytes, time: 2).statistics.addedByteCount < 20_000)
        var renewal = StoreRenewal(try await fixture.reopened())
        let secret = SecretBytes(randomCount: 32)
        try renewal.rewrap(
            .write, [Array("write 1".utf8), Array("write 2".utf8)],
            adding: StoreRenewal.check(of: secret, .write))
        let readSecret = SecretBytes(randomCount: 32)
        try renewal.rewrap(
            .read, [Array("read 1 anew".utf8), Array("read 2".utf8)],
            adding: StoreRenewal.check(of: readSecret, .read))
        let store = try await renewal.commit { fixture.sign($0) }
        let writes = [fixture.write, try store.writeKey(secret)]
        let reads = [fixture.read, try store.readIdentity(readSecret)]
        // The old key alone adds nothing more.
        do {
            _ = try await fixture.backUp(bytes, time: 3)
            Issue.record("the old write key was enough")
        } catch let error as ArchiveError {
            #expect(error.code == .keyNeeded)
        }
        let newer = try await fixture.backUp(bytes, write: writes, time: 3)
        #expect(newer.statistics.addedByteCount > 40_000)
        let again = try await fixture.backUp(bytes, write: writes, time: 4)
        #expect(again.statistics.addedByteCount < 20_000)
        let reader = try await StoreReader(store, write: writes, read: reads)
        for id in [older, newer.id, again.id] {
            #expect(try await TestStore.files(reader, id).map(\.1) == [bytes])
        }
        let report = try await StoreCheck.run(store, write: writes, read: reads, readsData: true)
        #expect(report.isClean, "\(report.findings.map(\.problem))")
        // Who has the old secrets alone reads the old snapshots, and lists no newer one.
        let old = try await StoreReader(store, write: [fixture.write], read: [fixture.read])
        let listed = try await old.snapshots()
        #expect(listed.records.count == 2 && listed.records.contains { $0.id == older })
        #expect(listed.failures.allSatisfy { $0.error.code == .keyNeeded })
        #expect(try await TestStore.files(old, older).map(\.1) == [bytes])
        // The age files that nothing names any more are gone, all others are there.
        #expect(fixture.objects.all.keys.filter { $0.text.hasPrefix("keys/") }.count == 8)
        let other = try await StoreReader(store, write: writes, read: [fixture.read])
        await #expect(throws: ArchiveError.self) { try await TestStore.files(other, newer.id) }
    }

    @Test func `every list of a config has one encoding`() throws {
        var noise = Noise(9)
        let config = try StoreConfig(
            id: StoreID(Digest(noise.bytes(32))), cutting: .standard,
            readKeys: [PowerKeyRecord(number: 1, key: noise.bytes(32), wrapped: Digest(noise.bytes(32)))],
            writeKeys: [PowerKeyRecord(number: 1, key: noise.bytes(32), wrapped: Digest(noise.bytes(32)))],
            agents: [AgentRecord(name: "a", publicKey: noise.bytes(32), powers: [.add])],
            readers: ["age1b", "age1a"], writers: ["age1c"],
            revoked: [
                RevokedAgent(
                    name: "thief", publicKey: noise.bytes(32),
                    objects: [Digest(noise.bytes(32)), Digest(noise.bytes(32))]),
                RevokedAgent(name: "older", publicKey: noise.bytes(32), objects: []),
            ])
        #expect(config.readers == ["age1a", "age1b"])
        Decoders.exercise(config.encoded) { (bytes) throws(ArchiveError) in
            try StoreConfig(decoding: bytes).encoded
        }
        let enrolled = RevokedAgent(name: "a", publicKey: config.agents[0].publicKey, objects: [])
        #expect(throws: ArchiveError.self) {
            try StoreConfig(
                id: config.id, cutting: .standard, readKeys: config.readKeys, writeKeys: config.writeKeys,
                agents: config.agents, revoked: [enrolled])
        }
    }
}

extension StoreRenewal {
    /// With one more agent, of a fresh key.
    fileprivate func enrolling(_ name: String) -> StoreRenewal {
        var renewal = self
        let key = AgentKey(seed: SecretBytes(randomCount: 32))
        do throws(ArchiveError) {
            try renewal.enrol(AgentRecord(name: name, publicKey: key.publicKey, powers: [.add]))
        } catch {
            Issue.record(error)
        }
        return renewal
    }
}
