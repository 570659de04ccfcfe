/// Decodes the source of one scalar by itself, as it would be read in its place.
struct LoneScalar {
    /// The document's format.
    let format: DocumentFormat
    /// How the scalar is written.
    let style: ScalarStyle
    /// The column of the block collection around it, which block scalars are measured from.
    let indentation: Int

    /// Lends the decoded value.
    ///
    /// - Parameters:
    ///   - source: The scalar's source.
    ///   - tail: The blank lines that follow it in its document, with its own line end: the value of a
    ///     block scalar depends on them.
    /// - Throws: `injection` where the source is anything but one scalar of the style.
    func withValue<Result: ~Copyable>(
        _ source: RawSpan, tail: RawSpan, _ body: (RawSpan) throws(DocumentError) -> Result
    ) throws(DocumentError) -> Result {
        let isBlock = style == .literal || style == .folded
        let text = WipedBytes(capacity: source.byteCount + tail.byteCount + 8 + (isBlock ? indentation : 0))
        switch format {
        case .json: break
        case .dotenv, .ini, .toml:
            text.append(UInt8(ascii: "k"))
            text.append(UInt8(ascii: "="))
        case .yaml:
            // A block mapping in the place of whatever holds the scalar.
            if isBlock {
                for _ in 0..<indentation { text.append(0x20) }
            }
            text.append(UInt8(ascii: "k"))
            text.append(UInt8(ascii: ":"))
            if style != .absent { text.append(0x20) }
        }
        let start = text.count
        text.append(source)
        let end = text.count
        text.append(tail)
        return try text.withBytes(0..<text.count) { whole throws(DocumentError) in
            let tree: NodeTree
            do throws(DocumentError) {
                tree = try NodeTree.read(whole, format: format, limits: DocumentLimits())
            } catch {
                throw DocumentError(.injection, context: "not one value", underlying: error)
            }
            let index = format == .json ? 0 : 2
            guard tree.documents.count == 1, tree.nodes.count == index + 1,
                tree.nodes[index].kind == .scalar, tree.nodes[index].style == style.treeStyle,
                tree.properties.isEmpty, Int(tree.nodes[index].start) == start,
                Int(tree.nodes[index].end) == end
            else { throw DocumentError(.injection, context: "not one value of the recorded style") }
            return try tree.withValue(of: index, in: whole, body)
        }
    }
}

extension TextDocument {
    /// Lends the decoded value of a scalar's source that stands in no document: for writing an opened value
    /// in another format.
    ///
    /// - Parameters:
    ///   - source: The source as it was sealed.
    ///   - indentation: The parent's indentation that was recorded with it.
    /// - Throws: `injection` where the source is anything but one scalar of the style.
    package static func withDecoded<Result: ~Copyable>(
        _ source: RawSpan, format: DocumentFormat, style: ScalarStyle, indentation: Int,
        _ body: (RawSpan) throws(DocumentError) -> Result
    ) throws(DocumentError) -> Result {
        let rules = ScalarRules(
            format: format, style: style, isFlow: false, allowsCarriageReturn: true, allowsLines: true,
            isForShell: false)
        if let reason = rules.violation(in: source) {
            throw DocumentError(.injection, context: "the value holds \(reason)")
        }
        let lone = LoneScalar(format: format, style: style, indentation: indentation)
        guard style == .literal || style == .folded else {
            return try lone.withValue(source, tail: source.extracting(0..<0), body)
        }
        // A block scalar of its own ends in one line break.
        return try [UInt8(ascii: "\n")].withRawSpan { tail throws(DocumentError) in
            try lone.withValue(source, tail: tail, body)
        }
    }
}
