import Encodings
import SSH
import Sodium
import Storage
import Testing
import Trust

@testable import Archives

/// What a storage may do to a store behind our back (CASES.md F090, F091).
@Suite struct `Damage` {
    /// A small store with two snapshots, in memory.
    struct Prepared {
        let test: TestStore
        let objects: MemoryStore
        let contents: [SnapshotID: [(String, [UInt8])]]

        init() async throws {
            test = try await TestStore()
            var noise = Noise(11)
            let first = [("a", noise.bytes(300)), ("b", noise.bytes(2_000))]
            let second = first + [("c", noise.bytes(1_500))]
            let older = try await test.backUp(first).id
            let newer = try await test.backUp(second, time: 2_000_000_000).id
            contents = [older: first, newer: second]
            objects = try await MemoryStore(copying: test.objects)
        }

        func check(_ objects: MemoryStore, readsData: Bool = true) async throws -> CheckReport {
            let store = try await test.reopened(over: objects)
            return try await StoreCheck.run(
                store, write: [test.write], read: [test.read], readsData: readsData)
        }

        /// Reads every snapshot: what comes back is right or an error. Returns how many came back whole.
        func restore(_ objects: MemoryStore) async throws -> Int {
            var whole = 0
            for (id, files) in contents {
                do {
                    let back = try await TestStore.files(try await test.reader(over: objects), id)
                    guard !back.isEmpty else { continue }
                    #expect(back.map(\.0) == files.map(\.0) && back.map(\.1) == files.map(\.1))
                    whole += 1
                } catch let error as ArchiveError {
                    #expect([.damaged, .absent, .forged, .unsupported].contains(error.code))
                }
            }
            return whole
        }
    }

    static func finds(_ prepared: Prepared, _ objects: MemoryStore) async throws -> Bool {
        do {
            return try await !prepared.check(objects).isClean
        } catch let error as ArchiveError {
            // The config is what opening itself goes by.
            return [.damaged, .absent, .forged, .foreign, .unsupported].contains(error.code)
        }
    }

    @Test func `F090: any flipped bit is found, and never gives wrong bytes`() async throws {
        let prepared = try await Prepared()
        #expect(try await prepared.check(prepared.objects).isClean)
        #expect(try await prepared.check(prepared.objects, readsData: false).isClean)
        #expect(try await prepared.restore(prepared.objects) == 2)
        var noise = Noise(1)
        for (name, bytes) in prepared.objects.all {
            // Every byte is covered by one hash or signature; a sample of each object keeps the test short, its
            // first and last bytes and fields of every kind among them.
            let positions = Set(bytes.indices.prefix(12)).union(bytes.indices.suffix(12))
                .union((0..<24).map { _ in Int(noise.next() >> 1) % bytes.count })
            for position in positions.sorted() {
                var flipped = bytes
                flipped[position] ^= 1 << UInt8(noise.next() >> 61)
                let objects = MemoryStore(prepared.objects.all)
                objects.replace(name, flipped)
                #expect(try await Self.finds(prepared, objects), "\(name) byte \(position)")
                if position % 5 == 0, name.components.first != "config" {
                    _ = try await prepared.restore(objects)
                }
            }
        }
    }

    @Test func `F091: an object deleted, emptied, cut, duplicated or swapped is found`() async throws {
        let prepared = try await Prepared()
        let all = prepared.objects.all
        for (name, bytes) in all {
            let place = name.components.first
            for changed in [nil, [], Array(bytes.dropLast())] as [[UInt8]?] {
                // A snapshot that is gone as a whole is seen by its successor, the last one by the pins alone.
                if changed == nil, place == "snapshots" { continue }
                let objects = MemoryStore(all)
                objects.replace(name, changed)
                #expect(try await Self.finds(prepared, objects), "\(name): \(changed?.count ?? -1)")
                if place != "config" { _ = try await prepared.restore(objects) }
            }
            for (other, otherBytes) in all where otherBytes != bytes && other.components.first == place {
                let objects = MemoryStore(all)
                objects.replace(name, otherBytes)
                objects.replace(other, bytes)
                #expect(try await Self.finds(prepared, objects), "\(name) <-> \(other)")
                _ = try await prepared.restore(objects)
            }
            guard place != "config", place != "keys" else { continue }
            let objects = MemoryStore(all)
            objects.replace(try ObjectName("\(place ?? "")/" + String(repeating: "ab", count: 32)), bytes)
            #expect(try await Self.finds(prepared, objects), "\(name): under another name")
            #expect(try await prepared.restore(objects) == 2)
        }
    }

    @Test func `a snapshot missing from its chain is found, and the last one by the pins`() async throws {
        let prepared = try await Prepared()
        let catalog = try await prepared.test.reader().snapshots()
        #expect(catalog.records.map(\.header.generation) == [1, 2])
        #expect(catalog.records[1].header.previous == catalog.records[0].id.digest)
        let objects = MemoryStore(prepared.objects.all)
        objects.replace(try ObjectPlace.snapshots.name(catalog.records[0].id), nil)
        #expect(try await Self.finds(prepared, objects))
        #expect(try await prepared.restore(objects) == 1)

        let rolledBack = MemoryStore(prepared.objects.all)
        rolledBack.replace(try ObjectPlace.snapshots.name(catalog.records[1].id), nil)
        let trust = StoreTrust(root: prepared.test.store.fingerprint, agents: catalog.generations)
        let store = try await Store.open(rolledBack, trust: trust)
        let reader = try await StoreReader(store, write: [prepared.test.write])
        await #expect(throws: ArchiveError.self) { try await reader.snapshots() }
    }

    @Test func `a piece damaged in one pack is read from another that holds it too`() async throws {
        let test = try await TestStore()
        var noise = Noise(4)
        let files = [("a", noise.bytes(3_000))]
        // Two agents' sessions that know nothing of each other.
        let one = try await test.writer()
        let two = try await test.writer()
        let first = try await TestStore.tree(files, one)
        let second = try await TestStore.tree(files, two)
        #expect(first == second)
        let id = try await one.commit(try await one.prepare(TestStore.draft(first, time: 1)))
        _ = try await two.commit(try await two.prepare(TestStore.draft(second, time: 2)))
        let all = try await MemoryStore(copying: test.objects).all
        for (name, bytes) in all where name.components.first == "packs" {
            let objects = MemoryStore(all)
            objects.replace(name, bytes.map { $0 ^ 0xFF })
            let back = try await TestStore.files(try await test.reader(over: objects), id)
            #expect(back.map(\.1) == files.map(\.1))
        }
    }
}

@Suite struct `Keys and roots` {
    @Test func `F098: wrong keys, another root and an older config are refused each in its own way`()
        async throws
    {
        let test = try await TestStore()
        let other = try await TestStore()
        let wrong = SecretBytes(randomCount: 32)
        #expect(throws: ArchiveError.self) { try test.store.writeKey(wrong) }
        #expect(throws: ArchiveError.self) { try test.store.readIdentity(wrong) }
        func code(_ trust: StoreTrust, _ objects: any ObjectStore) async throws -> ArchiveError.Code? {
            do throws(ArchiveError) {
                _ = try await Store.open(objects, trust: trust)
                return nil
            } catch {
                return error.code
            }
        }
        #expect(try await code(StoreTrust(root: test.store.fingerprint), other.objects) == .foreign)
        #expect(try await code(StoreTrust(generation: 2), test.objects) == .rolledBack)
        #expect(try await code(StoreTrust(), MemoryStore()) == .absent)
        #expect(try await code(StoreTrust(root: test.store.fingerprint, generation: 1), test.objects) == nil)
    }

    @Test func `the age files come back as given, from the second copy where the first is damaged`()
        async throws
    {
        let test = try await TestStore()
        #expect(try await test.store.wrappedKey(.read) == Array("wrapped read".utf8))
        let objects = try await MemoryStore(copying: test.objects)
        for name in objects.all.keys where name.text.hasSuffix(".a.age") { objects.replace(name, [1]) }
        let store = try await test.reopened(over: objects)
        #expect(try await store.wrappedKey(.write) == Array("wrapped write".utf8))
        let report = try await StoreCheck.run(store, write: [test.write])
        #expect(report.findings.filter(\.isDamage).count == 2)
    }

    @Test func `a store is not made where something is`() async throws {
        let test = try await TestStore()
        await #expect(throws: ArchiveError.self) {
            let creation = StoreCreation()
            let signer = SigningKey()
            _ = try await creation.create(
                in: test.objects, wrappedRead: [1], wrappedWrite: [2], admins: [signer.publicKey],
                signer: signer, agents: [])
        }
    }

    @Test func `who holds write alone lists and checks, and opens nothing`() async throws {
        let test = try await TestStore()
        var noise = Noise(1)
        let id = try await test.backUp([("a", noise.bytes(5_000))]).id
        let reader = try await StoreReader(test.store, write: [test.write])
        let catalog = try await reader.snapshots()
        #expect(catalog.records.map(\.id) == [id])
        #expect(catalog.records[0].header.revisions.map(\.source) == ["config"])
        func code(_ body: () async throws(ArchiveError) -> Void) async -> ArchiveError.Code? {
            do throws(ArchiveError) {
                try await body()
                return nil
            } catch {
                return error.code
            }
        }
        let record = catalog.records[0]
        #expect(
            await code { () async throws(ArchiveError) in _ = try await reader.open(record) } == .keyNeeded)
        let root = record.header.roots[0]
        #expect(await code { () async throws(ArchiveError) in _ = try await reader.node(root) } == .keyNeeded)
        let report = try await StoreCheck.run(test.store, write: [test.write], readsData: true)
        #expect(report.isClean && report.snapshotCount == 1)
    }

    @Test func `an agent that is not enrolled adds nothing`() async throws {
        let test = try await TestStore()
        let stranger = AgentKey(seed: SecretBytes(randomCount: 32))
        await #expect(throws: ArchiveError.self) {
            try await StoreWriter(
                test.store, write: [test.write], agent: stranger, presence: test.machine.presence)
        }
    }

    @Test func `no word of a chunk is taken from a stranger's index`() async throws {
        let test = try await TestStore()
        var noise = Noise(1)
        let files = [("a", noise.bytes(5_000))]
        let writer = try await test.writer()
        let root = try await TestStore.tree(files, writer)
        try await writer.flush()
        // The same index, signed by a thief of `write` without an enrolled agent's key.
        let keys = try OpenedWrite(store: test.store, keys: [test.write])
        let name = try #require(try await ObjectPlace.index.list(in: test.objects).first?.name)
        let (object, _) = try await IndexCatalog.read(name, with: keys)
        let thief = SigningContext(
            store: test.store.id, generation: 1, write: test.write,
            agent: AgentKey(seed: SecretBytes(randomCount: 32)))
        let forged = IndexCatalog.encode(object, in: thief)
        try await test.objects.remove(name)
        try await test.objects.store(try ObjectPlace.index.name(IndexName(Digest(hashing: forged))), forged)
        let again = try await test.writer()
        #expect(try await TestStore.tree(files, again) == root)
        #expect(again.statistics.addedPieceCount > 0)
        #expect(try await test.reader().indexFailures.map(\.code) == [.forged])
    }
}
