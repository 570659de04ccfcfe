internal import Documents
internal import Encodings
package import Sodium

extension DocumentSealer {
    /// What kind of value is set.
    package enum ValueType: String, CaseIterable, Sendable {
        /// Text, UTF-8; under a Secret's `data` any bytes.
        case string
        /// A JSON integer: `-?(0|[1-9][0-9]*)`.
        case int
        /// A JSON number.
        case float
        /// `true` or `false`.
        case bool
        /// `null`, given as that word or as nothing.
        case null
    }

    /// Which document of a file a key path is for.
    package enum DocumentSelector: Hashable, Sendable {
        /// The only document in which the key path leads to a value; the only document, where none does.
        case any
        /// By ordinal from 0.
        case ordinal(Int)
        /// The only Kubernetes object of this kind and name.
        case object(kind: [UInt8], name: [UInt8])
    }

    /// The document `bytes` at `path` with `value` sealed at the key path `keyPath`, in place of what is there or
    /// appended last to its mapping. Needs public keys alone.
    ///
    /// Under a Secret's `data` the value is written as base64. Throws `noRule` where the rules don't select the key
    /// path, `keyPath` where it leads nowhere, `unsuitableValue` where the value isn't of its type or can't be
    /// written there, `nestedToken`, and as `seal`; unless `replacing`, `standsAlready` where a value is there that
    /// isn't empty.
    package func set(
        _ value: borrowing SecretBytes, type: ValueType = .string, at keyPath: [UInt8],
        in selector: DocumentSelector = .any, of bytes: [UInt8], path: [UInt8], replacing: Bool = true
    ) throws(SealingError) -> Outcome {
        guard let rule = rules.rule(for: path) else {
            throw SealingError(.noRule, "no rule is for this file").at(path)
        }
        guard let format = try SealableFormat.format(of: path, rule) else {
            throw SealingError(.noRule, "no values of this file can be selected").at(path)
        }
        let placed = try PlacedDocument(bytes, format: format, path: path, rule)
        let draft: (document: PlacedDocument, index: Int, isNew: Bool)
        do throws(DocumentError) {
            draft = try DocumentSealer.draft(SlotPath(parsing: keyPath), selector, in: placed)
        } catch {
            throw SealingError(error, path: path)
        }
        do throws(SealingError) {
            guard try draft.document.selected(by: rule).contains(draft.index) else {
                throw SealingError(.noRule, "no rule selects this key path")
            }
        } catch {
            throw error.at(path)
        }
        guard draft.isNew || replacing || placed.isEmpty(draft.index) else {
            throw SealingError(.standsAlready, "a value stands at this key path already").at(path)
        }
        try draft.document.requireSound(under: rule, in: rules, except: draft.index)
        try DocumentSealer.requireSamePlaces(
            of: placed, in: draft.document, inserted: draft.isNew ? draft.index : nil, changed: draft.index)
        let token: SealedToken
        do throws(SealingError) {
            token = try seal(value, type, at: draft.index, in: draft.document, rule)
        } catch {
            throw error.at(path)
        }
        let slot = draft.document.slots[draft.index]
        let sealed = try DocumentSealer.replace([(slot, token.text)], in: draft.document)
        return Outcome(bytes: sealed.document.bytes, sealedCount: 1, keptCount: 0)
    }

    /// The document with a draft token at `keyPath`, its index, and whether its key is new.
    private static func draft(
        _ keyPath: SlotPath, _ selector: DocumentSelector, in placed: PlacedDocument
    ) throws(DocumentError) -> (document: PlacedDocument, index: Int, isNew: Bool) {
        let document = placed.document
        let (ordinal, found) = try find(keyPath, selector, in: document)
        let drafted: TextDocument
        if let found {
            drafted = try document.sealing([(found, draftToken)])
        } else {
            drafted = try document.inserting(token: draftToken, at: keyPath, document: ordinal)
        }
        let result = PlacedDocument(drafted, path: placed.path)
        let slot: Slot?
        if let found {
            slot = placed.slots.firstIndex(of: found).map { result.slots[$0] }
        } else {
            slot = try drafted.slot(at: keyPath, document: ordinal)
        }
        guard let slot, let index = result.slots.firstIndex(of: slot),
            result.slots.count == placed.slots.count + (found == nil ? 1 : 0)
        else { throw DocumentError(.conflict, context: "the value would not stand at this key path") }
        return (result, index, found == nil)
    }

    /// The document that is meant, and the value there, if there is one.
    static func find(
        _ keyPath: SlotPath, _ selector: DocumentSelector, in document: TextDocument
    ) throws(DocumentError) -> (ordinal: Int, slot: Slot?) {
        let count = document.documentCount
        switch selector {
        case .ordinal(let ordinal):
            guard (0..<count).contains(ordinal) else {
                throw DocumentError(.notFound, context: "the file has \(count) documents, counted from 0")
            }
            return (ordinal, try document.slot(at: keyPath, document: ordinal))
        case .object(let kind, let name):
            let objects = document.objects.filter {
                $0.item == nil && $0.object.kind == kind && $0.object.name == name
            }
            guard let object = objects.first, objects.count == 1 else {
                throw DocumentError(
                    .notFound, context: "\(objects.count) documents have this kind and name")
            }
            return (object.document, try document.slot(at: keyPath, document: object.document))
        case .any:
            var found: [(ordinal: Int, slot: Slot?)] = []
            for ordinal in 0..<count {
                guard let slot = try document.slot(at: keyPath, document: ordinal) else { continue }
                found.append((ordinal, slot))
            }
            if let only = found.first, found.count == 1 { return only }
            guard count == 1 else {
                throw DocumentError(
                    .conflict,
                    context: "the key path leads to a value in \(found.count) of \(count) documents: name one"
                )
            }
            return (0, nil)
        }
    }

    /// The token of `value` for the place at `index` of `draft`.
    private func seal(
        _ value: borrowing SecretBytes, _ type: ValueType, at index: Int, in draft: PlacedDocument,
        _ rule: Rule
    ) throws(SealingError) -> SealedToken {
        let slot = draft.slots[index]
        let coordinates = try draft.coordinates(at: index, sealingUnder: rule, in: rules)
        let isBase64 = draft.secretEntry(at: index)?.field == .base64
        let written = try value.withBytes { (value) throws(SealingError) in
            try ValueSource(value, type, isBase64: isBase64, format: draft.document.format)
        }
        let style = written.style
        let head = SealedRecord.Head(
            format: SealedRecord.Format(draft.document.format), style: SealedRecord.Style(style),
            indentation: UInt16(clamping: slot.parentIndentation))
        let key = try publicKey(rule)
        return try written.bytes.withBytes { (source) throws(SealingError) in
            // What an opener would refuse is refused here.
            let opening = Opening(
                slot: slot, style: style, indentation: slot.parentIndentation, source: 0..<source.byteCount)
            do throws(DocumentError) {
                let plan = try OpeningPlan(draft.document, [opening], plaintexts: source)
                let opened = SecretBytes(byteCount: plan.byteCount) { plan.write(source, into: &$0) }
                try opened.withBytes { (bytes) throws(DocumentError) in
                    try plan.verify(bytes, plaintexts: source)
                }
            } catch {
                throw SealingError(
                    .unsuitableValue, "the value can't be written here: \(error.context)", underlying: error)
            }
            return try SealedValue.seal(source, as: head, to: key, at: coordinates)
        }
    }
}

extension PlacedDocument {
    /// Whether the value at `index` is no text at all, or null.
    fileprivate func isEmpty(_ index: Int) -> Bool {
        let slot = slots[index]
        let isPlain = slot.style == .plain || slot.style == .absent
        return document.withValue(of: slot) { value in
            value.byteCount == 0
                || (isPlain && document.format.holdsObjects
                    && (value.array == [0x7E] || value.array == Array("null".utf8)))
        }
    }
}
