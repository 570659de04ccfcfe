package import Encodings
internal import GRDB

/// A snapshot that this agent took, as the journal keeps it. The store itself is the truth.
package struct TakenSnapshot: Sendable, Hashable {
    /// How complete it is (FORMATS: JSON).
    package enum Status: String, Sendable, CaseIterable {
        /// Everything asked for was captured.
        case complete
        /// Some source, file or directory could not be read.
        case partial
        /// Nothing usable was captured.
        case failed
        /// A commit was applied while the capture ran.
        case torn
    }

    /// 64 hex digits.
    package var id: String
    /// The store's directory or URL. Kept without passwords, tokens and queries.
    package var store: String
    /// The environment's name.
    package var environment: String
    /// The snapshot's own time.
    package var time: Timestamp
    /// How complete it is.
    package var status: Status
    /// The commit that each source had applied, 40 hex digits.
    package var revisions: [String: String]

    /// A record of these facts.
    package init(
        id: String, store: String, environment: String, time: Timestamp, status: Status,
        revisions: [String: String]
    ) {
        self.id = id
        self.store = store
        self.environment = environment
        self.time = time
        self.status = status
        self.revisions = revisions
    }
}

extension JournalFile {
    /// Keeps `snapshot`; the same store and id again replaces what was kept. Throws `malformedRecord` for ids that
    /// are not 64, or commits that are not 40, lower-case hex digits.
    package func record(_ snapshot: TakenSnapshot) throws(JournalError) {
        try JournalFile.checkID(snapshot.id, 64, "snapshot")
        for commit in snapshot.revisions.values { try JournalFile.checkID(commit, 40, "commit") }
        guard !snapshot.environment.isEmpty else {
            throw JournalError(.malformedRecord, "a snapshot without an environment")
        }
        let store = RedactedURL.text(snapshot.store)
        try write("cannot record a snapshot") { database in
            try database.execute(
                sql: "DELETE FROM snapshot WHERE store = ? AND id = ?", arguments: [store, snapshot.id])
            try database.execute(
                sql: """
                    INSERT INTO snapshot (store, id, environment, time, status, number)
                    SELECT ?1, ?2, ?3, ?4, ?5, coalesce(max(number), 0) + 1 FROM snapshot WHERE environment = ?3
                    """,
                arguments: [
                    store, snapshot.id, snapshot.environment, snapshot.time.nanoseconds,
                    snapshot.status.rawValue,
                ])
            for (source, commit) in snapshot.revisions {
                try database.execute(
                    sql: """
                        INSERT INTO snapshot_revision (store, id, source, "commit") VALUES (?, ?, ?, ?)
                        """, arguments: [store, snapshot.id, source, commit])
            }
        }
    }

    /// Drops the snapshots `ids` of `store`, which was told to forget them; those that aren't kept are passed over.
    package func removeSnapshots(_ ids: [String], of store: String) throws(JournalError) {
        let store = RedactedURL.text(store)
        try write("cannot drop snapshots") { database in
            for id in ids {
                try database.execute(
                    sql: "DELETE FROM snapshot WHERE store = ? AND id = ?", arguments: [store, id])
            }
        }
    }

    /// The newest `limit` snapshots of `environment`, newest first: in the order in which they were taken, whatever a clock
    /// said that was ahead.
    package func snapshots(environment: String, limit: Int = 100) throws(JournalError) -> [TakenSnapshot] {
        try read("cannot read the snapshots") { database in
            let rows = try Row.fetchAll(
                database,
                sql:
                    "SELECT * FROM snapshot WHERE environment = ? ORDER BY number DESC, time DESC, id LIMIT ?",
                arguments: [environment, max(0, limit)])
            return try rows.map { row in
                let (store, id): (String, String) = (row["store"], row["id"])
                guard let status = TakenSnapshot.Status(rawValue: row["status"]) else {
                    throw JournalError(.damaged, "a status of no known name")
                }
                let revisions = try Row.fetchAll(
                    database,
                    sql: """
                        SELECT source, "commit" FROM snapshot_revision WHERE store = ? AND id = ?
                        """, arguments: [store, id])
                return TakenSnapshot(
                    id: id, store: store, environment: row["environment"],
                    time: Timestamp(nanoseconds: row["time"]), status: status,
                    revisions: Dictionary(
                        revisions.map { ($0["source"], $0["commit"]) }, uniquingKeysWith: { $1 }))
            }
        }
    }
}
