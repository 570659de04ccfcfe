import Storage
import Synchronization

/// A storage in memory or over another that fails at its n-th operation.
final class FaultyStore: ObjectStore {
    enum Fault: CaseIterable {
        /// The operation fails once, without effect.
        case before
        /// The operation has its effect, and fails once all the same.
        case after
        /// It and all that follow fail: the process, or the storage, is gone.
        case dead
    }

    private let below: any ObjectStore
    private let fault: Fault
    private let position: Int
    private let count = Mutex(0)

    /// Fails at operation `position`, counted from 0; at none where it is negative.
    init(_ below: any ObjectStore, failingAt position: Int = -1, _ fault: Fault = .before) {
        self.below = below
        self.position = position
        self.fault = fault
    }

    /// How many operations there were.
    var operationCount: Int { count.withLock { $0 } }

    private func run<Result>(
        _ body: () async throws(StorageError) -> Result
    ) async throws(StorageError) -> Result {
        let number = count.withLock { count in
            defer { count += 1 }
            return count
        }
        let isHit = number == position || fault == .dead && position >= 0 && number > position
        guard isHit else { return try await body() }
        if fault == .after { _ = try await body() }
        throw StorageError(.io, name: "fault")
    }

    func put(_ name: ObjectName, _ bytes: [UInt8], ifAbsent: Bool) async throws(StorageError) {
        try await run { () async throws(StorageError) in
            try await below.put(name, bytes, ifAbsent: ifAbsent)
        }
    }

    func get(_ name: ObjectName, limit: Int) async throws(StorageError) -> [UInt8] {
        try await run { () async throws(StorageError) in try await below.get(name, limit: limit) }
    }

    func get(_ name: ObjectName, range: Range<Int>) async throws(StorageError) -> [UInt8] {
        try await run { () async throws(StorageError) in try await below.get(name, range: range) }
    }

    func byteCount(of name: ObjectName) async throws(StorageError) -> Int? {
        try await run { () async throws(StorageError) in try await below.byteCount(of: name) }
    }

    func list(below name: ObjectName?) async throws(StorageError) -> [ObjectEntry] {
        try await run { () async throws(StorageError) in try await below.list(below: name) }
    }

    func remove(_ name: ObjectName) async throws(StorageError) {
        try await run { () async throws(StorageError) in try await below.remove(name) }
    }

    func removeLeftovers() async throws(StorageError) {
        try await run { () async throws(StorageError) in try await below.removeLeftovers() }
    }
}

/// Objects in memory: for what needs many stores.
final class MemoryStore: ObjectStore {
    private let objects: Mutex<[ObjectName: [UInt8]]>

    init(_ objects: [ObjectName: [UInt8]] = [:]) { self.objects = Mutex(objects) }

    /// A copy of everything in `other`.
    convenience init(copying other: any ObjectStore) async throws {
        var objects: [ObjectName: [UInt8]] = [:]
        for entry in try await other.list(below: nil) {
            objects[entry.name] = try await other.get(entry.name, limit: entry.byteCount)
        }
        self.init(objects)
    }

    /// All objects, by name.
    var all: [ObjectName: [UInt8]] { objects.withLock { $0 } }

    func replace(_ name: ObjectName, _ bytes: [UInt8]?) { objects.withLock { $0[name] = bytes } }

    func put(_ name: ObjectName, _ bytes: [UInt8], ifAbsent: Bool) async throws(StorageError) {
        let isTaken = objects.withLock { objects in
            if ifAbsent, objects[name] != nil { return true }
            objects[name] = bytes
            return false
        }
        if isTaken { throw StorageError(.exists, name: name.text) }
    }

    func get(_ name: ObjectName, limit: Int) async throws(StorageError) -> [UInt8] {
        guard let bytes = all[name] else { throw StorageError(.notFound, name: name.text) }
        guard bytes.count <= limit else { throw StorageError(.limit, name: name.text) }
        return bytes
    }

    func get(_ name: ObjectName, range: Range<Int>) async throws(StorageError) -> [UInt8] {
        guard let bytes = all[name] else { throw StorageError(.notFound, name: name.text) }
        guard range.upperBound <= bytes.count else { throw StorageError(.truncated, name: name.text) }
        return Array(bytes[range])
    }

    func byteCount(of name: ObjectName) async throws(StorageError) -> Int? { all[name]?.count }

    func list(below name: ObjectName?) async throws(StorageError) -> [ObjectEntry] {
        all.filter { entry in name.map { entry.key.isBelow($0) } ?? true }
            .map { ObjectEntry(name: $0.key, byteCount: $0.value.count) }.sorted { $0.name < $1.name }
    }

    func remove(_ name: ObjectName) async throws(StorageError) { replace(name, nil) }

    func removeLeftovers() async throws(StorageError) {}
}
