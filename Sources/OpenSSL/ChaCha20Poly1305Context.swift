internal import CCrypto

/// ChaCha20-Poly1305 (RFC 8439; EVP_chacha20_poly1305(3)): more than twice as fast as libsodium's on processors with wide
/// vectors. Holds a context that many calls use in turn; one task at a time.
@safe package final class ChaCha20Poly1305Context {
    private let context: OpaquePointer
    private let cipher: OpaquePointer

    /// Bytes of a key.
    package static let keyByteCount = 32
    /// Bytes of a nonce.
    package static let nonceByteCount = 12
    /// Bytes that sealing adds.
    package static let tagByteCount = 16

    /// A context; nil where libcrypto can't be had, or lacks the cipher.
    package init?() {
        guard OpenSSL.isPrepared, let cipher = unsafe EVP_CIPHER_fetch(nil, "ChaCha20-Poly1305", nil) else {
            return nil
        }
        guard let context = unsafe EVP_CIPHER_CTX_new() else {
            unsafe EVP_CIPHER_free(cipher)
            return nil
        }
        unsafe self.cipher = cipher
        unsafe self.context = context
    }

    deinit {
        // Wipes the key (EVP_CIPHER_CTX_free(3)).
        unsafe EVP_CIPHER_CTX_free(context)
        unsafe EVP_CIPHER_free(cipher)
    }

    /// Writes the ciphertext and tag of `head` and then `plaintext` into `output`, which is 16 bytes longer. A nonce must not
    /// be used twice under one key. False where libcrypto fails, or the plaintext has 2 GiB or more: `output` is then
    /// undefined.
    package func seal(
        head: UInt8? = nil, _ plaintext: RawSpan, key: RawSpan, nonce: RawSpan, associatedData: RawSpan,
        into output: inout MutableRawSpan
    ) -> Bool {
        let headCount = head == nil ? 0 : 1
        precondition(key.byteCount == Self.keyByteCount && nonce.byteCount == Self.nonceByteCount)
        precondition(output.byteCount == headCount + plaintext.byteCount + Self.tagByteCount)
        guard let count = Int32(exactly: plaintext.byteCount),
            let dataCount = Int32(exactly: associatedData.byteCount)
        else { return false }
        let (context, cipher) = unsafe (context, cipher)
        return unsafe output.withUnsafeMutableBytes { output in
            let start = unsafe output.baseAddress?.assumingMemoryBound(to: UInt8.self)
            guard let start = unsafe start else { return false }
            let target = unsafe start + headCount
            let isSealed = unsafe plaintext.with { source in
                unsafe key.with { key in
                    unsafe nonce.with { nonce in
                        unsafe associatedData.with { data in
                            var written: Int32 = 0
                            var first = head ?? 0
                            return unsafe EVP_EncryptInit_ex(context, cipher, nil, key, nonce) == 1
                                && EVP_EncryptUpdate(context, nil, &written, data, dataCount) == 1
                                && (headCount == 0
                                    || EVP_EncryptUpdate(context, start, &written, &first, 1) == 1)
                                && EVP_EncryptUpdate(context, target, &written, source, count) == 1
                                && EVP_EncryptFinal_ex(context, target + Int(count), &written) == 1
                                && EVP_CIPHER_CTX_ctrl(
                                    context, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagByteCount),
                                    target + Int(count)) == 1
                        }
                    }
                }
            }
            if !isSealed { ERR_clear_error() }
            return isSealed
        }
    }

    /// Writes the plaintext of `ciphertext` (with tag) into `output`, which is 16 bytes shorter. False where the tag does
    /// not fit: what stands in `output` then is no plaintext of anybody's.
    package func open(
        _ ciphertext: RawSpan, key: RawSpan, nonce: RawSpan, associatedData: RawSpan,
        into output: inout MutableRawSpan
    ) -> Bool {
        precondition(key.byteCount == Self.keyByteCount && nonce.byteCount == Self.nonceByteCount)
        guard ciphertext.byteCount >= Self.tagByteCount else { return false }
        precondition(output.byteCount == ciphertext.byteCount - Self.tagByteCount)
        guard let count = Int32(exactly: output.byteCount),
            let dataCount = Int32(exactly: associatedData.byteCount)
        else { return false }
        let (context, cipher) = unsafe (context, cipher)
        var nothing: UInt8 = 0
        return unsafe output.withUnsafeMutableBytes { output in
            let start = unsafe output.baseAddress?.assumingMemoryBound(to: UInt8.self)
            let isOpened = unsafe withUnsafeMutablePointer(to: &nothing) { nothing in
                let target = unsafe start ?? nothing
                return unsafe ciphertext.with { source in
                    unsafe key.with { key in
                        unsafe nonce.with { nonce in
                            unsafe associatedData.with { data in
                                var written: Int32 = 0
                                // The tag is only read, though the call takes it as mutable.
                                let tag = unsafe UnsafeMutableRawPointer(mutating: source + Int(count))
                                return unsafe EVP_DecryptInit_ex(context, cipher, nil, key, nonce) == 1
                                    && EVP_CIPHER_CTX_ctrl(
                                        context, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagByteCount), tag) == 1
                                    && EVP_DecryptUpdate(context, nil, &written, data, dataCount) == 1
                                    && EVP_DecryptUpdate(context, target, &written, source, count) == 1
                                    && EVP_DecryptFinal_ex(context, target + Int(count), &written) == 1
                            }
                        }
                    }
                }
            }
            if !isOpened { ERR_clear_error() }
            return isOpened
        }
    }
}

extension RawSpan {
    /// Lends a pointer to the bytes; of no bytes, one that nothing is read from.
    fileprivate func with<Result>(_ body: (UnsafePointer<UInt8>) -> Result) -> Result {
        unsafe withUnsafeBytes { buffer in
            if let base = buffer.baseAddress { return unsafe body(base.assumingMemoryBound(to: UInt8.self)) }
            let nothing: UInt8 = 0
            return unsafe withUnsafePointer(to: nothing) { unsafe body($0) }
        }
    }
}
