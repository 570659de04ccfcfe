extension TextDocument {
    /// Refuses a slot whose source can't be sealed and opened again without loss (FORMATS.md 2,
    /// "Opening into a document"): a forbidden character, a plain scalar over several lines, more than
    /// ``DocumentLimits/scalarByteCount``.
    ///
    /// - Throws: `encoding` for a character and `unsealable` for a form, with the line and the reason; `limit` for the
    ///   size.
    package func checkSealable(_ slot: Slot) throws(DocumentError) {
        guard slot.range.count <= limits.scalarByteCount else {
            throw DocumentError(
                .limit, line: slot.line, context: "the value is larger than \(limits.scalarByteCount) bytes")
        }
        // Whether CR LF is the document's own line end is known once the values are out of it: `sealing`.
        let rules = ScalarRules(
            format: format, style: slot.style, isFlow: slot.isFlow, allowsCarriageReturn: true,
            allowsLines: allowsLines, isForShell: isForShell)
        if let character = withSource(of: slot, { rules.forbiddenCharacter(in: $0) }) {
            throw DocumentError(.encoding, line: slot.line, context: "the value holds \(character)")
        }
        guard let reason = withSource(of: slot, { rules.formViolation(in: $0) }) else { return }
        throw DocumentError(.unsealable, line: slot.line, context: "the value holds \(reason)")
    }

    /// This text with tokens in the place of slots' sources: a string in JSON, else plain, in YAML after
    /// an inserted space where the value was absent. The result is parsed and compared.
    ///
    /// Replaces sealed slots as well as others.
    ///
    /// - Parameter tokens: At most one a slot; each of bytes `[A-Za-z0-9._-]`, beginning with a letter.
    /// - Throws: `unsealable` for what ``checkSealable(_:)`` refuses, `conflict` for two tokens in one
    ///   place, `unsupported` where a token would change anything but its scalar.
    package func sealing(_ tokens: [(slot: Slot, token: [UInt8])]) throws(DocumentError) -> TextDocument {
        guard !tokens.isEmpty else { return self }
        let sorted = tokens.sorted { $0.slot.range.lowerBound < $1.slot.range.lowerBound }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + sorted.reduce(0) { $0 + $1.token.count + 2 })
        var edits: [TreeComparison.Edit] = []
        edits.reserveCapacity(sorted.count)
        var position = 0
        for (slot, token) in sorted {
            guard slot.range.lowerBound >= position, edits.last?.node != slot.node else {
                throw DocumentError(.conflict, line: slot.line, context: "two tokens for one value")
            }
            guard Self.isToken(token) else {
                throw DocumentError(.unsealable, line: slot.line, context: "not a token")
            }
            try checkSealable(slot)
            result += bytes[position..<slot.range.lowerBound]
            let start = result.count
            if format.quotesTokens {
                result.append(UInt8(ascii: "\""))
                result += token
                result.append(UInt8(ascii: "\""))
            } else {
                if format == .yaml, slot.style == .absent { result.append(0x20) }
                result += token
            }
            edits.append(
                TreeComparison.Edit(
                    node: slot.node, removed: slot.range, insertedCount: result.count - start,
                    lead: format == .yaml && slot.style == .absent ? 1 : 0,
                    style: format.quotesTokens ? .double : .plain))
            position = slot.range.upperBound
        }
        result += bytes[position...]
        try checkLineEnds(sorted.map(\.slot), in: result)
        return try sealed(result, edits, sorted.map(\.slot.line))
    }

    /// Whether bytes are safe as a plain scalar and in a JSON string, and can't be taken for a number.
    static func isToken(_ token: [UInt8]) -> Bool {
        guard let first = token.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first | 0x20) else {
            return false
        }
        return token.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
                UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }

    /// Refuses values whose lines end otherwise than the document's: they could not be opened.
    private func checkLineEnds(_ slots: [Slot], in result: [UInt8]) throws(DocumentError) {
        var allowed: Bool?
        for slot in slots where bytes[slot.range].contains(0x0D) {
            let isAllowed = allowed ?? result.withRawSpan { ScalarRules.allowsCarriageReturn(in: $0) }
            allowed = isAllowed
            guard isAllowed else {
                throw DocumentError(
                    .unsealable, line: slot.line,
                    context: "the value's lines end in CR LF, the document's in LF")
            }
        }
    }

    /// Parses and compares a text with tokens in it; what was sealed or named stays so.
    private func sealed(
        _ result: [UInt8], _ edits: [TreeComparison.Edit], _ lines: [Int]
    ) throws(DocumentError) -> TextDocument {
        let tree = try bytes.withRawSpan { source throws(DocumentError) in
            try result.withRawSpan { changed throws(DocumentError) in
                var after: NodeTree
                do throws(DocumentError) {
                    after = try NodeTree.read(changed, format: format, limits: limits)
                } catch {
                    throw DocumentError(
                        .unsupported, line: lines.first, context: "a token can't stand in this place",
                        underlying: error)
                }
                let comparison = TreeComparison(before: self.tree, after: after)
                if let node = comparison.firstDifference(edits, before: source, after: changed) {
                    let position = edits.lastIndex { $0.node <= node } ?? 0
                    throw DocumentError(
                        .unsupported, line: lines[position],
                        context: "a token in this place would change more than the value")
                }
                for index in after.nodes.indices where self.tree.nodes[index].flags.contains(.sealed) {
                    after.nodes[index].flags.insert(.sealed)
                }
                for edit in edits { after.nodes[edit.node].flags.insert(.sealed) }
                after.markShared(in: changed)
                after.markNames(in: changed)
                if format == .ini { try after.markRepeated(in: changed) }
                return after
            }
        }
        return changed(to: result, tree: tree)
    }
}
