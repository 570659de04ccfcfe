/// Opened texts handed on: what they hold, for those that emit them, and their form in JSON.
package enum DocumentConversion {
    /// The number of documents in a text that are more than a null. Nothing of the text is kept.
    ///
    /// - Throws: As reading the text does.
    package static func rootCount(of text: RawSpan, _ format: DocumentFormat) throws(DocumentError) -> Int {
        let tree = try NodeTree.read(text, format: format, limits: DocumentLimits())
        return roots(of: tree, in: text).count
    }

    /// Lends the documents of a YAML or JSON text as JSON, one a line, in memory that is wiped afterwards; documents
    /// that are null are left out.
    ///
    /// Plain scalars of YAML are typed as kubectl does it: see ``YAMLScalarKind``. Aliases are written out, merge keys
    /// merged. Keys become strings: whole numbers in decimal, booleans `true` and `false`. Members keep their order,
    /// fractions their digits.
    ///
    /// - Throws: As reading the text does, `duplicateKey` also where two keys become the same string, `limit`, and
    ///   `unsupported` with the line for what JSON has no form for or kubectl reads in a way that nobody expects:
    ///   infinities, fractions and nulls as keys, tags of other types, a merge key behind a key that it sets too.
    package static func withJSONLines<Result: ~Copyable>(
        of text: RawSpan, _ format: DocumentFormat, _ body: (RawSpan) throws -> Result
    ) throws -> Result {
        precondition(format.holdsObjects, "only documents of nested values become JSON")
        let tree = try NodeTree.read(text, format: format, limits: DocumentLimits())
        try tree.checkKeys(in: text)
        let writer = JSONWriter(tree: tree, isYAML: format == .yaml)
        for root in roots(of: tree, in: text) {
            try writer.write(root, of: text, depth: 0)
            writer.output.append(UInt8(ascii: "\n"))
        }
        return try writer.output.withBytes(0..<writer.output.count, body)
    }

    private static func roots(of tree: NodeTree, in text: RawSpan) -> [Int] {
        tree.documents.map { Int($0.root) }.filter { root in
            tree.nodes.indices.contains(root) && !tree.isNull(root, in: text)
        }
    }
}
