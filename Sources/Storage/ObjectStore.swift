// A short tour. A store keeps named, immutable byte strings and knows nothing of what they mean: no key, no
// format. `ObjectStore` is the contract, `DirectoryStore` keeps it in a directory, `S3Store` in a bucket:
// `S3Location` (where) and `S3Settings` (how) come from the caller, as `S3Credentials` do. Below it `S3Client`
// signs and repeats requests, and `HTTP/` sends them with libcurl. `StoreProbe` finds out whether a real place
// keeps the contract, `requireAgreedClock` whether its clock and this machine's agree. Every conformer passes the same suite of tests, wrappers included.

package import Encodings

/// An object's name and length, as a listing tells them.
package struct ObjectEntry: Hashable, Sendable {
    /// The object's name.
    package let name: ObjectName
    /// How many bytes it has.
    package let byteCount: Int

    /// The entry for an object of so many bytes.
    package init(name: ObjectName, byteCount: Int) {
        self.name = name
        self.byteCount = byteCount
    }
}

/// Named immutable objects: put, get, list, remove.
///
/// What a conformer promises: an object is seen whole or not at all, by every reader, at any moment; a put
/// that returned survives power loss; a put that threw may still have stored the object (the answer can be
/// lost), never a part of it. Calls may run at the same time.
package protocol ObjectStore: Sendable {
    /// Stores an object, durably when this returns. With `ifAbsent`, a taken name throws `exists` and its
    /// object stays; without, the object is replaced as a whole, which is for names that say the content.
    func put(_ name: ObjectName, _ bytes: [UInt8], ifAbsent: Bool) async throws(StorageError)

    /// The whole object. Throws `notFound`, and `limit` where it has more than `limit` bytes, which are not
    /// read.
    func get(_ name: ObjectName, limit: Int) async throws(StorageError) -> [UInt8]

    /// Exactly the bytes of `range`. Throws `notFound`, and `truncated` where the object ends before the
    /// range does.
    func get(_ name: ObjectName, range: Range<Int>) async throws(StorageError) -> [UInt8]

    /// How many bytes the object has; nil where there is none.
    func byteCount(of name: ObjectName) async throws(StorageError) -> Int?

    /// All objects below `name` (`name/…`), or all there are, sorted by name. An empty answer is no error.
    func list(below name: ObjectName?) async throws(StorageError) -> [ObjectEntry]

    /// Removes an object; one that is not there is no error.
    func remove(_ name: ObjectName) async throws(StorageError)

    /// Removes objects, in any order; those that are not there are no error. Where it throws, some may be gone.
    func remove(_ names: [ObjectName]) async throws(StorageError)

    /// Clears away what writers that died left half done, if nobody is still at it.
    func removeLeftovers() async throws(StorageError)

    /// Whether there is nothing at all, neither objects nor anything strange but what killed writers leave. Does not list
    /// what there is.
    func isEmpty() async throws(StorageError) -> Bool

    /// Keeps room for removing things from a place that is full, where the place can be, and `byteCount` bytes of objects are
    /// worth it. What fails is left.
    func keepReserve(forObjectsOf byteCount: UInt64) async

    /// Gives that room back; whether there was any.
    func releaseReserve() async throws(StorageError) -> Bool

    /// What the store's own clock shows: the file system's, or the endpoint's. Nil where it has none.
    func time() async throws(StorageError) -> Timestamp?
}

extension ObjectStore {
    /// One after the other.
    package func remove(_ names: [ObjectName]) async throws(StorageError) {
        for name in names { try await remove(name) }
    }

    /// As a listing of everything says it.
    package func isEmpty() async throws(StorageError) -> Bool { try await list(below: nil).isEmpty }

    /// None is kept.
    package func keepReserve(forObjectsOf byteCount: UInt64) async {}

    /// None was kept.
    package func releaseReserve() async throws(StorageError) -> Bool { false }

    /// No clock.
    package func time() async throws(StorageError) -> Timestamp? { nil }
}
