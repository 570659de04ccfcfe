extension TextDocument {
    /// This text with a token under a key that its mapping does not hold yet: appended last, indented
    /// like its siblings. The result is parsed and compared.
    ///
    /// - Parameter path: From the document's root; all but the last component must lead to a mapping.
    /// - Throws: `notFound` where the mapping is missing, `conflict` where the key is there already or
    ///   an alias is in the way, `unsupported` where it can't be done without touching more.
    package func inserting(
        token: [UInt8], at path: SlotPath, document: Int
    ) throws(DocumentError) -> TextDocument {
        guard case .key(let key)? = path.components.last else {
            throw DocumentError(.unsupported, context: "only a key of a mapping can be added")
        }
        guard Self.isToken(token) else { throw DocumentError(.unsealable, context: "not a token") }
        let mapping = try mappingNode(at: path.components.dropLast(), document: document)
        guard
            bytes.withRawSpan({ source in
                key.withRawSpan { tree.child(of: mapping, key: $0, in: source) == nil }
            })
        else {
            throw DocumentError(
                .conflict, line: Int(tree.nodes[mapping].line) + 1, context: "the key is there already")
        }
        let insertion = try insertion(of: key, token, into: mapping)
        return try inserted(insertion, key, token, into: mapping)
    }

    private func mappingNode(
        at components: ArraySlice<SlotPath.Component>, document: Int
    ) throws(DocumentError) -> Int {
        guard let mapping = try node(at: components, document: document) else {
            throw DocumentError(.notFound, context: "the mapping that should hold the key is not there")
        }
        let line = Int(tree.nodes[mapping].line) + 1
        switch tree.nodes[mapping].kind {
        case .mapping: return mapping
        case .alias: throw DocumentError(.conflict, line: line, context: "the path leads through an alias")
        case .scalar where bytes.withRawSpan({ tree.isNull(mapping, in: $0) }):
            throw DocumentError(
                .notFound, line: line, context: "the mapping that should hold the key is empty")
        case .scalar, .sequence: throw DocumentError(.conflict, line: line, context: "not a mapping")
        }
    }
}

// MARK: - What is inserted, and where

extension TextDocument {
    /// Bytes that are put in at an offset of the text.
    struct Insertion {
        /// Where.
        let offset: Int
        /// What.
        let bytes: [UInt8]
    }

    private func insertion(
        of key: [UInt8], _ token: [UInt8], into mapping: Int
    ) throws(DocumentError) -> Insertion {
        let written = try written(key)
        switch (format, tree.nodes[mapping].style) {
        case (.json, _): return jsonInsertion(written, [0x22] + token + [0x22], into: mapping)
        case (.yaml, .flow): return flowInsertion(written + Array(": ".utf8) + token, into: mapping)
        case (.yaml, _): return blockInsertion(written + Array(": ".utf8) + token, into: mapping)
        case (.toml, .flow):
            return flowInsertion(written + Array(" = \"".utf8) + token + [0x22], into: mapping)
        case (.toml, .none):
            throw DocumentError(
                .unsupported, line: Int(tree.nodes[mapping].line) + 1,
                context: "a key can't be added to a table without a header of its own")
        case (.toml, _): return lineInsertion(written, [0x22] + token + [0x22], into: mapping)
        case (.dotenv, _), (.ini, _): return lineInsertion(written, token, into: mapping)
        }
    }

    /// A key as it is written: plain where no reader could take it for anything else, else quoted.
    private func written(_ key: [UInt8]) throws(DocumentError) -> [UInt8] {
        let isWord =
            Self.isToken(key) && key.count < 128
            && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains { word in
                Array(word.utf8) == key.map { $0 | 0x20 }
            }
        if format == .yaml, isWord { return key }
        // What is no key there would not be read as one: the result is compared.
        if format == .dotenv || format == .ini { return key }
        let isBare =
            !key.isEmpty
            && key.allSatisfy { byte in
                byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
                    || (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)
            }
        if format == .toml, isBare { return key }
        return try key.withRawSpan { value throws(DocumentError) in
            let literal = try StringLiteral(of: value)
            var bytes = [UInt8](repeating: 0, count: literal.byteCount)
            var span = bytes.mutableSpan
            var target = unsafe span.mutableBytes
            literal.write(value, into: &target)
            return bytes
        }
    }

    /// The last key of a mapping and its value, nil where it is empty.
    func lastPair(of mapping: Int) -> (key: NodeTree.Node, value: NodeTree.Node)? {
        let children = Array(tree.children(of: mapping))
        guard children.count >= 2 else { return nil }
        return (tree.nodes[children[children.count - 2]], tree.nodes[children[children.count - 1]])
    }

    /// Like the pair before it: the same white space in front of the key and around the colon.
    private func jsonInsertion(_ key: [UInt8], _ value: [UInt8], into mapping: Int) -> Insertion {
        guard let last = lastPair(of: mapping) else {
            return Insertion(
                offset: Int(tree.nodes[mapping].start) + 1, bytes: key + Array(": ".utf8) + value)
        }
        var start = Int(last.key.start)
        while start > 0, Self.isSpace(bytes[start - 1]) { start -= 1 }
        let lead = bytes[start..<Int(last.key.start)]
        let colon = bytes[Int(last.key.end)..<Int(last.value.start)]
        return Insertion(offset: Int(last.value.end), bytes: [UInt8(ascii: ",")] + lead + key + colon + value)
    }

    private func flowInsertion(_ entry: [UInt8], into mapping: Int) -> Insertion {
        guard let last = lastPair(of: mapping) else {
            return Insertion(offset: Int(tree.nodes[mapping].start) + 1, bytes: entry)
        }
        return Insertion(offset: Int(last.value.end), bytes: Array(", ".utf8) + entry)
    }

    /// On a line of its own behind the last line of the mapping.
    private func blockInsertion(_ entry: [UInt8], into mapping: Int) -> Insertion {
        let node = tree.nodes[mapping]
        let indented = [UInt8](repeating: 0x20, count: Int(node.column)) + entry
        var offset = Int(node.end)
        while offset < bytes.count, bytes[offset] != 0x0A { offset += 1 }
        let last = tree.nodes[Int(node.subtreeEnd) - 1]
        if keepsTrailingLines(last) {
            var position = offset
            while position < bytes.count, Self.isSpace(bytes[position]) {
                if bytes[position] == 0x0A { offset = position }
                position += 1
            }
        }
        guard offset < bytes.count else {
            let usesCarriageReturn =
                bytes.firstIndex(of: 0x0A).map { $0 > 0 && bytes[$0 - 1] == 0x0D } ?? false
            return Insertion(
                offset: bytes.count, bytes: (usesCarriageReturn ? [0x0D, 0x0A] : [0x0A]) + indented)
        }
        let lineEnd: [UInt8] = offset > 0 && bytes[offset - 1] == 0x0D ? [0x0D, 0x0A] : [0x0A]
        return Insertion(offset: offset + 1, bytes: indented + lineEnd)
    }

    /// Whether a block scalar takes the blank lines after it for its own (`|+`).
    private func keepsTrailingLines(_ node: NodeTree.Node) -> Bool {
        guard node.style == .literal || node.style == .folded else { return false }
        return bytes[Int(node.start)..<min(Int(node.start) + 3, bytes.count)].contains(UInt8(ascii: "+"))
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    }
}

// MARK: - Verifying

extension TextDocument {
    private func inserted(
        _ insertion: Insertion, _ key: [UInt8], _ token: [UInt8], into mapping: Int
    ) throws(DocumentError) -> TextDocument {
        let line = Int(tree.nodes[mapping].line) + 1
        let result = Array(bytes[..<insertion.offset] + insertion.bytes + bytes[insertion.offset...])
        // Where the text goes on with other mappings in this one, the new key comes before them.
        let next = tree.children(of: mapping).first { child in
            tree.nodes[child].flags.contains(.key) && Int(tree.nodes[child].start) > insertion.offset
        }
        let position = next ?? Int(tree.nodes[mapping].subtreeEnd)
        let after = try bytes.withRawSpan { source throws(DocumentError) in
            try result.withRawSpan { changed throws(DocumentError) in
                var after: NodeTree
                do throws(DocumentError) {
                    after = try NodeTree.read(changed, format: format, limits: limits)
                } catch {
                    throw DocumentError(
                        .unsupported, line: line, context: "a key can't be added to this mapping",
                        underlying: error)
                }
                guard isPair(at: position, of: after, changed, key, token, in: mapping) else {
                    throw DocumentError(
                        .unsupported, line: line, context: "a key can't be added to this mapping")
                }
                let comparison = TreeComparison(
                    before: tree, after: after.removingPair(at: position),
                    insertion: (position, insertion.offset, insertion.bytes.count))
                guard comparison.firstDifference([], before: source, after: changed) == nil else {
                    throw DocumentError(
                        .unsupported, line: line, context: "a key in this mapping would change more than it")
                }
                for index in tree.nodes.indices where tree.nodes[index].flags.contains(.sealed) {
                    after.nodes[index < position ? index : index + 2].flags.insert(.sealed)
                }
                after.nodes[position + 1].flags.insert(.sealed)
                after.markShared(in: changed)
                after.markNames(in: changed)
                if format == .ini { try after.markRepeated(in: changed) }
                return after
            }
        }
        return changed(to: result, tree: after)
    }

    private func isPair(
        at position: Int, of after: NodeTree, _ changed: RawSpan, _ key: [UInt8], _ token: [UInt8],
        in mapping: Int
    ) -> Bool {
        guard after.nodes.count == tree.nodes.count + 2 else { return false }
        let (keyNode, valueNode) = (after.nodes[position], after.nodes[position + 1])
        guard keyNode.kind == .scalar, keyNode.flags.contains(.key), Int(keyNode.parent) == mapping,
            valueNode.kind == .scalar, Int(valueNode.parent) == mapping, !valueNode.flags.contains(.tagged),
            !valueNode.flags.contains(.anchored), valueNode.style == (format.quotesTokens ? .double : .plain)
        else { return false }
        return after.value(of: position, in: changed) == key
            && after.value(of: position + 1, in: changed) == token
    }
}

extension NodeTree {
    /// The tree without a key and its scalar value.
    func removingPair(at position: Int) -> NodeTree {
        func moved(_ index: Int32) -> Int32 { Int(index) >= position + 2 ? index - 2 : index }
        var result = self
        let removed = nodes[position]
        // Keys behind it in the same mapping move up by one.
        for index in result.nodes.indices.dropFirst(position + 2)
        where result.nodes[index].parent == removed.parent { result.nodes[index].ordinal -= 1 }
        result.nodes.removeSubrange(position..<position + 2)
        for index in result.nodes.indices {
            result.nodes[index].parent = moved(result.nodes[index].parent)
            result.nodes[index].subtreeEnd = moved(result.nodes[index].subtreeEnd)
        }
        for index in result.documents.indices {
            result.documents[index].root = moved(result.documents[index].root)
        }
        result.properties = [:]
        for (index, properties) in properties { result.properties[moved(index)] = properties }
        result.aliasTargets = [:]
        for (index, target) in aliasTargets { result.aliasTargets[moved(index)] = moved(target) }
        return result
    }
}
