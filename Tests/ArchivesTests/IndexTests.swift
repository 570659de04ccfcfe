import Encodings
import Files
import Sodium
import Storage
import Support
import Testing

@testable import Archives

/// The index in memory, and the cache of it, which changes no result.
@Suite struct `Index` {
    private static func row(_ noise: inout Noise, first: UInt64? = nil) -> IndexObject.Row {
        var bytes = noise.bytes(32)
        if let first {
            for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: first >> (56 - 8 * UInt64(index))) }
        }
        return IndexObject.Row(
            hash: Digest(bytes), pack: UInt32(noise.next() & 0xFF) << 8,
            offset: UInt32(noise.next() & 0xFFFF),
            sealedByteCount: 1, auxiliary: 1)
    }

    @Test(arguments: [0, 1, 2, 100, 2_047, 2_048, 70_000])
    func `rows in any order are sorted, and each is found`(count: Int) {
        var noise = Noise(UInt64(count) + 1)
        var rows = (0..<count).map { _ in Self.row(&noise) }
        // Hashes that aren't even: a run that begins alike, and one hash many times.
        if count > 100 {
            rows += (0..<500).map { _ in Self.row(&noise, first: 0x1234_5678_9ABC_DEF0) }
            rows += (0..<50).map { _ in
                IndexObject.Row(
                    hash: rows[7].hash, pack: UInt32(noise.next() & 0xFF) << 8, offset: 8, sealedByteCount: 1,
                    auxiliary: 1)
            }
        }
        var builder = IndexRowsBuilder(capacity: rows.count)
        builder.append(rows, firstPack: 0)
        let sorted = builder.finish()
        let expected = rows.sorted(by: IndexObject.precedes)
        #expect((0..<sorted.count).map { sorted[$0] } == expected)
        for row in rows.prefix(3_000) {
            let range = sorted.range(of: row.hash) ?? 0..<0
            #expect(range.contains { sorted[$0] == row })
            #expect(range.allSatisfy { sorted[$0].hash == row.hash })
        }
        #expect(sorted.range(of: Self.row(&noise).hash) == nil)
    }

    @Test func `rows take 48 bytes`() {
        #expect(IndexRows.stride == 48)
    }

    @Test func `sets of rows hold what was put in`() {
        var set = RowSet(count: 130)
        #expect(set.insert(0) && set.insert(64) && set.insert(129) && !set.insert(64))
        #expect((0..<130).filter { set.contains($0) } == [0, 64, 129])
    }

    /// Every place of every piece that any index object of the store names, and whether it is vouched for.
    private static func places(
        _ test: TestStore, _ cache: IndexCache?, over objects: (any ObjectStore)? = nil
    ) async throws -> (places: [String], isMapped: Bool, failures: Int) {
        let keys = try OpenedWrite(store: try await test.reopened(over: objects), keys: [test.write])
        let plain = try await IndexCatalog.load(with: keys)
        let loaded = try await IndexCatalog.load(with: keys, trustGroup: "default", cache: cache)
        var found: [String] = []
        for table in plain.index.tables {
            for position in 0..<table.rows.count {
                let hash = table.rows[position].hash
                let places =
                    table.kind == .chunks
                    ? loaded.index.places(of: ChunkID(keyNumber: table.keyNumber, hash: hash))
                    : loaded.index.places(of: NodeID(keyNumber: table.keyNumber, hash: hash))
                let texts = places.map { place in
                    let pack = loaded.index.packs[place.ordinal]
                    return "\(pack.pack.name) \(pack.isVouched) \(place.offset) \(place.sealedByteCount)"
                }
                found.append("\(hash.bytes) \(texts.sorted())")
            }
        }
        let isMapped = loaded.index.tables.contains { $0.rows.isMapped }
        return (found.sorted(), isMapped, loaded.failures.count)
    }

    @Test func `the cache gives the same places, after new index objects as well`() async throws {
        let test = try await TestStore()
        let cache = IndexCache(directory: Path(test.directory.file("cache")), rowMinimum: 1)
        var noise = Noise(5)
        var files: [(String, [UInt8])] = []
        var wasBeside = false
        for round in 0..<6 {
            files.append(("\(round)", noise.bytes(20_000 >> round)))
            try await test.backUp(files, time: Int64(round) * 1_000_000_000)
            let plain = try await Self.places(test, nil)
            #expect(plain.places.allSatisfy { $0.contains(" true ") })
            let first = try await Self.places(test, cache)
            #expect(first.places == plain.places && !first.places.isEmpty)
            wasBeside = wasBeside || first.isMapped
            let second = try await Self.places(test, cache)
            #expect(second.places == plain.places && second.isMapped)
        }
        // What came since was kept beside what was mapped, or merged with it where it was much.
        #expect(wasBeside)
    }

    @Test func `a damaged, cut, foreign or outdated cache changes nothing`() async throws {
        let test = try await TestStore()
        let directory = test.directory.file("cache")
        let cache = IndexCache(directory: Path(directory), rowMinimum: 1)
        var noise = Noise(6)
        try await test.backUp([("a", noise.bytes(9_000))])
        let plain = try await Self.places(test, nil).places
        _ = try await Self.places(test, cache)
        let folder = try Directory(Path(directory))
        let name = try #require(try folder.entries().first?.name)
        let whole = try folder.read(name, limit: 1 << 24)
        for position in stride(from: 0, to: whole.count, by: whole.count / 60) {
            var damaged = whole
            damaged[position] ^= 0x10
            for bytes in [damaged, Array(whole.prefix(position)), whole + [0]] {
                try bytes.withBytes { try folder.write($0, to: name) }
                let found = try await Self.places(test, cache)
                #expect(found.places == plain && !found.isMapped)
            }
        }
        try whole.withBytes { try folder.write($0, to: name) }
        #expect(try await Self.places(test, cache).isMapped)
        // Another store's.
        let other = try await TestStore()
        try await other.backUp([("a", noise.bytes(3_000))])
        let seen = try await Self.places(other, nil).places
        #expect(try await Self.places(other, cache).places == seen)
        #expect(try folder.entries().count == 2)
        // An index object that is gone takes what was kept of it along.
        for entry in try await ObjectPlace.index.list(in: test.objects) {
            try await test.objects.remove(entry.name)
        }
        let empty = try await Self.places(test, cache)
        #expect(empty.places.isEmpty && !empty.isMapped)
        let reader = try await StoreReader(
            try await test.reopened(), write: [test.write], read: [test.read], indexCache: cache)
        #expect(reader.source.index.rowCount == 0)
    }

    @Test func `index objects that can't be used are reported each time`() async throws {
        let test = try await TestStore()
        let cache = IndexCache(directory: Path(test.directory.file("cache")), rowMinimum: 1)
        var noise = Noise(7)
        try await test.backUp([("a", noise.bytes(9_000))])
        let broken = try ObjectPlace.index.name(IndexName(Digest(hashing: [1])))
        try await test.objects.put(broken, [1, 2, 3], ifAbsent: true)
        for _ in 0..<2 { #expect(try await Self.places(test, cache).failures == 1) }
    }

    @Test func `a writer and a reader with a cache do as those without`() async throws {
        let test = try await TestStore()
        let cache = IndexCache(directory: Path(test.directory.file("cache")), rowMinimum: 1)
        var noise = Noise(8)
        let files = [("a", noise.bytes(30_000)), ("b", noise.bytes(100))]
        let id = try await test.backUp(files).id
        for _ in 0..<2 {
            let writer = try await StoreWriter(
                try await test.reopened(), write: [test.write], agent: test.agent,
                presence: test.machine.presence, indexCache: cache)
            _ = try await TestStore.tree(files, writer)
            #expect(writer.statistics.addedPieceCount == 0)
            let reader = try await StoreReader(
                try await test.reopened(), write: [test.write], read: [test.read], indexCache: cache)
            #expect(try await TestStore.files(reader, id).map(\.1) == files.map(\.1))
        }
    }
}

/// What checks remember chooses what they read, and says nothing of the store.
@Suite struct `Memory of checks` {
    private static func check(
        _ test: TestStore, share: Double, at time: Int64, withRead: Bool = true
    ) async throws -> CheckReport {
        try await StoreCheck.run(
            try await test.reopened(), write: [test.write], read: withRead ? [test.read] : [],
            reading: CheckReading(
                share: share, memory: CheckMemory(directory: Path(test.directory.file("checks"))),
                now: Timestamp(nanoseconds: time)))
    }

    private static func store() async throws -> TestStore {
        let test = try await TestStore()
        var noise = Noise(12)
        try await test.backUp((0..<40).map { ("\($0 + 10)", noise.bytes(6_000)) })
        return test
    }

    @Test func `shares go through all packs, the longest unread first`() async throws {
        let test = try await Self.store()
        let first = try await Self.check(test, share: 0.25, at: 1)
        #expect(first.isClean && first.packCount > 8)
        #expect(first.readPackCount > 0 && first.readPackCount < first.packCount / 2)
        #expect(first.unreadPackCount == first.packCount - first.readPackCount)
        #expect(first.oldestReading == Timestamp(nanoseconds: 1))
        var last = first
        for round in 2...4 { last = try await Self.check(test, share: 0.25, at: Int64(round)) }
        #expect(last.unreadPackCount == 0 && last.oldestReading == Timestamp(nanoseconds: 1))
        // All were read once; now those of the first time come again.
        let again = try await Self.check(test, share: 0.25, at: 5)
        #expect(again.oldestReading.map { $0 > Timestamp(nanoseconds: 1) } ?? false)
        // None is read, and it is still told.
        let none = try await Self.check(test, share: 0, at: 6)
        #expect(
            none.readPackCount == 0 && none.readByteCount == 0 && none.oldestReading == again.oldestReading)
        let all = try await Self.check(test, share: 1, at: 7)
        #expect(all.readPackCount == all.packCount && all.oldestReading == Timestamp(nanoseconds: 7))
    }

    @Test func `bytes that were hashed without the read key don't count as opened`() async throws {
        let test = try await Self.store()
        let hashed = try await Self.check(test, share: 1, at: 1, withRead: false)
        #expect(hashed.unreadPackCount == 0)
        #expect(try await Self.check(test, share: 0, at: 2).unreadPackCount == hashed.packCount)
        #expect(try await Self.check(test, share: 0, at: 2, withRead: false).unreadPackCount == 0)
    }

    @Test func `a pack that was sound and is damaged since is found when its turn comes, or all is read`()
        async throws
    {
        let test = try await Self.store()
        _ = try await Self.check(test, share: 1, at: 1)
        let entry = try #require(try await ObjectPlace.packs.list(in: test.objects).first)
        var bytes = try await test.objects.get(entry.name, limit: 1 << 24)
        bytes[100] ^= 1
        try await test.objects.put(entry.name, bytes, ifAbsent: false)
        #expect(try await !Self.check(test, share: 1, at: 2).isClean)
        // It is the one that is remembered least from then on.
        #expect(try await !Self.check(test, share: 0.01, at: 3).isClean)
    }

    @Test func `a damaged memory costs reading again`() async throws {
        let test = try await Self.store()
        let first = try await Self.check(test, share: 1, at: 1)
        let folder = try Directory(Path(test.directory.file("checks")))
        let name = try #require(try folder.entries().first?.name)
        let whole = try folder.read(name, limit: 1 << 24)
        for position in stride(from: 0, to: whole.count, by: 37) {
            var damaged = whole
            damaged[position] ^= 1
            try damaged.withBytes { try folder.write($0, to: name) }
            #expect(try await Self.check(test, share: 0, at: 2).unreadPackCount == first.packCount)
        }
    }
}
