/// Guarded memory for one short secret after another, each written over the last: keys that are derived for every message.
///
/// As `SecretBytes` locked, between guard pages and left out of core dumps, and wiped when it is released; but writable as
/// long as it is there, for a change of protection costs more than such a key.
@safe package struct SecretScratch: ~Copyable {
    private let base: UnsafeMutableRawPointer
    /// The number of bytes.
    package let byteCount: Int

    /// A region of `byteCount` bytes, with anything in it. Where the system has none, as `SecretBytes`.
    package init(byteCount: Int) {
        precondition(byteCount > 0 && Sodium.isPrepared, "guarded memory before sodium_init")
        unsafe base = GuardedRegions.take(byteCount)
        self.byteCount = byteCount
    }

    deinit { unsafe GuardedRegions.give(base, byteCount) }

    /// Writes a secret over the last by `fill`, and lends it for the time of `body`.
    package mutating func with<Result: ~Copyable>(
        _ fill: (inout MutableRawSpan) -> Void, _ body: (RawSpan) -> Result
    ) -> Result {
        var span = unsafe MutableRawSpan(_unsafeStart: base, byteCount: byteCount)
        fill(&span)
        return body(span.bytes)
    }
}
