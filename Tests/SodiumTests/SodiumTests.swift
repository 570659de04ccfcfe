import Encodings
import Testing

@testable import Sodium

extension SecretBytes {
    /// A copy of `bytes`, which in tests are no secret.
    init(_ bytes: [UInt8]) {
        self = bytes.withBytes { SecretBytes(copying: $0) }
    }

    /// The content, which in tests is no secret.
    var array: [UInt8] { withBytes { $0.array } }
}

@Suite struct SodiumTests {
    private static func hex(_ text: String) throws -> [UInt8] { try Hex.decode(text) }
    private static let counting = (0..<255).map { UInt8($0) }

    @Test func `the library starts, as often as it is asked`() throws {
        try Sodium.start()
        try Sodium.start()
    }

    // MARK: - Hashes

    /// RFC 7693, appendix A, and the reference implementation's blake2b-kat.
    @Test func `BLAKE2b gives the published hashes`() throws {
        let abc = Array("abc".utf8)
        let long = abc.withBytes { bytes in [UInt8].filled(count: 64) { BLAKE2b.hash(bytes, into: &$0) } }
        #expect(
            Hex.encode(long)
                == "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
                + "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923")
        #expect(
            Hex.encode(BLAKE2b.hash(abc))
                == "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319")
        #expect(
            Hex.encode(BLAKE2b.hash([])) == "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"
        )
        let key = SecretBytes(Array(Self.counting[..<64]))
        func keyed(_ bytes: [UInt8]) -> String {
            Hex.encode(
                bytes.withBytes { bytes in
                    [UInt8].filled(count: 64) { BLAKE2b.hash(bytes, key: key, into: &$0) }
                })
        }
        #expect(
            keyed([])
                == "10ebb67700b1868efb4417987acf4690ae9d972fb7a590c2f02871799aaa4786"
                + "b5e996e8f0f4eb981fc214b005f42d2ff4233499391653df7aefcbc13fc51568")
        #expect(
            keyed(Self.counting)
                == "142709d62e28fcccd0af97fad0f8465b971e82201dc51070faa0372aa43e9248"
                + "4be1c1e73ba10906d5d1853db6a4106e0a7bf9800d373d6dee2d46d62ef2a461")
    }

    /// Made with Python's hashlib.blake2b(person:).
    @Test func `BLAKE2b is personalised, with and without a key`() {
        var plain = BLAKE2b.Stream(personal: "strongroom-test")
        plain.update(Array("abc".utf8))
        #expect(
            Hex.encode(plain.finish()) == "10f7a0e995d8adf7d9a56dd16dc087ce4200a328354b059828f0d18f5e3339fe")
        var keyed = BLAKE2b.Stream(
            key: SecretBytes(Array(Self.counting[..<32])), byteCount: 64, personal: "0123456789abcdef")
        keyed.update(Array("abc".utf8))
        #expect(
            Hex.encode(keyed.finish())
                == "06cd4bb4941dc09c318cd7d16c93ccf3aaacb5155648e9603954729728cc1116"
                + "945a61d451936b094fe41833170bf4a99bd1dceff2d1a3a4d580853741213a78")
    }

    @Test(arguments: [1, 7, 127, 128, 129, 1_000_000]) func `a hash in pieces is the hash of the whole`(
        size: Int
    ) {
        let bytes = [UInt8](repeating: 0x61, count: 1_000_000)
        var stream = BLAKE2b.Stream()
        var rest = bytes[...]
        // Small pieces cover the first bytes only; the rest follows at once.
        for _ in 0..<1_000 where !rest.isEmpty {
            stream.update(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        stream.update(Array(rest))
        #expect(
            Hex.encode(stream.finish()) == "0741850f36cba4259628355d1073e24ddb9ca0e1bfac36fd39ae5dc2101e23a4")
    }

    /// FIPS 180-4 examples.
    @Test func `SHA-2 gives the published hashes`() {
        let abc = Array("abc".utf8)
        let sha512 =
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            + "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        #expect(
            Hex.encode(SHA256.hash(abc)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )
        #expect(Hex.encode(SHA512.hash(abc)) == sha512)
        let secret = SHA512.hash(secret: SecretBytes(abc)).array
        #expect(Hex.encode(secret) == sha512)
    }

    /// RFC 4231, test cases 1 and 6 (a key longer than the block).
    @Test func `HMAC-SHA-256 gives the published codes`() {
        let short = HMACSHA256.authenticate(
            Array("Hi There".utf8), key: SecretBytes([UInt8](repeating: 0x0B, count: 20)))
        #expect(Hex.encode(short) == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        let long = HMACSHA256.authenticate(
            Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            key: SecretBytes([UInt8](repeating: 0xAA, count: 131)))
        #expect(Hex.encode(long) == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }

    /// RFC 7914 §12: the first 32 bytes of its 64-byte results. N = 16384; and r = 8 with p = 1 throughout.
    @Test func `scrypt gives the published key, and refuses costs out of range`() throws {
        func derive(_ passphrase: String, _ salt: String, _ logN: Int) throws -> String {
            let made = try Array(passphrase.utf8).withBytes { (passphrase) throws in
                try Scrypt.derive(passphrase: passphrase, salt: Array(salt.utf8), logN: logN)
            }
            return Hex.encode(made.array)
        }
        #expect(
            try derive("pleaseletmein", "SodiumChloride", 14)
                == "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2")
        #expect(
            try derive("password", "NaCl", 10)
                == "27b418c674c769d12501fbb1f53bac32df6514c0f28d043872b148b348961a79")
        #expect(try derive("", "", 4) == "e2b1883717d879f495cb7d86aa1eb8697e724978e8fc819881b007fbba2cf86b")
        for logN in [0, -1, 31, 63, 64] {
            #expect(throws: SodiumError(.invalidParameter, "scrypt")) { try derive("p", "s", logN) }
        }
    }

    // MARK: - Curves

    /// RFC 8032 §7.1, tests 1 to 3: seed, public key, message, signature.
    @Test(arguments: [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                + "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                + "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ])
    func `Ed25519 gives the published signatures and takes no other`(
        seed: String, publicKey: String, message: String, signature: String
    ) throws {
        let pair = Ed25519.KeyPair(seed: SecretBytes(try Self.hex(seed)))
        let (message, signature) = (try Self.hex(message), try Self.hex(signature))
        let (key, made) = (pair.publicKey, pair.sign(message))
        #expect(Hex.encode(key) == publicKey)
        #expect(Ed25519.publicKey(of: SecretBytes(try Self.hex(seed))) == key)
        #expect(made == signature)
        #expect(Ed25519.verify(signature, message: message, publicKey: key))
        #expect(!Ed25519.verify(signature, message: message + [0], publicKey: key))
        #expect(!Ed25519.verify(Array(signature.dropLast()), message: message, publicKey: key))
        #expect(!Ed25519.verify(signature, message: message, publicKey: Array(key.dropLast())))
        for bit in stride(from: 0, to: 512, by: 7) {
            var changed = signature
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!Ed25519.verify(changed, message: message, publicKey: key))
        }
    }

    @Test func `an Ed25519 key becomes the X25519 share of its own scalar`() throws {
        let seed = SecretBytes(randomCount: 32)
        let scalar = SHA512.hash(secret: seed).slice(0..<32)
        #expect(try Ed25519.montgomery(Ed25519.publicKey(of: seed)) == X25519.publicKey(of: scalar))
        let identityPoint = [1] + [UInt8](repeating: 0, count: 31)
        #expect(throws: SodiumError(.lowOrder, "Ed25519")) { try Ed25519.montgomery(identityPoint) }
    }

    // MARK: - AEAD

    /// draft-irtf-cfrg-xchacha-03, appendix A.3.1.
    @Test func `XChaCha20-Poly1305 gives the published ciphertext, and opens no other`() throws {
        let plaintext = Array(
            ("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
                + "sunscreen would be it.").utf8)
        let associatedData = try Self.hex("50515253c0c1c2c3c4c5c6c7")
        let key = (0..<32).map { 0x80 + UInt8($0) }
        let nonce = (0..<24).map { 0x40 + UInt8($0) }
        let expected = try Self.hex(
            "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
                + "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
                + "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
                + "21f9664c97637da9768812f615c68b13b52e" + "c0875924c1c7987947deafd8780acf49")
        let sealed = key.withBytes { key in
            plaintext.withBytes { plaintext in
                [UInt8].filled(count: plaintext.byteCount + 16) {
                    XChaCha20Poly1305.seal(
                        plaintext, key: key, nonce: nonce, associatedData: associatedData, into: &$0)
                }
            }
        }
        #expect(sealed == expected)
        func open(_ sealed: [UInt8], _ nonce: [UInt8], _ associatedData: [UInt8]) -> [UInt8]? {
            try? key.withBytes { (key) throws(SodiumError) in
                try sealed.withBytes { (sealed) throws(SodiumError) in
                    try [UInt8].filled(count: max(0, sealed.byteCount - 16)) { (output) throws(SodiumError) in
                        try XChaCha20Poly1305.open(
                            sealed, key: key, nonce: nonce, associatedData: associatedData, into: &output)
                    }
                }
            }
        }
        #expect(open(sealed, nonce, associatedData) == plaintext)
        #expect(open(sealed, nonce, []) == nil)
        #expect(open(sealed, nonce.reversed(), associatedData) == nil)
        for count in 0..<sealed.count { #expect(open(Array(sealed[..<count]), nonce, associatedData) == nil) }
        for bit in 0..<(sealed.count * 8) {
            var changed = sealed
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(open(changed, nonce, associatedData) == nil)
        }
    }

    @Test(arguments: [0, 1, 63, 64, 65, 1_000, 65_536])
    func `sealing in place gives the same bytes, and verifying accepts just these`(count: Int) {
        let (key, nonce) = (RandomBytes.make(32), RandomBytes.make(12))
        let plaintext = RandomBytes.make(count)
        func isVerified(_ sealed: [UInt8]) -> Bool {
            key.withBytes { key in
                sealed.withBytes { sealed in
                    (try? ChaCha20Poly1305.verify(sealed, key: key, nonce: nonce)) != nil
                }
            }
        }
        let apart = key.withBytes { key in
            plaintext.withBytes { plaintext in
                [UInt8].filled(count: count + 16) {
                    ChaCha20Poly1305.seal(plaintext, key: key, nonce: nonce, into: &$0)
                }
            }
        }
        let inPlace = [UInt8].filled(count: count + 16) { output in
            plaintext.withBytes { $0.copy(into: &output) }
            key.withBytes { ChaCha20Poly1305.seal(inPlace: &output, key: $0, nonce: nonce) }
        }
        #expect(inPlace == apart)
        func openedInPlace(_ sealed: [UInt8]) -> (isAuthentic: Bool, text: [UInt8]) {
            var isAuthentic = false
            let text = [UInt8].filled(count: sealed.count) { output in
                sealed.withBytes { $0.copy(into: &output) }
                isAuthentic = key.withBytes { key in
                    (try? ChaCha20Poly1305.open(inPlace: &output, key: key, nonce: nonce)) != nil
                }
            }
            return (isAuthentic, text)
        }
        let opened = openedInPlace(apart)
        #expect(opened.isAuthentic)
        #expect(Array(opened.text.prefix(count)) == plaintext)
        #expect(isVerified(apart))
        for bit in [0, 7, count * 8, (count + 16) * 8 - 1] {
            var changed = apart
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!isVerified(changed))
            let refused = openedInPlace(changed)
            #expect(!refused.isAuthentic)
            #expect(refused.text == changed)
        }
        #expect(!isVerified(Array(apart.dropLast())))
        #expect(!isVerified([]))
    }

    @Test func `an opening that fails leaves nothing of the plaintext`() {
        let key = [UInt8](repeating: 1, count: 32)
        let nonce = [UInt8](repeating: 2, count: 12)
        let sealed = key.withBytes { key in
            Array("attack at dawn".utf8).withBytes { plaintext in
                [UInt8].filled(count: 30) {
                    ChaCha20Poly1305.seal(plaintext, key: key, nonce: nonce, into: &$0)
                }
            }
        }
        let changed = Array(sealed.dropLast()) + [sealed[29] ^ 1]
        let output = [UInt8].filled(count: 14) { output in
            key.withBytes { key in
                changed.withBytes { changed in
                    _ = #expect(throws: SodiumError.self) {
                        try ChaCha20Poly1305.open(changed, key: key, nonce: nonce, into: &output)
                    }
                }
            }
        }
        #expect(output == [UInt8](repeating: 0, count: 14))
    }
}
