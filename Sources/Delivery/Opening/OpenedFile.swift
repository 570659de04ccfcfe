package import Files
internal import Sodium

/// One file of an opened tree: its place, and its content as it is to be delivered. Made only by the stage that
/// verified and opened it; the content leaves only towards a target.
package struct OpenedFile: Sendable {
    /// The path below the delivered directory; checked components, no link, no `..`.
    package let path: Path
    /// Whether Git has it as an executable file.
    package let isExecutable: Bool
    /// How it stood in the commit.
    package let origin: Origin
    /// The length of the content in bytes.
    package var byteCount: Int64 { fingerprint.byteCount }
    let fingerprint: ContentDigest.Fingerprint
    private let content: any OpenedContent
    private let values: (any OpenedValues)?

    /// How a delivered file stands in the commit.
    package enum Origin: String, Sendable, Hashable {
        /// Nothing in it was sealed.
        case plain
        /// A document with sealed values.
        case sealedValues
        /// A sealed file as a whole.
        case sealedFile
    }

    init(
        path: Path, isExecutable: Bool, origin: Origin, fingerprint: ContentDigest.Fingerprint,
        content: any OpenedContent, values: (any OpenedValues)? = nil
    ) {
        self.path = path
        self.isExecutable = isExecutable
        self.origin = origin
        self.fingerprint = fingerprint
        self.content = content
        self.values = values
    }

    /// The same file under another path.
    func moved(to path: Path) -> OpenedFile {
        OpenedFile(
            path: path, isExecutable: isExecutable, origin: origin, fingerprint: fingerprint,
            content: content, values: values)
    }

    /// Gives the content to `sink` in order, and throws `cannotOpen` at the end where it is not, to the byte,
    /// what was verified when the tree was opened: what was written till then must not be kept.
    func write(
        checking digest: ContentDigest, _ sink: (RawSpan) throws(DeliveryError) -> Void
    ) throws(DeliveryError) {
        var stream = digest.stream()
        try content.stream { (bytes) throws(DeliveryError) in
            stream.update(bytes)
            try sink(bytes)
        }
        guard stream.finish() == fingerprint else {
            throw DeliveryError(.cannotOpen, "\(path): the source changed while it was delivered")
        }
    }
}

extension OpenedFile {
    /// Gives the content to `sink` in order, unchecked: `write` says whether it is what was verified.
    func stream(_ sink: (RawSpan) throws(DeliveryError) -> Void) throws(DeliveryError) {
        try content.stream(sink)
    }

    /// The content in guarded memory. Throws `cannotOpen` where it is not what was verified.
    func held() throws(DeliveryError) -> SecretBytes {
        guard let count = Int(exactly: byteCount), count <= OpenedFile.heldLimit else {
            throw DeliveryError(.limitExceeded, "\(path): too long to be held in memory")
        }
        var failure: DeliveryError?
        let bytes = SecretBytes(byteCount: count) { output in
            var offset = 0
            do throws(DeliveryError) {
                try content.stream { (piece) throws(DeliveryError) in
                    guard offset + piece.byteCount <= count else {
                        throw DeliveryError(.cannotOpen, "\(path): the source changed while it was read")
                    }
                    piece.copy(into: &output, at: offset)
                    offset += piece.byteCount
                }
            } catch {
                failure = error
            }
            if failure == nil, offset != count {
                failure = DeliveryError(.cannotOpen, "\(path): the source changed while it was read")
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Lends the value at `keyPath`, decoded, base64 of a Secret's `data` taken off. Throws `malformedContent` where
    /// there is no such value, or the file is none that has values.
    func withValue(
        at keyPath: [UInt8], _ body: (RawSpan) throws(DeliveryError) -> Void
    ) throws(DeliveryError) {
        guard let values else { throw hasNoValues }
        try values.withValue(at: keyPath, body)
    }

    /// Lends each named value, decoded. Throws `malformedContent` where the file is none that has values.
    func forEachValue(
        _ body: ([UInt8], RawSpan) throws(DeliveryError) -> Void
    ) throws(DeliveryError) {
        guard let values else { throw hasNoValues }
        try values.forEach(body)
    }

    /// Lends every secret that is in the file: its sealed values, or all of it where it was sealed as a whole.
    func forEachSecret(_ body: (RawSpan) throws(DeliveryError) -> Void) throws(DeliveryError) {
        switch origin {
        case .plain: return
        case .sealedValues where values != nil: try values?.forEachSecret(body)
        case .sealedValues, .sealedFile:
            try held().withBytes { (bytes) throws(DeliveryError) in try body(bytes) }
        }
    }

    private var hasNoValues: DeliveryError {
        DeliveryError(.malformedContent, "\(path): not a document whose values have names")
    }

    /// The longest content that is held as a whole.
    private static let heldLimit = 64 << 20
}

/// The values of an opened document, each lent by itself: the whole is never held in the clear for them.
protocol OpenedValues: Sendable {
    /// Lends the decoded value at `keyPath`.
    func withValue(
        at keyPath: [UInt8], _ body: (RawSpan) throws(DeliveryError) -> Void
    ) throws(DeliveryError)

    /// Lends each value that has a name of its own.
    func forEach(_ body: ([UInt8], RawSpan) throws(DeliveryError) -> Void) throws(DeliveryError)

    /// Lends each value that was sealed.
    func forEachSecret(_ body: (RawSpan) throws(DeliveryError) -> Void) throws(DeliveryError)
}

/// Content that can be read again and again, without being held in the clear longer than a step at a time needs.
protocol OpenedContent: Sendable {
    /// Gives the whole content to `sink`, in order, in pieces.
    func stream(_ sink: (RawSpan) throws(DeliveryError) -> Void) throws(DeliveryError)
}

/// Content at hand in guarded memory.
final class HeldContent: OpenedContent {
    private let bytes: SecretBytes

    init(_ bytes: consuming SecretBytes) { self.bytes = bytes }

    func stream(_ sink: (RawSpan) throws(DeliveryError) -> Void) throws(DeliveryError) {
        try bytes.withBytes { (span) throws(DeliveryError) in try sink(span) }
    }
}
