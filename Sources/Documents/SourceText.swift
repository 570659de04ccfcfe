internal import Glibc

/// The text that a reader works on, for the time of one read: bounds-checked bytes.
@safe struct SourceText {
    private let buffer: UnsafeRawBufferPointer
    /// The size, in bytes.
    let count: Int

    /// Lends a buffer, which must outlive this value.
    init(_ buffer: UnsafeRawBufferPointer) {
        unsafe self.buffer = buffer
        count = buffer.count
    }

    /// The byte at an offset. Traps outside of the bounds.
    subscript(offset: Int) -> UInt8 {
        precondition(offset >= 0 && offset < count)
        return unsafe buffer[offset]
    }

    /// The byte at an offset, 0 outside of the bounds.
    func byte(_ offset: Int) -> UInt8 {
        offset >= 0 && offset < count ? unsafe buffer[offset] : 0
    }

    /// Whether the text begins with these bytes.
    func hasPrefix(_ prefix: [UInt8]) -> Bool {
        count >= prefix.count && prefix.indices.allSatisfy { self[$0] == prefix[$0] }
    }

    /// Whether the text from an offset on equals an ASCII word.
    func matches(_ word: StaticString, at offset: Int) -> Bool {
        guard offset + word.utf8CodeUnitCount <= count, let base = unsafe buffer.baseAddress else {
            return false
        }
        return unsafe memcmp(base + offset, word.utf8Start, word.utf8CodeUnitCount) == 0
    }

    /// Whether a range of the text equals other bytes of the same count.
    func matches(_ other: UnsafeMutablePointer<UInt8>, at offset: Int, count length: Int) -> Bool {
        guard offset >= 0, length > 0, offset + length <= count, let base = unsafe buffer.baseAddress else {
            return length == 0
        }
        return unsafe memcmp(base + offset, other, length) == 0
    }

    /// Adds a range of the text to a store.
    func append(_ range: Range<Int>, to store: WipedBytes) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        unsafe store.append(UnsafeRawBufferPointer(rebasing: buffer[range]))
    }

    /// Whether every byte from an offset on is ASCII.
    func isASCII(from start: Int) -> Bool {
        var position = start
        while position + 8 <= count {
            let word = unsafe buffer.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            if word & 0x8080_8080_8080_8080 != 0 { return false }
            position += 8
        }
        while position < count {
            if self[position] & 0x80 != 0 { return false }
            position += 1
        }
        return true
    }

    /// The size of the UTF-8 character at an offset, 0 where it is not well-formed (RFC 3629 §4).
    func characterWidth(at offset: Int) -> Int {
        func isTail(_ ahead: Int) -> Bool { byte(offset + ahead) & 0xC0 == 0x80 }
        let (first, second) = (byte(offset), byte(offset + 1))
        switch first {
        case 0x00...0x7F:
            return offset < count ? 1 : 0
        case 0xC2...0xDF:
            return isTail(1) ? 2 : 0
        case 0xE0...0xEF:
            guard isTail(1), isTail(2) else { return 0 }
            return (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ? 0 : 3
        case 0xF0...0xF4:
            guard isTail(1), isTail(2), isTail(3) else { return 0 }
            return (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F) ? 0 : 4
        default:
            return 0
        }
    }
}
