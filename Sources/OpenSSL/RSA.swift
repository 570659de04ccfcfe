/// RSASSA-PKCS1-v1_5 (RFC 8017 §8.2), verifying alone.
package enum RSA {
    /// Whether `signature` is one over `message` by the key of `modulus` and `exponent` (big-endian). A signature that
    /// is not as long as the modulus is a plain no; so is an exponent that OpenSSL finds too long.
    package static func verify(
        _ signature: [UInt8], message: [UInt8], modulus: [UInt8], exponent: [UInt8], hash: SignatureHash
    ) -> Bool {
        let digits = modulus.drop { $0 == 0 }
        guard signature.count == digits.count,
            let key = PublicKey(subjectPublicKeyInfo: info(modulus, exponent))
        else { return false }
        return key.verifies(signature, message: message, hash: hash)
    }

    /// RFC 3279 §2.3.1: rsaEncryption.
    private static func info(_ modulus: [UInt8], _ exponent: [UInt8]) -> [UInt8] {
        let algorithm = DER.objectIdentifier([0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01])
        let key = DER.sequence(DER.integer(modulus), DER.integer(exponent))
        return DER.sequence(DER.sequence(algorithm, DER.null), DER.bitString(key))
    }
}
