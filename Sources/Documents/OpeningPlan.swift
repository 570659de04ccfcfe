/// What stands in the place of one sealed token once it is opened.
package struct Opening: Sendable {
    /// The sealed slot.
    package let slot: Slot
    /// The style that was recorded at sealing.
    package let style: ScalarStyle
    /// The parent's indentation that was recorded at sealing.
    package let indentation: Int
    /// Where the source bytes lie in the plaintexts that are handed over with it.
    package let source: Range<Int>

    /// Makes an opening.
    package init(slot: Slot, style: ScalarStyle, indentation: Int, source: Range<Int>) {
        self.slot = slot
        self.style = style
        self.indentation = indentation
        self.source = source
    }
}

/// The opening of a document: checks each plaintext by itself, gives the size, writes the text into the
/// caller's memory, and verifies the result (FORMATS.md 2, "Opening into a document").
///
/// Plaintext is only lent and only written into what the caller hands over. In order: make the plan,
/// ``write(_:into:)``, ``verify(_:plaintexts:)``; nothing may be used before the last has returned.
package struct OpeningPlan: Sendable {
    /// The size of the opened text, in bytes.
    package let byteCount: Int

    private let document: TextDocument
    private let pieces: [Piece]

    private struct Piece: Sendable {
        let opening: Opening
        /// The bytes of the sealed text that go: the token, with the inserted space of an absent value.
        let removed: Range<Int>
        let insertedCount: Int
        let reindentation: Reindentation
    }

    /// Checks the plaintexts and lays out the opened text.
    ///
    /// - Parameters:
    ///   - openings: At most one a slot, in any order.
    ///   - plaintexts: The memory that the openings' sources are ranges of.
    /// - Throws: `injection` with the token's line and the reason, `conflict` for two openings of one slot,
    ///   `limit` where the opened text is larger than the document may be.
    package init(
        _ document: TextDocument, _ openings: [Opening], plaintexts: RawSpan
    ) throws(DocumentError) {
        self.document = document
        let allowsCarriageReturn = document.bytes.withRawSpan { ScalarRules.allowsCarriageReturn(in: $0) }
        var pieces: [Piece] = []
        pieces.reserveCapacity(openings.count)
        var count = document.bytes.count
        for opening in openings.sorted(by: { $0.slot.range.lowerBound < $1.slot.range.lowerBound }) {
            let line = opening.slot.line
            guard pieces.last?.opening.slot.node != opening.slot.node else {
                throw DocumentError(.conflict, line: line, context: "two openings of one value")
            }
            let source = plaintexts.extracting(opening.source)
            let rules = ScalarRules(
                format: document.format, style: opening.style, isFlow: opening.slot.isFlow,
                allowsCarriageReturn: allowsCarriageReturn, allowsLines: document.allowsLines,
                isForShell: document.isForShell)
            if let reason = rules.violation(in: source) {
                throw DocumentError(.injection, line: line, context: "the opened value holds \(reason)")
            }
            let isBlock = opening.style == .literal || opening.style == .folded
            let reindentation = Reindentation(
                shift: isBlock ? opening.slot.parentIndentation - opening.indentation : 0)
            guard let size = reindentation.byteCount(of: source) else {
                throw DocumentError(
                    .injection, line: line,
                    context: "the opened block can't be indented like its surroundings")
            }
            let removed = Self.removedRange(of: opening, in: document)
            pieces.append(
                Piece(
                    opening: opening, removed: removed, insertedCount: size, reindentation: reindentation))
            count += size - removed.count
            guard count <= document.limits.byteCount else {
                throw DocumentError(
                    .limit, line: line,
                    context: "the opened text is larger than \(document.limits.byteCount) bytes")
            }
        }
        self.pieces = pieces
        byteCount = count
    }

    /// Writes the opened text.
    ///
    /// - Parameters:
    ///   - plaintexts: The same as at making the plan.
    ///   - target: Exactly ``byteCount`` bytes.
    package func write(_ plaintexts: RawSpan, into target: inout MutableRawSpan) {
        precondition(target.byteCount == byteCount)
        document.bytes.withRawSpan { text in
            var taken = 0
            var position = 0
            for piece in pieces {
                let kept = taken..<piece.removed.lowerBound
                target.write(text.extracting(kept), at: position)
                position += kept.count
                piece.reindentation.write(
                    plaintexts.extracting(piece.opening.source), into: &target, at: position)
                position += piece.insertedCount
                taken = piece.removed.upperBound
            }
            target.write(text.extracting(taken..<text.byteCount), at: position)
        }
    }

    /// An absent value of YAML takes back the space that sealing put in.
    private static func removedRange(of opening: Opening, in document: TextDocument) -> Range<Int> {
        let range = opening.slot.range
        let hasSpace = range.lowerBound > 0 && document.bytes[range.lowerBound - 1] == 0x20
        guard document.format == .yaml, opening.style == .absent, hasSpace else { return range }
        return range.lowerBound - 1..<range.upperBound
    }
}

// MARK: - Verifying

extension OpeningPlan {
    /// Parses the opened text once and refuses any change but the values: each replaced scalar covers its
    /// spliced range, has the value that its plaintext has alone, keeps anchor and tag; every other node is
    /// the same, style included.
    ///
    /// - Parameters:
    ///   - opened: What ``write(_:into:)`` wrote.
    ///   - plaintexts: The same as at making the plan.
    /// - Throws: `injection` with the line of the token, `limit`.
    package func verify(_ opened: RawSpan, plaintexts: RawSpan) throws(DocumentError) {
        let after: NodeTree
        do throws(DocumentError) {
            after = try NodeTree.read(opened, format: document.format, limits: document.limits)
        } catch {
            guard error.code != .limit else { throw error }
            throw DocumentError(
                .injection, line: error.line, context: "the opened text is not well-formed", underlying: error
            )
        }
        let edits = pieces.map { piece in
            TreeComparison.Edit(
                node: piece.opening.slot.node, removed: piece.removed, insertedCount: piece.insertedCount,
                lead: 0, style: piece.opening.style.treeStyle)
        }
        let comparison = TreeComparison(before: document.tree, after: after)
        let difference = document.bytes.withRawSpan { sealed in
            comparison.firstDifference(edits, before: sealed, after: opened)
        }
        if let node = difference {
            let cause = pieces.last { $0.opening.slot.node <= node } ?? pieces.first
            throw DocumentError(
                .injection, line: cause?.opening.slot.line,
                context: "an opened value would change more than itself")
        }
        for piece in pieces {
            try checkValue(piece, in: after, opened, plaintexts)
        }
    }

    private func checkValue(
        _ piece: Piece, in after: NodeTree, _ opened: RawSpan, _ plaintexts: RawSpan
    ) throws(DocumentError) {
        let index = piece.opening.slot.node
        let node = after.nodes[index]
        let isBlock = piece.opening.style == .literal || piece.opening.style == .folded
        // A value that is its source, quotes aside, is what the source says anywhere.
        guard isBlock || node.flags.contains(.decoded) else { return }
        let lone = LoneScalar(
            format: document.format, style: piece.opening.style, indentation: piece.opening.indentation)
        let tail = isBlock ? Self.blankTail(in: opened, from: Int(node.end)) : 0..<0
        let source = plaintexts.extracting(piece.opening.source)
        let isSame: Bool
        do throws(DocumentError) {
            isSame = try lone.withValue(source, tail: opened.extracting(tail)) { alone in
                after.withValue(of: index, in: opened) { $0.isEqual(to: alone) }
            }
        } catch {
            throw DocumentError(
                .injection, line: piece.opening.slot.line, context: "the opened value is not one value",
                underlying: error)
        }
        guard isSame else {
            throw DocumentError(
                .injection, line: piece.opening.slot.line,
                context: "the opened value means something else in this place")
        }
    }

    /// The line break and blank lines after a block scalar.
    private static func blankTail(in text: RawSpan, from start: Int) -> Range<Int> {
        var end = start
        var position = start
        while let byte = text.byte(at: position), byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
        {
            position += 1
            if byte == 0x0A || byte == 0x0D { end = position }
        }
        return start..<(position == text.byteCount ? position : end)
    }
}
