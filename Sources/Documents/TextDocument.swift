/// A text of any of the formats, read once, whose scalar values can be replaced without touching another byte.
///
/// The text is parsed strictly: UTF-8, no key twice in a mapping, bounded depth and aliases, no mapping
/// keys but scalars. Its values are ``slots``; a slot is replaced by a token with ``sealing(_:)``, and
/// tokens by opened sources with an ``OpeningPlan``. Each such change is parsed again and compared node by
/// node: whatever would change more than the scalars is refused.
///
/// Secrets: a text before sealing is held in ``bytes``, decoded values that differ from their source in a
/// wiped side store; opened text is never held here.
package struct TextDocument: Sendable {
    /// The text.
    package let bytes: [UInt8]
    /// Its format.
    package let format: DocumentFormat
    /// The bounds it was read with.
    package let limits: DocumentLimits

    /// Whether values of dotenv may have several lines (`multiline: true` of a rule).
    package let allowsLines: Bool
    /// Whether unquoted values of dotenv must be one word for a shell: where a rule says `shell: true`, or a line of the
    /// text begins with `export`.
    package let isForShell: Bool

    let tree: NodeTree
    let objectRecords: [ObjectRecord]

    /// Reads a text.
    ///
    /// - Parameters:
    ///   - allowsLines: Whether values of dotenv that have several lines may be sealed and opened.
    ///   - isForShell: Whether a shell reads the text, which takes more than other readers of dotenv for signs of its own.
    ///   - isSealed: Whether a scalar's decoded value is a sealed token. Called once a scalar; the bytes
    ///     are only lent.
    /// - Throws: `encoding`, `syntax`, `duplicateKey`, `limit`, `unsupported`, each with its line.
    package init(
        _ bytes: [UInt8], format: DocumentFormat, limits: DocumentLimits = DocumentLimits(),
        allowsLines: Bool = false, isForShell: Bool = false, isSealed: (RawSpan) -> Bool
    ) throws(DocumentError) {
        let tree = try bytes.withRawSpan { source throws(DocumentError) in
            var tree = try NodeTree.read(source, format: format, limits: limits)
            if format == .ini {
                try tree.markRepeated(in: source)
            } else {
                try tree.checkKeys(in: source)
            }
            tree.markSealed(in: source, isSealed)
            tree.markShared(in: source)
            tree.markNames(in: source)
            return tree
        }
        self.init(
            bytes, format: format, limits: limits, allowsLines: allowsLines,
            isForShell: isForShell || tree.isForShell, tree: tree)
    }

    /// The text that this one became, of a tree that is complete.
    func changed(to bytes: [UInt8], tree: NodeTree) -> TextDocument {
        TextDocument(
            bytes, format: format, limits: limits, allowsLines: allowsLines, isForShell: isForShell,
            tree: tree)
    }

    /// Makes a document of a tree that is complete.
    private init(
        _ bytes: [UInt8], format: DocumentFormat, limits: DocumentLimits, allowsLines: Bool, isForShell: Bool,
        tree: NodeTree
    ) {
        self.bytes = bytes
        self.format = format
        self.limits = limits
        self.allowsLines = allowsLines
        self.isForShell = isForShell
        self.tree = tree
        objectRecords = format.holdsObjects ? bytes.withRawSpan { ObjectRecord.all(in: tree, $0) } : []
    }
}

extension NodeTree {
    /// Reads a text of any format. Only the events: see ``checkKeys(in:)`` and the marks for the rest.
    static func read(
        _ source: RawSpan, format: DocumentFormat, limits: DocumentLimits
    ) throws(DocumentError) -> NodeTree {
        switch format {
        case .yaml: try YAMLTreeReader.read(source, limits: limits)
        case .json: try JSONTreeReader.read(source, limits: limits)
        case .dotenv: try DotenvTreeReader.read(source, limits: limits)
        case .ini: try INITreeReader.read(source, limits: limits)
        case .toml: try TOMLTreeReader.read(source, limits: limits)
        }
    }
}
