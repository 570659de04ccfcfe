internal import CSodium

/// BLAKE2b (RFC 7693), unkeyed or keyed, with an optional 16-byte personalisation (crypto_generichash_blake2b).
package enum BLAKE2b {
    /// The 32-byte hash of `bytes`: H of the format descriptions.
    package static func hash(_ bytes: [UInt8]) -> [UInt8] {
        bytes.withBytes { hash($0) }
    }

    /// The 32-byte hash of `bytes`.
    package static func hash(_ bytes: RawSpan) -> [UInt8] {
        [UInt8].filled(count: 32) { hash(bytes, into: &$0) }
    }

    /// Fills `output` (16 to 64 bytes; its length is part of the hash) with the hash of `bytes`, personalised by
    /// `personal` (at most 16 bytes of ASCII, zero-padded; empty for none).
    package static func hash(_ bytes: RawSpan, personal: StaticString = "", into output: inout MutableRawSpan)
    {
        var stream = Stream(byteCount: output.byteCount, personal: personal)
        stream.update(bytes)
        stream.finish(into: &output)
    }

    /// Fills `output` (16 to 64 bytes) with the hash of `bytes` under `key` (16 to 64 bytes).
    package static func hash(
        _ bytes: RawSpan, key: borrowing SecretBytes, personal: StaticString = "",
        into output: inout MutableRawSpan
    ) {
        var stream = Stream(key: key, byteCount: output.byteCount, personal: personal)
        stream.update(bytes)
        stream.finish(into: &output)
    }

    /// A hash over bytes that come in pieces. The state is wiped when released.
    @safe package struct Stream: ~Copyable {
        // The C type is over-aligned, which Swift does not import: an opaque block of its size.
        private let state: UnsafeMutableRawPointer
        private let byteCount: Int

        /// An unkeyed hash of `byteCount` bytes.
        package init(byteCount: Int = 32, personal: StaticString = "") {
            unsafe self.init(nil, 0, byteCount, personal)
        }

        /// A keyed hash of `byteCount` bytes.
        package init(key: borrowing SecretBytes, byteCount: Int = 32, personal: StaticString = "") {
            precondition((16...64).contains(key.byteCount), "BLAKE2b keys have 16 to 64 bytes")
            self = key.withBytes { bytes in
                unsafe bytes.withPointer { pointer, count in
                    unsafe Stream(pointer, count, byteCount, personal)
                }
            }
        }

        private init(
            _ key: UnsafePointer<UInt8>?, _ keyCount: Int, _ byteCount: Int, _ personal: StaticString
        ) {
            precondition((16...64).contains(byteCount) && personal.utf8CodeUnitCount <= 16)
            self.byteCount = byteCount
            unsafe state = UnsafeMutableRawPointer.allocate(
                byteCount: crypto_generichash_blake2b_statebytes(), alignment: 64)
            var padded = [UInt8](repeating: 0, count: 16)
            personal.withUTF8Buffer { text in
                for index in text.indices { padded[index] = unsafe text[index] }
            }
            let salt = [UInt8](repeating: 0, count: 16)
            let status = unsafe crypto_generichash_blake2b_init_salt_personal(
                OpaquePointer(state), key, keyCount, byteCount, salt, padded)
            precondition(status == 0, "crypto_generichash_blake2b_init_salt_personal")
        }

        deinit {
            unsafe sodium_memzero(state, crypto_generichash_blake2b_statebytes())
            unsafe state.deallocate()
        }

        /// Another hash that has taken the same bytes so far.
        package borrowing func copy() -> Stream {
            let size = crypto_generichash_blake2b_statebytes()
            let copy = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
            unsafe copy.copyMemory(from: state, byteCount: size)
            return unsafe Stream(adopting: copy, byteCount)
        }

        private init(adopting state: UnsafeMutableRawPointer, _ byteCount: Int) {
            unsafe self.state = state
            self.byteCount = byteCount
        }

        /// Adds `bytes`.
        package mutating func update(_ bytes: RawSpan) {
            unsafe bytes.withPointer { pointer, count in
                _ = unsafe crypto_generichash_blake2b_update(OpaquePointer(state), pointer, UInt64(count))
            }
        }

        /// Adds `bytes`.
        package mutating func update(_ bytes: [UInt8]) {
            bytes.withBytes { update($0) }
        }

        /// Writes the hash into `output`, which has the length named at the start.
        package consuming func finish(into output: inout MutableRawSpan) {
            precondition(output.byteCount == byteCount)
            unsafe output.withMutablePointer { pointer, count in
                _ = unsafe crypto_generichash_blake2b_final(OpaquePointer(state), pointer, count)
            }
        }

        /// The hash as an array, for hashes that are not secret.
        package consuming func finish() -> [UInt8] {
            let count = byteCount
            var bytes = [UInt8](repeating: 0, count: count)
            var span = bytes.mutableSpan
            var output = unsafe span.mutableBytes
            finish(into: &output)
            return bytes
        }
    }
}
