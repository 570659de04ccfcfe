import Sodium

/// The children part of a node in a pack: nonce, then ciphertext under the tree key (FORMAT.md §9.1).
enum NodeChildren {
    /// Seals the children list of the node `id`.
    static func seal(_ plaintext: [UInt8], id: NodeID, with write: WriteKey, store: StoreID) -> [UInt8] {
        let nonce = RandomBytes.make(XChaCha20Poly1305.nonceByteCount)
        let data = SealedKind.nodeChildren.associatedData(
            store: store, id: id.hash.bytes, generation: UInt64(id.keyNumber))
        return [UInt8].filled(count: 24 + plaintext.count + 16) { output in
            nonce.withBytes { $0.copy(into: &output) }
            var room = output._mutatingExtracting(24..<output.byteCount)
            plaintext.withBytes { plaintext in
                write.withBytes(for: .nodeChildren) { key in
                    XChaCha20Poly1305.seal(
                        plaintext, key: key, nonce: nonce, associatedData: data, into: &room)
                }
            }
        }
    }

    /// Opens what `seal` made. Throws `damaged`, and `keyNeeded` where the key of the id's number isn't at hand.
    static func open(_ sealed: [UInt8], id: NodeID, with keys: OpenedWrite) throws(ArchiveError) -> [UInt8] {
        guard let write = keys.key(id.keyNumber) else {
            throw ArchiveError(.keyNeeded, "node \(id): under another write key")
        }
        guard sealed.count >= 40 else { throw ArchiveError.damaged("node \(id): too short") }
        let data = SealedKind.nodeChildren.associatedData(
            store: keys.store.id, id: id.hash.bytes, generation: UInt64(id.keyNumber))
        do throws(SodiumError) {
            return try [UInt8].filled(count: sealed.count - 40) { (output) throws(SodiumError) in
                try sealed.withBytes { (sealed) throws(SodiumError) in
                    try write.withBytes(for: .nodeChildren) { (key) throws(SodiumError) in
                        try XChaCha20Poly1305.open(
                            sealed.extracting(24..<sealed.byteCount), key: key,
                            nonce: sealed.extracting(0..<24).array, associatedData: data, into: &output)
                    }
                }
            }
        } catch {
            throw ArchiveError.damaged("node \(id): children don't decrypt", error)
        }
    }
}
