import Encodings
import Files
import Git
import Glibc
import Processes
import Sodium
import Support
import Testing

@testable import Delivery

@Suite struct CommandTargetTests {
    let fixture = Fixture()

    /// A target as somebody would write one: it keeps files in a directory, and speaks the protocol of FORMAT.md §5.
    static let keeper = """
        import base64, hashlib, hmac, json, os, sys
        root = sys.argv[1]
        request = json.load(sys.stdin)
        assert request["protocol"] == "strongroom.target/v1"
        def stands():
            return {os.path.relpath(os.path.join(d, n), root): open(os.path.join(d, n), "rb").read()
                    for d, _, names in os.walk(root) for n in names}
        wanted = {f["path"]: base64.b64decode(f.get("content", "")) for f in request["files"]}
        answer = {"protocol": "strongroom.target/v1"}
        old = stands()
        if request["action"] == "observe":
            key = bytes.fromhex(request["key"])
            answer["files"] = [{"path": p, "digest": hmac.new(key, c, hashlib.sha256).hexdigest()} for p, c in old.items()]
        else:
            answer["changes"] = [{"path": p, "action": "change" if p in old else "add"}
                                 for p, c in wanted.items() if old.get(p) != c]
            answer["changes"] += [{"path": p, "action": "remove"} for p in old if p not in wanted]
        if request["action"] == "apply":
            for p in old:
                if p not in wanted: os.remove(os.path.join(root, p))
            for p, c in wanted.items():
                os.makedirs(os.path.dirname(os.path.join(root, p)), exist_ok=True)
                open(os.path.join(root, p), "wb").write(c)
            answer["applied"] = True
        print(json.dumps(answer, indent="\\t"))
        """

    private func target(
        _ arguments: [String], timeout: Duration = .seconds(300)
    ) throws -> CommandTarget {
        try CommandTarget(
            name: "keeper", program: ChildProgram(arguments, timeout: timeout, grace: .milliseconds(200)))
    }

    private func keeper() throws -> CommandTarget {
        fixture.write("keeper.py", CommandTargetTests.keeper)
        fixture.write("kept/old.txt", "old")
        return try target(["python3", fixture.scratch.file("keeper.py"), fixture.scratch.file("kept")])
    }

    private func deliver(_ tree: OpenedTree, to target: CommandTarget) throws(DeliveryError) -> Receipt {
        let session = try TargetSession.open(.command(target), now: time(1_000))
        let plan = try session.plan(tree)
        return try session.deliver(plan, at: time(1_000))
    }

    /// A tree with one secret file.
    private func secretTree(_ text: String) throws -> OpenedTree {
        let bytes = Array(text.utf8)
        let file = OpenedFile(
            path: "secret.txt", isExecutable: false, origin: .sealedFile,
            fingerprint: bytes.withBytes { fixture.digest.fingerprint(of: $0) },
            content: HeldContent(bytes.withBytes { SecretBytes(copying: $0) }))
        return OpenedTree(
            source: "config", environment: "prod",
            commit: try ObjectID(hex: String(repeating: "a", count: 40)),
            files: [file], notices: [], digest: fixture.digest)
    }

    /// What a delivery to a shell script throws.
    private func failure(
        _ script: String, _ tree: OpenedTree? = nil, timeout: Duration = .seconds(300)
    ) throws -> DeliveryError {
        let target = try target(["sh", "-c", script], timeout: timeout)
        let tree = try tree ?? fixture.tree(["a.txt": "one"])
        do throws(DeliveryError) {
            _ = try deliver(tree, to: target)
        } catch {
            return error
        }
        throw DeliveryError(.io, "the delivery ended well")
    }

    @Test func `a command plans, applies and observes, and what stands already is left alone`() throws {
        let target = try keeper()
        let tree = try fixture.tree(["a.txt": "one", "deep/b.txt": "\"two\"\n"])
        let plan = try Target.command(target).preview(tree)
        #expect(plan.lines.dropLast() == ["add a.txt", "add deep/b.txt", "remove old.txt"])
        #expect(try Target.command(target).observe(tree).lines == plan.lines)
        #expect(fixture.text("kept/old.txt") == "old")
        #expect(try deliver(tree, to: target).outcome == .applied)
        #expect(fixture.text("kept/deep/b.txt") == "\"two\"\n" && fixture.text("kept/old.txt") == nil)
        #expect(try deliver(tree, to: target).outcome == .unchanged)
        #expect(try Target.command(target).observe(tree).isEmpty)
        fixture.write("kept/a.txt", "ONE")
        fixture.write("kept/more.txt", "foreign")
        #expect(
            try Target.command(target).observe(tree).lines.dropLast() == ["change a.txt", "remove more.txt"])
    }

    @Test(arguments: [
        "cat > /dev/null; exit 3", "cat > /dev/null; kill -9 $$", "exec <&-; exit 0",
        "cat > /dev/null; echo no",
        "cat > /dev/null; echo '{}'", "cat > /dev/null",
        "cat > /dev/null; echo '{\"protocol\": \"other/v1\"}'",
        "cat > /dev/null; echo '{\"protocol\":\"strongroom.target/v1\",\"changes\":[{\"path\":\"a\",\"action\":\"burn\"}]}'",
    ]) func `F065 a command that fails, ends before it reads, or answers amiss is a failed delivery`(
        script: String
    ) throws {
        let error = try failure(script)
        #expect(error.code == .commandFailed && error.category == .target)
    }

    @Test func `F065 a command that hangs is ended with its process group`() throws {
        var note: String?
        // On a machine that is busy the command may not have begun within the first of these times.
        for timeout in [Duration.milliseconds(500), .seconds(10), .seconds(100)] where note == nil {
            let error = try failure(
                "cat > /dev/null; sleep 100000 & echo $! > \(fixture.scratch.file("pid")); wait",
                timeout: timeout)
            #expect(error.code == .commandFailed)
            note = fixture.text("pid")
        }
        let process = try #require(pid_t((note ?? "").split(separator: "\n").first ?? ""))
        var isGone = false
        for _ in 0..<12_000 where !isGone {
            isGone =
                kill(process, 0) != 0
                || (fixture.text("../../proc/\(process)/stat") ?? ") Z ").contains(") Z ")
            usleep(10_000)
        }
        #expect(isGone)
    }

    @Test(arguments: ["", ">&2; exit 1"])
    func `F065 a gigabyte of output is cut off`(redirection: String) throws {
        let error = try failure("cat > /dev/null; head -c 1073741824 /dev/zero \(redirection)")
        #expect(error.code == .commandFailed)
        #expect(error.context.utf8.count < 1_000)
    }

    @Test func `F065 the words of a command that failed are shown without a secret in any spelling`() throws {
        let secret = "correct/horse \"battery\" staple+7f"
        let script = """
            cat > \(fixture.scratch.file("request"))
            python3 - '\(fixture.scratch.file("request"))' >&2 <<'END'
            import base64, json, sys, urllib.parse
            value = base64.b64decode(json.load(open(sys.argv[1]))["files"][0]["content"])
            text = value.decode()
            print("raw", text, "part", text[3:20])
            print("base64", base64.b64encode(value).decode(), base64.b64encode(b"user:" + value).decode(), base64.urlsafe_b64encode(value).decode())
            print("hex", value.hex(), value.hex().upper(), "json", json.dumps(text), "url", urllib.parse.quote(text, safe=""), "end")
            END
            exit 1
            """
        let error = try failure(script, try secretTree(secret))
        #expect(error.context.contains("raw [redacted]") && error.context.contains("end"))
        for form in [
            secret, "horse", "battery", Base64.standard.encode(Array(secret.utf8)).dropLast(4),
            Hex.encode(Array(secret.utf8)),
        ]
            as [any StringProtocol]
        {
            #expect(!error.context.contains(String(form)))
        }
        let words = error.context.split(separator: " ").filter { $0.count > 20 }
        #expect(words.isEmpty, "\(words)")
    }

    @Test func `F065 where a secret is too short to be found, no word of the command is shown`() throws {
        let error = try failure("cat > /dev/null; echo it is abc >&2; exit 1", try secretTree("abc"))
        #expect(!error.context.contains("abc") && error.context.contains("withheld"))
    }

    @Test func `F066 no secret is in the command's arguments, variables or files`() throws {
        let secret = "CANARY-7f3d91c2-of-a-command"
        let script = """
            tr '\\0' ' ' < /proc/$$/cmdline > \(fixture.scratch.file("cmdline"))
            tr '\\0' ' ' < /proc/$$/environ > \(fixture.scratch.file("environ"))
            ls -l /proc/$$/fd > \(fixture.scratch.file("descriptors"))
            grep -rl "CANARY-7f3d""91c2" /tmp/strongroom-* /dev/shm /run 2> /dev/null > \(fixture.scratch.file("files"))
            cat > /dev/null
            echo '{"protocol": "strongroom.target/v1"}'
            """
        let target = try target(["sh", "-c", script])
        #expect(try Target.command(target).preview(try secretTree(secret)).isEmpty)
        for name in ["cmdline", "environ", "files"] {
            #expect(fixture.text(name)?.contains("CANARY-7f3d91c2") == false, "\(name)")
        }
        let descriptors = (fixture.text("descriptors") ?? "").split(separator: "\n").filter {
            $0.contains("->")
        }
        #expect(descriptors.allSatisfy { $0.contains("pipe:") || $0.hasSuffix("descriptors") })
    }

    @Test(arguments: [
        #"[{"path":"other.txt","action":"change"}]"#, #"[{"path":"../secret.txt","action":"remove"}]"#,
        #"[{"path":"/etc/passwd","action":"remove"}]"#, #"[{"path":"","action":"add"}]"#,
        #"[{"path":"it/CANARY-7f3d91c2-of/x","action":"remove"}]"#, #"[{"action":"add"}]"#, "[1]",
    ]) func `F065 an answer that plans what was not handed over, or tells a secret by a name, is refused`(
        changes: String
    ) throws {
        let script = """
            cat > /dev/null; echo >> \(fixture.scratch.file("calls"))
            echo '{"protocol":"strongroom.target/v1","changes":\(changes),"applied":true}'
            """
        let tree = try secretTree("CANARY-7f3d91c2-of-a-command")
        guard changes != "[1]" else {
            // A list of no objects has no changes: nothing is applied.
            let target = try target(["sh", "-c", script])
            #expect(try deliver(tree, to: target).outcome == .unchanged)
            return
        }
        let error = try failure(script, tree)
        #expect(error.code == .commandFailed && !everyWord(of: error).contains("CANARY-7f3d91c2"))
        #expect(fixture.text("calls") == "\n", "apply was called")
    }

    @Test func `F065 a command that fails half-way is called anew by the next run`() throws {
        let marker = fixture.scratch.file("half")
        let script = """
            request=$(cat)
            case $request in *'"action":"apply"'*)
              test -e \(marker) && echo '{"protocol":"strongroom.target/v1","applied":true}' && exit
              touch \(marker); exit 1;;
            esac
            echo '{"protocol":"strongroom.target/v1","changes":[{"path":"a.txt","action":"add"}]}'
            """
        let target = try target(["sh", "-c", script])
        let tree = try fixture.tree(["a.txt": "one"])
        #expect(code { () throws(DeliveryError) in try deliver(tree, to: target) } == .commandFailed)
        #expect(try deliver(tree, to: target).outcome == .applied)
    }

    @Test func `what a command leaves running in its group ends with it`() throws {
        let script = """
            cat > /dev/null; sleep 100000 > /dev/null 2>&1 < /dev/null & echo $! > \(fixture.scratch.file("pid"))
            cat > /dev/null; echo '{"protocol":"strongroom.target/v1"}'
            """
        let target = try target(["sh", "-c", script])
        #expect(try deliver(try fixture.tree(["a.txt": "one"]), to: target).outcome == .unchanged)
        let number = (fixture.text("pid") ?? "").split(separator: "\n").first ?? ""
        let check =
            "for i in $(seq 6000); do s=$(cut -d' ' -f3 /proc/\(number)/stat 2>&-) || exit 0; "
            + "[ \"$s\" = Z ] && exit 0; sleep 0.02; done; exit 1"
        #expect(!number.isEmpty && ShellCommand.run("sh", ["-c", check]).status == 0)
    }

    @Test func `two commands of one name are one target`() throws {
        let world = try World()
        let reconciliation = try world.reconciliation()
        let target = try target(["true"])
        #expect(
            code { () throws(DeliveryError) in
                try Reconciliation(
                    source: reconciliation.source, policy: reconciliation.policy,
                    opener: reconciliation.opener,
                    targets: [.command(target), .command(target)], state: reconciliation.state)
            } == .targetCollision)
    }
}
