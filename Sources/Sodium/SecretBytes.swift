internal import CSodium

/// Bytes that must not leak: one `sodium_malloc` region, locked, between guard pages, left out of core dumps,
/// wiped when released (sodium_malloc(3), sodium_free).
///
/// The exact size is allocated up front; the content is filled once and then read-only. It is lent as a span
/// and never becomes a String, an Array or a description. An allocation takes at least four pages: keys and
/// passphrases live here, bulk plaintext goes through one reused buffer.
@safe package struct SecretBytes: ~Copyable, @unchecked Sendable {
    // Sendable: the region is written only inside init, before anybody else can hold it.
    private let base: UnsafeMutableRawPointer
    /// The number of bytes.
    package let byteCount: Int

    /// A region of `byteCount` bytes, zero at first, filled by `fill` and read-only from then on. Rethrows what
    /// `fill` throws; the region is wiped then. Where the system has no memory, or locks none and that is required, the
    /// program ends as `LockedMemory` was told.
    package init<Failure: Error>(
        byteCount: Int, fill: (inout MutableRawSpan) throws(Failure) -> Void
    ) throws(Failure) {
        precondition(byteCount >= 0 && Sodium.isPrepared, "guarded memory before sodium_init")
        let base = unsafe LockedMemory.allocate(max(1, byteCount))
        unsafe self.base = base
        self.byteCount = byteCount
        unsafe sodium_memzero(base, max(1, byteCount))
        var span = unsafe MutableRawSpan(_unsafeStart: base, byteCount: byteCount)
        try fill(&span)
        unsafe sodium_mprotect_readonly(base)
    }

    /// A copy of `bytes`. The caller's copy stays where it is: wipe it where that is possible.
    package init(copying bytes: RawSpan) {
        self.init(byteCount: bytes.byteCount) { output in
            bytes.copy(into: &output)
        }
    }

    /// `byteCount` random bytes (randombytes_buf).
    package init(randomCount byteCount: Int) {
        self.init(byteCount: byteCount) { output in RandomBytes.fill(&output) }
    }

    deinit { unsafe sodium_free(base) }

    /// Lends the bytes for the time of `body`.
    package func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(unsafe RawSpan(_unsafeStart: base, byteCount: byteCount))
    }

    /// Another region with the same bytes.
    package func copy() -> SecretBytes {
        withBytes { SecretBytes(copying: $0) }
    }

    /// The `range` of the bytes in a region of its own. Traps outside of the bounds.
    package func slice(_ range: Range<Int>) -> SecretBytes {
        withBytes { bytes in
            precondition(range.lowerBound >= 0 && range.upperBound <= bytes.byteCount)
            return SecretBytes(copying: bytes.extracting(range))
        }
    }

    /// Whether both hold the same bytes, compared in constant time (sodium_memcmp). Lengths are not secret.
    package func isEqual(to other: borrowing SecretBytes) -> Bool {
        withBytes { mine in other.withBytes { theirs in Sodium.isEqual(mine, theirs) } }
    }
}

extension RawSpan {
    /// Copies all bytes to the head of `output`, which must be at least as long.
    package func copy(into output: inout MutableRawSpan, at offset: Int = 0) {
        precondition(offset >= 0 && offset + byteCount <= output.byteCount)
        unsafe withUnsafeBytes { source in
            unsafe output.withUnsafeMutableBytes { target in
                unsafe UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(from: source)
            }
        }
    }

    /// The bytes as an array. Not for secrets.
    package var array: [UInt8] {
        unsafe withUnsafeBytes { unsafe [UInt8]($0) }
    }

    /// The byte at `offset`. Traps outside of the bounds.
    package subscript(offset: Int) -> UInt8 {
        precondition(offset >= 0 && offset < byteCount)
        return unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }
}
