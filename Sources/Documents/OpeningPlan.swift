/// What stands in the place of one sealed token once it is opened.
package struct Opening: Sendable {
    /// The sealed slot.
    package let slot: Slot
    /// The style that was recorded at sealing.
    package let style: ScalarStyle
    /// The parent's indentation that was recorded at sealing.
    package let indentation: Int
    /// Where the source bytes lie in the plaintexts that are handed over with it.
    package let source: Range<Int>

    /// Makes an opening.
    package init(slot: Slot, style: ScalarStyle, indentation: Int, source: Range<Int>) {
        self.slot = slot
        self.style = style
        self.indentation = indentation
        self.source = source
    }
}

/// The opening of a document: checks each plaintext by itself, gives the size, writes the text into the
/// caller's memory, and verifies the result (FORMATS.md 2, "Opening into a document").
///
/// Plaintext is only lent and only written into what the caller hands over. In order: make the plan,
/// ``write(_:into:)``, ``verify(_:plaintexts:)``; nothing may be used before the last has returned.
package struct OpeningPlan: Sendable {
    /// The size of the opened text, in bytes.
    package let byteCount: Int

    let document: TextDocument
    let openings: [Opening]

    /// Checks the plaintexts and lays out the opened text.
    ///
    /// - Parameters:
    ///   - openings: At most one a slot, in any order.
    ///   - plaintexts: The memory that the openings' sources are ranges of.
    /// - Throws: `injection` with the token's line and the reason.
    package init(
        _ document: TextDocument, _ openings: [Opening], plaintexts: RawSpan
    ) throws(DocumentError) {
        self.document = document
        self.openings = openings
        byteCount = document.bytes.count
    }

    /// Writes the opened text.
    ///
    /// - Parameter target: Exactly ``byteCount`` bytes.
    package func write(_ plaintexts: RawSpan, into target: inout MutableRawSpan) {}

    /// Parses the opened text once and refuses any change but the values.
    ///
    /// - Throws: `injection` with the line of the token, `syntax` or `limit` of the opened text.
    package func verify(_ opened: RawSpan, plaintexts: RawSpan) throws(DocumentError) {}
}
