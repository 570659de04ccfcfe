import Encodings
import Sodium
import Testing

@testable import Archives

/// Every decoder: truncated at each length, with a byte too many, with each bit flipped. What parses re-encodes to
/// the same bytes.
@Suite struct `Decoders` {
    static func exercise(_ bytes: [UInt8], _ reencode: ([UInt8]) throws(ArchiveError) -> [UInt8]) {
        #expect((try? reencode(bytes)) == bytes)
        for count in bytes.indices where (try? reencode(Array(bytes.prefix(count)))) != nil {
            Issue.record("parsed when cut to \(count) of \(bytes.count) bytes")
        }
        #expect((try? reencode(bytes + [0])) == nil)
        for position in bytes.indices {
            for bit in 0..<8 {
                var flipped = bytes
                flipped[position] ^= 1 << bit
                do throws(ArchiveError) {
                    let again = try reencode(flipped)
                    if again != flipped { Issue.record("byte \(position) bit \(bit): not canonical") }
                } catch {
                    let isExpected = [.damaged, .unsupported, .limitExceeded].contains(error.code)
                    if !isExpected { Issue.record("byte \(position) bit \(bit): \(error.code)") }
                }
            }
        }
    }

    static func digest(_ seed: UInt64) -> Digest {
        var noise = Noise(seed)
        return Digest(noise.bytes(32))
    }

    static func chunk(_ seed: UInt64) -> ChunkID { ChunkID(keyNumber: 1, hash: digest(seed)) }
    static func node(_ seed: UInt64) -> NodeID { NodeID(keyNumber: 2, hash: digest(seed)) }

    static func exercise(_ node: Node) {
        let parts = node.parts
        exercise(parts.content) { (content) throws(ArchiveError) in
            try Node(decoding: Node.Parts(children: parts.children, content: content), "node").parts.content
        }
        exercise(parts.children) { (children) throws(ArchiveError) in
            try Node(decoding: Node.Parts(children: children, content: parts.content), "node").parts.children
        }
    }

    @Test func `nodes of entries`() {
        let content = Content(
            byteCount: 1112,
            storage: .segments([
                .chunk(Self.chunk(1), offset: 0, byteCount: 12), .hole(1000),
                .chunk(Self.chunk(2), offset: 7, byteCount: 100),
            ]))
        let kinds: [Entry.Kind] = [
            .directory, .file(content), .file(.empty),
            .file(Content(byteCount: 9, storage: .tree(Self.node(3)))),
            .symbolicLink([0xFF, 0x2F]), .hardLink(Array("b".utf8)), .fifo, .socket,
            .characterDevice(major: 1, minor: 3), .blockDevice(major: 8, minor: .max),
        ]
        var entries = [Entry(path: [], kind: .directory, mode: 0o755)]
        for (position, kind) in kinds.enumerated() {
            entries.append(
                Entry(
                    path: [0x61, 0x2F, UInt8(0x61 + position), 0xC3], kind: kind, mode: 0o4755,
                    userID: .max - 1, groupID: 5, userName: [0x75], groupName: [0x67],
                    modifiedSeconds: position % 2 == 0 ? -1 : 1 << 40, modifiedNanoseconds: 999_999_999,
                    attributes: position == 1
                        ? [.init(name: [0x61], value: []), .init(name: [0x61, 0x62], value: [0, 1, 2])] : [],
                    flags: position == 2 ? .changedWhileRead : []))
        }
        Self.exercise(.entries(entries))
        Self.exercise(.entries([]))
    }

    @Test func `inner nodes and chunk lists`() {
        let branches = [
            Node.Branch(node: Self.node(1), firstPath: [], entryCount: 5, byteCount: 7),
            Node.Branch(node: Self.node(2), firstPath: [0x62], entryCount: 1, byteCount: .max),
        ]
        Self.exercise(.entryBranches(level: 1, branches))
        let lists = [3, 4, 3].map {
            Node.Branch(node: Self.node($0), firstPath: [], entryCount: 0, byteCount: $0)
        }
        Self.exercise(.segmentBranches(level: 2, lists))
        Self.exercise(
            .segments([
                .chunk(Self.chunk(5), offset: 1, byteCount: 2), .hole(.max - 5),
                .chunk(Self.chunk(5), offset: 0, byteCount: 2),
            ]))
    }

    @Test func `nodes out of order, of wrong levels or with spare children are refused`() {
        func parts(_ node: Node) -> Node.Parts { node.parts }
        let a = Entry(path: [0x61], kind: .fifo, mode: 0)
        let b = Entry(path: [0x62], kind: .fifo, mode: 0)
        for entries in [[b, a], [a, a]] {
            #expect(throws: ArchiveError.self) { try Node(decoding: Node.entries(entries).parts, "node") }
        }
        for path in ["/a", "a/", "a//b", "..", "a/../b", ".", "a\0b"] {
            let entry = Entry(path: Array(path.utf8), kind: .fifo, mode: 0)
            #expect(throws: ArchiveError.self) { try Node(decoding: Node.entries([entry]).parts, "node") }
        }
        var spare = Node.entries([a]).parts
        spare.children = Node.segments([.chunk(Self.chunk(1), offset: 0, byteCount: 1)]).parts.children
        #expect(throws: ArchiveError.self) { try Node(decoding: spare, "node") }
        #expect(throws: ArchiveError.self) {
            try Node(
                decoding: Node.segmentBranches(
                    level: 17, [Node.Branch(node: Self.node(1), firstPath: [], entryCount: 0, byteCount: 1)]
                ).parts, "node")
        }
    }

    static func key(_ seed: UInt64) -> SealedDataKey {
        var noise = Noise(seed)
        return SealedDataKey(id: noise.bytes(16), readNumber: 1, sealed: noise.bytes(112))
    }

    static func packHeader() -> PackHeader {
        let rows = (1...3).map {
            PieceRow(hash: digest($0), sealedByteCount: 100 + UInt32($0), auxiliary: 50)
        }
        return PackHeader(
            kind: .chunks, bodyHash: digest(9), bodyByteCount: 8 + 306 + 101, dataKeys: [key(1), key(2)],
            groups: [
                PieceGroup(dataKey: 1, keyNumber: 1, rows: rows),
                PieceGroup(dataKey: 0, keyNumber: 2, rows: [rows[0]]),
            ])
    }

    @Test func `pack headers`() {
        Self.exercise(Self.packHeader().encoded) { (bytes) throws(ArchiveError) in
            try PackHeader(decoding: bytes, "pack").encoded
        }
    }

    @Test func `index objects`() {
        let packs = [3, 1].map {
            IndexedPack(
                name: PackName(Self.digest($0)), byteCount: 1000 + $0, header: Self.packHeader(),
                maker: Self.digest(77).bytes)
        }
        let index = IndexObject(
            of: packs, supersedes: [IndexName(Self.digest(4)), IndexName(Self.digest(5))])
        #expect(index.groups.map(\.rows.count) == [6, 2])
        Self.exercise(index.encoded) { (bytes) throws(ArchiveError) in
            try IndexObject(decoding: bytes, "index").encoded
        }
    }

    @Test func `configs`() throws {
        func keys(_ seed: UInt64) -> [PowerKeyRecord] {
            (1...2).map {
                PowerKeyRecord(
                    number: $0, key: Self.digest(seed).bytes, wrapped: Self.digest(seed + UInt64($0)))
            }
        }
        let config = try StoreConfig(
            id: StoreID(Self.digest(1)), cutting: .standard, readKeys: keys(20), writeKeys: keys(30),
            agents: [
                AgentRecord(name: "b", publicKey: Self.digest(3).bytes, powers: .prune, trustGroup: "x"),
                AgentRecord(name: "a", publicKey: Self.digest(4).bytes, powers: [.add, .prune]),
            ])
        Self.exercise(config.encoded) { (bytes) throws(ArchiveError) in
            try StoreConfig(decoding: bytes).encoded
        }
    }

    @Test func `repository facts`() {
        let id = [UInt8](repeating: 5, count: 20)
        let facts = RepositoryFacts(
            url: Array("https://git.example.org/a.git".utf8), objectFormat: .sha1,
            head: Array("ref: refs/heads/main".utf8),
            references: [.init(name: [0x62], target: id), .init(name: [0x61], target: id)],
            incrementCount: 2, lost: [.init(name: [0x63], target: id)],
            outside: [
                .init(kind: .submodule, path: [0x61], name: [0x31]),
                .init(kind: .largeFile, path: [0x62], name: [0x32]),
            ])
        #expect(facts.references.map(\.name) == [[0x61], [0x62]])
        Self.exercise(facts.encoded) { (bytes) throws(ArchiveError) in
            try RepositoryFacts(decoding: bytes).encoded
        }
    }

    @Test func `what is known of a repository's increment`() {
        let ids = (1...3).map { [UInt8](repeating: $0, count: 20) }
        let increment = RepositoryIncrement(
            objectFormat: .sha1, byteCount: 9, prerequisites: [ids[1], ids[0]], tips: [ids[2]],
            commits: ids.flatMap { $0 })
        #expect(increment.prerequisites == [ids[0], ids[1]])
        #expect(increment.commits(beginningWith: [2]) == [ids[1]])
        #expect(increment.commits(beginningWith: []) == ids)
        #expect(increment.commits(beginningWith: [4]) == [])
        Self.exercise(increment.encoded) { (bytes) throws(ArchiveError) in
            try RepositoryIncrement(decoding: bytes).encoded
        }
        let unsorted = RepositoryIncrement(
            objectFormat: .sha1, byteCount: 9, prerequisites: [], tips: [], commits: ids[1] + ids[0])
        #expect(throws: ArchiveError.self) { try RepositoryIncrement(decoding: unsorted.encoded) }
    }

    @Test func `snapshot contents`() throws {
        let roots = [Self.node(1), Self.node(2)]
        var source = SnapshotSource(
            name: "data", kind: .directory, status: .partial, notes: ["a: unreadable"], root: nil,
            facts: [SourceFact("url", [1]), SourceFact("path", [2])])
        source.root = roots[1]
        (source.entryCount, source.byteCount) = (3, 4)
        let empty = SnapshotSource(name: "db", kind: .command, status: .failed, root: nil)
        let bytes = SnapshotObject.encode(host: "h", [source, empty], roots: roots)
        Self.exercise(bytes) { (bytes) throws(ArchiveError) in
            let content = try SnapshotObject.decode(bytes, roots: roots, "snapshot")
            return SnapshotObject.encode(host: content.host, content.sources, roots: roots)
        }
    }
}
