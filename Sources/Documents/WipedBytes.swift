internal import Glibc

/// A growing byte store that is wiped when it grows and when it goes: decoded values and scraps of text
/// that hold plaintext for a moment. Not locked in memory: keys live in SecretBytes (module Sodium).
@safe final class WipedBytes: @unchecked Sendable {
    // Sendable: appended to only by the one that builds it, before it is shared; read-only from then on.
    private var base: UnsafeMutableRawPointer
    private var capacity: Int
    /// The number of bytes held.
    private(set) var count = 0

    /// Makes an empty store with room for some bytes.
    init(capacity: Int = 64) {
        self.capacity = max(16, capacity)
        unsafe base = UnsafeMutableRawPointer.allocate(byteCount: self.capacity, alignment: 16)
    }

    deinit {
        unsafe explicit_bzero(base, capacity)
        unsafe base.deallocate()
    }

    /// Adds bytes at the end; memory that is left behind is wiped.
    func append(_ bytes: UnsafeRawBufferPointer) {
        reserve(count + bytes.count)
        guard let source = bytes.baseAddress else { return }
        unsafe base.advanced(by: count).copyMemory(from: source, byteCount: bytes.count)
        count += bytes.count
    }

    /// Adds bytes at the end.
    func append(_ bytes: RawSpan) {
        unsafe bytes.withUnsafeBytes { unsafe append($0) }
    }

    /// Adds one byte at the end.
    func append(_ byte: UInt8) {
        reserve(count + 1)
        unsafe base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    /// Lends a range of the bytes.
    func withBytes<Result: ~Copyable, Failure: Error>(
        _ range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return try body(
            unsafe RawSpan(_unsafeStart: base.advanced(by: range.lowerBound), byteCount: range.count))
    }

    private func reserve(_ needed: Int) {
        guard needed > capacity else { return }
        let room = max(needed, capacity * 2)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: room, alignment: 16)
        unsafe larger.copyMemory(from: base, byteCount: count)
        unsafe explicit_bzero(base, capacity)
        unsafe base.deallocate()
        unsafe base = larger
        capacity = room
    }
}
