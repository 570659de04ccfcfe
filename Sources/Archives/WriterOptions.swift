/// How a writer works; nothing of it shows in what is read.
package struct WriterOptions: Sendable {
    /// Chunks that are under way at once: hashed, compressed, sealed. The runtime works on as many as there are
    /// processors; the others wait, so that no processor does.
    package var parallelism: Int
    /// The zstd level.
    package var compressionLevel: Int
    /// Length at which a pack is closed.
    package var packByteCount: Int
    /// Packs after which an index object is written, so that an interrupted first backup goes on where it was.
    package var packsPerIndex: Int

    /// Options, with the defaults of the program.
    package init(
        parallelism: Int = 16, compressionLevel: Int = 1, packByteCount: Int = 16 << 20,
        packsPerIndex: Int = 64
    ) {
        self.parallelism = max(1, parallelism)
        self.compressionLevel = compressionLevel
        self.packByteCount = packByteCount
        self.packsPerIndex = max(1, packsPerIndex)
    }
}
