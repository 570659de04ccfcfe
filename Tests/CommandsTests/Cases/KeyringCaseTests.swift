import Glibc
import Support
import Testing

/// Recipients, identities and headers that are not as they should be, met by the program: F004, F022, F025, F031-F033, F035.
@Suite struct KeyringCaseTests {
    private static let database = "deploy/prod/database.yaml"
    private static let key = "deploy/prod/server.key"

    @Test(arguments: [
        "", "age1", "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8q",
        "agf1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
        "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p ",
        "AGE1QL3Z7HJY54PW3HYWW5AYYFG7ZQGVC7W3J2ELW8ZMRJ2KG5SFN9AQMCAC8P",
        "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqs3290gq",
        "age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqptqlsj",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ",
    ]) func `F004: a malformed recipient is refused by its member's name, and nothing is written`(
        recipient: String
    )
        throws
    {
        let world = World()
        let before = try FileTree(world.config.path)
        let sign = ["--signing-key", world.path("alice")]
        let member = "carol=" + recipient
        let added = world.run(["keys", "add", "--environment", "prod", member] + sign, identity: "alice")
        expect(added, 2, "carol")
        let made = world.run(
            [
                "init", "--environment", "new", "--member", "dave=" + world.text("alice.recipient"),
                "--member", member,
            ]
                + sign)
        expect(made, 2, "carol")
        #expect(try FileTree(world.config.path) == before)
    }

    @Test func `F004: an environment without members is refused`() {
        let world = World()
        let nobody = world.run(
            "keys", "remove", "--environment", "prod", "alice", "host", "--signing-key", world.path("alice"),
            identity: "alice")
        expect(nobody, 2, "nobody would be left who can open")
        let second = ShellCommand.run("sh", ["-c", "ls -A \"$1/Keys\"", "sh", world.config.path]).text
        #expect(second == "prod.yaml\nstaging.yaml")
    }

    @Test func `F022: recipients that are removed, added, reordered or duplicated open nothing`() {
        let world = World()
        let sealed = world.bytes("config/\(Self.key)") ?? []
        let end = sealed.firstRange(of: Array("\n---".utf8))?.lowerBound ?? 0
        let lines = String(decoding: sealed[..<end], as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false
        ).map(String.init)
        // The version; share and body of the environment's stanza; the scope's stanza and its empty body.
        #expect(
            lines.count == 5 && lines[1].hasPrefix("-> X25519 ") && lines[3].hasPrefix("-> strongroom-scope ")
        )
        let (key, scope) = (Array(lines[1...2]), Array(lines[3...4]))
        let headers = [
            key, scope, scope + key, key + key + scope, key + scope + scope, key + scope + key, [],
            scope + scope,
        ]
        for header in headers {
            let text = ([lines[0]] + header).joined(separator: "\n")
            world.config.write(Self.key, Array(text.utf8) + sealed[end...])
            let outcome = world.run("open", Self.key, identity: "alice")
            #expect([3, 4].contains(outcome.status), "\(header.count): \(outcome.errorText)")
            #expect(outcome.stdout.isEmpty)
            // Where the form is kept, the MAC tells.
            if header == scope + key || header.count == 4 { expect(outcome, outcome.status) }
        }
        // Another environment's key in the place of the right one keeps the form.
        world.config.write(Self.key, World.serverKey)
        world.must("seal", Self.key)
        let other = world.text("config/\(Self.key)").split(separator: "\n").map(String.init)
        let mixed = [lines[0], other[1], other[2], lines[3], ""].joined(separator: "\n")
        world.config.write(Self.key, Array(mixed.utf8) + sealed[end...])
        let outcome = world.run("open", Self.key, identity: "alice")
        expect(outcome, 4)
        #expect(outcome.stdout.isEmpty)
    }

    @Test func `F025: no key, a wrong one, or one for half of the values opens nothing and writes nothing`()
        throws
    {
        let world = World()
        world.config.git("tag", "start")
        world.write(
            "bob.recipient", world.must("keys", "new", "--output", world.path("bob.identity"), in: "host"))
        world.must(
            "keys", "rotate", "--no-reseal", "--environment", "prod", "--signing-key", world.path("alice"),
            identityOf: "alice")
        world.must(
            "keys", "add", "--environment", "prod", "bob=" + world.text("bob.recipient"), "--signing-key",
            world.path("alice"), identityOf: "alice")
        world.must("set", Self.database, "stringData.password", stdin: "CANARY two")
        let before = try FileTree(world.config.path)
        let target = world.path("host/opened")
        for (name, words) in [
            ("mallory", "no identity here belongs to a member"), ("bob", "no key for prod epoch 1"),
        ] {
            for options in [[], ["--output", target], ["--in-place"]] {
                let outcome = world.run(["open", Self.database] + options, identity: name)
                expect(outcome, 4, words)
                #expect(outcome.stdout.isEmpty)
                #expect(unsafe access(target, F_OK) != 0)
            }
        }
        #expect(try FileTree(world.config.path) == before)
        #expect(world.must("open", Self.database, identityOf: "alice").contains("CANARY two"))
    }

    @Test func `F031: a key file of another user, or where others could exchange it, needs a flag`() {
        let world = World()
        let file = world.path("alice.identity")
        func open(_ options: String...) -> ShellCommand.Outcome {
            world.run(["open", Self.database] + options, identity: "alice")
        }
        func change(_ program: String, _ arguments: String...) {
            #expect(ShellCommand.run(program, arguments).status == 0)
        }
        expect(open(), 0)
        change("chmod", "o+w", world.path("."))
        expect(open(), 5, "alice.identity")
        expect(open("--allow-exposed-identity"), 0)
        change("chmod", "o-w", world.path("."))
        change("chmod", "640", file)
        expect(open(), 5, "alice.identity")
        expect(open("--allow-exposed-identity"), 0)
        change("chmod", "600", file)
        expect(open(), 0)
        // Only root can give files away.
        guard geteuid() == 0 else { return }
        change("chown", "65534", file)
        expect(open(), 5, "alice.identity")
        expect(open("--allow-exposed-identity"), 0)
    }

    @Test func `F032: key files are read as they are specified, and else refused by the line`() {
        let world = World()
        let lines = world.text("alice.identity").split(separator: "\n").map(String.init)
        let key = lines.first { $0.hasPrefix("AGE") } ?? ""
        let other = world.text("mallory.identity").split(separator: "\n").map(String.init).last ?? ""
        let broken = other.dropLast() + (other.hasSuffix("Q") ? "P" : "Q")
        func open(_ text: String) -> ShellCommand.Outcome {
            world.write("alice.identity", text)
            return world.run("open", Self.database, identity: "alice")
        }
        for text in [key, key + "\n", "# one\r\n\r\n\(key)\r\n", "\(other)\n# two\n\(key)\n"] {
            expect(open(text), 0)
        }
        for (text, line) in [
            ("\u{FEFF}\(key)\n", 1), ("# one\n\(key.dropLast())\n", 2), ("\(key)\n\(broken)\n", 2),
            ("\(key)\(other)\n", 1), ("\n\n \(key)\n", 3), ("\(key)\n\(world.text("alice.recipient"))", 2),
        ] {
            let outcome = open(text)
            expect(outcome, 3, "line \(line)")
            #expect(
                !outcome.errorText.contains(key.suffix(20)) && !outcome.errorText.contains(other.suffix(20)))
        }
        for text in ["", "# nothing\n"] { expect(open(text), 3) }
    }

    /// Runs the program with a terminal on which `answers` are typed, one for each prompt.
    private func type(_ answers: [String], _ world: World, _ arguments: [String]) -> ShellCommand.Outcome {
        let script = """
            import os, pty, sys
            answers = sys.argv[1].split("|"); command = sys.argv[2:]
            pid, terminal = pty.fork()
            if pid == 0: os.execv(command[0], command)
            seen = b""
            while True:
                try: data = os.read(terminal, 4096)
                except OSError: break
                if not data: break
                seen += data
                if data.rstrip(b" ").endswith(b":") and answers: os.write(terminal, answers.pop(0).encode() + b"\\n")
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            sys.stdout.buffer.write(seen); sys.exit(code if code >= 0 else 128 - code)
            """
        return ShellCommand.run(
            "python3", ["-c", script, answers.joined(separator: "|"), World.program] + arguments,
            environment: ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": world.path("home"), "LC_ALL": "C"],
            directory: world.config.path)
    }

    @Test func `F033: every verb opens with a passphrase, and with no other`() {
        let world = World()
        let file = world.path("vault.identity")
        let made = type(
            ["open sesame", "open sesame"], world, ["keys", "new", "--output", file, "--passphrase"])
        #expect(made.status == 0, "\(made.text)")
        let recipient = made.text.split { $0.isWhitespace }.first { $0.hasPrefix("age1") } ?? ""
        #expect(
            type(["one", "two"], world, ["keys", "new", "--output", file + "2", "--passphrase"]).status == 2)
        #expect(unsafe access(file + "2", F_OK) != 0)
        #expect(world.text("vault.identity").hasPrefix("-----BEGIN AGE ENCRYPTED FILE-----"))
        world.must(
            "keys", "add", "--environment", "prod", "vault=\(recipient)", "--epochs", "all", "--role",
            "escrow",
            "--signing-key", world.path("alice"), identityOf: "alice")
        let identity = ["--identity", file]
        let sign = ["--environment", "prod", "--signing-key", world.path("alice")]
        let opened = type(["open sesame"], world, ["open", Self.database] + identity)
        #expect(opened.status == 0 && opened.text.contains("correct horse"))
        #expect(!opened.text.contains("sesame"))
        let wrong = type(["open says me"], world, ["open", Self.database] + identity)
        #expect(wrong.status == 4 && !wrong.text.contains("says me"))
        #expect(type([""], world, ["open", Self.database] + identity).status == 4)
        // The verbs that need a member's identity take it, too.
        for verb in [["rotate"], ["remove", "host"]] {
            let outcome = type(["open sesame"], world, ["keys"] + verb + identity + sign)
            #expect(outcome.status == 0, "\(outcome.text)")
        }
        #expect(world.must("keys", "list", "--environment", "prod").contains("epoch 3"))
        #expect(type(["open sesame"], world, ["keys", "show"] + identity).text.contains(recipient))
        #expect(type(["open sesame"], world, ["open", Self.key] + identity).text.contains("CANARY-51ab"))
        // Without a terminal nobody waits for an answer.
        let silent = ShellCommand.run(
            "setsid", ["-w", World.program, "open", Self.database] + identity,
            environment: ["PATH": "/usr/bin:/bin", "HOME": world.path("home")], directory: world.config.path)
        expect(silent, 2, "there is no terminal to ask on")
    }

    @Test(arguments: ["0", "23", "63", "9223372036854775808", "018", "-1"])
    func `F033: a work factor outside of 1 to 22 is malformed`(factor: String) {
        let world = World()
        let file = "vault.identity"
        let salt = String(repeating: "A", count: 22)
        let body = String(repeating: "A", count: 43)
        world.write(
            file,
            "age-encryption.org/v1\n-> scrypt \(salt) \(factor)\n\(body)\n--- \(body)\n"
                + String(repeating: "x", count: 48))
        #expect(ShellCommand.run("chmod", ["600", world.path(file)]).status == 0)
        let outcome = type(["open sesame"], world, ["open", Self.database, "--identity", world.path(file)])
        #expect(outcome.status == 3, "\(outcome.text)")
    }

    @Test func `F035: where memory can't be locked it is said, or refused where that is required`() {
        let world = World()
        // Without the privilege to lock beyond the limit, which root has.
        func run(_ limit: Int, _ mode: String?) -> ShellCommand.Outcome {
            var environment = [
                "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": world.path("home"),
                "STRONGROOM_IDENTITY": world.path("alice.identity"),
            ]
            if let mode { environment["STRONGROOM_LOCKED_MEMORY"] = mode }
            let drop = geteuid() == 0 ? ["setpriv", "--bounding-set=-ipc_lock"] : []
            return ShellCommand.run(
                "prlimit", ["--memlock=\(limit)"] + drop + [World.program, "open", Self.database],
                environment: environment, directory: world.config.path)
        }
        for mode in [nil, "warn"] {
            let outcome = run(0, mode)
            expect(outcome, 0, "memory can't be locked")
            #expect(outcome.text == World.database)
        }
        #expect(run(0, "off").errorText.contains("locked") == false)
        expect(run(0, "require"), 5, "memory can't be locked")
        expect(run(0, "perhaps"), 2, "STRONGROOM_LOCKED_MEMORY")
        let full = run(4 << 20, "require")
        expect(full, 0)
        #expect(full.text == World.database && !full.errorText.contains("locked"))
        // However far it gets before the limit is met, it refuses in words and gives nothing away.
        var refused = 0
        for pages in [1, 4, 6, 8, 10, 12, 16, 20, 24, 32, 48] {
            let outcome = run(pages * 4096, "require")
            if outcome.status == 0 {
                #expect(outcome.text == World.database)
            } else {
                refused += 1
                expect(outcome, 5)
                #expect(outcome.stdout.isEmpty)
            }
        }
        #expect(refused > 0)
    }
}
