/// What a session has done.
package struct WriterStatistics: Equatable, Sendable {
    /// Plaintext that was cut into chunks.
    package var contentByteCount: UInt64 = 0
    /// Chunks and nodes that were new.
    package var addedPieceCount: UInt64 = 0
    /// Their sealed bytes.
    package var addedByteCount: UInt64 = 0
    /// Packs stored.
    package var packCount: UInt64 = 0
    /// Their bytes.
    package var storedByteCount: UInt64 = 0
}
