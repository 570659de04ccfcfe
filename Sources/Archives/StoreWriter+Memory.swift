import Encodings
package import Sodium

// For what an agent remembers on its own machine of what it captured (`Content.append(to:)`).
extension StoreWriter {
    /// The store and the `write` key that contents are named under: what is remembered of another counts for nothing.
    package var memoryKey: [UInt8] { session.store.memoryKey(session.write) }

    /// A hash to recognise a file's bytes by: keyed, so that it tells nothing to who reads the memory.
    package func memoryHash() -> BLAKE2b.Stream {
        BLAKE2b.Stream(key: session.write.id, personal: "strongroom memor")
    }
}

extension StoreReader {
    /// The memory key of who writes under the newest key. Throws `keyNeeded` where that isn't at hand.
    package func memoryKey() throws(ArchiveError) -> [UInt8] { keys.store.id.memoryKey(try keys.newest()) }
}

extension StoreID {
    fileprivate func memoryKey(_ write: WriteKey) -> [UInt8] {
        var writer = CanonicalWriter()
        writer.raw(digest.bytes)
        writer.uint32(write.number)
        return writer.bytes
    }
}
