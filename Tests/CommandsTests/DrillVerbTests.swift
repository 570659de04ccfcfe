import Support
import Testing

/// `strongroom drill` with the real program: by settings and with a store alone, with databases.
@Suite struct DrillVerbTests {
    /// A world whose environment has a member for drills, who reads the store, and a first backup.
    private func world(role: String = "drill") -> World {
        let world = World()
        world.addDrillMember(role: role)
        world.must(
            "store", "init", world.path("store"), "--identity", world.path("host.identity"), "--reader",
            world.text("alice.recipient"), "--reader", world.text("drill.recipient"), "--writer",
            world.text("host.recipient"))
        world.writeUploads()
        world.edit(
            "host/strongroom.yaml", "      beforeChange: never\n",
            """
                  beforeChange: never
                  retention: { last: 1, minimumAge: 1s }
                  drill:
                    identity: \(world.path("drill.identity"))
                    checks:
                      - { name: readme, run: [grep, -q, hello, directories/uploads/readme] }

            """)
        expect(world.sync(), 0)
        return world
    }

    /// Adds a source of the backup, as it stands in the settings.
    private func addCommand(_ world: World, _ text: String) {
        let last = "        - command: { name: orders"
        world.edit(
            "host/strongroom.yaml", last,
            text.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n") + "\n" + last)
    }

    private func drill(_ world: World, _ options: String...) -> ShellCommand.Outcome {
        world.run(["drill", "prod", "--config", world.settings] + options)
    }

    @Test func `a drill restores, opens what is sealed and signs what it found`() throws {
        let world = world()
        let first = world.backup()
        let outcome = drill(world, "--report", world.path("report.json"))
        expect(
            outcome, 0, "passed: restore", "passed: content", "passed: canary", "passed: repository config",
            "2 files with sealed values opened by drill (drill)", "passed: check readme",
            "passed: control of a damaged copy", "passed: control of a damaged pack")
        #expect(outcome.text == "passed")
        #expect(!outcome.errorText.contains("not signed"), "\(outcome.errorText)")
        #expect(world.text("report.json").contains("\"snapshot\": \"\(first)\""))
        #expect(!world.text("report.json").contains("CANARY"))
        #expect(ShellCommand.run("ls", ["-A", world.path("host/state/drills")]).text.hasSuffix(".json"))
        #expect(drill(world, "--json").text.contains("\"outcome\": \"passed\""))

        // The second snapshot evicts nothing that passed.
        world.write("host/uploads/readme", "not as it was")
        _ = world.backup()
        expect(drill(world), 10, "the drill of prod failed")
        let rules = world.run(
            "snapshots", "forget", "--by-rule", "--dry-run", "--environment", "prod", "--config",
            world.settings)
        expect(rules, 0, "keep: the last that passed a drill", "last 1 of 1")
        #expect(rules.text == "")
    }

    @Test func `an identity without a role for drills fails the drill`() throws {
        let world = world(role: "none")
        _ = world.backup()
        let outcome = drill(world)
        expect(outcome, 10, "the drill of prod failed")
        #expect(outcome.errorText.contains("neither the role drill nor escrow"))
    }

    @Test func `a damaged store fails the drill with 9`() throws {
        let world = world()
        _ = world.backup()
        let script = """
            for pack in $(find "$1/packs" -type f); do
                chmod u+w "$pack"; size=$(stat -c %s "$pack")
                for part in 1 2 3 4 5 6 7; do
                    printf '\\377\\001' | dd of="$pack" bs=1 seek=$((size * part / 9)) conv=notrunc status=none
                done
            done
            """
        #expect(ShellCommand.run("sh", ["-c", script, "sh", world.path("store")]).status == 0)
        expect(drill(world), 9)
    }

    @Test func `a store alone is drilled as well`() throws {
        let world = World()
        world.makeStore()
        world.writeUploads()
        world.must(
            "backup", "--store", world.path("store"), world.path("host/uploads"), "--exclude", "albums",
            identity: "host")
        func drill(_ options: String...) -> ShellCommand.Outcome {
            world.run(["drill", "--store", world.path("store")] + options, identity: "alice")
        }
        expect(
            drill("--check", "no-albums=test ! -e directories/uploads/albums"), 0, "passed: check no-albums")
        expect(drill("--check", "albums=test -e directories/uploads/albums"), 10)
        expect(drill("--snapshot", "00000000"), 2)
        expect(world.run("drill", "--store", world.path("store"), identity: "host"), 4, "not read it")
    }

    @Test func `options of a capture are carried out without settings, and refused beside them`() throws {
        let world = World()
        world.makeStore()
        world.writeUploads()
        let log = world.path("log")
        func backup(_ options: String...) -> ShellCommand.Outcome {
            world.run(["backup", "--store", world.path("store")] + options, identity: "host")
        }
        let uploads = world.path("host/uploads")
        let hooks = [
            "--before", "uploads=echo before >> '\(log)'", "--after", "uploads=echo after >> '\(log)'",
        ]
        expect(world.run(["backup", "--store", world.path("store"), uploads] + hooks, identity: "host"), 0)
        #expect(world.text("log") == "before\nafter\n")
        expect(backup(uploads, "--before", "uploads=exit 3"), 10, "the snapshot is failed")
        expect(backup(uploads, "--before", "other=true"), 2, "no source is called other")
        expect(backup(uploads, "--exclude", "/albums"), 2, "--exclude /albums")
        expect(backup("--command", "big=seq 1 100000", "--restore", "big=cat > /dev/null"), 0)
        expect(backup("--command", "big=echo", "--maximum-shrink", "50"), 10)
        expect(backup("--command", "big=echo", "--maximum-shrink", "50", "--accept-shrink"), 0)
        expect(backup("--command", "big=sleep 86400", "--command-timeout", "1"), 10)
        expect(world.run("backup", "prod", "--exclude", "x", "--config", world.settings), 2)
    }

    @Test func `commands and hooks get nothing of the environment that is a key`() throws {
        let world = World()
        world.makeStore()
        world.writeUploads()
        let given = [
            "AWS_SECRET_ACCESS_KEY": "k", "STRONGROOM_PASSPHRASE": "p", "PGHOST": "/run", "LC_TIME": "C",
        ]
        let outcome = world.run(
            [
                "backup", "--store", world.path("store"), world.path("host/uploads"), "--command",
                "variables=env",
                "--before", "uploads=env > '\(world.path("hook"))'", "--command",
                "broken=echo no such host >&2; exit 1",
            ], identity: "host", adding: given)
        expect(outcome, 10)
        #expect(outcome.errorText.contains("broken: the command ended with status 1: no such host"))
        let output = world.run(
            "snapshots", "cat", "latest", "variables/variables", "--store", world.path("store"),
            identity: "alice")
        for text in [output.text, world.text("hook")] {
            let names = Set(text.split(separator: "\n").map { String($0.prefix { $0 != "=" }) })
            #expect(names.isSuperset(of: ["PATH", "HOME", "LC_ALL", "TZ", "PGHOST", "LC_TIME"]))
            #expect(
                names.isDisjoint(with: [
                    "AWS_SECRET_ACCESS_KEY", "STRONGROOM_PASSPHRASE", "STRONGROOM_IDENTITY",
                ]))
        }
    }

    @Test func `packs that are gone end a drill with 9 and a signed report that names what they held`() throws
    {
        let world = world()
        _ = world.backup()
        #expect(
            ShellCommand.run("sh", ["-c", "find \"$1/packs\" -type f -delete", "sh", world.path("store")])
                .status
                == 0)
        let outcome = drill(world, "--report", world.path("report.json"))
        expect(outcome, 9)
        #expect(outcome.errorText.contains("failed: restore: "), "\(outcome.errorText)")
        #expect(!outcome.errorText.contains("not signed"), "\(outcome.errorText)")
        #expect(world.text("report.json").contains("\"outcome\": \"failed\""))
        #expect(world.text("report.json").contains("uploads"))
    }

    @Test func `the status says which drill failed, why, and what to do, until one passes`() throws {
        let world = world()
        func status() -> String { world.must("status", "--config", world.settings, in: "host") }
        _ = world.backup()
        expect(drill(world), 0)
        #expect(status().hasSuffix("all is well"))
        world.write("host/uploads/readme", "not as it was")
        let second = world.backup()
        expect(drill(world), 10)
        let bad = status()
        #expect(!bad.contains("all is well"))
        #expect(bad.contains("prod         UNPROVEN"), "\(bad)")
        #expect(
            bad.contains("  why       the drill failed: snapshot \(second.prefix(12)): check readme: "),
            "\(bad)")
        #expect(bad.contains("  to do     strongroom drill prod holds another"))
        #expect(bad.contains("; the last that passed: "))
        #expect(world.status("[e['drillTrouble']['kind'], e['state']]") == "[\"failed\", \"unproven\"]")
        // Beside what is worse, too.
        world.must("suspend", "prod", "--reason", "repairs", "--config", world.settings, in: "host")
        #expect(status().contains("  unproven  the drill failed: "))
        world.must("resume", "prod", "--config", world.settings, in: "host")
        world.write("host/uploads/readme", "hello")
        _ = world.backup()
        expect(drill(world), 0)
        #expect(status().hasSuffix("all is well"))
    }

    @Test func `a newest snapshot that can't be read ends drills and restores with 9, which name it`() throws
    {
        let world = world()
        let first = world.backup()
        world.write("host/uploads/added", "more")
        let second = world.backup()
        let object = world.path("store/snapshots/\(second)")
        let damage =
            "chmod u+w '\(object)'; printf x | dd of='\(object)' bs=1 seek=200 conv=notrunc status=none"
        #expect(ShellCommand.run("sh", ["-c", damage]).status == 0)
        let failed = drill(world)
        expect(failed, 9, "the drill of prod failed")
        #expect(failed.errorText.contains("failed: snapshots: snapshots/\(second)"), "\(failed.errorText)")
        let trouble = world.status("e['drillTrouble']['reason']")
        #expect(trouble.contains(second), "\(trouble)")
        // One that is sound proves nothing of it.
        expect(drill(world, "--snapshot", first), 0, "this is not the newest snapshot")
        #expect(world.status("e['drillTrouble']['reason']") == trouble)
        func restore(_ name: String, _ options: String...) -> ShellCommand.Outcome {
            world.run(
                ["restore", "--store", world.path("store"), "--into", world.path(name)] + options,
                identity: "alice")
        }
        expect(restore("latest", "--snapshot", "latest", "--dry-run"), 9, second, "would be restored")
        expect(restore("latest", "--snapshot", "latest"), 9, second)
        #expect(world.text("latest/directories/uploads/readme") == "hello")
        let commit = world.config.git("rev-parse", "HEAD")
        expect(restore("commit", "--commit", commit), 9, second)
        expect(restore("first", "--snapshot", first, "--dry-run"), 0)
        expect(restore("first", "--snapshot", first), 0)
    }

    @Test func `a drill that can't begin, and one of an older snapshot, leave no good word in the status`()
        throws
    {
        let world = world()
        let first = world.backup()
        expect(drill(world), 0)
        #expect(world.status("e['drillTrouble']") == "null")
        #expect(ShellCommand.run("mv", [world.path("store"), world.path("away")]).status == 0)
        expect(drill(world), 2)
        #expect(
            world.status(
                "[e['drillTrouble']['kind'], e['lastDrill']['outcome'], 'archive store' in e['drillTrouble']['reason']]"
            )
                == "[\"failed\", \"failed\", true]")
        #expect(ShellCommand.run("mv", [world.path("away"), world.path("store")]).status == 0)
        world.write("host/uploads/readme", "not as it was")
        _ = world.backup()
        expect(drill(world), 10)
        // The older one is sound, the newest is not.
        expect(drill(world, "--snapshot", first), 0, "this is not the newest snapshot")
        #expect(world.status("e['lastDrill']['outcome']") == "\"bad\"")
        world.write("host/uploads/readme", "hello")
        let third = world.backup()
        expect(drill(world, "--snapshot", third), 0)
        #expect(world.status("e['drillTrouble']") == "null")
    }

    @Test func `an environment whose drill can't be held keeps no other from its own`() throws {
        let world = world()
        world.edit(
            "host/strongroom.yaml", "environments:\n",
            """
              other: { url: \(world.path("nowhere")) }
            environments:
              apart:
                trust: { root: "\(world.text("prod.trust"))", repository: \(world.text("repository")) }
                sources: { config: { url: \(world.path("config")), branch: main, verify: none } }
                targets: [{ files: { directory: \(world.path("host/apart")) } }]
                backup:
                  store: other
                  sources: [{ directory: { name: uploads, path: \(world.path("host/uploads")) } }]
                  drill: { schedule: "30 4 * * *" }

            """)
        func drills() -> ShellCommand.Outcome { world.run("drill", "--config", world.settings) }
        _ = world.backup()
        let outcome = drills()
        expect(outcome, 2, "apart: ")
        #expect(outcome.text == "passed")
        #expect(outcome.errorText.contains("passed: control of a damaged pack"), "\(outcome.errorText)")
        world.write("host/uploads/readme", "not as it was")
        _ = world.backup()
        let worse = drills()
        expect(worse, 10, "the drill of prod failed")
        #expect(worse.errorText.contains("strongroom: apart: "), "\(worse.errorText)")
    }

    @Test func `an SQLite database comes back through its restore command`() throws {
        let world = world()
        let database = world.path("host/shop.db")
        func sql(_ file: String, _ text: String) -> String {
            ShellCommand.run("sqlite3", [file, text]).text
        }
        _ = sql(
            database,
            "CREATE TABLE orders(id INTEGER PRIMARY KEY, what TEXT, blob BLOB); INSERT INTO orders VALUES (1, 'a lamp', x'00ff'), (2, 'ä', NULL);"
        )
        let dump = sql(database, ".dump")
        addCommand(
            world,
            """
                  - command:
                      name: shop
                      run: [sqlite3, -readonly, "\(database)", .dump]
                      restore: { run: [sh, -c, 'sqlite3 "${STRONGROOM_DRILL:-\(world.path("host"))}/shop.db"'], drill: true }

            """)
        world.edit(
            "host/strongroom.yaml", "checks:\n",
            """
            checks:
                      - { name: orders, run: [sh, -c, 'test "$(sqlite3 shop.db "SELECT count(*) FROM orders")" = 2'] }

            """)
        _ = world.backup()
        expect(drill(world), 0, "passed: feed shop", "passed: check orders")
        #expect(sql(database, ".dump") == dump, "what is in use is left alone")
        // Fed back by hand, the database is what it was.
        TemporaryDirectory.removeTree(database)
        world.must(
            "restore", "--store", world.path("store"), "--snapshot", "latest", "--source", "shop", "--into",
            world.path("shop-back"), identity: "alice")
        #expect(
            ShellCommand.run("sh", ["-c", "sqlite3 '\(database)' < '\(world.path("shop-back/shop"))'"]).status
                == 0)
        #expect(sql(database, ".dump") == dump)
    }

    @Test(.enabled(if: PostgresServer.isInstalled, "PostgreSQL is not installed (Scripts/packages)"))
    func `a PostgreSQL database comes back equal through its restore command`() throws {
        let server = PostgresServer()
        let world = world()
        server.query("CREATE DATABASE app")
        server.query(
            """
            CREATE TABLE orders(id serial PRIMARY KEY, what text NOT NULL, at timestamptz DEFAULT now(), raw bytea);
            CREATE INDEX ON orders(what);
            INSERT INTO orders(what, raw) SELECT 'order ' || n, decode(md5(n::text), 'hex') FROM generate_series(1, 5000) n;
            CREATE VIEW few AS SELECT * FROM orders WHERE id < 10;
            """, in: "app")
        let before = server.dump("app")
        let restore = """
            set -eu; database=app
            if [ -n "${STRONGROOM_DRILL:-}" ]; then database=trial; createdb -h \(server.socket) -U postgres trial; fi
            pg_restore -h \(server.socket) -U postgres --exit-on-error --clean --if-exists -d "$database"
            """
        world.write("host/feed", restore)
        addCommand(
            world,
            """
                  - command:
                      name: database
                      run: [pg_dump, -Fc, -Z0, -h, "\(server.socket)", -U, postgres, app]
                      restore: { run: [sh, "\(world.path("host/feed"))"], drill: true }

            """)
        _ = world.backup()
        expect(drill(world), 0, "passed: feed database")
        #expect(server.dump("trial") == before)
        // In place: what happened since is gone, what was there is back.
        server.query("DELETE FROM orders WHERE id > 100; DROP VIEW few", in: "app")
        #expect(server.dump("app") != before)
        world.must(
            "restore", "--store", world.path("store"), "--snapshot", "latest", "--source", "database",
            "--into",
            world.path("back"), identity: "alice")
        let fed = ShellCommand.run(
            "sh", ["-c", "sh '\(world.path("host/feed"))' < '\(world.path("back/database"))'"])
        #expect(fed.status == 0, "\(fed.errorText)")
        #expect(server.dump("app") == before)
    }
}

extension World {
    /// Gives the environment a member `drill` with this role, whose identity is `drill.identity`.
    func addDrillMember(role: String = "drill") {
        write("drill.recipient", must("keys", "new", "--output", path("drill.identity"), in: "host"))
        must(
            "keys", "add", "--environment", "prod", "--signing-key", path("alice"), "--role", role,
            "drill=" + text("drill.recipient"), identity: "alice")
        config.commit("Let drills open")
    }
}
