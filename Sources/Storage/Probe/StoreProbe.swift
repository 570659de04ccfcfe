// `strongroom store probe URL`: puts a few objects below `probe/` into a real store, looks how it behaves, and removes them.
package import Encodings
import Sodium

/// Finds out whether a place behaves as the archive store relies on it (DESIGN.md 6.2, CASES.md D1, D8).
///
///     let report = await StoreProbe(store).run()
///     for finding in report.findings { print(finding.check, finding.outcome, finding.detail) }
///     exit(report.isUsable ? 0 : …)
///
/// Any store is asked for what every one promises; an `S3Store` also for what its bucket has: conditional puts, uploads in
/// parts, versions, object lock, the clock. It never throws: what goes wrong is a finding. On the way it writes at most
/// 6 MB into objects called `probe/<random>/…`, which no reader of an archive looks at, and removes them; in a bucket that
/// keeps versions or locks objects they stay as older versions for as long as that bucket says.
package struct StoreProbe: Sendable {
    let store: any ObjectStore
    /// Whether the store's settings ask for a retention of what is put. What a probe puts gets none.
    let asksForLock: Bool
    /// What all names of this run begin with.
    let base: String
    private let now: @Sendable () -> Timestamp
    private(set) var findings: [ProbeFinding] = []

    /// A probe of `store`; nothing is sent yet. `now` is the time of this machine.
    package init(_ store: any ObjectStore, now: @escaping @Sendable () -> Timestamp) {
        self.now = now
        let bucket = store as? S3Store
        asksForLock = bucket?.settings.objectLock != nil
        self.store = bucket?.withoutLock ?? store
        base = "probe/\(Hex.encode(RandomBytes.make(8)))"
    }

    /// Makes all checks, one after the other, and cleans up. Without access it ends after the first.
    package func run() async -> ProbeReport {
        var probe = self
        let place = (store as? S3Store)?.location.description ?? "store"
        do throws(StorageError) {
            _ = try await store.list(below: ObjectName(base))
            probe.add(.access, .holds, "lists below \(base)")
        } catch {
            probe.add(.access, .fails, error.description)
            return ProbeReport(place: place, findings: probe.findings, failure: error)
        }
        await probe.examine(.readAfterWrite) { probe throws(StorageError) in try await probe.readAfterWrite()
        }
        await probe.examine(.replace) { probe throws(StorageError) in try await probe.replace() }
        await probe.examine(.listAfterWrite) { probe throws(StorageError) in try await probe.listAfterWrite()
        }
        await probe.examine(.ranges) { probe throws(StorageError) in try await probe.ranges() }
        if let bucket = store as? S3Store {
            await probe.examine(bucket)
        } else {
            await probe.examine(.putOnce) { probe throws(StorageError) in try await probe.putOnce() }
            await probe.examineClock()
        }
        await probe.examine(.remove) { probe throws(StorageError) in try await probe.remove() }
        await probe.cleanUp()
        return ProbeReport(place: place, findings: probe.findings, failure: nil)
    }

    /// Compares the clocks: signatures bear a quarter of an hour; work that removes is refused from five minutes on
    /// (CASES.md D8).
    mutating func examineClock() async {
        do throws(StorageError) {
            guard let own = try await store.time() else {
                add(.clock, .unknown, "the store does not tell its time")
                return
            }
            let ahead = now().seconds - own.seconds
            // Files are stamped with the time of the last tick, which may lie in the second before.
            let text =
                ahead.magnitude <= 1
                ? "the clocks agree" : "this clock is \(ahead.magnitude) s \(ahead > 0 ? "ahead" : "behind")"
            add(.clock, ahead.magnitude <= StoreClock.tolerance ? .holds : .fails, text)
        } catch {
            add(.clock, .unknown, error.description)
        }
    }

    // MARK: - Findings

    /// What a check returns: nil where all is well.
    typealias Complaint = String?

    mutating func add(_ check: ProbeFinding.Check, _ outcome: ProbeFinding.Outcome, _ detail: String) {
        findings.append(
            ProbeFinding(
                check: check, outcome: outcome, isRequired: StoreProbe.required.contains(check),
                detail: detail))
    }

    mutating func examine(
        _ check: ProbeFinding.Check, _ body: (StoreProbe) async throws(StorageError) -> Complaint
    ) async {
        do throws(StorageError) {
            let complaint = try await body(self)
            add(check, complaint == nil ? .holds : .fails, complaint ?? StoreProbe.praise[check] ?? "")
        } catch {
            add(check, .unknown, error.description)
        }
    }

    func name(_ last: String) throws(StorageError) -> ObjectName { try ObjectName("\(base)/\(last)") }

    private static let required: Set<ProbeFinding.Check> = [
        .access, .readAfterWrite, .replace, .listAfterWrite, .ranges, .parts, .remove, .clock,
    ]

    private static let praise: [ProbeFinding.Check: String] = [
        .readAfterWrite: "what was put is read at once",
        .replace: "what replaces an object is read at once",
        .listAfterWrite: "lists show at once what was put",
        .ranges: "ranges are read exactly",
        .putOnce: "a taken name is kept",
        .putOnceInParts: "a taken name is kept, by uploads in parts too",
        .parts: "an upload in parts is whole, and not seen before its end",
        .remove: "what was removed is gone at once",
    ]

    // MARK: - What every store promises

    private func readAfterWrite() async throws(StorageError) -> Complaint {
        for round in 0..<StoreProbe.rounds {
            let (name, bytes) = (try name("read-\(round)"), RandomBytes.make(4000))
            // Asked for before it is there: a cache on the way must not remember that.
            guard try await store.byteCount(of: name) == nil else {
                return "an object is there that nobody put"
            }
            try await store.put(name, bytes, ifAbsent: false)
            do throws(StorageError) {
                guard try await store.get(name, limit: 4000) == bytes else { return "other bytes come back" }
                guard try await store.byteCount(of: name) == 4000 else { return "another length is told" }
            } catch  where error.code == .notFound {
                return "what was put is not found at once: two writers would not see each other"
            }
        }
        return nil
    }

    private func replace() async throws(StorageError) -> Complaint {
        let name = try name("read-0")
        for round in 0..<StoreProbe.rounds {
            let bytes = RandomBytes.make(3000 + round)
            try await store.put(name, bytes, ifAbsent: false)
            guard try await store.get(name, limit: 4000) == bytes else { return "old bytes come back" }
        }
        return nil
    }

    private func listAfterWrite() async throws(StorageError) -> Complaint {
        let top = try name("list")
        for round in 0..<StoreProbe.rounds {
            try await store.put(
                try name("list/\(round)"), [UInt8](repeating: 1, count: round), ifAbsent: false)
            let found = try await store.list(below: top)
            guard found.map(\.byteCount) == Array(0...round) else {
                return "a list does not show what was put: a pruner would remove what a writer relies on"
            }
        }
        return nil
    }

    private func ranges() async throws(StorageError) -> Complaint {
        let (name, bytes) = (try name("ranges"), RandomBytes.make(70_000))
        try await store.put(name, bytes, ifAbsent: false)
        for range in [0..<1, 69_999..<70_000, 0..<70_000, 65_530..<65_545] {
            guard try await store.get(name, range: range) == Array(bytes[range]) else {
                return "other bytes come back"
            }
        }
        do throws(StorageError) {
            _ = try await store.get(name, range: 69_990..<70_001)
            return "a range beyond the end is not refused"
        } catch  where error.code == .truncated {
            return nil
        }
    }

    private func putOnce() async throws(StorageError) -> Complaint {
        let name = try name("once")
        try await store.put(name, [1], ifAbsent: true)
        do throws(StorageError) {
            try await store.put(name, [2], ifAbsent: true)
        } catch  where error.code == .exists {
            return try await store.get(name, limit: 1) == [1]
                ? nil : "the refused put has replaced the object"
        }
        return "a taken name is not kept"
    }

    private func remove() async throws(StorageError) -> Complaint {
        let name = try name("removed")
        for round in 0..<StoreProbe.rounds {
            try await store.put(name, [UInt8(round)], ifAbsent: false)
            try await store.remove(name)
            guard try await store.byteCount(of: name) == nil else { return "a removed object is still found" }
            guard try await store.list(below: try ObjectName(base)).allSatisfy({ $0.name != name }) else {
                return "a removed object is still listed"
            }
        }
        try await store.remove(name)
        return nil
    }

    private func cleanUp() async {
        guard let top = try? ObjectName(base), let left = try? await store.list(below: top) else { return }
        for entry in left { try? await store.remove(entry.name) }
        guard let directory = store as? DirectoryStore else { return }
        directory.removeEmptyDirectories(top)
        // Another probe may be at it: then there is something in there.
        if let all = try? ObjectName("probe") { directory.removeDirectoryIfEmpty(all) }
    }

    /// Often enough to meet the second of two replicas, mostly.
    private static let rounds = 4
}
