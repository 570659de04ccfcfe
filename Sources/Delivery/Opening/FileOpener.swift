internal import Documents
internal import Files
internal import Git
internal import Keyrings
internal import Sealing
internal import Sodium

/// Opens single files of a commit, and holds them to the rules.
struct FileOpener: Sendable {
    let blobs: BlobReader
    let rules: Rules
    let keyring: OpenedKeyring
    let digest: ContentDigest
    /// Whether a template is to move what is named: such tokens stay, to be opened when it has run.
    var isRendered = false

    /// The file as it is to be delivered: opened to its end, compared with the rules, searched for what is still
    /// sealed.
    func open(_ entry: TreeWalkEntry) throws(DeliveryError) -> OpenedFile {
        let path = blobs.fullPath(entry.path)
        let rule = rules.rule(for: path)
        var isAge = false
        var isArmoredSeal = false
        try blobs.withBlob(entry.id) { (bytes) throws(DeliveryError) in
            isAge = SealedFile.isAgeFile(bytes)
            isArmoredSeal = !isAge && FileOpener.isArmoredSeal(bytes)
        }
        guard !isArmoredSeal else {
            throw DeliveryError(
                .stillSealed, "\(blobs.place(entry.path)): a sealed file in ASCII armor, which is not opened")
        }
        if !isAge { try refuseForeignCiphertext(entry, path) }
        let origin: OpenedFile.Origin
        let content: any OpenedContent
        var values: (any OpenedValues)?
        if isAge {
            origin = .sealedFile
            content = SealedFileContent(opener: self, blob: entry.id, path: path)
        } else if case .file = rule?.treatment, rule?.isRequired == true {
            throw DeliveryError(
                .plaintextRefused,
                "\(blobs.place(entry.path)): plaintext, and the rule requires a sealed file")
        } else {
            let count = try openDocument(entry, path: path)
            origin = count == 0 ? .plain : .sealedValues
            content =
                count == 0
                ? BlobContent(blobs: blobs, blob: entry.id)
                : DocumentContent(opener: self, blob: entry.id, path: path)
            if DocumentFormat(path: path) != nil {
                values = DocumentValues(
                    opener: self, blob: entry.id, path: path, place: blobs.place(entry.path))
            }
        }
        var stream = digest.stream()
        var scanner = MarkScanner(isDocument: DocumentFormat(path: path) != nil)
        var isMarked = false
        try content.stream { (bytes) throws(DeliveryError) in
            stream.update(bytes)
            if scanner.finds(in: bytes) { isMarked = true }
        }
        guard !isMarked || isRendered else {
            throw DeliveryError(
                .stillSealed, "\(blobs.place(entry.path)): a sealed token or SOPS marker would be delivered")
        }
        return OpenedFile(
            path: Path(entry.path), isExecutable: entry.mode == .executable, origin: origin,
            fingerprint: stream.finish(), content: content, values: values)
    }

    /// Throws `stillSealed` where the file holds what SOPS or a SealedSecret's controller would have to open.
    private func refuseForeignCiphertext(
        _ entry: TreeWalkEntry, _ path: [UInt8]
    ) throws(DeliveryError) {
        var kind: ForeignCiphertext?
        try blobs.withBlob(entry.id) { (bytes) throws(DeliveryError) in
            kind = ForeignCiphertext.find(in: bytes, DocumentFormat(path: path), isRendered: isRendered)
        }
        guard let kind else { return }
        throw DeliveryError(
            .stillSealed,
            "\(blobs.place(entry.path)): \(kind.rawValue) ciphertext, which is not delivered as it stands")
    }

    /// Whether the bytes are an armored age file with the stanza of a sealed file: those are binary, so that this
    /// one would be delivered as it is. Other armored age files are the repository's own business.
    private static func isArmoredSeal(_ bytes: RawSpan) -> Bool {
        guard Armor.isArmored(bytes), let file = try? Armor.decode(bytes) else { return false }
        let header = try? file.withBytes { (span) throws(AgeError) in try AgeHeader(parsing: span) }
        return header?.stanzas.contains { $0.type == "strongroom-scope" } ?? false
    }

    /// How many tokens were opened. What is too long to be a document and under no rule is searched for
    /// tokens and left.
    private func openDocument(_ entry: TreeWalkEntry, path: [UInt8]) throws(DeliveryError) -> Int {
        let rule = rules.rule(for: path)
        var isRequired = false
        if case .values = rule?.treatment { isRequired = rule?.isRequired == true }
        let isDocument = DocumentFormat(path: path) != nil
        guard isDocument || isRequired else { return 0 }
        guard (entry.byteCount ?? 0) <= DocumentLimits().byteCount else {
            guard rule != nil else { return 0 }
            throw DeliveryError(.limitExceeded, "\(blobs.place(entry.path)): too large for a document")
        }
        var count = 0
        try withOpened(entry.id, path: path) { (_, opened) in count = opened }
        return count
    }

    /// Lends the opened text of a document and the number of its tokens.
    func withOpened(
        _ id: ObjectID, path: [UInt8], _ body: (RawSpan, Int) throws(DeliveryError) -> Void
    ) throws(DeliveryError) {
        var bytes: [UInt8] = []
        try blobs.withBlob(id) { (blob) throws(DeliveryError) in bytes = blob.array }
        let opened: OpenedDocument
        do {
            opened = try DocumentOpener(
                rules: rules, keyring: keyring, enforcing: true, leavingNamed: isRendered
            ).open(bytes, path: path)
        } catch {
            throw DeliveryError(sealing: error)
        }
        let count = opened.openedCount
        try opened.bytes.withBytes { (text) throws(DeliveryError) in try body(text, count) }
    }
}

/// A file as it stands in the commit.
private struct BlobContent: OpenedContent {
    let blobs: BlobReader
    let blob: ObjectID

    func stream(_ sink: (RawSpan) throws(DeliveryError) -> Void) throws(DeliveryError) {
        try blobs.withBlob(blob, sink)
    }
}

/// A document, opened anew each time: no plaintext waits in memory for its turn.
private struct DocumentContent: OpenedContent {
    let opener: FileOpener
    let blob: ObjectID
    let path: [UInt8]

    func stream(_ sink: (RawSpan) throws(DeliveryError) -> Void) throws(DeliveryError) {
        try opener.withOpened(blob, path: path) { (text, _) throws(DeliveryError) in try sink(text) }
    }
}

/// The values of a document, opened one by one out of the sealed text.
private struct DocumentValues: OpenedValues {
    let opener: FileOpener
    let blob: ObjectID
    let path: [UInt8]
    /// For messages.
    let place: String

    func withValue(
        at keyPath: [UInt8], _ body: (RawSpan) throws(DeliveryError) -> Void
    ) throws(DeliveryError) {
        try onValues { (documents, bytes) in
            try documents.withValue(of: bytes, path: path, at: keyPath) { try body($0) }
        }
    }

    func forEach(_ body: ([UInt8], RawSpan) throws(DeliveryError) -> Void) throws(DeliveryError) {
        try onValues { (documents, bytes) in
            try documents.withValues(of: bytes, path: path) { try body($0, $1) }
        }
    }

    func forEachSecret(_ body: (RawSpan) throws(DeliveryError) -> Void) throws(DeliveryError) {
        try onValues { (documents, bytes) in
            try documents.withSealedValues(of: bytes, path: path) { try body($0) }
        }
    }

    private func onValues(
        _ body: (DocumentOpener, [UInt8]) throws -> Void
    ) throws(DeliveryError) {
        var bytes: [UInt8] = []
        try opener.blobs.withBlob(blob) { (blob) throws(DeliveryError) in bytes = blob.array }
        do {
            let documents = DocumentOpener(
                rules: opener.rules, keyring: opener.keyring, enforcing: true, leavingNamed: opener.isRendered
            )
            try body(documents, bytes)
        } catch let error as DeliveryError {
            throw error
        } catch let error as SealingError {
            switch error.code {
            case .keyPath, .noMatch, .unsuitableValue, .unsuitablePlace:
                throw DeliveryError(.malformedContent, "\(place): \(error.context)", underlying: error)
            default: throw DeliveryError(sealing: error)
            }
        } catch {
            throw DeliveryError(.io, place, underlying: error)
        }
    }
}

/// A sealed file, decrypted anew each time, a chunk at a time.
private struct SealedFileContent: OpenedContent {
    let opener: FileOpener
    let blob: ObjectID
    let path: [UInt8]

    func stream(_ sink: (RawSpan) throws(DeliveryError) -> Void) throws(DeliveryError) {
        try opener.blobs.withBlob(blob) { (bytes) throws(DeliveryError) in
            do throws(SealingError) {
                var file = SealedFileOpener(
                    keyring: opener.keyring, repository: opener.rules.repository, path: path)
                try file.update(bytes) { plaintext in try sink(plaintext) }
                try file.finish { plaintext in try sink(plaintext) }
            } catch {
                let cause = DeliveryError(sealing: error)
                guard cause.underlying is SealingError else { throw cause }
                throw DeliveryError(cause.code, "\(Path(path)): \(cause.context)", underlying: error)
            }
        }
    }
}
