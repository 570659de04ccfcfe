import Storage
import Testing

@testable import Archives

/// Storage that fails, and writers that die, at any operation (CASES.md F085, F088, F097).
@Suite struct `Faults` {
    static func operations(_ test: TestStore, _ files: [(String, [UInt8])]) async throws -> Int {
        let counting = FaultyStore(try await MemoryStore(copying: test.objects))
        try await test.backUp(files, time: 2_000_000_000, over: counting)
        return counting.operationCount
    }

    @Test(arguments: FaultyStore.Fault.allCases)
    func `older snapshots restore, no false snapshot shows, and the next backup succeeds`(
        _ fault: FaultyStore.Fault
    ) async throws {
        let test = try await TestStore()
        var noise = Noise(21)
        let files = [("a", noise.bytes(20_000)), ("b", noise.bytes(400))]
        let changed = [files[0], ("b", noise.bytes(30_000)), ("c", noise.bytes(100))]
        let older = try await test.backUp(files).id
        let before = try await MemoryStore(copying: test.objects).all
        let count = try await Self.operations(test, changed)
        #expect(count > 10)
        for position in 0..<count {
            let objects = MemoryStore(before)
            var acknowledged: SnapshotID?
            do {
                let faulty = FaultyStore(objects, failingAt: position, fault)
                acknowledged = try await test.backUp(changed, time: 2_000_000_000, over: faulty).id
            } catch let error as ArchiveError {
                #expect([.storage, .sessionFailed].contains(error.code))
            }
            // From here on as a new process.
            let reader = try await test.reader(over: objects)
            let records = try await reader.snapshots().records
            #expect(records.first?.id == older && records.count <= 2)
            if let acknowledged { #expect(records.last?.id == acknowledged) }
            for record in records {
                let back = try await TestStore.files(reader, record.id)
                #expect(back.map(\.1) == (record.id == older ? files : changed).map(\.1))
            }
            let report = try await StoreCheck.run(
                try await test.reopened(over: objects), write: [test.write], read: [test.read],
                readsData: true)
            #expect(report.isClean, "\(fault) at \(position): \(report.findings.map(\.problem))")
            let next = try await test.backUp(changed, time: 3_000_000_000, over: objects).id
            #expect(
                try await TestStore.files(try await test.reader(over: objects), next).map(\.1)
                    == changed.map(\.1))
        }
    }

    @Test func `a snapshot repeated with its recorded bytes is one snapshot`() async throws {
        let test = try await TestStore()
        let writer = try await test.writer()
        let root = try await TestStore.tree([("a", [1, 2, 3])], writer)
        let prepared = try await writer.prepare(TestStore.draft(root, time: 1))
        _ = try await writer.commit(prepared)
        let again = try PreparedSnapshot(recorded: prepared.bytes, store: test.store, write: [test.write])
        #expect(again == prepared)
        _ = try await writer.commit(again)
        #expect(try await test.reader().snapshots().records.map(\.id) == [prepared.id])
    }

    @Test func `a pack that went away before the snapshot fails the session`() async throws {
        let test = try await TestStore()
        var noise = Noise(2)
        let writer = try await test.writer()
        let root = try await TestStore.tree([("a", noise.bytes(40_000))], writer)
        let pack = try #require(try await ObjectPlace.packs.list(in: test.objects).first)
        try await test.objects.remove(pack.name)
        await #expect(throws: ArchiveError.self) {
            try await writer.prepare(TestStore.draft(root, time: 1))
        }
        #expect(try await test.reader().snapshots().records.isEmpty)
        // What the index names and isn't there is uploaded again.
        let files = [("a", Noise.bytes(2, 40_000))]
        let id = try await test.backUp(files).id
        #expect(try await TestStore.files(try await test.reader(), id).map(\.1) == files.map(\.1))
    }

    @Test func `two writers at once lose nothing, and the fork of their chain is reported`() async throws {
        let test = try await TestStore()
        let shared = ("a", Noise.bytes(1, 20_000))
        async let one = test.backUp([shared, ("b", Noise.bytes(2, 30_000))], time: 1)
        async let two = test.backUp([shared, ("c", Noise.bytes(3, 30_000))], time: 2)
        let ids = try await [one.id, two.id]
        let third = try await test.backUp([shared], time: 3)
        #expect(third.statistics.packCount <= 1)
        let reader = try await test.reader()
        for id in ids { #expect(try await TestStore.files(reader, id).first?.1 == shared.1) }
        let catalog = try await reader.snapshots()
        #expect(catalog.records.count == 3)
        let report = try await StoreCheck.run(
            test.store, write: [test.write], read: [test.read], readsData: true)
        #expect(report.isClean)
        #expect(report.findings.count == catalog.forks.count)
    }

    @Test func `a cancelled task stops between chunks`() async throws {
        let test = try await TestStore()
        let writer = try await test.writer()
        let task = Task {
            var content = ContentWriter(writer)
            while !Task.isCancelled { await Task.yield() }
            try await content.append(Noise.bytes(1, 10_000))
        }
        task.cancel()
        let result = await task.result
        #expect(throws: ArchiveError.self) { try result.get() }
    }

    @Test func `a lost index is rebuilt from packs, a damaged one moved aside`() async throws {
        let test = try await TestStore()
        var noise = Noise(2)
        let files = [("a", noise.bytes(40_000)), ("b", noise.bytes(9))]
        let id = try await test.backUp(files).id
        let packCount = try await ObjectPlace.packs.list(in: test.objects).count
        for entry in try await ObjectPlace.index.list(in: test.objects) {
            try await test.objects.put(entry.name, [1, 2, 3], ifAbsent: false)
        }
        let lost = try await StoreCheck.run(test.store, write: [test.write])
        #expect(!lost.isClean && lost.damagedSnapshots == [id])
        let report = try await IndexRebuild.run(
            test.store, write: [test.write], agent: test.agent, presence: test.machine.presence)
        #expect(report.packCount == packCount && report.movedAside.count == 1 && report.failures.isEmpty)
        let check = try await StoreCheck.run(
            test.store, write: [test.write], read: [test.read], readsData: true)
        #expect(check.findings.isEmpty)
        #expect(try await TestStore.files(try await test.reader(), id).map(\.1) == files.map(\.1))
        let again = try await test.backUp(files, time: 2)
        #expect(again.statistics.packCount == 0)
    }
}

extension Noise {
    static func bytes(_ seed: UInt64, _ count: Int) -> [UInt8] {
        var noise = Noise(seed)
        return noise.bytes(count)
    }
}
