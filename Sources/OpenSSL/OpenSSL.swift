// libcrypto of the system's OpenSSL, for what libsodium lacks: ECDSA and RSA signatures. It is loaded when the first
// of them is met (CLate), so that it costs no start-up time, and no build time as BoringSSL would. Sole importer of
// CCrypto.
internal import CCrypto
internal import CLate

/// The library as a whole.
enum OpenSSL {
    /// Whether the library is ready: loaded, and prepared without its configuration file, which OPENSSL_CONF could name and
    /// which can load code (OPENSSL_init_crypto(3)).
    static let isPrepared =
        unsafe strongroom_load_openssl() == nil
        && OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_LOAD_CONFIG), nil) == 1
}

/// A hash function that signatures are made over.
package enum SignatureHash: Sendable, CaseIterable {
    /// SHA-256 (FIPS 180-4).
    case sha256
    /// SHA-384.
    case sha384
    /// SHA-512.
    case sha512

    /// OpenSSL's name.
    var name: String {
        switch self {
        case .sha256: "SHA256"
        case .sha384: "SHA384"
        case .sha512: "SHA512"
        }
    }
}
