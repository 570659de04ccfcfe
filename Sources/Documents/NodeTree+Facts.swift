/// What a tree says beyond its events: no key twice, which values are sealed, which are met at more than
/// one place, which name a sequence element.
extension NodeTree {
    // MARK: Keys

    /// Refuses a mapping that holds one key twice, compared by decoded bytes.
    func checkKeys(in source: RawSpan) throws(DocumentError) {
        var keys: [Int] = []
        for (index, node) in nodes.enumerated() where node.kind == .mapping {
            keys.removeAll(keepingCapacity: true)
            for (position, child) in children(of: index).enumerated() where position % 2 == 0 {
                keys.append(child)
            }
            guard let twice = firstTwice(&keys, in: source) else { continue }
            throw DocumentError(
                .duplicateKey, line: Int(nodes[twice.second].line) + 1,
                otherLine: Int(nodes[twice.first].line) + 1,
                context: "the key stands on line \(nodes[twice.first].line + 1) already")
        }
    }

    /// Counts, for each value of an INI text, how often its key or section stands before in the same mapping: readers
    /// that take it again keep all, or the last. The later ones go by key and number.
    ///
    /// - Throws: `duplicateKey` where a key has the name of a section.
    mutating func markRepeated(in source: RawSpan) throws(DocumentError) {
        repeats = [:]
        for index in nodes.indices where nodes[index].kind == .mapping {
            var keys: [Int] = []
            for child in children(of: index) where nodes[child].flags.contains(.key) { keys.append(child) }
            guard firstTwice(&keys, in: source) != nil else { continue }
            // In the order of values, the same ones in the order of the text.
            keys.sort { left, right in
                withValue(of: left, in: source) { mine in
                    withValue(of: right, in: source) { theirs in
                        mine.precedes(theirs) || (mine.isEqual(to: theirs) && left < right)
                    }
                }
            }
            var count: Int32 = 0
            for position in keys.indices.dropFirst() {
                let (first, second) = (keys[position - 1], keys[position])
                guard hasSameValue(first, second, in: source) else {
                    count = 0
                    continue
                }
                guard nodes[first + 1].kind == nodes[second + 1].kind else {
                    throw DocumentError(
                        .duplicateKey, line: Int(nodes[second].line) + 1,
                        otherLine: Int(nodes[first].line) + 1,
                        context: "a key and a section of one name, the other on line \(nodes[first].line + 1)"
                    )
                }
                count += 1
                repeats[Int32(second) + 1] = count
            }
        }
    }

    /// The value of INI that stands under the key of another for the `number`th time again, in the same mapping; the
    /// first one's number is 0. nil where there is none, or `value` is no first one.
    func repeated(_ value: Int, _ number: Int, in source: RawSpan) -> Int? {
        guard repeats[Int32(value)] == nil, nodes[value].parent >= 0, !repeats.isEmpty else { return nil }
        guard number > 0 else { return number == 0 ? value : nil }
        return children(of: Int(nodes[value].parent)).first { child in
            repeats[Int32(child)] == Int32(number) && hasSameValue(key(of: child), key(of: value), in: source)
        }
    }

    private func firstTwice(_ keys: inout [Int], in source: RawSpan) -> (first: Int, second: Int)? {
        guard keys.count > 1 else { return nil }
        if keys.count <= 8 {
            for second in 1..<keys.count {
                for first in 0..<second where hasSameValue(keys[first], keys[second], in: source) {
                    return (keys[first], keys[second])
                }
            }
            return nil
        }
        keys.sort { left, right in
            withValue(of: left, in: source) { mine in
                withValue(of: right, in: source) { theirs in
                    mine.precedes(theirs) || (mine.isEqual(to: theirs) && left < right)
                }
            }
        }
        for position in 1..<keys.count where hasSameValue(keys[position - 1], keys[position], in: source) {
            return (keys[position - 1], keys[position])
        }
        return nil
    }

    private func hasSameValue(_ left: Int, _ right: Int, in source: RawSpan) -> Bool {
        guard nodes[left].valueCount == nodes[right].valueCount else { return false }
        return withValue(of: left, in: source) { mine in
            withValue(of: right, in: source) { mine.isEqual(to: $0) }
        }
    }

    // MARK: Sealed

    /// Marks the values that are sealed tokens.
    mutating func markSealed(in source: RawSpan, _ isSealed: (RawSpan) -> Bool) {
        for index in nodes.indices where nodes[index].kind == .scalar && !nodes[index].flags.contains(.key) {
            let isToken = withValue(of: index, in: source) { isSealed($0) }
            if isToken { nodes[index].flags.insert(.sealed) }
        }
    }

    // MARK: Shared

    /// Marks what stands under an anchor that an alias names, and what stands under a merge key.
    mutating func markShared(in source: RawSpan) {
        for target in aliasTargets.values {
            nodes[Int(target)].flags.insert(.shared)
        }
        for index in nodes.indices {
            let node = nodes[index]
            guard node.parent >= 0 else { continue }
            if nodes[Int(node.parent)].flags.contains(.shared) {
                nodes[index].flags.insert(.shared)
            } else if node.flags.contains(.key), node.valueCount == 2,
                withValue(of: index, in: source, { $0.isEqual(to: "<<") })
            {
                nodes[index + 1].flags.insert(.shared)
            }
        }
    }

    // MARK: Names

    /// Marks the scalars that name the sequence elements that hold them: the first of `name`, `key`, `id`
    /// that is an unsealed scalar, where no sibling has the same (FORMATS.md 2, "Scopes").
    mutating func markNames(in source: RawSpan) {
        for index in nodes.indices where nodes[index].kind == .sequence {
            var candidates: [(field: SlotPath.NameField, node: Int, element: Int)] = []
            for child in children(of: index) where nodes[child].kind == .mapping {
                guard let candidate = nameCandidate(of: child, in: source) else { continue }
                candidates.append((candidate.field, candidate.node, child))
            }
            guard !candidates.isEmpty else { continue }
            candidates.sort { left, right in
                guard left.field == right.field else { return left.field.order < right.field.order }
                return withValue(of: left.node, in: source) { mine in
                    withValue(of: right.node, in: source) { mine.precedes($0) }
                }
            }
            for position in candidates.indices {
                let isTwice = [position - 1, position + 1].contains { other in
                    candidates.indices.contains(other)
                        && candidates[other].field == candidates[position].field
                        && hasSameValue(candidates[other].node, candidates[position].node, in: source)
                }
                guard !isTwice else { continue }
                let (field, node, element) = candidates[position]
                nodes[node].flags.insert(.names)
                elementNames[Int32(element)] = ElementName(field: field, node: Int32(node))
            }
        }
    }

    /// The scalar that would name this mapping as a sequence element.
    private func nameCandidate(of mapping: Int, in source: RawSpan) -> (field: SlotPath.NameField, node: Int)?
    {
        var found: (field: SlotPath.NameField, node: Int)?
        for child in children(of: mapping) where nodes[child].flags.contains(.key) {
            let value = child + 1
            guard nodes[value].kind == .scalar, !nodes[value].flags.contains(.sealed) else { continue }
            guard let field = withValue(of: child, in: source, { SlotPath.NameField(word: $0) }) else {
                continue
            }
            if let best = found, best.field.order <= field.order { continue }
            found = (field, value)
        }
        return found
    }
}

extension SlotPath.NameField {
    /// The place in the order of asking.
    var order: Int {
        switch self {
        case .name: 0
        case .key: 1
        case .id: 2
        }
    }

    /// The field of a key's bytes.
    init?(word: RawSpan) {
        if word.isEqual(to: "name") {
            self = .name
        } else if word.isEqual(to: "key") {
            self = .key
        } else if word.isEqual(to: "id") {
            self = .id
        } else {
            return nil
        }
    }
}
