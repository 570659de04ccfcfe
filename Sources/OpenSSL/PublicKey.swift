internal import CCrypto

/// A public key as libcrypto holds it (EVP_PKEY(3)).
@safe struct PublicKey: ~Copyable {
    private let key: OpaquePointer

    deinit { unsafe EVP_PKEY_free(key) }

    /// The key of a SubjectPublicKeyInfo (RFC 5280 §4.1); nil where OpenSSL takes it for none, as where a point is
    /// not on its curve (d2i_PUBKEY(3)).
    init?(subjectPublicKeyInfo: [UInt8]) {
        guard OpenSSL.isPrepared else { return nil }
        let key = unsafe subjectPublicKeyInfo.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            return unsafe d2i_PUBKEY(nil, &start, bytes.count)
        }
        guard let key = unsafe key else {
            ERR_clear_error()
            return nil
        }
        unsafe self.key = key
    }

    /// Whether `signature` is one over `message` (EVP_DigestVerify(3)). Whatever OpenSSL finds wrong is a plain no.
    borrowing func verifies(_ signature: [UInt8], message: [UInt8], hash: SignatureHash) -> Bool {
        defer { ERR_clear_error() }
        guard let context = unsafe EVP_MD_CTX_new() else { return false }
        defer { unsafe EVP_MD_CTX_free(context) }
        guard unsafe EVP_DigestVerifyInit_ex(context, nil, hash.name, nil, nil, key, nil) == 1 else {
            return false
        }
        return unsafe EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }
}
