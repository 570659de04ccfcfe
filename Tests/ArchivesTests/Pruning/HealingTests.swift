import Encodings
import Sodium
import Storage
import Testing

@testable import Archives

/// Packs that are damaged: what they hold is uploaded again, and they go when nothing in them is needed.
@Suite struct `Healing` {
    /// Changes a byte of each pack of `kind`, near its beginning: never of its header. Returns their names.
    @discardableResult
    static func damage(
        _ test: TestStore, _ kind: PackKind, only: ((PackName) -> Bool)? = nil
    ) async throws -> [PackName] {
        let keys = try OpenedWrite(store: test.store, keys: [test.write])
        let index = try await PruneIndex(with: keys)
        var damaged: [PackName] = []
        for pack in index.packs where pack.kind == kind && only?(pack.name) ?? true {
            let name = try ObjectPlace.packs.name(pack.name)
            var bytes = try await test.objects.get(name, limit: ObjectPlace.packByteLimit)
            bytes[50] ^= 4
            try await test.objects.put(name, bytes, ifAbsent: false)
            damaged.append(pack.name)
        }
        return damaged
    }

    static func record(
        _ packs: [PackName], _ test: TestStore, as agent: AgentKey? = nil
    ) async throws -> Int {
        try await DamageReport.record(
            packs, in: try await test.reopened(), write: [test.write], agent: agent ?? test.agent,
            at: test.machine.now)
    }

    static func files(_ seed: UInt64) -> [(String, [UInt8])] {
        var noise = Noise(seed)
        return [("a", noise.bytes(9_000)), ("b", noise.bytes(20_000)), ("c", noise.bytes(300))]
    }

    @Test func `what a damaged pack held is uploaded again, and the pack goes`() async throws {
        for kind in [PackKind.chunks, .nodes] {
            let test = try await TestStore()
            let files = Self.files(3)
            let id = try await test.backUp(files, time: 1).id
            let first = try await Self.damage(test, kind)[0]
            let found = try await test.check()
            #expect(!found.isClean && found.damagedPacks.contains(first))
            #expect(found.damagedSnapshots == [id])
            // Nobody knows yet: all counts as stored.
            #expect(try await test.backUp(files, time: 2).statistics.packCount == 0)
            #expect(try await Self.record(found.damagedPacks, test) == found.damagedPacks.count)
            #expect(try await Self.record(found.damagedPacks, test) == 0)
            let healing = try await test.backUp(files, time: 3)
            #expect(healing.statistics.packCount >= found.damagedPacks.count)
            // Once is enough.
            #expect(try await test.backUp(files, time: 4).statistics.packCount == 0)
            let healed = try await test.check()
            #expect(healed.damagedSnapshots.isEmpty && healed.hits.isEmpty && !healed.isClean)
            #expect(Set(healed.damagedPacks) == Set(found.damagedPacks))
            // The older ones as well.
            #expect(try await TestStore.files(try await test.reader(), id).map(\.1) == files.map(\.1))
            let report = try await test.prune()
            #expect(report.removed.packCount >= found.damagedPacks.count && report.damaged.packCount == 0)
            let check = try await test.check()
            #expect(check.findings.isEmpty, "\(check.findings.map(\.problem))")
            #expect(try await test.names(.tombstones).isEmpty)
            #expect(try await TestStore.files(try await test.reader(), id).map(\.1) == files.map(\.1))
        }
    }

    @Test func `a check names the files that are hit, and no others`() async throws {
        let test = try await TestStore()
        let files = Self.files(4)
        let id = try await test.backUp(files, time: 1).id
        let reader = try await test.reader()
        let snapshot = try await reader.open(try await reader.snapshots().records[0])
        let root = try #require(snapshot.sources[0].root)
        let entry = try #require(try await reader.entry(at: Array("b".utf8), of: root))
        var segments = reader.segments(of: try #require(entry.content))
        guard case .chunk(let chunk, _, _) = try await segments.next() else { return }
        let place = try #require(reader.source.index.places(of: chunk).first)
        let pack = try ObjectPlace.packs.name(reader.source.index.packs[place.ordinal].pack.name)
        var bytes = try await test.objects.get(pack, limit: ObjectPlace.packByteLimit)
        bytes[place.offset + place.sealedByteCount / 2] ^= 1
        try await test.objects.put(pack, bytes, ifAbsent: false)
        let report = try await test.check()
        #expect(report.damagedSnapshots == [id])
        #expect(report.hits.map(\.path) == [Array("b".utf8)])
        #expect(report.hits.allSatisfy { $0.isFile && $0.source == "data" && $0.snapshot == id })
        // Nothing opens it without a reader's key: then the whole pack is taken for lost, and no file is named.
        let blind = try await StoreCheck.run(
            try await test.reopened(), write: [test.write], readsData: true)
        #expect(blind.damagedSnapshots == [id] && blind.hits.isEmpty)
    }

    @Test func `what no source holds any more keeps its pack until its snapshots are forgotten`()
        async throws
    {
        let test = try await TestStore()
        let old = try await test.backUp(Self.files(5), time: 1).id
        let damaged = try await Self.damage(test, .chunks)
        let new = try await test.backUp(Self.files(6), time: 2).id
        _ = try await Self.record(damaged, test)
        _ = try await test.backUp(Self.files(6), time: 3)
        let kept = try await test.prune()
        #expect(kept.damaged.packCount == damaged.count && kept.removed.packCount == 0)
        let check = try await test.check()
        #expect(check.damagedSnapshots == [old])
        #expect(Set(check.damagedPacks) == Set(damaged))
        try await test.forget(old)
        let report = try await test.prune()
        #expect(report.removed.packCount >= damaged.count && report.damaged.packCount == 0)
        #expect(try await test.check().findings.isEmpty)
        #expect(try await TestStore.files(try await test.reader(), new).count == 3)
    }

    @Test func `a wrong word of damage costs bytes at most, and a stranger's nothing`() async throws {
        let friend = AgentKey(seed: SecretBytes(randomCount: 32))
        let stranger = AgentKey(seed: SecretBytes(randomCount: 32))
        let test = try await TestStore(others: [
            AgentRecord(name: "friend", publicKey: friend.publicKey, powers: [.add]),
            AgentRecord(
                name: "stranger", publicKey: stranger.publicKey, powers: [.add], trustGroup: "other"),
        ])
        let files = Self.files(7)
        let id = try await test.backUp(files, time: 1).id
        func packs() async throws -> [PackName] {
            try await ObjectPlace.packs.list(in: test.objects).compactMap {
                PackName($0.name.lastComponent)
            }
        }
        #expect(try await Self.record(try await packs(), test, as: stranger) > 0)
        // Nor does it hold prune up by a time that lies ahead.
        _ = try await DamageReport.record(
            [PackName(Decoders.digest(1))], in: try await test.reopened(), write: [test.write],
            agent: stranger, at: Timestamp(nanoseconds: .max))
        #expect(try await test.backUp(files, time: 2).statistics.packCount == 0)
        // Nothing goes on its word, and the word itself goes.
        let idle = try await test.prune()
        #expect(idle.removed.packCount == 0 && idle.marked.packCount == 0 && idle.damaged.packCount == 0)
        #expect(try await test.names(.tombstones).isEmpty)
        // A friend may lie: what it names is uploaded once more, and nothing is lost by it.
        #expect(try await Self.record(try await packs(), test, as: friend) > 0)
        let count = try await packs().count
        #expect(try await test.backUp(files, time: 3).statistics.packCount > 0)
        #expect(try await test.backUp(files, time: 4).statistics.packCount == 0)
        #expect(try await test.check().findings.allSatisfy { !$0.isDamage })
        let report = try await test.prune()
        #expect(report.damaged.packCount == 0 && report.removed.packCount == 0)
        #expect(try await packs().count > count)
        #expect(try await test.names(.tombstones).isEmpty)
        #expect(try await TestStore.files(try await test.reader(), id).map(\.1) == files.map(\.1))
        #expect(try await test.check().findings.isEmpty)
    }

    @Test func `copies by who nobody trusts keep a damaged pack where it is`() async throws {
        let stranger = AgentKey(seed: SecretBytes(randomCount: 32))
        let test = try await TestStore(others: [
            AgentRecord(
                name: "stranger", publicKey: stranger.publicKey, powers: [.add], trustGroup: "other")
        ])
        let files = Self.files(8)
        _ = try await test.backUp(files, time: 1)
        let damaged = try await Self.damage(test, .chunks)
        _ = try await Self.record(damaged, test)
        // It uploads all, as it takes nobody's word; its copies could be anything.
        let writer = try await StoreWriter(
            try await test.reopened(), write: [test.write], agent: stranger,
            presence: TestMachine(process: 9).presence)
        let root = try await TestStore.tree(files, writer)
        _ = try await writer.commit(try await writer.prepare(TestStore.draft(root, time: 2)))
        let report = try await test.prune()
        #expect(report.damaged.packCount == damaged.count && report.removed.packCount == 0)
        _ = try await test.backUp(files, time: 3)
        #expect(try await test.prune().removed.packCount >= damaged.count)
        #expect(try await test.check().findings.isEmpty)
    }

    @Test func `a writer that finds a damaged list of chunks uploads anew, and says so`() async throws {
        let test = try await TestStore()
        var noise = Noise(9)
        let bytes = noise.bytes(60_000)
        _ = try await test.backUp([("big", bytes)], time: 1)
        let reader = try await test.reader()
        let snapshot = try await reader.open(try await reader.snapshots().records[0])
        let root = try #require(snapshot.sources[0].root)
        let entry = try #require(try await reader.entry(at: Array("big".utf8), of: root))
        let content = try #require(entry.content)
        guard case .tree(let node) = content.storage else {
            Issue.record("no tree")
            return
        }
        let place = try #require(reader.source.index.places(of: node).first)
        let pack = try ObjectPlace.packs.name(reader.source.index.packs[place.ordinal].pack.name)
        var object = try await test.objects.get(pack, limit: ObjectPlace.packByteLimit)
        object[place.offset + 30] ^= 1
        try await test.objects.put(pack, object, ifAbsent: false)
        let writer = try await test.writer()
        #expect(try await !writer.holds(content))
        #expect(try await test.names(.tombstones).count == 1)
        let again = try await TestStore.tree([("big", bytes)], writer)
        let id = try await writer.commit(try await writer.prepare(TestStore.draft(again, time: 2)))
        #expect(try await TestStore.files(try await test.reader(), id).map(\.1) == [bytes])
    }

    @Test func `a pack that nothing can be read of goes, where nothing in use is lost by it`() async throws {
        let test = try await TestStore()
        let files = Self.files(10)
        let id = try await test.backUp(files, time: 1).id
        var noise = Noise(10)
        // Under the name of its bytes, and under another's: no header, in no index.
        let junk = noise.bytes(4_096)
        try await test.objects.put(
            try ObjectPlace.packs.name(PackName(hashing: junk)), junk, ifAbsent: false)
        try await test.objects.put(
            try ObjectPlace.packs.name(PackName(hashing: [1])), junk, ifAbsent: false)
        #expect(try await !test.check().isClean)
        let report = try await test.prune()
        #expect(report.removed.packCount == 2 && report.unproven.packCount == 0)
        #expect(try await test.check().findings.isEmpty)
        #expect(try await TestStore.files(try await test.reader(), id).map(\.1) == files.map(\.1))
    }

    @Test func `what nobody signed who might is cleared away, but for what a chain names`() async throws {
        let stranger = AgentKey(seed: SecretBytes(randomCount: 32))
        let test = try await TestStore()
        let id = try await test.backUp(Self.files(11), time: 1).id
        let signing = SigningContext(
            store: test.store.id, generation: 1, write: test.write, agent: stranger)
        let annotation = try Annotation(.pin(reason: "x"), of: id, time: Timestamp(nanoseconds: 1))
        let bytes = annotation.object(in: signing)
        try await test.objects.put(
            try ObjectPlace.annotations.name(AnnotationName(Digest(hashing: bytes))), bytes, ifAbsent: false)
        #expect(try await !test.check().isClean)
        try await test.prune()
        #expect(try await test.names(.annotations).isEmpty)
        #expect(try await test.check().findings.isEmpty)
    }
}
