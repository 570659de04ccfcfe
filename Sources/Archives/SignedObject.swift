import Encodings
import Sodium

/// A body sealed under `write` and signed by an agent (FORMAT.md §2.3): pack headers, index objects, snapshot headers.
struct SignedObject {
    /// Random, in the object: what its ciphertext is bound to.
    let id: [UInt8]
    /// The config generation that it was made under.
    let generation: UInt64
    /// The number of the `write` key it was sealed under.
    let keyNumber: UInt32
    /// Who signed it.
    let agent: AgentRecord
    /// What was sealed.
    let body: [UInt8]

    /// Bytes before the ciphertext: id 16, generation 8, key number 4, nonce 24, length 4.
    private static let headByteCount = 56
    /// Bytes that the ciphertext has beyond the body: key 32, signature 64, tag 16.
    private static let trailByteCount = 112
    /// Bytes that an envelope has beyond its body.
    static let overhead = headByteCount + trailByteCount

    /// Seals and signs `body`.
    static func seal(
        _ body: [UInt8], _ kind: SealedKind, in session: SigningContext
    ) -> [UInt8] {
        let id = RandomBytes.make(16)
        let nonce = RandomBytes.make(XChaCha20Poly1305.nonceByteCount)
        let message = message(
            kind, store: session.store, id: id, generation: session.generation, number: session.write.number,
            body: body)
        let plaintext = body + session.agent.publicKey + session.agent.sign(message)
        let data = kind.associatedData(store: session.store, id: id, generation: session.generation)
        let ciphertext = [UInt8].filled(count: plaintext.count + XChaCha20Poly1305.tagByteCount) { output in
            plaintext.withBytes { plaintext in
                session.write.withBytes(for: kind) { key in
                    XChaCha20Poly1305.seal(
                        plaintext, key: key, nonce: nonce, associatedData: data, into: &output)
                }
            }
        }
        var writer = CanonicalWriter()
        writer.raw(id)
        writer.uint64(session.generation)
        writer.uint32(session.write.number)
        writer.raw(nonce)
        writer.lp(ciphertext)
        return writer.bytes
    }

    /// Opens the envelope at the start of `bytes`, of which it must be all, and verifies its signature.
    ///
    /// Throws `damaged` where it doesn't decrypt, `forged` where the signature is wrong or its maker was not enrolled
    /// for `power`, `rolledBack` where it names a config generation that this store doesn't have, `keyNeeded` where
    /// its `write` key isn't at hand.
    init(
        opening bytes: [UInt8], _ kind: SealedKind, _ name: String, with keys: OpenedWrite,
        power: AgentRecord.Powers = .add
    ) throws(ArchiveError) {
        let head: (id: [UInt8], generation: UInt64, number: UInt32, nonce: [UInt8], ciphertext: [UInt8])
        head = try decoding(name) {
            var reader = CanonicalReader(bytes, name)
            let id = try reader.raw(16)
            let generation = try reader.uint64()
            let number = try reader.uint32()
            let nonce = try reader.raw(24)
            let ciphertext = try reader.lp(limit: 1 << 28)
            try reader.end()
            return (id, generation, number, nonce, ciphertext)
        }
        guard head.ciphertext.count >= SignedObject.trailByteCount else {
            throw ArchiveError.damaged("\(name): envelope too short")
        }
        guard let config = keys.store.config(of: head.generation) else {
            throw ArchiveError(.rolledBack, "\(name): names config generation \(head.generation)")
        }
        guard let write = keys.key(head.number) else {
            throw ArchiveError(.keyNeeded, "\(name): under write key \(head.number)")
        }
        let data = kind.associatedData(store: keys.store.id, id: head.id, generation: head.generation)
        let plaintext: [UInt8]
        do throws(SodiumError) {
            plaintext = try [UInt8].filled(count: head.ciphertext.count - XChaCha20Poly1305.tagByteCount) {
                (output) throws(SodiumError) in
                try head.ciphertext.withBytes { (ciphertext) throws(SodiumError) in
                    try write.withBytes(for: kind) { (key) throws(SodiumError) in
                        try XChaCha20Poly1305.open(
                            ciphertext, key: key, nonce: head.nonce, associatedData: data, into: &output)
                    }
                }
            }
        } catch {
            throw ArchiveError.damaged("\(name): doesn't decrypt", error)
        }
        body = Array(plaintext.dropLast(96))
        id = head.id
        generation = head.generation
        keyNumber = head.number
        let publicKey = Array(plaintext.dropLast(64).suffix(32))
        guard let agent = config.agent(publicKey), agent.powers.isSuperset(of: power) else {
            throw ArchiveError(.forged, "\(name): its maker isn't enrolled for it")
        }
        self.agent = agent
        let message = SignedObject.message(
            kind, store: keys.store.id, id: id, generation: generation, number: head.number, body: body)
        guard Ed25519.verify(Array(plaintext.suffix(64)), message: message, publicKey: publicKey) else {
            throw ArchiveError(.forged, "\(name): the signature doesn't fit")
        }
    }

    /// What the agent signs; the body by its hash, as index objects are long.
    private static func message(
        _ kind: SealedKind, store: StoreID, id: [UInt8], generation: UInt64, number: UInt32, body: [UInt8]
    ) -> [UInt8] {
        var writer = CanonicalWriter()
        writer.text("strongroom/store-object/v1")
        writer.lp(store.digest.bytes)
        writer.text(kind.rawValue)
        writer.lp(id)
        writer.uint64(generation)
        writer.uint64(UInt64(number))
        writer.lp(BLAKE2b.hash(body))
        return writer.bytes
    }
}

/// What sealing and signing an object takes.
struct SigningContext: Sendable {
    /// The store.
    let store: StoreID
    /// The newest config generation.
    let generation: UInt64
    /// The key to seal under.
    let write: WriteKey
    /// Who signs.
    let agent: AgentKey
}
