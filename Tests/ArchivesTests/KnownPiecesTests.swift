import Testing

@testable import Archives

/// What a session remembers of the pieces that it adds.
@Suite struct `Known pieces` {
    @Test func `pieces are known from when they were added, each kind and key by itself`() {
        var known = KnownPieces()
        var model: Set<Node.Child> = []
        var state: UInt64 = 7
        for _ in 0..<20_000 {
            // 4,096 hashes, so that many come again.
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let hash = Digest(hashing: [UInt8(truncatingIfNeeded: state >> 40), UInt8(state >> 60)])
            let key = UInt32(truncatingIfNeeded: state >> 33) % 3
            let piece: Node.Child =
                state >> 37 & 1 == 0
                ? .chunk(ChunkID(keyNumber: key, hash: hash)) : .node(NodeID(keyNumber: key, hash: hash))
            #expect(known.contains(piece) == model.contains(piece))
            let (isNew, shouldBeNew) = (known.insert(piece), model.insert(piece).inserted)
            #expect(isNew == shouldBeNew)
        }
        #expect(model.count > 4_096)
        #expect(model.allSatisfy { known.contains($0) })
    }

    @Test func `hashes of zeros are pieces like others`() {
        var known = KnownPieces()
        let piece = Node.Child.chunk(ChunkID(keyNumber: 0, hash: .zero))
        #expect(!known.contains(piece))
        let (first, second) = (known.insert(piece), known.insert(piece))
        #expect(first && !second)
        #expect(!known.contains(.node(NodeID(keyNumber: 0, hash: .zero))))
    }
}
