package import Encodings
internal import GRDB

/// That somebody told the service to leave an environment alone.
package struct Suspension: Sendable, Hashable {
    /// Since when.
    package let time: Timestamp
    /// Who said so.
    package let author: String
    /// Why, in their words.
    package let reason: String

    /// A suspension of these values.
    package init(time: Timestamp, author: String, reason: String) {
        self.time = time
        self.author = author
        self.reason = reason
    }
}

/// A commit that an environment stays at, whatever its source shows.
package struct HeldCommit: Sendable, Hashable {
    /// The source's name.
    package let source: String
    /// 40 hex digits.
    package let commit: String
    /// Since when, by whom and why.
    package let order: Suspension

    /// A held commit of these values.
    package init(source: String, commit: String, order: Suspension) {
        self.source = source
        self.commit = commit
        self.order = order
    }
}

/// A commit that is not delivered again: it failed its health check, or was gone back from.
package struct QuarantinedCommit: Sendable, Hashable {
    /// 40 hex digits.
    package let commit: String
    /// Since when.
    package let time: Timestamp
    /// Why.
    package let reason: String
}

extension JournalFile {
    /// Keeps or, with nil, lifts the suspension of `environment`.
    package func setSuspension(_ order: Suspension?, environment: String) throws(JournalError) {
        try write("cannot record a suspension") { database in
            try database.execute(
                sql: "DELETE FROM suspension WHERE environment = ?", arguments: [environment])
            guard let order else { return }
            try database.execute(
                sql: "INSERT INTO suspension (environment, time, author, reason) VALUES (?, ?, ?, ?)",
                arguments: [environment, order.time.nanoseconds, order.author, order.reason])
        }
    }

    /// The suspension of `environment`, where there is one.
    package func suspension(environment: String) throws(JournalError) -> Suspension? {
        try read("cannot read a suspension") { database in
            try Row.fetchOne(
                database, sql: "SELECT * FROM suspension WHERE environment = ?", arguments: [environment]
            ).map(JournalFile.order)
        }
    }

    /// Keeps or, with nil, lifts the commit that `environment` stays at. Throws `malformedRecord` for what is no
    /// commit's id.
    package func setHold(_ held: HeldCommit?, environment: String) throws(JournalError) {
        if let held { try JournalFile.checkID(held.commit, 40, "commit") }
        try write("cannot record a held commit") { database in
            try database.execute(sql: "DELETE FROM hold WHERE environment = ?", arguments: [environment])
            guard let held else { return }
            try database.execute(
                sql: """
                    INSERT INTO hold (environment, source, "commit", time, author, reason)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    environment, held.source, held.commit, held.order.time.nanoseconds, held.order.author,
                    held.order.reason,
                ])
        }
    }

    /// The commit that `environment` stays at, where there is one.
    package func hold(environment: String) throws(JournalError) -> HeldCommit? {
        try read("cannot read a held commit") { database in
            try Row.fetchOne(
                database, sql: "SELECT * FROM hold WHERE environment = ?", arguments: [environment]
            ).map { row in
                HeldCommit(source: row["source"], commit: row["commit"], order: JournalFile.order(row))
            }
        }
    }

    /// Keeps that `commit` is not to be delivered again. Throws `malformedRecord` for what is no commit's id.
    package func quarantine(
        _ commit: String, environment: String, source: String, at time: Timestamp, reason: String
    ) throws(JournalError) {
        try JournalFile.checkID(commit, 40, "commit")
        try write("cannot record a quarantined commit") { database in
            try database.execute(
                sql: """
                    INSERT OR REPLACE INTO quarantine (environment, source, "commit", time, reason)
                    VALUES (?, ?, ?, ?, ?)
                    """, arguments: [environment, source, commit, time.nanoseconds, reason])
        }
    }

    /// Whether and why `commit` is not to be delivered.
    package func quarantined(
        _ commit: String, environment: String, source: String
    ) throws(JournalError) -> QuarantinedCommit? {
        try quarantine(environment: environment, source: source).first { $0.commit == commit }
    }

    /// The quarantined commits of a source, newest first.
    package func quarantine(
        environment: String, source: String
    ) throws(JournalError) -> [QuarantinedCommit] {
        try read("cannot read the quarantined commits") { database in
            try Row.fetchAll(
                database,
                sql: "SELECT * FROM quarantine WHERE environment = ? AND source = ? ORDER BY time DESC",
                arguments: [environment, source]
            ).map { row in
                QuarantinedCommit(
                    commit: row["commit"], time: Timestamp(nanoseconds: row["time"]), reason: row["reason"])
            }
        }
    }

    /// Lets every quarantined commit of `environment` be tried again.
    package func liftQuarantine(environment: String) throws(JournalError) {
        try write("cannot lift a quarantine") { database in
            try database.execute(
                sql: "DELETE FROM quarantine WHERE environment = ?", arguments: [environment])
        }
    }

    /// Keeps the commit that a source shows now, whatever becomes of it.
    package func setWanted(
        _ commit: String, environment: String, source: String, at time: Timestamp
    ) throws(JournalError) {
        try JournalFile.checkID(commit, 40, "commit")
        try write("cannot record the wanted commit") { database in
            try database.execute(
                sql: """
                    INSERT INTO wanted (environment, source, "commit", since, time) VALUES (?, ?, ?, ?, ?)
                    ON CONFLICT DO UPDATE SET
                        since = CASE WHEN "commit" = excluded."commit" THEN since ELSE excluded.since END,
                        "commit" = excluded."commit", time = excluded.time
                    """,
                arguments: [environment, source, commit, time.nanoseconds, time.nanoseconds])
        }
    }

    /// The commit that each source of `environment` showed last, and when, by the source's name.
    package func wanted(environment: String) throws(JournalError) -> [String: (
        commit: String, time: Timestamp
    )] {
        try read("cannot read the wanted commits") { database in
            var wanted: [String: (commit: String, time: Timestamp)] = [:]
            for row in try Row.fetchAll(
                database, sql: "SELECT * FROM wanted WHERE environment = ?", arguments: [environment])
            {
                wanted[row["source"]] = (row["commit"], Timestamp(nanoseconds: row["time"]))
            }
            return wanted
        }
    }

    private static func order(_ row: Row) -> Suspension {
        Suspension(
            time: Timestamp(nanoseconds: row["time"]), author: row["author"], reason: row["reason"])
    }
}
