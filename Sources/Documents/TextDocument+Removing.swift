extension TextDocument {
    /// This text without a key and its scalar value: without their lines in a block mapping, without the member and
    /// one comma in JSON and flow mappings. The result is parsed and compared: every other node is the same.
    ///
    /// - Parameter path: From the document's root to the value.
    /// - Throws: `notFound` where nothing stands there, `conflict` where the value is no scalar of a mapping or an
    ///   alias is in the way, `unsupported` where more than the pair would go.
    package func removing(_ path: SlotPath, document: Int) throws(DocumentError) -> TextDocument {
        guard let slot = try slot(at: path, document: document) else {
            throw DocumentError(.notFound, context: "nothing stands at this key path")
        }
        let mapping = Int(tree.nodes[slot.node].parent)
        guard tree.nodes[mapping].kind == .mapping else {
            throw DocumentError(
                .conflict, line: slot.line, context: "an element of a sequence: only keys can be removed")
        }
        let key = tree.key(of: slot.node)
        let isMember = format == .json || tree.nodes[mapping].style == .flow
        let range =
            try isMember ? memberRange(key, slot.node, in: mapping) : lineRange(key, slot, in: mapping)
        return try removed(range, key: key, line: slot.line)
    }

    /// The member with the comma that joins it to the member before it, else to the one after it.
    private func memberRange(
        _ key: Int, _ value: Int, in mapping: Int
    ) throws(DocumentError) -> Range<Int> {
        let line = Int(tree.nodes[key].line) + 1
        let end = Int(tree.nodes[value].end)
        let range: Range<Int>
        if key > mapping + 1 {
            range = Int(tree.nodes[key - 1].end)..<end
        } else if value + 1 < Int(tree.nodes[mapping].subtreeEnd) {
            let next = value + 1
            let start = tree.properties[Int32(next)].map { Int($0.start) } ?? Int(tree.nodes[next].start)
            range = Int(tree.nodes[key].start)..<start
        } else {
            range = Int(tree.nodes[key].start)..<end
        }
        let gaps = [
            range.lowerBound..<min(Int(tree.nodes[key].start), range.upperBound),
            Int(tree.nodes[key].end)..<Int(tree.nodes[value].start), end..<max(end, range.upperBound),
        ]
        for gap in gaps where gap.lowerBound < gap.upperBound && bytes[gap].contains(UInt8(ascii: "#")) {
            throw DocumentError(.unsupported, line: line, context: "a comment stands between the members")
        }
        return range
    }

    /// The lines of the pair, with the line end before them where they end the text without one.
    private func lineRange(
        _ key: Int, _ slot: Slot, in mapping: Int
    ) throws(DocumentError) -> Range<Int> {
        guard format != .yaml || key > mapping + 1 || slot.node + 1 < Int(tree.nodes[mapping].subtreeEnd)
        else {
            throw DocumentError(
                .unsupported, line: slot.line,
                context: "the only key of its mapping: without it the mapping would be no mapping")
        }
        let textStart = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        let start = max(textStart, lineStart(of: Int(tree.nodes[key].start)))
        // In formats of lines a word such as `export` may stand before the key.
        guard format != .yaml || bytes[start..<Int(tree.nodes[key].start)].allSatisfy({ $0 == 0x20 }) else {
            throw DocumentError(.unsupported, line: slot.line, context: "more stands on the line of the key")
        }
        let end = lineEnd(from: slot.range.upperBound)
        let tail = bytes[slot.range.upperBound..<end]
        let rest = tail.drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
        guard rest.first == nil || rest.first == UInt8(ascii: "#") else {
            throw DocumentError(
                .unsupported, line: slot.line, context: "more stands on the line of the value")
        }
        guard end == bytes.count, start > textStart else { return start..<min(end + 1, bytes.count) }
        let isCarriageReturn = start > 1 && bytes[start - 2] == 0x0D
        return (start - (isCarriageReturn ? 2 : 1))..<end
    }

    private func removed(_ range: Range<Int>, key: Int, line: Int) throws(DocumentError) -> TextDocument {
        let result = Array(bytes[..<range.lowerBound] + bytes[range.upperBound...])
        let refusal = DocumentError(
            .unsupported, line: line, context: "the key can't be removed without changing more than it")
        // A mapping that loses its first key begins where that key began: with its second.
        let isFirst = key == Int(tree.nodes[key].parent) + 1
        let offset = isFirst ? Int(tree.nodes[key].start) : range.lowerBound
        let after = try bytes.withRawSpan { source throws(DocumentError) in
            try result.withRawSpan { changed throws(DocumentError) in
                var after: NodeTree
                do throws(DocumentError) {
                    after = try NodeTree.read(changed, format: format, limits: limits)
                } catch {
                    throw refusal
                }
                // The text before is the one after with the pair put in.
                let comparison = TreeComparison(
                    before: after, after: tree.removingPair(at: key),
                    insertion: (key, offset, range.count))
                guard after.nodes.count == tree.nodes.count - 2,
                    comparison.firstDifference([], before: changed, after: source) == nil
                else { throw refusal }
                for index in tree.nodes.indices where tree.nodes[index].flags.contains(.sealed) {
                    guard index != key + 1 else { continue }
                    after.nodes[index < key ? index : index - 2].flags.insert(.sealed)
                }
                after.markShared(in: changed)
                after.markNames(in: changed)
                if format == .ini { try after.markRepeated(in: changed) }
                return after
            }
        }
        return changed(to: result, tree: after)
    }
}
