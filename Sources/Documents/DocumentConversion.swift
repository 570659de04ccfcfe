/// Opened texts handed on: what they hold, for those that emit them.
package enum DocumentConversion {
    /// The number of documents in a text that are more than a null. Nothing of the text is kept.
    ///
    /// - Throws: As reading the text does.
    package static func rootCount(of text: RawSpan, _ format: DocumentFormat) throws(DocumentError) -> Int {
        let tree = try NodeTree.read(text, format: format, limits: DocumentLimits())
        return tree.documents.count { document in
            let root = Int(document.root)
            return tree.nodes.indices.contains(root) && !tree.isNull(root, in: text)
        }
    }
}
