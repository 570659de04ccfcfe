import Encodings
import Sodium

/// A random key under which chunks and nodes are sealed, and its form sealed to `read` (FORMAT.md §6.2).
final class DataKey: Sendable {
    /// The 32 bytes.
    let secret: SecretBytes
    /// The record of pack headers.
    let sealed: SealedDataKey

    private init(secret: consuming SecretBytes, sealed: SealedDataKey) {
        self.secret = secret
        self.sealed = sealed
    }

    /// A new key that only `read` of `recipient`'s generation opens again.
    convenience init(sealingTo recipient: ReadPublicKey, store: StoreID) throws(ArchiveError) {
        let secret = SecretBytes(randomCount: 32)
        let ephemeral = SecretBytes(randomCount: 32)
        let id = RandomBytes.make(16)
        let share = X25519.publicKey(of: ephemeral)
        let data = SealedKind.dataKey.associatedData(
            store: store, id: id, generation: UInt64(recipient.number))
        let shared: SecretBytes
        do throws(SodiumError) {
            shared = try X25519.agree(secret: ephemeral, publicKey: recipient.key)
        } catch {
            throw ArchiveError.damaged("config: `read` key \(recipient.number) has low order", error)
        }
        let keys = DataKey.derive(shared, share: share, recipient: recipient.key, data)
        let ciphertext = [UInt8].filled(count: 48) { output in
            secret.withBytes { plaintext in
                keys.withBytes { keys in
                    XChaCha20Poly1305.seal(
                        plaintext, key: keys.extracting(0..<32), nonce: DataKey.nonce, associatedData: data,
                        into: &output)
                }
            }
        }
        let commitment = keys.withBytes { $0.extracting(32..<64).array }
        let sealed = SealedDataKey(
            id: id, readNumber: recipient.number, sealed: share + commitment + ciphertext)
        self.init(secret: secret, sealed: sealed)
    }

    /// Opens `sealed` with the `identity` of its generation. Throws `damaged` where it isn't sealed to it.
    convenience init(
        opening sealed: SealedDataKey, with identity: ReadIdentity, store: StoreID
    ) throws(ArchiveError) {
        let data = SealedKind.dataKey.associatedData(
            store: store, id: sealed.id, generation: UInt64(sealed.readNumber))
        let share = Array(sealed.sealed.prefix(32))
        let commitment = Array(sealed.sealed[32..<64])
        let ciphertext = Array(sealed.sealed.suffix(48))
        do throws(SodiumError) {
            let shared = try X25519.agree(secret: identity.secret, publicKey: share)
            let keys = DataKey.derive(shared, share: share, recipient: identity.publicKey, data)
            let fits = keys.withBytes { keys in
                commitment.withBytes { Sodium.isEqual(keys.extracting(32..<64), $0) }
            }
            guard fits else { throw SodiumError(.notAuthentic, "data key commitment") }
            let secret = try SecretBytes(byteCount: 32) { (output) throws(SodiumError) in
                try ciphertext.withBytes { (ciphertext) throws(SodiumError) in
                    try keys.withBytes { (keys) throws(SodiumError) in
                        try XChaCha20Poly1305.open(
                            ciphertext, key: keys.extracting(0..<32), nonce: DataKey.nonce,
                            associatedData: data, into: &output)
                    }
                }
            }
            self.init(secret: secret, sealed: sealed)
        } catch {
            throw ArchiveError.damaged("data key: doesn't open", error)
        }
    }

    /// 64 bytes: BLAKE2b-512, personalised, over shared secret, ephemeral share, recipient and H of the associated
    /// data. The first half is the key, the second the commitment.
    private static func derive(
        _ shared: borrowing SecretBytes, share: [UInt8], recipient: [UInt8], _ data: [UInt8]
    ) -> SecretBytes {
        SecretBytes(byteCount: 64) { output in
            var stream = BLAKE2b.Stream(byteCount: 64, personal: "strongroom datak")
            shared.withBytes { stream.update($0) }
            stream.update(share)
            stream.update(recipient)
            stream.update(BLAKE2b.hash(data))
            stream.finish(into: &output)
        }
    }

    /// The ephemeral share makes every derived key new.
    private static let nonce = [UInt8](repeating: 0, count: 24)
}

/// A data key as pack headers and the index carry it.
struct SealedDataKey: Hashable, Sendable {
    /// 16 random bytes.
    let id: [UInt8]
    /// Which generation of `read` opens it.
    let readNumber: UInt32
    /// Ephemeral share 32, commitment 32, ciphertext 48.
    let sealed: [UInt8]

    /// Bytes of a record.
    static let byteCount = 132

    /// Writes the record.
    func write(to writer: inout CanonicalWriter) {
        writer.raw(id)
        writer.uint32(readNumber)
        writer.raw(sealed)
    }

    /// The record of these parts.
    init(id: [UInt8], readNumber: UInt32, sealed: [UInt8]) {
        self.id = id
        self.readNumber = readNumber
        self.sealed = sealed
    }

    /// Reads a record.
    init(from reader: inout CanonicalReader) throws {
        id = try reader.raw(16)
        readNumber = try reader.uint32()
        sealed = try reader.raw(112)
    }
}
