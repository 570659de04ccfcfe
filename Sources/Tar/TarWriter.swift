import Files

/// Puts a pax archive together: header, content, padding of each member, and the end. Content goes straight
/// from the caller to the sink.
package struct TarWriter: ~Copyable {
    private let sink: (RawSpan) throws -> Void
    private var path: Path = ""
    private var missing: Int64 = 0
    private var padding = 0

    /// Begins an archive whose bytes go to `sink` in order.
    package init(to sink: @escaping (RawSpan) throws -> Void) { self.sink = sink }

    /// Writes the header of the next member. Throws `wrongLength` where the one before lacks content.
    package mutating func begin(_ entry: TarEntry) throws(TarError) {
        try endMember()
        let header = try TarHeader.encode(entry)
        path = entry.path
        missing = entry.storedByteCount
        padding = entry.paddingByteCount
        try put(unsafe header.span.bytes)
    }

    /// Writes content of the member: all that is no hole, in order. Throws `wrongLength` for more than it
    /// announced.
    package mutating func write(_ bytes: RawSpan) throws(TarError) {
        guard Int64(bytes.byteCount) <= missing else { throw TarError(.wrongLength, path, "too many bytes") }
        missing -= Int64(bytes.byteCount)
        try put(bytes)
    }

    /// Ends the archive. An archive that is dropped without this has no end, and readers say so.
    package consuming func finish() throws(TarError) {
        try endMember()
        let end = TarHeader.end
        try put(unsafe end.span.bytes)
    }

    private mutating func endMember() throws(TarError) {
        guard missing == 0 else { throw TarError(.wrongLength, path, "too few bytes") }
        let zeros = [UInt8](repeating: 0, count: padding)
        padding = 0
        try put(unsafe zeros.span.bytes)
    }

    private borrowing func put(_ bytes: RawSpan) throws(TarError) {
        guard !bytes.isEmpty else { return }
        do {
            try sink(bytes)
        } catch {
            throw TarError(.transfer, path, underlying: error)
        }
    }
}
