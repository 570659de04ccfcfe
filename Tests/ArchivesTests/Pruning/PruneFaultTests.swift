import Encodings
import Storage
import Synchronization
import Testing

@testable import Archives

/// Pruning that is killed at any operation, and sessions that get in each other's way.
@Suite struct `Prune faults` {
    /// A store of which a third is used, spread so that packs are removed and packed anew.
    static func store() async throws -> (TestStore, SnapshotID, [(String, [UInt8])]) {
        let test = try await TestStore()
        var noise = Noise(8)
        let old = [("a", noise.bytes(30_000))]
        let kept = (0..<6).map { ("f\($0)", noise.bytes(2_500)) }
        let dropped = (0..<6).map { ("f\($0)x", noise.bytes(2_500)) }
        let first = try await test.backUp(old, time: 1).id
        let second = try await test.backUp((kept + dropped).sorted { $0.0 < $1.0 }, time: 2).id
        let third = try await test.backUp(kept, time: 3).id
        try await test.forget(first, second)
        return (test, third, kept)
    }

    @Test(arguments: [Duration.zero, .seconds(60)])
    func `F092: killed at any operation, twice in a row, prune loses nothing, and the next one ends it`(
        grace: Duration
    ) async throws {
        let (test, kept, files) = try await Self.store()
        let before = try await MemoryStore(copying: test.objects).all
        func machine(_ process: UInt64) -> TestMachine {
            let machine = TestMachine(process: process)
            for gone in 1..<process { machine.end(gone) }
            return machine
        }
        /// One run; with a grace, the one that marks and the one that sweeps, by what the machine remembers.
        func prune(over objects: any ObjectStore, on machine: TestMachine) async throws {
            try await test.prune(grace: grace, unused: 0.1, over: objects, on: machine)
            guard grace > .zero else { return }
            machine.pass(61)
            try await test.prune(grace: grace, unused: 0.1, over: objects, on: machine)
        }
        let clean = MemoryStore(before)
        let counting = FaultyStore(clean)
        try await prune(over: counting, on: machine(1))
        let count = counting.operationCount
        #expect(count > 40)
        let size = clean.all.filter { $0.key.text.hasPrefix("packs/") }.count
        #expect(size < before.filter { $0.key.text.hasPrefix("packs/") }.count)
        // Every operation once; the second kill at one that moves along with it.
        for position in 0..<count {
            let objects = MemoryStore(before)
            for (round, place) in [position, (position * 7 + 3) % count].enumerated() {
                let faulty = FaultyStore(objects, failingAt: place, .dead)
                try? await prune(over: faulty, on: machine(UInt64(round + 1)))
                let index = try await PruneIndex(
                    with: OpenedWrite(store: try await test.reopened(over: objects), keys: [test.write]))
                // I3
                let isMissing = index.packs.contains { !$0.isPresent }
                #expect(!isMissing, "killed at \(place): the index names a missing pack")
            }
            let report = try await StoreCheck.run(
                try await test.reopened(over: objects), write: [test.write], read: [test.read])
            #expect(report.isClean, "killed at \(position): \(report.findings.map(\.problem))")
            try await prune(over: objects, on: machine(3))
            // What the killed ones had moved and not yet marked is gone again: nothing is left over.
            if grace == .zero {
                let idle = try await test.prune(grace: grace, unused: 0.1, over: objects, on: machine(3))
                #expect(idle.isIdle, "after \(position): \(idle)")
            }
            let back = try await TestStore.files(try await test.reader(over: objects), kept)
            #expect(back.map(\.1) == files.map(\.1), "killed at \(position)")
            let check = try await test.check(over: objects)
            #expect(check.isClean, "after \(position): \(check.findings.map(\.problem))")
            let left = objects.all.keys.filter {
                $0.text.hasPrefix("leases/") || $0.text.hasPrefix("tombstones/")
            }
            #expect(left.count == 1, "after \(position): \(left)")
        }
    }

    @Test(arguments: 0..<6)
    func `I12: two writers and a pruner in any order end in a whole store`(seed: UInt64) async throws {
        let test = try await TestStore()
        let objects = MemoryStore(try await MemoryStore(copying: test.objects).all)
        let schedule = Schedule(test: test, objects: objects, seed: seed)
        let machine = schedule.machine
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await schedule.write(1) }
            group.addTask { await schedule.write(2) }
            group.addTask { await schedule.prune() }
        }
        let acknowledged = schedule.acknowledged
        let report = try await test.check(over: objects)
        #expect(report.isClean, "\(report.findings.filter(\.isDamage).map(\.problem))")
        let reader = try await test.reader(over: objects)
        let wanted = acknowledged
        #expect(!wanted.isEmpty)
        for (id, files) in wanted {
            #expect(try await TestStore.files(reader, id).map(\.1) == files)
        }
        // Nobody is at work any more: what is left over goes.
        try await test.prune(over: objects, on: machine)
        for (id, files) in wanted {
            #expect(try await TestStore.files(try await test.reader(over: objects), id).map(\.1) == files)
        }
        #expect(try await test.check(over: objects).findings.allSatisfy { !$0.isDamage })
    }
}

/// Two writers that save and a pruner that forgets and prunes, in an order that a seed decides as far as the runtime lets it.
private final class Schedule: Sendable {
    let machine = TestMachine(process: 9)
    private let test: TestStore
    private let objects: MemoryStore
    private let seed: UInt64
    private let pool: [(String, [UInt8])]
    private let choices: [UInt8]
    private let told = Mutex<[SnapshotID: [[UInt8]]]>([:])

    init(test: TestStore, objects: MemoryStore, seed: UInt64) {
        (self.test, self.objects, self.seed) = (test, objects, seed)
        var noise = Noise(seed + 100)
        pool = (0..<8).map { ("f\($0)", noise.bytes(4_000)) }
        choices = noise.bytes(64)
    }

    /// What writers were told is stored, and nobody has forgotten since.
    var acknowledged: [SnapshotID: [[UInt8]]] { told.withLock { $0 } }

    func write(_ number: Int) async {
        for round in 0..<5 {
            let files = pool.enumerated().filter { choices[(number * 29 + round * 8 + $0.offset) % 64] < 100 }
                .map(\.element)
            let jittery = JitteryStore(objects, seed: seed &* 31 &+ UInt64(number * 10 + round))
            let time = Int64(round * 10 + number + 1)
            guard let id = try? await test.backUp(files, time: time, over: jittery).id else { continue }
            told.withLock { $0[id] = files.map(\.1) }
        }
    }

    func prune() async {
        for round in 0..<12 {
            let jittery = JitteryStore(objects, seed: seed &* 57 &+ UInt64(round))
            if round % 2 == 1, let victim = acknowledged.keys.min() {
                // Before it is gone: it isn't to be restored any more.
                told.withLock { $0[victim] = nil }
                try? await test.forget(victim, over: jittery)
            }
            machine.pass(30)
            _ = try? await test.prune(grace: .seconds(60), unused: 0.1, over: jittery, on: machine)
        }
    }
}

/// Lets others go first, as often as a seed says, before and after each operation.
struct JitteryStore: ObjectStore {
    private let below: any ObjectStore
    private let noise: SharedNoise

    init(_ below: any ObjectStore, seed: UInt64) {
        self.below = below
        noise = SharedNoise(seed)
    }

    private final class SharedNoise: Sendable {
        private let state: Mutex<Noise>
        init(_ seed: UInt64) { state = Mutex(Noise(seed)) }
        func next() -> UInt64 { state.withLock { $0.next() >> 33 } }
    }

    private func stand() async { for _ in 0..<(noise.next() % 12) { await Task.yield() } }

    func put(_ name: ObjectName, _ bytes: [UInt8], ifAbsent: Bool) async throws(StorageError) {
        await stand()
        try await below.put(name, bytes, ifAbsent: ifAbsent)
        await stand()
    }
    func get(_ name: ObjectName, limit: Int) async throws(StorageError) -> [UInt8] {
        await stand()
        return try await below.get(name, limit: limit)
    }
    func get(_ name: ObjectName, range: Range<Int>) async throws(StorageError) -> [UInt8] {
        await stand()
        return try await below.get(name, range: range)
    }
    func byteCount(of name: ObjectName) async throws(StorageError) -> Int? {
        await stand()
        return try await below.byteCount(of: name)
    }
    func list(below name: ObjectName?) async throws(StorageError) -> [ObjectEntry] {
        await stand()
        let found = try await below.list(below: name)
        await stand()
        return found
    }
    func remove(_ name: ObjectName) async throws(StorageError) {
        await stand()
        try await below.remove(name)
        await stand()
    }
    func removeLeftovers() async throws(StorageError) {}
}
