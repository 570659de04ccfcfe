import Storage

/// Reads pieces by their places.
struct NodeSource: Sendable {
    /// The store and its `write` keys.
    let keys: OpenedWrite
    /// Where pieces lie.
    let index: PieceIndex

    /// The sealed bytes at `place`.
    func sealed(at place: PieceIndex.Place) async throws(ArchiveError) -> [UInt8] {
        let pack = index.packs[place.ordinal].pack
        let name = try ObjectPlace.packs.name(pack.name)
        return try await keys.store.objects.fetch(
            name, range: place.offset..<(place.offset + place.sealedByteCount))
    }

    /// The children of `node`: opened with `write` alone.
    func children(
        of node: NodeID, at place: PieceIndex.Place
    ) async throws(ArchiveError) -> [Node.Child] {
        let pack = index.packs[place.ordinal].pack
        let name = try ObjectPlace.packs.name(pack.name)
        let length = Int(place.auxiliary)
        guard length <= place.sealedByteCount else { throw ArchiveError.damaged("node \(node): lengths") }
        let sealed = try await keys.store.objects.fetch(
            name, range: place.offset..<(place.offset + length))
        let plaintext = try NodeChildren.open(sealed, id: node, with: keys)
        return try Node.children(decoding: plaintext, "node \(node)")
    }
}
