internal import CSodium

/// The kernel's random bytes (randombytes_buf(3), which reads getrandom(2)).
package enum RandomBytes {
    /// Fills all of `output`.
    package static func fill(_ output: inout MutableRawSpan) {
        unsafe output.withMutablePointer { pointer, count in
            unsafe randombytes_buf(pointer, count)
        }
    }

    /// `count` bytes for names, nonces and other public values.
    package static func make(_ count: Int) -> [UInt8] {
        [UInt8].filled(count: count) { fill(&$0) }
    }
}
