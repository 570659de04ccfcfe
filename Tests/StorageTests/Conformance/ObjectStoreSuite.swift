import Storage
import Testing

/// What every object store promises, wrappers included: run once for each conformer, over an empty store.
func exerciseObjectStore(_ store: any ObjectStore) async throws {
    try await putsAndGets(store)
    try await ranges(store)
    try await lists(store)
    try await removes(store)
    try await manyAtOnce(store)
}

/// The code of the StorageError that `body` throws; nil where it throws none.
func code(_ body: () async throws -> Void) async -> StorageError.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? StorageError)?.code
    }
}

private func putsAndGets(_ store: any ObjectStore) async throws {
    let name = try ObjectName("config/1")
    #expect(await code { _ = try await store.get(name, limit: 100) } == .notFound)
    #expect(try await store.byteCount(of: name) == nil)
    try await store.put(name, [1, 2, 3], ifAbsent: true)
    #expect(try await store.get(name, limit: 3) == [1, 2, 3])
    #expect(try await store.byteCount(of: name) == 3)
    #expect(await code { _ = try await store.get(name, limit: 2) } == .limit)
    #expect(await code { try await store.put(name, [4], ifAbsent: true) } == .exists)
    #expect(try await store.get(name, limit: 3) == [1, 2, 3])
    try await store.put(name, [5], ifAbsent: false)
    #expect(try await store.get(name, limit: 3) == [5])
    let empty = try ObjectName("empty")
    try await store.put(empty, [], ifAbsent: true)
    #expect(try await store.get(empty, limit: 0) == [])
    #expect(try await store.byteCount(of: empty) == 0)
}

private func ranges(_ store: any ObjectStore) async throws {
    let name = try ObjectName("packs/0a1b2c")
    let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
    try await store.put(name, bytes, ifAbsent: false)
    #expect(try await store.get(name, range: 0..<1000) == bytes)
    #expect(try await store.get(name, range: 10..<20) == Array(bytes[10..<20]))
    #expect(try await store.get(name, range: 5..<5) == [])
    #expect(try await store.get(name, range: 999..<1000) == [bytes[999]])
    #expect(await code { _ = try await store.get(name, range: 990..<1001) } == .truncated)
    #expect(await code { _ = try await store.get(name, range: 0..<Int.max) } == .truncated)
    #expect(await code { _ = try await store.get(ObjectName("packs/none"), range: 0..<1) } == .notFound)
}

private func lists(_ store: any ObjectStore) async throws {
    for name in ["packs/0bff", "packs/0a00", "leases/x/1", "leases/x/2", "leases/xy/1"] {
        try await store.put(ObjectName(name), [1, 2], ifAbsent: true)
    }
    let all = try await store.list(below: nil)
    #expect(
        all.map(\.name.text) == [
            "config/1", "empty", "leases/x/1", "leases/x/2", "leases/xy/1", "packs/0a00", "packs/0a1b2c",
            "packs/0bff",
        ])
    #expect(all.map(\.byteCount) == [1, 0, 2, 2, 2, 2, 1000, 2])
    #expect(try await names(store, "packs") == ["packs/0a00", "packs/0a1b2c", "packs/0bff"])
    #expect(try await names(store, "leases/x") == ["leases/x/1", "leases/x/2"])
    #expect(try await names(store, "leases") == ["leases/x/1", "leases/x/2", "leases/xy/1"])
    #expect(try await names(store, "pack") == [])
    #expect(try await names(store, "packs/0a") == [])
    #expect(try await names(store, "empty") == [])
    #expect(try await names(store, "nothing/here") == [])
}

private func names(_ store: any ObjectStore, _ prefix: String) async throws -> [String] {
    try await store.list(below: ObjectName(prefix)).map(\.name.text)
}

private func removes(_ store: any ObjectStore) async throws {
    let name = try ObjectName("packs/0a1b2c")
    try await store.remove(name)
    #expect(try await store.byteCount(of: name) == nil)
    try await store.remove(name)
    try await store.remove(ObjectName("no/such/place"))
    #expect(try await names(store, "packs") == ["packs/0a00", "packs/0bff"])
    try await store.put(name, [7], ifAbsent: true)
    #expect(try await store.get(name, limit: 1) == [7])
    try await store.removeLeftovers()
    #expect(try await store.get(name, limit: 1) == [7])
}

private func manyAtOnce(_ store: any ObjectStore) async throws {
    let name = try ObjectName("race/winner")
    let winners = await withTaskGroup(of: Int.self) { group in
        for number in 0..<8 {
            group.addTask {
                let failed = await code {
                    try await store.put(name, [UInt8](repeating: UInt8(number), count: 5000), ifAbsent: true)
                }
                return failed == nil ? 1 : 0
            }
        }
        return await group.reduce(0, +)
    }
    #expect(winners == 1)
    let bytes = try await store.get(name, limit: 5000)
    #expect(bytes.count == 5000)
    #expect(Set(bytes).count == 1)
}
