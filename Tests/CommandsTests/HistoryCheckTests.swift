import Support
import Testing

/// What `check` tells from Git history, and of text that no rule seals; all without a key.
@Suite struct HistoryCheckTests {
    private static let file = "deploy/prod/database.yaml"

    private func world(maxAge: String? = nil) -> World {
        let world = World()
        if let maxAge {
            world.edit(
                "config/.strongroom.yaml", "rules:\n",
                "rules:\n  - { paths: [\"deploy/prod/database.yaml\"], environment: prod, maxAge: \(maxAge) }\n"
            )
        }
        return world
    }

    /// Sets the password in a commit of its own, `days` before now.
    @discardableResult
    private func set(_ world: World, _ value: String, daysAgo days: Int = 0) -> String {
        world.must("set", Self.file, "stringData.password", stdin: value)
        return commit(world, daysAgo: days)
    }

    @discardableResult
    private func commit(_ world: World, daysAgo days: Int = 0) -> String {
        let seconds = ShellCommand.run("date", ["-d", "\(days) days ago", "+%s"]).text
        world.config.git("add", "-A")
        world.config.git(
            "commit", "-q", "--allow-empty", "-m", "change",
            adding: ["GIT_COMMITTER_DATE": "\(seconds) +0000"])
        return world.config.git("rev-parse", "HEAD")
    }

    @Test func `an old value that came back is refused, whoever brought it and in whatever way`() {
        let world = world()
        let old = world.text("config/\(Self.file)")
        let replaced = set(world, "CANARY two").prefix(12)
        expect(world.run("check"), 0)
        // In the work tree alone, then committed, then with the file away in between.
        world.config.write(Self.file, old)
        for _ in 0..<2 {
            let outcome = world.run("check")
            expect(outcome, 5)
            #expect(
                outcome.text.contains(
                    "database.yaml:9: stringData.password: stood here before commit \(replaced) put another in its place"
                ), "\(outcome.text)")
            #expect(outcome.text.split(separator: "\n").count == 1)
            commit(world)
        }
        world.config.git("rm", "-q", Self.file)
        commit(world)
        // Another file that defines the same object is the same place.
        world.config.write("deploy/prod/other.yaml", old)
        #expect(world.run("check").text.contains("other.yaml:9: stringData.password: stood here before"))
        expect(world.run("check", "--no-history"), 0)
        #expect(!world.run("check", "--json").text.contains("CANARY"))
        #expect(world.run("check", "--json").text.contains("\"kind\" : \"returned\""))
        // Sealed anew, it is a value of today.
        expect(
            world.run("reseal", "deploy/prod/other.yaml", "--all", identity: "alice"), 0, "resealed 4 values")
        expect(world.run("check"), 0)
    }

    @Test func `what was moved, taken out and put back, or merged is no old value`() {
        let world = world()
        let git = world.config
        git.git("mv", Self.file, "deploy/prod/renamed.yaml")
        commit(world)
        git.git("mv", "deploy/prod/renamed.yaml", Self.file)
        commit(world)
        git.git("rm", "-q", Self.file)
        commit(world)
        git.git("revert", "-n", "HEAD")
        commit(world)
        expect(world.run("check"), 0)
        git.git("checkout", "-q", "-b", "side")
        git.write("side", "x")
        commit(world)
        git.git("checkout", "-q", "main")
        set(world, "CANARY two")
        git.git("checkout", "-q", "side")
        expect(world.run("check"), 0)
        git.git("merge", "-q", "-m", "m", "main")
        expect(world.run("check"), 0)
        #expect(world.must("open", Self.file, identityOf: "alice").contains("CANARY two"))
        // A merge that takes the old value against the new one is told.
        git.git("checkout", "-q", "-b", "other", "HEAD~1")
        git.git("merge", "-q", "-s", "ours", "-m", "m", "main")
        expect(world.run("check"), 5)
    }

    @Test func `a sealed file that came back is told too`() {
        let world = world()
        let file = "deploy/prod/server.key"
        let old = world.bytes("config/\(file)") ?? []
        world.config.write(file, "another")
        world.must("seal", file)
        commit(world)
        world.config.write(file, old)
        #expect(world.run("check").text.contains("deploy/prod/server.key: stood here before"))
    }

    @Test func `values are too old from the commit that brought them on`() {
        let world = world(maxAge: "30d")
        // The template's commits are of 2023; the password is younger.
        set(world, "CANARY two", daysAgo: 29)
        let outcome = world.run("check")
        expect(outcome, 5, "3 findings break the rules")
        #expect(outcome.text.contains("database.yaml:8: stringData.username: unchanged for "))
        #expect(outcome.text.contains("and the rule allows 30d: change the secret"))
        #expect(!outcome.text.contains("password"))
        // The same value sealed again counts from then, uncommitted ones don't count yet.
        expect(world.run("reseal", Self.file, "--all", identity: "alice"), 0)
        expect(world.run("check"), 0)
        commit(world, daysAgo: 31)
        expect(world.run("check"), 5, "4 findings")
        let without = world.run("check", "--no-history")
        expect(without, 0)
        #expect(without.text.contains("maxAge 30d can't be told without Git history"))
    }

    @Test func `check takes directories as they are named, and its JSON holds what kept it from checking`() {
        let world = world()
        expect(world.run("check", ".", in: "config/deploy"), 0)
        expect(world.run("check", "..", in: "config/deploy"), 0)
        expect(world.run("check", "prod", in: "config/deploy"), 0)
        world.edit("config/.strongroom.yaml", "version: 1", "version: 1\nother: 1")
        let outcome = world.run("check", "--json")
        #expect(outcome.status != 0)
        #expect(outcome.text.contains("\"kind\" : \"error\"") && outcome.text.contains("\"refused\" : true"))
        #expect(!outcome.errorText.contains(".strongroom.yaml: .strongroom.yaml"))
    }

    @Test func `a shallow clone is checked as far as its history goes`() {
        let world = world(maxAge: "36500d")
        set(world, "CANARY two")
        set(world, "CANARY three")
        ScratchRepository.git([
            "clone", "-q", "--depth", "1", "file://" + world.config.path, world.path("shallow"),
        ])
        let outcome = world.run("check", in: "shallow")
        expect(outcome, 10, "the Git history is not all here")
        #expect(outcome.text.contains("cut off (a shallow clone, or objects are missing)"))
        #expect(outcome.text.contains("older than the history that is here: maxAge 36500d can't be told"))
        #expect(world.run("check", "--json", in: "shallow").text.contains("\"kind\" : \"not-checked\""))
        expect(world.run("check", "--no-history", in: "shallow"), 0)
    }

    @Test func `history that lacks objects or can't be read is no clean check`() {
        let world = world()
        set(world, "CANARY two")
        ScratchRepository.git([
            "clone", "-q", "--no-local", "file://" + world.config.path, world.path("partial"),
        ])
        let clone = ScratchRepository(at: world.path("partial"))
        clone.git("config", "core.repositoryformatversion", "1")
        clone.git("config", "extensions.partialClone", "origin")
        clone.git("config", "remote.origin.promisor", "true")
        expect(world.run("check", in: "partial"), 10, "the Git history is not all here")
        #expect(
            world.run("check", "--json", in: "partial").text.contains("the Git history can't be read"))
        expect(world.run("check", "--no-history", in: "partial"), 0)
    }

    @Test func `an older keyring that was put back is refused by its history and by its pin`() {
        let world = world()
        let path = "Keys/prod.yaml"
        let old = world.text("config/\(path)")
        world.must(
            "keys", "remove", "--environment", "prod", "host", "--signing-key", world.path("alice"),
            identity: "alice")
        commit(world)
        let newest = world.config.git("rev-parse", "HEAD").prefix(12)
        expect(world.run("check"), 0)
        // The pin remembers, history or not.
        world.config.write(path, old)
        expect(world.run("check", "--no-history"), 5, "an older generation than one that was seen before")
        for name in ["database.yaml", "server.key"] {
            world.config.git("checkout", "-q", "HEAD~1", "--", "deploy/prod/\(name)")
        }
        world.config.git("checkout", "-q", "HEAD~1", "--", "deploy")
        commit(world)
        // Somebody who never saw the newer one, and trusts by fingerprint alone.
        let fresh = ["STRONGROOM_TRUST": "prod=" + world.text("prod.trust")]
        func newcomer(_ arguments: String..., stdin: String = "") -> ShellCommand.Outcome {
            TemporaryDirectory.removeTree(world.path("home/.local"))
            return world.run(arguments, identity: "alice", stdin: stdin, adding: fresh)
        }
        let words = "generation 1 of the keyring, and commit \(newest) has generation 2"
        expect(newcomer("check"), 5, words)
        expect(newcomer("check", "--no-history"), 0)
        world.config.write("deploy/prod/new.yaml", World.database)
        expect(newcomer("seal", "deploy/prod/new.yaml"), 5, words)
        expect(newcomer("set", Self.file, "stringData.password", stdin: "CANARY"), 5, words)
        expect(newcomer("generate", Self.file, "stringData.password"), 5, words)
        expect(newcomer("reseal", Self.file), 5, words)
        world.config.git("clean", "-q", "-f", "deploy/prod/new.yaml")
        // In another folder than it was in, it is the same keyring.
        world.config.git("mv", "Keys", "Other")
        world.edit("config/.strongroom.yaml", "keyrings: Keys", "keyrings: Other")
        commit(world)
        expect(newcomer("check"), 5, words)
    }

    @Test func `a copy without Git is checked, but for what history tells`() {
        let world = world(maxAge: "30d")
        #expect(ShellCommand.run("mkdir", [world.path("plain")]).status == 0)
        World.copy(world.path("config/."), to: world.path("plain"))
        TemporaryDirectory.removeTree(world.path("plain/.git"))
        let outcome = world.run("check", in: "plain/deploy")
        expect(outcome, 0, "the rules are kept")
        #expect(outcome.text.contains("maxAge 30d can't be told without Git history"))
        world.edit("plain/\(Self.file)", "sealed.v1.prod-1.o.", "sealed.v1.prod-7.o.")
        expect(world.run("check", in: "plain"), 5)
        expect(world.run("check", in: "host"), 2)
    }

    @Test func `a linked work tree has the history of its repository`() {
        let world = world()
        let old = world.text("config/\(Self.file)")
        set(world, "CANARY two")
        world.config.git("worktree", "add", "-q", "-b", "linked", world.path("linked"))
        expect(world.run("check", in: "linked"), 0)
        world.write("linked/\(Self.file)", old)
        expect(world.run("check", in: "linked"), 5)
    }

    @Test func `what looks like a secret outside of the rules is named, refused or passed over`() {
        let world = world()
        let secret = "gh" + "p_" + "k3Jd8sLq0ZxYv7TnWb2RfGh5MpC9EaQ1uXoI"
        world.config.write("docs/setup.md", "line\n\nexport TOKEN=\(secret)\n")
        world.config.write("untracked/later.txt", "nothing yet\n")
        commit(world)
        world.config.write("untracked/ignored.txt", secret)
        let outcome = world.run("check")
        expect(outcome, 0)
        #expect(outcome.text == "docs/setup.md:3: note: looks like a token of GitHub")
        expect(world.run("check", "--entropy", "refuse"), 5, "1 finding breaks the rules")
        #expect(world.run("check", "--entropy", "off").text == "")
        expect(world.run("check", "--entropy", "refuse", "untracked/ignored.txt"), 5)
        world.config.write("docs/setup.md", "export TOKEN=\(secret) # strongroom:allow\n")
        expect(world.run("check", "--entropy", "refuse"), 0)
        #expect(!world.run("check", "--json").text.contains(secret))
    }
}
