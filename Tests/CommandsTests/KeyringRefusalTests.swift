import Encodings
import Files
import Keyrings
import SSH
import Sodium
import Support
import Testing
import Trust

/// Keyrings that somebody who can only commit has slipped in.
@Suite struct KeyringRefusalTests {
    @Test func `a generation that no admin of the one before signed is refused by seal and by sync`() throws {
        let world = World()
        expect(world.sync(), 0)
        let before = try world.delivered()
        for isFresh in [false, true] {
            // Without a pin, the chain alone must betray it.
            if isFresh { TemporaryDirectory.removeTree(world.path("home/.local")) }
            try world.config.write("Keys/prod.yaml", second(world, signedBy: "mallory"))
            try expectRefused(world)
            #expect(try world.delivered() == before)
        }
        // The same generation with an admin's signature is taken: what was refused is the signer.
        try world.config.write("Keys/prod.yaml", second(world, signedBy: "alice"))
        world.config.write("deploy/prod/database.yaml", World.database)
        world.must("seal", "deploy/prod/database.yaml")
        world.config.commit("A new generation")
        expect(world.run("open", "deploy/prod/database.yaml", identity: "mallory"), 0)
    }

    @Test func `a keyring with another root is refused by seal and by sync`() throws {
        let world = World()
        expect(world.sync(), 0)
        let before = try world.delivered()
        // Her own keyring, in which everybody may read, signed by herself as its first admin.
        let members = try ["alice", "host", "mallory"].map {
            try Member(name: $0, recipient: world.text("\($0).recipient"))
        }
        let keyring = try Keyring.create(
            environment: "prod", members: members, signingWith: try key(world, "mallory"))
        world.config.write("Keys/prod.yaml", keyring.yaml)
        try expectRefused(world)
        #expect(try world.delivered() == before)
        // Who has never seen it is told the root; who knows it is not fooled by a fresh start either.
        TemporaryDirectory.removeTree(world.path("home/.local"))
        world.config.write("deploy/prod/database.yaml", World.database)
        expect(world.run("seal", "deploy/prod/database.yaml", "--trust", world.text("prod.trust")), 5)
        #expect(world.text("config/deploy/prod/database.yaml") == World.database)
        let naive = world.run("seal", "deploy/prod/database.yaml")
        expect(naive, 0, keyring.root.description)
    }

    @Test func `a member that no signature covers is refused by seal and by sync`() throws {
        let world = World()
        expect(world.sync(), 0)
        let before = try world.delivered()
        world.edit("config/Keys/prod.yaml", world.text("host.recipient"), world.text("mallory.recipient"))
        try expectRefused(world)
        #expect(try world.delivered() == before)
    }

    @Test func `an older generation than one seen before opens and does not seal`() throws {
        let world = World()
        let old = world.text("config/Keys/prod.yaml")
        try world.config.write("Keys/prod.yaml", second(world, signedBy: "alice"))
        world.config.write("deploy/prod/database.yaml", World.database)
        world.must("seal", "deploy/prod/database.yaml")
        world.config.write("Keys/prod.yaml", old)
        world.config.git("checkout", "-q", "HEAD", "--", "deploy/prod/database.yaml")
        let opened = world.run("open", "deploy/prod/database.yaml", identity: "alice")
        expect(opened, 0)
        #expect(opened.text == World.database)
        world.config.write("deploy/prod/database.yaml", World.database)
        expect(world.run("seal", "deploy/prod/database.yaml"), 5, "older generation")
        #expect(world.text("config/deploy/prod/database.yaml") == World.database)
    }

    /// Neither seal nor set nor sync takes the keyring that stands in the work tree; nothing changes.
    private func expectRefused(_ world: World, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let sealed = world.text("config/deploy/prod/database.yaml")
        world.config.write("deploy/prod/database.yaml", World.database)
        expect(world.run("seal", "deploy/prod/database.yaml"), 5, sourceLocation: sourceLocation)
        #expect(
            world.text("config/deploy/prod/database.yaml") == World.database, sourceLocation: sourceLocation)
        world.config.write("deploy/prod/database.yaml", sealed)
        expect(
            world.run("set", "deploy/prod/database.yaml", "stringData.password", stdin: "CANARY"), 5,
            sourceLocation: sourceLocation)
        #expect(world.text("config/deploy/prod/database.yaml") == sealed, sourceLocation: sourceLocation)
        world.config.commit("Slip a keyring in")
        expect(world.sync(), 5, sourceLocation: sourceLocation)
    }

    /// The keyring file with a second generation whose new epoch mallory can open, as the holder of an SSH key makes
    /// it: everything is right but, maybe, who signed.
    private func second(_ world: World, signedBy name: String) throws -> [UInt8] {
        let root = world.config.git("rev-list", "--max-parents=0", "HEAD")
        let first = try Keyring(
            parsing: Array(world.config.git("show", "\(root):Keys/prod.yaml").utf8), environment: "prod")
        let members = try ["alice", "host", "mallory"].map {
            try Member(name: $0, recipient: world.text("\($0).recipient"))
        }
        let body = try KeyringBody(newFor: members)
        let signer = try key(world, name)
        let header = try GenerationHeader(
            after: first.chain.newest, threshold: 1, admins: first.chain.newest.admins, body: body.bytes)
        // A file with that body, out of a chain that has a right to it; then the generations are exchanged.
        let lent = try Keyring.create(environment: "prod", members: members, signingWith: signer)
            .appending(body: body) { header in [SignedGeneration.signature(over: header, by: signer)] }
        let head = text(lent).prefix(upTo: text(lent).ranges(of: "generations:\n")[0].lowerBound)
        let old = text(first).suffix(from: text(first).ranges(of: "generations:\n")[0].lowerBound)
        let signature = SignedGeneration.signature(over: header, by: signer).armored.split(separator: "\n")
        let entry = """
              - generation: 2
                previous: "\(Hex.encode(header.previous))"
                threshold: 1
                admins:
                  - "\(header.admins[0].text)"
                body: "\(Hex.encode(header.bodyHash))"
                signatures:
                  - |
                    \(signature.joined(separator: "\n        "))

            """
        return Array((head + old + entry).utf8)
    }

    private func text(_ keyring: Keyring) -> String { String(decoding: keyring.yaml, as: UTF8.self) }

    /// The SSH key of alice or mallory.
    private func key(_ world: World, _ name: String) throws -> SigningKey {
        let file = Array(world.text(name).utf8).withBytes { SecretBytes(copying: $0) }
        return try SigningKey(openSSH: file)
    }
}
