/// A node of one of Strongroom's own configuration files: a strict subset of YAML.
///
/// One document of mappings, sequences and scalars; aliases, anchors, tags, directives, further
/// documents, keys that are no scalars, equal keys and characters that hide what is written (controls, line breaks other
/// than a line feed, bidirectional marks) are refused. Every node knows its line and its
/// place (`rules[0].paths`), so that the typed accessors can say "line 7: rules[0].scope: expected …".
/// Errors name keys and places, never values.
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
    /// - Parameter limits: Bounds as for any document; a configuration file nests 64 levels at most.
    /// - Throws: `encoding`, `syntax`, `duplicateKey`, `limit`, `configuration` with the line. An empty
    ///   file is refused.
    package init(parsing bytes: [UInt8], limits: DocumentLimits = DocumentLimits()) throws(DocumentError) {
        try bytes.withRawSpan { source throws(DocumentError) in try Self.checkCharacters(source) }
        var bounds = limits
        bounds.depth = min(limits.depth, 64)
        self = try bytes.withRawSpan { source throws(DocumentError) in
            let tree = try YAMLTreeReader.read(source, limits: bounds)
            try Self.checkSubset(tree)
            try tree.checkKeys(in: source)
            return Self.node(0, of: tree, source, place: "")
        }
    }

    private init(content: Content, line: Int, place: String) {
        self.content = content
        self.line = line
        self.place = place
    }

    /// Refuses characters by which a text is something else than what people see of it: those that readers take for the
    /// end of a line and editors don't, those that turn the direction of writing, and other controls. They can be
    /// written as escapes in double quotes.
    private static func checkCharacters(_ source: RawSpan) throws(DocumentError) {
        func byte(_ position: Int) -> UInt8 {
            source.byte(at: position) ?? 0
        }
        var line = 1
        for position in 0..<source.byteCount {
            let isRefused =
                switch (byte(position), byte(position + 1), byte(position + 2)) {
                case (0x0A, _, _), (0x09, _, _), (0x0D, 0x0A, _): false
                // C0 and DEL, among them a carriage return alone; C1, among them U+0085.
                case (0...0x1F, _, _), (0x7F, _, _), (0xC2, 0x80...0x9F, _): true
                // U+200E and F, U+2028 to E, U+2066 to 9, U+061C.
                case (0xE2, 0x80, 0x8E...0x8F), (0xE2, 0x80, 0xA8...0xAE), (0xE2, 0x81, 0xA6...0xA9),
                    (0xD8, 0x9C, _):
                    true
                // A byte order mark that doesn't begin the file.
                case (0xEF, 0xBB, 0xBF): position > 0
                default: false
                }
            guard !isRefused else {
                throw DocumentError(
                    .configuration, line: line,
                    context: "a control character, or one that breaks lines or turns the direction of writing"
                )
            }
            if byte(position) == 0x0A { line += 1 }
        }
    }

    private static func checkSubset(_ tree: NodeTree) throws(DocumentError) {
        guard let document = tree.documents.first, !tree.nodes.isEmpty else {
            throw DocumentError(.configuration, line: 1, context: "the file is empty")
        }
        for node in tree.nodes {
            let line = Int(node.line) + 1
            guard node.document == 0 else {
                throw DocumentError(.configuration, line: line, context: "a second document")
            }
            guard node.kind != .alias, !node.flags.contains(.anchored), !node.flags.contains(.tagged) else {
                throw DocumentError(
                    .configuration, line: line, context: "anchors, aliases and tags are not read here")
            }
        }
        guard tree.documents.count == 1, document.version == [-1, -1], document.tags.isEmpty else {
            throw DocumentError(
                .configuration, line: 1, context: "directives and further documents are not read here")
        }
    }

    /// Copies a node out of the tree; the depth is bounded by the reader.
    private static func node(
        _ index: Int, of tree: NodeTree, _ source: RawSpan, place: String
    ) -> YAMLNode {
        let node = tree.nodes[index]
        let line = Int(node.line) + 1
        switch node.kind {
        case .mapping:
            var entries: [Entry] = []
            for child in tree.children(of: index) where tree.nodes[child].flags.contains(.key) {
                let key = tree.value(of: child, in: source)
                let step = SlotPath([.key(key)]).text
                let inner =
                    place.isEmpty || step.utf8.first == UInt8(ascii: "[") ? place + step : "\(place).\(step)"
                entries.append(
                    Entry(
                        key: String(decoding: key, as: UTF8.self), line: Int(tree.nodes[child].line) + 1,
                        value: self.node(child + 1, of: tree, source, place: inner)))
            }
            return YAMLNode(content: .mapping(entries), line: line, place: place)
        case .sequence:
            let elements = tree.children(of: index).enumerated().map { ordinal, child in
                self.node(child, of: tree, source, place: "\(place)[\(ordinal)]")
            }
            return YAMLNode(content: .sequence(elements), line: line, place: place)
        case .scalar, .alias:
            let isPlain = node.style == .plain || node.style == .absent
            return YAMLNode(
                content: .scalar(tree.value(of: index, in: source), isPlain: isPlain), line: line,
                place: place)
        }
    }
}

// MARK: - Mappings

/// A mapping of a configuration file whose keys have been checked.
package struct YAMLMapping: Sendable {
    /// The node itself, for its line and place.
    package let node: YAMLNode
    /// Keys and values in the order of the file.
    package let entries: [YAMLNode.Entry]

    /// The value under a key, nil where the key is absent or its value is null.
    package func optional(_ key: String) -> YAMLNode? {
        entries.first { $0.key.utf8.elementsEqual(key.utf8) && !$0.value.isNull }?.value
    }

    /// The value under a key.
    ///
    /// - Throws: `configuration` where the key is absent or its value null.
    package func required(_ key: String) throws(DocumentError) -> YAMLNode {
        guard let value = optional(key) else { throw node.expected("the key \(key)") }
        return value
    }
}

// MARK: - Typed values

extension YAMLNode {
    /// Whether the node is a null: an absent value, `~` or `null`, unquoted.
    package var isNull: Bool {
        guard case .scalar(let bytes, true) = content else { return false }
        return ["", "~", "null", "Null", "NULL"].contains { Array($0.utf8) == bytes }
    }

    /// The node as a mapping that holds no other keys than these.
    ///
    /// - Throws: `configuration` with the line of the unknown key.
    package func mapping(allowed keys: [String]) throws(DocumentError) -> YAMLMapping {
        let mapping = try mapping()
        for entry in mapping.entries where !keys.contains(where: { $0.utf8.elementsEqual(entry.key.utf8) }) {
            throw DocumentError(
                .configuration, line: entry.line,
                context: "\(entry.value.place): unknown key; known here: \(keys.joined(separator: ", "))")
        }
        return mapping
    }

    /// The node as a mapping with keys that its writer chose (names).
    ///
    /// - Throws: `configuration`.
    package func mapping() throws(DocumentError) -> YAMLMapping {
        guard case .mapping(let entries) = content else { throw expected("a mapping") }
        return YAMLMapping(node: self, entries: entries)
    }

    /// The node as a sequence.
    ///
    /// - Throws: `configuration`.
    package func list() throws(DocumentError) -> [YAMLNode] {
        guard case .sequence(let elements) = content else { throw expected("a list") }
        return elements
    }

    /// The node as text: a quoted or block scalar, or a plain one that is no null.
    ///
    /// A plain `1` or `yes` is taken as the text it is written as.
    ///
    /// - Throws: `configuration`.
    package func string() throws(DocumentError) -> String {
        String(decoding: try bytes(), as: UTF8.self)
    }

    /// The decoded bytes of the node as text (UTF-8), as in ``string()``.
    ///
    /// - Throws: `configuration`.
    package func bytes() throws(DocumentError) -> [UInt8] {
        guard case .scalar(let bytes, _) = content, !isNull else { throw expected("text") }
        return bytes
    }

    /// The node as a decimal integer without leading zero, sign `-` allowed.
    ///
    /// - Throws: `configuration`.
    package func int() throws(DocumentError) -> Int {
        guard case .scalar(let bytes, true) = content,
            let value = Int(String(decoding: bytes, as: UTF8.self)), Array(String(value).utf8) == bytes
        else { throw expected("a whole number") }
        return value
    }

    /// The node as `true` or `false`, unquoted.
    ///
    /// - Throws: `configuration`.
    package func bool() throws(DocumentError) -> Bool {
        guard case .scalar(let bytes, true) = content else { throw expected("true or false") }
        if bytes == Array("true".utf8) { return true }
        guard bytes == Array("false".utf8) else { throw expected("true or false") }
        return false
    }

    /// The node as a sequence of text.
    ///
    /// - Throws: `configuration`.
    package func strings() throws(DocumentError) -> [String] {
        try list().map { element throws(DocumentError) in try element.string() }
    }

    /// An error at this node: "PLACE: expected EXPECTATION".
    package func expected(_ expectation: String) -> DocumentError {
        let context = place.isEmpty ? "expected \(expectation)" : "\(place): expected \(expectation)"
        return DocumentError(.configuration, line: line, context: context)
    }
}
