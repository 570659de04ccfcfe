/// The text of a document cut into entries, each with all that belongs to it: the comments above it, its key, its
/// value, the rest of its line. Put together in their order, the pieces are the text, byte for byte.
///
/// Entries of two versions of one text are told to be the same by their ``Identity``, not by their lines: what a
/// merge by key path works on.
package struct DocumentOutline: Sendable {
    /// What tells an entry from its siblings.
    package enum Identity: Hashable, Sendable {
        /// A document, or an item of a Kubernetes list, by its object, where that is unique in the text.
        case object(KubernetesObject)
        /// Any other document, by its number from 0.
        case document(Int)
        /// A key of a mapping or an element of a sequence.
        case component(SlotPath.Component)

        /// A header of TOML by its key path from the root, or a key below it; the path of no steps stands for what comes
        /// before the first header.
        case path(SlotPath)

        /// Whether it is a place in an order, which another entry takes when something is put before it.
        package var isPositional: Bool {
            switch self {
            case .document, .component(.index): true
            case .object, .component: false
            case .path(let path): path.components.contains { if case .index = $0 { true } else { false } }
            }
        }
    }

    /// An entry of a collection; its pieces stand in the text in the order of the fields.
    package struct Entry: Sendable {
        /// What tells it from its siblings.
        package let identity: Identity
        /// Blank lines, comments and indentation before it; before a document also its marker and directives.
        package let lead: Range<Int>
        /// The key or dash, anchor and tag; of a block collection also the rest of that line.
        package let head: Range<Int>
        /// The value.
        package let content: Content
        /// What follows the value: to the end of its line, or before a comma.
        package let tail: Range<Int>
        /// Anchor and tag of the value, decoded, or the key path that an alias stands for; empty where it has none.
        package let properties: [UInt8]

        /// All of the entry.
        package var range: Range<Int> { lead.lowerBound..<tail.upperBound }
    }

    /// A value.
    package enum Content: Sendable {
        /// A scalar, an alias, or brackets that are not looked into.
        case leaf(Range<Int>)
        /// A mapping or sequence.
        case collection(Collection)
    }

    /// A mapping, a sequence, or the stream of documents.
    package struct Collection: Sendable {
        /// The kinds of collections.
        package enum Kind: Sendable {
            case stream, mapping, sequence
        }

        /// Which kind it is.
        package let kind: Kind
        /// Whether it stands in brackets, its entries separated by commas, which no piece holds.
        package let isFlow: Bool
        /// The opening bracket; empty without brackets.
        package let open: Range<Int>
        /// What it holds, in the order of the text.
        package let entries: [Entry]
        /// The closing bracket and what stands before it; of the stream what follows the last document.
        package let close: Range<Int>
    }

    /// The text.
    package let bytes: [UInt8]
    /// The documents.
    package let stream: Collection

    /// Cuts a document's text.
    ///
    /// - Throws: `unsupported` where an entry can't be told from what is around it: `? ` before a key, pairs in a
    ///   sequence's brackets without braces; a TOML header behind the header of a table in its own; an INI section
    ///   without keys, or keys and sections that stand there again.
    package init(_ document: TextDocument) throws(DocumentError) {
        let nodes = document.tree.nodes
        let hasEmptySection = nodes.indices.contains { index in
            index > 0 && nodes[index].kind == .mapping && Int(nodes[index].subtreeEnd) == index + 1
        }
        let hasOddSections = hasEmptySection || !document.tree.repeats.isEmpty
        guard document.format != .ini || !hasOddSections else {
            throw DocumentError(.unsupported, context: "sections that are not cut into entries")
        }
        bytes = document.bytes
        guard document.format != .toml else {
            var reader = TOMLOutlineReader(document)
            stream = try reader.readStream()
            return
        }
        var reader = OutlineReader(document)
        stream = try reader.readStream()
    }
}
