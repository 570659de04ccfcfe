internal import Glibc

extension RawSpan {
    /// The byte at an offset. Traps outside of the bounds.
    subscript(offset: Int) -> UInt8 {
        precondition(offset >= 0 && offset < byteCount)
        return unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// The byte at an offset, nil outside of the bounds.
    func byte(at offset: Int) -> UInt8? {
        guard offset >= 0, offset < byteCount else { return nil }
        return unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// Whether both hold the same bytes. Not in constant time.
    func isEqual(to other: RawSpan) -> Bool {
        guard byteCount == other.byteCount else { return false }
        guard byteCount > 0 else { return true }
        return unsafe withUnsafeBytes { mine in
            unsafe other.withUnsafeBytes { theirs in
                guard let left = mine.baseAddress, let right = theirs.baseAddress else { return false }
                return unsafe memcmp(left, right, mine.count) == 0
            }
        }
    }

    /// Whether the bytes are those of an ASCII word.
    func isEqual(to word: StaticString) -> Bool {
        guard byteCount == word.utf8CodeUnitCount else { return false }
        return unsafe withUnsafeBytes { mine in
            guard let left = mine.baseAddress else { return true }
            return unsafe memcmp(left, word.utf8Start, mine.count) == 0
        }
    }

    /// Whether these bytes come before those, byte by byte, a prefix before what it begins.
    func precedes(_ other: RawSpan) -> Bool {
        let common = min(byteCount, other.byteCount)
        let order = unsafe withUnsafeBytes { mine in
            unsafe other.withUnsafeBytes { theirs -> Int32 in
                guard common > 0, let left = mine.baseAddress, let right = theirs.baseAddress else {
                    return 0
                }
                return unsafe memcmp(left, right, common)
            }
        }
        return order != 0 ? order < 0 : byteCount < other.byteCount
    }

    /// The size of the UTF-8 character at an offset, 0 where it is not well-formed.
    func characterWidth(at offset: Int) -> Int {
        unsafe withUnsafeBytes { unsafe SourceText($0).characterWidth(at: offset) }
    }

    /// The bytes as an array.
    var copied: [UInt8] {
        unsafe withUnsafeBytes { unsafe [UInt8]($0) }
    }
}

extension [UInt8] {
    /// Lends the bytes.
    func withRawSpan<Result: ~Copyable, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(unsafe span.bytes)
    }
}
