internal import Encodings
internal import Sodium

/// The cryptography of one sealed value (FORMAT.md §3): X25519 to the environment key, BLAKE2b to key and
/// commitment, XChaCha20-Poly1305 over the padded record, the place as associated data.
package enum SealedValue {
    /// The environment key that a value is sealed to.
    struct Recipient {
        let environment: String
        let epoch: UInt64
        /// 32 bytes.
        let publicKey: [UInt8]
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
    /// `randomness` is 32 fresh random bytes; with the same bytes and the same value at the same place the same
    /// token results, and only then. Throws `limitExceeded`, `nestedToken`, and `noKey` where the environment
    /// key has low order.
    static func seal(
        _ source: RawSpan, _ head: SealedRecord.Head, to recipient: Recipient, at coordinates: Coordinates,
        randomness: borrowing SecretBytes
    ) throws(SealingError) -> SealedToken {
        let record = try SealedRecord.pad(source, head)
        let aad = associatedData(
            environment: recipient.environment, epoch: recipient.epoch, coordinates: coordinates)
        let place = BLAKE2b.hash(aad)
        let secret = ephemeralSecret(record, recipient.publicKey, place, randomness)
        let ephemeral = X25519.publicKey(of: secret)
        let keys = try derive(
            secret: secret, peer: recipient.publicKey, ephemeral: ephemeral, publicKey: recipient.publicKey,
            place: place, lowOrder: SealingError(.noKey, "the environment key has low order"))
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
            environment: recipient.environment, epoch: recipient.epoch, scope: coordinates.scope,
            payload: ephemeral + commitment + ciphertext)
    }

    /// Writes the record of `token` into `output`, whose length is the token's `recordByteCount`, and says its
    /// head and the range of the source in it.
    ///
    /// Throws `notAuthentic` where commitment or tag does not fit: nothing of the plaintext is then written.
    static func open(
        _ token: SealedToken, secret: borrowing SecretBytes, publicKey: [UInt8], at coordinates: Coordinates,
        into output: inout MutableRawSpan
    ) throws(SealingError) -> (head: SealedRecord.Head, source: Range<Int>) {
        guard token.scope == coordinates.scope else {
            throw SealingError(.notAuthentic, "sealed for another scope")
        }
        let aad = associatedData(environment: token.environment, epoch: token.epoch, coordinates: coordinates)
        let refused = SealingError(.notAuthentic, "moved here, altered, or sealed to another key")
        let keys = try derive(
            secret: secret, peer: token.ephemeral, ephemeral: token.ephemeral, publicKey: publicKey,
            place: BLAKE2b.hash(aad), lowOrder: refused)
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

    /// K(32) ‖ commitment(32) (FORMAT.md §3.2). Throws `lowOrder` where the shared secret is all zero.
    private static func derive(
        secret: borrowing SecretBytes, peer: [UInt8], ephemeral: [UInt8], publicKey: [UInt8], place: [UInt8],
        lowOrder: SealingError
    ) throws(SealingError) -> SecretBytes {
        try SecretBytes(byteCount: 64) { (output) throws(SealingError) in
            // The shared secret lives in the head of the region until the hash over it takes its place.
            var shared = output._mutatingExtracting(0..<32)
            do {
                try secret.withBytes { (secret) throws(SodiumError) in
                    try X25519.agree(secret: secret, publicKey: peer, into: &shared)
                }
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
        _ randomness: borrowing SecretBytes
    ) -> SecretBytes {
        precondition(randomness.byteCount == 32)
        return SecretBytes(byteCount: 32) { output in
            var stream = BLAKE2b.Stream(byteCount: 32, personal: ephemeralPersonal)
            randomness.withBytes { stream.update($0) }
            stream.update(publicKey)
            stream.update(place)
            record.withBytes { stream.update($0) }
            stream.finish(into: &output)
        }
    }
}
