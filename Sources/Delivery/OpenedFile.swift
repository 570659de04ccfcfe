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
        content: any OpenedContent
    ) {
        self.path = path
        self.isExecutable = isExecutable
        self.origin = origin
        self.fingerprint = fingerprint
        self.content = content
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
