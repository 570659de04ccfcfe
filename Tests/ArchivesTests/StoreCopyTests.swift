import Encodings
import Storage
import Testing
import Trust

@testable import Archives

/// Replicas: the same store in another place (FORMATS.md 4.12).
@Suite struct StoreCopyTests {
    private let prepared: Damage.Prepared

    init() async throws { prepared = try await Damage.Prepared() }

    private func source(_ objects: MemoryStore? = nil) async throws -> Store {
        try await prepared.test.reopened(over: objects ?? prepared.objects)
    }

    private func copy(
        _ objects: MemoryStore? = nil, to target: (any ObjectStore)?, isDry: Bool = false,
        isOrdered: Bool = true
    ) async throws -> StoreCopy.Report {
        var options = StoreCopy.Options()
        options.isDry = isDry
        return try await StoreCopy.run(
            from: try await source(objects), to: target, write: isOrdered ? [prepared.test.write] : [],
            options)
    }

    /// The code of the error that a copy ends with.
    private func code(_ body: () async throws -> Void) async -> ArchiveError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? ArchiveError)?.code
        }
    }

    @Test func `a replica is the same objects, made without a key, and a second run puts none`() async throws
    {
        let target = MemoryStore()
        let wanted = prepared.objects.all
        let plan = try await copy(to: nil, isDry: true, isOrdered: false)
        #expect(plan.copiedCount == wanted.count)
        #expect(plan.copiedByteCount == wanted.values.reduce(0) { $0 + $1.count })
        let report = try await copy(to: target, isOrdered: false)
        #expect(target.all == wanted)
        #expect(report.copiedCount == wanted.count)
        #expect(report.snapshotCount == 2)
        #expect(report.damaged.isEmpty && !report.isOrdered)
        #expect(try await prepared.restore(target) == 2)
        let again = try await copy(to: target, isOrdered: false)
        #expect(again.copiedCount == 0 && again.presentCount == wanted.count)
        // What is missing or cut off is put again, and nothing else.
        let packs = wanted.keys.filter { $0.text.hasPrefix("packs/") }.sorted()
        target.replace(packs[0], nil)
        target.replace(packs[1], [1])
        #expect(try await copy(to: target).copiedCount == 2)
        #expect(target.all == wanted)
    }

    @Test func `leases and what was moved aside stay where they are`() async throws {
        let target = MemoryStore()
        let wanted = prepared.objects.all
        for name in ["leases/x/1", "aside/index/x", "probe/x/y"] {
            prepared.objects.replace(try ObjectName(name), [1])
        }
        _ = try await copy(to: target)
        #expect(target.all == wanted)
    }

    @Test(arguments: [FaultyStore.Fault.dead, .after])
    func `a copy that is broken off anywhere leaves a store, and the next one completes it`(
        fault: FaultyStore.Fault
    ) async throws {
        let counting = FaultyStore(MemoryStore())
        _ = try await copy(to: counting)
        for position in 0..<counting.operationCount {
            let target = MemoryStore()
            let code = await code { _ = try await copy(to: FaultyStore(target, failingAt: position, fault)) }
            #expect(code == .storage, "\(position)")
            if target.all.keys.contains(where: { $0.text.hasPrefix("config/") }) {
                // Every snapshot that shows is whole, and follows the one before.
                let catalog = try await prepared.test.reader(over: target).snapshots()
                #expect(catalog.gaps.isEmpty, "\(position)")
                #expect(try await prepared.restore(target) == catalog.records.count, "\(position)")
                #expect(try await prepared.check(target).isClean, "\(position)")
            }
            _ = try await copy(to: target)
            #expect(target.all == prepared.objects.all, "\(position)")
        }
    }

    @Test func `what is not as its name says is told and left out, and all else is copied`() async throws {
        for (name, bytes) in prepared.objects.all where !name.text.hasPrefix("config/") {
            let damaged = MemoryStore(prepared.objects.all)
            var changed = bytes
            changed[changed.count / 2] ^= 1
            for bad in [changed, Array(bytes.dropLast()), [], bytes + [0]] {
                damaged.replace(name, bad)
                let target = MemoryStore()
                let report = try await copy(damaged, to: target, isOrdered: false)
                #expect(report.damaged.map(\.name) == [name.text])
                #expect(report.damaged.allSatisfy { $0.error.code == .damaged })
                var wanted = prepared.objects.all
                wanted[name] = nil
                #expect(target.all == wanted, "\(name)")
            }
        }
        // A name that no object of its place has.
        let strange = MemoryStore(prepared.objects.all)
        strange.replace(try ObjectName("packs/abc"), [1, 2])
        #expect(try await copy(strange, to: MemoryStore()).damaged.map(\.name) == ["packs/abc"])
    }

    @Test func `a target that is another store, or anything else, is refused and left as it is`() async throws
    {
        let another = try await TestStore()
        let other = try await MemoryStore(copying: another.objects)
        #expect(another.store.id != prepared.test.store.id)
        let before = other.all
        #expect(await code { _ = try await copy(to: other) } == .foreign)
        #expect(other.all == before && !before.isEmpty)
        for name in ["notes", "keys/read-1-0011223344556677.a.age", "packs/ab12"] {
            let target = MemoryStore([try ObjectName(name): [1]])
            #expect(await code { _ = try await copy(to: target) } == .refused)
            #expect(target.all.count == 1)
        }
    }

    @Test func `a storage that fails ends the copy, and is not called damage`() async throws {
        let counting = FaultyStore(prepared.objects)
        _ = try await StoreCopy.run(from: try await prepared.test.reopened(over: counting), to: MemoryStore())
        let first = FaultyStore(prepared.objects)
        _ = try await prepared.test.reopened(over: first)
        for position in stride(from: first.operationCount, to: counting.operationCount, by: 3) {
            let faulty = FaultyStore(prepared.objects, failingAt: position, .dead)
            let store = try await prepared.test.reopened(over: faulty)
            #expect(await code { _ = try await StoreCopy.run(from: store, to: MemoryStore()) } == .storage)
        }
    }

    @Test func `an index is made anew out of the packs, and a dry run only says so`() async throws {
        let objects = MemoryStore(prepared.objects.all)
        let lost = objects.all.keys.filter { $0.text.hasPrefix("index/") }
        for name in lost { objects.replace(name, nil) }
        let strange = try ObjectName("index/\(String(repeating: "ab", count: 32))")
        objects.replace(strange, [1, 2, 3])
        let before = objects.all
        let packCount = before.keys.count { $0.text.hasPrefix("packs/") }
        let test = prepared.test
        func rebuild(isDry: Bool) async throws -> IndexRebuild.Report {
            try await IndexRebuild.run(
                try await test.reopened(over: objects), write: [test.write], agent: test.agent,
                presence: test.machine.presence, isDry: isDry)
        }
        let plan = try await rebuild(isDry: true)
        #expect(plan.packCount == packCount && plan.movedAside == [strange.text])
        #expect(objects.all == before)
        let report = try await rebuild(isDry: false)
        #expect(report.packCount == packCount && report.failures.isEmpty)
        #expect(try await prepared.check(objects).isClean)
        #expect(try await prepared.restore(objects) == 2)
        #expect(try await rebuild(isDry: false).packCount == 0)
        // A pack that is none is left out.
        let stranger = try ObjectName("packs/\(String(repeating: "cd", count: 32))")
        objects.replace(stranger, [UInt8](repeating: 0, count: 500))
        #expect(try await rebuild(isDry: false).failures.map(\.name) == [stranger.text])
    }
}
