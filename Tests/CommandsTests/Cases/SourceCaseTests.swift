import Glibc
import Support
import Testing

/// What a source may hold or do that is not to be delivered, through the program with its settings, journal and
/// mirror: the last good state stays, and the status says why.
@Suite struct SourceCaseTests {
    private let world = World()

    private func stays(_ code: Int32, _ words: String, sourceLocation: SourceLocation = #_sourceLocation) {
        expect(world.sync(), code, words, sourceLocation: sourceLocation)
        #expect(world.delivered("app.yaml") == "listen: 8080\n", sourceLocation: sourceLocation)
        #expect(world.status("e['whyNot']").contains(words), sourceLocation: sourceLocation)
    }

    /// Commits a tree in which deploy/prod is `listing`, as git mktree reads it, on main.
    private func commit(prod tree: String) {
        let git = world.config
        let deploy = git.git("ls-tree", "HEAD:deploy").replacing(
            git.git("rev-parse", "HEAD:deploy/prod"), with: tree)
        let made = git.git("mktree", stdin: Array((deploy + "\n").utf8))
        let root = git.git("ls-tree", "HEAD").replacing(git.git("rev-parse", "HEAD:deploy"), with: made)
        let whole = git.git("mktree", stdin: Array((root + "\n").utf8))
        git.git(
            "update-ref", "refs/heads/main",
            git.git("commit-tree", "-S", "-m", "hostile", "-p", "HEAD", whole))
    }

    @Test func `F040 a commit with a hostile name is refused, and the last good one stays`() throws {
        expect(world.sync(), 0)
        let head = world.config.git("rev-parse", "HEAD")
        let blob = Array(world.config.git("rev-parse", "HEAD:deploy/prod/app.yaml").utf8)
        let raw = stride(from: 0, to: 40, by: 2).map { offset in
            UInt8(String(decoding: blob[offset..<(offset + 2)], as: UTF8.self), radix: 16) ?? 0
        }
        for name in ["..", ".git", "git~1", ".git\u{200C}", "a\\..\\b"] {
            let tree = world.config.object("tree", Array("100644 \(name)".utf8) + [0] + raw)
            commit(prod: tree)
            stays(3, "name")
            world.config.git("update-ref", "refs/heads/main", head)
        }
        world.config.git("reset", "-q", "--hard")
        expect(world.sync(), 0)
    }

    @Test func `F041 a symbolic link in the delivered directory is not followed`() {
        expect(world.sync(), 0)
        unsafe symlink("../../../host.identity", world.path("config/deploy/prod/key.yaml"))
        world.config.commit("link")
        stays(3, "link")
    }

    @Test func `F042 F043 F044 submodules, attributes, hooks and configuration have no effect`() throws {
        expect(world.sync(), 0)
        let marker = world.path("ran")
        let script = "#!/bin/sh\ntouch \(marker)\n"
        for hook in ["post-checkout", "reference-transaction", "pre-receive", "update"] {
            world.config.write(".git/hooks/\(hook)", script)
            unsafe chmod(world.path("config/.git/hooks/\(hook)"), 0o755)
        }
        world.write("home/bin/evil", script)
        unsafe chmod(world.path("home/bin/evil"), 0o755)
        let evil = world.path("home/bin/evil")
        world.write(
            "home/.gitconfig",
            """
            [core]
            \tfsmonitor = \(evil)
            \tsshCommand = \(evil)
            \thooksPath = \(world.path("config/.git/hooks"))
            [include]
            \tpath = \(world.path("config/.git/config"))
            [url "\(world.path("nowhere"))"]
            \tinsteadOf = \(world.path("config"))
            [filter "evil"]
            \tsmudge = \(evil)
            """)
        world.config.write(
            ".gitmodules", "[submodule \"x\"]\n\tpath = deploy/prod/sub\n\turl = ext::sh -c '\(evil)'\n")
        world.config.write("deploy/prod/app.yaml", "listen: 1 # $Id$ $Format:%H$\n")
        world.config.git("add", "-A")
        // Straight into the index: git itself would heed it.
        let attributes = world.config.object(
            "blob", Array("* eol=crlf ident filter=evil working-tree-encoding=UTF-16 export-subst\n".utf8))
        world.config.git("update-index", "--add", "--cacheinfo", "100644,\(attributes),.gitattributes")
        world.config.git(
            "update-index", "--add", "--cacheinfo",
            "160000,\(String(repeating: "1", count: 40)),deploy/prod/sub")
        world.config.run(
            "-c", "core.hooksPath=/nonexistent", "commit", "-q", "-m", "x")
        let stored = world.config.run("cat-file", "blob", "HEAD:deploy/prod/app.yaml").stdout
        TemporaryDirectory.removeTree(marker)
        let outcome = world.run(
            ["sync", "prod", "--once", "--config", world.settings], in: "host",
            adding: ["GIT_SSH_COMMAND": evil, "GIT_CONFIG_GLOBAL": world.path("home/.gitconfig")])
        expect(outcome, 0, "submodule sub is not delivered")
        #expect(world.bytes("host/app/app.yaml") == stored)
        #expect(unsafe access(marker, F_OK) != 0)
    }

    @Test func `F045 a source above its limits is refused, and what was fetched is gone`() {
        world.edit(
            "host/strongroom.yaml", "path: deploy/prod\n",
            "path: deploy/prod\n        access: { maximumBytes: 1MiB }\n")
        expect(world.sync(), 0)
        world.config.write("blob", ShellCommand.run("head", ["-c", "3M", "/dev/urandom"]).stdout)
        world.commitApp("listen: 1\n")
        stays(11, "more than 1048576 new bytes")
        #expect(leftovers(below: world.path("host/state")) == [])
        let used = ShellCommand.run("du", ["-sk", world.path("host/state/mirrors")]).text
        #expect(Int(used.prefix { $0.isNumber }).map { $0 < 1_024 } ?? false, "\(used)")
    }

    @Test func `F046 a branch that was rewritten or is gone is refused until a person says otherwise`() {
        expect(world.sync(), 0)
        world.commitApp("listen: 8080\n")
        expect(world.sync(), 0)
        world.config.git("reset", "-q", "--hard", "HEAD~1")
        let other = world.commitApp("listen: 6\n")
        stays(5, "does not descend from")
        world.config.git("branch", "-m", "main", "renamed")
        stays(5, "no branch")
        world.config.git("branch", "-m", "renamed", "main")
        let allowed = world.sync("--allow-rollback", other, "--reason", "set back")
        expect(allowed, 0)
        #expect(world.delivered("app.yaml") == "listen: 6\n")
        let log = world.must("audit", "list", "--config", world.settings, in: "host")
        #expect(log.contains(" override ") && log.contains("reason=set back"))
    }

    @Test func `F047 a damaged mirror is noticed and made anew`() {
        expect(world.sync(), 0)
        let mirror = world.path("host/state/mirrors") + "/*.git"
        for damage in [
            "for f in \(mirror)/objects/pack/*.pack; do chmod u+w $f; truncate -s 20 $f; done",
            "for f in \(mirror)/objects/pack/*.pack; do chmod u+w $f; s=$(stat -c %s $f); for at in 30 200 $((s / 2)); do "
                + "printf xxxx | dd of=$f bs=1 seek=$at conv=notrunc status=none; done; done",
            "rm -r \(mirror)/objects", "rm \(mirror)/HEAD", "truncate -s 0 \(mirror)/packed-refs",
        ] {
            let done = ShellCommand.run("bash", ["-c", damage])
            #expect(done.status == 0, "\(done.errorText)")
            expect(world.sync(), 0)
            #expect(world.delivered("app.yaml") == "listen: 8080\n")
            #expect(ShellCommand.run("bash", ["-c", "git -C \(mirror) fsck --full"]).status == 0)
        }
        world.commitApp("listen: 1\n")
        expect(world.sync(), 0)
        #expect(world.delivered("app.yaml") == "listen: 1\n")
    }

    @Test func `F047 a sync that is killed at random points is completed by the next`() {
        expect(world.sync(), 0)
        for round in 1...12 {
            world.commitApp("listen: \(round)\n")
            let process = BackgroundProcess(
                World.program, ["sync", "prod", "--once", "--config", world.settings],
                log: world.path("host/log"), environment: ["HOME": world.path("home")])
            usleep(UInt32.random(in: 0...400_000))
            process.killAlone()
            _ = process.wait()
        }
        expect(world.sync(), 0)
        #expect(world.delivered("app.yaml") == "listen: 12\n")
        let mirror = world.path("host/state/mirrors") + "/*.git"
        #expect(ShellCommand.run("bash", ["-c", "git -C \(mirror) fsck --full"]).status == 0)
        #expect(leftovers(below: world.path("host")) == [])
        expect(world.run("audit", "verify", "--config", world.settings, in: "host"), 0)
    }
}
