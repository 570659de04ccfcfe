/// Compares a tree with the one before some scalars were replaced: everything but these must be the same.
struct TreeComparison {
    /// One replaced scalar.
    struct Edit {
        /// The scalar's node, the same in both trees.
        let node: Int
        /// The bytes that were taken out of the text before.
        let removed: Range<Int>
        /// The number of bytes that were put in.
        let insertedCount: Int
        /// How many of these come before the scalar itself (an inserted space).
        let lead: Int
        /// How the scalar is written now.
        let style: NodeTree.Style
    }

    /// The tree before, of the text `before`.
    let before: NodeTree
    /// The tree after, of the text `after`.
    let after: NodeTree
    /// Bytes that were put in at an offset of the text before, without changing any node; of the nodes that
    /// begin there, those from `node` on are behind them.
    var insertion: (node: Int, offset: Int, byteCount: Int)?

    /// The first node that is not what it should be, nil where all are.
    ///
    /// Nodes needn't be in the order of the text: tables of TOML are met again.
    ///
    /// - Parameter edits: In the order of the text, one a node.
    func firstDifference(_ edits: [Edit], before source: RawSpan, after changed: RawSpan) -> Int? {
        guard before.documents == after.documents else { return firstOther }
        guard before.nodes.count == after.nodes.count, before.aliasTargets == after.aliasTargets else {
            return firstOther
        }
        // How far what follows the first 0, 1, 2 … edits of the text has moved.
        var shifts = [0]
        shifts.reserveCapacity(edits.count + 1)
        for edit in edits {
            shifts.append((shifts.last ?? 0) + edit.insertedCount - edit.removed.count)
        }
        var found = 0
        var passed = 0
        for index in before.nodes.indices {
            guard hasSameShape(index) else { return index }
            let start = Int(before.nodes[index].start)
            func isPassed(_ edit: Edit) -> Bool {
                edit.removed.lowerBound < start || (edit.removed.lowerBound == start && edit.node < index)
            }
            while passed < edits.count, isPassed(edits[passed]) { passed += 1 }
            while passed > 0, !isPassed(edits[passed - 1]) { passed -= 1 }
            // The edit of a node removes from its start on, or from the space before an absent value.
            if passed < edits.count, edits[passed].node == index {
                guard isInPlace(edits[passed], shifts[passed]) else { return index }
                found += 1
            } else if passed > 0, edits[passed - 1].node == index {
                guard isInPlace(edits[passed - 1], shifts[passed - 1]) else { return index }
                found += 1
            } else {
                var shift = shifts[passed]
                if let insertion,
                    start > insertion.offset || (start == insertion.offset && index >= insertion.node)
                {
                    shift += insertion.byteCount
                }
                guard isUntouched(index, shift, source, changed) else { return index }
            }
        }
        return found == edits.count ? nil : before.nodes.count
    }

    /// Where two trees of different size part.
    private var firstOther: Int {
        let common = min(before.nodes.count, after.nodes.count)
        return (0..<common).first { !hasSameShape($0) || before.nodes[$0].style != after.nodes[$0].style }
            ?? common
    }

    private func hasSameShape(_ index: Int) -> Bool {
        let (old, new) = (before.nodes[index], after.nodes[index])
        guard old.kind == new.kind, old.parent == new.parent, old.subtreeEnd == new.subtreeEnd,
            old.ordinal == new.ordinal, old.document == new.document
        else { return false }
        let shape: NodeTree.Flags = [.key, .inFlow, .anchored, .tagged]
        guard old.flags.intersection(shape) == new.flags.intersection(shape) else { return false }
        guard old.flags.contains(.anchored) || old.flags.contains(.tagged) || old.kind == .alias else {
            return true
        }
        let (left, right) = (before.properties[Int32(index)], after.properties[Int32(index)])
        return left?.anchor == right?.anchor && left?.tag == right?.tag
    }

    private func isUntouched(_ index: Int, _ shift: Int, _ source: RawSpan, _ changed: RawSpan) -> Bool {
        let (old, new) = (before.nodes[index], after.nodes[index])
        let events: NodeTree.Flags = [.plainImplicit, .quotedImplicit]
        guard old.style == new.style, Int(old.start) + shift == Int(new.start),
            old.flags.intersection(events) == new.flags.intersection(events)
        else { return false }
        guard old.kind == .scalar || old.kind == .alias else { return true }
        guard Int(old.end) + shift == Int(new.end), old.valueCount == new.valueCount else { return false }
        return before.withValue(of: index, in: source) { mine in
            after.withValue(of: index, in: changed) { mine.isEqual(to: $0) }
        }
    }

    private func isInPlace(_ edit: Edit, _ shift: Int) -> Bool {
        let new = after.nodes[edit.node]
        guard new.kind == .scalar, new.style == edit.style else { return false }
        let start = edit.removed.lowerBound + shift
        guard edit.style != .absent else { return Int(new.start) >= start && new.start == new.end }
        return Int(new.start) == start + edit.lead && Int(new.end) == start + edit.insertedCount
    }
}
