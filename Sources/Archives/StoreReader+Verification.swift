extension StoreReader {
    /// Whether `bytes` are the whole plaintext of `chunk`, which is so exactly where they have its id (FORMAT.md §7). Nothing
    /// is read. False as well where the `write` key that the id is of isn't at hand.
    package func isPlaintext(_ bytes: RawSpan, of chunk: ChunkID) -> Bool {
        keys.key(chunk.keyNumber)?.chunkID(of: bytes) == chunk
    }
}
