import Glibc
import OpenSSL
import Sodium

/// XChaCha20-Poly1305 for pieces: HChaCha20 by libsodium, then ChaCha20-Poly1305 by libcrypto, which takes less than half
/// of the time of libsodium's own and gives the same bytes; libsodium's own where libcrypto can't be had. One task at a
/// time.
final class PieceCipher {
    private let fast = ChaCha20Poly1305Context()
    // The derived key, written anew for each piece.
    private var derived = SecretScratch(byteCount: ChaCha20Poly1305Context.keyByteCount)
    private let nonce = ByteBlock(capacity: ChaCha20Poly1305Context.nonceByteCount)

    /// Bytes of the long nonce.
    static let nonceByteCount = XChaCha20Poly1305.nonceByteCount
    /// Bytes that sealing adds to the plaintext.
    static let tagByteCount = XChaCha20Poly1305.tagByteCount

    /// Writes ciphertext and tag of `head` and then `plaintext` into `output`, which is 16 bytes longer; `nonce` has 24 bytes
    /// and is used once.
    func seal(
        head: UInt8? = nil, _ plaintext: RawSpan, key: DataKey, nonce: RawSpan, associatedData: [UInt8],
        into output: inout MutableRawSpan
    ) {
        let isSealed = withDerived(key, nonce, associatedData) { fast, key, nonce, data in
            fast.seal(
                head: head, plaintext, key: key, nonce: nonce, associatedData: data, into: &output)
        }
        if isSealed { return }
        let whole = (head.map { [$0] } ?? []) + plaintext.array
        whole.withBytes { whole in
            key.secret.withBytes {
                XChaCha20Poly1305.seal(
                    whole, key: $0, nonce: nonce.array, associatedData: associatedData, into: &output)
            }
        }
    }

    /// Writes the plaintext of `ciphertext` into `output`, which is 16 bytes shorter. Throws `notAuthentic`.
    func open(
        _ ciphertext: RawSpan, key: DataKey, nonce: RawSpan, associatedData: [UInt8],
        into output: inout MutableRawSpan
    ) throws(SodiumError) {
        let isOpened = withDerived(key, nonce, associatedData) { fast, key, nonce, data in
            fast.open(ciphertext, key: key, nonce: nonce, associatedData: data, into: &output)
        }
        if isOpened { return }
        // Failures are rare: libsodium says the last word, and names what failed.
        try key.secret.withBytes { (key) throws(SodiumError) in
            try XChaCha20Poly1305.open(
                ciphertext, key: key, nonce: nonce.array, associatedData: associatedData, into: &output)
        }
    }

    /// Hands libcrypto's cipher the derived key, the short nonce (four zeros and the last eight bytes of the long one) and
    /// the associated data. False where it can't be had, or can't do it.
    private func withDerived(
        _ key: DataKey, _ long: RawSpan, _ associatedData: [UInt8],
        _ body: (ChaCha20Poly1305Context, _ key: RawSpan, _ nonce: RawSpan, _ associatedData: RawSpan) -> Bool
    ) -> Bool {
        guard let fast else { return false }
        nonce.withMutableBytes(12) { output in
            output.storeBytes(of: 0, as: UInt32.self)
            long.extracting(16..<24).copy(into: &output, at: 4)
        }
        return key.secret.withBytes { key in
            derived.with { output in
                HChaCha20.derive(key, nonce: long.extracting(0..<16), into: &output)
            } _: { derived in
                nonce.withBytes(0..<12) { nonce in
                    associatedData.withBytes { data in body(fast, derived, nonce, data) }
                }
            }
        }
    }
}

/// The associated data of pieces: made once for a store and a kind; id and generation, the last 40 bytes, change.
struct AssociatedData {
    private var store: StoreID?
    private var kind: SealedKind?
    private var bytes: [UInt8] = []

    /// What `SealedKind.associatedData` gives for the piece.
    mutating func bytes(
        _ store: StoreID, _ kind: SealedKind, _ id: some ContentIdentifier
    ) -> [UInt8] {
        guard store == self.store, kind == self.kind else {
            (self.store, self.kind) = (store, kind)
            bytes = kind.associatedData(store: store, id: id.hash.bytes, generation: UInt64(id.keyNumber))
            return bytes
        }
        let words = id.hash.words
        var offset = bytes.count - 40
        for word in [words.0, words.1, words.2, words.3, UInt64(id.keyNumber)] {
            unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe buffer.storeBytes(of: word.bigEndian, toByteOffset: offset, as: UInt64.self)
            }
            offset += 8
        }
        return bytes
    }
}
