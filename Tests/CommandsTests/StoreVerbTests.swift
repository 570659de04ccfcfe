import Glibc
import Support
import Testing

/// Verbs on stores by the real program: places, names, full disks, stopped writers.
@Suite struct StoreVerbTests {
    /// A world with two backups, whose file `big` differs.
    private static func world(on mounted: Bool = false) throws -> (world: World, ids: [String]) {
        let world = World()
        if mounted {
            try #require(unsafe mkdir(world.path("store"), 0o700) == 0)
            try #require(unsafe mount("tmpfs", world.path("store"), "tmpfs", 0, "size=160m,mode=700") == 0)
        }
        world.makeStore()
        world.writeUploads()
        expect(world.sync(), 0)
        var ids: [String] = []
        for name in ["old", "new"] {
            var generator = SystemRandomNumberGenerator()
            world.write("host/\(name)", (0..<9_000).map { _ in "\(generator.next())" }.joined())
            _ = ShellCommand.run("cp", ["-p", world.path("host/\(name)"), world.path("host/uploads/big")])
            ids.append(world.backup())
        }
        return (world, ids)
    }

    private static func expectSound(
        _ world: World, _ id: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        expect(
            world.run("store", "check", "--read-data", world.path("store"), identity: "alice"), 0,
            sourceLocation: sourceLocation)
        TemporaryDirectory.removeTree(world.path("back"))
        expect(
            world.run(
                "restore", "--store", world.path("store"), "--snapshot", id, "--into", world.path("back"),
                identity: "alice"), 0, sourceLocation: sourceLocation)
    }

    // MARK: - Places

    @Test func `a store is not copied into itself, and a replica mends what is damaged in it`() throws {
        let (world, ids) = try Self.world()
        let store = world.path("store")
        func copy(_ arguments: String...) -> ShellCommand.Outcome {
            world.run(["store", "copy"] + arguments, identity: "host")
        }
        for (from, to) in [
            (store, "\(store)/replica"), (store, "\(store)/../store/packs"), (store, world.path("host/..")),
        ] {
            expect(copy(from, to), 2, "lies in the other")
        }
        _ = ShellCommand.run("ln", ["-s", store, world.path("link")])
        expect(copy(store, world.path("link/deep")), 2, "lies in the other")
        expect(copy(store, world.path("replica")), 0)
        // Of the same length, and other bytes.
        let damage = ShellCommand.run(
            "sh",
            [
                "-c",
                "for f in $(find \(store)/packs \(store)/index -type f); do "
                    + "printf xxxx | dd of=$f bs=1 seek=100 conv=notrunc status=none; done",
            ])
        #expect(damage.status == 0)
        expect(copy(world.path("replica"), store), 0)
        expect(world.run("store", "check", "--read-data", store, identity: "alice"), 9)
        let mended = copy("--verify", world.path("replica"), store)
        #expect(mended.status == 0 && mended.text.contains("were damaged in the target"), "\(mended.text)")
        Self.expectSound(world, ids[1])
        #expect(
            copy("--verify", "--json", store, world.path("replica")).text.contains("\"copiedObjects\" : 0"))
        // No lease stays behind.
        #expect(ShellCommand.run("find", [store + "/leases", "-type", "f"]).text.isEmpty)
    }

    @Test func `D10: a store is known by its real path, and a link that leads elsewhere is refused`() throws {
        let (world, _) = try Self.world()
        func list(_ store: String) -> ShellCommand.Outcome {
            world.run("snapshots", "list", "--store", store, identity: "alice")
        }
        expect(list(world.path("store")), 0)
        _ = ShellCommand.run("ln", ["-s", world.path("store"), world.path("link")])
        for spelled in ["host/../store", "./store/.", "link"] {
            let again = list(world.path(spelled))
            #expect(
                again.status == 0 && !again.errorText.contains("trusting"), "\(spelled): \(again.errorText)")
        }
        // Another store behind the link, never seen by its own path.
        expect(
            world.run(
                "store", "init", world.path("other"), "--identity", world.path("host.identity"), "--reader",
                world.text("alice.recipient"), "--writer", world.text("host.recipient")), 0)
        TemporaryDirectory.removeTree(world.path("home"))
        _ = unsafe mkdir(world.path("home"), 0o700)
        expect(list(world.path("link")), 0)
        _ = ShellCommand.run("ln", ["-sfn", world.path("other"), world.path("link")])
        expect(list(world.path("link")), 5)
    }

    @Test func `what is no place for a store is told as that`() throws {
        let world = World()
        world.write("host/file", "x")
        let outcome = world.run("store", "probe", world.path("host/file"), identity: "host")
        #expect([2, 5].contains(outcome.status), "\(outcome.status): \(outcome.errorText)")
        #expect(outcome.errorText.contains(world.path("host/file")), "\(outcome.errorText)")
        expect(world.run("store", "probe", world.path("host/nothing"), identity: "host"), 2)
    }

    @Test func `agents and groups are enrolled under plain names alone`() throws {
        let (world, _) = try Self.world()
        let key = String(repeating: "ab", count: 32)
        func enrol(_ name: String, _ group: String = "default") -> ShellCommand.Outcome {
            world.run(
                "store", "keys", "enrol", "\(name)=\(key)", "--trust-group", group, "--store",
                world.path("store"), "--dry-run", identity: "host")
        }
        for name in ["", "a b", "-x", ".x", "ä", "x\u{202E}", String(repeating: "x", count: 65), "a/b"] {
            expect(enrol(name), 2)
            expect(enrol("fine", name), 2)
            expect(
                world.run(
                    "store", "init", world.path("new"), "--agent", "\(name)=\(key)", identity: "host"), 2)
        }
        expect(enrol("web-1.example@prod_2"), 0)
        expect(
            world.run(
                "store", "init", world.path("new"), "--agent", "default=\(key)", identity: "host"), 2,
            "already")
    }

    @Test func `a lease of any length that nobody wrote holds prune up, and is told as what it is`() throws {
        let (world, _) = try Self.world()
        let session = String(repeating: "ab", count: 16)
        let folder = world.path("store/leases/\(session)")
        _ = ShellCommand.run("mkdir", ["-p", folder])
        let made = ShellCommand.run("truncate", ["-s", "200G", folder + "/00000001"])
        try #require(made.status == 0, "\(made.errorText)")
        let outcome = world.run("store", "prune", world.path("store"), "--grace", "0s", identity: "host")
        expect(outcome, 8, "lease can't be read")
        #expect(!outcome.errorText.contains("unknown"))
        let check = world.run("store", "check", world.path("store"), identity: "alice")
        #expect(check.status == 9 && check.text.contains("store prune clears it away"), "\(check.text)")
        let name = "leases/\(session)/00000001"
        #expect(!check.text.contains("\(name): \(name)"), "\(check.text)")
    }

    // MARK: - Full disks

    @Test(.enabled(if: Mounts.isAllowed, "needs root that may mount"))
    func `D11: on a full disk the ballast gives the room that forgetting and pruning need`() throws {
        var (world, ids) = try Self.world(on: true)
        let store = world.path("store")
        defer { unsafe umount2(store, Int32(MNT_DETACH)) }
        // What the second one alone needs lies in packs of its own.
        _ = ShellCommand.run("cp", ["-p", world.path("host/old"), world.path("host/uploads/big")])
        ids.append(world.backup())
        func fill() {
            _ = ShellCommand.run(
                "sh", ["-c", "cat /dev/zero > \(store)/fill 2> \(world.path("filled"))"])
        }
        func makeBallast() {
            #expect(ShellCommand.run("fallocate", ["-l", "64M", "\(store)/BALLAST"]).status == 0)
        }
        let hasBallast = { ShellCommand.run("test", ["-e", "\(store)/BALLAST"]).status == 0 }
        func forget() -> ShellCommand.Outcome {
            world.run("snapshots", "forget", String(ids[1].prefix(12)), "--store", store, identity: "host")
        }
        func prune() -> ShellCommand.Outcome {
            world.run("store", "prune", store, "--grace", "0s", identity: "host")
        }
        // Without it there is no way.
        fill()
        #expect(world.run("backup", "prod", "--config", world.settings).status == 7)
        #expect(prune().status == 7)
        #expect(forget().status == 7)
        // With it there is.
        _ = unsafe unlink("\(store)/fill")
        makeBallast()
        fill()
        #expect(world.run("backup", "prod", "--config", world.settings).status == 7)
        #expect(hasBallast())
        let forgotten = forget()
        #expect(forgotten.status == 0, "\(forgotten.errorText)")
        #expect(!hasBallast())
        _ = unsafe unlink("\(store)/fill")
        makeBallast()
        fill()
        let pruned = prune()
        #expect(
            pruned.status == 0 && pruned.errorText.contains("ballast was given back")
                && pruned.text.contains("removed: "), "\(pruned.text) \(pruned.errorText)")
        #expect(!hasBallast())
        _ = unsafe unlink("\(store)/fill")
        Self.expectSound(world, ids[2])
        #expect(leftovers(below: store) == [])
    }

    // MARK: - Stopped writers

    /// Backs up what the first snapshot held, and stops the writer (SIGSTOP) while it has its lease and its index. Then the
    /// first snapshot is forgotten, `meanwhile` runs, and the writer goes on. Returns what it printed.
    private func stopWriter(_ world: World, _ ids: [String], meanwhile: String) -> ShellCommand.Outcome {
        _ = ShellCommand.run(
            "cp", ["-p", world.path("host/old"), world.path("host/uploads/big")])
        // A command that is captured waits until the writer was stopped and everything else is done.
        world.edit(
            "host/strongroom.yaml", "run: [\"cat\", \"\(world.path("host/orders.sql"))\"]",
            "run: [\"sh\", \"-c\", \"touch \(world.path("ready")); until test -e \(world.path("go")); do sleep 0.05; done; cat \(world.path("host/orders.sql"))\"]"
        )
        let program = "'\(World.program)'"
        let store = world.path("store")
        let script = """
            \(program) backup prod --config '\(world.settings)' > '\(world.path("id"))' 2> '\(world.path("log"))' &
            writer=$!
            until test -e '\(world.path("ready"))'; do sleep 0.05; done
            kill -STOP $writer
            until grep -q '^State:.*T' /proc/$writer/status; do sleep 0.05; done
            touch '\(world.path("go"))'
            export STRONGROOM_IDENTITY='\(world.path("host.identity"))' STRONGROOM_STORE='\(store)'
            \(program) snapshots forget \(ids[0].prefix(12)) || echo forget failed
            \(meanwhile)
            kill -CONT $writer
            wait $writer
            echo writer $?
            """
        return ShellCommand.run(
            "sh", ["-c", script],
            environment: [
                "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": world.path("home"), "LC_ALL": "C",
                "TZ": "UTC",
            ], directory: world.path("config"))
    }

    @Test func `F093: a writer that is stopped while prune runs in full loses nothing`() throws {
        let (world, ids) = try Self.world()
        let program = "'\(World.program)' store prune"
        let outcome = stopWriter(
            world, ids,
            meanwhile: """
                \(program) --grace 0s; echo without $?
                \(program) --grace 1s > '\(world.path("marked"))'; echo marked $?
                sleep 2
                \(program) --grace 1s > '\(world.path("swept"))'; echo swept $?
                """)
        let lines = outcome.text.split(separator: "\n").map(String.init)
        // Without a grace nobody else may be at work; with one, what is older than the mark holds it up.
        #expect(
            lines.contains("without 8") && lines.contains("marked 0") && lines.contains("swept 0"), "\(lines)"
        )
        #expect(!world.text("swept").contains("removed: "), "\(world.text("swept"))")
        // It aborted and began anew, or relies on what is still there: either way its snapshot is whole.
        #expect(lines.last == "writer 0", "\(lines) \(world.text("log"))")
        let id = world.text("id").split(separator: "\n").first.map(String.init) ?? ""
        Self.expectSound(world, id)
        #expect(world.bytes("back/directories/uploads/big") == world.bytes("host/old"))
        expect(world.run("store", "prune", world.path("store"), "--grace", "0s", identity: "host"), 0)
        Self.expectSound(world, id)
        #expect(world.bytes("back/directories/uploads/big") == world.bytes("host/old"))
        Self.expectSound(world, ids[1])
    }

    @Test func `F093: a writer that is taken for over while it is stopped uploads again what went`() throws {
        let (world, ids) = try Self.world()
        // As after its promise, seen from another machine: its lease counts no more, and all it relied on goes.
        let outcome = stopWriter(
            world, ids,
            meanwhile: """
                find '\(world.path("store/leases"))' -type f -delete
                '\(World.program)' store prune --grace 0s > '\(world.path("swept"))'; echo swept $?
                """)
        let lines = outcome.text.split(separator: "\n").map(String.init)
        #expect(lines.contains("swept 0"), "\(lines) \(outcome.errorText)")
        #expect(world.text("swept").contains("removed: "), "\(world.text("swept"))")
        let id = world.text("id").split(separator: "\n").first.map(String.init) ?? ""
        let listed = world.run(
            "snapshots", "list", "--json", "--store", world.path("store"), identity: "alice")
        if lines.last == "writer 0" {
            Self.expectSound(world, id)
            #expect(world.bytes("back/directories/uploads/big") == world.bytes("host/old"))
        } else {
            // Or it gives up, and leaves no snapshot.
            #expect(lines.last == "writer 8", "\(lines) \(world.text("log"))")
            #expect(listed.text.split(separator: "\n").count { $0.contains("\"id\" : ") } == 1)
        }
        Self.expectSound(world, ids[1])
        #expect(world.bytes("back/directories/uploads/big") == world.bytes("host/new"))
    }
}

/// Whether tests may mount file systems: root in some containers may not.
enum Mounts {
    static let isAllowed: Bool = {
        let scratch = TemporaryDirectory("mounts")
        guard geteuid() == 0, unsafe mount("tmpfs", scratch.path, "tmpfs", 0, "size=64k") == 0 else {
            return false
        }
        unsafe umount2(scratch.path, Int32(MNT_DETACH))
        return true
    }()
}
