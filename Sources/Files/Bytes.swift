// Writing plain arrays: what is no secret. Secrets are lent as RawSpan and never pass through an array.

extension Descriptor {
    /// Writes all of `bytes` at the current position. write(2).
    package borrowing func write(_ bytes: [UInt8]) throws(FileError) {
        try write(unsafe bytes.span.bytes)
    }
}

extension AtomicFile {
    /// Appends bytes.
    package mutating func write(_ bytes: [UInt8]) throws(FileError) {
        try write(unsafe bytes.span.bytes)
    }
}

extension Directory {
    /// Writes a whole file so that its name holds the old content or the new; see `write(_:to:mode:owner:_:)`
    /// of a span.
    package borrowing func write(
        _ bytes: [UInt8], to path: Path, mode: UInt16 = 0o600, owner: FileOwner? = nil,
        _ replacement: Replacement = .ownFile
    ) throws(FileError) {
        try write(unsafe bytes.span.bytes, to: path, mode: mode, owner: owner, replacement)
    }

    /// Writes a new file straight under its name; see `writeNew(_:to:mode:owner:)` of a span.
    package borrowing func writeNew(
        _ bytes: [UInt8], to path: Path, mode: UInt16 = 0o600, owner: FileOwner? = nil
    ) throws(FileError) {
        try writeNew(unsafe bytes.span.bytes, to: path, mode: mode, owner: owner)
    }
}
