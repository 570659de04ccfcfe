internal import CSodium

/// scrypt (RFC 7914; crypto_pwhash_scryptsalsa208sha256_ll) with r = 8 and p = 1, as age uses it.
package enum Scrypt {
    /// 32 bytes derived from `passphrase` and `salt` with the cost N = 2^`logN`, which takes 2^`logN` KiB of
    /// memory. Throws `invalidParameter` outside 1...30, `unavailable` where memory is short.
    package static func derive(
        passphrase: RawSpan, salt: [UInt8], logN: Int
    ) throws(SodiumError) -> SecretBytes {
        guard (1...30).contains(logN) else { throw SodiumError(.invalidParameter, "scrypt") }
        return try SecretBytes(byteCount: 32) { (output) throws(SodiumError) in
            let status = unsafe passphrase.withPointer { source, count in
                unsafe output.withMutablePointer { target, _ in
                    unsafe crypto_pwhash_scryptsalsa208sha256_ll(
                        source, count, salt, salt.count, 1 << UInt64(logN), 8, 1, target, 32)
                }
            }
            guard status == 0 else { throw SodiumError(.unavailable, "scrypt") }
        }
    }
}
