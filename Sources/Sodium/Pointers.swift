internal import CSodium

/// A valid address for C calls over no bytes: some of them refuse NULL. Nothing is ever read or written there.
private nonisolated(unsafe) let nowhere = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)

extension RawSpan {
    /// Lends a typed pointer and the length to a C call.
    func withPointer<Result: ~Copyable>(_ body: (UnsafePointer<UInt8>, Int) -> Result) -> Result {
        unsafe withUnsafeBytes { buffer in
            let base = unsafe buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
            return unsafe body(base ?? UnsafePointer(nowhere), buffer.count)
        }
    }
}

extension MutableRawSpan {
    /// Lends a typed pointer and the length to a C call that writes.
    mutating func withMutablePointer<Result: ~Copyable>(
        _ body: (UnsafeMutablePointer<UInt8>, Int) -> Result
    ) -> Result {
        unsafe withUnsafeMutableBytes { buffer in
            let base = unsafe buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
            return unsafe body(base ?? nowhere, buffer.count)
        }
    }
}

extension Array<UInt8> {
    /// An array of `count` bytes that `fill` writes. Not for secrets.
    package static func filled<Failure: Error>(
        count: Int, _ fill: (inout MutableRawSpan) throws(Failure) -> Void
    ) throws(Failure) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        var output = unsafe span.mutableBytes
        try fill(&output)
        return bytes
    }

    /// Lends the bytes as a raw span.
    package func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe body(span.bytes)
    }
}

extension Array<UInt8> {
    /// Overwrites the bytes with zeros (sodium_memzero(3)), before the array goes. For plaintext that an API hands over as
    /// an array: only where nobody else holds a copy of it, else these are zeros of a new one.
    package mutating func wipe() {
        unsafe withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            unsafe sodium_memzero(base, buffer.count)
        }
    }
}
