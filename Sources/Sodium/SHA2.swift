internal import CSodium

/// SHA-256 (FIPS 180-4; crypto_hash_sha256).
package enum SHA256 {
    /// The 32-byte hash of `bytes`.
    package static func hash(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8].filled(count: 32) { output in
            unsafe output.withMutablePointer { target, _ in
                _ = unsafe crypto_hash_sha256(target, bytes, UInt64(bytes.count))
            }
        }
    }
}

/// SHA-512 (FIPS 180-4; crypto_hash_sha512).
package enum SHA512 {
    /// The 64-byte hash of `bytes`.
    package static func hash(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8].filled(count: 64) { output in
            unsafe output.withMutablePointer { target, _ in
                _ = unsafe crypto_hash_sha512(target, bytes, UInt64(bytes.count))
            }
        }
    }

    /// The 64-byte hash of secret `bytes`, in guarded memory.
    package static func hash(secret bytes: borrowing SecretBytes) -> SecretBytes {
        bytes.withBytes { input in
            SecretBytes(byteCount: 64) { output in
                unsafe input.withPointer { source, count in
                    unsafe output.withMutablePointer { target, _ in
                        _ = unsafe crypto_hash_sha512(target, source, UInt64(count))
                    }
                }
            }
        }
    }
}

/// HMAC-SHA-256 (RFC 2104; crypto_auth_hmacsha256) with keys of any length.
package enum HMACSHA256 {
    /// Writes the 32-byte code of `message` followed by `suffix` under `key` into `output`.
    package static func authenticate(
        _ message: RawSpan, suffix: [UInt8] = [], key: RawSpan, into output: inout MutableRawSpan
    ) {
        precondition(output.byteCount == 32)
        unsafe withUnsafeTemporaryAllocation(of: crypto_auth_hmacsha256_state.self, capacity: 1) { memory in
            guard let state = memory.baseAddress else { return }
            unsafe key.withPointer { _ = unsafe crypto_auth_hmacsha256_init(state, $0, $1) }
            unsafe message.withPointer { _ = unsafe crypto_auth_hmacsha256_update(state, $0, UInt64($1)) }
            _ = unsafe crypto_auth_hmacsha256_update(state, suffix, UInt64(suffix.count))
            unsafe output.withMutablePointer { target, _ in
                _ = unsafe crypto_auth_hmacsha256_final(state, target)
            }
            unsafe sodium_memzero(state, MemoryLayout<crypto_auth_hmacsha256_state>.size)
        }
    }

    /// The 32-byte code of `message` under `key`.
    package static func authenticate(_ message: [UInt8], key: borrowing SecretBytes) -> [UInt8] {
        [UInt8].filled(count: 32) { output in
            message.withBytes { message in key.withBytes { authenticate(message, key: $0, into: &output) } }
        }
    }
}

/// HKDF with SHA-256 (RFC 5869). libsodium has it from 1.0.19; here over its HMAC.
package enum HKDF {
    /// `byteCount` bytes (at most 32) derived from `secret` with `salt` (empty for none) and the ASCII `info`:
    /// extract, then one block of expand (RFC 5869 §2.2, §2.3).
    package static func derive(
        from secret: RawSpan, salt: [UInt8], info: String, byteCount: Int = 32
    ) -> SecretBytes {
        precondition((1...32).contains(byteCount), "one block of HKDF-SHA-256")
        // An empty salt is a key of zeros (RFC 5869 §2.2), which HMAC's padding makes of an empty key.
        let pseudorandomKey = SecretBytes(byteCount: 32) { output in
            salt.withBytes { HMACSHA256.authenticate(secret, key: $0, into: &output) }
        }
        let block = SecretBytes(byteCount: 32) { output in
            Array(info.utf8).withBytes { info in
                pseudorandomKey.withBytes {
                    HMACSHA256.authenticate(info, suffix: [1], key: $0, into: &output)
                }
            }
        }
        return byteCount == 32 ? block : block.slice(0..<byteCount)
    }
}
