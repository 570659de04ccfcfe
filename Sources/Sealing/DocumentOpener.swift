internal import Documents
package import Keyrings
package import Sodium

/// An opened document.
package struct OpenedDocument: ~Copyable, Sendable {
    /// The whole text.
    package let bytes: SecretBytes
    /// How many tokens were opened; 0 where the text is as it came.
    package let openedCount: Int
}

/// Opens the sealed values of text documents, all or none (FORMAT.md §5).
package struct DocumentOpener: Sendable {
    /// The rules of the repository.
    let rules: Rules
    /// What opens.
    let keyring: OpenedKeyring
    private let isEnforcing: Bool
    private let isLeavingNamed: Bool
    private let door: String?

    /// An opener of what was sealed to an epoch of `keyring`, at places of the repository of `rules`.
    ///
    /// Where `enforcing`, plaintext that a rule requires to be sealed is refused too, and tokens of a named scope
    /// open at their allowed places alone, of which `door` is one: at reconcile time. Else they open where their
    /// rule seals them, too. Where `leavingNamed`, tokens of a named scope stay as they are, for a template to move, and so
    /// does a text that is no document.
    package init(
        rules: Rules, keyring: OpenedKeyring, enforcing: Bool, leavingNamed: Bool = false, door: String? = nil
    ) {
        isLeavingNamed = leavingNamed
        self.door = door
        self.rules = rules
        self.keyring = keyring
        isEnforcing = enforcing
    }

    /// The text of the file at `path` (from the repository's root, without leading slash) with every token
    /// replaced by what was sealed.
    ///
    /// Throws with `failures` where tokens don't open: `notAuthentic`, `noKey`, `malformed`, `unknownVersion`,
    /// `notSupported`, `unsuitablePlace`; `foreignStructure` where an opened value would change more than its
    /// scalar; `nestedToken` where a token or SOPS marker would be left; `plaintext` as said above; `malformed` or
    /// `limitExceeded` for the document. Nothing of the plaintext is then left anywhere.
    package func open(_ bytes: [UInt8], path: [UInt8]) throws(SealingError) -> OpenedDocument {
        let rule = rules.rule(for: path)
        guard let format = DocumentFormat(path: path) else {
            try refuseOtherFormat(bytes, path: path, rule)
            return OpenedDocument(bytes: bytes.withBytes { SecretBytes(copying: $0) }, openedCount: 0)
        }
        let isMarked =
            SealedToken.containsMarkInAnySpelling(bytes)
            || (format.holdsObjects && SealedToken.containsWrappedMark(bytes))
        // What no rule could select values of and holds no token is not ours to parse.
        let isOurs = try mayHoldValues(rule, path)
        guard isMarked || isOurs else {
            return OpenedDocument(bytes: bytes.withBytes { SecretBytes(copying: $0) }, openedCount: 0)
        }
        let placed: PlacedDocument
        do {
            placed = try PlacedDocument(bytes, format: format, path: path, rule)
        } catch {
            // A commit may hold what is no document at all (a template): delivered as it is where nothing is required
            // of it and no token stands in it.
            guard isEnforcing, rule?.isRequired != true, !isMarked || isLeavingNamed else {
                guard error.code == .unsuitableValue else { throw error }
                throw SealingError(.malformed, error.context, underlying: error)
            }
            return OpenedDocument(bytes: bytes.withBytes { SecretBytes(copying: $0) }, openedCount: 0)
        }
        if isEnforcing, let rule { try requireSealed(placed, rule) }
        if let stray = Marks.firstStray(in: placed) {
            throw SealingError(
                .nestedToken, "line \(stray): a sealed token or SOPS marker that is no whole value"
            ).at(path)
        }
        let sealed = placed.slots.indices.filter { placed.slots[$0].isSealed && !isLeft($0, in: placed) }
        guard !sealed.isEmpty else {
            return OpenedDocument(bytes: bytes.withBytes { SecretBytes(copying: $0) }, openedCount: 0)
        }
        let tokens = try parse(sealed, in: placed, rule)
        return OpenedDocument(bytes: try open(tokens, in: placed), openedCount: tokens.count)
    }

    /// The content of any file of a commit at `path`, opened: a sealed file whole, a document by its tokens, another
    /// file as it is.
    ///
    /// Throws as `open` and `SealedFile.open`; an age file that is no sealed file of this place is refused. Where a
    /// rule seals the whole file and it is no sealed file: `malformed`, or where enforcing `plaintext` if the rule
    /// requires it sealed.
    package func openFile(_ bytes: [UInt8], path: [UInt8]) throws(SealingError) -> OpenedDocument {
        if bytes.withBytes({ SealedFile.isAgeFile($0) }) {
            do throws(SealingError) {
                let opened = try SealedFile.open(
                    bytes, with: keyring, repository: rules.repository, path: path)
                let isDocument = DocumentFormat(path: path) != nil
                let isMarked = opened.withBytes { text in
                    isDocument
                        ? SealedToken.containsMarkInAnySpelling(text) : SealedToken.containsMark(text)
                }
                guard !isMarked else {
                    throw SealingError(.nestedToken, "a sealed token or SOPS marker in a sealed file")
                }
                return OpenedDocument(bytes: opened, openedCount: 1)
            } catch {
                throw error.at(path)
            }
        }
        if let rule = rules.rule(for: path), case .file = rule.treatment {
            guard isEnforcing else {
                throw SealingError(.malformed, "not a sealed file, and the rule seals the whole file").at(
                    path)
            }
            guard !rule.isRequired else {
                throw SealingError(.plaintext, "plaintext, and the rule requires a sealed file").at(path)
            }
        }
        return try open(bytes, path: path)
    }

    /// A token with its place and the range of its record among the plaintexts.
    private struct Entry {
        let index: Int
        let token: SealedToken
        let identity: X25519Identity
        let coordinates: Coordinates
        let record: Range<Int>
    }

    /// Whether the token at `index` stays for a template to move.
    private func isLeft(_ index: Int, in placed: PlacedDocument) -> Bool {
        guard isLeavingNamed, let token = try? placed.token(at: index), case .named = token.scope else {
            return false
        }
        return true
    }

    /// The tokens at the indices `sealed`. Throws with a failure for each that can't be opened.
    private func parse(
        _ sealed: [Int], in placed: PlacedDocument, _ rule: Rule?
    ) throws(SealingError) -> [Entry] {
        var entries: [Entry] = []
        var failures: [SealingError.Failure] = []
        var offset = 0
        for index in sealed {
            do throws(SealingError) {
                let token = try placed.token(at: index)
                let identity = try SealedValue.identity(for: token, in: keyring)
                let coordinates = try placed.coordinates(
                    at: index, token.scope, namespace: rule?.namespace, in: rules)
                try requireAllowed(token, at: index, in: placed, rule)
                let record = offset..<(offset + token.recordByteCount)
                entries.append(
                    Entry(
                        index: index, token: token, identity: identity, coordinates: coordinates,
                        record: record))
                offset = record.upperBound
            } catch {
                failures.append(placed.failure(at: index, error))
            }
        }
        guard failures.isEmpty else {
            // A token that is well-formed here may still not open: say so at once, not one run later.
            for entry in entries {
                if let error = test(entry) { failures.append(placed.failure(at: entry.index, error)) }
            }
            throw SealingError(failures.sorted { $0.line < $1.line }, path: placed.path)
        }
        return entries
    }

    /// Throws `unsuitablePlace` where `token` is of a named scope and may not be opened here.
    private func requireAllowed(
        _ token: SealedToken, at index: Int, in placed: PlacedDocument, _ rule: Rule?
    ) throws(SealingError) {
        guard case .named(let name) = token.scope, let places = rules.places(of: name) else { return }
        if let door, places.contains(where: { $0.isDoor(door) }) { return }
        if !isEnforcing, rule?.isNamed(name) == true { return }
        try placed.requireAllowed(at: index, places, namespace: rule?.namespace)
    }

    /// Why `entry` doesn't open, or nil.
    private func test(_ entry: Entry) -> SealingError? {
        do throws(SealingError) {
            _ = try SealedValue.open(entry.token, with: keyring, at: entry.coordinates)
            return nil
        } catch {
            return error
        }
    }

    /// The opened text. One region holds all plaintexts, another the result; both are wiped on every way out.
    private func open(_ entries: [Entry], in placed: PlacedDocument) throws(SealingError) -> SecretBytes {
        var openings: [Opening] = []
        var failures: [SealingError.Failure] = []
        let format = SealedRecord.Format(placed.document.format)
        let wrapped = WrappedValues(entries.filter { placed.isWrapped($0.index) }.map(\.index), self, placed)
        let recordCount = entries.last?.record.upperBound ?? 0
        let plaintexts = SecretBytes(byteCount: recordCount + wrapped.byteCount) { output in
            wrapped.write(into: &output, at: recordCount)
            for entry in entries where wrapped.ranges[entry.index] == nil {
                var record = output._mutatingExtracting(entry.record)
                do throws(SealingError) {
                    if let error = wrapped.errors[entry.index] { throw error }
                    let (head, source) = try SealedValue.open(
                        entry.token, with: entry.identity, at: entry.coordinates, into: &record)
                    guard head.format == format else {
                        throw SealingError(.notSupported, "sealed in a document of another format")
                    }
                    let start = entry.record.lowerBound
                    openings.append(
                        Opening(
                            slot: placed.slots[entry.index], style: head.style.scalarStyle,
                            indentation: Int(head.indentation),
                            source: (start + source.lowerBound)..<(start + source.upperBound)))
                } catch {
                    failures.append(placed.failure(at: entry.index, error))
                }
            }
        }
        for (index, range) in wrapped.ranges {
            let source = (recordCount + range.lowerBound)..<(recordCount + range.upperBound)
            openings.append(
                Opening(slot: placed.slots[index], style: .double, indentation: 0, source: source))
        }
        guard failures.isEmpty else { throw SealingError(failures, path: placed.path) }
        do throws(DocumentError) {
            return try DocumentOpener.spliced(
                openings, plaintexts, in: placed.document, leavingTokens: isLeavingNamed)
        } catch {
            throw SealingError(error, path: placed.path)
        }
    }

    /// The text of `document` with `openings` in the place of tokens, verified; `plaintexts` holds their sources. No token
    /// is left or comes of it; `leavingTokens` allows those that were not to be opened, and none in an opened value.
    static func spliced(
        _ openings: [Opening], _ plaintexts: borrowing SecretBytes, in document: TextDocument,
        leavingTokens: Bool = false
    ) throws(DocumentError) -> SecretBytes {
        try plaintexts.withBytes { (plaintexts) throws(DocumentError) in
            let plan = try OpeningPlan(document, openings, plaintexts: plaintexts)
            let opened = SecretBytes(byteCount: plan.byteCount) { plan.write(plaintexts, into: &$0) }
            try opened.withBytes { (bytes) throws(DocumentError) in
                try plan.verify(bytes, plaintexts: plaintexts)
                let isMarked =
                    leavingTokens
                    ? openings.contains { opening in
                        SealedToken.containsMarkInAnySpelling(plaintexts.extracting(opening.source))
                    } : SealedToken.containsMarkInAnySpelling(bytes) || SealedToken.containsWrappedMark(bytes)
                guard !isMarked else {
                    throw DocumentError(.injection, context: "opened values form a sealed token")
                }
            }
            return opened
        }
    }

    /// Throws `plaintext` where `rule` requires a value of `placed` to be sealed that isn't.
    private func requireSealed(_ placed: PlacedDocument, _ rule: Rule) throws(SealingError) {
        guard rule.isRequired, case .values = rule.treatment else { return }
        var failures: [SealingError.Failure] = []
        for index in try placed.selected(by: rule) where !placed.slots[index].isSealed {
            failures.append(
                placed.failure(
                    at: index, SealingError(.plaintext, "plaintext, and the rule requires it sealed")))
        }
        for line in placed.selectedRootLines(by: rule) {
            failures.append(
                SealingError.Failure(
                    code: .plaintext, line: line, keyPath: "(root)", reason: SealableFormat.unsealableRoot))
        }
        failures += try placed.selectedThroughAliases(by: rule).map { failure in
            SealingError.Failure(
                code: .plaintext, line: failure.line, keyPath: failure.keyPath, reason: failure.reason)
        }
        guard failures.isEmpty else { throw SealingError(failures, path: placed.path) }
    }

    /// Whether `rule` could select values of the file at `path`.
    private func mayHoldValues(_ rule: Rule?, _ path: [UInt8]) throws(SealingError) -> Bool {
        guard let rule, case .values = rule.treatment else { return rule != nil }
        return try SealableFormat.format(of: path, rule) != nil
    }

    /// Refuses marks, and values that must be sealed, in a file whose format has no values here.
    private func refuseOtherFormat(_ bytes: [UInt8], path: [UInt8], _ rule: Rule?) throws(SealingError) {
        if isEnforcing, let rule, rule.isRequired, case .values = rule.treatment {
            _ = try SealableFormat.format(of: path, rule)
            guard bytes.isEmpty || !rule.choosesBySelectors else {
                throw SealingError(.plaintext, SealableFormat.unsealableType).at(path)
            }
        }
        guard !isLeavingNamed else { return }
        let mark = bytes.withBytes { text in
            SealedToken.firstMark(in: text).map { Marks.line(of: $0.offset, in: text) }
        }
        guard let mark else { return }
        throw SealingError(
            .nestedToken, "line \(mark): a sealed token or SOPS marker in a file whose values can't be sealed"
        ).at(path)
    }
}
