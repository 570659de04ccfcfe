/// A YAML or JSON text, read once, whose scalar values can be replaced without touching another byte.
///
/// The text is parsed strictly: UTF-8, no key twice in a mapping, bounded depth and aliases. Secrets:
/// the text before sealing and the decoded values that differ from their source are held in this value
/// and its wiped side storage; opened text is never held here, see ``OpeningPlan``.
package struct TextDocument: Sendable {
    /// The text.
    package let bytes: [UInt8]
    /// Its format.
    package let format: DocumentFormat
    /// The bounds it was read with.
    package let limits: DocumentLimits

    /// Reads a text.
    ///
    /// - Parameter isSealed: Whether a scalar's decoded value is a sealed token. Called once a scalar;
    ///   the bytes are only lent.
    /// - Throws: `encoding`, `syntax`, `duplicateKey`, `limit`, `unsupported`, each with its line.
    package init(
        _ bytes: [UInt8], format: DocumentFormat, limits: DocumentLimits = DocumentLimits(),
        isSealed: (RawSpan) -> Bool
    ) throws(DocumentError) {
        self.bytes = bytes
        self.format = format
        self.limits = limits
        throw DocumentError(.unsupported, context: "no reader yet")
    }
}

// MARK: - Slots

extension TextDocument {
    /// The number of documents in the stream.
    package var documentCount: Int { 0 }

    /// Every scalar value of a mapping or sequence, in the order of the text.
    package var slots: [Slot] { [] }

    /// The key path of a slot from its document's root.
    package func path(of slot: Slot) -> SlotPath { SlotPath([]) }

    /// Where a slot stands: its document, Kubernetes object and key path.
    package func place(of slot: Slot) -> SlotPlace {
        SlotPlace(document: 0, item: nil, object: nil, isObjectUnique: true, path: SlotPath([]))
    }

    /// The slot at a key path.
    ///
    /// `[2]` finds the third element whatever its name is; `[name=DB]` the only element of that name.
    ///
    /// - Parameter path: From the document's root.
    /// - Returns: nil where nothing stands there.
    /// - Throws: `conflict` where two elements have the name, or the node there is no scalar.
    package func slot(at path: SlotPath, document: Int) throws(DocumentError) -> Slot? { nil }

    /// The Kubernetes objects of the text, with the ordinal of their document and list item.
    package var objects: [(document: Int, item: Int?, object: KubernetesObject)] { [] }

    /// Lends the decoded value of a slot.
    package func withValue<Result, Failure: Error>(
        of slot: Slot, _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe body(bytes.span.bytes)
    }
}

// MARK: - Sealing

extension TextDocument {
    /// Refuses a slot whose source can't be sealed and opened again without loss (FORMATS.md 2,
    /// "Opening into a document"): a forbidden character, a plain scalar over several lines, more than
    /// ``DocumentLimits/scalarByteCount``.
    ///
    /// - Throws: `unsealable` with the line and the reason, `limit` for the size.
    package func checkSealable(_ slot: Slot) throws(DocumentError) {}

    /// This text with tokens in the place of slots' sources: plain in YAML, a string in JSON, after an
    /// inserted space where the value was absent. The result is parsed and compared.
    ///
    /// - Parameter tokens: At most one a slot; bytes `[A-Za-z0-9._-]`.
    /// - Throws: `unsupported` where a token at that place would change anything but the scalar.
    package func sealing(_ tokens: [(slot: Slot, token: [UInt8])]) throws(DocumentError) -> TextDocument {
        self
    }

    /// This text with a token under a key that its mapping does not hold yet: appended last, indented
    /// like its siblings. The result is parsed and compared.
    ///
    /// - Parameter path: From the document's root; all but the last component must lead to a mapping.
    /// - Throws: `notFound` where the mapping is missing, `conflict` where the key is there already or
    ///   an alias is in the way, `unsupported` where it can't be done without touching more.
    package func inserting(
        token: [UInt8], at path: SlotPath, document: Int
    ) throws(DocumentError) -> TextDocument { self }
}
