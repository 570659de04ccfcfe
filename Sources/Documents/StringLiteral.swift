/// Writes a text value as a quoted scalar of a document, in the caller's memory.
package struct StringLiteral: Sendable {
    /// The format that it is written for.
    package let format: DocumentFormat
    /// The size of the quoted text, in bytes.
    package let byteCount: Int

    /// Measures the quoted form of a value.
    ///
    /// - Parameter value: The decoded text, UTF-8.
    /// - Throws: `encoding` where it is not UTF-8.
    package init(of value: RawSpan, format: DocumentFormat) throws(DocumentError) {
        self.format = format
        byteCount = 0
    }

    /// Writes the quoted form: double quotes, on one line, control and forbidden characters escaped.
    ///
    /// - Parameters:
    ///   - value: The value that was measured.
    ///   - target: Exactly ``byteCount`` bytes.
    package func write(_ value: RawSpan, into target: inout MutableRawSpan) {}
}
