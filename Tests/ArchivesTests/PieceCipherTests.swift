import OpenSSL
import Sodium
import Testing

@testable import Archives

@Suite struct `Ciphers of pieces` {
    @Test func `both libraries give the same bytes and open each other's, at every length around a block`()
        throws
    {
        try #require(ChaCha20Poly1305Context() != nil)
        let secret = SecretBytes(randomCount: 32)
        try Sodium.start()
        let key = try DataKey(
            sealingTo: ReadPublicKey(number: 1, key: X25519.publicKey(of: secret)),
            store: StoreID(Decoders.digest(1)))
        let cipher = PieceCipher()
        var noise = Noise(7)
        for length in Array(0...130) + [255, 256, 257, 4096, 65_535, 65_536, 300_001] {
            let plaintext = noise.bytes(length)
            let nonce = noise.bytes(24)
            let data = noise.bytes(length % 150)
            let fast = [UInt8].filled(count: length + 16) { output in
                plaintext.withBytes { plaintext in
                    nonce.withBytes { nonce in
                        cipher.seal(plaintext, key: key, nonce: nonce, associatedData: data, into: &output)
                    }
                }
            }
            let reference = [UInt8].filled(count: length + 16) { output in
                plaintext.withBytes { plaintext in
                    key.secret.withBytes { key in
                        XChaCha20Poly1305.seal(
                            plaintext, key: key, nonce: nonce, associatedData: data, into: &output)
                    }
                }
            }
            #expect(fast == reference, "\(length) bytes")
            let opened = try open(reference, cipher, key, nonce, data)
            #expect(opened == plaintext, "\(length) bytes")
            for position in [0, length / 2, length + 15] {
                var flipped = reference
                flipped[position] ^= 1
                #expect(throws: SodiumError.self) { try open(flipped, cipher, key, nonce, data) }
            }
            #expect(throws: SodiumError.self) { try open(reference, cipher, key, nonce, data + [0]) }
        }
        #expect(throws: SodiumError.self) { try open([1, 2, 3], cipher, key, noise.bytes(24), []) }
    }

    @Test func `the published vector of HChaCha20 holds`() {
        // draft-irtf-cfrg-xchacha-03 §2.2.1.
        let key = (0..<32).map { UInt8($0) }
        let nonce: [UInt8] = [0, 0, 0, 9, 0, 0, 0, 0x4A, 0, 0, 0, 0, 0x31, 0x41, 0x59, 0x27]
        let derived = [UInt8].filled(count: 32) { output in
            key.withBytes { key in nonce.withBytes { HChaCha20.derive(key, nonce: $0, into: &output) } }
        }
        #expect(
            derived == [
                0x82, 0x41, 0x3b, 0x42, 0x27, 0xb2, 0x7b, 0xfe, 0xd3, 0x0e, 0x42, 0x50, 0x8a, 0x87, 0x7d,
                0x73,
                0xa0, 0xf9, 0xe4, 0xd5, 0x8a, 0x74, 0xa8, 0x53, 0xc1, 0x2e, 0xc4, 0x13, 0x26, 0xd3, 0xec,
                0xdc,
            ])
    }

    @Test func `bytes that could be compressed are never taken for random ones`() {
        var noise = Noise(11)
        var found = 0
        for _ in 0..<100 where noise.bytes(65_536).withBytes({ $0.looksRandom }) { found += 1 }
        #expect(found >= 90)
        let text = Array(String(repeating: "a line of a log, number after number; ", count: 2000).utf8)
        let digits = noise.bytes(65_536).map { UInt8(0x30 + $0 % 10) }
        let base64 = noise.bytes(65_536).map { UInt8(0x40 + $0 % 64) }
        let halfText = noise.bytes(32_768) + text.prefix(32_768)
        var records: [UInt8] = []
        for _ in 0..<4096 { records += noise.bytes(14) + [0, 0] }
        let zeros = [UInt8](repeating: 0, count: 65_536)
        let compressible: [[UInt8]] = [
            text, digits, base64, halfText, records, zeros, noise.bytes(4095), [],
        ]
        for bytes in compressible {
            #expect(!bytes.withBytes { $0.looksRandom })
        }
    }

    @Test(arguments: [0, 1, 62, 63, 64, 65, 4_095, 65_536])
    func `a head before the plaintext is sealed as if it were a part of it`(count: Int) throws {
        let store = StoreID(Digest([UInt8](repeating: 9, count: 32)))
        let share = X25519.publicKey(of: SecretBytes(randomCount: 32))
        let key = try DataKey(sealingTo: ReadPublicKey(number: 1, key: share), store: store)
        var noise = Noise(UInt64(count) + 3)
        let plaintext = noise.bytes(count)
        let nonce = noise.bytes(24)
        let data = noise.bytes(100)
        func seal(_ head: UInt8?, _ bytes: [UInt8]) -> [UInt8] {
            [UInt8].filled(count: plaintext.count + 17) { output in
                bytes.withBytes { bytes in
                    nonce.withBytes { nonce in
                        PieceCipher().seal(
                            head: head, bytes, key: key, nonce: nonce, associatedData: data, into: &output)
                    }
                }
            }
        }
        let whole = seal(nil, [7] + plaintext)
        #expect(seal(7, plaintext) == whole)
        #expect(try open(whole, PieceCipher(), key, nonce, data) == [7] + plaintext)
    }

    private func open(
        _ sealed: [UInt8], _ cipher: PieceCipher, _ key: DataKey, _ nonce: [UInt8], _ data: [UInt8]
    ) throws -> [UInt8] {
        try [UInt8].filled(count: max(0, sealed.count - 16)) { (output) throws(SodiumError) in
            try sealed.withBytes { (sealed) throws(SodiumError) in
                try nonce.withBytes { (nonce) throws(SodiumError) in
                    try cipher.open(sealed, key: key, nonce: nonce, associatedData: data, into: &output)
                }
            }
        }
    }
}
