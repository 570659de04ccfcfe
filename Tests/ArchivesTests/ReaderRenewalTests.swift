import Encodings
import Sodium
import Storage
import Synchronization
import Testing

@testable import Archives

/// What a reader makes up for by itself: an index that is lost, packs that are moved while it reads.
@Suite struct `Renewal of readers` {
    /// What a reader tells.
    private final class Notes: Sendable {
        let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    private static func files(_ reader: StoreReader) async throws -> [[UInt8]] {
        let record = try #require(try await reader.snapshots().records.last)
        return try await TestStore.files(reader, record.id).map(\.1)
    }

    @Test func `without index objects all is read by the packs' own headers, and that is told`() async throws
    {
        let test = try await TestStore()
        var noise = Noise(21)
        let contents = [("a", noise.bytes(30_000)), ("b", noise.bytes(400))]
        try await test.backUp(contents, time: 1)
        let names = try await ObjectPlace.index.list(in: test.objects).map(\.name)
        try #require(!names.isEmpty)
        for isLost in [true, false] {
            for name in names {
                if isLost {
                    try await test.objects.remove(name)
                } else {
                    try await test.objects.put(name, [1, 2, 3], ifAbsent: false)
                }
            }
            let before = try await MemoryStore(copying: test.objects).all
            let notes = Notes()
            let reader = try await StoreReader(
                try await test.reopened(), write: [test.write], read: [test.read]
            ) { notes.add($0) }
            #expect(try await Self.files(reader) == contents.map(\.1))
            #expect(notes.all.count == 1 && notes.all.allSatisfy { $0.contains("rebuild-index") })
            #expect(reader.indexFailures.count == (isLost ? 0 : names.count))
            // Nothing was written for it.
            #expect(try await MemoryStore(copying: test.objects).all == before)
            // A check says it, and what would mend it.
            let check = try await test.check()
            #expect(!check.isClean && check.needsRebuild)
        }
        _ = try await IndexRebuild.run(
            test.store, write: [test.write], agent: test.agent, presence: test.machine.presence)
        #expect(try await test.check().isClean)
    }

    @Test func `one index object of several that is lost is made up for`() async throws {
        let test = try await TestStore()
        var noise = Noise(22)
        let first = [("a", noise.bytes(20_000))]
        try await test.backUp(first, time: 1)
        let older = try await ObjectPlace.index.list(in: test.objects).map(\.name)
        let second = first + [("b", noise.bytes(20_000))]
        try await test.backUp(second, time: 2)
        for name in older { try await test.objects.remove(name) }
        #expect(try await Self.files(try await test.reader()) == second.map(\.1))
    }

    @Test func `a pack that nobody made who might is not read`() async throws {
        let test = try await TestStore()
        var noise = Noise(23)
        try await test.backUp([("a", noise.bytes(20_000))], time: 1)
        for entry in try await ObjectPlace.index.list(in: test.objects) {
            try await test.objects.remove(entry.name)
        }
        let keys = try OpenedWrite(store: test.store, keys: [test.write])
        // The headers of all packs are another's.
        let stranger = AgentKey(seed: SecretBytes(randomCount: 32))
        let signing = SigningContext(
            store: test.store.id, generation: 1, write: test.write, agent: stranger)
        for entry in try await ObjectPlace.packs.list(in: test.objects) {
            let name = try #require(PackName(entry.name.lastComponent))
            let bytes = try await test.objects.get(entry.name, limit: ObjectPlace.packByteLimit)
            let pack = try PackReader.verify(bytes, name, with: keys)
            let forged = FinishedPack(
                closing: PackMemory(Array(bytes.prefix(Int(pack.header.bodyByteCount)))), pack.header.kind,
                dataKeys: pack.header.dataKeys, groups: pack.header.groups, in: signing)
            try await test.objects.remove(entry.name)
            try await test.objects.put(
                try ObjectPlace.packs.name(forged.name), forged.bytes, ifAbsent: false)
        }
        let reader = try await test.reader()
        await #expect { try await Self.files(reader) } throws: { ($0 as? ArchiveError)?.code == .absent }
    }

    @Test func `a pack that is moved while a reader is open is found where it is now`() async throws {
        let test = try await TestStore()
        var noise = Noise(24)
        let kept = (0..<12).map { ("f\($0 + 10)", noise.bytes(3_000)) }
        let dropped = (0..<12).map { ("f\($0 + 10)x", noise.bytes(3_000)) }
        let first = try await test.backUp((kept + dropped).sorted { $0.0 < $1.0 }, time: 1).id
        _ = try await test.backUp(kept, time: 2)
        let reader = try await test.reader()
        try await test.forget(first)
        let report = try await test.prune(unused: 0)
        #expect(report.repacked.packCount > 0 && report.removed.packCount > 0)
        #expect(try await Self.files(reader) == kept.map(\.1))
        // What is really gone is told as that.
        for entry in try await ObjectPlace.packs.list(in: test.objects) {
            try await test.objects.remove(entry.name)
        }
        await #expect { try await Self.files(reader) } throws: { ($0 as? ArchiveError)?.code == .absent }
    }
}
