package import Archives
package import Encodings

/// How a snapshot is asked for.
package enum SnapshotSelection: Sendable, Hashable {
    /// The newest.
    case latest
    /// The one whose id begins with these hexadecimal digits: 8 at least.
    case id(String)
    /// One taken while this commit was applied: 8 hexadecimal digits at least, of the named source or of any.
    case commit(String, source: String?)
    /// The newest taken at this time or before.
    case asOf(Timestamp)
}

/// Which snapshot is restored and why: nothing is read of it yet, nothing written.
package struct RestorePlan: Sendable {
    /// The snapshot.
    package let record: SnapshotRecord
    /// The rule that chose it, in words.
    package let rule: String
    /// What the person who restores should know: a snapshot that is not complete, newer ones passed over.
    package internal(set) var notices: [String]
    /// Objects that can't be read, each of which may be a snapshot that had gone before this one; none where the snapshot
    /// was chosen by its id.
    package private(set) var damaged: [SnapshotCatalog.Failure] = []
    /// The commit that is restored out of a repository beside the snapshot, where that was taken at another.
    package internal(set) var desired: DesiredState?
    /// Whether nothing but that commit is restored: there is no live state of it.
    package internal(set) var isDesiredStateAlone = false

    /// Chooses among the snapshots of `catalog`, of `environment` alone where it is given.
    ///
    /// A complete snapshot goes before one that is partial, that before a torn one; among equals the newest wins. A
    /// failed one, which holds nothing, is chosen by its id alone. Throws `malformedSelection`, `noSnapshot`,
    /// `ambiguous`, `unknownCommit`.
    package init(
        _ selection: SnapshotSelection, environment: String? = nil, in catalog: SnapshotCatalog
    ) throws(BackupError) {
        let newestFirst = catalog.records.reversed().filter {
            environment == nil || $0.header.environment == environment
        }
        if case .id(let prefix) = selection,
            !newestFirst.contains(where: { $0.id.description.hasPrefix(prefix) }),
            let damaged = catalog.failures.first(where: { $0.name.contains("/\(prefix)") })
        {
            throw BackupError(.store, "\(damaged.name): \(damaged.error.context)", underlying: damaged.error)
        }
        guard !newestFirst.isEmpty else {
            if let damaged = catalog.damaged.first {
                throw BackupError(
                    .store, "\(damaged.name): \(damaged.error.problem(about: damaged.name))",
                    underlying: damaged.error)
            }
            let what = environment.map { " of environment \($0)" } ?? ""
            throw BackupError(.noSnapshot, "the store holds no snapshot\(what)")
        }
        switch selection {
        case .id(let prefix):
            let found = newestFirst.filter { $0.id.description.hasPrefix(prefix) }
            try RestorePlan.checkDigits(prefix, most: 64, "a snapshot's id")
            try RestorePlan.checkOne(
                found.count, found, of: newestFirst, missing: .noSnapshot, "snapshot \(prefix)")
            self.init(found[0], "the snapshot whose id begins with \(prefix)", passing: [])
        case .latest:
            try self.init(best: newestFirst, "the newest complete snapshot")
        case .asOf(let time):
            let found = newestFirst.filter { $0.header.time <= time }
            guard !found.isEmpty else {
                throw BackupError(
                    .noSnapshot, "no snapshot at \(time) or before",
                    candidates: RestorePlan.candidates(newestFirst))
            }
            try self.init(best: found, "the newest complete snapshot at \(time) or before")
        case .commit(let prefix, let source):
            try RestorePlan.checkDigits(prefix, most: 64, "a commit")
            let matches = newestFirst.filter { !$0.commits(source, prefix).isEmpty }
            let commits = Set(matches.flatMap { $0.commits(source, prefix) })
            let place = source.map { " of source \($0)" } ?? ""
            try RestorePlan.checkOne(
                commits.count, matches, of: newestFirst, missing: .unknownCommit, "commit \(prefix)\(place)")
            let hex = commits.first.map(Hex.encode) ?? prefix
            try self.init(best: matches, "the newest complete snapshot at exactly commit \(hex)\(place)")
        }
        if case .id = selection { return }
        note(catalog.damaged)
    }

    /// Says which objects were passed over because they can't be read.
    mutating func note(_ damaged: [SnapshotCatalog.Failure]) {
        self.damaged = damaged
        for failure in damaged.prefix(10) {
            notices.append(
                "passed over: \(failure.name), which may be newer and can't be read: "
                    + failure.error.problem(about: failure.name))
        }
        if damaged.count > 10 { notices.append("passed over: \(damaged.count - 10) more that can't be read") }
    }

    /// The best of `records`, newest first.
    init(best records: [SnapshotRecord], _ rule: String) throws(BackupError) {
        for status in [SnapshotStatus.complete, .partial, .torn] {
            guard let chosen = records.firstIndex(where: { $0.header.status == status }) else { continue }
            let words =
                status == .complete
                ? rule : "\(rule): there is none, so the newest \(status.name) one"
            self.init(records[chosen], words, passing: Array(records[..<chosen]))
            return
        }
        throw BackupError(
            .noSnapshot, "every snapshot that fits failed", candidates: RestorePlan.candidates(records))
    }

    init(_ record: SnapshotRecord, _ rule: String, passing: [SnapshotRecord]) {
        self.record = record
        self.rule = rule
        var notices: [String] = []
        switch record.header.status {
        case .complete: break
        case .partial: notices.append("the snapshot is partial: its sources say what is missing")
        case .failed: notices.append("the snapshot failed: no source gave anything")
        case .torn:
            notices.append("the snapshot is torn: a deploy or a restore in place went on while it was taken")
        }
        for other in passing.prefix(10) {
            notices.append("passed over: \(other.id), newer and \(other.header.status.name)")
        }
        if passing.count > 10 { notices.append("passed over: \(passing.count - 10) more") }
        self.notices = notices
    }

    private static func checkDigits(_ prefix: String, most: Int, _ what: String) throws(BackupError) {
        let isHex = prefix.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        guard isHex, (8...most).contains(prefix.utf8.count) else {
            throw BackupError(.malformedSelection, "\(what) is named by 8 lower-case hex digits or more")
        }
    }

    private static func checkOne(
        _ count: Int, _ found: [SnapshotRecord], of all: [SnapshotRecord], missing: BackupError.Code,
        _ what: String
    ) throws(BackupError) {
        guard count > 0 else {
            throw BackupError(missing, "no snapshot: \(what)", candidates: candidates(all))
        }
        guard count == 1 else {
            throw BackupError(.ambiguous, "not one alone: \(what)", candidates: candidates(found))
        }
    }

    static func candidates(_ records: [SnapshotRecord]) -> [SnapshotRecord] {
        Array(records.prefix(10))
    }
}

extension SnapshotRecord {
    /// The commits of `source`, or of any, that begin with the digits.
    fileprivate func commits(_ source: String?, _ prefix: String) -> [[UInt8]] {
        header.revisions.filter { revision in
            (source == nil || revision.source == source) && Hex.encode(revision.commit).hasPrefix(prefix)
        }.map(\.commit)
    }
}
