package import Sodium

/// The 16-byte key of one age file (C2SP age.md, "File key"), from which its header and payload keys derive.
package struct FileKey: ~Copyable, Sendable {
    /// Bytes of a file key.
    package static let byteCount = 16
    /// Bytes of a file key wrapped by X25519, scrypt or ssh-ed25519: key and tag.
    static let wrappedByteCount = 32
    /// A wrapping key is used once, so that its nonce is fixed (C2SP age.md, "X25519 recipient stanza").
    private static let wrappingNonce = [UInt8](repeating: 0, count: 12)

    private let bytes: SecretBytes

    /// A fresh random key.
    package init() {
        bytes = SecretBytes(randomCount: FileKey.byteCount)
    }

    /// The key of exactly 16 `bytes`. Traps at another length.
    package init(_ bytes: consuming SecretBytes) {
        precondition(bytes.byteCount == FileKey.byteCount, "a file key has 16 bytes")
        self.bytes = bytes
    }

    /// Lends the 16 bytes for the time of `body`.
    package func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try bytes.withBytes(body)
    }

    /// Another region with the same key.
    package func copy() -> FileKey { FileKey(bytes.copy()) }

    /// Whether both are the same key, in constant time.
    package func isEqual(to other: borrowing FileKey) -> Bool { bytes.isEqual(to: other.bytes) }

    /// `byteCount` bytes of HKDF-SHA-256 over the key, with `salt` and the ASCII `info`.
    package func derive(salt: [UInt8], info: String, byteCount: Int = 32) -> SecretBytes {
        bytes.withBytes { HKDF.derive(from: $0, salt: salt, info: info, byteCount: byteCount) }
    }

    /// The key, sealed under the single-use 32-byte `wrappingKey`: 32 bytes.
    func wrapped(under wrappingKey: borrowing SecretBytes) -> [UInt8] {
        bytes.withBytes { bytes in
            wrappingKey.withBytes { key in
                [UInt8].filled(count: FileKey.wrappedByteCount) { output in
                    ChaCha20Poly1305.seal(bytes, key: key, nonce: FileKey.wrappingNonce, into: &output)
                }
            }
        }
    }

    /// The key in the 32-byte `body`, nil where `wrappingKey` isn't the one it was sealed under.
    static func unwrapped(_ body: [UInt8], under wrappingKey: borrowing SecretBytes) -> FileKey? {
        precondition(body.count == wrappedByteCount)
        do {
            return FileKey(
                try SecretBytes(byteCount: byteCount) { (output) throws(SodiumError) in
                    try body.withBytes { (body) throws(SodiumError) in
                        try wrappingKey.withBytes { (key) throws(SodiumError) in
                            try ChaCha20Poly1305.open(body, key: key, nonce: wrappingNonce, into: &output)
                        }
                    }
                })
        } catch {
            return nil
        }
    }
}
