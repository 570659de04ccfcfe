import Encodings
import Storage
import Synchronization

@testable import Archives

/// A machine whose clocks stand still until they are moved, with what a pruner remembers there.
final class TestMachine: Sendable {
    private struct State {
        var boot = Duration.seconds(1000)
        var bootID = "first"
        var seconds: Int64 = 1_800_000_000
        var gone: Set<UInt64> = []
        var pruner = PrunerState()
    }

    private let state = Mutex(State())
    let process: UInt64

    init(process: UInt64 = 1) { self.process = process }

    /// Both clocks go on.
    func pass(_ seconds: Int64) {
        state.withLock { state in
            state.boot += .seconds(seconds)
            state.seconds += seconds
        }
    }

    /// The time of day is set; the boot-time clock goes on as it did.
    func set(ahead seconds: Int64) { state.withLock { $0.seconds += seconds } }

    /// The machine is started anew.
    func restart() {
        state.withLock { state in
            state.boot = .seconds(1)
            state.bootID += "+"
        }
    }

    /// A process of this machine is gone.
    func end(_ process: UInt64) { state.withLock { _ = $0.gone.insert(process) } }

    var now: Timestamp { Timestamp(nanoseconds: state.withLock { $0.seconds } * 1_000_000_000) }

    /// What pruners remember here.
    var pruner: PrunerState {
        get { state.withLock { $0.pruner } }
        set { state.withLock { $0.pruner = newValue } }
    }

    var presence: SessionPresence {
        SessionPresence(
            holder: LeaseHolder(
                host: "host", boot: state.withLock { $0.bootID }, processNamespace: 7, process: process,
                processStart: 9),
            boot: { self.state.withLock { $0.boot } }, clock: { self.now },
            wait: { _ in try await Task.sleep(for: .seconds(86_400)) },
            isGone: { holder in self.state.withLock { $0.gone.contains(holder.process) } })
    }
}

extension TestStore {
    /// One run of prune on `machine`, with what is remembered there.
    @discardableResult
    func prune(
        grace: Duration = .zero, unused: Double = PruneOptions.standardUnused, isDryRun: Bool = false,
        over other: (any ObjectStore)? = nil, on place: TestMachine? = nil
    ) async throws -> PruneReport {
        let machine = place ?? machine
        var state = machine.pruner
        defer { machine.pruner = state }
        return try await StorePruner.run(
            try await reopened(over: Clockless(other ?? objects)), write: [write], agent: agent,
            presence: machine.presence,
            state: &state,
            options: PruneOptions(grace: grace, maximumUnused: unused, isDryRun: isDryRun))
    }

    func keeping(over other: (any ObjectStore)? = nil) async throws -> SnapshotKeeping {
        try SnapshotKeeping(try await reopened(over: other), write: [write], agent: agent)
    }

    func forget(_ ids: SnapshotID..., over other: (any ObjectStore)? = nil) async throws {
        let catalog = try await reader(over: other).snapshots()
        try await keeping(over: other).forget(ids, in: catalog, at: machine.now)
    }

    /// The store is whole: every byte is read, every piece opened.
    func check(over other: (any ObjectStore)? = nil) async throws -> CheckReport {
        try await StoreCheck.run(
            try await reopened(over: other), write: [write], read: [read], readsData: true)
    }

    func names(_ place: ObjectPlace, over other: (any ObjectStore)? = nil) async throws -> [String] {
        try await place.list(in: other ?? objects).map(\.name.text)
    }
}

/// A store without a clock of its own: for machines whose clocks go as they please.
struct Clockless: ObjectStore {
    private let below: any ObjectStore

    init(_ below: any ObjectStore) { self.below = below }

    func put(_ name: ObjectName, _ bytes: [UInt8], ifAbsent: Bool) async throws(StorageError) {
        try await below.put(name, bytes, ifAbsent: ifAbsent)
    }
    func get(_ name: ObjectName, limit: Int) async throws(StorageError) -> [UInt8] {
        try await below.get(name, limit: limit)
    }
    func get(_ name: ObjectName, range: Range<Int>) async throws(StorageError) -> [UInt8] {
        try await below.get(name, range: range)
    }
    func byteCount(of name: ObjectName) async throws(StorageError) -> Int? {
        try await below.byteCount(of: name)
    }
    func list(below name: ObjectName?) async throws(StorageError) -> [ObjectEntry] {
        try await below.list(below: name)
    }
    func remove(_ name: ObjectName) async throws(StorageError) { try await below.remove(name) }
    func removeLeftovers() async throws(StorageError) { try await below.removeLeftovers() }
}
