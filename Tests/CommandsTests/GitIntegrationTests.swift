import Glibc
import Support
import Testing

/// A repository with an environment, driven through real `git` with our program beside it.
private struct Playground {
    let scratch: TemporaryDirectory
    let repository: ScratchRepository

    static let secret = """
        apiVersion: v1
        kind: Secret
        metadata:
          name: db
          namespace: shop
        stringData:
          user: ada
          password: hunter2
          token: t0p
          note: n
        """ + "\n"

    /// The environment of every call; `member` says whether the identity is at hand.
    func variables(member: Bool = true) -> [String: String] {
        [
            "PATH": "\(CrashPoints.products):/usr/local/bin:/usr/bin:/bin", "HOME": scratch.path,
            "XDG_CONFIG_HOME": scratch.file(member ? "config" : "nobody"),
            "XDG_STATE_HOME": scratch.file("state"), "TMPDIR": scratch.path,
            // A file of this test's own: git replaces what it writes to, were it a device.
            "GIT_CONFIG_GLOBAL": scratch.file("gitconfig"),
        ]
    }

    init(installing: Bool = true) {
        scratch = TemporaryDirectory("git-integration")
        repository = ScratchRepository(creating: scratch.file("work"))
        strongroom("keys", "new")
        strongroom("init", "--environment", "prod")
        let rules = """
            version: 1
            repository: 6f0c2f3e9a5b4d1c8e7f60718293a4b5
            rules:
              - { paths: ["deploy/prod/**"], environment: prod, required: true }
              - { paths: ["tls/*.key"], environment: prod, sealed: file, required: true }
            """
        repository.write(".strongroom.yaml", rules + "\n")
        repository.write("deploy/prod/db.yaml", Self.secret)
        strongroom("seal", "deploy/prod/db.yaml")
        if installing { strongroom("git", "install") }
        commit("sealed")
    }

    /// Runs our program in the repository; must succeed.
    @discardableResult
    func strongroom(_ arguments: String..., at directory: String? = nil, stdin: String = "")
        -> ShellCommand.Outcome
    {
        let outcome = ShellCommand.run(
            CrashPoints.products + "/strongroom", arguments,
            environment: ScratchRepository.environment.merging(variables()) { $1 },
            directory: directory ?? repository.path, stdin: Array(stdin.utf8))
        if outcome.status != 0 { Issue.record("\(arguments): \(outcome.errorText)") }
        return outcome
    }

    /// Runs git in the repository, or in another, whatever comes of it.
    @discardableResult
    func git(_ arguments: String..., member: Bool = true, at directory: String? = nil) -> ShellCommand.Outcome
    {
        ScratchRepository.git(
            ["-C", directory ?? repository.path] + arguments, adding: variables(member: member))
    }

    func commit(_ message: String, at directory: String? = nil) {
        git("add", "-A", at: directory)
        let outcome = git("commit", "-q", "-m", message, at: directory)
        if outcome.status != 0 { Issue.record("commit: \(outcome.errorText)") }
    }

    func set(_ key: String, _ value: String, at directory: String? = nil) {
        strongroom("set", "deploy/prod/db.yaml", "stringData.\(key)", at: directory, stdin: value)
    }

    func opened(_ path: String = "deploy/prod/db.yaml") -> String { strongroom("open", path).text + "\n" }

    func text(_ path: String) -> String { ShellCommand.run("cat", ["\(repository.path)/\(path)"]).text }

    /// Two branches with one change each, merged into the first.
    func merge(_ ours: () -> Void, _ theirs: () -> Void) -> ShellCommand.Outcome {
        git("checkout", "-q", "-b", "other")
        theirs()
        commit("theirs")
        git("checkout", "-q", "main")
        ours()
        commit("ours")
        return git("merge", "-q", "--no-edit", "other")
    }

    static func changed(_ pairs: (String, String)...) -> String {
        Self.secret.split(separator: "\n").map { line in
            for (key, value) in pairs where line.hasPrefix("  \(key):") { return "  \(key): \"\(value)\"" }
            return String(line)
        }.joined(separator: "\n") + "\n"
    }
}

struct GitIntegrationTests {
    // MARK: Merge

    @Test func `branches that change keys apart from each other merge with plain git`() {
        let play = Playground(installing: false)
        let outcome = play.merge({ play.set("user", "grace") }, { play.set("note", "m") })
        #expect(outcome.status == 0, "\(outcome.text)")
        #expect(play.opened() == Playground.changed(("user", "grace"), ("note", "m")))
    }

    @Test func `branches that change neighbouring lines merge with the driver, and not without`() {
        for isInstalled in [true, false] {
            let play = Playground(installing: isInstalled)
            let outcome = play.merge({ play.set("user", "grace") }, { play.set("password", "s3same") })
            #expect((outcome.status == 0) == isInstalled, "\(outcome.text)")
            guard isInstalled else { continue }
            #expect(play.opened() == Playground.changed(("user", "grace"), ("password", "s3same")))
        }
    }

    @Test func `the driver needs no identity`() {
        let play = Playground()
        play.git("checkout", "-q", "-b", "other")
        play.set("user", "grace")
        play.commit("theirs")
        play.git("checkout", "-q", "main")
        play.set("password", "s3same")
        play.commit("ours")
        let outcome = play.git("merge", "-q", "--no-edit", "other", member: false)
        #expect(outcome.status == 0, "\(outcome.errorText)")
        #expect(play.opened() == Playground.changed(("user", "grace"), ("password", "s3same")))
    }

    @Test func `one key changed on both branches conflicts on its line alone`() {
        let play = Playground()
        let outcome = play.merge(
            {
                play.set("password", "one")
                play.set("user", "grace")
            },
            {
                play.set("password", "two")
                play.set("token", "t1p")
            })
        #expect(outcome.status == 1)
        #expect(outcome.errorText.contains("Secret/db: stringData.password"), "\(outcome.errorText)")
        let lines = play.text("deploy/prod/db.yaml").split(separator: "\n")
        let start = lines.firstIndex { $0.hasPrefix("<<<<<<<") } ?? 0
        let shape = lines.dropFirst(start).prefix(5).map { $0.prefix(11) }
        #expect(shape == ["<<<<<<< our", "  password:", "=======", "  password:", ">>>>>>> the"])
        #expect(lines.count == Playground.secret.split(separator: "\n").count + 4)
        #expect(play.git("status", "--porcelain").text.contains("UU deploy/prod/db.yaml"))
        play.git("checkout", "--theirs", "deploy/prod/db.yaml")
    }

    @Test func `what is no document merges by lines`() {
        let play = Playground(installing: false)
        play.repository.write("deploy/prod/t.yaml", "a: {{ .x }}\nb: 1\nc: 1\nd: 1\ne: 1\n")
        play.commit("template")
        play.strongroom("git", "install")
        #expect(
            play.git("config", "core.hooksPath", "no-hooks")
                .status == 0)
        let outcome = play.merge(
            { play.repository.write("deploy/prod/t.yaml", "a: {{ .y }}\nb: 1\nc: 1\nd: 1\ne: 1\n") },
            { play.repository.write("deploy/prod/t.yaml", "a: {{ .x }}\nb: 1\nc: 1\nd: 1\ne: 2\n") })
        #expect(outcome.status == 0, "\(outcome.errorText)")
        #expect(play.text("deploy/prod/t.yaml") == "a: {{ .y }}\nb: 1\nc: 1\nd: 1\ne: 2")
    }

    @Test func `keyrings are never merged, by attributes nor by the driver`() {
        for isNamed in [false, true] {
            let play = Playground()
            let keyring = play.text("Keys/prod.yaml") + "\n"
            if isNamed { play.repository.write("Keys/.gitattributes", "*.yaml merge=strongroom\n") }
            play.git("add", "-A")
            play.git("commit", "-q", "--allow-empty", "-m", "attributes")
            play.git("config", "core.hooksPath", "no-hooks")
            let outcome = play.merge(
                { play.repository.write("Keys/prod.yaml", "# ours\n" + keyring) },
                { play.repository.write("Keys/prod.yaml", keyring + "# theirs\n") })
            #expect(outcome.status == 1)
            #expect(play.text("Keys/prod.yaml") + "\n" == "# ours\n" + keyring)
            #expect(play.git("status", "--porcelain").text.contains("UU Keys/prod.yaml"))
            #expect(outcome.errorText.contains("never merged") == isNamed, "\(outcome.errorText)")
        }
    }

    // MARK: Diff

    @Test func `a diff shows values to a member and digests to others`() {
        let play = Playground()
        play.set("password", "s3same")
        let seen = play.git("diff").text
        #expect(seen.contains("\n-  password: hunter2\n+  password: \"s3same\"\n"), "\(seen)")
        #expect(!seen.contains("sealed"))
        let outside = play.git("diff", member: false)
        let changes = outside.text.split(separator: "\n").filter {
            $0.hasPrefix("-  ") || $0.hasPrefix("+  ")
        }
        #expect(
            changes.count == 2
                && changes.allSatisfy { $0.dropFirst().hasPrefix("  password: sealed prod-1 #") })
        #expect(Set(changes.map { $0.dropFirst() }).count == 2)
        #expect(
            outside.status == 0 && !outside.text.contains("hunter2") && !outside.text.contains("sealed.v1"))
        play.commit("changed")
        #expect(play.git("show").text.contains("\n-  password: hunter2\n+  password: \"s3same\"\n"))
        play.git("rm", "-q", "deploy/prod/db.yaml")
        #expect(play.git("diff", "--cached").text.contains("\n-  password: \"s3same\"\n"))
    }

    @Test func `sealed files show their text to a member and a digest to others`() {
        let play = Playground()
        play.repository.write("tls/a.key", "one\ntwo\n")
        play.strongroom("seal", "tls/a.key")
        play.commit("file")
        play.repository.write("tls/a.key", "one\n2\n")
        play.strongroom("seal", "tls/a.key")
        let seen = play.git("diff").text
        #expect(seen.contains("\n one\n-two\n+2"), "\(seen)")
        let outside = play.git("diff", member: false).text
        #expect(outside.contains("\n-sealed file prod-1 #") && outside.contains("\n+sealed file prod-1 #"))
    }

    @Test func `a diff never fails and stores nothing`() {
        let play = Playground()
        play.repository.write("deploy/prod/db.yaml", "broken: [\npassword: sealed.v1.prod-1.o.AAAA\n")
        let outcome = play.git("diff")
        #expect(outcome.status == 0 && outcome.text.contains("+password: sealed.v1.prod-1.o.AAAA"))
        play.repository.write(".strongroom.yaml", "nonsense")
        #expect(play.git("diff", "--", "deploy").status == 0)
        play.git("config", "--file", play.scratch.file("gitconfig"), "diff.strongroom.cachetextconv", "true")
        play.git("log", "-p")
        #expect(play.git("for-each-ref", "refs/notes").text.isEmpty)
        let found = ShellCommand.run("grep", ["-rl", "hunter2", play.scratch.path])
        #expect(found.text.isEmpty, "\(found.text)")
    }

    // MARK: Hook

    @Test func `the hook refuses staged plaintext, whatever the work tree holds`() {
        let play = Playground()
        let sealed = play.text("deploy/prod/db.yaml") + "\n"
        play.repository.write("deploy/prod/db.yaml", Playground.secret)
        play.git("add", "-A")
        play.repository.write("deploy/prod/db.yaml", sealed)
        let refused = play.git("commit", "-q", "-m", "plain", member: false)
        #expect(refused.status == 1)
        #expect(
            refused.errorText.contains("deploy/prod/db.yaml:8: stringData.password: plaintext"),
            "\(refused.errorText)")
        #expect(!refused.errorText.contains("hunter2"))
        play.git("add", "-A")
        #expect(play.git("commit", "-q", "--allow-empty", "-m", "sealed", member: false).status == 0)
        play.repository.write("tls/b.key", "key\n")
        play.git("add", "-A")
        let file = play.git("commit", "-q", "-m", "file")
        #expect(file.status == 1 && file.errorText.contains("tls/b.key: plaintext"), "\(file.errorText)")
    }

    @Test func `the hook checks what commit -a and commit of a path are about to take`() {
        let play = Playground()
        play.repository.write("deploy/prod/db.yaml", Playground.secret)
        #expect(play.git("commit", "-q", "-a", "-m", "all").status == 1)
        #expect(play.git("commit", "-q", "-m", "path", "deploy/prod/db.yaml").status == 1)
        play.repository.write("other.txt", "x")
        play.git("add", "other.txt")
        #expect(play.git("commit", "-q", "-m", "another file").status == 0)
    }

    // MARK: Install

    @Test func `installing twice changes nothing, and uninstalling takes it back`() {
        let play = Playground(installing: false)
        play.repository.write(".gitattributes", "*.png binary")
        let first = play.strongroom("git", "install")
        #expect(first.errorText.contains("wrote the hook"))
        let attributes = play.text(".gitattributes")
        #expect(attributes.hasPrefix("*.png binary\n# strongroom: begin"))
        #expect(
            attributes.contains(
                "\n/tls/*.key -text diff=strongroom -merge\n/deploy/prod/** diff=strongroom merge=strongroom\n/Keys/*.yaml !diff -merge\n"
            ))
        let configuration = play.text(".git/config")
        #expect(!configuration.contains("filter"))
        play.strongroom("git", "install")
        #expect(play.text(".gitattributes") == attributes && play.text(".git/config") == configuration)
        play.strongroom("git", "uninstall")
        #expect(play.text(".gitattributes") == "*.png binary")
        #expect(!play.text(".git/config").contains("strongroom"))
        #expect(unsafe access("\(play.repository.path)/.git/hooks/pre-commit", F_OK) != 0)
    }

    @Test func `a foreign hook and a foreign directory of hooks are left alone`() {
        let play = Playground(installing: false)
        play.repository.write(".git/hooks/pre-commit", "#!/bin/sh\nexit 0\n")
        let outcome = play.strongroom("git", "install")
        #expect(outcome.errorText.contains("add the line: strongroom git pre-commit || exit $?"))
        #expect(play.text(".git/hooks/pre-commit") == "#!/bin/sh\nexit 0")
        play.git("config", "core.hooksPath", play.scratch.file("shared"))
        #expect(play.strongroom("git", "install").errorText.contains("shared with other repositories"))
        #expect(unsafe access(play.scratch.file("shared"), F_OK) != 0)
        play.git("config", "core.hooksPath", ".hooks")
        #expect(play.strongroom("git", "install").errorText.contains("wrote the hook"))
        #expect(unsafe access("\(play.repository.path)/.hooks/pre-commit", X_OK) == 0)
    }

    @Test func `linked work trees have the diff, the driver and the hook`() {
        let play = Playground()
        let tree = play.scratch.file("linked")
        play.git("worktree", "add", "-q", "-b", "side", tree)
        play.set("user", "grace", at: tree)
        #expect(play.git("diff", at: tree).text.contains("\n+  user: \"grace\"\n"))
        play.commit("side", at: tree)
        play.set("password", "s3same")
        play.commit("main")
        #expect(play.git("merge", "-q", "--no-edit", "main", at: tree).status == 0)
        ScratchRepository(at: tree).write("deploy/prod/db.yaml", Playground.secret)
        #expect(play.git("commit", "-q", "-a", "-m", "plain", at: tree).status == 1)
        #expect(play.strongroom("git", "install", at: tree).errorText.contains("calls us already"))
    }

    @Test func `submodules have their own set-up, which works`() {
        let play = Playground()
        let outer = ScratchRepository(creating: play.scratch.file("outer"))
        let added = ScratchRepository.git(
            [
                "-C", outer.path, "-c", "protocol.file.allow=always", "submodule", "add", "-q",
                play.repository.path, "sub",
            ],
            adding: play.variables())
        #expect(added.status == 0, "\(added.errorText)")
        let module = "\(outer.path)/sub"
        #expect(
            play.strongroom("git", "install", at: module).errorText.contains(
                "/modules/sub/hooks/pre-commit: wrote"))
        play.set("user", "grace", at: module)
        #expect(play.git("diff", at: module).text.contains("\n-  user: ada\n+  user: \"grace\"\n"))
        play.commit("sub", at: module)
        ScratchRepository(at: module).write("deploy/prod/db.yaml", Playground.secret)
        #expect(play.git("commit", "-q", "-a", "-m", "plain", at: module).status == 1)
    }
}
