internal import CGit2
internal import Encodings

/// The name of a Git object: the SHA-1 of its type, length and bytes. 20 bytes, ordered as bytes.
package struct ObjectID: Hashable, Comparable, Sendable, CustomStringConvertible {
    private let high: UInt64
    private let middle: UInt64
    private let low: UInt32

    /// The number of bytes.
    package static let byteCount = 20

    /// The id with these 20 bytes; nil for any other number of bytes.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == ObjectID.byteCount else { return nil }
        var (high, middle, low): (UInt64, UInt64, UInt32) = (0, 0, 0)
        for (index, byte) in bytes.enumerated() {
            switch index {
            case 0..<8: high = high << 8 | UInt64(byte)
            case 8..<16: middle = middle << 8 | UInt64(byte)
            default: low = low << 8 | UInt32(byte)
            }
        }
        (self.high, self.middle, self.low) = (high, middle, low)
    }

    /// The id of forty lower-case hexadecimal digits. Throws `invalidObjectID` for anything else.
    package init(hex: some Collection<UInt8>) throws(GitError) {
        guard hex.count == 2 * ObjectID.byteCount, let bytes = try? Hex.decode(hex), let id = ObjectID(bytes)
        else { throw GitError(.invalidObjectID, "not forty lower-case hexadecimal digits") }
        self = id
    }

    /// The id of forty lower-case hexadecimal digits. Throws `invalidObjectID` for anything else.
    package init(hex: String) throws(GitError) { try self.init(hex: Array(hex.utf8)) }

    /// The 20 bytes.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(ObjectID.byteCount)
        for shift in stride(from: 56, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: high >> shift))
        }
        for shift in stride(from: 56, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: middle >> shift))
        }
        for shift in stride(from: 24, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: low >> shift))
        }
        return bytes
    }

    /// Forty lower-case hexadecimal digits.
    package var hex: String { Hex.encode(bytes) }

    /// Forty lower-case hexadecimal digits.
    package var description: String { hex }

    /// Whether all bytes are zero, which is the name of no object.
    package var isZero: Bool { high == 0 && middle == 0 && low == 0 }

    /// The order of the bytes.
    package static func < (left: ObjectID, right: ObjectID) -> Bool {
        (left.high, left.middle, left.low) < (right.high, right.middle, right.low)
    }

    /// The id that a C structure holds.
    init(_ id: git_oid) {
        let words = unsafe withUnsafeBytes(of: id) { bytes in
            unsafe (
                bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self),
                bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
                bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self)
            )
        }
        (high, middle, low) = (
            UInt64(bigEndian: words.0), UInt64(bigEndian: words.1), UInt32(bigEndian: words.2)
        )
    }

    /// The C structure.
    var structure: git_oid {
        var id = git_oid()
        unsafe withUnsafeMutableBytes(of: &id) { bytes in
            unsafe bytes.storeBytes(of: high.bigEndian, toByteOffset: 0, as: UInt64.self)
            unsafe bytes.storeBytes(of: middle.bigEndian, toByteOffset: 8, as: UInt64.self)
            unsafe bytes.storeBytes(of: low.bigEndian, toByteOffset: 16, as: UInt32.self)
        }
        return id
    }
}
