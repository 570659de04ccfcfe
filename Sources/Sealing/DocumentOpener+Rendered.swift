internal import Documents
internal import Encodings
package import Sodium

/// What a template made, opened.
package struct OpenedManifests: ~Copyable, Sendable {
    /// The whole text.
    package let bytes: SecretBytes
    /// How many tokens were opened.
    package let openedCount: Int
    /// The Kubernetes objects, `group/kind/namespace/name` each, in the order of the text.
    package let objects: [[UInt8]]
}

extension DocumentOpener {
    /// Opens what a template moved: tokens of the scopes `n`, `o` and `e` that are a whole scalar of a rendered object, or
    /// base64 of one under a Secret's `data`, in lines of whatever width (FORMAT.md §4.3). `text` is a stream of YAML that a renderer wrote, and
    /// `name` what messages call it.
    ///
    /// A named token opens at its allowed places alone, one of scope `o` in its own object; one of scope `f` nowhere, for
    /// its file is gone. A value whose source can be spliced as it is, is; any other string is written in double quotes.
    /// Throws as `open`, and `unsuitablePlace` where a token was delivered elsewhere than it may be. `text` holds what was
    /// opened before, so whoever hands it over wipes it.
    package func openRendered(_ text: [UInt8], name: String) throws(SealingError) -> OpenedManifests {
        let path = Array(name.utf8)
        let placed = try PlacedDocument(text, format: .yaml, path: path, nil, isRendered: true)
        if let stray = Marks.firstStray(in: placed) {
            throw SealingError(
                .nestedToken, "line \(stray): a sealed token or SOPS marker that is no whole value"
            ).at(path)
        }
        let objects = placed.document.objects.map { found in
            let object = found.object
            return Array(
                [object.group, object.kind, object.namespace ?? [], object.name].joined(separator: [0x2F]))
        }
        let sealed = placed.slots.indices.filter { placed.slots[$0].isSealed }
        guard !sealed.isEmpty else {
            return OpenedManifests(
                bytes: text.withBytes { SecretBytes(copying: $0) }, openedCount: 0, objects: objects)
        }
        var pieces: [RenderedPiece] = []
        var failures: [SealingError.Failure] = []
        for index in sealed {
            do throws(SealingError) {
                pieces.append(try piece(at: index, in: placed))
            } catch {
                failures.append(placed.failure(at: index, error))
            }
        }
        guard failures.isEmpty else { throw SealingError(failures, path: path) }
        let bytes = try DocumentOpener.splice(pieces, into: placed)
        return OpenedManifests(bytes: bytes, openedCount: pieces.count, objects: objects)
    }

    /// What comes in the place of one token.
    private struct RenderedPiece {
        let slot: Slot
        let style: ScalarStyle
        let indentation: Int
        let source: Held

        /// Bytes in an array, which holds nothing that can't be copied.
        final class Held: Sendable {
            let bytes: SecretBytes

            init(_ bytes: consuming SecretBytes) { self.bytes = bytes }
        }
    }

    private func piece(
        at index: Int, in placed: PlacedDocument
    ) throws(SealingError) -> RenderedPiece {
        let token = try placed.token(at: index)
        guard token.scope != .file else {
            throw SealingError(
                .unsuitablePlace,
                "sealed for a file, and a template moved it: use scope name, object or environment")
        }
        let coordinates = try placed.coordinates(at: index, token.scope, namespace: nil, in: rules)
        if case .named(let name) = token.scope, let places = rules.places(of: name) {
            try placed.requireAllowed(at: index, places, namespace: nil)
        }
        let opened = try SealedValue.open(token, with: keyring, at: coordinates)
        let head = opened.head
        let slot = placed.slots[index]
        if placed.isWrapped(index) {
            let text = try opened.withDecoded { (value) throws(SealingError) in
                ValueSource.quotedBase64(value)
            }
            return RenderedPiece(slot: slot, style: .double, indentation: 0, source: .init(text))
        }
        let isKept = head.format == .yaml || (head.format == .json && head.style == .plain)
        guard !isKept else {
            let source = opened.withSource { SecretBytes(copying: $0) }
            return RenderedPiece(
                slot: slot, style: head.style.scalarStyle, indentation: Int(head.indentation),
                source: .init(source))
        }
        guard head.format != .toml || head.style != .plain else {
            throw SealingError(
                .notSupported, "sealed in TOML as no string: it has no form in YAML that is sure")
        }
        let text = try opened.withDecoded { (value) throws(SealingError) in
            do throws(DocumentError) {
                let literal = try StringLiteral(of: value)
                return SecretBytes(byteCount: literal.byteCount) { literal.write(value, into: &$0) }
            } catch {
                throw SealingError(.unsuitableValue, "the value can't be written as text", underlying: error)
            }
        }
        return RenderedPiece(slot: slot, style: .double, indentation: 0, source: .init(text))
    }

    private static func splice(
        _ pieces: [RenderedPiece], into placed: PlacedDocument
    ) throws(SealingError) -> SecretBytes {
        var openings: [Opening] = []
        var end = 0
        for piece in pieces {
            let range = end..<(end + piece.source.bytes.byteCount)
            openings.append(
                Opening(slot: piece.slot, style: piece.style, indentation: piece.indentation, source: range))
            end = range.upperBound
        }
        let plaintexts = SecretBytes(byteCount: end) { output in
            for (opening, piece) in zip(openings, pieces) {
                piece.source.bytes.withBytes { $0.copy(into: &output, at: opening.source.lowerBound) }
            }
        }
        do throws(DocumentError) {
            return try DocumentOpener.spliced(openings, plaintexts, in: placed.document)
        } catch {
            throw SealingError(error, path: placed.path)
        }
    }
}

extension OpenedValue {
    /// Lends the value as its document's readers see it. Throws `malformed`.
    func withDecoded(
        _ body: (RawSpan) throws(SealingError) -> SecretBytes
    ) throws(SealingError) -> SecretBytes {
        let (format, style, indentation) = (
            head.format.documentFormat, head.style.scalarStyle, Int(head.indentation)
        )
        return try withSource { (source) throws(SealingError) in
            let value: SecretBytes
            do throws(DocumentError) {
                value = try TextDocument.withDecoded(
                    source, format: format, style: style, indentation: indentation
                ) { SecretBytes(copying: $0) }
            } catch {
                throw SealingError(
                    .malformed, "a sealed value that is no value of its format", underlying: error)
            }
            return try value.withBytes { (bytes) throws(SealingError) in try body(bytes) }
        }
    }
}
