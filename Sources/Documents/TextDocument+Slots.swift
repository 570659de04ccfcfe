extension TextDocument {
    /// The number of documents in the stream.
    package var documentCount: Int { tree.documents.count }

    /// Every scalar value of a mapping or sequence, in the order of the text. A document that is one lone
    /// scalar has none.
    package var slots: [Slot] {
        inOrder(tree.nodes.indices.compactMap { slot(of: $0) })
    }

    /// The lines, from 1, of the documents that are one lone scalar; one that isn't written at all is none.
    package var rootScalarLines: [Int] {
        tree.nodes.filter { $0.kind == .scalar && $0.parent < 0 && $0.style != .absent }
            .map { Int($0.line) + 1 }
    }

    /// The slots whose value is a sealed token, in the order of the text.
    package var sealedSlots: [Slot] {
        inOrder(
            tree.nodes.indices.compactMap { index in
                tree.nodes[index].flags.contains(.sealed) ? slot(of: index) : nil
            })
    }

    /// Slots in the order of the text: tables of TOML may be spread over it.
    private func inOrder(_ slots: [Slot]) -> [Slot] {
        format == .toml ? slots.sorted { $0.range.lowerBound < $1.range.lowerBound } : slots
    }

    /// Lends the source text of a slot.
    package func withSource<Result: ~Copyable, Failure: Error>(
        of slot: Slot, _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try bytes.withRawSpan { source throws(Failure) in try body(source.extracting(slot.range)) }
    }

    /// Lends the decoded value of a slot.
    package func withValue<Result: ~Copyable, Failure: Error>(
        of slot: Slot, _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try bytes.withRawSpan { source throws(Failure) in
            try tree.withValue(of: slot.node, in: source, body)
        }
    }

    /// The key path of a slot from its document's root.
    package func path(of slot: Slot) -> SlotPath {
        path(of: slot.node, below: -1)
    }

    /// Where a slot stands: its document, Kubernetes object and key path.
    package func place(of slot: Slot) -> SlotPlace {
        let record = objectRecord(around: slot.node, document: slot.document)
        let item = record?.item
        return SlotPlace(
            document: slot.document, item: item, object: record?.object,
            isObjectUnique: record?.isUnique ?? false,
            path: path(of: slot.node, below: item == nil ? -1 : (record?.root ?? -1)))
    }

    /// The slot of a node, nil where the node is no scalar value of a mapping or sequence.
    func slot(of index: Int) -> Slot? {
        let node = tree.nodes[index]
        guard node.kind == .scalar, node.parent >= 0, !node.flags.contains(.key) else { return nil }
        return Slot(
            node: index, document: Int(node.document), range: Int(node.start)..<Int(node.end),
            style: ScalarStyle(node.style), isFlow: node.flags.contains(.inFlow),
            parentIndentation: max(0, Int(node.indentation)), isSealed: node.flags.contains(.sealed),
            isAliasedOrMerged: node.flags.contains(.shared), hasAnchor: node.flags.contains(.anchored),
            hasTag: node.flags.contains(.tagged), namesElement: node.flags.contains(.names),
            line: Int(node.line) + 1, column: Int(node.column) + 1)
    }

    /// The steps from a node (or the document's root, -1) down to another.
    func path(of index: Int, below top: Int) -> SlotPath {
        var components: [SlotPath.Component] = []
        var position = index
        bytes.withRawSpan { source in
            while position != top, tree.nodes[position].parent >= 0 {
                // Components are gathered from the end: the number of a key of INI comes behind it.
                if let number = tree.repeats[Int32(position)] { components.append(.index(Int(number))) }
                components.append(component(of: position, in: source))
                position = Int(tree.nodes[position].parent)
            }
        }
        return SlotPath(components.reversed())
    }

    private func component(of index: Int, in source: RawSpan) -> SlotPath.Component {
        let node = tree.nodes[index]
        if tree.nodes[Int(node.parent)].kind == .mapping {
            return .key(tree.value(of: tree.key(of: index), in: source))
        }
        guard let name = tree.elementNames[Int32(index)] else { return .index(Int(node.ordinal)) }
        return .named(name.field, tree.value(of: Int(name.node), in: source))
    }
}

// MARK: - Finding

extension TextDocument {
    /// The slot at a key path.
    ///
    /// `[2]` finds the third element whatever its name is; `[name=DB]` the only element whose `name` is
    /// that, sealed scalars left aside. In INI `[2]` finds what stands under the same key or section for the third time.
    ///
    /// - Parameter path: From the document's root.
    /// - Returns: nil where nothing stands there.
    /// - Throws: `conflict` where two elements have the name, an alias is in the way, or the node there is
    ///   no scalar; `notFound` where there is no such document.
    package func slot(at path: SlotPath, document: Int) throws(DocumentError) -> Slot? {
        guard !path.components.isEmpty else {
            throw DocumentError(.conflict, context: "the root of a document can't be sealed by itself")
        }
        guard let index = try node(at: path.components[...], document: document) else { return nil }
        guard let slot = slot(of: index) else {
            throw DocumentError(
                .conflict, line: Int(tree.nodes[index].line) + 1, context: "what stands there is no scalar")
        }
        return slot
    }

    /// The node at the end of steps from a document's root.
    func node(
        at components: ArraySlice<SlotPath.Component>, document: Int
    ) throws(DocumentError) -> Int? {
        guard tree.documents.indices.contains(document) else {
            throw DocumentError(.notFound, context: "there is no document \(document)")
        }
        var index = Int(tree.documents[document].root)
        guard index < tree.nodes.count, Int(tree.nodes[index].document) == document else { return nil }
        for component in components {
            if tree.nodes[index].kind == .alias {
                throw DocumentError(
                    .conflict, line: Int(tree.nodes[index].line) + 1,
                    context: "the path leads through an alias")
            }
            guard let next = try child(of: index, at: component) else { return nil }
            index = next
        }
        return index
    }

    private func child(
        of index: Int, at component: SlotPath.Component
    ) throws(DocumentError) -> Int? {
        switch component {
        case .key(let key):
            return bytes.withRawSpan { source in
                key.withRawSpan { tree.child(of: index, key: $0, in: source) }
            }
        case .index(let ordinal):
            if format == .ini { return bytes.withRawSpan { tree.repeated(index, ordinal, in: $0) } }
            guard tree.nodes[index].kind == .sequence, ordinal >= 0 else { return nil }
            return tree.children(of: index).first { Int(tree.nodes[$0].ordinal) == ordinal }
        case .named(let field, let name):
            let found = elements(of: index, whose: field, is: name)
            guard found.count < 2 else {
                throw DocumentError(
                    .conflict, line: Int(tree.nodes[found[1]].line) + 1,
                    context: "more than one element has that \(field.rawValue)")
            }
            return found.first
        }
    }

    private func elements(of index: Int, whose field: SlotPath.NameField, is name: [UInt8]) -> [Int] {
        guard tree.nodes[index].kind == .sequence else { return [] }
        return bytes.withRawSpan { source in
            tree.children(of: index).filter { element in
                let word = Array(field.rawValue.utf8)
                guard let value = word.withRawSpan({ tree.child(of: element, key: $0, in: source) }),
                    tree.nodes[value].kind == .scalar, !tree.nodes[value].flags.contains(.sealed)
                else { return false }
                return tree.withValue(of: value, in: source) { mine in
                    name.withRawSpan { mine.isEqual(to: $0) }
                }
            }
        }
    }
}
