package import Encodings
package import Storage
import Synchronization

/// Which calls of a store fail, and how.
package struct StorageFault: Sendable {
    /// What a failing call does.
    package enum Effect: Sendable {
        /// Nothing is done; the error is thrown.
        case refused(StorageError.Code)
        /// Everything is done; the error is thrown all the same, as when the answer is lost.
        case lostAnswer(StorageError.Code)
        /// A put leaves so many of its bytes under the name, as a store without whole puts would; other calls
        /// do nothing. The error is `io`.
        case torn(Int)
        /// A get gives bytes of which the first has one bit flipped; other calls do what they should.
        case damaged
    }

    /// The calls that are counted.
    package enum Calls: Sendable {
        /// put and remove.
        case changes
        /// get, size and list.
        case reads
        /// All of them.
        case all
    }

    /// Which call fails, counted from 0.
    package let index: Int
    /// Which calls are counted.
    package let calls: Calls
    /// Whether all later ones fail too.
    package let isPersistent: Bool
    /// What failing means.
    package let effect: Effect

    /// A fault of the call number `index` among `calls`, and of all later ones where it is persistent.
    package init(at index: Int, of calls: Calls = .changes, persistent: Bool = false, _ effect: Effect) {
        self.index = index
        self.calls = calls
        isPersistent = persistent
        self.effect = effect
    }
}

/// A store that fails on purpose, over one that works. Without a fault it only counts.
package final class FaultingStore: ObjectStore {
    private let base: any ObjectStore
    private let fault: StorageFault?
    private let counts = Mutex((changes: 0, reads: 0))

    /// Puts a fault, or none, over `base`.
    package init(over base: any ObjectStore, _ fault: StorageFault? = nil) {
        self.base = base
        self.fault = fault
    }

    /// How many changing calls there were.
    package var changeCount: Int { counts.withLock { $0.changes } }

    /// How many reading calls there were.
    package var readCount: Int { counts.withLock { $0.reads } }

    package func put(_ name: ObjectName, _ bytes: [UInt8], ifAbsent: Bool) async throws(StorageError) {
        guard let effect = next(isChange: true) else {
            return try await base.put(name, bytes, ifAbsent: ifAbsent)
        }
        switch effect {
        case .refused(let code): throw StorageError(code, name: name.text)
        case .lostAnswer(let code):
            try await base.put(name, bytes, ifAbsent: ifAbsent)
            throw StorageError(code, name: name.text)
        case .torn(let count):
            try await base.put(name, Array(bytes.prefix(count)), ifAbsent: ifAbsent)
            throw StorageError(.io, name: name.text)
        case .damaged: try await base.put(name, bytes, ifAbsent: ifAbsent)
        }
    }

    package func remove(_ name: ObjectName) async throws(StorageError) {
        guard let effect = next(isChange: true) else { return try await base.remove(name) }
        switch effect {
        case .refused(let code): throw StorageError(code, name: name.text)
        case .lostAnswer(let code):
            try await base.remove(name)
            throw StorageError(code, name: name.text)
        case .torn: throw StorageError(.io, name: name.text)
        case .damaged: try await base.remove(name)
        }
    }

    package func get(_ name: ObjectName, limit: Int) async throws(StorageError) -> [UInt8] {
        let isDamaged = try check(name.text)
        return FaultingStore.damage(try await base.get(name, limit: limit), isDamaged)
    }

    package func get(_ name: ObjectName, range: Range<Int>) async throws(StorageError) -> [UInt8] {
        let isDamaged = try check(name.text)
        return FaultingStore.damage(try await base.get(name, range: range), isDamaged)
    }

    package func byteCount(of name: ObjectName) async throws(StorageError) -> Int? {
        _ = try check(name.text)
        return try await base.byteCount(of: name)
    }

    package func list(below name: ObjectName?) async throws(StorageError) -> [ObjectEntry] {
        _ = try check(name?.text ?? "")
        return try await base.list(below: name)
    }

    package func removeLeftovers() async throws(StorageError) { try await base.removeLeftovers() }

    package func isEmpty() async throws(StorageError) -> Bool {
        _ = try check("")
        return try await base.isEmpty()
    }

    package func time() async throws(StorageError) -> Timestamp? {
        _ = try check("clock")
        return try await base.time()
    }

    /// Whether what this read gives is to be damaged.
    private func check(_ name: String) throws(StorageError) -> Bool {
        switch next(isChange: false) {
        case nil: return false
        case .refused(let code), .lostAnswer(let code): throw StorageError(code, name: name)
        case .torn: throw StorageError(.io, name: name)
        case .damaged: return true
        }
    }

    private static func damage(_ bytes: [UInt8], _ isDamaged: Bool) -> [UInt8] {
        guard isDamaged, let first = bytes.first else { return bytes }
        return [first ^ 1] + bytes.dropFirst()
    }

    /// Counts a call, and tells how it fails if it does.
    private func next(isChange: Bool) -> StorageFault.Effect? {
        let counted = counts.withLock { counts in
            defer { if isChange { counts.changes += 1 } else { counts.reads += 1 } }
            return counts
        }
        guard let fault else { return nil }
        let index: Int
        switch fault.calls {
        case .changes where isChange: index = counted.changes
        case .reads where !isChange: index = counted.reads
        case .all: index = counted.changes + counted.reads
        default: return nil
        }
        return index == fault.index || (fault.isPersistent && index > fault.index) ? fault.effect : nil
    }
}
