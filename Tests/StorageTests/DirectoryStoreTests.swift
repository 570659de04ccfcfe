import Files
import Glibc
import Storage
import StorageFaults
import Support
import Testing

@Suite struct DirectoryStoreTests {
    let scratch = TemporaryDirectory("storage")

    @Test func `a directory store keeps what every store promises`() async throws {
        try await exerciseObjectStore(.directory(scratch.file("a/store")))
    }

    @Test func `a wrapper without a fault keeps what every store promises`() async throws {
        let subject = try StoreSubject.directory(scratch.file("store")) { FaultingStore(over: $0) }
        try await exerciseObjectStore(subject)
        let store = try #require(subject.store as? FaultingStore)
        #expect(store.changeCount > 0)
        #expect(store.readCount > 0)
    }

    @Test func `objects are private files, packs one level deeper`() async throws {
        let store = try DirectoryStore.create(at: Path(scratch.file("store")))
        try await store.put(ObjectName("packs/ab12"), [1], ifAbsent: true)
        try await store.put(ObjectName("config/1"), [1], ifAbsent: true)
        let directory = try Directory(Path(scratch.file("store")))
        #expect(try directory.metadata().mode == 0o700)
        #expect(try directory.metadata(of: "packs/ab/ab12").mode == 0o600)
        #expect(try directory.metadata(of: "packs/ab").mode == 0o700)
        #expect(try directory.metadata(of: "config/1").mode == 0o600)
    }

    @Test func `names that have no place of their own are refused`() async throws {
        let store = try DirectoryStore.create(at: Path(scratch.file("store")))
        for name in ["packs", "packs/ab", "packs/ab/ab12", "packs/abc/d"] {
            #expect(await code { try await store.put(ObjectName(name), [1], ifAbsent: true) } == .invalidName)
        }
    }

    @Test func `a new store needs an empty place, an old one a directory`() async throws {
        let path = Path(scratch.file("store"))
        #expect(await code { _ = try DirectoryStore(path) } == .notFound)
        let store = try DirectoryStore.create(at: path)
        _ = try DirectoryStore.create(at: path)
        try await store.put(ObjectName("config/1"), [1], ifAbsent: true)
        #expect(await code { _ = try DirectoryStore.create(at: path) } == .exists)
        #expect(try await DirectoryStore(path).get(ObjectName("config/1"), limit: 1) == [1])
    }

    @Test func `directories and temporary files of killed writers are nothing, any other file is something`()
        async throws
    {
        let store = try DirectoryStore.create(at: Path(scratch.file("store")))
        let directory = try Directory(Path(scratch.file("store")))
        _ = try directory.makeDirectories("keys/deeper")
        try directory.writeNew([1], to: "keys/deeper/.x.tmp-0123456789abcdef")
        #expect(try await store.isEmpty())
        try directory.makeSymbolicLink("keys/link", to: "deeper")
        #expect(try await !store.isEmpty())
    }

    @Test func `strange files are not listed and not opened`() async throws {
        let store = try DirectoryStore.create(at: Path(scratch.file("store")))
        try await store.put(ObjectName("packs/ab12"), [1], ifAbsent: true)
        let directory = try Directory(Path(scratch.file("store")))
        try directory.writeNew([1], to: "packs/ab/cd34")
        try directory.writeNew([1], to: "packs/stray")
        try directory.writeNew([1], to: "UPPER")
        try directory.writeNew([1], to: "packs/ab/.ab12.tmp-0123456789abcdef")
        try directory.makeSymbolicLink("packs/ab/abff", to: "ab12")
        try directory.makeSpecialFile("pipe", .fifo)
        try directory.makeDirectory("directory")
        #expect(try await store.list(below: nil).map(\.name.text) == ["packs/ab12"])
        #expect(await code { _ = try await store.get(ObjectName("packs/abff"), limit: 9) } == .notAnObject)
        #expect(await code { _ = try await store.get(ObjectName("pipe"), limit: 9) } == .notAnObject)
        #expect(await code { _ = try await store.get(ObjectName("directory"), limit: 9) } == .notAnObject)
        #expect(await code { _ = try await store.byteCount(of: ObjectName("pipe")) } == .notAnObject)
        #expect(
            await code { try await store.put(ObjectName("packs/abff"), [1], ifAbsent: false) } == .notAnObject
        )
        try await store.removeLeftovers()
        #expect(try directory.openDirectory("packs/ab").entries().map(\.name) == ["ab12", "abff", "cd34"])
    }

    @Test(.enabled(if: geteuid() == 0, "needs root"))
    func `F085: a full disk fails the put and leaves no part of it`() async throws {
        try #require(unsafe mount("tmpfs", scratch.path, "tmpfs", 0, "size=256k") == 0)
        defer { unsafe umount2(scratch.path, Int32(MNT_DETACH)) }
        let store = try DirectoryStore.create(at: Path(scratch.file("store")))
        try await store.put(ObjectName("small"), [1], ifAbsent: true)
        let name = try ObjectName("packs/ab12")
        let large = [UInt8](repeating: 1, count: 1 << 20)
        #expect(await code { try await store.put(name, large, ifAbsent: true) } == .noSpace)
        #expect(try await store.list(below: nil).map(\.name.text) == ["small"])
        let directory = try Directory(Path(scratch.file("store/packs/ab")))
        #expect(try directory.entries().isEmpty)
    }
}

@Suite struct FaultingStoreTests {
    let scratch = TemporaryDirectory("storage")

    @Test func `the n-th change fails, once`() async throws {
        let store = FaultingStore(over: try empty(), StorageFault(at: 1, .refused(.noSpace)))
        try await store.put(ObjectName("a"), [1], ifAbsent: true)
        #expect(await code { try await store.put(ObjectName("b"), [1], ifAbsent: true) } == .noSpace)
        try await store.put(ObjectName("c"), [1], ifAbsent: true)
        #expect(try await store.list(below: nil).map(\.name.text) == ["a", "c"])
    }

    @Test func `a persistent fault stays`() async throws {
        let store = FaultingStore(over: try empty(), StorageFault(at: 1, persistent: true, .refused(.io)))
        try await store.put(ObjectName("a"), [1], ifAbsent: true)
        for _ in 0..<3 {
            #expect(await code { try await store.put(ObjectName("b"), [1], ifAbsent: true) } == .io)
        }
        #expect(await code { try await store.remove(ObjectName("a")) } == .io)
        #expect(try await store.list(below: nil).map(\.name.text) == ["a"])
    }

    @Test func `a lost answer leaves the object, a torn put a part of it`() async throws {
        let base = try empty()
        let lost = FaultingStore(over: base, StorageFault(at: 0, .lostAnswer(.io)))
        #expect(await code { try await lost.put(ObjectName("a"), [1, 2], ifAbsent: true) } == .io)
        #expect(try await base.get(ObjectName("a"), limit: 9) == [1, 2])
        let torn = FaultingStore(over: base, StorageFault(at: 0, .torn(1)))
        #expect(await code { try await torn.put(ObjectName("b"), [1, 2], ifAbsent: true) } == .io)
        #expect(try await base.get(ObjectName("b"), limit: 9) == [1])
    }

    @Test func `a read can give damaged bytes`() async throws {
        let store = FaultingStore(over: try empty(), StorageFault(at: 0, of: .reads, .damaged))
        try await store.put(ObjectName("a"), [1, 2], ifAbsent: true)
        #expect(try await store.get(ObjectName("a"), limit: 2) == [0, 2])
        #expect(try await store.get(ObjectName("a"), range: 0..<1) == [1])
    }

    @Test func `reads can fail too`() async throws {
        let store = FaultingStore(over: try empty(), StorageFault(at: 1, of: .reads, .refused(.io)))
        try await store.put(ObjectName("a"), [1], ifAbsent: true)
        #expect(try await store.get(ObjectName("a"), limit: 1) == [1])
        #expect(await code { _ = try await store.list(below: nil) } == .io)
        #expect(try await store.byteCount(of: ObjectName("a")) == 1)
    }

    private func empty() throws -> DirectoryStore {
        try DirectoryStore.create(at: Path(scratch.file("store")))
    }
}

@Suite struct ObjectNameTests {
    @Test(arguments: ["a", "config/1", "packs/0a1b", "a.b_c-d/0", String(repeating: "a", count: 128)])
    func `good names are taken as they stand`(text: String) throws {
        #expect(try ObjectName(text).text == text)
    }

    @Test(arguments: [
        "", "/", "a/", "/a", "a//b", ".", "..", "a/..", "a/../b", ".a", "a/.b", "A", "a b", "a\u{0}", "a\\b",
        "\u{E9}", "a%2f", "a\n", String(repeating: "a", count: 129),
        Array(repeating: "aaaa", count: 103).joined(separator: "/"),
    ])
    func `every other name is refused`(text: String) async {
        #expect(await code { _ = try ObjectName(text) } == .invalidName)
    }

    @Test func `below means with one component more`() throws {
        let name = try ObjectName("a/b")
        #expect(try ObjectName("a/b/c").isBelow(name))
        #expect(try !ObjectName("a/bc").isBelow(name))
        #expect(!name.isBelow(name))
        #expect(name.lastComponent == "b")
        #expect(try name.appending("c") == ObjectName("a/b/c"))
    }
}
