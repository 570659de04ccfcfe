/// One scalar value of a mapping or sequence, and where its source text stands in the document.
///
/// Made by ``TextDocument``; only meaningful with the document that made it.
package struct Slot: Sendable, Hashable {
    /// The node's index in its document's tree.
    let node: Int

    /// The ordinal, from 0, of the YAML document within the stream (0 in JSON).
    package let document: Int
    /// The bytes of the scalar's source: quotes and block header included; anchor, tag, final line
    /// break and trailing blank lines not. Empty where ``style`` is absent.
    package let range: Range<Int>
    /// How the scalar is written.
    package let style: ScalarStyle
    /// Whether it stands inside `[…]` or `{…}` (always in JSON).
    package let isFlow: Bool
    /// The column, from 0, of the block mapping or sequence that holds it; 0 where there is none.
    package let parentIndentation: Int
    /// Whether the decoded value is a sealed token, by the predicate that the document was made with.
    package let isSealed: Bool
    /// Whether it, or a node around it, is anchored and aliased somewhere, or stands under a merge key:
    /// its value is met at more than one place.
    package let isAliasedOrMerged: Bool
    /// Whether an anchor stands before it.
    package let hasAnchor: Bool
    /// Whether a tag stands before it.
    package let hasTag: Bool
    /// Whether its value is what names the sequence element that holds it.
    package let namesElement: Bool
    /// The line of its first byte, from 1.
    package let line: Int
    /// The column of its first byte, in characters from 1.
    package let column: Int
}

/// The Kubernetes identity of an object in a document (decoded bytes).
package struct KubernetesObject: Sendable, Hashable {
    /// The API group: what precedes `/` in `apiVersion`; empty for the core group.
    package let group: [UInt8]
    /// `kind`
    package let kind: [UInt8]
    /// `metadata.namespace`, nil where absent or null.
    package let namespace: [UInt8]?
    /// `metadata.name`
    package let name: [UInt8]

    /// Makes an identity of its parts.
    package init(group: [UInt8], kind: [UInt8], namespace: [UInt8]?, name: [UInt8]) {
        self.group = group
        self.kind = kind
        self.namespace = namespace
        self.name = name
    }
}

/// Where a slot stands: the file's part of the coordinates of FORMATS.md 2, "Scopes".
package struct SlotPlace: Sendable, Hashable {
    /// The ordinal of the document within the stream, from 0.
    package let document: Int
    /// The index of the item, where the document is a Kubernetes `List`.
    package let item: Int?
    /// The Kubernetes object that holds the slot, where there is one.
    package let object: KubernetesObject?
    /// Whether no other object of the text has the same identity.
    package let isObjectUnique: Bool
    /// The key path from the root of the document, or of the list item.
    package let path: SlotPath
}
