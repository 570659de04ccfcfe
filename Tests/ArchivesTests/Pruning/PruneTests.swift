import Encodings
import Sodium
import Storage
import Testing

@testable import Archives

/// What prune removes, when, and what it never does.
@Suite struct `Prune` {
    /// A store with two snapshots that share half of what they hold.
    struct Scene {
        let test: TestStore
        let first: SnapshotID
        let second: SnapshotID
        let files: [(String, [UInt8])]

        init() async throws {
            test = try await TestStore()
            var noise = Noise(11)
            let shared = ("shared", noise.bytes(60_000))
            let old = ("old", noise.bytes(90_000))
            files = [shared, ("new", noise.bytes(30_000))]
            first = try await test.backUp([old, shared], time: 1).id
            second = try await test.backUp([files[1], shared], time: 2).id
        }

        func expectWhole(over other: (any ObjectStore)? = nil, _ comment: String = "") async throws {
            let back = try await TestStore.files(try await test.reader(over: other), second)
            #expect(back.map(\.1) == [files[1].1, files[0].1], "\(comment)")
            let report = try await test.check(over: other)
            #expect(report.isClean, "\(comment): \(report.findings.map(\.problem))")
        }
    }

    static func size(_ test: TestStore, over other: (any ObjectStore)? = nil) async throws -> Int {
        try await ObjectPlace.packs.list(in: other ?? test.objects).reduce(0) { $0 + $1.byteCount }
    }

    @Test func `without a grace, what only a forgotten snapshot needed is gone at once`() async throws {
        let scene = try await Scene()
        let before = try await Self.size(scene.test)
        let idle = try await scene.test.prune()
        #expect(idle.removed.packCount == 0 && idle.marked.packCount == 0)
        try await scene.test.forget(scene.first)
        let plan = try await scene.test.prune(isDryRun: true)
        #expect(plan.isDryRun && plan.removed.packCount > 2)
        #expect(try await Self.size(scene.test) == before)
        #expect(try await scene.test.names(.leases).isEmpty)
        let report = try await scene.test.prune()
        #expect(report.removed.packCount == plan.removed.packCount)
        #expect(report.removed.byteCount == plan.removed.byteCount && report.waiting.packCount == 0)
        #expect(try await Self.size(scene.test) < before - 80_000)
        try await scene.expectWhole()
        // Nothing that says what is no more.
        #expect(try await scene.test.names(.leases).isEmpty)
        #expect(try await scene.test.names(.tombstones).count == 1)
        let check = try await scene.test.check()
        #expect(check.findings.isEmpty, "\(check.findings.map(\.problem))")
        // The next backup finds what it shares.
        let again = try await scene.test.backUp([scene.files[1], scene.files[0]], time: 3)
        #expect(again.statistics.packCount == 0)
    }

    @Test func `I9: what was pruned twice is as it was pruned once`() async throws {
        let scene = try await Scene()
        try await scene.test.forget(scene.first)
        try await scene.test.prune(unused: 0)
        let before = try await MemoryStore(copying: scene.test.objects).all
        let report = try await scene.test.prune(unused: 0)
        #expect(report.isIdle && report.indexObjectCount == 0)
        #expect(try await MemoryStore(copying: scene.test.objects).all == before)
        try await scene.expectWhole()
    }

    @Test func `packs that are used a little are packed anew, without read, and give their room back`()
        async throws
    {
        let test = try await TestStore()
        var noise = Noise(5)
        let kept = (0..<20).map { ("f\($0)", noise.bytes(3_000)) }
        let dropped = (0..<20).map { ("f\($0)x", noise.bytes(3_000)) }
        let first = try await test.backUp((kept + dropped).sorted { $0.0 < $1.0 }, time: 1).id
        let second = try await test.backUp(kept.sorted { $0.0 < $1.0 }, time: 2).id
        try await test.forget(first)
        let before = try await Self.size(test)
        // A share of 1 moves nothing.
        let lazy = try await test.prune(unused: 1)
        #expect(lazy.repacked.packCount == 0)
        let report = try await test.prune(unused: 0.1)
        #expect(report.repacked.packCount > 2 && report.moved.packCount >= 1)
        #expect(report.removed.packCount >= report.repacked.packCount)
        #expect(try await Self.size(test) < before * 6 / 10)
        let back = try await TestStore.files(try await test.reader(), second)
        #expect(back.map(\.1) == kept.sorted { $0.0 < $1.0 }.map(\.1))
        let check = try await test.check()
        #expect(check.findings.isEmpty, "\(check.findings.map(\.problem))")
        #expect(try await test.prune(unused: 0.1).isIdle)
        // What was moved is taken for granted by the next writer, and by an index that is made anew.
        for name in try await ObjectPlace.index.list(in: test.objects) {
            try await test.objects.put(name.name, [1], ifAbsent: false)
        }
        _ = try await IndexRebuild.run(
            test.store, write: [test.write], agent: test.agent, presence: test.machine.presence)
        let again = try await test.backUp(kept.sorted { $0.0 < $1.0 }, time: 3)
        #expect(again.statistics.packCount == 0)
    }

    @Test func `with a grace, packs go when the pruner's own clock has seen it pass`() async throws {
        let scene = try await Scene()
        let test = scene.test
        let grace = Duration.seconds(3600)
        try await test.forget(scene.first)
        let before = try await Self.size(test)
        let marked = try await test.prune(grace: grace, unused: 1)
        #expect(marked.marked.packCount > 2 && marked.removed.packCount == 0)
        #expect(marked.waiting.packCount == 0 || !marked.reasons.isEmpty)
        test.machine.pass(3599)
        #expect(try await test.prune(grace: grace, unused: 1).removed.packCount == 0)
        // Another machine sees the marks for the first time.
        let other = TestMachine(process: 2)
        other.pass(1_000_000)
        #expect(try await test.prune(grace: grace, unused: 1, on: other).removed.packCount == 0)
        // A restart: what was seen by another clock doesn't count.
        test.machine.pass(1)
        test.machine.restart()
        #expect(try await test.prune(grace: grace, unused: 1).removed.packCount == 0)
        #expect(try await Self.size(test) == before)
        test.machine.pass(3600)
        let swept = try await test.prune(grace: grace, unused: 1)
        #expect(swept.removed.packCount == marked.marked.packCount)
        try await scene.expectWhole()
        #expect(try await test.names(.tombstones).count == 1)
    }

    @Test func `what is used again by a snapshot that came meanwhile stays`() async throws {
        let scene = try await Scene()
        let test = scene.test
        // A session that began before, and relies on what is marked now.
        let writer = try await test.writer(on: TestMachine(process: 3))
        let old = try await TestStore.files(try await test.reader(), scene.first)
        let root = try await TestStore.tree(old, writer)
        #expect(writer.statistics.addedPieceCount == 0)
        try await test.forget(scene.first)
        let grace = Duration.seconds(3600)
        // While it is at work, nothing that it may rely on or have made is marked by who hasn't seen it before.
        #expect(try await test.prune(grace: grace).marked.packCount == 0)
        let settled = TestMachine(process: 2)
        var state = PrunerState()
        state.store = test.store.id
        state.settled = try await ObjectPlace.packs.list(in: test.objects).compactMap {
            PackName($0.name.lastComponent)
        }
        settled.pruner = state
        #expect(try await test.prune(grace: grace, on: settled).marked.packCount > 2)
        // Its lease holds the sweep up.
        settled.pass(4000)
        let held = try await test.prune(grace: grace, on: settled)
        #expect(held.removed.packCount == 0 && held.reasons.contains { $0.contains("older") })
        // It sees the marks before its snapshot, and adds none.
        await #expect { try await writer.prepare(TestStore.draft(root, time: 3)) } throws: {
            ($0 as? ArchiveError)?.code == .overtaken
        }
        await writer.close()
        // Another session uploads again what is marked.
        let again = try await test.backUp(old, time: 3)
        #expect(again.statistics.packCount > 2)
        let report = try await test.prune(grace: grace, on: settled)
        #expect(report.removed.packCount == 0 && report.returned.packCount > 2)
        #expect(try await TestStore.files(try await test.reader(), again.id).map(\.1) == old.map(\.1))
        try await scene.expectWhole()
    }

    @Test func `a snapshot of an older session that is put in time keeps what it relies on`() async throws {
        let scene = try await Scene()
        let test = scene.test
        let old = try await TestStore.files(try await test.reader(), scene.first)
        let writer = try await test.writer(on: TestMachine(process: 3))
        let root = try await TestStore.tree(old, writer)
        let prepared = try await writer.prepare(TestStore.draft(root, time: 3))
        try await test.forget(scene.first)
        let machine = TestMachine(process: 2)
        var state = PrunerState()
        state.store = test.store.id
        state.settled = try await ObjectPlace.packs.list(in: test.objects).compactMap {
            PackName($0.name.lastComponent)
        }
        machine.pruner = state
        let grace = Duration.seconds(3600)
        #expect(try await test.prune(grace: grace, on: machine).marked.packCount > 2)
        let third = try await writer.commit(prepared)
        machine.pass(4000)
        let report = try await test.prune(grace: grace, on: machine)
        #expect(report.removed.packCount == 0 && report.returned.packCount > 2)
        #expect(try await TestStore.files(try await test.reader(), third).map(\.1) == old.map(\.1))
        try await scene.expectWhole()
    }

    @Test func `nothing is removed where a pack, a node or the index is missing or damaged`() async throws {
        let scene = try await Scene()
        let test = scene.test
        try await test.forget(scene.first)
        let all = try await MemoryStore(copying: test.objects).all
        let keys = try OpenedWrite(store: test.store, keys: [test.write])
        let whole = try await PruneIndex(with: keys)
        var walk = LiveWalk(keys, whole)
        try await walk.reach(try await test.reader().snapshots().records)
        let usage = try PackUsage(whole, &walk)
        for (ordinal, pack) in whole.packs.enumerated() where usage.used[ordinal] > 0 {
            let objects = MemoryStore(all)
            objects.replace(try ObjectPlace.packs.name(pack.name), nil)
            let before = objects.all.keys
            await #expect { try await test.prune(over: objects, on: TestMachine()) } throws: {
                [.absent, .damaged].contains(($0 as? ArchiveError)?.code)
            }
            #expect(objects.all.keys == before)
        }
        for name in all.keys where name.text.hasPrefix("index/") || name.text.hasPrefix("snapshots/") {
            let objects = MemoryStore(all)
            objects.replace(name, all[name].map { $0.dropLast() + [7] })
            let before = objects.all
            await #expect { try await test.prune(over: objects, on: TestMachine()) } throws: {
                [.damaged].contains(($0 as? ArchiveError)?.code)
            }
            #expect(objects.all == before)
        }
        // All snapshots gone, by nobody's word.
        let objects = MemoryStore(
            all.filter { !$0.key.text.hasPrefix("snapshots/") && !$0.key.text.hasPrefix("tombstones/") })
        await #expect { try await test.prune(over: objects, on: TestMachine()) } throws: {
            ($0 as? ArchiveError)?.code == .refused
        }
    }

    @Test func `an agent that may only add prunes nothing`() async throws {
        let test = try await TestStore()
        let stranger = AgentKey(seed: SecretBytes(randomCount: 32))
        var state = PrunerState()
        await #expect(throws: ArchiveError.self) {
            try await StorePruner.run(
                test.store, write: [test.write], agent: stranger, presence: test.machine.presence,
                state: &state)
        }
    }

    @Test func `what a killed writer left is removed, and what a living one makes is not marked`()
        async throws
    {
        let scene = try await Scene()
        let test = scene.test
        var noise = Noise(77)
        let machine = TestMachine(process: 5)
        let writer = try await test.writer(on: machine)
        _ = try await TestStore.tree([("a", noise.bytes(60_000))], writer)
        try await writer.flush()
        let before = try await Self.size(test)
        let grace = Duration.seconds(60)
        let pruner = TestMachine(process: 6)
        #expect(try await test.prune(grace: grace, on: pruner).marked.packCount == 0)
        await #expect { try await test.prune(on: pruner) } throws: { ($0 as? ArchiveError)?.code == .busy }
        // Its process is gone, and its lease with it.
        pruner.end(5)
        let report = try await test.prune(on: pruner)
        #expect(report.removed.packCount > 2)
        #expect(try await Self.size(test) < before - 50_000)
        #expect(try await test.names(.leases).isEmpty)
        try await scene.expectWhole()
    }

    @Test func `the state of a pruner reads back, and a damaged one is refused`() async throws {
        let scene = try await Scene()
        try await scene.test.forget(scene.first)
        let writer = try await scene.test.writer(on: TestMachine(process: 5))
        try await scene.test.prune(grace: .seconds(60))
        await writer.close()
        try await scene.test.prune(grace: .seconds(60))
        let state = scene.test.machine.pruner
        #expect(!state.marks.isEmpty && !state.settled.isEmpty && !state.snapshots.isEmpty)
        #expect(try PrunerState(decoding: state.encoded) == state)
        let bytes = state.encoded
        for count in stride(from: 0, to: bytes.count, by: 7) {
            #expect(throws: ArchiveError.self) { try PrunerState(decoding: Array(bytes.prefix(count))) }
        }
    }

    @Test func `many tombstones become one, and the annotations of what is forgotten go`() async throws {
        let test = try await TestStore()
        var ids: [SnapshotID] = []
        for time in 1...18 {
            ids.append(try await test.backUp([("a", [UInt8(time)])], time: Int64(time)).id)
        }
        let keeping = try await test.keeping()
        try await keeping.annotate(Annotation(.tag("x"), of: ids[0], time: test.machine.now))
        try await keeping.annotate(Annotation(.tag("y"), of: ids[17], time: test.machine.now))
        for id in ids.dropLast() { try await test.forget(id) }
        #expect(try await test.names(.index).count == 18)
        try await test.prune()
        #expect(try await test.names(.tombstones).count == 1)
        #expect(try await test.names(.annotations).count == 1)
        // Small index objects become one too.
        #expect(try await test.names(.index).count == 1)
        let catalog = try await test.reader().snapshots()
        #expect(catalog.records.map(\.id) == [ids[17]] && catalog.gaps.isEmpty)
        #expect(catalog.tombstones.forgotten.count == 17)
        #expect(try await test.check().findings.isEmpty)
    }

    @Test func `a snapshot of a clock that is ahead is named, and prune goes on when it is forgotten`()
        async throws
    {
        let scene = try await Scene()
        let test = scene.test
        let ahead = test.machine.now.nanoseconds + 86_400 * 1_000_000_000
        let id = try await test.backUp([scene.files[1], scene.files[0]], time: ahead).id
        try await test.forget(scene.first)
        func isNamed(_ error: any Error) -> Bool {
            let error = error as? ArchiveError
            return error?.code == .clockSkew && error?.context.hasPrefix("snapshots/\(id)") ?? false
        }
        for isDryRun in [true, false] {
            await #expect { try await test.prune(isDryRun: isDryRun) } throws: { isNamed($0) }
        }
        let catalog = try await test.reader().snapshots()
        let annotations = try await test.keeping().annotations()
        let store = try await test.reopened(over: Clockless(test.objects))
        await #expect {
            var state = test.machine.pruner
            _ = try await state.verdicts(
                by: RetentionRules(), of: nil, in: catalog, annotations, store: store,
                presence: test.machine.presence)
        } throws: {
            isNamed($0)
        }
        try await test.forget(id)
        #expect(try await test.prune().removed.packCount > 0)
        try await scene.expectWhole()
    }
}
