package import Backups
internal import Encodings
internal import Files

/// A restore in place whose record stands in the state directory: one that is under way, or one that was cut off, which
/// somebody has to take back or to end.
package struct StandingRestore: Codable, Sendable, Equatable {
    /// How far it came.
    package enum Phase: String, Codable, Sendable {
        /// Nothing in use was changed but the suspension.
        case staging
        /// Directories may have been exchanged, commands fed.
        case exchanging
        /// The revision may have been set as well.
        case setting
        /// All is done but for removing what is not in use.
        case done
    }

    /// The snapshot's id; empty where the record can't be read.
    package var snapshot: String
    /// RFC 3339: when it began.
    package var since: String
    /// How far it came; nil where the record can't be read.
    package var phase: Phase?
    /// The directories that it exchanges, in order.
    package var places: [String]
    /// Whether a process is at work on it; else it was cut off.
    package var isUnderWay: Bool

    /// Whether live state may be of two moments: some of the snapshot, some of before.
    package var isMixed: Bool { phase != .staging && phase != .done }

    /// What is so, in words.
    package var words: String {
        guard let phase else {
            return "the record of a restore in place of \(since) can't be read"
        }
        let what = "a restore in place of snapshot \(snapshot.prefix(12)), begun at \(since),"
        guard !isUnderWay else { return "\(what) is under way" }
        let list = places.isEmpty ? "commands" : places.joined(separator: ", ")
        return switch phase {
        case .staging: "\(what) was cut off before anything was exchanged (\(list))"
        case .exchanging, .setting:
            "\(what) was cut off: \(list): of the snapshot or as before, not known to belong together"
        case .done: "\(what) was cut off when all was done: what stood before at \(list) is not removed yet"
        }
    }
}

extension StandingRestore {
    /// What the record of the environment `name` in the state directory `state` tells; nil where none stands. Changes nothing.
    /// Throws `FileError` where the record is there and can't be read as a file.
    package init?(environment name: String, state: String) throws {
        guard let directory = try StandingRestore.directory(name, state),
            try directory.metadataIfPresent(of: RestoreRecord.fileName) != nil
        else { return nil }
        let isUnderWay = try FileLock.isHeld(RestoreRecord.lockName, in: directory)
        // Ended in between, it is gone.
        guard let facts = try directory.metadataIfPresent(of: RestoreRecord.fileName) else { return nil }
        let bytes = try directory.read(RestoreRecord.fileName, limit: RestoreRecord.byteLimit)
        let written = Timestamp(seconds: facts.modified.seconds) ?? Timestamp(nanoseconds: 0)
        guard let record = RestoreRecord(String(decoding: bytes, as: UTF8.self)) else {
            self.init(snapshot: "", since: "\(written)", phase: nil, places: [], isUnderWay: isUnderWay)
            return
        }
        let own = directory.path
        self.init(
            snapshot: record.snapshot, since: (record.begun ?? written).toSecond, phase: record.phase,
            places: record.targets.filter { $0.parent != own }.map(\.description), isUnderWay: isUnderWay)
    }

    /// How live state that `environments` share stands with respect to restores in place of any of them: what a backup of the
    /// first asks before and after.
    package static func moment(of environments: [String], state: String) throws -> LiveMoment {
        var marks: [String] = []
        var disturbance: String?
        for name in environments {
            guard let directory = try directory(name, state) else { continue }
            // Each record that is written, and each that is removed, changes the directory.
            let time = try directory.metadata().modified
            marks.append("\(name) \(time.seconds).\(time.nanoseconds)")
            let restore = try StandingRestore(environment: name, state: state)
            guard disturbance == nil, let restore, restore.isMixed else { continue }
            disturbance = name == environments.first ? restore.words : "environment \(name): \(restore.words)"
        }
        return LiveMoment(mark: marks.joined(separator: ", "), disturbance: disturbance)
    }

    private static func directory(_ name: String, _ state: String) throws -> Directory? {
        do throws(FileError) {
            return try Directory(RestoreRecord.directory(of: name, in: Path(state)))
        } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
    }
}
