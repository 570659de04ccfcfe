internal import Documents
internal import Keyrings
internal import Sodium

/// A sealed value or a sealed file, told from its bytes alone: what can be followed through Git history without a key
/// and without reading documents.
package struct SealedItem: Hashable, Sendable {
    /// What it is.
    package enum Kind: Hashable, Sendable {
        /// A token of this environment and epoch.
        case value(environment: String, epoch: UInt64)
        /// A whole file; the digest names environment, epoch, repository and path together (FORMAT.md §7).
        case file(digest: [UInt8])
    }

    /// What it is.
    package let kind: Kind
    /// H of the token's text, or of the file's header: the same value sealed again is another item.
    package let id: [UInt8]

    /// The items in the bytes of a file, each once, in their order. Tokens are found wherever they stand, also in
    /// comments and in files that are no documents; what is malformed is none.
    package static func all(in bytes: [UInt8]) -> [SealedItem] {
        bytes.withBytes { text in
            guard !SealedFile.isAgeFile(text) else { return file(text).map { [$0] } ?? [] }
            var found: [SealedItem] = []
            forEachToken(in: text) { _, span in
                guard let item = value(span), !found.contains(item) else { return }
                found.append(item)
            }
            return found
        }
    }

    /// The epoch of `environment`, one of `epochs`, that the item is sealed to; nil where it is to none. `path` is one
    /// at which the item stands or stood: a file's digest fits only there.
    package func epoch(
        of environment: String, among epochs: Set<UInt64>, repository: RepositoryID, path: [UInt8]
    ) -> UInt64? {
        switch kind {
        case .value(environment, let epoch): epochs.contains(epoch) ? epoch : nil
        case .value: nil
        case .file(let digest):
            epochs.first {
                SealedFile.digest(environment, $0, repository: repository, path: path) == digest
            }
        }
    }

    /// Whether the two can take each other's place: tokens of one environment, or two sealed files.
    package func isAlike(_ other: SealedItem) -> Bool {
        switch (kind, other.kind) {
        case (.value(let environment, _), .value(let another, _)): environment == another
        case (.file, .file): true
        case (.value, .file), (.file, .value): false
        }
    }

    /// Hands each token in `text` to `body`, with its offset.
    private static func forEachToken(in text: RawSpan, _ body: (Int, RawSpan) -> Void) {
        var position = 0
        while position < text.byteCount,
            let mark = SealedToken.firstMark(in: text.extracting(position..<text.byteCount))
        {
            let start = position + mark.offset
            var end = start
            while end < text.byteCount, isTokenByte(text[end]) { end += 1 }
            if mark.mark == .token { body(start, text.extracting(start..<end)) }
            position = max(end, start + 1)
        }
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        SealedToken.isNameByte(byte) || (0x41...0x5A).contains(byte) || byte == 0x2E || byte == 0x5F
    }

    private static func value(_ text: RawSpan) -> SealedItem? {
        guard let token = try? SealedToken(text) else { return nil }
        return SealedItem(
            kind: .value(environment: token.environment, epoch: token.epoch), id: BLAKE2b.hash(text))
    }

    private static func file(_ bytes: RawSpan) -> SealedItem? {
        guard let header = try? AgeHeader(parsing: bytes), let digest = try? SealedFile.scope(of: header)
        else { return nil }
        return SealedItem(kind: .file(digest: digest), id: BLAKE2b.hash(header.encoded))
    }
}

extension SealedItem {
    /// Where an item stands in a file.
    package struct Standing: Sendable {
        /// The item.
        package let item: SealedItem
        /// The line, from 1; nil for a whole file.
        package let line: Int?
        /// The Kubernetes object in words, where the value stands in one.
        package let object: String?
        /// The key path as people write it; nil for a whole file, and where the file is no document that can be read.
        package let keyPath: String?
        /// What tells the place from others: the object, in scope `o`, and file and key path. Items with one of them in
        /// common stand at one place. Empty where the file can't be read.
        package let places: Set<Place>
    }

    /// A place that a value or file can stand at.
    package struct Place: Hashable, Sendable {
        private let bytes: [UInt8]

        init(_ coordinates: Coordinates) {
            bytes = Array(coordinates.scope.text.utf8) + coordinates.bytes
        }

        fileprivate init(file path: [UInt8]) { bytes = [0x2F] + path }
    }

    /// The items in the file `bytes` that stands or stood at `path`, with their places under `rules`.
    package static func standing(in bytes: [UInt8], path: [UInt8], rules: Rules) -> [Standing] {
        if let item = bytes.withBytes({ SealedFile.isAgeFile($0) ? file($0) : nil }) {
            return [Standing(item: item, line: nil, object: nil, keyPath: nil, places: [Place(file: path)])]
        }
        guard SealedToken.containsMark(bytes) else { return [] }
        guard let format = DocumentFormat(path: path),
            let placed = try? PlacedDocument(bytes, format: format, path: path, rules.rule(for: path))
        else { return inText(bytes) }
        let namespace = rules.rule(for: path)?.namespace
        var found: [Standing] = []
        for index in placed.slots.indices where placed.slots[index].isSealed {
            guard let token = try? placed.token(at: index) else { continue }
            found.append(placed.standing(at: index, token, namespace: namespace, in: rules))
        }
        // Comments and longer texts hold tokens too, which whoever has the key could read.
        let known = Set(found.map(\.item))
        return found + inText(bytes).filter { !known.contains($0.item) }
    }

    private static func inText(_ bytes: [UInt8]) -> [Standing] {
        bytes.withBytes { text in
            var found: [Standing] = []
            forEachToken(in: text) { offset, span in
                guard let item = value(span) else { return }
                found.append(
                    Standing(
                        item: item, line: Marks.line(of: offset, in: text), object: nil, keyPath: nil,
                        places: []))
            }
            return found
        }
    }
}

extension PlacedDocument {
    /// The value at `index`, where `token` stands, as something to be followed through history.
    func standing(
        at index: Int, _ token: SealedToken, namespace: [UInt8]?, in rules: Rules
    ) -> SealedItem.Standing {
        var found = [Coordinates.file(repository: rules.repository, file: path, place: places[index])]
        if token.scope == .object,
            let object = try? coordinates(at: index, .object, namespace: namespace, in: rules)
        {
            found.append(object)
        }
        return SealedItem.Standing(
            item: SealedItem(
                kind: .value(environment: token.environment, epoch: token.epoch),
                id: BLAKE2b.hash(token.text)),
            line: slots[index].line,
            object: places[index].object.map { PlacedDocument.words($0, namespace: namespace) },
            keyPath: keyPath(index), places: Set(found.map { SealedItem.Place($0) }))
    }
}
