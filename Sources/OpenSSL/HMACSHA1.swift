internal import CCrypto

/// HMAC-SHA-1 (RFC 2104), for the host names that known_hosts hides (sshd(8)) and for nothing else: no decision rests
/// on the hash's collision resistance.
package enum HMACSHA1 {
    private static let byteCount = 20

    /// The code, 20 bytes (HMAC(3)); nil where libcrypto can't be had, or computes none.
    package static func authenticate(_ message: [UInt8], key: [UInt8]) -> [UInt8]? {
        guard OpenSSL.isPrepared, let keyByteCount = Int32(exactly: key.count) else { return nil }
        var code = [UInt8](repeating: 0, count: byteCount)
        var written: UInt32 = 0
        let result = unsafe HMAC(
            EVP_sha1(), key, keyByteCount, message, message.count, &code, &written)
        guard unsafe result != nil, written == UInt32(byteCount) else {
            ERR_clear_error()
            return nil
        }
        return code
    }
}
