extension TextDocument {
    /// Lends each value that readers meet at a place where it isn't written: below an alias, or through a merge key
    /// (`<<`), in whose place the mapping around it stands. In the order of the aliases, merges last.
    ///
    /// As many calls as a reader that expands every alias makes nodes: bounded by
    /// ``DocumentLimits/expandedNodeCount``.
    ///
    /// - Parameter body: Takes the value as it is written, the place where it is met too, and the line, from 1, of
    ///   what puts it there.
    package func forEachValueMetElsewhere(_ body: (Slot, SlotPlace, Int) -> Void) {
        for alias in tree.aliasTargets.keys.sorted() {
            guard let target = tree.aliasTargets[alias], !tree.nodes[Int(alias)].flags.contains(.key) else {
                continue
            }
            let place = writtenPlace(of: Int(alias))
            let line = Int(tree.nodes[Int(alias)].line) + 1
            expand(Int(target), below: place.path.components) { slot, components in
                body(slot, place.moved(to: components), line)
            }
        }
        for slot in slots where slot.isAliasedOrMerged {
            let place = place(of: slot)
            guard place.path.components.contains(.mergeKey) else { continue }
            body(slot, place.moved(to: place.path.components), slot.line)
        }
    }

    /// The place of a node that needn't be a scalar.
    private func writtenPlace(of index: Int) -> SlotPlace {
        let document = Int(tree.nodes[index].document)
        let record = objectRecord(around: index, document: document)
        let item = record?.item
        return SlotPlace(
            document: document, item: item, object: record?.object, isObjectUnique: record?.isUnique ?? false,
            path: path(of: index, below: item == nil ? -1 : (record?.root ?? -1)))
    }

    /// Lends each scalar value of a node, and of what aliases in it stand for, with its path below `prefix`.
    ///
    /// An alias names a node that ended before it, so that this ends.
    private func expand(
        _ top: Int, below prefix: [SlotPath.Component], _ body: (Slot, [SlotPath.Component]) -> Void
    ) {
        for index in top..<max(top + 1, Int(tree.nodes[top].subtreeEnd)) {
            let node = tree.nodes[index]
            guard !node.flags.contains(.key) || index == top else { continue }
            if let target = tree.aliasTargets[Int32(index)] {
                expand(Int(target), below: prefix + path(of: index, below: top).components, body)
            } else if let slot = slot(of: index) {
                body(slot, prefix + path(of: index, below: top).components)
            }
        }
    }
}

extension SlotPath.Component {
    /// `<<`
    fileprivate static let mergeKey = SlotPath.Component.key(Array("<<".utf8))
}

extension SlotPlace {
    /// The same document and object at another path, without the steps that a reader merges away: `<<`, and the
    /// index in a list of merged mappings.
    fileprivate func moved(to components: [SlotPath.Component]) -> SlotPlace {
        var kept: [SlotPath.Component] = []
        var isBehindMerge = false
        for component in components {
            if component == .mergeKey {
                isBehindMerge = true
                continue
            }
            defer { isBehindMerge = false }
            if isBehindMerge {
                switch component {
                case .index, .named: continue
                case .key: break
                }
            }
            kept.append(component)
        }
        return SlotPlace(
            document: document, item: item, object: object, isObjectUnique: isObjectUnique,
            path: SlotPath(kept))
    }
}
