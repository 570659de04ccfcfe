import Support
import Testing

@testable import Sodium

@Suite(.enabled(if: Vectors.areExpected("wycheproof"), "\(Vectors.absence)"))
struct WycheproofTests {
    @Test func `X25519 agrees with every vector and refuses all-zero secrets`() throws {
        for vector in try Wycheproof("x25519").cases {
            let secret = SecretBytes(try vector.bytes("private"))
            let publicKey = try vector.bytes("public")
            let expected = try vector.bytes("shared")
            let isZero = vector.flags.contains("ZeroSharedSecret")
            do throws(SodiumError) {
                let shared = try X25519.agree(secret: secret, publicKey: publicKey)
                #expect(!isZero, "\(vector.id)")
                let bytes = shared.array
                #expect(bytes == expected, "\(vector.id)")
            } catch {
                #expect(isZero && error.code == .lowOrder, "\(vector.id)")
            }
        }
    }

    @Test func `ChaCha20-Poly1305 agrees with every vector of its nonce length`() throws {
        var otherLengths = 0
        for vector in try Wycheproof("chacha20_poly1305").cases {
            let nonce = try vector.bytes("iv")
            guard nonce.count == ChaCha20Poly1305.nonceByteCount else {
                otherLengths += 1
                continue
            }
            let (key, associatedData) = (try vector.bytes("key"), try vector.bytes("aad"))
            let plaintext = try vector.bytes("msg")
            let sealed = try vector.bytes("ct") + vector.bytes("tag")
            let made = key.withBytes { key in
                plaintext.withBytes { plaintext in
                    [UInt8].filled(count: plaintext.byteCount + 16) {
                        ChaCha20Poly1305.seal(
                            plaintext, key: key, nonce: nonce, associatedData: associatedData, into: &$0)
                    }
                }
            }
            let opened = open(sealed, key, nonce, associatedData)
            #expect((made == sealed) == (vector.result == "valid"), "\(vector.id)")
            #expect(opened == (vector.result == "valid" ? plaintext : nil), "\(vector.id)")
        }
        #expect(otherLengths == 9)
    }

    private func open(
        _ sealed: [UInt8], _ key: [UInt8], _ nonce: [UInt8], _ associatedData: [UInt8]
    ) -> [UInt8]? {
        try? key.withBytes { (key) throws(SodiumError) in
            try sealed.withBytes { (sealed) throws(SodiumError) in
                try [UInt8].filled(count: sealed.byteCount - 16) { (output) throws(SodiumError) in
                    try ChaCha20Poly1305.open(
                        sealed, key: key, nonce: nonce, associatedData: associatedData, into: &output)
                }
            }
        }
    }

    @Test func `HKDF-SHA-256 agrees with every vector that has a result`() throws {
        for vector in try Wycheproof("hkdf_sha256").cases {
            let size = try #require(vector.fields["size"] as? Int)
            guard vector.result == "valid" else {
                #expect(size > HKDF.byteCountLimit)
                continue
            }
            let (secret, salt, info) = (
                try vector.bytes("ikm"), try vector.bytes("salt"), try vector.bytes("info")
            )
            let made = secret.withBytes { HKDF.derive(from: $0, salt: salt, info: info, byteCount: size) }
            let bytes = made.array
            #expect(try bytes == vector.bytes("okm"), "\(vector.id)")
        }
    }
}
