internal import Documents
package import Keyrings

/// Seals again what members can open: to the newest epoch, or for another place. Every other token keeps its bytes.
package struct DocumentResealer: Sendable {
    private let rules: Rules
    private let keyring: OpenedKeyring
    private let key: EnvironmentPublicKey
    private let former: OpenedKeyring?

    /// A resealer of what the identities of `keyring` open, to `key` of the same environment.
    ///
    /// `former` has identities of epochs whose numbers mean other keys in `keyring`: those of a branch whose keyring
    /// was rebased. They are tried first.
    package init(
        rules: Rules, keyring: OpenedKeyring, key: EnvironmentPublicKey, former: OpenedKeyring? = nil
    ) {
        precondition(keyring.environment == key.environment)
        self.rules = rules
        self.keyring = keyring
        self.key = key
        self.former = former
    }

    /// The document `bytes` at `path` with each token of an older epoch, or with `all` each token, sealed anew for its
    /// place. All others, and those of other environments, are kept.
    ///
    /// Throws with `failures` where tokens don't open; nothing is resealed then.
    package func reseal(
        _ bytes: [UInt8], path: [UInt8], all: Bool = false
    ) throws(SealingError) -> DocumentSealer.Outcome {
        try replace(in: bytes, path: path) { (index, token, placed) throws(SealingError) in
            guard token.environment == key.environment, all || token.epoch != key.epoch else { return nil }
            let coordinates = try placed.coordinates(
                at: index, token.scope, namespace: rules.rule(for: path)?.namespace, in: rules)
            return try seal(token, openedAt: coordinates, for: coordinates)
        }
    }

    /// The document `bytes` at `path` with each token that was sealed for another place, or in another scope than its
    /// rule gives, sealed anew for where it stands. `elsewhere` gives the other places that a token was found at.
    ///
    /// Throws `noRule` without a rule; with `failures` where tokens open at none of the places.
    package func rebind(
        _ bytes: [UInt8], path: [UInt8], elsewhere: (_ token: [UInt8]) -> [TokenPlace]
    ) throws(SealingError) -> DocumentSealer.Outcome {
        guard let rule = rules.rule(for: path) else {
            throw SealingError(.noRule, "no rule is for this file").at(path)
        }
        var selected: Set<Int> = []
        var isKnown = false
        return try replace(in: bytes, path: path) { (index, token, placed) throws(SealingError) in
            guard token.environment == key.environment else { return nil }
            if !isKnown { selected = Set(try placed.selected(by: rule)) }
            isKnown = true
            let stands = try? placed.coordinates(
                at: index, token.scope, namespace: rule.namespace, in: rules)
            let target =
                try selected.contains(index)
                ? placed.coordinates(at: index, sealingUnder: rule, in: rules)
                : placed.coordinates(at: index, token.scope, namespace: rule.namespace, in: rules)
            if let stands, opens(token, at: stands) {
                return stands == target ? nil : try seal(token, openedAt: stands, for: target)
            }
            for place in elsewhere(token.text) where opens(token, at: place.coordinates) {
                return try seal(token, openedAt: place.coordinates, for: target)
            }
            throw SealingError(.notAuthentic, "opens at no place that is known: altered, or sealed elsewhere")
        }
    }

    private func open(_ token: SealedToken, at coordinates: Coordinates) throws(SealingError) -> OpenedValue {
        if let former, former[epoch: token.epoch] != nil {
            // The commitment tells which of two keys of one number it is.
            do { return try SealedValue.open(token, with: former, at: coordinates) } catch {}
        }
        return try SealedValue.open(token, with: keyring, at: coordinates)
    }

    private func opens(_ token: SealedToken, at coordinates: Coordinates) -> Bool {
        do {
            _ = try SealedValue.open(token, with: keyring, at: coordinates)
            return true
        } catch { return false }
    }

    private func seal(
        _ token: SealedToken, openedAt old: Coordinates, for new: Coordinates
    ) throws(SealingError) -> SealedToken {
        let value = try open(token, at: old)
        return try value.withSource { (source) throws(SealingError) in
            try SealedValue.seal(source, as: value.head, to: key, at: new)
        }
    }

    /// The document with the tokens that `body` gives; nil keeps one.
    private func replace(
        in bytes: [UInt8], path: [UInt8],
        _ body: (Int, SealedToken, PlacedDocument) throws(SealingError) -> SealedToken?
    ) throws(SealingError) -> DocumentSealer.Outcome {
        guard SealedToken.containsMark(bytes) || SealedToken.containsWrappedMark(bytes),
            let format = DocumentFormat(path: path)
        else {
            return DocumentSealer.Outcome(bytes: bytes, sealedCount: 0, keptCount: 0)
        }
        let placed = try PlacedDocument(bytes, format: format, path: path, rules.rule(for: path))
        var tokens: [(slot: Slot, token: [UInt8])] = []
        var failures: [SealingError.Failure] = []
        var kept = 0
        for index in placed.slots.indices where placed.slots[index].isSealed {
            do throws(SealingError) {
                if let token = try body(index, placed.token(at: index), placed) {
                    guard !placed.isWrapped(index) else {
                        throw SealingError(
                            .notSupported,
                            "a token that a template put into base64: render it anew from its source")
                    }
                    tokens.append((placed.slots[index], token.text))
                } else {
                    kept += 1
                }
            } catch {
                failures.append(placed.failure(at: index, error))
            }
        }
        guard failures.isEmpty else { throw SealingError(failures, path: path) }
        let result = tokens.isEmpty ? bytes : try DocumentSealer.replace(tokens, in: placed).document.bytes
        return DocumentSealer.Outcome(bytes: result, sealedCount: tokens.count, keptCount: kept)
    }
}
