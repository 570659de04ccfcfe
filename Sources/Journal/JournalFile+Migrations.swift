internal import GRDB

extension JournalFile {
    /// The schema, step by step. A step that was released is never changed; times are nanoseconds since 1970.
    static var migrations: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1: syncs, marks, snapshots") { database in
            try database.execute(
                sql: """
                    CREATE TABLE sync (
                        id INTEGER PRIMARY KEY,
                        environment TEXT NOT NULL,
                        source TEXT NOT NULL,
                        url TEXT NOT NULL,
                        ref TEXT NOT NULL,
                        "commit" TEXT CHECK ("commit" IS NULL OR length("commit") = 40),
                        time INTEGER NOT NULL,
                        outcome TEXT NOT NULL,
                        message TEXT NOT NULL
                    ) STRICT;
                    CREATE INDEX sync_environment ON sync (environment, id);

                    CREATE TABLE applied (
                        environment TEXT NOT NULL,
                        source TEXT NOT NULL,
                        ref TEXT NOT NULL,
                        "commit" TEXT NOT NULL CHECK (length("commit") = 40),
                        since INTEGER NOT NULL,
                        time INTEGER NOT NULL,
                        PRIMARY KEY (environment, source)
                    ) STRICT, WITHOUT ROWID;

                    CREATE TABLE mark (
                        environment TEXT NOT NULL,
                        source TEXT NOT NULL,
                        url TEXT NOT NULL,
                        ref TEXT NOT NULL,
                        "commit" TEXT NOT NULL CHECK (length("commit") = 40),
                        time INTEGER NOT NULL,
                        PRIMARY KEY (environment, source, url, ref)
                    ) STRICT, WITHOUT ROWID;

                    CREATE TABLE snapshot (
                        store TEXT NOT NULL,
                        id TEXT NOT NULL CHECK (length(id) = 64),
                        environment TEXT NOT NULL,
                        time INTEGER NOT NULL,
                        status TEXT NOT NULL,
                        PRIMARY KEY (store, id)
                    ) STRICT, WITHOUT ROWID;
                    CREATE INDEX snapshot_environment ON snapshot (environment, time);

                    CREATE TABLE snapshot_revision (
                        store TEXT NOT NULL,
                        id TEXT NOT NULL,
                        source TEXT NOT NULL,
                        "commit" TEXT NOT NULL CHECK (length("commit") = 40),
                        PRIMARY KEY (store, id, source),
                        FOREIGN KEY (store, id) REFERENCES snapshot (store, id) ON DELETE CASCADE
                    ) STRICT, WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("2: runs, control, health, drift, epochs") { database in
            try database.execute(
                sql: """
                    ALTER TABLE sync ADD COLUMN until INTEGER;
                    ALTER TABLE sync ADD COLUMN runs INTEGER NOT NULL DEFAULT 1;

                    CREATE TABLE run (
                        id INTEGER PRIMARY KEY,
                        environment TEXT NOT NULL,
                        kind TEXT NOT NULL,
                        time INTEGER NOT NULL,
                        until INTEGER NOT NULL,
                        runs INTEGER NOT NULL,
                        outcome TEXT NOT NULL,
                        message TEXT NOT NULL
                    ) STRICT;
                    CREATE INDEX run_environment ON run (environment, kind, id);

                    CREATE TABLE suspension (
                        environment TEXT PRIMARY KEY,
                        time INTEGER NOT NULL,
                        author TEXT NOT NULL,
                        reason TEXT NOT NULL
                    ) STRICT, WITHOUT ROWID;

                    CREATE TABLE hold (
                        environment TEXT PRIMARY KEY,
                        source TEXT NOT NULL,
                        "commit" TEXT NOT NULL CHECK (length("commit") = 40),
                        time INTEGER NOT NULL,
                        author TEXT NOT NULL,
                        reason TEXT NOT NULL
                    ) STRICT, WITHOUT ROWID;

                    CREATE TABLE quarantine (
                        environment TEXT NOT NULL,
                        source TEXT NOT NULL,
                        "commit" TEXT NOT NULL CHECK (length("commit") = 40),
                        time INTEGER NOT NULL,
                        reason TEXT NOT NULL,
                        PRIMARY KEY (environment, source, "commit")
                    ) STRICT, WITHOUT ROWID;

                    CREATE TABLE wanted (
                        environment TEXT NOT NULL,
                        source TEXT NOT NULL,
                        "commit" TEXT NOT NULL CHECK (length("commit") = 40),
                        since INTEGER NOT NULL,
                        time INTEGER NOT NULL,
                        PRIMARY KEY (environment, source)
                    ) STRICT, WITHOUT ROWID;

                    CREATE TABLE health (
                        environment TEXT PRIMARY KEY,
                        "commit" TEXT NOT NULL CHECK (length("commit") = 40),
                        healthy INTEGER NOT NULL,
                        since INTEGER NOT NULL,
                        time INTEGER NOT NULL,
                        message TEXT NOT NULL
                    ) STRICT, WITHOUT ROWID;

                    CREATE TABLE drift (
                        environment TEXT NOT NULL,
                        target TEXT NOT NULL,
                        path TEXT NOT NULL,
                        kind TEXT NOT NULL,
                        evidence TEXT NOT NULL,
                        since INTEGER NOT NULL,
                        time INTEGER NOT NULL,
                        PRIMARY KEY (environment, target, path)
                    ) STRICT, WITHOUT ROWID;

                    CREATE TABLE epoch (
                        environment TEXT NOT NULL,
                        number INTEGER NOT NULL,
                        closed INTEGER NOT NULL,
                        PRIMARY KEY (environment, number)
                    ) STRICT, WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("3: tags of marks") { database in
            try database.execute(sql: "ALTER TABLE mark ADD COLUMN tag TEXT")
        }
        migrator.registerMigration("4: order of snapshots") { database in
            // Those of before have number 0, and their own times among themselves.
            try database.execute(
                sql: """
                    ALTER TABLE snapshot ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
                    DROP INDEX snapshot_environment;
                    CREATE INDEX snapshot_environment ON snapshot (environment, number, time);
                    """)
        }
        return migrator
    }
}
