internal import CSodium

/// ChaCha20-Poly1305 (RFC 8439; crypto_aead_chacha20poly1305_ietf): 32-byte key, 12-byte nonce, 16-byte tag.
package enum ChaCha20Poly1305 {
    /// Bytes that sealing adds.
    package static let tagByteCount = 16
    /// Bytes of a nonce.
    package static let nonceByteCount = 12

    /// Writes ciphertext and tag of `plaintext` into `output`, which is 16 bytes longer. A nonce must not be used
    /// twice under one key.
    package static func seal(
        _ plaintext: RawSpan, key: RawSpan, nonce: [UInt8], associatedData: [UInt8] = [],
        into output: inout MutableRawSpan
    ) {
        precondition(key.byteCount == 32 && nonce.count == 12 && output.byteCount == plaintext.byteCount + 16)
        unsafe plaintext.withPointer { source, count in
            unsafe key.withPointer { key, _ in
                unsafe output.withMutablePointer { target, _ in
                    _ = unsafe crypto_aead_chacha20poly1305_ietf_encrypt(
                        target, nil, source, UInt64(count), associatedData, UInt64(associatedData.count), nil,
                        nonce,
                        key)
                }
            }
        }
    }

    /// Writes the plaintext of `ciphertext` (with tag) into `output`, which is 16 bytes shorter. Throws
    /// `notAuthentic` where the tag does not fit; `output` then holds nothing of the plaintext.
    package static func open(
        _ ciphertext: RawSpan, key: RawSpan, nonce: [UInt8], associatedData: [UInt8] = [],
        into output: inout MutableRawSpan
    ) throws(SodiumError) {
        precondition(key.byteCount == 32 && nonce.count == 12)
        guard ciphertext.byteCount >= 16 else { throw SodiumError(.notAuthentic, "ChaCha20-Poly1305") }
        precondition(output.byteCount == ciphertext.byteCount - 16)
        let status = unsafe ciphertext.withPointer { source, count in
            unsafe key.withPointer { key, _ in
                unsafe output.withMutablePointer { target, _ in
                    unsafe crypto_aead_chacha20poly1305_ietf_decrypt(
                        target, nil, nil, source, UInt64(count), associatedData, UInt64(associatedData.count),
                        nonce,
                        key)
                }
            }
        }
        guard status == 0 else { throw SodiumError(.notAuthentic, "ChaCha20-Poly1305") }
    }
}

/// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha; crypto_aead_xchacha20poly1305_ietf): 32-byte key, 24-byte nonce.
package enum XChaCha20Poly1305 {
    /// Bytes that sealing adds.
    package static let tagByteCount = 16
    /// Bytes of a nonce.
    package static let nonceByteCount = 24

    /// Writes ciphertext and tag of `plaintext` into `output`, which is 16 bytes longer.
    package static func seal(
        _ plaintext: RawSpan, key: RawSpan, nonce: [UInt8], associatedData: [UInt8] = [],
        into output: inout MutableRawSpan
    ) {
        precondition(key.byteCount == 32 && nonce.count == 24 && output.byteCount == plaintext.byteCount + 16)
        unsafe plaintext.withPointer { source, count in
            unsafe key.withPointer { key, _ in
                unsafe output.withMutablePointer { target, _ in
                    _ = unsafe crypto_aead_xchacha20poly1305_ietf_encrypt(
                        target, nil, source, UInt64(count), associatedData, UInt64(associatedData.count), nil,
                        nonce,
                        key)
                }
            }
        }
    }

    /// Writes the plaintext of `ciphertext` (with tag) into `output`, which is 16 bytes shorter. Throws
    /// `notAuthentic` where the tag does not fit; `output` then holds nothing of the plaintext.
    package static func open(
        _ ciphertext: RawSpan, key: RawSpan, nonce: [UInt8], associatedData: [UInt8] = [],
        into output: inout MutableRawSpan
    ) throws(SodiumError) {
        precondition(key.byteCount == 32 && nonce.count == 24)
        guard ciphertext.byteCount >= 16 else { throw SodiumError(.notAuthentic, "XChaCha20-Poly1305") }
        precondition(output.byteCount == ciphertext.byteCount - 16)
        let status = unsafe ciphertext.withPointer { source, count in
            unsafe key.withPointer { key, _ in
                unsafe output.withMutablePointer { target, _ in
                    unsafe crypto_aead_xchacha20poly1305_ietf_decrypt(
                        target, nil, nil, source, UInt64(count), associatedData, UInt64(associatedData.count),
                        nonce,
                        key)
                }
            }
        }
        guard status == 0 else { throw SodiumError(.notAuthentic, "XChaCha20-Poly1305") }
    }
}
