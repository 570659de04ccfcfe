internal import CSodium

/// ChaCha20-Poly1305 (RFC 8439; crypto_aead_chacha20poly1305_ietf): 32-byte key, 12-byte nonce, 16-byte tag.
package enum ChaCha20Poly1305 {
    /// Bytes that sealing adds.
    package static let tagByteCount = 16
    /// Bytes of a nonce.
    package static let nonceByteCount = 12
    private static let cipher = unsafe Cipher(
        name: "ChaCha20-Poly1305", nonceByteCount: nonceByteCount,
        encrypt: crypto_aead_chacha20poly1305_ietf_encrypt, decrypt: crypto_aead_chacha20poly1305_ietf_decrypt
    )

    /// Writes ciphertext and tag of `plaintext` into `output`, which is 16 bytes longer. A nonce must not be used
    /// twice under one key.
    package static func seal(
        _ plaintext: RawSpan, key: RawSpan, nonce: [UInt8], associatedData: [UInt8] = [],
        into output: inout MutableRawSpan
    ) {
        cipher.seal(plaintext, key, nonce, associatedData, into: &output)
    }

    /// Writes the plaintext of `ciphertext` (with tag) into `output`, which is 16 bytes shorter. Throws
    /// `notAuthentic` where the tag does not fit; `output` then holds nothing of the plaintext.
    package static func open(
        _ ciphertext: RawSpan, key: RawSpan, nonce: [UInt8], associatedData: [UInt8] = [],
        into output: inout MutableRawSpan
    ) throws(SodiumError) {
        try cipher.open(ciphertext, key, nonce, associatedData, into: &output)
    }

    /// Puts ciphertext and tag in the place of the plaintext that `text` holds before its last 16 bytes.
    package static func seal(inPlace text: inout MutableRawSpan, key: RawSpan, nonce: [UInt8]) {
        cipher.seal(inPlace: &text, key, nonce)
    }

    /// Puts the plaintext in the place of the ciphertext that `text` holds before its last 16 bytes, the tag. Throws
    /// `notAuthentic` where the tag does not fit; `text` is then as it was.
    package static func open(
        inPlace text: inout MutableRawSpan, key: RawSpan, nonce: [UInt8]
    ) throws(SodiumError) {
        try cipher.verify(text.bytes, key, nonce)
        // What the library's function does when the tag fits: block 0 of the key stream went into the tag's key.
        unsafe key.withPointer { key, _ in
            unsafe text.withMutablePointer { text, count in
                _ = unsafe crypto_stream_chacha20_ietf_xor_ic(
                    text, UnsafePointer(text), UInt64(count - tagByteCount), nonce, 1, key)
            }
        }
    }

    /// Throws `notAuthentic` where the tag of `ciphertext` does not fit, as `open` does, and decrypts nothing: a third
    /// of the work.
    package static func verify(
        _ ciphertext: RawSpan, key: RawSpan, nonce: [UInt8]
    ) throws(SodiumError) {
        try cipher.verify(ciphertext, key, nonce)
    }
}

/// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha; crypto_aead_xchacha20poly1305_ietf): 32-byte key, 24-byte nonce.
package enum XChaCha20Poly1305 {
    /// Bytes that sealing adds.
    package static let tagByteCount = 16
    /// Bytes of a nonce.
    package static let nonceByteCount = 24
    private static let cipher = unsafe Cipher(
        name: "XChaCha20-Poly1305", nonceByteCount: nonceByteCount,
        encrypt: crypto_aead_xchacha20poly1305_ietf_encrypt,
        decrypt: crypto_aead_xchacha20poly1305_ietf_decrypt)

    /// Writes ciphertext and tag of `plaintext` into `output`, which is 16 bytes longer.
    package static func seal(
        _ plaintext: RawSpan, key: RawSpan, nonce: [UInt8], associatedData: [UInt8] = [],
        into output: inout MutableRawSpan
    ) {
        cipher.seal(plaintext, key, nonce, associatedData, into: &output)
    }

    /// Writes the plaintext of `ciphertext` (with tag) into `output`, which is 16 bytes shorter. Throws
    /// `notAuthentic` where the tag does not fit; `output` then holds nothing of the plaintext.
    package static func open(
        _ ciphertext: RawSpan, key: RawSpan, nonce: [UInt8], associatedData: [UInt8] = [],
        into output: inout MutableRawSpan
    ) throws(SodiumError) {
        try cipher.open(ciphertext, key, nonce, associatedData, into: &output)
    }
}

/// HChaCha20 (draft-irtf-cfrg-xchacha §2.2; crypto_core_hchacha20): XChaCha20-Poly1305 is ChaCha20-Poly1305 under the key
/// that this derives, with a nonce of four zeros and the rest of the long nonce.
package enum HChaCha20 {
    /// Bytes of the nonce that are taken: the first 16 of the 24.
    package static let nonceByteCount = 16

    /// Fills the 32 bytes of `output` with the key derived from `key` (32 bytes) and `nonce` (16 bytes).
    package static func derive(_ key: RawSpan, nonce: RawSpan, into output: inout MutableRawSpan) {
        precondition(key.byteCount == 32 && nonce.byteCount == nonceByteCount && output.byteCount == 32)
        unsafe key.withPointer { key, _ in
            unsafe nonce.withPointer { nonce, _ in
                unsafe output.withMutablePointer { output, _ in
                    _ = unsafe crypto_core_hchacha20(output, nonce, key, nil)
                }
            }
        }
    }
}

/// The two functions of one of libsodium's AEADs, which all have the same shape.
@safe private struct Cipher: Sendable {
    /// As crypto_aead_*_encrypt(c, clen, m, mlen, ad, adlen, nsec, npub, k).
    typealias Encrypt =
        @Sendable (
            UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<UInt64>?, UnsafePointer<UInt8>?, UInt64,
            UnsafePointer<UInt8>?, UInt64, UnsafePointer<UInt8>?, UnsafePointer<UInt8>, UnsafePointer<UInt8>
        ) -> Int32
    /// As crypto_aead_*_decrypt(m, mlen, nsec, c, clen, ad, adlen, npub, k).
    typealias Decrypt =
        @Sendable (
            UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt64>?, UnsafeMutablePointer<UInt8>?,
            UnsafePointer<UInt8>, UInt64, UnsafePointer<UInt8>?, UInt64, UnsafePointer<UInt8>,
            UnsafePointer<UInt8>
        ) -> Int32

    let name: String
    let nonceByteCount: Int
    let encrypt: Encrypt
    let decrypt: Decrypt

    func seal(
        _ plaintext: RawSpan, _ key: RawSpan, _ nonce: [UInt8], _ associatedData: [UInt8],
        into output: inout MutableRawSpan
    ) {
        precondition(key.byteCount == 32 && nonce.count == nonceByteCount)
        precondition(output.byteCount == plaintext.byteCount + 16)
        unsafe plaintext.withPointer { source, count in
            unsafe key.withPointer { key, _ in
                unsafe output.withMutablePointer { target, _ in
                    _ = unsafe encrypt(
                        target, nil, source, UInt64(count), associatedData, UInt64(associatedData.count), nil,
                        nonce,
                        key)
                }
            }
        }
    }

    func seal(inPlace text: inout MutableRawSpan, _ key: RawSpan, _ nonce: [UInt8]) {
        precondition(key.byteCount == 32 && nonce.count == nonceByteCount && text.byteCount >= 16)
        unsafe key.withPointer { key, _ in
            unsafe text.withMutablePointer { text, count in
                _ = unsafe encrypt(
                    text, nil, UnsafePointer(text), UInt64(count - 16), nil, 0, nil, nonce, key)
            }
        }
    }

    func verify(_ ciphertext: RawSpan, _ key: RawSpan, _ nonce: [UInt8]) throws(SodiumError) {
        precondition(key.byteCount == 32 && nonce.count == nonceByteCount)
        guard ciphertext.byteCount >= 16 else { throw SodiumError(.notAuthentic, name) }
        let status = unsafe ciphertext.withPointer { source, count in
            unsafe key.withPointer { key, _ in
                // Without a place for the plaintext the tag alone is looked at (aead_chacha20poly1305.c).
                unsafe decrypt(nil, nil, nil, source, UInt64(count), nil, 0, nonce, key)
            }
        }
        guard status == 0 else { throw SodiumError(.notAuthentic, name) }
    }

    func open(
        _ ciphertext: RawSpan, _ key: RawSpan, _ nonce: [UInt8], _ associatedData: [UInt8],
        into output: inout MutableRawSpan
    ) throws(SodiumError) {
        precondition(key.byteCount == 32 && nonce.count == nonceByteCount)
        guard ciphertext.byteCount >= 16 else { throw SodiumError(.notAuthentic, name) }
        precondition(output.byteCount == ciphertext.byteCount - 16)
        let status = unsafe ciphertext.withPointer { source, count in
            unsafe key.withPointer { key, _ in
                unsafe output.withMutablePointer { target, _ in
                    unsafe decrypt(
                        target, nil, nil, source, UInt64(count), associatedData, UInt64(associatedData.count),
                        nonce,
                        key)
                }
            }
        }
        guard status == 0 else { throw SodiumError(.notAuthentic, name) }
    }
}
