package import Encodings
internal import GRDB

/// A run other than a sync: a look for drift, a snapshot, a drill, a health check, an override.
package struct RunRecord: Sendable, Hashable {
    /// What was done.
    package enum Kind: String, Sendable, CaseIterable {
        /// Looked whether targets are as they were delivered.
        case drift
        /// Put back what was changed at a target.
        case heal
        /// Took a snapshot.
        case backup
        /// Restored a snapshot to prove that it can be.
        case drill
        /// Asked whether what was delivered works.
        case health
        /// Let a source go back to one commit.
        case override
    }

    /// How it ended.
    package enum Outcome: String, Sendable, CaseIterable {
        /// As it should.
        case good
        /// It found what it looks for: drift, ill health, an incomplete snapshot.
        case bad
        /// It could not be done.
        case failed
    }

    /// The environment's name.
    package var environment: String
    /// What was done.
    package var kind: Kind
    /// When it ended; of equal runs in a row, the first.
    package var time: Timestamp
    /// When the last of the equal runs in a row ended.
    package var until: Timestamp
    /// How many there were.
    package var runCount: Int
    /// How it ended.
    package var outcome: Outcome
    /// One line for people; holds no value.
    package var message: String

    /// One run of these facts.
    package init(
        environment: String, kind: Kind, time: Timestamp, outcome: Outcome, message: String
    ) {
        self.environment = environment
        self.kind = kind
        self.time = time
        until = time
        runCount = 1
        self.outcome = outcome
        self.message = message
    }
}

/// How the last health check of an environment ended.
package struct HealthRecord: Sendable, Hashable {
    /// The commit that stood at the target, 40 hex digits.
    package let commit: String
    /// Whether all checks passed.
    package let isHealthy: Bool
    /// Since when it is so.
    package let since: Timestamp
    /// When it was last seen so.
    package let time: Timestamp
    /// What failed, in words.
    package let message: String
}

extension JournalFile {
    private static let runLimit: Int64 = 10_000

    /// Keeps `run`; equal ones in a row are one row with a count. The newest 10,000 of an environment and kind stay.
    package func record(_ run: RunRecord) throws(JournalError) {
        try write("cannot record a run") { database in
            let newest = try Row.fetchOne(
                database,
                sql: "SELECT * FROM run WHERE environment = ? AND kind = ? ORDER BY id DESC LIMIT 1",
                arguments: [run.environment, run.kind.rawValue])
            if let newest, newest["outcome"] == run.outcome.rawValue, newest["message"] == run.message {
                try database.execute(
                    sql: "UPDATE run SET until = ?, runs = runs + ? WHERE id = ?",
                    arguments: [run.until.nanoseconds, run.runCount, newest["id"] as Int64])
                return
            }
            try database.execute(
                sql: """
                    INSERT INTO run (environment, kind, time, until, runs, outcome, message)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    run.environment, run.kind.rawValue, run.time.nanoseconds, run.until.nanoseconds,
                    run.runCount, run.outcome.rawValue, run.message,
                ])
            guard database.lastInsertedRowID % 100 == 0 else { return }
            try database.execute(
                sql: """
                    DELETE FROM run WHERE environment = ?1 AND kind = ?2 AND id < (
                        SELECT id FROM run WHERE environment = ?1 AND kind = ?2
                        ORDER BY id DESC LIMIT 1 OFFSET ?3)
                    """, arguments: [run.environment, run.kind.rawValue, JournalFile.runLimit])
        }
    }

    /// The newest `limit` runs of a kind, newest first.
    package func runs(
        environment: String, kind: RunRecord.Kind, limit: Int = 100
    ) throws(JournalError) -> [RunRecord] {
        try read("cannot read the runs") { database in
            try Row.fetchAll(
                database,
                sql: "SELECT * FROM run WHERE environment = ? AND kind = ? ORDER BY id DESC LIMIT ?",
                arguments: [environment, kind.rawValue, max(0, limit)]
            ).map { row in
                guard let outcome = RunRecord.Outcome(rawValue: row["outcome"]) else {
                    throw JournalError(.damaged, "an outcome of no known name")
                }
                var run = RunRecord(
                    environment: environment, kind: kind, time: Timestamp(nanoseconds: row["time"]),
                    outcome: outcome, message: row["message"])
                run.until = Timestamp(nanoseconds: row["until"])
                run.runCount = row["runs"]
                return run
            }
        }
    }

    /// Keeps how the health check of `commit` ended.
    package func setHealth(
        _ isHealthy: Bool, commit: String, environment: String, at time: Timestamp, message: String
    ) throws(JournalError) {
        try JournalFile.checkID(commit, 40, "commit")
        try write("cannot record a health check") { database in
            try database.execute(
                sql: """
                    INSERT INTO health (environment, "commit", healthy, since, time, message)
                    VALUES (?, ?, ?, ?, ?, ?)
                    ON CONFLICT DO UPDATE SET
                        since = CASE WHEN healthy = excluded.healthy AND "commit" = excluded."commit"
                            THEN since ELSE excluded.since END,
                        "commit" = excluded."commit", healthy = excluded.healthy, time = excluded.time,
                        message = excluded.message
                    """,
                arguments: [
                    environment, commit, isHealthy, time.nanoseconds, time.nanoseconds, message,
                ])
        }
    }

    /// How the last health check of `environment` ended.
    package func health(environment: String) throws(JournalError) -> HealthRecord? {
        try read("cannot read a health check") { database in
            try Row.fetchOne(
                database, sql: "SELECT * FROM health WHERE environment = ?", arguments: [environment]
            ).map { row in
                HealthRecord(
                    commit: row["commit"], isHealthy: row["healthy"],
                    since: Timestamp(nanoseconds: row["since"]), time: Timestamp(nanoseconds: row["time"]),
                    message: row["message"])
            }
        }
    }
}
