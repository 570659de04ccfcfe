import Files
import Git
import Glibc
import Processes
import Sodium
import Support
import Testing

@testable import Delivery

@Suite struct CompletionTests {
    let fixture = Fixture()

    private func target(
        _ layout: FilesTarget.Layout, _ script: String, timeout: Duration = .seconds(300)
    ) throws -> FilesTarget {
        var target = try fixture.target(layout)
        target.completion = .program(ChildProgram(["sh", "-c", script], timeout: timeout))
        return target
    }

    private var calls: Int { (fixture.text("calls") ?? "").count { $0 == "\n" } }

    @Test(arguments: FilesTarget.Layout.allCases)
    func `a command is run after each change, and only then`(layout: FilesTarget.Layout) throws {
        let target = try target(
            layout,
            "cat \(fixture.app)/a.txt >> \(fixture.scratch.file("calls")); echo >> \(fixture.scratch.file("calls"))"
        )
        try fixture.deliver(try fixture.tree(["a.txt": "one"]), to: target)
        try fixture.deliver(try fixture.tree(["a.txt": "one"], commit: "b"), to: target)
        #expect(fixture.text("calls") == "one\n")
        try fixture.deliver(try fixture.tree(["a.txt": "two"]), to: target)
        #expect(fixture.text("calls") == "one\ntwo\n")
    }

    @Test(arguments: FilesTarget.Layout.allCases)
    func `a command that fails is a failed delivery, and is run again until it succeeds`(
        layout: FilesTarget.Layout
    ) throws {
        let script = "echo >> \(fixture.scratch.file("calls")); test -e \(fixture.scratch.file("ready"))"
        let target = try target(layout, script)
        let tree = try fixture.tree(["a.txt": "one"])
        for count in 1...2 {
            let refused = code { () throws(DeliveryError) in try fixture.deliver(tree, to: target) }
            #expect(refused == .reloadFailed)
            #expect(calls == count && fixture.text("app/a.txt") == "one")
        }
        let plan = try target.preview(tree)
        #expect(plan.steps.isEmpty && plan.isCompletionDue && !plan.isEmpty)
        fixture.write("ready", "")
        #expect(try fixture.deliver(tree, to: target).outcome == .applied)
        #expect(try fixture.deliver(tree, to: target).outcome == .unchanged)
        #expect(calls == 3)
    }

    @Test func `a command that is too slow is ended and is a failed delivery`() throws {
        let target = try target(.generation, "sleep 100000", timeout: .milliseconds(200))
        let tree = try fixture.tree(["a.txt": "one"])
        #expect(code { () throws(DeliveryError) in try fixture.deliver(tree, to: target) } == .reloadFailed)
        #expect(fixture.text("app/a.txt") == "one")
    }

    @Test func `Compose is run in the generation itself, with the files that it names`() throws {
        var target = try fixture.target()
        let script =
            "printf '%s\\n' \"$@\" > \(fixture.scratch.file("calls")); cat \"$6\" >> \(fixture.scratch.file("calls"))"
        target.completion = .compose(
            ChildProgram(["sh", "-c", script, "docker"]), project: "shop", files: ["compose.yaml"])
        try fixture.deliver(try fixture.tree(["compose.yaml": "services: {}\n", "key": "1"]), to: target)
        let generation = fixture.scratch.file(".app.generations/" + (fixture.generations.first ?? ""))
        #expect(
            fixture.text("calls")?.split(separator: "\n").map(String.init) == [
                "--project-name", "shop", "--project-directory", generation, "--file",
                generation + "/compose.yaml", "up", "--detach", "--remove-orphans", "services: {}",
            ])
    }

    private static let hasCompose = ShellCommand.run("docker-compose", ["version"]).status == 0

    /// Delivers a project with a file of variables and a secret, and hands Compose's own reading of it to `run`.
    private func deliverProject(_ script: String) throws -> Receipt {
        var target = try fixture.target()
        target.completion = .compose(
            ChildProgram(["sh", "-c", script, fixture.scratch.file("read.json")]), project: "shop",
            files: ["compose.yaml"])
        let project = """
            version: "3.7"
            services:
              app:
                image: example/app
                env_file: [./app.env]
                secrets: [password]
            secrets:
              password: {file: ./password}
            """
        let variables = #"""
            COMMAND='$(id) `id` $HOME "x"'
            LINES="one
            it's
            "
            QUOTES="it's \"so\""

            """#
        return try fixture.deliver(
            try fixture.tree(["compose.yaml": project, "app.env": variables, "password": "hunter2"]),
            to: target)
    }

    @Test(.enabled(if: hasCompose, "docker-compose is not installed: Scripts/packages test"))
    func `F067 docker-compose itself reads the values to the byte and the secret's file in the generation`()
        throws
    {
        // There is no engine here: what Compose would bring up is what it says that it has read.
        let script = """
            for word; do shift; case $word in up|--detach|--remove-orphans) ;; *) set -- "$@" "$word";; esac; done
            docker-compose "$@" config > "$0"
            """
        #expect(try deliverProject(script).outcome == .applied)
        let read = ShellCommand.run(
            "python3",
            [
                "-c",
                """
                import json, sys, yaml
                project = yaml.safe_load(open(sys.argv[1]))
                names = project["services"]["app"]["environment"]
                print(json.dumps([{k: v.replace("$$", "$") for k, v in names.items()}, project["secrets"]["password"]["file"]], sort_keys=True))
                """, fixture.scratch.file("read.json"),
            ])
        let generation = fixture.scratch.file(".app.generations/" + (fixture.generations.first ?? ""))
        let expected =
            #"[{"COMMAND": "$(id) `id` $HOME \"x\"", "LINES": "one\nit's\n", "QUOTES": "it's \"so\""}, "#
            + "\"\(generation)/password\"]"
        #expect(read.text == expected, "\(read.errorText)")
    }

    @Test(.enabled(if: hasCompose, "docker-compose is not installed: Scripts/packages test"))
    func `docker-compose without an engine is a failed delivery that is run again`() throws {
        var refused: DeliveryError.Code?
        do {
            _ = try deliverProject("DOCKER_HOST=unix:///nonexistent exec docker-compose \"$@\"")
        } catch let error as DeliveryError {
            refused = error.code
        }
        #expect(refused == .reloadFailed)
        #expect(fixture.text("app/password") == "hunter2")
    }

    @Test(arguments: FilesTarget.Layout.allCases)
    func `F065 the words of a command after a change are shown without a secret, and its flood is cut`(
        layout: FilesTarget.Layout
    ) throws {
        let secret = "correct-horse-battery-staple"
        let bytes = Array(secret.utf8)
        let file = OpenedFile(
            path: "secret.txt", isExecutable: false, origin: .sealedFile,
            fingerprint: bytes.withBytes { fixture.digest.fingerprint(of: $0) },
            content: HeldContent(bytes.withBytes { SecretBytes(copying: $0) }))
        func tree(_ commit: Character) throws -> OpenedTree {
            OpenedTree(
                source: "config", environment: "prod",
                commit: try ObjectID(hex: String(repeating: commit, count: 40)), files: [file], notices: [],
                digest: fixture.digest)
        }
        let target = try target(
            layout,
            "echo the value $(cat \(fixture.app)/secret.txt) is bad >&2; base64 \(fixture.app)/secret.txt >&2; exit 7"
        )
        let made = try tree("a")
        do throws(DeliveryError) {
            try fixture.deliver(made, to: target)
            Issue.record("delivered")
        } catch {
            #expect(error.code == .reloadFailed && error.category == .target)
            #expect(error.context.contains("the value [redacted] is bad / [redacted]"), "\(error)")
            #expect(!everyWord(of: error).contains("correct-horse"))
        }
        let flood = try self.target(layout, "yes")
        #expect(
            code { () throws(DeliveryError) in try fixture.deliver(made, to: flood) } == .reloadFailed)
    }

    @Test(arguments: FilesTarget.Layout.allCases)
    func `a command that failed and is not asked for any more keeps no delivery from its end`(
        layout: FilesTarget.Layout
    ) throws {
        let tree = try fixture.tree(["a.txt": "one"])
        let failing = try target(layout, "exit 1")
        #expect(code { () throws(DeliveryError) in try fixture.deliver(tree, to: failing) } == .reloadFailed)
        let plain = try fixture.target(layout)
        #expect(try plain.preview(tree).isEmpty)
        #expect(try fixture.deliver(tree, to: plain).outcome == .unchanged)
    }

    @Test(arguments: FilesTarget.Layout.allCases)
    func `a run that was killed between the change and its command has the command run by the next`(
        layout: FilesTarget.Layout
    ) throws {
        let target = try target(layout, "echo >> \(fixture.scratch.file("calls"))")
        let tree = try fixture.tree(["a.txt": "one"])
        // As a kill leaves it: noted, switched, not run.
        try fixture.deliver(tree, to: fixture.target(layout))
        fixture.write(
            layout == .generation ? ".app.generations/completion" : "app/.strongroom/completion", "")
        #expect(try fixture.deliver(tree, to: target).outcome == .applied)
        #expect(try fixture.deliver(tree, to: target).outcome == .unchanged)
        #expect(calls == 1)
    }

    @Test func `a target that must be in memory is refused elsewhere, before anything is written`() throws {
        let tree = try fixture.tree(["a.txt": "one"])
        let shared = Fixture(in: "/dev/shm")
        for (fixture, isInMemory) in [(fixture, false), (shared, true)] {
            var target = try fixture.target()
            target.memory = .required
            let refused = code { () throws(DeliveryError) in try fixture.deliver(tree, to: target) }
            #expect(refused == (isInMemory ? nil : .targetRefused))
            #expect((unsafe access(fixture.app, F_OK) == 0) == isInMemory)
        }
        var target = try fixture.target()
        target.memory = .warned
        #expect(try target.preview(tree).notices.count == 1)
        #expect(try fixture.deliver(tree, to: target).notices.count == 1)
        #expect(try fixture.deliver(tree, to: target).notices == [])
    }

    @Test func `a parent directory that is ours to make is made, and a dry run makes none`() throws {
        var target = try FilesTarget(directory: Path(fixture.scratch.file("run/prod")))
        target.makesParent = true
        let tree = try fixture.tree(["a.txt": "one"])
        #expect(try target.preview(tree).lines.first == "add a.txt")
        #expect(unsafe access(fixture.scratch.file("run"), F_OK) != 0)
        try fixture.deliver(tree, to: target)
        #expect(fixture.text("run/prod/a.txt") == "one")
    }
}
