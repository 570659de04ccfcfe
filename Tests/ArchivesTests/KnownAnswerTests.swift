import Encodings
import Sodium
import Testing

@testable import Archives

/// Values computed from FORMAT.md with Python's hashlib, not with this code.
@Suite struct `Known answers` {
    static let store = StoreID(Digest((100..<132).map { UInt8($0) }))

    static func write() throws -> WriteKey {
        try Sodium.start()
        return (0..<32).map { UInt8($0) }.withBytes {
            WriteKey(secret: SecretBytes(copying: $0), number: 1, store: store)
        }
    }

    @Test func `the write key's derived keys are the documented ones`() throws {
        let write = try Self.write()
        #expect(write.id.hex == "2db2187be4e25266c10ee4289707716d3110aac1c4725c3276b84eef705e522e")
        #expect(write.index.hex == "f5f0ba51281bad1d7df0e843485df4f6a854e01956bfede417dc3bb26044e04c")
        #expect(write.header.hex == "4345104f64b393a8b76ffec1c8a8700dfbfcd9f0136a15a2dce977263f5eb81b")
        #expect(write.tree.hex == "53ceb4b3362c55379045561535034786fba43d80b6a701fc21b4366c6f071b12")
        #expect(write.gear.hex == "6410f70e06a9d34f5cc9f7abbce7e3d8880fe9a420331076bbc7eb6631f080f3")
        #expect(
            Hex.encode(write.check) == "cb2f5160fc1f7e05a55ef49d340b48da2e5a78099d53393351cd579dd42503d6")
    }

    @Test func `ids of chunks and nodes are the documented ones`() throws {
        let write = try Self.write()
        let chunk = Array("hello".utf8).withBytes { write.chunkID(of: $0) }
        #expect(
            chunk.description == "1:ff7ddc3708be6ad5e679d848c682aa20c71712aa5d926834fb3e36192e2138f9")
        let node = write.nodeID(children: Array("abc".utf8), content: Array("defg".utf8))
        #expect(node.description == "1:1bb0ba7eaf0e00c4d3ce7c7caa13a4bbc854d403453d2f94594eed6016f3680d")
        let other = (0..<32).map { UInt8($0) }.withBytes {
            WriteKey(
                secret: SecretBytes(copying: $0), number: 1, store: Self.store, algorithm: .hmacSHA256)
        }
        #expect(other.chunk.hex == "531833ae2716a131e6ef7bd33d57896291ff81bd477feaf54b11dbdbfd491273")
        #expect(
            Array("hello".utf8).withBytes { other.chunkID(of: $0) }.description
                == "1:c2f2cf21c880379e973a0b6a38fd5a4b8f4d4324ec115ff0aa4d6930fe69e7db")
        // libsodium's, where libcrypto can't be had, gives the same; so does no message.
        for message in [[], Array("hello".utf8), Array(repeating: 7, count: 100_000)] as [[UInt8]] {
            let code = HMACSHA256.authenticate(message, key: other.chunk)
            #expect(message.withBytes { other.chunkID(of: $0) }.hash == Digest(code))
        }
        #expect(write.cutBits(of: Array("a/b".utf8)) == 0x43e3_6cce_ffad_dc22)
    }

    @Test func `packs are named by SHA-256, with libcrypto or without`() {
        // FIPS 180-4's example.
        #expect(
            PackName(hashing: Array("abc".utf8)).description
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let hash = PackHash()
        var slow = SHA256.Stream()
        for part in [0..<1, 1..<70_000, 70_000..<70_000, 70_000..<100_000] {
            bytes.withBytes { hash.update($0.extracting(part)) }
            bytes.withBytes { slow.update($0.extracting(part)) }
            let whole = Digest(SHA256.hash(Array(bytes.prefix(part.upperBound))))
            #expect(hash.digest == whole && Digest(slow.hash()) == whole)
        }
    }

    @Test func `the gear table and the cuts are the documented ones`() throws {
        var parameters = CuttingParameters.standard
        (parameters.minimum, parameters.average, parameters.maximum) = (2048, 8192, 32_768)
        let chunker = Chunker(gear: try Self.write().gear, parameters)
        #expect(chunker.table[0] == 0x66cb_ba97_c5bb_71a6 && chunker.table[255] == 0x9aa6_bfe3_2525_f7fe)
        var noise = Noise(7)
        let data = noise.bytes(200_000)
        let expected = [
            8787, 9415, 8424, 3840, 10114, 11119, 8769, 8867, 8370, 8530, 8648, 9033, 13413, 5445, 8296, 9560,
            9955, 11020, 11283, 12017, 15095,
        ]
        #expect(chunker.lengths(data) == expected)
    }

    @Test func `padded lengths are those of Padmé`() {
        // Nikitin et al., 2019: at most 12 % more, and padding again changes nothing.
        #expect([1, 9, 100, 1000, 1_000_000].map(Padme.padded) == [1, 10, 104, 1024, 1_015_808])
        for count in 1..<5000 {
            let padded = Padme.padded(count)
            #expect(padded >= count && padded * 100 <= count * 112 && Padme.padded(padded) == padded)
        }
    }
}

@Suite struct `Cutting` {
    @Test func `chunks keep to their bounds and cut nowhere else after an insertion`() throws {
        var parameters = CuttingParameters.standard
        (parameters.minimum, parameters.average, parameters.maximum) = (512, 2048, 8192)
        let chunker = Chunker(gear: try `Known answers`.write().gear, parameters)
        var noise = Noise(3)
        let data = noise.bytes(300_000)
        let lengths = chunker.lengths(data)
        #expect(lengths.reduce(0, +) == data.count)
        #expect(lengths.dropLast().allSatisfy { (512...8192).contains($0) })
        let mean = data.count / lengths.count
        #expect((1400...2900).contains(mean))
        var changed = data
        changed.insert(contentsOf: noise.bytes(17), at: 150_000)
        let old = Set(chunker.chunks(data))
        let new = chunker.chunks(changed).filter { !old.contains($0) }
        #expect((1...4).contains(new.count))
    }

    @Test func `bytes that never fit the condition are cut at the maximum, short ones not at all`() throws {
        var parameters = CuttingParameters.standard
        (parameters.minimum, parameters.average, parameters.maximum) = (512, 2048, 8192)
        let chunker = Chunker(gear: try `Known answers`.write().gear, parameters)
        let zeros = chunker.lengths([UInt8](repeating: 0, count: 100_000))
        #expect(Set(zeros.dropLast()).count == 1)
        #expect(chunker.lengths([1]) == [1])
        #expect(chunker.lengths([UInt8](repeating: 1, count: 512)) == [512])
    }
}

extension SecretBytes {
    var hex: String { withBytes { Hex.encode($0.array) } }
}

extension Chunker {
    func chunks(_ data: [UInt8]) -> [[UInt8]] {
        var chunks: [[UInt8]] = []
        var rest = data[...]
        while !rest.isEmpty {
            let window = Array(rest.prefix(maximum))
            let length = window.withBytes { cut($0) }
            chunks.append(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        return chunks
    }

    func lengths(_ data: [UInt8]) -> [Int] { chunks(data).map(\.count) }
}
