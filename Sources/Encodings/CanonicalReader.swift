/// Reads the encoding that `CanonicalWriter` makes; never traps, never reads past the end.
///
/// Every length is checked against what is left before anything is allocated.
package struct CanonicalReader: Sendable {
    private let bytes: [UInt8]
    private let subject: String
    /// The offset of the next unread byte.
    package private(set) var offset = 0

    /// A reader over `bytes`; `subject` names them in errors ("keyring header").
    package init(_ bytes: [UInt8], _ subject: String) {
        self.bytes = bytes
        self.subject = subject
    }

    /// How many bytes are unread.
    package var remaining: Int { bytes.count - offset }

    /// The bytes of one LP field of at most `limit` bytes.
    package mutating func lp(limit: Int = 1 << 26) throws(EncodingError) -> [UInt8] {
        let length = Int(try uint32())
        guard length <= limit else { throw EncodingError(.limitExceeded, "\(subject): field too long") }
        return try raw(length)
    }

    /// One LP field as text. Throws `invalidCharacter` where it isn't UTF-8.
    package mutating func text(limit: Int = 1 << 16) throws(EncodingError) -> String {
        guard let text = String(validating: try lp(limit: limit), as: UTF8.self) else {
            throw EncodingError(.invalidCharacter, "\(subject): text is not UTF-8")
        }
        return text
    }

    /// Exactly `count` bytes without a length.
    package mutating func raw(_ count: Int) throws(EncodingError) -> [UInt8] {
        guard count >= 0, count <= remaining else {
            throw EncodingError(.truncated, "\(subject): ends inside a field")
        }
        defer { offset += count }
        return Array(bytes[offset..<(offset + count)])
    }

    /// One byte.
    package mutating func uint8() throws(EncodingError) -> UInt8 {
        try integer()
    }

    /// 16 bits, big-endian.
    package mutating func uint16() throws(EncodingError) -> UInt16 {
        try integer()
    }

    /// 32 bits, big-endian.
    package mutating func uint32() throws(EncodingError) -> UInt32 {
        try integer()
    }

    /// 64 bits, big-endian.
    package mutating func uint64() throws(EncodingError) -> UInt64 {
        try integer()
    }

    /// The count of a list of items of at least `itemSize` bytes each: never more than what is left could hold.
    package mutating func count(itemSize: Int = 1) throws(EncodingError) -> Int {
        let count = Int(try uint32())
        guard count <= remaining / max(1, itemSize) else {
            throw EncodingError(.truncated, "\(subject): list is longer than the bytes that are left")
        }
        return count
    }

    /// Throws `trailingBytes` unless everything has been read.
    package func end() throws(EncodingError) {
        guard remaining == 0 else {
            throw EncodingError(.trailingBytes, "\(subject): bytes after the last field")
        }
    }

    private mutating func integer<Value: FixedWidthInteger>() throws(EncodingError) -> Value {
        let size = Value.bitWidth / 8
        guard size <= remaining else { throw EncodingError(.truncated, "\(subject): ends inside a number") }
        var value: Value = 0
        for index in 0..<size { value = value &<< 8 | Value(truncatingIfNeeded: bytes[offset + index]) }
        offset += size
        return value
    }
}
