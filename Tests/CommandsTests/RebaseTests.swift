import Support
import Testing

/// `keys rebase`: what both branches sealed to new epochs of one number opens again.
@Suite struct RebaseTests {
    private static let files = ["database.yaml", "server.key", "mine.yaml", "theirs.yaml"].map {
        "deploy/prod/\($0)"
    }

    private func secret(_ name: String) -> String {
        World.database.replacing("name: database", with: "name: \(name)")
    }

    private var contents: [String] { [World.database, World.serverKey, secret("mine"), secret("theirs")] }

    /// Two branches that each rotated prod and sealed something, in the middle of a merge that stopped at the keyring.
    private func merging() -> World {
        let world = World()
        let git = world.config
        func rotate(_ name: String) {
            world.must(
                "keys", "rotate", "--environment", "prod", "--signing-key", world.path("alice"),
                identityOf: "alice")
            git.write("deploy/prod/\(name).yaml", secret(name))
            world.must("seal", "deploy/prod/\(name).yaml")
            git.commit(name)
            TemporaryDirectory.removeTree(world.path("home/.local"))
        }
        git.git("checkout", "-q", "-b", "other")
        rotate("theirs")
        git.git("checkout", "-q", "main")
        rotate("mine")
        #expect(git.run("merge", "-q", "other").status == 1)
        git.git("checkout", "-q", "--ours", "deploy")
        #expect(git.git("diff", "--name-only", "--diff-filter=U").contains("Keys/prod.yaml"))
        return world
    }

    private func arguments(_ world: World) -> [String] {
        [
            "keys", "rebase", "--environment", "prod", "--onto", "MERGE_HEAD", "--signing-key",
            world.path("alice"),
        ]
    }

    private func expectDone(_ world: World, sourceLocation: SourceLocation = #_sourceLocation) {
        for (file, content) in zip(Self.files, contents) {
            #expect(world.must("open", file, identity: "host") == content, sourceLocation: sourceLocation)
        }
        let list = world.must("keys", "list", "--environment", "prod", sourceLocation: sourceLocation)
        #expect(list.contains("generation 3, epoch 3"), sourceLocation: sourceLocation)
        expect(world.run("check"), 0, sourceLocation: sourceLocation)
    }

    @Test func `in the middle of a merge both sides' values are sealed to the epoch that follows`() {
        let world = merging()
        let outcome = world.run(arguments(world), identity: "alice")
        expect(outcome, 0, "resealed 12 values in 3 files, and 1 sealed files")
        #expect(outcome.text.contains("epoch 2 of HEAD is now 3"))
        expectDone(world)
        world.config.commit("merge")
        expectDone(world)
        // Again, now that it is committed, it finds all done.
        let again = world.run(
            [
                "keys", "rebase", "--environment", "prod", "--onto", "other", "--from", "HEAD^1",
                "--signing-key", world.path("alice"),
            ], identity: "alice")
        expect(again, 0, "rebased before", "resealed 0 values")
    }

    @Test func `a rebase that is killed is finished by the same command`() {
        let world = merging()
        World.copy(world.path("config"), to: world.path("saved"))
        let points = CrashPoints(
            World.program, arguments(world) + ["--identity", world.path("alice.identity")],
            environment: [
                "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": world.path("home"),
                "GIT_CONFIG_NOSYSTEM": "1",
            ], directory: world.config.path)
        let clean = points.run(.none)
        #expect(clean.status == 0)
        for number in CrashPoints.spread(10, over: clean.callCount) {
            World.replace(world.path("config"), with: world.path("saved"))
            TemporaryDirectory.removeTree(world.path("home/.local"))
            #expect(points.run(.killAfter(number)).isReached)
            let again = points.run(.none)
            #expect(again.status == 0, "\(number): \(String(decoding: again.stderr, as: UTF8.self))")
            expectDone(world)
            #expect(leftovers(below: world.path("config/deploy")) == [])
        }
    }
}
