/// The key path of a value within its document: type-tagged components, compared as bytes
/// (FORMATS.md 2, "Scopes").
///
/// `a.b` (one key) and `a` then `b` (two keys) are different paths by construction.
package struct SlotPath: Sendable, Hashable {
    /// One step from a mapping or sequence to what it holds.
    package enum Component: Sendable, Hashable {
        /// The value under this mapping key (decoded bytes).
        case key([UInt8])
        /// The sequence element whose own scalar `field` has this value (decoded bytes).
        case named(NameField, [UInt8])
        /// The sequence element at this index, from 0.
        case index(Int)
    }

    /// The fields that can name a sequence element, in the order in which they are asked.
    package enum NameField: String, Sendable, Hashable, CaseIterable {
        /// `name`
        case name
        /// `key`
        case key
        /// `id`
        case id
    }

    /// The steps from the document's root.
    package var components: [Component]

    /// Makes a path of components.
    package init(_ components: [Component]) {
        self.components = components
    }
}
