internal import CSodium

/// One reusable block of memory for bulk plaintext, wiped when asked and when released (sodium_memzero(3)).
///
/// Neither locked nor guarded, which large blocks can't count on: keys and passphrases go into `SecretBytes`.
@safe package struct WipedBuffer: ~Copyable, @unchecked Sendable {
    // Sendable: the block has one owner, and is reached only through it.
    private let base: UnsafeMutableRawPointer
    /// The number of bytes.
    package let byteCount: Int

    /// A block of `byteCount` bytes, zero at first.
    package init(byteCount: Int) {
        precondition(byteCount >= 0)
        unsafe base = UnsafeMutableRawPointer.allocate(byteCount: max(1, byteCount), alignment: 16)
        self.byteCount = byteCount
        unsafe sodium_memzero(base, max(1, byteCount))
    }

    deinit {
        unsafe sodium_memzero(base, max(1, byteCount))
        unsafe base.deallocate()
    }

    /// Fills all bytes with zeros.
    package mutating func wipe() {
        unsafe sodium_memzero(base, max(1, byteCount))
    }

    /// Lends the first `count` bytes for the time of `body`. Traps outside of the bounds.
    package func withBytes<Result: ~Copyable, Failure: Error>(
        first count: Int, _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition((0...byteCount).contains(count))
        return try body(unsafe RawSpan(_unsafeStart: base, byteCount: count))
    }

    /// Lends the first `count` bytes for writing for the time of `body`. Traps outside of the bounds.
    package mutating func withMutableBytes<Result: ~Copyable, Failure: Error>(
        first count: Int, _ body: (inout MutableRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition((0...byteCount).contains(count))
        var span = unsafe MutableRawSpan(_unsafeStart: base, byteCount: count)
        return try body(&span)
    }
}
