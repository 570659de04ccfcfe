import Testing

@testable import Sodium

@Suite struct SecretBytesTests {
    @Test(arguments: [0, 1, 15, 16, 4_095, 4_096, 4_097, 100_000])
    func `what is filled in is lent out`(count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        let secret = SecretBytes(bytes)
        let copy = secret.copy()
        let (array, isSame) = (secret.array, secret.isEqual(to: copy))
        #expect(array == bytes)
        #expect(isSame)
        #expect(secret.byteCount == count)
        let half = secret.slice(count / 2..<count).array
        #expect(half == Array(bytes[(count / 2)...]))
    }

    @Test func `a region that is used again begins as zeros`() {
        for count in [1, 32, 4_080, 4_081] {
            for _ in 0..<40 {
                let held = (0..<20).map { _ in Holder(SecretBytes(randomCount: count)) }
                #expect(held.allSatisfy { $0.secret.byteCount == count })
            }
            var isZero = true
            for _ in 0..<40 {
                _ = SecretBytes(byteCount: count) { output in
                    for offset in 0..<output.byteCount where output.bytes[offset] != 0 { isZero = false }
                    output.storeBytes(of: 0xAA, toByteOffset: count - 1, as: UInt8.self)
                }
            }
            #expect(isZero)
        }
    }

    private final class Holder {
        let secret: SecretBytes
        init(_ secret: consuming SecretBytes) { self.secret = secret }
    }

    @Test func `equality looks at every byte and at the length`() {
        let bytes = [UInt8](repeating: 5, count: 40)
        let secret = SecretBytes(bytes)
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 0x80
            let isSame = secret.isEqual(to: SecretBytes(changed))
            #expect(!isSame)
        }
        let isShorterSame = secret.isEqual(to: SecretBytes(Array(bytes.dropLast())))
        let isEmptySame = SecretBytes([]).isEqual(to: SecretBytes([]))
        #expect(!isShorterSame)
        #expect(isEmptySame)
    }

    @Test func `a failing fill is passed on`() {
        struct Failure: Error, Equatable {}
        #expect(throws: Failure()) {
            _ = try SecretBytes(byteCount: 8) { (_) throws(Failure) in throw Failure() }
        }
    }

    @Test func `random bytes differ and fill every place`() {
        var seen = [UInt8](repeating: 0, count: 64)
        for _ in 0..<32 {
            for (index, byte) in SecretBytes(randomCount: 64).array.enumerated() { seen[index] |= byte }
        }
        #expect(seen.allSatisfy { $0 != 0 })
        #expect(RandomBytes.make(32) != RandomBytes.make(32))
        #expect(RandomBytes.make(0).isEmpty)
    }

    @Test func `a wiped buffer holds zeros`() {
        var buffer = WipedBuffer(byteCount: 1_000)
        let fresh = buffer.withBytes(first: 1_000) { $0.array }
        #expect(fresh == [UInt8](repeating: 0, count: 1_000))
        buffer.withMutableBytes(first: 1_000) { output in
            [UInt8](repeating: 7, count: 1_000).withBytes { $0.copy(into: &output) }
        }
        let filled = buffer.withBytes(first: 1_000) { $0.array }
        buffer.wipe()
        let wiped = buffer.withBytes(first: 1_000) { $0.array }
        #expect(filled == [UInt8](repeating: 7, count: 1_000))
        #expect(wiped == [UInt8](repeating: 0, count: 1_000))
    }
}
