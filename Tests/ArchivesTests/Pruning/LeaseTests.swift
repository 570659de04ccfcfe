import Encodings
import Sodium
import Storage
import Testing

@testable import Archives

/// Who is at work, and who counts as over: F093, F094, F095, F096.
@Suite struct `Leases` {
    @Test func `F093: a writer that stood still during a whole prune adds no snapshot that lacks a chunk`()
        async throws
    {
        let scene = try await Prune.Scene()
        let test = scene.test
        let old = try await TestStore.files(try await test.reader(), scene.first)
        let stopped = TestMachine(process: 3)
        let writer = try await test.writer(on: stopped)
        let root = try await TestStore.tree(old, writer)
        let prepared = try await writer.prepare(TestStore.draft(root, time: 3))
        try await test.forget(scene.first)
        // The pruner sees it stand still for as long as it promised to be over by then.
        let machine = TestMachine(process: 2)
        let grace = Duration.seconds(3600)
        try await test.prune(grace: grace, on: machine)
        for _ in 0..<3 {
            machine.pass(86_400)
            stopped.pass(86_400)
            try await test.prune(grace: grace, on: machine)
        }
        #expect(try await test.names(.leases).isEmpty)
        await #expect { try await writer.commit(prepared) } throws: {
            ($0 as? ArchiveError)?.code == .overtaken
        }
        #expect(try await test.reader().snapshots().records.map(\.id) == [scene.second])
        try await scene.expectWhole()
        // Stopped right before its put, it takes back what it finds incomplete.
        let late = try await test.writer()
        let lateRoot = try await TestStore.tree([("x", [1, 2, 3])], late)
        let latePrepared = try await late.prepare(TestStore.draft(lateRoot, time: 4))
        for name in try await test.objects.list(below: try ObjectName("packs")) {
            try await test.objects.remove(name.name)
        }
        await #expect(throws: ArchiveError.self) { try await late.commit(latePrepared) }
        #expect(try await test.reader().snapshots().records.map(\.id) == [scene.second])
    }

    @Test func `F094: a session that slept past half of its promise notices, and aborts before it commits`()
        async throws
    {
        let test = try await TestStore()
        let machine = TestMachine(process: 3)
        for (seconds, code) in [(43_200 as Int64, nil as ArchiveError.Code?), (43_201, .overtaken)] {
            let writer = try await test.writer(on: machine)
            let root = try await TestStore.tree([("a", [1, 2, 3])], writer)
            machine.pass(seconds)
            do throws(ArchiveError) {
                _ = try await writer.commit(try await writer.prepare(TestStore.draft(root, time: 1)))
                #expect(code == nil)
            } catch {
                #expect(error.code == code)
            }
            await writer.close()
        }
        #expect(try await test.reader().snapshots().records.count == 1)
        // A beat in between, and it goes on.
        let writer = try await test.writer(on: machine)
        let root = try await TestStore.tree([("a", [4])], writer)
        machine.pass(43_000)
        try await writer.lease.beat()
        machine.pass(43_000)
        _ = try await writer.commit(try await writer.prepare(TestStore.draft(root, time: 2)))
        #expect(try await test.names(.leases).isEmpty)
    }

    @Test func `F095: the lease of a dead process goes, that of a live or unknown one is never robbed`()
        async throws
    {
        let scene = try await Prune.Scene()
        let test = scene.test
        try await test.forget(scene.first)
        let machine = TestMachine(process: 2)
        let writer = try await test.writer(on: TestMachine(process: 3))
        let grace = Duration.seconds(60)
        // Alive: whatever the time, as long as it beats.
        try await test.prune(grace: grace, on: machine)
        for _ in 0..<4 {
            machine.pass(80_000)
            try await writer.lease.beat()
            try await test.prune(grace: grace, on: machine)
            #expect(try await test.names(.leases).count == 1)
        }
        await #expect { try await test.prune(on: machine) } throws: { ($0 as? ArchiveError)?.code == .busy }
        // Silent, but not yet for as long as it promised; the machine was started anew in between.
        machine.pass(86_399)
        try await test.prune(grace: grace, on: machine)
        #expect(try await test.names(.leases).count == 1)
        machine.restart()
        try await test.prune(grace: grace, on: machine)
        machine.pass(86_399)
        try await test.prune(grace: grace, on: machine)
        #expect(try await test.names(.leases).count == 1)
        machine.pass(1)
        try await test.prune(grace: grace, on: machine)
        #expect(try await test.names(.leases).isEmpty)
        // Known to be gone: at once.
        let other = try await test.writer(on: TestMachine(process: 4))
        #expect(try await test.names(.leases).count == 1)
        machine.end(4)
        try await test.prune(on: machine)
        #expect(try await test.names(.leases).isEmpty)
        await other.close()
        try await scene.expectWhole()
    }

    @Test func `two pruners don't work at once`() async throws {
        let scene = try await Prune.Scene()
        let test = scene.test
        let signing = SigningContext(
            store: test.store.id, generation: 1, write: test.write, agent: test.agent)
        let lease = try await SessionLease.begin(
            .prune, in: test.objects, signing, TestMachine(process: 3).presence)
        await #expect { try await test.prune(grace: .seconds(60)) } throws: {
            ($0 as? ArchiveError)?.code == .busy
        }
        await lease.end()
        try await test.prune(grace: .seconds(60))
    }

    @Test func `F096: no jump of the clock prunes or ends anything`() async throws {
        let scene = try await Prune.Scene()
        let test = scene.test
        let years: Int64 = 10 * 365 * 86_400
        var rules = RetentionRules()
        rules.last = 1
        func expired() async throws -> Int {
            let state = test.machine.pruner
            let catalog = try await test.reader().snapshots()
            return rules.expired(among: state.candidates(catalog), RetentionRules.Marks()).count
        }
        let writer = try await test.writer(on: TestMachine(process: 3))
        let grace = Duration.seconds(3600)
        try await test.prune(grace: grace)
        #expect(try await expired() == 0)
        try await test.forget(scene.first)
        // Ahead: refused once, and after that no pack is older, no session over, no snapshot of age.
        test.machine.set(ahead: years)
        await #expect { try await test.prune(grace: grace) } throws: {
            ($0 as? ArchiveError)?.code == .clockSkew
        }
        let before = try await Prune.size(test)
        try await test.prune(grace: grace)
        #expect(try await expired() == 0)
        #expect(try await Prune.size(test) == before)
        #expect(try await test.names(.leases).count == 1)
        // Back by twenty: what the store holds is of the future, and it stays refused.
        test.machine.set(ahead: -2 * years)
        for _ in 0..<2 {
            await #expect { try await test.prune(grace: grace) } throws: {
                ($0 as? ArchiveError)?.code == .clockSkew
            }
        }
        #expect(try await Prune.size(test) == before)
        test.machine.set(ahead: years)
        await #expect { try await test.prune(grace: grace) } throws: {
            ($0 as? ArchiveError)?.code == .clockSkew
        }
        await writer.close()
        test.machine.pass(20 * 86_400)
        try await test.prune(grace: grace)
        #expect(try await test.names(.leases).isEmpty)
        // By its own time it is of age at last.
        _ = try await test.backUp([("a", [1])], time: 3)
        try await test.prune(grace: grace)
        #expect(try await expired() == 1)
        try await scene.expectWhole()
    }
}
