internal import Documents

extension DocumentSealer {
    /// The document `bytes` at `path` without the key at `keyPath` and its value: its lines, or its member. Every other
    /// byte stays. Needs no key.
    ///
    /// Throws `noRule` where the value is neither sealed nor selected by the rules, `keyPath` where the key path leads
    /// nowhere, `unsuitableValue` where it can't be taken out without touching more, `movesToken` where another
    /// token's place would change.
    package func unset(
        _ keyPath: [UInt8], in selector: DocumentSelector = .any, of bytes: [UInt8], path: [UInt8]
    ) throws(SealingError) -> [UInt8] {
        guard let rule = rules.rule(for: path) else {
            throw SealingError(.noRule, "no rule is for this file").at(path)
        }
        guard let format = try SealableFormat.format(of: path, rule) else {
            throw SealingError(.noRule, "not a document whose values can be sealed").at(path)
        }
        let placed = try PlacedDocument(bytes, format: format, path: path, rule)
        let removed: (index: Int, document: TextDocument)
        do throws(DocumentError) {
            let keyPath = try SlotPath(parsing: keyPath)
            let (ordinal, found) = try DocumentSealer.find(keyPath, selector, in: placed.document)
            guard let found, let index = placed.slots.firstIndex(of: found) else {
                throw DocumentError(.notFound, context: "nothing stands at this key path")
            }
            removed = (index, try placed.document.removing(keyPath, document: ordinal))
        } catch {
            throw SealingError(error, path: path)
        }
        let isSelected = try placed.selected(by: rule).contains(removed.index)
        guard isSelected || placed.slots[removed.index].isSealed else {
            throw SealingError(.noRule, "no rule selects this key path").at(path)
        }
        let after = PlacedDocument(removed.document, path: path)
        try DocumentSealer.requireSamePlaces(of: placed, in: after, removed: removed.index)
        return after.document.bytes
    }
}
