import Encodings
package import Sodium

// For what an agent remembers on its own machine of what it captured (`Content.append(to:)`).
extension StoreWriter {
    /// The store and the `write` key that contents are named under: what is remembered of another counts for nothing.
    package var memoryKey: [UInt8] {
        var writer = CanonicalWriter()
        writer.raw(session.store.digest.bytes)
        writer.uint32(session.write.number)
        return writer.bytes
    }

    /// A hash to recognise a file's bytes by: keyed, so that it tells nothing to who reads the memory.
    package func memoryHash() -> BLAKE2b.Stream {
        BLAKE2b.Stream(key: session.write.id, personal: "strongroom memor")
    }
}
