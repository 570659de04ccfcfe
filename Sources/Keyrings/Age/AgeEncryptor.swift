internal import Sodium

/// Writes one age v1 file from plaintext that comes in pieces, in constant memory.
///
/// Everything goes to the `output` closures in order: header and nonce first, then a chunk at a time.
package struct AgeEncryptor: ~Copyable {
    /// The header, which `start` writes.
    package let header: AgeHeader
    private let nonce: [UInt8]
    private var payload: PayloadSealer
    private var isStarted = false

    /// A file for `recipients` under a fresh file key. `extraStanzas` follow theirs: of types that wrap nothing
    /// and that other readers pass over. Throws `recipient` where there is none or where they don't go together.
    package init(
        recipients: [any AgeRecipient], extraStanzas: [Stanza] = []
    ) throws(AgeError) {
        let fileKey = FileKey()
        let stanzas = try AgeEncryptor.wrap(fileKey, to: recipients)
        try self.init(fileKey: fileKey, stanzas: stanzas + extraStanzas)
    }

    /// A file under `fileKey`, which must not serve another file, with `stanzas` that wrap it already. Throws
    /// `recipient` where there is none.
    package init(fileKey: borrowing FileKey, stanzas: [Stanza]) throws(AgeError) {
        self.init(
            fileKey: fileKey, header: try AgeHeader(stanzas: stanzas, fileKey: fileKey),
            nonce: RandomBytes.make(PayloadStream.nonceByteCount))
    }

    /// A file with a known payload nonce: for tests.
    init(fileKey: borrowing FileKey, header: AgeHeader, nonce: [UInt8]) {
        self.header = header
        self.nonce = nonce
        payload = PayloadSealer(key: fileKey.derive(salt: nonce, info: "payload"))
    }

    /// Takes `plaintext` of any length. Throws `interrupted` where `output` throws.
    package mutating func update(_ plaintext: RawSpan, into output: (RawSpan) throws -> Void) throws(AgeError)
    {
        try start(into: output)
        try payload.update(plaintext, into: output)
    }

    /// Takes all the plaintext that `read` gives, without a copy in between: it fills the front of what it is lent and
    /// returns how many bytes, 0 at the end. Throws `interrupted` where a closure throws.
    package mutating func update(
        reading read: (inout MutableRawSpan) throws -> Int, into output: (RawSpan) throws -> Void
    ) throws(AgeError) {
        try start(into: output)
        try payload.update(reading: read, into: output)
    }

    /// Writes the last chunk. A file without this call is truncated, and is refused as such.
    package consuming func finish(into output: (RawSpan) throws -> Void) throws(AgeError) {
        try start(into: output)
        try payload.finish(into: output)
    }

    /// Writes header and nonce, once.
    private mutating func start(into output: (RawSpan) throws -> Void) throws(AgeError) {
        guard !isStarted else { return }
        isStarted = true
        let head = header.encoded + nonce
        try AgeError.interruptible { try head.withBytes { (bytes) throws in try output(bytes) } }
    }

    /// The stanzas of all `recipients`, in their order.
    private static func wrap(
        _ fileKey: borrowing FileKey, to recipients: [any AgeRecipient]
    ) throws(AgeError) -> [Stanza] {
        var stanzas: [Stanza] = []
        for recipient in recipients {
            guard recipient.labels == recipients[0].labels else {
                throw AgeError(.recipient, "recipients of these kinds can't share a file")
            }
            stanzas += try recipient.wrap(fileKey)
        }
        // Extra stanzas alone would make a file that nobody opens.
        guard !stanzas.isEmpty else { throw AgeError(.recipient, "no recipient") }
        return stanzas
    }
}
