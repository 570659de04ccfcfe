extension TextDocument {
    /// A Kubernetes object among the nodes.
    struct ObjectRecord: Sendable {
        /// The ordinal of its document.
        let document: Int
        /// The index in the `items` of a `List`.
        let item: Int?
        /// Its mapping.
        let root: Int
        /// Its identity, nil for a list item that has none.
        let object: KubernetesObject?
        /// Whether no other object of the text has the same identity.
        var isUnique = false
    }

    /// The Kubernetes objects of the text, with the ordinal of their document and list item, in order.
    package var objects: [(document: Int, item: Int?, object: KubernetesObject)] {
        objectRecords.compactMap { record in
            record.object.map { (record.document, record.item, $0) }
        }
    }

    /// The object, or list item, that holds a node.
    func objectRecord(around index: Int, document: Int) -> ObjectRecord? {
        var low = 0
        var high = objectRecords.count
        while low < high {
            let middle = (low + high) / 2
            if objectRecords[middle].root <= index { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return nil }
        let record = objectRecords[low - 1]
        return index < Int(tree.nodes[record.root].subtreeEnd) ? record : nil
    }
}

extension TextDocument.ObjectRecord {
    /// The objects of a text: mapping documents with `apiVersion`, `kind` and `metadata.name`, and each item
    /// of a `kind: List`. Sealed scalars name nothing; where a merge key could supply a part there is no
    /// identity, since readers differ in what they make of it.
    static func all(in tree: NodeTree, _ source: RawSpan) -> [TextDocument.ObjectRecord] {
        var records: [TextDocument.ObjectRecord] = []
        for (document, facts) in tree.documents.enumerated() {
            let root = Int(facts.root)
            guard root >= 0, root < tree.nodes.count, tree.nodes[root].kind == .mapping,
                Int(tree.nodes[root].document) == document
            else { continue }
            if let items = listItems(of: root, in: tree, source) {
                for (item, node) in tree.children(of: items).enumerated() {
                    let object = identity(of: node, in: tree, source)
                    records.append(.init(document: document, item: item, root: node, object: object))
                }
            } else if let object = identity(of: root, in: tree, source) {
                records.append(.init(document: document, item: nil, root: root, object: object))
            }
        }
        var counts: [KubernetesObject: Int] = [:]
        for case let object? in records.map(\.object) { counts[object, default: 0] += 1 }
        for position in records.indices {
            guard let object = records[position].object else { continue }
            records[position].isUnique = counts[object] == 1
        }
        return records
    }

    private static func listItems(of root: Int, in tree: NodeTree, _ source: RawSpan) -> Int? {
        guard let kind = tree.child(of: root, word: "kind", in: source), tree.nodes[kind].kind == .scalar,
            tree.withValue(of: kind, in: source, { $0.isEqual(to: "List") }),
            tree.child(of: root, word: "apiVersion", in: source) != nil,
            let items = tree.child(of: root, word: "items", in: source), tree.nodes[items].kind == .sequence
        else { return nil }
        return items
    }

    private static func identity(of root: Int, in tree: NodeTree, _ source: RawSpan) -> KubernetesObject? {
        guard tree.child(of: root, word: "<<", in: source) == nil,
            let version = text(of: root, "apiVersion", in: tree, source),
            let kind = text(of: root, "kind", in: tree, source),
            let metadata = tree.child(of: root, word: "metadata", in: source),
            tree.nodes[metadata].kind == .mapping, tree.child(of: metadata, word: "<<", in: source) == nil,
            let name = text(of: metadata, "name", in: tree, source)
        else { return nil }
        var namespace: [UInt8]?
        if let node = tree.child(of: metadata, word: "namespace", in: source), !tree.isNull(node, in: source)
        {
            guard let text = text(of: metadata, "namespace", in: tree, source) else { return nil }
            namespace = text
        }
        let slash = version.firstIndex(of: UInt8(ascii: "/"))
        return KubernetesObject(
            group: slash.map { Array(version[..<$0]) } ?? [], kind: kind, namespace: namespace, name: name)
    }

    /// The text of an unsealed scalar, of its own or through an alias, that is no null.
    private static func text(
        of mapping: Int, _ word: StaticString, in tree: NodeTree, _ source: RawSpan
    ) -> [UInt8]? {
        guard var node = tree.child(of: mapping, word: word, in: source) else { return nil }
        if let target = tree.aliasTargets[Int32(node)] { node = Int(target) }
        guard tree.nodes[node].kind == .scalar, !tree.nodes[node].flags.contains(.sealed),
            !tree.isNull(node, in: source)
        else { return nil }
        return tree.value(of: node, in: source)
    }
}

extension NodeTree {
    /// Whether a node is a null: absent, or an untagged plain `~` or `null` (YAML 1.1, JSON).
    func isNull(_ index: Int, in source: RawSpan) -> Bool {
        let node = nodes[index]
        guard node.kind == .scalar, !node.flags.contains(.tagged) else { return false }
        guard node.style != .absent else { return true }
        guard node.style == .plain else { return false }
        return withValue(of: index, in: source) { value in
            value.isEqual(to: "null") || value.isEqual(to: "~") || value.isEqual(to: "Null")
                || value.isEqual(to: "NULL")
        }
    }
}
