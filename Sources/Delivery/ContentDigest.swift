internal import Encodings
internal import Files
internal import Sodium

/// Compares contents without keeping them: BLAKE2b under a key that is made for one opening of a tree. The key stays
/// in the process, and in the file of what is expected at the targets, which none but the service's user reads:
/// elsewhere such a digest says nothing about the value, not even to one who can guess it.
final class ContentDigest: Sendable {
    private let key: SecretBytes

    /// Digests under a new random key.
    init() { key = SecretBytes(randomCount: ContentDigest.keyByteCount) }

    /// Digests under a key that was kept.
    init(key: consuming SecretBytes) { self.key = key }

    /// Content by its length and keyed digest.
    struct Fingerprint: Hashable, Sendable {
        let byteCount: Int64
        let digest: [UInt8]

        /// The beginning of the digest: enough to tell contents apart, in words for people.
        var evidence: String { Hex.encode(digest.prefix(8)) }
    }

    /// Hashes content that comes in pieces.
    struct Stream: ~Copyable {
        private var hash: BLAKE2b.Stream
        private var byteCount: Int64 = 0

        init(_ key: borrowing SecretBytes) { hash = BLAKE2b.Stream(key: key) }

        mutating func update(_ bytes: RawSpan) {
            hash.update(bytes)
            byteCount += Int64(bytes.byteCount)
        }

        consuming func finish() -> Fingerprint {
            let count = byteCount
            return Fingerprint(byteCount: count, digest: hash.finish())
        }
    }

    /// Begins a hash.
    func stream() -> Stream { Stream(key) }

    /// The fingerprint of bytes at hand.
    func fingerprint(of bytes: RawSpan) -> Fingerprint {
        var stream = stream()
        stream.update(bytes)
        return stream.finish()
    }

    /// The fingerprint of a file from its start to its end, read through one wiped buffer.
    func fingerprint(of file: borrowing Descriptor) throws(FileError) -> Fingerprint {
        var stream = stream()
        var buffer = WipedBuffer(byteCount: ContentDigest.stepByteCount)
        var offset: Int64 = 0
        while true {
            let count = try buffer.withMutableBytes(first: buffer.byteCount) { (bytes) throws(FileError) in
                try file.read(into: &bytes, at: offset)
            }
            guard count > 0 else { return stream.finish() }
            buffer.withBytes(first: count) { stream.update($0) }
            offset += Int64(count)
        }
    }

    /// Lends the key, to be kept beside the digests.
    func withKey<Result>(_ body: (RawSpan) -> Result) -> Result { key.withBytes(body) }

    /// A key for those who are asked what stands: made of ours, which they can't make of it.
    var observationKey: SecretBytes {
        key.withBytes { key in
            SecretBytes(byteCount: 32) { output in
                let label = Array("strongroom/observation/v1".utf8)
                label.withBytes { HMACSHA256.authenticate($0, key: key, into: &output) }
            }
        }
    }

    /// Bytes of a key.
    static let keyByteCount = 32
    /// Bytes read at a time: large enough for few calls.
    private static let stepByteCount = 1 << 16
}
