/// Takes a pax or ustar archive apart, member by member, as the bytes come. It only reads: nothing is made on
/// any disk. Compressed archives, GNU's own form and every other format are refused.
package struct TarReader: ~Copyable {
    private var reader: HeaderReader

    /// Begins to read what `source` gives, a piece a call, an empty one at the end.
    package init(_ source: @escaping () throws -> [UInt8]) throws(TarError) {
        let reader = try HeaderReader(source)
        try reader.open()
        self.reader = reader
    }

    /// The next member, past what was not read of the one before; nil at the archive's proper end. Throws
    /// `truncated` where the archive has no end, `damaged` where something follows it.
    package mutating func next() throws(TarError) -> TarEntry? {
        if let entry = try reader.next() { return entry }
        try reader.finish()
        return nil
    }

    /// The next piece of the member's content with its place in the file; nil at its end. What no piece
    /// covers is a hole.
    package mutating func nextData() throws(TarError) -> (offset: Int64, bytes: [UInt8])? {
        try reader.nextData()
    }
}
