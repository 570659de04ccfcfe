import Documents
import Files
import Keyrings
import Sealing
import Sodium
import Support
import Testing

/// A tree that is sealed anew to another key, killed at every step.
@Suite struct ResealCrashTests {
    private static let value = "CANARY of file "

    private func path(_ number: Int) -> String { "deploy/prod/many/\(number % 20)/\(number).yaml" }

    private func content(_ number: Int) -> String {
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s\(number), namespace: n}\nstringData:\n  a: \(Self.value)\(number)\n"
    }

    /// A world with bob as a member and `count` more manifests, sealed and committed.
    private func world(_ count: Int) -> World {
        let world = World()
        world.write(
            "bob.recipient", world.must("keys", "new", "--output", world.path("bob.identity"), in: "host"))
        world.must(
            "keys", "add", "--environment", "prod", "bob=" + world.text("bob.recipient"), "--epochs", "all",
            "--signing-key", world.path("alice"), identityOf: "alice")
        let files = (0..<count).map(path)
        for (number, file) in files.enumerated() {
            world.config.write(file, content(number))
        }
        #expect(world.run(["seal"] + files).status == 0)
        world.config.commit("many")
        return world
    }

    private func points(_ world: World) -> CrashPoints {
        world.points(
            "keys", "remove", "--environment", "prod", "bob", "--signing-key", world.path("alice"),
            "--identity",
            world.path("alice.identity"))
    }

    /// Puts keyring, tree and pins back to what they were before the removal.
    private func reset(_ world: World, _ count: Int) {
        world.config.git("checkout", "-q", "--", ".")
        TemporaryDirectory.removeTree(world.path("home/.local"))
    }

    /// Opens every file with the keyring as it stands in the tree, and returns how many are at its newest epoch.
    private func openAll(_ world: World, _ count: Int, sourceLocation: SourceLocation = #_sourceLocation)
        throws
        -> Int
    {
        let keyring = try Keyring(parsing: world.bytes("config/Keys/prod.yaml") ?? [], environment: "prod")
        let file = Array(world.text("alice.identity").utf8).withBytes { SecretBytes(copying: $0) }
        let opened = try keyring.open(with: try IdentityFile.parse(file))
        let rules = try Rules(parsing: world.bytes("config/.strongroom.yaml") ?? [])
        let opener = DocumentOpener(rules: rules, keyring: opened, enforcing: true)
        let newest = "sealed.v1.prod-\(keyring.sealingKey.epoch)."
        var resealed = 0
        let directory = try Directory(Path(world.config.path))
        let many = (0..<count).map { number in
            (path: path(number), content: content(number))
        }
        let own = [
            ("deploy/prod/database.yaml", World.database), ("deploy/prod/server.key", World.serverKey),
        ]
        for (path, content) in many + own {
            let bytes = try directory.read(Path(path), limit: 1 << 20)
            let opened = try opener.openFile(bytes, path: Array(path.utf8))
            let text = opened.bytes.withBytes { text in
                String(decoding: (0..<text.byteCount).map { text[$0] }, as: UTF8.self)
            }
            #expect(text == content, "\(path)", sourceLocation: sourceLocation)
            if String(decoding: bytes, as: UTF8.self).contains(newest) { resealed += 1 }
        }
        return resealed
    }

    /// Kills a removal after each of `calls`; every file opens then, and the same command completes.
    private func killAndFinish(_ world: World, _ count: Int, at calls: [Int]) throws {
        for number in calls {
            reset(world, count)
            #expect(points(world).run(.killAfter(number)).isReached)
            _ = try openAll(world, count)
            let again = points(world).run(.none)
            #expect(again.status == 0, "\(number): \(String(decoding: again.stderr, as: UTF8.self))")
            let keyring = try Keyring(
                parsing: world.bytes("config/Keys/prod.yaml") ?? [], environment: "prod")
            #expect(keyring.sealingKey.epoch == 2 && keyring.generation == 3)
            #expect(try openAll(world, count) == count + 1)
            #expect(leftovers(below: world.config.path) == [], "\(number)")
        }
        expect(world.run("open", path(0), identity: "bob"), 4)
    }

    @Test
    func `F034: a removal that is killed at any step leaves files that open, and is finished by another`()
        throws
    {
        let world = world(3)
        reset(world, 3)
        let clean = points(world).run(.none)
        #expect(clean.status == 0)
        try killAndFinish(world, 3, at: Array(1...clean.callCount))
    }

    @Test func `F034: of a thousand files each opens with the old or the new key wherever a run is killed`()
        throws
    {
        let world = world(1_000)
        reset(world, 1_000)
        let clean = points(world).run(.none)
        #expect(clean.status == 0 && clean.callCount > 4_000)
        #expect(try openAll(world, 1_000) == 1_001)
        try killAndFinish(world, 1_000, at: [clean.callCount / 3, clean.callCount * 4 / 5])
    }
}
