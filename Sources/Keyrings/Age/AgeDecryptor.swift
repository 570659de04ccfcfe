internal import Sodium

/// Reads one binary age v1 file that comes in pieces, in constant memory.
///
/// Plaintext goes to the `output` closures a chunk at a time, each only after it was authenticated; that the
/// file is whole is known only when `finish` returns: until then the caller keeps what it got out of sight.
/// After an error every call throws that error again.
package struct AgeDecryptor: ~Copyable {
    private let identities: [any AgeIdentity]
    private let admit: (AgeHeader) throws -> Void
    private var parser = AgeHeaderParser()
    private var fileKey: FileKey?
    private var nonce: [UInt8] = []
    private var payload: PayloadOpener?
    private var failure: AgeError?
    private let isVerifying: Bool

    /// The header, when it has been read. Authentic only where no error followed.
    package var header: AgeHeader? { parser.header }

    /// A decryptor that tries `identities` in order. `admit` sees the header before any identity does, and may
    /// throw to refuse the file. Where it is only `verifying`, all is authenticated and no plaintext comes out.
    package init(
        identities: [any AgeIdentity], verifying: Bool = false,
        admit: @escaping (AgeHeader) throws -> Void = { _ in }
    ) {
        isVerifying = verifying
        self.identities = identities
        self.admit = admit
    }

    /// Takes `ciphertext` of any length. Throws `header`, `version`, `limit`, `noMatch`, `hmac` or `payload` for
    /// what is wrong with the file, `interrupted` where a closure throws.
    package mutating func update(_ ciphertext: RawSpan, into output: (RawSpan) throws -> Void)
        throws(AgeError)
    {
        if let failure { throw failure }
        do throws(AgeError) {
            try take(ciphertext, into: output)
        } catch {
            failure = error
            throw error
        }
    }

    /// Takes all the ciphertext that `read` gives, without a copy in between: it fills the front of what it is lent and
    /// returns how many bytes, 0 at the end. Throws as `update`.
    package mutating func update(
        reading read: (inout MutableRawSpan) throws -> Int, into output: (RawSpan) throws -> Void
    ) throws(AgeError) {
        if let failure { throw failure }
        do throws(AgeError) {
            var head = WipedBuffer(byteCount: AgeDecryptor.headPieceByteCount)
            while payload == nil {
                var count = 0
                try head.withMutableBytes(first: head.byteCount) { (room) throws(AgeError) in
                    try AgeError.interruptible { count = try read(&room) }
                }
                guard count > 0 else { return }
                try head.withBytes(first: count) { (bytes) throws(AgeError) in try take(bytes, into: output) }
            }
            try payload?.update(reading: read, into: output)
        } catch {
            failure = error
            throw error
        }
    }

    /// Bytes that are read at once before the payload.
    private static let headPieceByteCount = 4096

    /// Takes the end of the file. Throws as `update`, and `header` or `payload` where the file is truncated.
    package mutating func finish(into output: (RawSpan) throws -> Void) throws(AgeError) {
        if let failure { throw failure }
        do throws(AgeError) {
            _ = try parser.finish()
            guard payload != nil else { throw AgeError(.header, "ends inside the payload's nonce") }
            try payload?.finish(into: output)
            failure = AgeError(.payload, "the file was read to its end before")
        } catch {
            failure = error
            throw error
        }
    }

    private mutating func take(_ bytes: RawSpan, into output: (RawSpan) throws -> Void) throws(AgeError) {
        var rest = bytes
        if parser.header == nil {
            let count = try parser.push(rest)
            rest = rest.extracting(droppingFirst: count)
            guard let header = parser.header else { return }
            let admit = admit
            try AgeError.interruptible { try admit(header) }
            fileKey = try header.unwrap(with: identities)
        }
        if payload == nil {
            let count = min(rest.byteCount, PayloadStream.nonceByteCount - nonce.count)
            nonce += rest.extracting(first: count).array
            rest = rest.extracting(droppingFirst: count)
            guard nonce.count == PayloadStream.nonceByteCount else { return }
            guard let key = fileKey.take() else { return }
            payload = PayloadOpener(
                key: key.derive(salt: nonce, info: "payload"), verifying: isVerifying)
        }
        try payload?.update(rest, into: output)
    }
}
