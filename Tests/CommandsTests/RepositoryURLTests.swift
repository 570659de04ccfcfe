import Glibc
import Support
import Testing

/// Repositories of a real server as sources of a backup: chains over several snapshots.
@Suite(.enabled(if: HTTPGitServer.isExpected, Comment(rawValue: HTTPGitServer.absence)))
struct RepositoryURLTests {
    @Test func `a repository behind a URL makes a chain, each point of which comes back`() throws {
        let world = World()
        world.makeStore()
        world.writeUploads()
        for name in ["ca", "served"] { unsafe mkdir(world.path(name), 0o700) }
        let authority = CertificateAuthority(in: world.path("ca"))
        let work = ScratchRepository(creating: world.path("work"))
        work.write("file", (1...2_000).map { "line \($0)\n" }.joined())
        work.commit("one")
        ScratchRepository.git(["clone", "-q", "--mirror", work.path, world.path("served/app.git")])
        let served = ScratchRepository(at: world.path("served/app.git"))
        let server = HTTPGitServer(root: world.path("served"), certificate: authority.certificate("server"))
        world.edit(
            "host/strongroom.yaml", "        - command: { name: orders",
            "        - repository: { name: app, url: \"\(server.url("app.git"))\", access: { authorities: \(authority.certificate) } }\n"
                + "        - command: { name: orders")

        func state(_ repository: ScratchRepository) -> String {
            let head = repository.run("symbolic-ref", "-q", "HEAD")
            let references = repository.git("for-each-ref", "--format=%(objectname) %(refname)")
                .split(separator: "\n").filter { !$0.contains(" refs/backup/") }.joined(separator: "\n")
            return references + "\n" + (head.status == 0 ? head.text : repository.git("rev-parse", "HEAD"))
        }
        var points: [(id: String, state: String)] = []
        func take() {
            served.git("fetch", "-q", "--prune", work.path, "+refs/*:refs/*")
            points.append((world.backup(), state(served)))
        }
        take()
        work.git("branch", "side")
        work.write("file", (1...2_000).map { $0 == 7 ? "seven\n" : "line \($0)\n" }.joined())
        work.commit("two")
        work.git("tag", "-a", "-m", "words", "v1")
        take()
        // Forced away; and HEAD of the server at a commit.
        work.git("reset", "-q", "--hard", "HEAD~1")
        work.write("other", "another history\n")
        work.commit("rewritten")
        work.git("tag", "-d", "v1")
        work.git("update-ref", "refs/keep/side", "side")
        served.git("update-ref", "--no-deref", "HEAD", work.git("rev-parse", "HEAD~1"))
        take()
        for (number, point) in points.enumerated() {
            let name = "back\(number)"
            world.must(
                "restore", "--store", world.path("store"), "--snapshot", point.id, "--source", "app",
                "--into",
                world.path(name), identity: "alice")
            let back = ScratchRepository(at: world.path(name))
            #expect(state(back) == point.state)
            let fsck = back.run("fsck", "--full", "--strict")
            #expect(fsck.status == 0, "\(fsck.errorText)")
            #expect(back.git("for-each-ref", "refs/backup").isEmpty == (number < 2))
        }
        // One chain, of which each snapshot has all that was there.
        let bundles = world.must(
            "snapshots", "ls", "latest", "app/increments", "--json", "--store", world.path("store"),
            identity: "alice")
        #expect(bundles.split(separator: "\n").count { $0.contains(".bundle\"") } == 3, "\(bundles)")
        let drill = world.run(
            "drill", "--store", world.path("store"), identity: "alice")
        #expect(drill.errorText.contains("passed: repository app"), "\(drill.errorText)")

        // A server that is away fails this source alone.
        served.git("symbolic-ref", "HEAD", "refs/heads/none")
        TemporaryDirectory.removeTree(world.path("served/app.git"))
        let away = world.run("backup", "prod", "--config", world.settings)
        expect(away, 10, "the snapshot is partial")
        #expect(away.errorText.contains("app: failed"), "\(away.errorText)")
    }

    @Test func `a directory is named by its path or as a file URL`() throws {
        let world = World()
        world.makeStore()
        let work = ScratchRepository(creating: world.path("work"))
        work.commit("one")
        for place in [work.path, "file://\(work.path)"] {
            world.must(
                "backup", "--store", world.path("store"), "--repository", place, identity: "host")
            let listed = world.must(
                "snapshots", "ls", "latest", "work", "--store", world.path("store"), identity: "alice")
            #expect(listed.contains("work/increments/000000.bundle"))
        }
        for place in ["file://elsewhere/srv/app.git", "http://localhost/app.git", "git://localhost/app.git"] {
            let refused = world.run(
                "backup", "--store", world.path("store"), "--repository", place, identity: "host")
            expect(refused, 10, "the snapshot is failed")
        }
    }
}
