/// A node of one of Strongroom's own configuration files: a strict subset of YAML.
///
/// One document of mappings, sequences and scalars; aliases, anchors, tags, directives, further
/// documents, keys that are no scalars and equal keys are refused. Every node knows its line and its
/// place (`rules[0].paths`), so that the typed accessors can say "line 7: rules[0].scope: expected …".
/// Errors name keys that the caller allowed and places, never values.
package struct YAMLNode: Sendable {
    /// What a node holds.
    package enum Content: Sendable {
        /// Keys and values in the order of the file.
        case mapping([Entry])
        /// Elements in order.
        case sequence([YAMLNode])
        /// Decoded bytes; plain scalars alone can be null, a number or a boolean.
        case scalar([UInt8], isPlain: Bool)
    }

    /// One key with its value.
    package struct Entry: Sendable {
        /// The decoded key.
        package let key: String
        /// The line of the key, from 1.
        package let line: Int
        /// The value under it.
        package let value: YAMLNode
    }

    /// What the node holds.
    package let content: Content
    /// The line where it begins, from 1.
    package let line: Int
    /// Where it stands, as `rules[0].paths`; empty at the root.
    package let place: String

    /// Reads a file.
    ///
    /// - Parameter limits: Bounds as for any document.
    /// - Throws: `encoding`, `syntax`, `duplicateKey`, `limit`, `configuration` with the line. An empty
    ///   file is refused.
    package init(parsing bytes: [UInt8], limits: DocumentLimits = DocumentLimits()) throws(DocumentError) {
        throw DocumentError(.unsupported, context: "no reader yet")
    }

    init(content: Content, line: Int, place: String) {
        self.content = content
        self.line = line
        self.place = place
    }
}

/// A mapping of a configuration file whose keys have been checked.
package struct YAMLMapping: Sendable {
    /// The node itself, for its line and place.
    package let node: YAMLNode
    /// Keys and values in the order of the file.
    package let entries: [YAMLNode.Entry]

    /// The value under a key, nil where the key is absent or its value is null.
    package func optional(_ key: String) -> YAMLNode? { nil }

    /// The value under a key.
    ///
    /// - Throws: `configuration` where the key is absent or its value null.
    package func required(_ key: String) throws(DocumentError) -> YAMLNode { node }
}

extension YAMLNode {
    /// Whether the node is a null: an absent value, `~` or `null`, unquoted.
    package var isNull: Bool { false }

    /// The node as a mapping that holds no other keys than these.
    ///
    /// - Throws: `configuration` with the line of the unknown key.
    package func mapping(allowed keys: [String]) throws(DocumentError) -> YAMLMapping {
        YAMLMapping(node: self, entries: [])
    }

    /// The node as a mapping with keys that its writer chose (names).
    package func mapping() throws(DocumentError) -> YAMLMapping { YAMLMapping(node: self, entries: []) }

    /// The node as a sequence.
    package func list() throws(DocumentError) -> [YAMLNode] { [] }

    /// The node as text: a quoted or block scalar, or a plain one that is no null.
    ///
    /// A plain `1` or `yes` is taken as the text it is written as.
    package func string() throws(DocumentError) -> String { "" }

    /// The decoded bytes of the node as text, as in ``string()``.
    package func bytes() throws(DocumentError) -> [UInt8] { [] }

    /// The node as a decimal integer without leading zero, sign `-` allowed.
    package func int() throws(DocumentError) -> Int { 0 }

    /// The node as `true` or `false`, unquoted.
    package func bool() throws(DocumentError) -> Bool { false }

    /// The node as a sequence of text.
    package func strings() throws(DocumentError) -> [String] { [] }

    /// An error at this node: "PLACE: expected EXPECTATION".
    package func expected(_ expectation: String) -> DocumentError {
        DocumentError(.configuration, line: line, context: "\(place): expected \(expectation)")
    }
}
