internal import Encodings
package import Keyrings
internal import Sodium

/// The cryptography of one sealed value (FORMAT.md §3): X25519 to the environment key, BLAKE2b to key and
/// commitment, XChaCha20-Poly1305 over the padded record, the place as associated data.
package enum SealedValue {
    /// Where the ephemeral secret's randomness comes from.
    enum Randomness {
        /// 32 bytes of the kernel.
        case fresh
        /// 32 known bytes: for test vectors alone.
        case fixed([UInt8])
    }

    /// Personalisation of the hash that gives K and commitment.
    private static let keyPersonal: StaticString = "sr-sealed-value1"
    /// Personalisation of the hash that gives the ephemeral secret.
    private static let ephemeralPersonal: StaticString = "sr-sealed-ephem1"
    private static let associatedDataLabel = "strongroom/sealed-value/v1"
    /// K encrypts one message only, because E is never repeated: the nonce is constant.
    private static let nonce = [UInt8](repeating: 0, count: XChaCha20Poly1305.nonceByteCount)

    /// AAD (FORMAT.md §3.1).
    static func associatedData(environment: String, epoch: UInt64, coordinates: Coordinates) -> [UInt8] {
        var writer = CanonicalWriter()
        writer.text(associatedDataLabel)
        writer.text(environment)
        writer.uint64(epoch)
        writer.text(coordinates.scope.letter)
        writer.lp(coordinates.bytes)
        return writer.bytes
    }

    /// The token of `source`, which is written as `head` says, for the place of `coordinates`.
    ///
    /// Throws `limitExceeded`, `nestedToken`, and `noKey` where the environment key has low order.
    package static func seal(
        _ source: RawSpan, as head: SealedRecord.Head, to key: EnvironmentPublicKey,
        at coordinates: Coordinates
    ) throws(SealingError) -> SealedToken {
        try seal(source, as: head, to: key, at: coordinates, randomness: .fresh)
    }

    /// As above; with the same `randomness` the same value at the same place gives the same token, and only then.
    static func seal(
        _ source: RawSpan, as head: SealedRecord.Head, to key: EnvironmentPublicKey,
        at coordinates: Coordinates, randomness: Randomness
    ) throws(SealingError) -> SealedToken {
        let record = try SealedRecord.pad(source, head)
        let aad = associatedData(
            environment: key.environment, epoch: key.epoch, coordinates: coordinates)
        let place = BLAKE2b.hash(aad)
        let secret = ephemeralSecret(record, key.key, place, randomness)
        let ephemeral = X25519.publicKey(of: secret)
        let keys = try secret.withBytes { (secret) throws(SealingError) in
            try derive(
                secret: secret, peer: key.key, ephemeral: ephemeral, publicKey: key.key, place: place,
                lowOrder: SealingError(.noKey, "the environment key has low order"))
        }
        let ciphertext = [UInt8].filled(count: record.byteCount + XChaCha20Poly1305.tagByteCount) { output in
            keys.withBytes { keys in
                record.withBytes { record in
                    XChaCha20Poly1305.seal(
                        record, key: keys.extracting(0..<32), nonce: nonce, associatedData: aad, into: &output
                    )
                }
            }
        }
        let commitment = keys.withBytes { $0.extracting(32..<64).array }
        return SealedToken(
            environment: key.environment, epoch: key.epoch, scope: coordinates.scope,
            payload: ephemeral + commitment + ciphertext)
    }

    /// Writes the record of `token` into `output`, whose length is the token's `recordByteCount`, and says its
    /// head and the range of the source in it.
    ///
    /// Throws `notAuthentic` where commitment or tag does not fit: nothing of the plaintext is then written.
    static func open(
        _ token: SealedToken, with identity: X25519Identity, at coordinates: Coordinates,
        into output: inout MutableRawSpan
    ) throws(SealingError) -> (head: SealedRecord.Head, source: Range<Int>) {
        guard token.scope == coordinates.scope else {
            throw SealingError(.notAuthentic, "sealed for another scope")
        }
        let aad = associatedData(environment: token.environment, epoch: token.epoch, coordinates: coordinates)
        let refused = SealingError(.notAuthentic, "moved here, altered, or sealed to another key")
        let keys = try identity.withSecret { (secret) throws(SealingError) in
            try derive(
                secret: secret, peer: token.ephemeral, ephemeral: token.ephemeral,
                publicKey: identity.recipient.publicKey, place: BLAKE2b.hash(aad), lowOrder: refused)
        }
        do {
            try keys.withBytes { (keys) throws(SodiumError) in
                try token.payload.withBytes { (payload) throws(SodiumError) in
                    guard Sodium.isEqual(keys.extracting(32..<64), payload.extracting(32..<64)) else {
                        throw SodiumError(.notAuthentic, "commitment")
                    }
                    try XChaCha20Poly1305.open(
                        payload.extracting(64..<payload.byteCount), key: keys.extracting(0..<32),
                        nonce: nonce,
                        associatedData: aad, into: &output)
                }
            }
        } catch {
            throw refused
        }
        return try SealedRecord.parse(output.bytes)
    }

    /// The record of `token` in guarded memory. Throws `noKey` where `keyring` is another environment's or lacks the
    /// epoch, and as above.
    package static func open(
        _ token: SealedToken, with keyring: OpenedKeyring, at coordinates: Coordinates
    ) throws(SealingError) -> OpenedValue {
        let identity = try identity(for: token, in: keyring)
        var head: SealedRecord.Head?
        var source = 0..<0
        let record = try SecretBytes(byteCount: token.recordByteCount) { (output) throws(SealingError) in
            (head, source) = try open(token, with: identity, at: coordinates, into: &output)
        }
        guard let head else { throw SealingError(.malformed, "no record") }
        return OpenedValue(head: head, record: record, source: source)
    }

    /// The identity that `token` was sealed to. Throws `noKey`.
    static func identity(
        for token: SealedToken, in keyring: OpenedKeyring
    ) throws(SealingError) -> X25519Identity {
        guard token.environment == keyring.environment else {
            throw SealingError(.noKey, "sealed for environment \(token.environment)")
        }
        guard let identity = keyring[epoch: token.epoch] else {
            throw SealingError(.noKey, "no key for \(token.environment) epoch \(token.epoch)")
        }
        return identity
    }

    /// K(32) ‖ commitment(32) (FORMAT.md §3.2). Throws `lowOrder` where the shared secret is all zero.
    private static func derive(
        secret: RawSpan, peer: [UInt8], ephemeral: [UInt8], publicKey: [UInt8], place: [UInt8],
        lowOrder: SealingError
    ) throws(SealingError) -> SecretBytes {
        try SecretBytes(byteCount: 64) { (output) throws(SealingError) in
            // The shared secret lives in the head of the region until the hash over it takes its place.
            var shared = output._mutatingExtracting(0..<32)
            do {
                try X25519.agree(secret: secret, publicKey: peer, into: &shared)
            } catch {
                throw lowOrder
            }
            var stream = BLAKE2b.Stream(byteCount: 64, personal: keyPersonal)
            stream.update(shared.bytes)
            stream.update(ephemeral)
            stream.update(publicKey)
            stream.update(place)
            stream.finish(into: &output)
        }
    }

    /// The ephemeral secret, hedged: were the random source to repeat itself, E would still differ wherever
    /// value, key or place do, so that K is never used for two messages (FORMAT.md §3.2).
    private static func ephemeralSecret(
        _ record: borrowing SecretBytes, _ publicKey: [UInt8], _ place: [UInt8],
        _ randomness: Randomness
    ) -> SecretBytes {
        SecretBytes(byteCount: 32) { output in
            switch randomness {
            case .fresh: RandomBytes.fill(&output)
            case .fixed(let bytes): bytes.withBytes { $0.copy(into: &output) }
            }
            var stream = BLAKE2b.Stream(byteCount: 32, personal: ephemeralPersonal)
            stream.update(output.bytes)
            stream.update(publicKey)
            stream.update(place)
            record.withBytes { stream.update($0) }
            stream.finish(into: &output)
        }
    }
}

/// What one token held.
package struct OpenedValue: ~Copyable {
    /// How the scalar is written.
    package let head: SealedRecord.Head
    private let record: SecretBytes
    private let source: Range<Int>

    /// Keeps a parsed record.
    init(head: SealedRecord.Head, record: consuming SecretBytes, source: Range<Int>) {
        self.head = head
        self.record = record
        self.source = source
    }

    /// Lends the scalar's source text.
    package func withSource<Result: ~Copyable, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try record.withBytes { (bytes) throws(Failure) in try body(bytes.extracting(source)) }
    }
}
