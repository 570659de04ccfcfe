import Files

// A full disk leaves no room for what has to be written before anything can be removed: a lease, tombstones, an index. The file
// `BALLAST` beside the objects, 64 MiB that hold nothing, keeps it (CASES.md D11). Its name is no object's.
extension DirectoryStore {
    /// The length of the ballast.
    package static let reserveByteCount: Int64 = 64 << 20
    /// It is kept beside so many times its length of objects, while so many times its length is free.
    private static let reserveShare: UInt64 = 16
    private static let freeShare: UInt64 = 4
    private static let reserve = Path("BALLAST")

    package func keepReserve(forObjectsOf byteCount: UInt64) async {
        let length = UInt64(DirectoryStore.reserveByteCount)
        guard byteCount / DirectoryStore.reserveShare >= length else { return }
        guard let free = try? root.freeByteCount(), free / DirectoryStore.freeShare >= length else { return }
        try? makeReserve()
    }

    /// Makes the ballast, where it isn't there. Throws `noSpace`.
    package func makeReserve() throws(StorageError) {
        do throws(FileError) {
            if try root.metadataIfPresent(of: DirectoryStore.reserve) != nil { return }
            var file = try AtomicFile(DirectoryStore.reserve, in: root, .never)
            try file.reserve(DirectoryStore.reserveByteCount)
            try file.commit()
        } catch {
            throw StorageError(error, name: "BALLAST")
        }
    }

    package func releaseReserve() async throws(StorageError) -> Bool {
        do throws(FileError) {
            guard try root.metadataIfPresent(of: DirectoryStore.reserve) != nil else { return false }
            try root.removeFile(DirectoryStore.reserve)
            return true
        } catch {
            throw StorageError(error, name: "BALLAST")
        }
    }
}
