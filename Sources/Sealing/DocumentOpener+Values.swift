internal import Documents
internal import Encodings
internal import Sodium

extension DocumentOpener {
    /// Lends each named value of the file at `path`, decoded: the entries of Secrets (base64 taken off) and ConfigMaps,
    /// or the values at the top of other documents.
    ///
    /// Throws as `open`; `unsuitablePlace` for a sealed value that stands elsewhere, `unsuitableValue` for one that is
    /// no base64 under a Secret's `data`, and what `body` throws.
    package func withValues(
        of bytes: [UInt8], path: [UInt8], _ body: (_ name: [UInt8], _ value: RawSpan) throws -> Void
    ) throws {
        // What the whole refuses is refused here, too.
        _ = try open(bytes, path: path)
        guard let format = DocumentFormat(path: path) else {
            throw SealingError(.noMatch, "not a document with named values").at(path)
        }
        let placed = try PlacedDocument(bytes, format: format, path: path, rules.rule(for: path))
        for index in placed.slots.indices {
            guard let name = placed.valueName(at: index) else {
                guard !placed.slots[index].isSealed else {
                    let reason = SealingError(
                        .unsuitablePlace, "has no name of its own: neither a Secret's entry nor at the top")
                    throw SealingError([placed.failure(at: index, reason)], path: path)
                }
                continue
            }
            do {
                try withDecodedValue(at: index, in: placed) { try body(name, $0) }
            } catch let error as SealingError {
                throw SealingError([placed.failure(at: index, error)], path: path)
            }
        }
    }

    /// Lends the value at `keyPath` (as people write it) of the file at `path`, decoded, base64 of a Secret's `data` taken
    /// off. Where several documents of the file have the key path, it is refused.
    ///
    /// Throws as `open`; `keyPath` where nothing stands there, `unsuitableValue` as `withValues`, and what `body` throws.
    package func withValue(
        of bytes: [UInt8], path: [UInt8], at keyPath: [UInt8], _ body: (RawSpan) throws -> Void
    ) throws {
        _ = try open(bytes, path: path)
        guard let format = DocumentFormat(path: path) else {
            throw SealingError(.noMatch, "not a document with values").at(path)
        }
        let placed = try PlacedDocument(bytes, format: format, path: path, rules.rule(for: path))
        let index: Int
        do throws(DocumentError) {
            let found = try DocumentSealer.find(SlotPath(parsing: keyPath), .any, in: placed.document)
            guard let slot = found.slot, let place = placed.slots.firstIndex(of: slot) else {
                throw DocumentError(.notFound, context: "nothing stands at this key path")
            }
            index = place
        } catch {
            throw SealingError(.keyPath, error.context, underlying: error).at(path)
        }
        do {
            try withDecodedValue(at: index, in: placed, body)
        } catch let error as SealingError {
            throw SealingError([placed.failure(at: index, error)], path: path)
        }
    }

    /// Lends each sealed value of the file at `path`, decoded; base64 of a Secret's `data` is lent as it is, and taken off
    /// where it is well-formed. Throws as `open`, and what `body` throws.
    package func withSealedValues(
        of bytes: [UInt8], path: [UInt8], _ body: (RawSpan) throws -> Void
    ) throws {
        guard let format = DocumentFormat(path: path), SealedToken.containsMarkInAnySpelling(bytes) else {
            return
        }
        let placed = try PlacedDocument(bytes, format: format, path: path, rules.rule(for: path))
        for index in placed.slots.indices where placed.slots[index].isSealed {
            try withValue(at: index, in: placed) { value in
                try body(value)
                guard placed.secretEntry(at: index)?.field == .base64,
                    let decoded = try? DocumentOpener.decoded(value)
                else { return }
                try decoded.withBytes { try body($0) }
            }
        }
    }

    /// Lends the value at `index` as programs see it.
    private func withDecodedValue(
        at index: Int, in placed: PlacedDocument, _ body: (RawSpan) throws -> Void
    ) throws {
        // A token that stands in base64 itself holds the value as it is.
        let isBase64 =
            placed.secretEntry(at: index)?.field == .base64
            && !(placed.slots[index].isSealed && placed.isWrapped(index))
        try withValue(at: index, in: placed) { value in
            guard isBase64 else { return try body(value) }
            let decoded = try DocumentOpener.decoded(value)
            try decoded.withBytes { try body($0) }
        }
    }

    /// Lends the decoded value at `index`, opened where it is sealed.
    private func withValue(
        at index: Int, in placed: PlacedDocument, _ body: (RawSpan) throws -> Void
    ) throws {
        let slot = placed.slots[index]
        guard slot.isSealed else { return try placed.document.withValue(of: slot, body) }
        try openedValue(at: index, in: placed).withBytes { try body($0) }
    }

    /// The decoded value of the token at `index`.
    func openedValue(at index: Int, in placed: PlacedDocument) throws(SealingError) -> SecretBytes {
        let token = try placed.token(at: index)
        let coordinates = try placed.coordinates(
            at: index, token.scope, namespace: rules.rule(for: placed.path)?.namespace, in: rules)
        let opened = try SealedValue.open(token, with: keyring, at: coordinates)
        let format = opened.head.format.documentFormat
        guard format == placed.document.format || placed.isWrapped(index) else {
            throw SealingError(.notSupported, "sealed in a document of another format")
        }
        let style = opened.head.style.scalarStyle
        let indentation = Int(opened.head.indentation)
        return try opened.withSource { (source) throws(SealingError) in
            do throws(DocumentError) {
                return try TextDocument.withDecoded(
                    source, format: format, style: style, indentation: indentation
                ) { SecretBytes(copying: $0) }
            } catch {
                throw SealingError(error, path: placed.path)
            }
        }
    }

    private static func decoded(_ text: RawSpan) throws(SealingError) -> SecretBytes {
        do throws(EncodingError) {
            let count = try Base64.standard.decodedCount(text)
            return try SecretBytes(byteCount: count) { (output) throws(EncodingError) in
                try Base64.standard.decode(text, into: &output)
            }
        } catch {
            throw SealingError(.unsuitableValue, "no base64, under a Secret's data")
        }
    }
}

extension PlacedDocument {
    /// The name that programs know the value at `index` by; nil where it has none.
    fileprivate func valueName(at index: Int) -> [UInt8]? {
        if let entry = secretEntry(at: index) { return entry.key }
        let place = places[index]
        guard !isSecret(place) else { return nil }
        let components = place.path.components
        guard let object = place.object else {
            guard components.count == 1, case .key(let key) = components[0] else { return nil }
            return key
        }
        guard object.group.isEmpty, object.kind == Array("ConfigMap".utf8), components.count == 2,
            components[0] == .key(Array("data".utf8)), case .key(let key) = components[1]
        else { return nil }
        return key
    }
}
