import Encodings

/// What a pruner remembers on its own machine between its runs: what it has seen since when, by its own clocks. It may be
/// lost: then everything is seen for the first time, and waits anew.
package struct PrunerState: Sendable, Equatable {
    /// A session's newest beat, and since when it has been that one.
    struct Silence: Sendable, Equatable {
        let beat: UInt64
        /// Nanoseconds of the boot-time clock.
        let since: Int64
    }

    /// A mark, since when it has been seen, and which sessions were alive at that time.
    struct MarkSight: Sendable, Equatable {
        /// Nanoseconds of the boot-time clock.
        let since: Int64
        /// Sessions that may rely on what is marked; sorted.
        let older: [SessionID]
    }

    /// When a snapshot was taken, as far as could be seen, and the age of everything when it was seen first.
    struct SnapshotSight: Sendable, Equatable {
        /// Nanoseconds since 1970.
        let time: Int64
        /// Seconds of `age`.
        let age: UInt64
    }

    var store: StoreID?
    var boot = ""
    /// Nanoseconds of the boot-time clock at the last run.
    var bootTime: Int64 = 0
    /// Nanoseconds since 1970 at the last run.
    var clock: Int64 = 0
    /// Seconds that have gone by over all runs, as far as this machine's boot-time clock saw them; a restart counts for a day
    /// at most. What the time of day says moves it by no more.
    var age: UInt64 = 0
    var sessions: [SessionID: Silence] = [:]
    var marks: [TombstoneName: MarkSight] = [:]
    var snapshots: [SnapshotID: SnapshotSight] = [:]
    /// Packs whose makers' sessions are over; sorted.
    var settled: [PackName] = []
    /// Packs of a listing, and the sessions that were alive behind it: when all of those are over, the packs are settled.
    var pending: [PackName] = []
    var pendingSessions: [SessionID] = []
    /// Annotations of snapshots that are there.
    var remarks: [AnnotationName: SnapshotID] = [:]

    /// Apart from each other by more than this, clocks are wrong.
    static let skewLimit: Int64 = 300 * 1_000_000_000
    private static let format = "strongroom/pruner-state/v1"
    // With annotations at the end.
    private static let remarkFormat = "strongroom/pruner-state/v2"

    /// A state that has seen nothing.
    package init() {}

    // MARK: time

    /// Begins a run on `store`. What was seen by the clock of another start of the machine is seen anew. Throws
    /// `clockSkew` where the time of day was set since the last run; the next run takes it as it is.
    mutating func begin(_ store: StoreID, _ presence: SessionPresence) throws(ArchiveError) {
        if self.store != store {
            self = PrunerState()
            self.store = store
        }
        let (now, wall) = (presence.boot().nanoseconds, presence.clock().nanoseconds)
        defer { (boot, bootTime, clock) = (presence.holder.boot, now, wall) }
        guard !boot.isEmpty else { return }
        let day: Int64 = 86_400 * 1_000_000_000
        let passed = wall.subtractingReportingOverflow(clock)
        let isSame = boot == presence.holder.boot && now >= bootTime
        if isSame {
            age += UInt64((now - bootTime) / 1_000_000_000)
        } else {
            age += UInt64(max(0, min(day, passed.overflow ? 0 : passed.partialValue)) / 1_000_000_000)
            sessions = sessions.mapValues { Silence(beat: $0.beat, since: now) }
            marks = [:]
        }
        let expected = isSame ? now - bootTime : 0
        let skew = passed.partialValue.subtractingReportingOverflow(expected)
        let isBack = skew.partialValue < -PrunerState.skewLimit
        let isAhead = isSame && skew.partialValue > PrunerState.skewLimit
        guard !passed.overflow, !skew.overflow, !isBack, !isAhead else {
            throw ArchiveError(
                .clockSkew, "the time of day was set since the last run; run again if it is right now")
        }
    }

    // MARK: snapshots

    /// Notes which snapshots are there. A time that an agent claims counts only between this pruner's runs (and a week
    /// before, for those that took long); at its first run as it is.
    mutating func observe(_ records: [SnapshotRecord], hadRun: Bool, at now: Timestamp, since last: Int64) {
        let week: Int64 = 7 * 86_400 * 1_000_000_000
        var seen: [SnapshotID: SnapshotSight] = [:]
        for record in records {
            if let known = snapshots[record.id] {
                seen[record.id] = known
                continue
            }
            var time = min(record.header.time.nanoseconds, now.nanoseconds)
            if hadRun { time = max(time, last.subtractingReportingOverflow(week).partialValue) }
            seen[record.id] = SnapshotSight(time: time, age: age)
        }
        snapshots = seen
    }

    /// The snapshots as retention counts them.
    func candidates(_ catalog: SnapshotCatalog) -> [RetentionRules.Candidate] {
        catalog.records.map { record in
            let sight = snapshots[record.id]
            return RetentionRules.Candidate(
                record: record, agentKey: catalog.agentKeys[record.id] ?? [],
                time: Timestamp(nanoseconds: sight?.time ?? record.header.time.nanoseconds),
                age: .seconds(Int64(min(age - min(age, sight?.age ?? age), 1 << 40))))
        }
    }

    // MARK: packs

    /// Notes the packs of a listing, and the sessions that were alive behind it.
    mutating func settle(_ packs: [PackName], alive: [SessionID]) {
        let packs = packs.sorted()
        if alive.isEmpty { settled = packs }
        guard Set(pendingSessions).isDisjoint(with: alive) else { return }
        if !alive.isEmpty, !pending.isEmpty { settled = pending }
        (pending, pendingSessions) = (packs, alive.sorted())
    }

    // MARK: bytes

    /// The bytes of a state file.
    package var encoded: [UInt8] {
        var writer = CanonicalWriter()
        writer.text(remarks.isEmpty ? PrunerState.format : PrunerState.remarkFormat)
        writer.raw((store?.digest ?? .zero).bytes)
        writer.text(boot)
        for value in [bootTime, clock] { writer.uint64(UInt64(bitPattern: value)) }
        writer.uint64(age)
        writer.count(sessions.count)
        for (session, silence) in sessions.sorted(by: { $0.key < $1.key }) {
            writer.raw(session.bytes)
            writer.uint64(silence.beat)
            writer.uint64(UInt64(bitPattern: silence.since))
        }
        writer.count(marks.count)
        for (name, sight) in marks.sorted(by: { $0.key < $1.key }) {
            writer.raw(name.digest.bytes)
            writer.uint64(UInt64(bitPattern: sight.since))
            writer.count(sight.older.count)
            for session in sight.older { writer.raw(session.bytes) }
        }
        writer.count(snapshots.count)
        for (id, sight) in snapshots.sorted(by: { $0.key < $1.key }) {
            writer.raw(id.digest.bytes)
            writer.uint64(UInt64(bitPattern: sight.time))
            writer.uint64(sight.age)
        }
        for list in [settled, pending] {
            writer.count(list.count)
            for name in list { writer.raw(name.digest.bytes) }
        }
        writer.count(pendingSessions.count)
        for session in pendingSessions { writer.raw(session.bytes) }
        guard !remarks.isEmpty else { return writer.bytes }
        writer.count(remarks.count)
        for (name, snapshot) in remarks.sorted(by: { $0.key < $1.key }) {
            writer.raw(name.digest.bytes)
            writer.raw(snapshot.digest.bytes)
        }
        return writer.bytes
    }

    /// The state in the bytes of a file. Throws `damaged`, which a caller answers with a new state.
    package init(decoding bytes: [UInt8]) throws(ArchiveError) {
        self = try Archives.decoding("pruner state") {
            var reader = CanonicalReader(bytes, "pruner state")
            let format = try reader.text(limit: 64)
            guard [PrunerState.format, PrunerState.remarkFormat].contains(format) else {
                throw ArchiveError(.unsupported, "pruner state: of another version")
            }
            var state = try PrunerState(from: &reader)
            if format == PrunerState.remarkFormat { try state.readRemarks(from: &reader) }
            try reader.end()
            guard state.encoded == bytes else { throw ArchiveError.damaged("pruner state: order") }
            return state
        }
    }

    private init(from reader: inout CanonicalReader) throws {
        let store = Digest(try reader.raw(32))
        self.store = store == .zero ? nil : StoreID(store)
        boot = try reader.text(limit: 64)
        bootTime = Int64(bitPattern: try reader.uint64())
        clock = Int64(bitPattern: try reader.uint64())
        age = try reader.uint64()
        guard bootTime >= 0, age < 1 << 40 else { throw ArchiveError.damaged("pruner state: out of bounds") }
        for _ in 0..<(try reader.count(itemSize: 32)) {
            let session = SessionID(try reader.raw(16))
            sessions[session] = Silence(
                beat: try reader.uint64(), since: Int64(bitPattern: try reader.uint64()))
        }
        for _ in 0..<(try reader.count(itemSize: 44)) {
            let name = TombstoneName(Digest(try reader.raw(32)))
            let since = Int64(bitPattern: try reader.uint64())
            marks[name] = MarkSight(since: since, older: try PrunerState.sessions(from: &reader))
        }
        for _ in 0..<(try reader.count(itemSize: 48)) {
            let id = SnapshotID(Digest(try reader.raw(32)))
            snapshots[id] = SnapshotSight(
                time: Int64(bitPattern: try reader.uint64()), age: try reader.uint64())
        }
        settled = try PrunerState.packs(from: &reader)
        pending = try PrunerState.packs(from: &reader)
        pendingSessions = try PrunerState.sessions(from: &reader)
    }

    private mutating func readRemarks(from reader: inout CanonicalReader) throws {
        for _ in 0..<(try reader.count(itemSize: 64)) {
            let name = AnnotationName(Digest(try reader.raw(32)))
            remarks[name] = SnapshotID(Digest(try reader.raw(32)))
        }
    }

    private static func sessions(from reader: inout CanonicalReader) throws -> [SessionID] {
        var list: [SessionID] = []
        for _ in 0..<(try reader.count(itemSize: 16)) { list.append(SessionID(try reader.raw(16))) }
        return list
    }

    private static func packs(from reader: inout CanonicalReader) throws -> [PackName] {
        var list: [PackName] = []
        for _ in 0..<(try reader.count(itemSize: 32)) { list.append(PackName(Digest(try reader.raw(32)))) }
        return list
    }
}

extension Duration {
    /// Whole nanoseconds; at most 292 years.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let product = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return product.overflow
            ? (seconds < 0 ? .min : .max) : product.partialValue &+ attoseconds / 1_000_000_000
    }
}
