internal import Documents
package import Keyrings
internal import Sodium

extension DocumentSealer {
    /// The `edited` text of a document whose sealed form is `sealed`, sealed again: values that are what they were keep
    /// their tokens, the others that the rules select are sealed anew.
    ///
    /// Needs the `keyring` that opened `sealed`, to compare. Throws as `seal`, but for a text without selected values;
    /// `plaintext` where a value that was sealed would be left in the clear.
    package func seal(
        _ edited: [UInt8], replacing sealed: [UInt8], with keyring: OpenedKeyring, path: [UInt8]
    ) throws(SealingError) -> Outcome {
        guard let rule = rules.rule(for: path) else {
            throw SealingError(.noRule, "no rule is for this file").at(path)
        }
        guard let format = try SealableFormat.format(of: path, rule) else {
            throw SealingError(.noMatch, "not a document whose values can be sealed").at(path)
        }
        let before = try FormerTokens(
            PlacedDocument(sealed, format: format, path: path, rule), keyring, rules, rule)
        let placed = try PlacedDocument(edited, format: format, path: path, rule)
        let selected = Set(try placed.selected(by: rule))
        let open = placed.slots.indices.filter { index in
            !placed.slots[index].isSealed
                && (selected.contains(index) || before.stood(at: placed.places[index]))
        }
        try before.requireSealed(placed, but: open)
        guard !open.isEmpty else {
            try DocumentSealer.requireNoneThroughAliases(in: placed, rule)
            return Outcome(bytes: edited, sealedCount: 0, keptCount: 0)
        }
        let draft = try DocumentSealer.replace(
            open.map { (placed.slots[$0], DocumentSealer.draftToken) }, in: placed)
        guard draft.slots.count == placed.slots.count else {
            throw SealingError(.unsuitableValue, "sealing would change the document's structure").at(path)
        }
        let key = try publicKey(rule)
        var tokens: [(slot: Slot, token: [UInt8])] = []
        var failures: [SealingError.Failure] = []
        var kept = 0
        for index in open {
            let slot = placed.slots[index]
            do throws(SealingError) {
                if let token = before.token(of: index, in: placed, standingIn: draft) {
                    tokens.append((slot, token))
                    kept += 1
                    continue
                }
                guard selected.contains(index) else {
                    throw SealingError(.plaintext, "was sealed, is changed, and no rule selects it")
                }
                let coordinates = try draft.coordinates(at: index, sealingUnder: rule, in: rules)
                let token = try edited.withBytes { (bytes) throws(SealingError) in
                    try SealedValue.seal(
                        bytes.extracting(slot.range), as: SealedRecord.Head(slot, format), to: key,
                        at: coordinates)
                }
                tokens.append((slot, token.text))
            } catch {
                failures.append(placed.failure(at: index, error))
            }
        }
        guard failures.isEmpty else { throw SealingError(failures, path: path) }
        try DocumentSealer.requireSamePlaces(of: placed, in: draft)
        try DocumentSealer.requireNoneThroughAliases(in: draft, rule)
        let result = try DocumentSealer.replace(tokens, in: placed)
        try DocumentSealer.requireRoundTrip(open, from: result, to: placed)
        return Outcome(bytes: result.document.bytes, sealedCount: open.count - kept, keptCount: kept)
    }
}

/// The tokens of a document before it was edited, with what they hold.
private struct FormerTokens {
    private let placed: PlacedDocument
    private let keyring: OpenedKeyring
    private let rules: Rules
    private let namespace: [UInt8]?
    /// By place, the index of each sealed value.
    private let indices: [SlotPlace: Int]

    init(_ placed: PlacedDocument, _ keyring: OpenedKeyring, _ rules: Rules, _ rule: Rule)
        throws(SealingError)
    {
        self.placed = placed
        self.keyring = keyring
        self.rules = rules
        namespace = rule.namespace
        let sealed = placed.slots.indices.filter { placed.slots[$0].isSealed }
        indices = Dictionary(sealed.map { (placed.places[$0], $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Whether a token stood at `place`.
    func stood(at place: SlotPlace) -> Bool { indices[place] != nil }

    /// The token that stood where the value at `index` of `edited` stands in the draft, where it holds that value
    /// and its place is the same.
    func token(of index: Int, in edited: PlacedDocument, standingIn draft: PlacedDocument) -> [UInt8]? {
        guard let former = indices[draft.places[index]], let token = try? placed.token(at: former),
            let old = try? placed.coordinates(at: former, token.scope, namespace: namespace, in: rules),
            let new = try? draft.coordinates(at: index, token.scope, namespace: namespace, in: rules),
            old == new, holds(former, edited.slots[index], of: edited)
        else { return nil }
        return token.text
    }

    /// Whether the token at `former` holds the source of `slot`, written alike.
    private func holds(_ former: Int, _ slot: Slot, of edited: PlacedDocument) -> Bool {
        do throws(SealingError) {
            let value = try open(former)
            let head = SealedRecord.Head(slot, edited.document.format)
            let isBlock = head.style == .literal || head.style == .folded
            guard value.head.format == head.format, value.head.style == head.style,
                !isBlock || value.head.indentation == head.indentation
            else { return false }
            return isSource(value, of: slot, in: edited)
        } catch {
            return false
        }
    }

    private func open(_ former: Int) throws(SealingError) -> OpenedValue {
        let token = try placed.token(at: former)
        let coordinates = try placed.coordinates(
            at: former, token.scope, namespace: namespace, in: rules)
        return try SealedValue.open(token, with: keyring, at: coordinates)
    }

    private func isSource(_ value: borrowing OpenedValue, of slot: Slot, in edited: PlacedDocument) -> Bool {
        value.withSource { source in
            edited.document.withSource(of: slot) {
                $0.byteCount == source.byteCount && Sodium.isEqual($0, source)
            }
        }
    }

    /// Throws `plaintext` where a value that was sealed stands in `edited` outside of the indices `open`: its key was
    /// renamed or moved to where no rule selects it.
    func requireSealed(_ edited: PlacedDocument, but open: [Int]) throws(SealingError) {
        let covered = Set(open)
        let others = edited.slots.indices.filter { index in
            // Short values stand anywhere by chance.
            !covered.contains(index) && !edited.slots[index].isSealed && edited.slots[index].range.count >= 6
        }
        guard !others.isEmpty else { return }
        var failures: [SealingError.Failure] = []
        for former in indices.values.sorted() {
            let value = try self.open(former)
            for index in others where isSource(value, of: edited.slots[index], in: edited) {
                failures.append(
                    edited.failure(
                        at: index,
                        SealingError(.plaintext, "this value was sealed, and no rule selects it here")))
            }
        }
        guard failures.isEmpty else { throw SealingError(failures, path: edited.path) }
    }
}
