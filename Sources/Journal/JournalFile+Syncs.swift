internal import Encodings
internal import GRDB

extension JournalFile {
    /// Keeps `sync`; runs that end in the same way one after another, other than by a change, are one row with a
    /// count. A healthy one (`applied`, `unchanged`) also becomes the source's applied commit, and a delivered one
    /// (`unhealthy` too), where `marking` says that the ref is a followed branch, the highest commit seen of that
    /// ref: all or nothing. The newest 10,000 rows of an environment are kept.
    ///
    /// Throws `malformedRecord` for empty names, a commit that is not 40 lower-case hex digits, or a delivery
    /// without one.
    package func record(_ sync: SyncRecord, marking: Bool = false) throws(JournalError) {
        try record([(sync, marking)])
    }

    /// Keeps the syncs of one run over several sources, as `record(_:marking:)`: all or none.
    package func record(_ syncs: [(sync: SyncRecord, isMarking: Bool)]) throws(JournalError) {
        for (sync, _) in syncs {
            guard !sync.environment.isEmpty, !sync.source.isEmpty else {
                throw JournalError(.malformedRecord, "a sync without environment or source")
            }
            if let commit = sync.commit { try JournalFile.checkID(commit, 40, "commit") }
            guard sync.commit != nil || !sync.outcome.isDelivered else {
                throw JournalError(.malformedRecord, "a delivery without a commit")
            }
        }
        try write("cannot record a sync") { database in
            for (sync, isMarking) in syncs { try JournalFile.keep(sync, isMarking, database) }
        }
    }

    private static func keep(_ sync: SyncRecord, _ isMarking: Bool, _ database: Database) throws {
        try append(sync, database)
        guard sync.outcome.isDelivered, let commit = sync.commit else { return }
        if sync.outcome.isHealthy { try setApplied(sync, commit, database) }
        guard isMarking else { return }
        try database.execute(
            sql: """
                INSERT INTO mark (environment, source, url, ref, "commit", time, tag)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET "commit" = excluded."commit", time = excluded.time, tag = excluded.tag
                """,
            arguments: [
                sync.environment, sync.source, RedactedURL.text(sync.url), sync.ref, commit,
                sync.time.nanoseconds, sync.tag,
            ])
    }

    /// Rows of an environment that are kept: more than a year of changes, a week of different failures.
    private static let rowLimit: Int64 = 10_000

    /// Appends a row, or counts the run in with the newest one where that ended in the same way.
    private static func append(_ sync: SyncRecord, _ database: Database) throws {
        let newest = try Row.fetchOne(
            database,
            sql: "SELECT * FROM sync WHERE environment = ? AND source = ? ORDER BY id DESC LIMIT 1",
            arguments: [sync.environment, sync.source])
        let url = RedactedURL.text(sync.url)
        let until = sync.until ?? sync.time
        if let newest, sync.outcome != .applied, newest["outcome"] == sync.outcome.rawValue,
            newest["source"] == sync.source, newest["url"] == url, newest["ref"] == sync.ref,
            newest["commit"] == sync.commit, newest["message"] == sync.message
        {
            try database.execute(
                sql: "UPDATE sync SET until = ?, runs = runs + ? WHERE id = ?",
                arguments: [until.nanoseconds, sync.runCount, newest["id"] as Int64])
            return
        }
        try database.execute(
            sql: """
                INSERT INTO sync (environment, source, url, ref, "commit", time, outcome, message, until, runs)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                sync.environment, sync.source, url, sync.ref, sync.commit, sync.time.nanoseconds,
                sync.outcome.rawValue, sync.message, until.nanoseconds, sync.runCount,
            ])
        let id = database.lastInsertedRowID
        guard id % 100 == 0 else { return }
        try database.execute(
            sql: """
                DELETE FROM sync WHERE environment = ?1 AND id < (
                    SELECT id FROM sync WHERE environment = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
                """, arguments: [sync.environment, rowLimit])
    }

    private static func setApplied(_ sync: SyncRecord, _ commit: String, _ database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO applied (environment, source, ref, "commit", since, time) VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET
                    since = CASE WHEN "commit" = excluded."commit" THEN since ELSE excluded.since END,
                    "commit" = excluded."commit", ref = excluded.ref, time = excluded.time
                """,
            arguments: [
                sync.environment, sync.source, sync.ref, commit, sync.time.nanoseconds,
                sync.time.nanoseconds,
            ])
    }

    /// The commit that each source of `environment` has applied, by the source's name.
    package func lastApplied(environment: String) throws(JournalError) -> [String: AppliedCommit] {
        try read("cannot read the applied commits") { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT source, "commit", ref, since, time FROM applied WHERE environment = ?
                    """, arguments: [environment])
            var applied: [String: AppliedCommit] = [:]
            for row in rows {
                applied[row["source"]] = AppliedCommit(
                    commit: row["commit"], ref: row["ref"], since: Timestamp(nanoseconds: row["since"]),
                    time: Timestamp(nanoseconds: row["time"]))
            }
            return applied
        }
    }

    /// The commits of the other sources that were in place when `commit` of `source` was there last, by the source's
    /// name; none where it never was.
    package func companions(
        of commit: String, source: String, environment: String
    ) throws(JournalError) -> [String: String] {
        try read("cannot read the commits of a sync") { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    WITH place (moment) AS (
                        SELECT max(coalesce(until, time)) FROM sync
                        WHERE environment = ?1 AND source = ?2 AND "commit" = ?3
                            AND outcome IN ('applied', 'unchanged'))
                    SELECT source, "commit" FROM sync, place
                    WHERE environment = ?1 AND source <> ?2 AND "commit" IS NOT NULL
                        AND outcome IN ('applied', 'unchanged')
                        AND time <= moment AND coalesce(until, time) >= moment
                    ORDER BY id
                    """, arguments: [environment, source, commit])
            return Dictionary(rows.map { ($0["source"], $0["commit"]) }, uniquingKeysWith: { $1 })
        }
    }

    /// The newest sync of one source of `environment`.
    package func lastSync(
        environment: String, source: String
    ) throws(JournalError) -> SyncRecord? {
        try read("cannot read the syncs") { database in
            try Row.fetchOne(
                database,
                sql: "SELECT * FROM sync WHERE environment = ? AND source = ? ORDER BY id DESC LIMIT 1",
                arguments: [environment, source]
            ).map(JournalFile.sync)
        }
    }

    /// The commit of `source` that was brought to the targets last, healthy or not.
    package func standing(environment: String, source: String) throws(JournalError) -> String? {
        try read("cannot read the syncs") { database in
            try String.fetchOne(
                database,
                sql: """
                    SELECT "commit" FROM sync
                    WHERE environment = ? AND source = ? AND outcome IN ('applied', 'unchanged', 'unhealthy')
                    ORDER BY id DESC LIMIT 1
                    """, arguments: [environment, source])
        }
    }

    /// The commits of `source` that were healthy at the targets, each once, the one that came last first.
    package func goodCommits(environment: String, source: String) throws(JournalError) -> [String] {
        try read("cannot read the syncs") { database in
            try String.fetchAll(
                database,
                sql: """
                    SELECT "commit" FROM sync
                    WHERE environment = ? AND source = ? AND "commit" IS NOT NULL
                        AND outcome IN ('applied', 'unchanged')
                    GROUP BY "commit" ORDER BY min(id) DESC
                    """, arguments: [environment, source])
        }
    }

    /// The high-water mark: the last commit of the followed `ref` at `url` that was delivered. A head that doesn't
    /// descend from it is a rollback. Choosing an older commit by hand doesn't lower it. Another URL is another
    /// repository, of which nothing was seen: naming it was the operator's own decision.
    package func mark(
        environment: String, source: String, url: String, ref: String
    ) throws(JournalError) -> String? {
        try read("cannot read a high-water mark") { database in
            try String.fetchOne(
                database,
                sql: """
                    SELECT "commit" FROM mark WHERE environment = ? AND source = ? AND url = ? AND ref = ?
                    """, arguments: [environment, source, RedactedURL.text(url), ref])
        }
    }

    /// The full name of the tag that the marked commit was chosen by; nil where none was.
    package func markedTag(
        environment: String, source: String, url: String, ref: String
    ) throws(JournalError) -> String? {
        try read("cannot read a high-water mark") { database in
            let row = try Row.fetchOne(
                database,
                sql: "SELECT tag FROM mark WHERE environment = ? AND source = ? AND url = ? AND ref = ?",
                arguments: [environment, source, RedactedURL.text(url), ref])
            return row?["tag"]
        }
    }

    /// Takes the mark of a ref away, so that the next head is taken as it comes: after a rewrite of history that
    /// the operator acknowledged.
    package func forgetMark(
        environment: String, source: String, url: String, ref: String
    ) throws(JournalError) {
        try write("cannot forget a high-water mark") { database in
            try database.execute(
                sql: "DELETE FROM mark WHERE environment = ? AND source = ? AND url = ? AND ref = ?",
                arguments: [environment, source, RedactedURL.text(url), ref])
        }
    }

    /// The newest `limit` syncs of `environment`, newest first, in the order they were recorded.
    package func syncs(environment: String, limit: Int = 100) throws(JournalError) -> [SyncRecord] {
        try read("cannot read the syncs") { database in
            let rows = try Row.fetchAll(
                database, sql: "SELECT * FROM sync WHERE environment = ? ORDER BY id DESC LIMIT ?",
                arguments: [environment, max(0, limit)])
            return try rows.map(JournalFile.sync)
        }
    }

    private static func sync(_ row: Row) throws -> SyncRecord {
        guard let outcome = SyncRecord.Outcome(rawValue: row["outcome"]) else {
            throw JournalError(.damaged, "an outcome of no known name")
        }
        var record = SyncRecord(
            environment: row["environment"], source: row["source"], url: row["url"], ref: row["ref"],
            commit: row["commit"], time: Timestamp(nanoseconds: row["time"]), outcome: outcome,
            message: row["message"])
        record.runCount = row["runs"]
        let until = (row["until"] as Int64?).map { Timestamp(nanoseconds: $0) }
        record.until = until == record.time ? nil : until
        return record
    }

    /// Throws `malformedRecord` unless `id` is `count` lower-case hex digits.
    static func checkID(_ id: String, _ count: Int, _ what: String) throws(JournalError) {
        guard id.utf8.count == count, (try? Hex.decode(id)) != nil else {
            throw JournalError(.malformedRecord, "a \(what) id is \(count) hex digits")
        }
    }
}
