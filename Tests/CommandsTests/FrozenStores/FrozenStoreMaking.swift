import Assembly
import Encodings
import Files
import Glibc
import Keyrings
import SSH
import Sodium
import Storage
import Support
import Testing
import Trust

@testable import Archives

/// Makes the stores of Tests/Fixtures/Stores anew: where STRONGROOM_FROZEN names an empty directory, and only by the word of
/// whoever changes the format (Tests/Fixtures/README.md).
@Suite(.serialized, .enabled(if: FrozenStore.making != nil, "only where STRONGROOM_FROZEN names a directory"))
struct FrozenStoreMaking {
    /// A small tree of what is hard to keep.
    private static let tree = #"""
        import os, sys
        top = os.fsencode(sys.argv[1])
        os.makedirs(top + b"/d/e", exist_ok=True)
        def write(path, data, mode=0o640):
            with open(top + b"/" + path, "wb") as file:
                file.write(data)
            os.chmod(top + b"/" + path, mode)
        write(b"readme", b"hello\n")
        write(b"empty", b"")
        # More than eight chunks, a few of them again and again: segments as a tree.
        write(b"long", b"".join(b"line %d of a long file\n" % (n % 1000) for n in range(150000)))
        for name in (b"\xff\xfe\nname", "caf\u00e9".encode(), "cafe\u0301".encode(), b"-rf", b"a" * 255):
            write(name, name)
        write(b"d/script", b"#!/bin/sh\n", 0o4755)
        with open(top + b"/sparse", "wb") as file:
            file.truncate(64 << 20)
            file.seek(20 << 20)
            file.write(b"middle")
        os.link(top + b"/readme", top + b"/Again")
        os.link(top + b"/readme", top + b"/d/e/zz")
        os.symlink("../nowhere", top + b"/link")
        os.symlink(b"\xff\n", top + b"/strange link")
        os.mkfifo(top + b"/pipe", 0o622)
        os.chown(top + b"/empty", 4294967294, 7)
        os.chown(top + b"/caf\xc3\xa9", 1, 0)
        os.setxattr(top + b"/readme", "user.note", b"\0\x01\xff")
        os.setxattr(top + b"/d", "user.empty", b"")
        os.setxattr(top + b"/d/script", "system.posix_acl_access", bytes.fromhex(
            "0200000001000700ffffffff02000700d204000004000500ffffffff10000700ffffffff20000500ffffffff"))
        for number in range(30):
            write(b"d/e/%d" % number, b"small %d" % number)
        for name, time in ((b"readme", 1700000000123456789), (b"empty", -1500000000), (b"link", 5000000000000000005), (b"d", 1)):
            os.utime(top + b"/" + name, ns=(time, time), follow_symlinks=False)
        """#

    private func python(_ script: String, _ arguments: String...) { HardCases.run(script, arguments) }

    /// Runs a verb on the world's store, must succeed.
    @discardableResult
    private func run(_ world: World, _ words: String..., as name: String = "alice") -> String {
        must(world, words + ["--store", world.path("store")], as: name)
    }

    @discardableResult
    private func must(_ world: World, _ words: [String], as name: String) -> String {
        let outcome = world.run(words, identity: name)
        #expect(outcome.status == 0, "\(words): \(outcome.errorText)")
        return outcome.text
    }

    private func key(_ name: String, _ world: World) -> String {
        let line = world.must("keys", "show", identity: name).split(separator: "\n").first {
            $0.hasPrefix("agent")
        }
        return String(line?.split(separator: " ").last ?? "")
    }

    /// Puts store, identities and what the snapshots hold into the target.
    private func finish(_ world: World, _ name: String, check: Int32) throws {
        let target = try #require(FrozenStore.making) + "/" + name
        let made = ShellCommand.run("mkdir", ["-p", target + "/expected"])
        #expect(made.status == 0)
        World.copy(world.path("store"), to: target + "/store")
        TemporaryDirectory.removeTree(target + "/store/BALLAST")
        func write(_ file: String, _ text: String) {
            ScratchRepository(at: target).write(file, text)
        }
        for (file, from) in [("alice", "alice"), ("host", "host"), ("agent", "mallory")]
        where file != "agent" || name == "everyday" {
            let words = "# For tests alone: whoever has this repository has this key.\n"
            write("\(file).identity", words + world.text("\(from).identity"))
        }
        write("check", "\(check)\n")
        let listed = run(world, "snapshots", "list", "--json")
        for line in listed.split(separator: "\n") where line.hasPrefix("    \"id\"") {
            let id = String(line.split(separator: "\"")[3])
            let (archive, place) = (world.path("\(id).tar"), world.path("\(id)-out"))
            run(world, "snapshots", "export", id, "--output", archive)
            let restored = world.run(
                "restore", "--store", world.path("store"), "--snapshot", id, "--into", place,
                identity: "alice")
            #expect([0, 10].contains(restored.status), "\(restored.errorText)")
            write(
                "expected/\(id)",
                HardCases.run(FrozenListing.make, [archive, place, "\(restored.status)"]) + "\n")
        }
        let checked = world.run(
            "store", "check", "--read-data", "--store", world.path("store"), identity: "alice")
        #expect(checked.status == check, "\(checked.text) \(checked.errorText)")
    }

    @Test func `everyday: an environment with all its sources, and all that is said about snapshots`() throws
    {
        let world = World()
        world.addDrillMember()
        world.must(
            "store", "init", world.path("store"), "--identity", world.path("host.identity"), "--reader",
            world.text("alice.recipient"), "--reader", world.text("drill.recipient"), "--writer",
            world.text("host.recipient"), "--signing-key", world.path("alice"))
        python(FrozenStoreMaking.tree, world.path("host/uploads"))
        world.write("host/orders.sql", "INSERT INTO orders VALUES (1, 'a lamp');\n")
        let app = ScratchRepository(creating: world.path("app"))
        app.write("main.c", (0..<200).map { "int f\($0)(void);\n" }.joined())
        app.commit("Begin")
        app.git("tag", "-a", "-m", "words", "v1")
        app.git("checkout", "-q", "-b", "topic")
        app.write("topic.c", "int topic;\n")
        app.commit("Try something")
        app.git("notes", "add", "-m", "a note")
        app.git("checkout", "-q", "main")
        world.edit(
            "host/strongroom.yaml", "        - command: { name: orders",
            "        - repository: { name: app, url: \(world.path("app")) }\n        - command: { name: orders"
        )
        world.edit(
            "host/strongroom.yaml", "      beforeChange: never\n",
            "      beforeChange: never\n      drill: { identity: \(world.path("drill.identity")) }\n")
        expect(world.sync(), 0)
        let first = world.backup()

        // An increment: more commits, a branch forced away, a tag that vanished.
        app.write("main.c", (0..<200).map { "int f\($0)(\($0 == 9 ? "int" : "void"));\n" }.joined())
        app.commit("Change a line")
        app.git("branch", "-f", "topic", "main~1")
        app.git("tag", "-d", "v1")
        app.git("tag", "v2")
        world.write("host/uploads/readme", "hello again\n")
        world.write("host/orders.sql", "INSERT INTO orders VALUES (2, 'a chair');\n")
        world.config.write("deploy/prod/app.yaml", "listen: 9090\n")
        world.config.commit("Second")
        expect(world.sync(), 0)
        let second = world.backup()
        expect(world.run("drill", "prod", "--config", world.settings), 0)
        run(world, "snapshots", "pin", first, "--reason", "kept for the audit", as: "host")
        run(world, "snapshots", "tag", second, "monthly", as: "host")
        run(world, "snapshots", "pin", second, "--reason", "by mistake", as: "host")
        run(world, "snapshots", "unpin", second, as: "host")

        // An agent of another group, revoked: one of its snapshots counts on, and one does not.
        let admin = ["--signing-key", world.path("alice"), "--store", world.path("store")]
        func keys(_ words: String...) { must(world, ["store", "keys"] + words + admin, as: "alice") }
        keys("rotate", "--add-writer", world.text("mallory.recipient"))
        keys("enrol", "mallory=\(key("mallory", world))", "--trust-group", "other")
        run(world, "backup", world.path("host/app"), as: "mallory")
        world.write("host/other/planted", "planted")
        let planted = run(world, "backup", world.path("host/other"), as: "mallory")
        keys("revoke", "mallory", "--except", planted)
        keys("rotate", "--read", "--write", "--remove-writer", world.text("mallory.recipient"))

        _ = world.backup()
        // Forgotten: a tombstone, and a chain that goes on behind it. Then marks, whose grace is not over.
        world.write("host/uploads/later", "soon to be forgotten")
        let forgotten = world.backup()
        TemporaryDirectory.removeTree(world.path("host/uploads/later"))
        run(world, "snapshots", "forget", forgotten, as: "host")
        _ = world.backup()
        run(world, "store", "prune", as: "host")
        // One that is partial, and says why.
        let partial = world.run(
            "backup", "--store", world.path("store"), "--command", "good=seq 100", "--command",
            "bad=seq 5; exit 3", identity: "host")
        #expect(partial.status == 10, "\(partial.errorText)")
        try finish(world, "everyday", check: 0)
    }

    @Test func `fine: small chunks and nodes, chunks named by BLAKE2b, devices and a socket`() async throws {
        try Sodium.start()
        let world = World()
        let identities = IdentityFiles(user: geteuid()) { _ in SecretBytes(randomCount: 1) }
        let alice = try #require(try identities.load([world.path("alice.identity")]).first)
        let host = try #require(try identities.load([world.path("host.identity")]).first)
        let signer = try SigningKey(openSSH: try identities.read(world.path("alice")))
        let creation = StoreCreation()
        let wrappedRead = try Age.encrypt(creation.readSecret, to: [alice.recipient.ageRecipient])
        let wrappedWrite = try Age.encrypt(
            creation.writeSecret, to: [alice.recipient.ageRecipient, host.recipient.ageRecipient])
        let read = PowerKeyRecord(
            number: 1, key: X25519.publicKey(of: creation.readSecret), wrapped: Digest(hashing: wrappedRead))
        let write = PowerKeyRecord(
            number: 1, key: WriteKey.check(of: creation.writeSecret), wrapped: Digest(hashing: wrappedWrite))
        let config = try StoreConfig(
            id: creation.id,
            cutting: CuttingParameters(
                minimum: 64, average: 128, maximum: 512, normalization: 1, bundleLimit: 256, entryBits: 1,
                listBits: 1),
            readKeys: [read], writeKeys: [write],
            agents: [
                AgentRecord(
                    name: "default", publicKey: StoreAccess.agentKey(of: host).publicKey,
                    powers: [.add, .prune])
            ], readers: [alice.recipient.text], writers: [host.recipient.text], idAlgorithm: .keyedBLAKE2b)
        let header = try GenerationHeader(
            first: .store, subject: creation.id.description, threshold: 1, admins: [signer.publicKey],
            body: config.encoded)
        let object = ConfigObject(
            generation: SignedGeneration(
                header: header, signatures: [SignedGeneration.signature(over: header, by: signer)]),
            config: config)
        let objects = try DirectoryStore.create(at: Path(world.path("store")))
        for (power, record, bytes) in [
            (StorePower.read, read, wrappedRead), (StorePower.write, write, wrappedWrite),
        ] {
            for copy in KeyFile.copies {
                try await objects.store(try KeyFile.name(power, record, copy), bytes)
            }
        }
        try await objects.put(try ConfigObject.name(1), object.encoded, ifAbsent: true)

        let script = #"""
            import os, sys
            top = sys.argv[1]
            os.makedirs(top)
            state = 1
            for name, count in (("readme", 400), ("numbers", 16000), ("other", 900)):
                data = bytearray()
                while len(data) < count:
                    state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
                    data += b"%x\n" % (state >> 40)
                with open(top + "/" + name, "wb") as file:
                    file.write(data[:count])
            for number in range(40):
                with open("%s/%02d" % (top, number), "w") as file:
                    file.write("small %d\n" % number)
            """#
        python(script, world.path("host/tree/uploads"))
        run(world, "backup", world.path("host/tree/uploads"), as: "host")
        let insert = #"""
            import sys
            with open(sys.argv[1], "r+b") as file:
                data = file.read()
                file.seek(0)
                file.write(data[:7000] + b"inserted" + data[7000:])
            """#
        python(insert, world.path("host/tree/uploads/numbers"))
        run(world, "backup", world.path("host/tree/uploads"), as: "host")
        let specials = #"""
            import os, socket, sys
            os.makedirs(sys.argv[1])
            os.chdir(sys.argv[1])
            os.mknod("null", 0o20666, os.makedev(1, 3))
            os.mknod("disk", 0o60660, os.makedev(8, 17))
            socket.socket(socket.AF_UNIX).bind("socket")
            with open("plain", "w") as file:
                file.write("between them\n")
            """#
        python(specials, world.path("host/specials"))
        run(world, "backup", world.path("host/specials"), as: "host")
        try finish(world, "fine", check: 0)
    }

    @Test func `mended: a damaged pack that is recorded, and uploaded again`() throws {
        let world = World()
        world.makeStore()
        python(FrozenStoreMaking.tree, world.path("host/uploads"))
        run(world, "backup", world.path("host/uploads"), as: "host")
        let damage = #"""
            import os, sys
            packs = [folder + "/" + name for folder, _, names in os.walk(sys.argv[1]) for name in names]
            pack = max(packs, key=os.path.getsize)
            os.chmod(pack, 0o600)
            with open(pack, "r+b") as file:
                data = file.read()
                for part in range(1, 6):
                    at = 8 + (len(data) - 1500) * part // 7
                    file.seek(at)
                    file.write(bytes([data[at] ^ 64]))
            """#
        python(damage, world.path("store/packs"))
        let checked = world.run(
            "store", "check", "--read-data", "--store", world.path("store"), identity: "alice")
        expect(checked, 9)
        let recorded = world.run(
            "store", "check", "--read-data", "--store", world.path("store"), identity: "host")
        #expect(recorded.status == 9, "\(recorded.errorText)")
        // All small files lie in one chunk, which is the same again.
        world.write("host/uploads/more", String(repeating: "more of it\n", count: 2000))
        run(world, "backup", world.path("host/uploads"), as: "host")
        try finish(world, "mended", check: 9)
    }
}
