import Support
import Testing

/// A real PostgreSQL whose dump goes into snapshots, beside directories and the delivered commit.
@Suite(.enabled(if: PostgresServer.isInstalled, "PostgreSQL is not installed (Scripts/packages)"))
struct PostgresTests {
    /// A world that backs up the database `app` of `server`, feeds it back by pg_restore, and may drill.
    private func world(_ server: PostgresServer) -> World {
        server.query("CREATE DATABASE app")
        server.query(
            """
            CREATE TABLE customers(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
            CREATE TABLE orders(id serial PRIMARY KEY, customer bigint NOT NULL REFERENCES customers, what text,
                price numeric(10, 2) CHECK (price >= 0), at timestamptz DEFAULT now(), raw bytea, facts jsonb);
            INSERT INTO customers(name) SELECT 'Ω customer ' || n FROM generate_series(1, 200) n;
            INSERT INTO orders(customer, what, price, raw, facts) SELECT 1 + n % 200, nullif('order ' || n, 'order 7'),
                n / 7.0, decode(md5(n::text), 'hex'), jsonb_build_object('n', n) FROM generate_series(1, 4000) n;
            CREATE INDEX ON orders(at); CREATE VIEW few AS SELECT * FROM orders WHERE id < 10;
            SELECT lo_from_bytea(4711, 'a large object');
            """, in: "app")
        let world = World()
        world.addDrillMember()
        world.must(
            "store", "init", world.path("store"), "--identity", world.path("host.identity"), "--reader",
            world.text("alice.recipient"), "--reader", world.text("drill.recipient"), "--writer",
            world.text("host.recipient"))
        world.writeUploads()
        world.write(
            "host/feed",
            """
            set -eu; database=app
            if [ -n "${STRONGROOM_DRILL:-}" ]; then database=trial; createdb -h \(server.socket) -U postgres trial; fi
            pg_restore -h \(server.socket) -U postgres --single-transaction --clean --if-exists -d "$database"
            """)
        let last = "        - command: { name: orders"
        world.edit(
            "host/strongroom.yaml", last,
            """
                    - command:
                        name: database
                        run: [pg_dump, -Fc, -Z0, -h, "\(server.socket)", -U, postgres, app]
                        restore: { run: [sh, "\(world.path("host/feed"))"], drill: true }
            \(last)
            """)
        world.edit(
            "host/strongroom.yaml", "      beforeChange: never\n",
            "      beforeChange: never\n      drill: { identity: \(world.path("drill.identity")) }\n")
        expect(world.sync(), 0)
        return world
    }

    @Test func `a PostgreSQL database is fed back equal, in a drill and by a restore in place`() throws {
        let server = PostgresServer()
        let world = world(server)
        let before = server.dump("app")
        let uploads = try FileTree(world.path("host/uploads"), withTimes: true)
        let delivered = try world.delivered()
        let commit = world.config.git("rev-parse", "HEAD")
        _ = world.backup()

        expect(world.run("drill", "prod", "--config", world.settings), 0, "passed: feed database")
        #expect(server.dump("trial") == before)
        #expect(server.dump("app") == before)

        // Everything goes on: rows, tables, files, and the commit that is delivered.
        server.query(
            """
            DELETE FROM orders WHERE id > 100; UPDATE customers SET name = name || '!'; DROP VIEW few;
            ALTER TABLE orders ADD COLUMN more int; SELECT lo_unlink(4711);
            """, in: "app")
        world.write("host/uploads/readme", "changed")
        world.config.write("deploy/prod/app.yaml", "listen: 9090\n")
        world.config.commit("Second")
        expect(world.sync(), 0)
        #expect(server.dump("app") != before)

        let restore = [
            "restore", "--in-place", "--environment", "prod", "--config", world.settings, "--commit", commit,
        ]
        let outcome = world.run(restore, identity: "alice")
        expect(outcome, 0)
        #expect(server.dump("app") == before)
        #expect(try FileTree(world.path("host/uploads"), withTimes: true) == uploads)
        #expect(try world.delivered() == delivered)
    }

    @Test func `where PostgreSQL refuses what is fed, database and directories are as they were`() throws {
        let server = PostgresServer()
        let world = world(server)
        _ = world.backup()
        // What depends on a table that is to go keeps it: the whole transaction is refused.
        server.query(
            "DELETE FROM orders WHERE id > 100; CREATE VIEW later AS SELECT name FROM customers", in: "app")
        world.write("host/uploads/readme", "changed")
        let (now, uploads) = (server.dump("app"), try FileTree(world.path("host/uploads"), withTimes: true))
        let outcome = world.run(
            [
                "restore", "--in-place", "--environment", "prod", "--config", world.settings, "--snapshot",
                "latest",
            ], identity: "alice")
        expect(outcome, 7, "database: its restore: command failed")
        #expect(server.dump("app") == now)
        #expect(try FileTree(world.path("host/uploads"), withTimes: true) == uploads)
    }
}
