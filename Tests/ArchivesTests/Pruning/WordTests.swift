import Encodings
import Sodium
import Storage
import Testing

@testable import Archives

/// Tombstones, annotations and leases: bodies, objects, and what they do to snapshots.
@Suite struct `Words` {
    static func id<ID: ObjectIdentifier>(_ seed: UInt64) -> ID { ID(Decoders.digest(seed)) }

    static let forgotten = Tombstone(
        time: Timestamp(nanoseconds: -5),
        forgotten: [
            .init(id: id(1), previous: .zero, agent: [UInt8](repeating: 3, count: 32), generation: 1),
            .init(
                id: id(2), previous: Decoders.digest(1), agent: [UInt8](repeating: 3, count: 32),
                generation: 2),
        ], merging: [id(8), id(9)])
    static let marked = Tombstone(
        time: Timestamp(nanoseconds: 5), marked: [id(3), id(4)], into: [id(5)])

    static var remarks: [Annotation.Remark] {
        [
            .pin(reason: "before the move"), .tag("release"), .drill(passed: true, note: ""),
            .drill(passed: false, note: "a file is missing"), .withdrawal([id(7), id(6)]),
        ]
    }

    static let lease = Lease(
        work: .prune, session: SessionID([UInt8](repeating: 5, count: 16)), beat: 17,
        time: Timestamp(nanoseconds: 99), promise: 86_400,
        holder: LeaseHolder(host: "host", boot: "boot", processNamespace: 1, process: 2, processStart: 3))

    @Test func `tombstones have one encoding, and damaged ones are refused`() {
        let damaged = Tombstone(time: Timestamp(nanoseconds: 7), damaged: [Self.id(4), Self.id(3)])
        for tombstone in [Self.forgotten, Self.marked, damaged] {
            Decoders.exercise(tombstone.encoded) { (bytes) throws(ArchiveError) in
                try Tombstone(decoding: bytes, "tombstone").encoded
            }
        }
    }

    @Test func `annotations have one encoding, and damaged ones are refused`() throws {
        for remark in Self.remarks {
            let annotation = try Annotation(remark, of: Self.id(1), time: Timestamp(nanoseconds: 1))
            Decoders.exercise(annotation.encoded) { (bytes) throws(ArchiveError) in
                try Annotation(decoding: bytes, "annotation").encoded
            }
        }
        #expect(throws: ArchiveError.self) {
            try Annotation(.tag(""), of: Self.id(1), time: Timestamp(nanoseconds: 1))
        }
    }

    @Test func `leases have one encoding, and damaged ones are refused`() {
        Decoders.exercise(Self.lease.encoded) { (bytes) throws(ArchiveError) in
            try Lease(decoding: bytes, "lease").encoded
        }
    }

    @Test func `a tombstone, annotation or lease that is cut or has a flipped bit is refused`() async throws {
        let test = try await TestStore()
        let keys = try OpenedWrite(store: test.store, keys: [test.write])
        let signing = SigningContext(
            store: test.store.id, generation: 1, write: test.write, agent: test.agent)
        func exercise(_ bytes: [UInt8], _ open: ([UInt8]) throws -> Void) throws {
            try open(bytes)
            for count in bytes.indices {
                #expect(throws: ArchiveError.self) { try open(Array(bytes.prefix(count))) }
                var flipped = bytes
                flipped[count] ^= 1 << UInt8(count % 8)
                #expect(throws: ArchiveError.self) { try open(flipped) }
            }
            #expect(throws: ArchiveError.self) { try open(bytes + [0]) }
        }
        // Under the name that the changed bytes have: no hash helps.
        try exercise(Self.forgotten.object(in: signing)) {
            _ = try Tombstone.open($0, TombstoneName(Digest(hashing: $0)), with: keys)
        }
        let annotation = try Annotation(.tag("x"), of: Self.id(1), time: Timestamp(nanoseconds: 1))
        try exercise(annotation.object(in: signing)) {
            _ = try Annotation.open($0, AnnotationName(Digest(hashing: $0)), with: keys)
        }
        let name = try Lease.name(Self.lease.session, Self.lease.beat)
        try exercise(Self.lease.object(in: signing)) { _ = try Lease.open($0, name, with: keys) }
        #expect(throws: ArchiveError.self) {
            _ = try Lease.open(
                Self.lease.object(in: signing), Lease.name(Self.lease.session, 18), with: keys)
        }
        #expect(throws: ArchiveError.self) {
            _ = try Tombstone.open(Self.marked.object(in: signing), Self.id(1), with: keys)
        }
    }

    @Test func `a tombstone of an agent that may only add is refused, and its snapshot stays`() async throws {
        let test = try await TestStore()
        let id = try await test.backUp([("a", [1, 2, 3])]).id
        let stranger = AgentKey(seed: SecretBytes(randomCount: 32))
        let signing = SigningContext(
            store: test.store.id, generation: 1, write: test.write, agent: stranger)
        let keys = try OpenedWrite(store: test.store, keys: [test.write])
        let word = Tombstone(
            time: Timestamp(nanoseconds: 1),
            forgotten: [.init(id: id, previous: .zero, agent: test.agent.publicKey, generation: 1)])
        try await keys.put(word, signing)
        let catalog = try await test.reader().snapshots()
        #expect(catalog.records.map(\.id) == [id])
        #expect(catalog.tombstones.failures.map(\.error.code) == [.forged])
        #expect(try await !test.check().isClean)
        try await test.prune()
        #expect(try await TestStore.files(try await test.reader(), id).map(\.1) == [[1, 2, 3]])
        // It counts for nothing and never will: it is gone.
        #expect(try await test.names(.tombstones).isEmpty)
        #expect(try await test.check().findings.isEmpty)
    }

    @Test func `a forgotten snapshot is gone, its chain is whole, and the next follows it`() async throws {
        let test = try await TestStore()
        let first = try await test.backUp([("a", [1])], time: 1).id
        let second = try await test.backUp([("a", [2])], time: 2).id
        try await test.forget(first)
        #expect(try await test.reader().snapshots().records.map(\.id) == [second])
        #expect(try await test.check().isClean)
        // The newest too: the number of the next is above it.
        try await test.forget(second)
        #expect(try await test.reader().snapshots().records.isEmpty)
        let third = try await test.backUp([("a", [3])], time: 3).id
        let records = try await test.reader().snapshots().records
        #expect(records.map(\.id) == [third])
        #expect(records.map(\.header.generation) == [3])
        #expect(records.map(\.header.previous) == [second.digest])
        #expect(try await test.check().isClean)
        // Whoever saw the second one isn't misled: it is known to be forgotten.
        let trust = StoreTrust(root: test.store.fingerprint, agents: [test.agent.publicKey: 3])
        let store = try await Store.open(test.objects, trust: trust)
        #expect(try await StoreReader(store, write: [test.write]).snapshots().records.count == 1)
    }

    @Test func `a snapshot that is missing without a tombstone is damage, and nothing is pruned`()
        async throws
    {
        let test = try await TestStore()
        let first = try await test.backUp([("a", [1])], time: 1).id
        _ = try await test.backUp([("a", [2])], time: 2).id
        try await test.objects.remove(try ObjectPlace.snapshots.name(first))
        let report = try await test.check()
        #expect(!report.isClean)
        #expect(report.findings.contains { $0.problem.contains("without a tombstone") })
        await #expect { try await test.prune() } throws: { ($0 as? ArchiveError)?.code == .absent }
        // A tombstone that was forgotten in its turn leaves a gap as well.
        let other = try await TestStore()
        var ids: [SnapshotID] = []
        for time in 1...3 { ids.append(try await other.backUp([("a", [UInt8(time)])], time: Int64(time)).id) }
        try await other.forget(ids[1])
        try await other.objects.remove(try ObjectPlace.snapshots.name(ids[0]))
        #expect(try await !other.check().isClean)
        await #expect { try await other.prune() } throws: { ($0 as? ArchiveError)?.code == .absent }
    }

    @Test func `a pinned snapshot is not forgotten until the pin is withdrawn`() async throws {
        let test = try await TestStore()
        let id = try await test.backUp([("a", [1])]).id
        let keeping = try await test.keeping()
        try await keeping.annotate(Annotation(.pin(reason: "audit"), of: id, time: test.machine.now))
        try await keeping.annotate(Annotation(.tag("audit"), of: id, time: test.machine.now))
        await #expect { try await test.forget(id) } throws: { ($0 as? ArchiveError)?.code == .pinned }
        #expect(try await test.names(.tombstones).isEmpty)
        let count = try await keeping.withdraw(of: id, at: test.machine.now) {
            if case .pin = $0 { true } else { false }
        }
        #expect(count == 1)
        let annotations = try await keeping.annotations()
        #expect(annotations.pinned.isEmpty && annotations.records.count == 1)
        // A later pin holds, whatever its time.
        try await keeping.annotate(Annotation(.pin(reason: ""), of: id, time: Timestamp(nanoseconds: 0)))
        #expect(try await keeping.annotations().pinned == [id])
    }

    @Test func `a pin that was seen and vanishes is told, until that is accepted`() async throws {
        let test = try await TestStore()
        let id = try await test.backUp([("a", [1])], time: 1).id
        try await test.backUp([("a", [2])], time: 2)
        let keeping = try await test.keeping()
        let pin = try await keeping.annotate(
            Annotation(.pin(reason: "audit"), of: id, time: test.machine.now))
        try await keeping.annotate(Annotation(.tag("audit"), of: id, time: test.machine.now))
        try await test.prune()
        let state = test.machine.pruner
        #expect(state.remarks.count == 2)
        #expect(try PrunerState(decoding: state.encoded) == state)
        try await test.objects.remove(ObjectPlace.annotations.name(pin))
        func isTold(_ error: any Error) -> Bool {
            let error = error as? ArchiveError
            return error?.code == .rolledBack && error?.context.hasPrefix("annotations/\(pin): ") ?? false
        }
        for isDryRun in [true, false] {
            await #expect { try await test.prune(isDryRun: isDryRun) } throws: { isTold($0) }
        }
        var rules = RetentionRules()
        rules.last = 1
        let (catalog, annotations) = (try await test.reader().snapshots(), try await keeping.annotations())
        let store = try await test.reopened(over: Clockless(test.objects))
        for _ in 0..<2 {
            await #expect {
                var state = test.machine.pruner
                defer { test.machine.pruner = state }
                _ = try await state.verdicts(
                    by: rules, of: nil, in: catalog, annotations, store: store,
                    presence: test.machine.presence)
            } throws: {
                isTold($0)
            }
        }
        test.machine.pruner.acceptMissingAnnotations()
        try await test.prune()
        #expect(test.machine.pruner.remarks.count == 1)
        // What goes with its snapshot was due to go.
        try await test.forget(id)
        try await test.prune(on: TestMachine(process: 2))
        #expect(try await test.names(.annotations).isEmpty)
        try await test.prune()
        #expect(test.machine.pruner.remarks.isEmpty)
        #expect(test.machine.pruner.encoded.starts(with: PrunerState().encoded.prefix(30)))
    }

    @Test func `killed between tombstone and removal, a forgotten snapshot is forgotten`() async throws {
        let test = try await TestStore()
        let first = try await test.backUp([("a", [1])], time: 1).id
        let second = try await test.backUp([("a", [2])], time: 2).id
        let catalog = try await test.reader().snapshots()
        let before = try await MemoryStore(copying: test.objects).all
        for position in 0..<8 {
            let objects = MemoryStore(before)
            let faulty = FaultyStore(objects, failingAt: position, .dead)
            _ = try? await test.keeping(over: faulty).forget([first], in: catalog, at: test.machine.now)
            let now = try await test.reader(over: objects).snapshots()
            #expect(now.records.map(\.id) == [first, second] || now.records.map(\.id) == [second])
            #expect(now.gaps.isEmpty)
            if now.records.count == 1 {
                try await test.prune(over: objects, on: TestMachine())
                let name = try ObjectPlace.snapshots.name(first)
                #expect(try await objects.byteCount(of: name) == nil)
            }
            #expect(try await test.check(over: objects).isClean)
        }
    }
}
