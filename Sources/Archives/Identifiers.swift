import Encodings
import Sodium

/// 32 bytes of a hash or an id, compared and ordered as bytes.
package struct Digest: Hashable, Comparable, Sendable {
    // Big-endian words, so that their order is the order of the bytes.
    /// The bytes in order.
    let words: (UInt64, UInt64, UInt64, UInt64)

    /// The digest of exactly 32 `bytes`. Traps on another count.
    package init(_ bytes: some Collection<UInt8>) {
        precondition(bytes.count == 32, "a digest has 32 bytes")
        var words: [UInt64] = [0, 0, 0, 0]
        var index = 0
        for byte in bytes {
            words[index / 8] = words[index / 8] << 8 | UInt64(byte)
            index += 1
        }
        self.words = (words[0], words[1], words[2], words[3])
    }

    /// The digest at `offset` of `bytes`. Traps where fewer than 32 bytes follow.
    package init(_ bytes: RawSpan, at offset: Int) {
        precondition(offset >= 0 && offset <= bytes.byteCount - 32)
        func word(_ index: Int) -> UInt64 {
            unsafe UInt64(
                bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset + 8 * index, as: UInt64.self))
        }
        words = (word(0), word(1), word(2), word(3))
    }

    /// H of `bytes`: unkeyed BLAKE2b-256.
    package init(hashing bytes: [UInt8]) {
        self.init(BLAKE2b.hash(bytes))
    }

    /// 32 zero bytes: the hash of what precedes a first member of a chain.
    package static let zero = Digest([UInt8](repeating: 0, count: 32))

    /// The bytes.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32)
        for word in [words.0, words.1, words.2, words.3] {
            for shift in stride(from: UInt64(56), through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        return bytes
    }

    /// Whether both hold the same bytes.
    package static func == (left: Digest, right: Digest) -> Bool { left.words == right.words }

    /// Feeds a hasher of the standard library.
    package func hash(into hasher: inout Hasher) {
        // Ids are hashes: one word tells them apart.
        hasher.combine(words.0)
    }

    /// The order of the bytes.
    package static func < (left: Digest, right: Digest) -> Bool { left.words < right.words }
}

/// A 32-byte name: the hash of an object's bytes, as 64 hexadecimal digits in text.
package protocol ObjectIdentifier: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The 32 bytes.
    var digest: Digest { get }
    /// The name of these 32 bytes.
    init(_ digest: Digest)
}

extension ObjectIdentifier {
    /// The name in a text of exactly 64 lower-case hexadecimal digits; nil for any other.
    package init?(_ text: String) {
        guard let bytes = try? Hex.decode(text), bytes.count == 32 else { return nil }
        self.init(Digest(bytes))
    }

    /// 64 lower-case hexadecimal digits.
    package var description: String { Hex.encode(digest.bytes) }

    /// The order of the bytes.
    package static func < (left: Self, right: Self) -> Bool { left.digest < right.digest }
}

/// The random id of a store, fixed at its creation.
package struct StoreID: ObjectIdentifier {
    /// The 32 bytes.
    package let digest: Digest
    /// The name of these 32 bytes.
    package init(_ digest: Digest) { self.digest = digest }
}

/// The name of a pack: SHA-256 of all its bytes.
package struct PackName: ObjectIdentifier {
    /// The 32 bytes.
    package let digest: Digest
    /// The name of these 32 bytes.
    package init(_ digest: Digest) { self.digest = digest }
}

/// The name of an index object: H of all its bytes.
package struct IndexName: ObjectIdentifier {
    /// The 32 bytes.
    package let digest: Digest
    /// The name of these 32 bytes.
    package init(_ digest: Digest) { self.digest = digest }
}

/// The id of a snapshot: H of all bytes of its object.
package struct SnapshotID: ObjectIdentifier {
    /// The 32 bytes.
    package let digest: Digest
    /// The name of these 32 bytes.
    package init(_ digest: Digest) { self.digest = digest }
}

/// The id of a stored piece: the number of the `write` key and a keyed hash of the plaintext under it.
package protocol ContentIdentifier: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Which `write` key made the hash, from 1.
    var keyNumber: UInt32 { get }
    /// The keyed hash.
    var hash: Digest { get }
    /// The id of a key number and a hash.
    init(keyNumber: UInt32, hash: Digest)
}

extension ContentIdentifier {
    /// Key number and hexadecimal digits, for messages.
    package var description: String { "\(keyNumber):\(Hex.encode(hash.bytes))" }

    /// By key number, then hash.
    package static func < (left: Self, right: Self) -> Bool {
        (left.keyNumber, left.hash) < (right.keyNumber, right.hash)
    }

    /// 4 bytes of number and 32 of hash: what associated data and children lists hold.
    var bytes: [UInt8] {
        var writer = CanonicalWriter()
        writer.uint32(keyNumber)
        writer.raw(hash.bytes)
        return writer.bytes
    }

    /// Reads what `bytes` gives.
    init(from reader: inout CanonicalReader) throws {
        let number = try reader.uint32()
        guard number > 0 else { throw EncodingError(.nonCanonical, "key number 0") }
        self.init(keyNumber: number, hash: Digest(try reader.raw(32)))
    }
}

/// The id of a chunk of content (FORMAT.md §6).
package struct ChunkID: ContentIdentifier {
    /// Which `write` key made the hash, from 1.
    package let keyNumber: UInt32
    /// The keyed hash.
    package let hash: Digest
    /// The id of a key number and a hash.
    package init(keyNumber: UInt32, hash: Digest) {
        self.keyNumber = keyNumber
        self.hash = hash
    }
}

/// The id of a node of a tree of entries or of a chunk list (FORMAT.md §9).
package struct NodeID: ContentIdentifier {
    /// Which `write` key made the hash, from 1.
    package let keyNumber: UInt32
    /// The keyed hash.
    package let hash: Digest
    /// The id of a key number and a hash.
    package init(keyNumber: UInt32, hash: Digest) {
        self.keyNumber = keyNumber
        self.hash = hash
    }
}
