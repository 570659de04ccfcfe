import Encodings
import Storage
import Testing

/// A store under test, and two ways to it that no caller has.
struct StoreSubject: Sendable {
    /// The store, empty.
    let store: any ObjectStore
    /// Whether of several writers of one new name at one time exactly one wins.
    var settlesRaces = true
    /// Whether the part with more than a thousand objects is made too, which takes its time over HTTP.
    var listsThousands = true
    /// Leaves behind what a writer that died in the middle of putting an object of this name leaves.
    let leaveHalfWritten: @Sendable (ObjectName) async throws -> Void
    /// Puts other bytes in an object's place, behind the store's back.
    let damage: @Sendable (ObjectName, [UInt8]) async throws -> Void
}

/// What every object store promises, wrappers included: run once for each conformer, over an empty store.
func exerciseObjectStore(_ subject: StoreSubject) async throws {
    let store = subject.store
    #expect(try await store.isEmpty())
    try await putsAndGets(store)
    #expect(try await !store.isEmpty())
    try await tellsTheTime(store)
    try await ranges(store)
    try await lists(store)
    try await removes(store)
    try await takesAllNames(store)
    try await manyAtOnce(store, settlesRaces: subject.settlesRaces)
    try await replacesAsAWhole(store)
    try await hidesWhatIsHalfWritten(subject)
    try await tellsDamageByLength(subject)
    if subject.listsThousands { try await listsMany(store) }
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
    #expect(await code { try await store.put(empty, [1], ifAbsent: true) } == .exists)
}

/// Its clock is this machine's here: what depends on age may go on, but not for who lives in another time (D8, F096).
private func tellsTheTime(_ store: any ObjectStore) async throws {
    try await store.requireAgreedClock(now: systemTime, newest: nil)
    let now = systemTime()
    let year: Int64 = 366 * 86_400
    for (shift, isRefused) in [
        (-10 * year, true), (-3600, true), (-60, false), (60, false), (3600, true), (10 * year, true),
    ] {
        let time = try #require(Timestamp(seconds: now.seconds + shift))
        // Of what was put last nothing can be said by a clock ahead of it: it may be as old as that.
        let found = await code { try await store.requireAgreedClock(now: systemTime, newest: time) }
        #expect(found == (isRefused && shift > 0 ? .clockSkew : nil), "\(shift)")
        let shifted = await code {
            try await store.requireAgreedClock(
                now: { Timestamp(seconds: systemTime().seconds + shift) ?? now }, newest: nil)
        }
        #expect(shifted == (isRefused ? .clockSkew : nil), "\(shift)")
    }
}

private func ranges(_ store: any ObjectStore) async throws {
    let name = try ObjectName("packs/0a1b2c")
    let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
    try await store.put(name, bytes, ifAbsent: false)
    #expect(try await store.get(name, range: 0..<1000) == bytes)
    #expect(try await store.get(name, range: 10..<20) == Array(bytes[10..<20]))
    #expect(try await store.get(name, range: 5..<5) == [])
    #expect(try await store.get(name, range: 1000..<1000) == [])
    #expect(try await store.get(name, range: 999..<1000) == [bytes[999]])
    #expect(await code { _ = try await store.get(name, range: 990..<1001) } == .truncated)
    #expect(await code { _ = try await store.get(name, range: 1000..<1001) } == .truncated)
    #expect(await code { _ = try await store.get(name, range: 1001..<1001) } == .truncated)
    #expect(await code { _ = try await store.get(name, range: -1..<1) } == .truncated)
    #expect(await code { _ = try await store.get(name, range: 0..<Int.max) } == .truncated)
    #expect(await code { _ = try await store.get(ObjectName("packs/none"), range: 0..<1) } == .notFound)
    #expect(await code { _ = try await store.get(ObjectName("packs/none"), range: 0..<0) } == .notFound)
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
    #expect(await code { _ = try await store.get(name, limit: 1) } == .notFound)
    try await store.remove(name)
    try await store.remove(ObjectName("no/such/place"))
    var batch = [ObjectName]()
    for number in 0..<5 {
        batch.append(try ObjectName("batch/a.\(number)_-"))
        try await store.put(batch[number], [1], ifAbsent: true)
    }
    let kept = batch.removeLast()
    try await store.remove(batch + [ObjectName("batch/none")])
    #expect(try await names(store, "batch") == [kept.text])
    try await store.remove([kept])
    try await store.remove([])
    #expect(try await names(store, "batch") == [])
    #expect(try await names(store, "packs") == ["packs/0a00", "packs/0bff"])
    try await store.put(name, [7], ifAbsent: true)
    #expect(try await store.get(name, limit: 1) == [7])
    try await store.removeLeftovers()
    #expect(try await store.get(name, limit: 1) == [7])
}

/// The longest names, and all characters that a name can have.
private func takesAllNames(_ store: any ObjectStore) async throws {
    let part = String(repeating: "n", count: ObjectName.componentLimit)
    let longest = (Array(repeating: part, count: 3) + [String(part.dropLast(3))]).joined(separator: "/")
    #expect(longest.utf8.count == ObjectName.byteLimit)
    let all = [
        "names/a.b_c-d", "names/--", "names/_", "names/a..b", "names/0", "names/a/b/c/d/e/f/g", longest,
    ]
    for (index, text) in all.enumerated() {
        try await store.put(ObjectName(text), [UInt8(index)], ifAbsent: true)
    }
    for (index, text) in all.enumerated() {
        #expect(try await store.get(ObjectName(text), limit: 1) == [UInt8(index)])
    }
    #expect(
        try await names(store, "names")
            == all.dropLast().sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
    #expect(try await names(store, part) == [longest])
    for text in all { try await store.remove(ObjectName(text)) }
    #expect(try await names(store, "names") == [])
}

private func manyAtOnce(_ store: any ObjectStore, settlesRaces: Bool) async throws {
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
    #expect(settlesRaces ? winners == 1 : winners >= 1)
    let bytes = try await store.get(name, limit: 5000)
    #expect(bytes.count == 5000)
    #expect(Set(bytes).count == 1)
}

/// Writers of different lengths over one name, and a reader that never sees a mix.
private func replacesAsAWhole(_ store: any ObjectStore) async throws {
    let name = try ObjectName("race/replaced")
    try await store.put(name, [UInt8](repeating: 0, count: 1000), ifAbsent: true)
    try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 1...4 {
            group.addTask {
                for _ in 0..<5 {
                    try await store.put(
                        name, [UInt8](repeating: UInt8(number), count: 1000 + number), ifAbsent: false)
                }
            }
        }
        group.addTask {
            for _ in 0..<10 {
                let bytes = try await store.get(name, limit: 2000)
                #expect(bytes.count == 1000 + Int(bytes.first ?? 0))
                #expect(Set(bytes).count == 1)
            }
        }
        try await group.waitForAll()
    }
}

private func hidesWhatIsHalfWritten(_ subject: StoreSubject) async throws {
    let (store, name) = (subject.store, try ObjectName("packs/ab00half"))
    try await subject.leaveHalfWritten(name)
    #expect(await code { _ = try await store.get(name, limit: 100) } == .notFound)
    #expect(try await store.byteCount(of: name) == nil)
    #expect(try await !names(store, "packs").contains(name.text))
    try await store.put(name, [1], ifAbsent: true)
    try await subject.leaveHalfWritten(name)
    #expect(try await store.get(name, limit: 100) == [1])
    try await store.removeLeftovers()
    #expect(try await store.get(name, limit: 100) == [1])
    #expect(try await names(store, "packs").filter { $0.hasSuffix("half") } == [name.text])
}

/// A store knows no content: it gives what lies there, and notices only that something is missing.
private func tellsDamageByLength(_ subject: StoreSubject) async throws {
    let (store, name) = (subject.store, try ObjectName("packs/ab00damaged"))
    try await store.put(name, [1, 2, 3, 4], ifAbsent: true)
    try await subject.damage(name, [1, 9])
    #expect(try await store.get(name, limit: 4) == [1, 9])
    #expect(try await store.byteCount(of: name) == 2)
    #expect(await code { _ = try await store.get(name, range: 0..<4) } == .truncated)
    try await subject.damage(name, [])
    #expect(try await store.get(name, limit: 4) == [])
    #expect(await code { _ = try await store.get(name, range: 0..<1) } == .truncated)
    try await subject.damage(name, [1, 2, 3, 4, 5])
    #expect(await code { _ = try await store.get(name, limit: 4) } == .limit)
    try await store.put(name, [6], ifAbsent: false)
    #expect(try await store.get(name, limit: 4) == [6])
}

/// More than one page of any listing (S3: 1,000 keys).
private func listsMany(_ store: any ObjectStore) async throws {
    let wanted = try (0..<1005).map { try ObjectName("many/\(String(0x1000 + $0, radix: 16))") }
    try await withThrowingTaskGroup(of: Void.self) { group in
        for lane in 0..<4 {
            group.addTask {
                for index in stride(from: lane, to: wanted.count, by: 4) {
                    try await store.put(
                        wanted[index], [UInt8](repeating: 1, count: index % 7), ifAbsent: false)
                }
            }
        }
        try await group.waitForAll()
    }
    let found = try await store.list(below: ObjectName("many"))
    #expect(found.map(\.name) == wanted)
    #expect(found.map(\.byteCount) == wanted.indices.map { $0 % 7 })
    #expect(try await store.list(below: nil).filter { $0.name.text.hasPrefix("many/") }.count == 1005)
}
