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

    /// The 32-byte hash of a part of an array, without a copy of it.
    package static func hash(part bytes: ArraySlice<UInt8>) -> [UInt8] {
        [UInt8].filled(count: 32) { output in
            unsafe bytes.span.bytes.withPointer { source, count in
                unsafe output.withMutablePointer { target, _ in
                    _ = unsafe crypto_hash_sha256(target, source, UInt64(count))
                }
            }
        }
    }

    /// A hash over bytes that come in pieces.
    package struct Stream {
        private var state = crypto_hash_sha256_state()

        /// A hash of nothing yet.
        package init() { _ = unsafe crypto_hash_sha256_init(&state) }

        /// Adds `bytes`.
        package mutating func update(_ bytes: RawSpan) {
            unsafe bytes.withPointer { _ = unsafe crypto_hash_sha256_update(&state, $0, UInt64($1)) }
        }

        /// The 32-byte hash of all bytes so far; more may follow.
        package func hash() -> [UInt8] {
            var copy = state
            return [UInt8].filled(count: 32) { output in
                unsafe output.withMutablePointer { target, _ in
                    _ = unsafe crypto_hash_sha256_final(&copy, target)
                }
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
    /// The most bytes that one call derives (RFC 5869 §2.3).
    package static let byteCountLimit = 255 * 32

    /// `byteCount` bytes (1...8,160) derived from `secret` with `salt` (empty for none) and the ASCII `info`:
    /// extract, then expand (RFC 5869 §2.2, §2.3).
    package static func derive(
        from secret: RawSpan, salt: [UInt8], info: String, byteCount: Int = 32
    ) -> SecretBytes {
        derive(from: secret, salt: salt, info: Array(info.utf8), byteCount: byteCount)
    }

    /// As above, with an `info` of any bytes.
    package static func derive(
        from secret: RawSpan, salt: [UInt8], info: [UInt8], byteCount: Int = 32
    ) -> SecretBytes {
        precondition((1...byteCountLimit).contains(byteCount), "output of HKDF-SHA-256")
        // An empty salt is a key of zeros (RFC 5869 §2.2), which HMAC's padding makes of an empty key.
        let pseudorandomKey = SecretBytes(byteCount: 32) { output in
            salt.withBytes { HMACSHA256.authenticate(secret, key: $0, into: &output) }
        }
        var block = SecretBytes(byteCount: 32) { output in
            info.withBytes { info in
                pseudorandomKey.withBytes {
                    HMACSHA256.authenticate(info, suffix: [1], key: $0, into: &output)
                }
            }
        }
        guard byteCount != 32 else { return block }
        return SecretBytes(byteCount: byteCount) { output in
            for index in 0..<(byteCount + 31) / 32 {
                if index > 0 { block = next(block, info + [UInt8(index + 1)], pseudorandomKey) }
                block.withBytes { block in
                    block.extracting(0..<min(32, byteCount - index * 32)).copy(into: &output, at: index * 32)
                }
            }
        }
    }

    /// The block of expand that follows `previous`.
    private static func next(
        _ previous: borrowing SecretBytes, _ suffix: [UInt8], _ key: borrowing SecretBytes
    ) -> SecretBytes {
        SecretBytes(byteCount: 32) { output in
            previous.withBytes { previous in
                key.withBytes { HMACSHA256.authenticate(previous, suffix: suffix, key: $0, into: &output) }
            }
        }
    }
}
