// libcrypto of the system's OpenSSL, for what libsodium lacks: ECDSA and RSA signatures. libgit2 has it in the
// process already (through libssh2), so it costs neither start-up time nor build time; compiling BoringSSL into
// the program would cost both. Sole importer of CCrypto.
internal import CCrypto

/// The library as a whole.
enum OpenSSL {
    /// Whether the library is ready: prepared without its configuration file, which OPENSSL_CONF could name and
    /// which can load code (OPENSSL_init_crypto(3)).
    static let isPrepared = OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_LOAD_CONFIG), nil) == 1
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
