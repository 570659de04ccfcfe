internal import Documents
package import Keyrings
internal import Sodium

/// Seals the values that the rules choose in text documents, with public keys alone.
///
/// What it returns has been opened again in memory and compared: the same bytes come back.
package struct DocumentSealer: Sendable {
    /// A sealed document and what was done.
    package struct Outcome: Sendable {
        /// The new bytes; those that came in where nothing was to be sealed.
        package let bytes: [UInt8]
        /// Values that were sealed now.
        package let sealedCount: Int
        /// Selected values that were sealed before, untouched.
        package let keptCount: Int
    }

    /// The rules of the repository.
    let rules: Rules
    private let key: @Sendable (String) throws -> EnvironmentPublicKey

    /// A sealer under `rules`; `key` gives the newest key of an environment, out of a verified and pinned keyring.
    package init(rules: Rules, key: @escaping @Sendable (String) throws -> EnvironmentPublicKey) {
        self.rules = rules
        self.key = key
    }

    /// The document `bytes` at `path` (from the repository's root, without leading slash) with each selected value
    /// sealed that isn't yet.
    ///
    /// Throws `noMatch` where no rule is for the path or none of its values is selected (F003), `notSupported`,
    /// `unsuitableValue`, `unsuitablePlace`, `nestedToken`, `movesToken`, `malformed`, `unknownVersion`,
    /// `limitExceeded`, `noKey` for a token of another environment; with `failures` where values are at fault. Nothing
    /// is sealed where one value can't be. What `key` throws comes
    /// as `interrupted`.
    package func seal(_ bytes: [UInt8], path: [UInt8]) throws(SealingError) -> Outcome {
        guard let rule = rules.rule(for: path) else {
            throw SealingError(.noMatch, "no rule is for this file: 0 values matched").at(path)
        }
        guard let format = try SealableFormat.format(of: path, rule) else {
            throw SealingError(.noMatch, "no values of this file can be selected: 0 values matched").at(path)
        }
        let placed = try PlacedDocument(bytes, format: format, path: path, rule)
        let selected: [Int]
        do {
            selected = try placed.selected(by: rule)
        } catch {
            throw error.at(path)
        }
        try placed.requireSound(under: rule, in: rules)
        let open = selected.filter { !placed.slots[$0].isSealed }
        let kept = selected.count - open.count
        guard !open.isEmpty else {
            try DocumentSealer.requireNoneThroughAliases(in: placed, rule)
            guard !selected.isEmpty else {
                let reason =
                    format == .json && rule.hasCommentSelectors ? ": JSON has no comments to select by" : ""
                throw SealingError(.noMatch, "0 values matched" + reason).at(path)
            }
            return Outcome(bytes: bytes, sealedCount: 0, keptCount: kept)
        }
        let sealed = try seal(open, in: placed, rule)
        return Outcome(bytes: sealed, sealedCount: open.count, keptCount: kept)
    }

    /// The key of the rule's environment.
    func publicKey(_ rule: Rule) throws(SealingError) -> EnvironmentPublicKey {
        do {
            return try key(rule.environment)
        } catch {
            throw SealingError(.interrupted, "no key of environment \(rule.environment)", underlying: error)
        }
    }

    /// The document with the values at the indices `open` sealed.
    private func seal(
        _ open: [Int], in placed: PlacedDocument, _ rule: Rule
    ) throws(SealingError) -> [UInt8] {
        let key = try publicKey(rule)
        var failures: [SealingError.Failure] = []
        for index in open {
            do throws(DocumentError) {
                try placed.document.checkSealable(placed.slots[index])
            } catch {
                failures.append(placed.failure(at: index, error))
            }
        }
        // Places are named as the document stands sealed, where a sealed scalar names nothing (FORMAT.md §4.4):
        // a first pass with empty tokens shows it as it will stand.
        let draft = try DocumentSealer.replace(
            open.map { (placed.slots[$0], DocumentSealer.draftToken) }, in: placed)
        guard draft.slots.count == placed.slots.count else {
            throw SealingError(.unsuitableValue, "sealing would change the document's structure").at(
                placed.path)
        }
        var tokens: [(slot: Slot, token: [UInt8])] = []
        for index in open {
            let slot = placed.slots[index]
            do throws(SealingError) {
                let coordinates = try draft.coordinates(
                    at: index, sealingUnder: rule, in: rules)
                let head = SealedRecord.Head(slot, placed.document.format)
                let token = try placed.document.bytes.withBytes { (bytes) throws(SealingError) in
                    try SealedValue.seal(bytes.extracting(slot.range), as: head, to: key, at: coordinates)
                }
                tokens.append((slot, token.text))
            } catch {
                failures.append(placed.failure(at: index, error))
            }
        }
        guard failures.isEmpty else { throw SealingError(failures, path: placed.path) }
        try DocumentSealer.requireSamePlaces(of: placed, in: draft)
        try DocumentSealer.requireNoneThroughAliases(in: draft, rule)
        let sealed = try DocumentSealer.replace(tokens, in: placed)
        try DocumentSealer.requireRoundTrip(open, from: sealed, to: placed)
        return sealed.document.bytes
    }
}

extension DocumentSealer {
    /// A token-like word that stands for a token whose place is not known yet.
    static let draftToken = Array("sealed.v1.draft".utf8)

    /// `placed` with tokens in the place of slots.
    static func replace(
        _ tokens: [(slot: Slot, token: [UInt8])], in placed: PlacedDocument
    ) throws(SealingError) -> PlacedDocument {
        do throws(DocumentError) {
            return PlacedDocument(try placed.document.sealing(tokens), path: placed.path)
        } catch {
            throw SealingError(error, path: placed.path)
        }
    }

    /// Throws `movesToken` where a token of `before` stands at another place in `after`, whose slots are the same
    /// but for one at `inserted` or `removed`; the value at `changed` (of `after`) is about to be sealed anew and may move.
    static func requireSamePlaces(
        of before: PlacedDocument, in after: PlacedDocument, inserted: Int? = nil, removed: Int? = nil,
        changed: Int? = nil
    ) throws(SealingError) {
        var failures: [SealingError.Failure] = []
        for index in before.slots.indices where before.slots[index].isSealed {
            guard index != removed else { continue }
            let other = index + (index >= inserted ?? Int.max ? 1 : 0) - (index > removed ?? Int.max ? 1 : 0)
            guard other != changed, before.places[index] != after.places[other] else { continue }
            let reason =
                "this token's place would change: it is named by a value that would be sealed or changed"
            failures.append(before.failure(at: index, SealingError(.movesToken, reason)))
        }
        guard failures.isEmpty else { throw SealingError(failures, path: before.path) }
    }

    /// Throws `unsuitablePlace` where plaintext would be left at a selected place, by an alias or merge.
    static func requireNoneThroughAliases(in placed: PlacedDocument, _ rule: Rule) throws(SealingError) {
        let failures = try placed.selectedThroughAliases(by: rule)
        guard failures.isEmpty else { throw SealingError(failures, path: placed.path) }
    }

    /// Opens `sealed` again with the plaintexts of `original` and throws `unsuitableValue` unless the same bytes come
    /// back; `nestedToken` where a mark would be left outside of the values.
    static func requireRoundTrip(
        _ indices: [Int], from sealed: PlacedDocument, to original: PlacedDocument
    ) throws(SealingError) {
        let openings = indices.map { index in
            Opening(
                slot: sealed.slots[index], style: original.slots[index].style,
                indentation: original.slots[index].parentIndentation, source: original.slots[index].range)
        }
        let bytes = original.document.bytes
        do throws(DocumentError) {
            let isSame = try bytes.withBytes { (plaintexts) throws(DocumentError) in
                let plan = try OpeningPlan(sealed.document, openings, plaintexts: plaintexts)
                guard plan.byteCount == bytes.count else { return false }
                let opened = SecretBytes(byteCount: plan.byteCount) { plan.write(plaintexts, into: &$0) }
                return try opened.withBytes { (opened) throws(DocumentError) in
                    try plan.verify(opened, plaintexts: plaintexts)
                    return Sodium.isEqual(opened, plaintexts)
                }
            }
            guard isSame else {
                throw DocumentError(.unsealable, context: "would not open to the same bytes")
            }
        } catch {
            throw SealingError(error, path: original.path)
        }
        guard let stray = Marks.firstStray(in: original) else { return }
        throw SealingError(
            .nestedToken, "line \(stray): a sealed token or SOPS marker that is no whole value"
        )
        .at(original.path)
    }
}

extension SealedRecord.Head {
    /// How `slot` is written in a document of `format`.
    init(_ slot: Slot, _ format: DocumentFormat) {
        // Deeper than 65,535 columns is no place where a value is sealed: Documents' limits are far below.
        self.init(
            format: SealedRecord.Format(format), style: SealedRecord.Style(slot.style),
            indentation: UInt16(clamping: slot.parentIndentation))
    }
}
