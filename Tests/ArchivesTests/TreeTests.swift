import Testing

@testable import Archives

@Suite struct `Trees` {
    static func paths() -> [String] {
        var paths = ["", "a", "a-b", "a.txt"]
        for directory in 0..<12 {
            paths.append("d\(directory)")
            for file in 0..<25 { paths.append("d\(directory)/f\(file)") }
        }
        paths += ["a/x", "a/y", "a/y/z"]
        return paths.sorted { PathOrder.precedes(Array($0.utf8), Array($1.utf8)) }
    }

    static func entry(_ path: String) -> Entry {
        Entry(path: Array(path.utf8), kind: .fifo, mode: 0o600)
    }

    static func build(_ paths: [String], _ writer: StoreWriter) async throws -> TreeRoot {
        var tree = EntryTreeWriter(writer)
        for path in paths { try await tree.add(entry(path)) }
        return try await tree.finish()
    }

    @Test func `a directory is followed at once by what is in it`() {
        let order = ["", "a", "a/x", "a/y", "a/y/z", "a-b", "a.txt", "b"]
        for (first, second) in zip(order, order.dropFirst()) {
            #expect(PathOrder.precedes(Array(first.utf8), Array(second.utf8)))
            #expect(!PathOrder.precedes(Array(second.utf8), Array(first.utf8)))
        }
        #expect(!PathOrder.precedes([0x61], [0x61]))
    }

    @Test func `entries are found by prefix as by a walk of all`() async throws {
        let test = try await TestStore()
        let paths = Self.paths()
        let writer = try await test.writer()
        let root = try await Self.build(paths, writer)
        #expect(root.entryCount == UInt64(paths.count))
        _ = try await writer.commit(try await writer.prepare(TestStore.draft(root, time: 1)))
        let reader = try await test.reader()
        for prefix in paths + ["none", "d3/f", "d3/zzz", "zzz", "A"] {
            var found: [String] = []
            var cursor = reader.entries(of: root.node, under: Array(prefix.utf8))
            while let entry = try await cursor.next() {
                found.append(String(decoding: entry.path, as: UTF8.self))
            }
            let expected = paths.filter { PathOrder.contains(Array(prefix.utf8), Array($0.utf8)) }
            #expect(found == expected, "\(prefix)")
        }
        #expect(try await reader.entry(at: Array("d3/f7".utf8), of: root.node)?.kind == .fifo)
        #expect(try await reader.entry(at: Array("d3/f".utf8), of: root.node) == nil)
    }

    @Test func `one changed entry makes new nodes only on its way to the root`() async throws {
        let test = try await TestStore()
        let paths = Self.paths()
        let writer = try await test.writer()
        let first = try await Self.build(paths, writer)
        let before = writer.statistics.addedPieceCount
        #expect(before > 40)
        let second = try await Self.build(paths.filter { $0 != "d5/f3" }, writer)
        #expect(second != first)
        #expect(writer.statistics.addedPieceCount - before <= 8)
    }

    @Test func `the root of no entries, and of one, is a leaf`() async throws {
        let test = try await TestStore()
        let writer = try await test.writer()
        let empty = try await Self.build([], writer)
        let one = try await Self.build(["x"], writer)
        #expect(empty.entryCount == 0 && one.entryCount == 1)
        _ = try await writer.commit(try await writer.prepare(TestStore.draft(one, time: 1)))
        let reader = try await test.reader()
        #expect(try await reader.node(empty.node) == .entries([]))
        #expect(try await reader.node(one.node) == .entries([Self.entry("x")]))
    }

    @Test func `entries out of order, or that no tree can hold, are refused`() async throws {
        let test = try await TestStore()
        let writer = try await test.writer()
        for paths in [["b", "a"], ["a", "a"], ["a-b", "a/x"], ["a/../b"], ["/a"], ["a\0"]] {
            await #expect(throws: ArchiveError.self) { try await Self.build(paths, writer) }
        }
        var long = Self.entry("a")
        long.modifiedNanoseconds = 1_000_000_000
        let entry = long
        await #expect(throws: ArchiveError.self) {
            var tree = EntryTreeWriter(writer)
            try await tree.add(entry)
        }
        let absent = Content(
            byteCount: 1, storage: .segments([.chunk(Decoders.chunk(1), offset: 0, byteCount: 1)]))
        await #expect(throws: ArchiveError.self) {
            var tree = EntryTreeWriter(writer)
            try await tree.add(Entry(path: [0x61], kind: .file(absent), mode: 0))
        }
    }

    @Test func `entries come out as they went in, whatever they hold`() async throws {
        let test = try await TestStore()
        let writer = try await test.writer()
        var content = ContentWriter(writer)
        try await content.append([1, 2, 3])
        try await content.hole(1 << 40)
        try await content.append([UInt8](repeating: 9, count: 50_000))
        #expect(content.byteCount == (1 << 40) + 50_003)
        let sparse = try await content.finish()
        let entries = [
            Entry(
                path: [], kind: .directory, mode: 0o1777,
                attributes: [.init(name: Array("system.posix_acl_default".utf8), value: [2, 0, 0, 0])]),
            Entry(path: [0x0A], kind: .symbolicLink(Array("../x".utf8)), mode: 0o777, modifiedSeconds: -1),
            Entry(path: [0x2D], kind: .characterDevice(major: 1, minor: 3), mode: 0o666, userID: .max - 1),
            Entry(
                path: [0x61], kind: .file(sparse), mode: 0o4755, modifiedSeconds: 1 << 40,
                modifiedNanoseconds: 7, flags: .changedWhileRead),
            Entry(path: Array("e\u{301}".utf8), kind: .hardLink([0x61]), mode: 0o4755),
            Entry(path: Array("\u{E9}".utf8), kind: .socket, mode: 0),
            Entry(path: [0xFF, 0xFE], kind: .fifo, mode: 0),
        ]
        var tree = EntryTreeWriter(writer)
        for entry in entries { try await tree.add(entry) }
        let root = try await tree.finish()
        _ = try await writer.commit(try await writer.prepare(TestStore.draft(root, time: 1)))
        let reader = try await test.reader()
        var cursor = reader.entries(of: root.node)
        var back: [Entry] = []
        while let entry = try await cursor.next() { back.append(entry) }
        #expect(back == entries)
        var pieces: [String] = []
        try await reader.read(sparse) { bytes in
            pieces.append("\(bytes.byteCount > 0)")
        } hole: { count in
            pieces.append("\(count)")
        }
        #expect(pieces.prefix(3) == ["true", "\(1 << 40)", "true"])
    }
}

@Suite struct `Contents` {
    static func store(_ bytes: [UInt8], _ writer: StoreWriter) async throws -> Content {
        var source = ByteSource(bytes)
        var content = ContentWriter(writer)
        try await content.read { source.read(&$0) }
        return try await content.finish()
    }

    @Test(arguments: [0, 1, 255, 256, 4_096, 5_000, 100_000, 3_000_000])
    func `a content of any length comes back`(_ count: Int) async throws {
        let test = try await TestStore()
        let writer = try await test.writer(packByteCount: 1 << 20)
        let bytes = Noise.bytes(UInt64(count) + 1, count)
        let content = try await Self.store(bytes, writer)
        #expect(content.byteCount == UInt64(count))
        try await writer.flush()
        let reader = try await test.reader()
        #expect(try await reader.bytes(of: content, limit: count) == bytes)
        if count > 0 {
            await #expect(throws: ArchiveError.self) { try await reader.bytes(of: content, limit: count - 1) }
        }
    }

    @Test func `insertions into a long content add little`() async throws {
        let test = try await TestStore()
        let bytes = Noise.bytes(5, 1_000_000)
        let first = try await test.writer()
        _ = try await Self.store(bytes, first)
        try await first.flush()
        var changed = bytes
        for position in [900_000, 500_000, 100_000] { changed.insert(contentsOf: [1, 2, 3], at: position) }
        let second = try await test.writer()
        let content = try await Self.store(changed, second)
        try await second.flush()
        #expect(second.statistics.addedByteCount < 30_000)
        #expect(try await test.reader().bytes(of: content, limit: 2_000_000) == changed)
    }

    @Test func `zeros and repeats are stored once`() async throws {
        let test = try await TestStore()
        let writer = try await test.writer()
        let content = try await Self.store([UInt8](repeating: 0, count: 2_000_000), writer)
        #expect(writer.statistics.addedByteCount < 20_000)
        try await writer.flush()
        #expect(try await test.reader().bytes(of: content, limit: 2_000_000).allSatisfy { $0 == 0 })
    }

    @Test func `small files share chunks, and a change among them adds little`() async throws {
        let test = try await TestStore()
        // Enough files for many shared chunks: where they are cut depends on the store's random key.
        var files = (0..<2_000).map { ("f\(1000 + $0)", Noise.bytes(UInt64($0) + 1, 100)) }
        let first = try await test.backUp(files)
        #expect(first.statistics.addedPieceCount < 1_250)
        files[1_000].1 = Noise.bytes(7777, 120)
        let second = try await test.backUp(files, time: 2)
        #expect(second.statistics.addedByteCount < first.statistics.addedByteCount / 5)
        let back = try await TestStore.files(try await test.reader(), second.id)
        #expect(back.map(\.1) == files.map(\.1))
    }

    @Test func `what an agent remembers is taken without the bytes, as long as the store holds it`()
        async throws
    {
        let test = try await TestStore()
        let first = try await test.writer()
        let long = try await Self.store(Noise.bytes(3, 60_000), first)
        let short = try await Self.store([1, 2], first)
        try await first.flush()
        let second = try await test.writer()
        #expect(try await second.holds(long))
        #expect(try await second.holds(short))
        var tree = EntryTreeWriter(second)
        try await tree.add(Entry(path: [0x61], kind: .file(long), mode: 0))
        try await tree.add(Entry(path: [0x62], kind: .file(short), mode: 0))
        let root = try await tree.finish()
        let id = try await second.commit(try await second.prepare(TestStore.draft(root, time: 1)))
        #expect(try await TestStore.files(try await test.reader(), id).map(\.1.count) == [60_000, 2])
        let other = try await TestStore()
        #expect(try await other.writer().holds(long) == false)
    }

    @Test func `a source that fails and a consumer that fails say so`() async throws {
        struct Broken: Error {}
        let test = try await TestStore()
        let writer = try await test.writer()
        var content = ContentWriter(writer)
        var code: ArchiveError.Code?
        do throws(ArchiveError) {
            try await content.read { _ in throw Broken() }
        } catch {
            code = error.code
            #expect(error.underlying is Broken)
        }
        #expect(code == .source)
        try await content.append([1])
        let stored = try await content.finish()
        try await writer.flush()
        let reader = try await test.reader()
        do throws(ArchiveError) {
            try await reader.read(stored, into: { _ in throw Broken() }, hole: { _ in })
        } catch {
            code = error.code
        }
        #expect(code == .consumer)
    }
}
