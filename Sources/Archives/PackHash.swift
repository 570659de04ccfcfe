import OpenSSL
import Sodium

/// SHA-256, by which packs are named and their headers bound to their bodies (FORMAT.md §8): libcrypto's, which uses the
/// processor's instructions for it and takes half of the time of BLAKE2b; libsodium's where libcrypto can't be had. One
/// task at a time.
final class PackHash {
    private let fast = LargeSHA256.Stream()
    private var slow = SHA256.Stream()

    /// A hash of nothing yet.
    init() {}

    /// Adds `bytes`.
    func update(_ bytes: RawSpan) {
        guard let fast else { return slow.update(bytes) }
        fast.update(bytes)
    }

    /// The hash of all bytes so far; more may follow.
    var digest: Digest { Digest(fast?.hash() ?? slow.hash()) }
}

extension PackName {
    /// The name of the pack that is `bytes`.
    init(hashing bytes: [UInt8]) {
        let hash = PackHash()
        bytes.withBytes { hash.update($0) }
        self.init(hash.digest)
    }
}
