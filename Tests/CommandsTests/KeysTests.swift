import Support
import Testing

/// Members, admins and epochs on the command line, in a repository with the environments ops and prod.
@Suite struct KeysTests {
    private let scratch = TemporaryDirectory("keys")
    private let repository: ScratchRepository

    private init() {
        repository = ScratchRepository(creating: scratch.file("work"))
        strongroom("keys", "new")
        strongroom("init", "--environment", "ops")
        strongroom("init", "--environment", "prod")
        repository.write(
            "deploy/prod/a.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: b}\nstringData:\n  p: hunter2\n")
        strongroom("seal", "deploy/prod/a.yaml")
    }

    private func run(_ arguments: [String]) -> ShellCommand.Outcome {
        ShellCommand.run(
            CrashPoints.products + "/strongroom", arguments,
            environment: [
                "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": scratch.path,
                "XDG_CONFIG_HOME": scratch.file("config"), "XDG_STATE_HOME": scratch.file("state"),
            ], directory: repository.path)
    }

    /// Runs the program, which must succeed; gives its standard output.
    @discardableResult
    private func strongroom(_ arguments: String...) -> String {
        let outcome = run(arguments)
        #expect(outcome.status == 0, "\(arguments): \(outcome.errorText)")
        return outcome.text
    }

    /// Runs the program and gives its exit code.
    private func code(_ arguments: String...) -> Int32 { run(arguments).status }

    /// A new identity's recipient; the file has the name.
    private func newIdentity(_ name: String) -> String {
        strongroom("keys", "new", "--output", scratch.file(name))
    }

    /// A new SSH key's private file.
    private func newSSHKey(_ name: String) -> String {
        let made = ShellCommand.run(
            "ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", scratch.file(name)])
        #expect(made.status == 0, "\(made.errorText)")
        return scratch.file(name)
    }

    private func opens(_ identity: String) -> Int32 {
        code("open", "deploy/prod/a.yaml", "--identity", identity)
    }

    @Test func `who is added opens, who is removed does not`() {
        let bob = newIdentity("bob")
        let ssh = newSSHKey("ssh")
        let keys = ShellCommand.run("cat", [ssh + ".pub"]).text + "\nssh-dss AAAAB3NzaC1kc3MAAACBAP\n"
        repository.write("../keys", keys)
        #expect(opens(scratch.file("bob")) == 4)
        strongroom("keys", "add", "--environment", "prod", "bob=\(bob)")
        strongroom(
            "keys", "add", "--environment", "prod", "eve", "--github-keys-file", scratch.file("keys"))
        #expect(opens(scratch.file("bob")) == 0)
        #expect(opens(ssh) == 0)

        let plan = strongroom("keys", "remove", "--environment", "prod", "bob", "--dry-run")
        #expect(plan.contains("bob: could read epochs 1"))
        #expect(opens(scratch.file("bob")) == 0)
        strongroom("keys", "remove", "--environment", "prod", "bob")
        #expect(opens(scratch.file("bob")) == 4)
        #expect(opens(ssh) == 0)
        let list = strongroom("keys", "list", "--environment", "prod", "--json")
        #expect(list.contains("\"name\" : \"eve\"") && !list.contains("bob"))
        #expect(list.contains("\"state\" : \"closed\""))
    }

    @Test func `members of a member environment open, and its new epochs go on`() {
        let ann = newIdentity("ann")
        strongroom("keys", "add", "--environment", "ops", "ann=\(ann)")
        strongroom("keys", "add", "--environment", "prod", "--member-environment", "ops")
        #expect(opens(scratch.file("ann")) == 0)
        strongroom("keys", "rotate", "--environment", "prod")
        strongroom("reseal", "--identity", scratch.file("ann"))
        #expect(opens(scratch.file("ann")) == 0)
        #expect(code("keys", "add", "--environment", "ops", "--member-environment", "prod") == 5)
        strongroom("keys", "remove", "--environment", "ops", "ann")
        #expect(opens(scratch.file("ann")) == 4)
        let list = strongroom("keys", "list", "--environment", "prod")
        #expect(list.contains("environment ops-2 age1"))
        #expect(list.contains("generation 4, epoch 3"))
    }

    @Test func `with a threshold a change waits for the other admin`() {
        let ssh = newSSHKey("ssh")
        let bob = newIdentity("bob")
        strongroom("keys", "add", "--environment", "prod", "--admin", ssh + ".pub", "--threshold", "2")
        strongroom("keys", "add", "--environment", "prod", "bob=\(bob)")
        #expect(opens(scratch.file("bob")) == 4)
        #expect(code("keys", "rotate", "--environment", "prod") == 8)
        #expect(strongroom("keys", "sign", "--environment", "prod", "--dry-run").contains("add member bob"))
        #expect(code("keys", "sign", "--environment", "prod") == 2)
        strongroom("keys", "sign", "--environment", "prod", "--signing-key", ssh)
        #expect(opens(scratch.file("bob")) == 0)
        #expect(code("keys", "sign", "--environment", "prod") == 2)
        // One admin alone can't be enough for two.
        #expect(code("keys", "remove", "--environment", "prod", "--admin", ssh + ".pub") == 2)
        strongroom("keys", "restart", "--environment", "prod")
        #expect(strongroom("keys", "list", "--environment", "prod").contains("generation 1, epoch 1"))
        #expect(opens(scratch.file("bob")) == 0)
    }

    @Test func `strangers, last members and unknown names are refused with their exit codes`() {
        let ssh = newSSHKey("ssh")
        let bob = newIdentity("bob")
        #expect(code("keys", "rotate", "--environment", "prod", "--signing-key", ssh) == 5)
        #expect(
            code("keys", "add", "--environment", "prod", "bob=\(bob)", "--identity", scratch.file("bob")) == 5
        )
        #expect(code("keys", "remove", "--environment", "prod", "default") == 2)
        #expect(code("keys", "remove", "--environment", "prod", "nobody") == 2)
        #expect(code("keys", "remove", "--environment", "prod") == 2)
        #expect(code("keys", "rotate") == 2)
        #expect(code("keys", "add", "--environment", "prod", "bob=age1x") == 2)
        #expect(code("keys", "add", "--environment", "prod", "bob") == 2)
        #expect(code("keys", "add", "--environment", "prod", "default", "--role", "owner") == 2)
        #expect(code("keys", "trust", "--environment", "prod", String(repeating: "0", count: 64)) == 5)
        strongroom("keys", "add", "--environment", "prod", "default", "--role", "escrow")
        #expect(code("keys", "add", "--environment", "prod", "default", "--role", "escrow") == 2)
    }

    @Test func `two branches' changes are joined`() {
        let (bob, eve) = (newIdentity("bob"), newIdentity("eve"))
        func git(_ arguments: String...) {
            let outcome = ShellCommand.run(
                "git",
                ["-C", repository.path, "-c", "user.name=a", "-c", "user.email=a@example.org"] + arguments)
            #expect(outcome.status == 0, "\(outcome.errorText)")
        }
        git("add", "-A")
        git("commit", "-qm", "base")
        git("checkout", "-qb", "other")
        strongroom("keys", "add", "--environment", "prod", "bob=\(bob)")
        strongroom("keys", "rotate", "--environment", "prod")
        git("commit", "-qam", "other")
        git("checkout", "-q", "-")
        // The other branch was seen, so this one is older until it is said to be right.
        git("checkout", "-q", "-B", "mine", "other~1")
        #expect(code("keys", "rotate", "--environment", "prod") == 5)
        strongroom("keys", "trust", "--environment", "prod")
        strongroom("keys", "add", "--environment", "prod", "eve=\(eve)")
        strongroom("keys", "rotate", "--environment", "prod")
        git("commit", "-qam", "mine")
        let said = strongroom("keys", "rebase", "--environment", "prod", "--onto", "other")
        #expect(said.contains("epoch 2 of HEAD is now 3"))
        let list = strongroom("keys", "list", "--environment", "prod")
        #expect(list.contains("bob") && list.contains("eve") && list.contains("generation 4, epoch 3"))
        #expect(opens(scratch.file("bob")) == 0)
        #expect(opens(scratch.file("eve")) == 0)
        #expect(code("keys", "rebase", "--environment", "prod", "--onto", "mine") == 5)
        #expect(code("keys", "rebase", "--environment", "prod", "--onto", "nowhere") == 2)
    }

    @Test func `what is exported is an age recipient, and an age file for the members`() {
        let ssh = newSSHKey("ssh")
        let line = ShellCommand.run("cat", [ssh + ".pub"]).text
        strongroom("keys", "add", "--environment", "prod", "ssh=\(line)")
        #expect(strongroom("keys", "export", "--environment", "prod").hasPrefix("age1"))
        let wrapped = run(["keys", "export", "--environment", "prod", "--wrapped"]).stdout
        let opened = ShellCommand.run("age", ["-d", "-i", ssh], stdin: wrapped)
        #expect(opened.text.hasPrefix("AGE-SECRET-KEY-1"), "\(opened.errorText)")
        #expect(code("keys", "export", "--environment", "prod", "--epoch", "7") == 2)
    }
}
