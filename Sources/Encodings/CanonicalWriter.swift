/// Builds the length-prefixed encoding that Strongroom signs and authenticates.
///
/// LP(x) is a 32-bit big-endian length and the bytes of x; integers are big-endian; a list is its 32-bit count
/// and then its items; text is UTF-8 as it stands, not normalised (Sealing/FORMAT.md §1). One value has one
/// encoding.
package struct CanonicalWriter: Sendable {
    /// What has been written so far.
    package private(set) var bytes: [UInt8] = []

    /// An empty encoding.
    package init() {}

    /// LP of `bytes`. Traps above 4 GiB: callers bound their fields far below.
    package mutating func lp(_ bytes: some Collection<UInt8>) {
        count(bytes.count)
        self.bytes.append(contentsOf: bytes)
    }

    /// LP of the UTF-8 of `text`.
    package mutating func text(_ text: String) {
        lp(Array(text.utf8))
    }

    /// `bytes` as they are, without a length: for fields of fixed size.
    package mutating func raw(_ bytes: some Collection<UInt8>) {
        self.bytes.append(contentsOf: bytes)
    }

    /// One byte.
    package mutating func uint8(_ value: UInt8) {
        bytes.append(value)
    }

    /// 16 bits, big-endian.
    package mutating func uint16(_ value: UInt16) {
        integer(value)
    }

    /// 32 bits, big-endian.
    package mutating func uint32(_ value: UInt32) {
        integer(value)
    }

    /// 64 bits, big-endian.
    package mutating func uint64(_ value: UInt64) {
        integer(value)
    }

    /// The count of a list, 32 bits big-endian; its items follow.
    package mutating func count(_ count: Int) {
        precondition(count <= Int(UInt32.max), "a length above 32 bits")
        integer(UInt32(count))
    }

    private mutating func integer(_ value: some FixedWidthInteger) {
        var shift = value.bitWidth
        while shift > 0 {
            shift -= 8
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }
}
