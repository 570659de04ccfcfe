package import Storage

/// A store whose packs are not what they were: one bit of everything that is read of one is another. What a reader makes of
/// it shows whether damage would be seen (the negative control of a drill). Nothing can be changed through it.
package struct DamagedPacks: ObjectStore {
    private let objects: any ObjectStore

    /// The objects of a store, as a damaged disk would give them.
    package init(_ objects: any ObjectStore) { self.objects = objects }

    private func damaged(_ name: ObjectName, _ bytes: [UInt8]) -> [UInt8] {
        guard name.components.first == "packs", !bytes.isEmpty else { return bytes }
        var bytes = bytes
        bytes[bytes.count / 2] ^= 0x10
        return bytes
    }

    /// Refuses.
    package func put(_ name: ObjectName, _ bytes: [UInt8], ifAbsent: Bool) async throws(StorageError) {
        throw StorageError(.permission, name: name.text, reason: "nothing is written here")
    }

    /// The object; of a pack, with a bit that is another.
    package func get(_ name: ObjectName, limit: Int) async throws(StorageError) -> [UInt8] {
        damaged(name, try await objects.get(name, limit: limit))
    }

    /// The part; of a pack, with a bit that is another.
    package func get(_ name: ObjectName, range: Range<Int>) async throws(StorageError) -> [UInt8] {
        damaged(name, try await objects.get(name, range: range))
    }

    /// As the store says.
    package func byteCount(of name: ObjectName) async throws(StorageError) -> Int? {
        try await objects.byteCount(of: name)
    }

    /// As the store says.
    package func list(below name: ObjectName?) async throws(StorageError) -> [ObjectEntry] {
        try await objects.list(below: name)
    }

    /// Refuses.
    package func remove(_ name: ObjectName) async throws(StorageError) {
        throw StorageError(.permission, name: name.text, reason: "nothing is removed here")
    }

    /// Does nothing.
    package func removeLeftovers() async throws(StorageError) {}
}
