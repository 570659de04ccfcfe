package import Encodings
internal import GRDB

/// One path of a target that is not as it was delivered.
package struct DriftRecord: Sendable, Hashable {
    /// The target's directory or name.
    package var target: String
    /// The path below it, as it may be shown.
    package var path: String
    /// `changed`, `missing`, `foreign` or `metadata`.
    package var kind: String
    /// Keyed digests of what should stand there and of what does; never a value.
    package var evidence: String
    /// When it was first seen so.
    package var since: Timestamp

    /// A record of these facts.
    package init(target: String, path: String, kind: String, evidence: String, since: Timestamp) {
        self.target = target
        self.path = path
        self.kind = kind
        self.evidence = evidence
        self.since = since
    }
}

extension JournalFile {
    /// Keeps what differs at the targets of `environment` now, and forgets what does no more. Returns those that were
    /// not known before, or not so.
    package func setDrift(
        _ found: [DriftRecord], environment: String, at time: Timestamp
    ) throws(JournalError) -> [DriftRecord] {
        try write("cannot record drift") { database in
            var known: [String: DriftRecord] = [:]
            for old in try JournalFile.drift(environment, database) {
                known["\(old.target)\0\(old.path)"] = old
            }
            guard !found.isEmpty || !known.isEmpty else { return [] }
            try database.execute(sql: "DELETE FROM drift WHERE environment = ?", arguments: [environment])
            var fresh: [DriftRecord] = []
            for var record in found {
                let old = known["\(record.target)\0\(record.path)"]
                if let old, old.kind == record.kind, old.evidence == record.evidence {
                    record.since = old.since
                } else {
                    fresh.append(record)
                }
                try database.execute(
                    sql: """
                        INSERT OR REPLACE INTO drift (environment, target, path, kind, evidence, since, time)
                        VALUES (?, ?, ?, ?, ?, ?, ?)
                        """,
                    arguments: [
                        environment, record.target, record.path, record.kind, record.evidence,
                        record.since.nanoseconds, time.nanoseconds,
                    ])
            }
            return fresh
        }
    }

    /// What differed at the targets of `environment` when it was last looked.
    package func drift(environment: String) throws(JournalError) -> [DriftRecord] {
        try read("cannot read drift") { database in try JournalFile.drift(environment, database) }
    }

    private static func drift(_ environment: String, _ database: Database) throws -> [DriftRecord] {
        try Row.fetchAll(
            database, sql: "SELECT * FROM drift WHERE environment = ? ORDER BY target, path",
            arguments: [environment]
        ).map { row in
            DriftRecord(
                target: row["target"], path: row["path"], kind: row["kind"], evidence: row["evidence"],
                since: Timestamp(nanoseconds: row["since"]))
        }
    }

    /// Notes that these epochs of `environment` are closed, and returns since when each is known to be: the first
    /// time is kept.
    package func noteClosed(
        _ epochs: [UInt64], environment: String, at time: Timestamp
    ) throws(JournalError) -> [UInt64: Timestamp] {
        try write("cannot record closed epochs") { database in
            for epoch in epochs {
                try database.execute(
                    sql: "INSERT OR IGNORE INTO epoch (environment, number, closed) VALUES (?, ?, ?)",
                    arguments: [environment, Int64(clamping: epoch), time.nanoseconds])
            }
            return try JournalFile.closed(environment, database)
        }
    }

    /// The closed epochs of `environment`, and since when each is known to be.
    package func closedEpochs(environment: String) throws(JournalError) -> [UInt64: Timestamp] {
        try read("cannot read closed epochs") { database in try JournalFile.closed(environment, database) }
    }

    private static func closed(_ environment: String, _ database: Database) throws -> [UInt64: Timestamp] {
        var closed: [UInt64: Timestamp] = [:]
        for row in try Row.fetchAll(
            database, sql: "SELECT number, closed FROM epoch WHERE environment = ?", arguments: [environment])
        {
            closed[UInt64(clamping: row["number"] as Int64)] = Timestamp(nanoseconds: row["closed"])
        }
        return closed
    }
}
