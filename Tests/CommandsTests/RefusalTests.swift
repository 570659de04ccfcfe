import Files
import Keyrings
import Sealing
import Sodium
import Support
import Testing

/// Commits that `check` finds, `open` does not open and `sync` does not deliver.
@Suite struct RefusalTests {
    /// Something wrong with a commit: what makes it so, and the exit code of `sync`.
    struct Wrong: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let status: Int32
        /// The file that `open` is tried on; nil where it says nothing about this case.
        let opened: String?
        let make: @Sendable (World) throws -> Void

        init(
            _ name: String, _ status: Int32, opening: String? = nil,
            _ make: @escaping @Sendable (World) throws -> Void
        ) {
            (testDescription, self.status, opened, self.make) = (name, status, opening, make)
        }
    }

    static let cases: [Wrong] = [
        Wrong("a token at another key", 4, opening: "deploy/prod/database.yaml") { world in
            world.edit(
                "config/deploy/prod/database.yaml", "username: &user ",
                "note: \(token(world, "password"))\n     username: &user ")
        },
        Wrong("a token in the place of another", 4, opening: "deploy/prod/database.yaml") { world in
            world.edit(
                "config/deploy/prod/database.yaml", token(world, "username"), token(world, "password"))
        },
        Wrong("a token in another object", 4, opening: "deploy/prod/other.yaml") { world in
            world.config.write(
                "deploy/prod/other.yaml",
                world.text("config/deploy/prod/database.yaml").replacing(
                    "name: database", with: "name: other"))
        },
        Wrong("a token in another namespace", 4, opening: "deploy/prod/database.yaml") { world in
            world.edit("config/deploy/prod/database.yaml", "namespace: shop", "namespace: elsewhere")
        },
        Wrong("a token of scope f in another file", 4, opening: "deploy/prod/b.conf.yaml") { world in
            world.config.write("deploy/prod/a.conf.yaml", "password: one\n")
            world.must("seal", "deploy/prod/a.conf.yaml")
            #expect(world.text("config/deploy/prod/a.conf.yaml").contains(".f."))
            world.config.git("mv", "-f", "-k", "deploy/prod/a.conf.yaml", "deploy/prod/b.conf.yaml")
            world.config.write("deploy/prod/b.conf.yaml", world.text("config/deploy/prod/a.conf.yaml"))
        },
        Wrong("another environment's token", 4, opening: "deploy/prod/copied.yaml") { world in
            world.config.write("deploy/prod/copied.yaml", world.text("config/deploy/staging/database.yaml"))
        },
        Wrong("a token in a file that no rule is for, without the object that it was sealed in", 4) { world in
            world.edit(
                "config/.strongroom.yaml", "paths: [\"deploy/prod/**\"]",
                "paths: [\"deploy/prod/database.yaml\"]")
            world.config.write("deploy/prod/app.yaml", "password: \(token(world, "password"))\n")
        },
        Wrong("a token in a text that is no document", 5) { world in
            world.config.write("deploy/prod/notes.txt", "password=\(token(world, "password"))\n")
        },
        Wrong("a token inside a longer value", 5) { world in
            world.config.write(
                "deploy/prod/app.yaml", "url: \"https://u:\(token(world, "password"))@host\"\n")
        },
        Wrong("a SOPS marker", 5) { world in
            world.config.write("deploy/prod/app.yaml", "password: ENC[AES256_GCM,data:aGk=,type:str]\n")
        },
        Wrong("a sealed file that was moved", 4, opening: "deploy/prod/moved.key") { world in
            world.config.git("mv", "deploy/prod/server.key", "deploy/prod/moved.key")
        },
        Wrong("a sealed file where the rules expect none", 4) { world in
            world.config.git("mv", "deploy/prod/server.key", "deploy/prod/server.bin")
        },
        Wrong("plaintext where the rules require a sealed file", 5) { world in
            world.config.write("deploy/prod/plain.key", "CANARY in the clear\n")
        },
        Wrong("another repository's id", 5) { world in
            world.edit(
                "config/.strongroom.yaml", world.text("repository"), String(repeating: "ab", count: 16))
        },
        Wrong("a document that is not well-formed", 3) { world in
            world.config.write("deploy/prod/broken.yaml", "a: [1\nb: \(token(world, "password"))\n")
        },
        Wrong("a symbolic link", 3) { world in
            world.config.git("config", "core.symlinks", "true")
            let outcome = ShellCommand.run(
                "ln", ["-s", "/etc/passwd", world.path("config/deploy/prod/link.yaml")])
            #expect(outcome.status == 0)
        },
        Wrong("nothing left to deliver", 5) { world in world.config.git("rm", "-rq", "deploy/prod") },
    ]

    @Test(arguments: cases)
    func `what is wrong with a commit is told with the right code, and the old delivery stands`(
        wrong: Wrong
    ) throws {
        let world = World()
        expect(world.sync(), 0)
        let before = (try world.delivered(), world.link("host/app"))
        try wrong.make(world)
        if let path = wrong.opened {
            let outcome = world.run("open", path, identity: "alice")
            expect(outcome, 4)
            #expect(outcome.stdout.isEmpty)
        }
        world.config.commit("Wrong")
        expect(world.sync(), wrong.status)
        #expect(try world.delivered() == before.0)
        #expect(world.link("host/app") == before.1)
        #expect(leftovers(below: world.path("host")).isEmpty)
        // The next good commit is delivered as if nothing had been.
        world.config.git("reset", "-q", "--hard", "HEAD~1")
        world.config.write("deploy/prod/app.yaml", "listen: 9090\n")
        world.config.commit("Right")
        expect(world.sync(), 0)
        #expect(try world.delivered()?["app.yaml"] == Array("listen: 9090\n".utf8))
    }

    @Test(arguments: [
        "x\n---\nsecond: document", "x\nanother: key", "&anchor x", "!!str x", "!mine x", "*anyone",
        "{another: mapping}", "[one]", "x # comment",
    ])
    func `a token whose plaintext brings more than one value is refused`(plaintext: String) throws {
        let world = World()
        world.edit(
            "config/.strongroom.yaml", "rules:\n",
            """
            rules:
              - { paths: ["deploy/prod/*.loose.yaml"], environment: prod, values: ["password"], scope: environment }

            """)
        let keyring = try Keyring(parsing: world.bytes("config/Keys/prod.yaml") ?? [], environment: "prod")
        let head = SealedRecord.Head(format: .yaml, style: .plain, indentation: 0)
        let forged = try Array(plaintext.utf8).withBytes { (source) throws(SealingError) in
            try SealedValue.seal(source, as: head, to: keyring.sealingKey, at: .environment)
        }
        func file(_ token: SealedToken) -> String {
            "other: &anyone 1\npassword: \(String(decoding: token.text, as: UTF8.self))\nlast: 2\n"
        }
        world.config.write("deploy/prod/a.loose.yaml", file(forged))
        let outcome = world.run("open", "deploy/prod/a.loose.yaml", identity: "alice")
        expect(outcome, 4)
        #expect(outcome.stdout.isEmpty)
        world.config.commit("Forged")
        expect(world.sync(), 4)
        #expect(try world.delivered() == nil)
        // The same way to make tokens gives ones that open, where they hold one value.
        let honest = try Array("x".utf8).withBytes { (source) throws(SealingError) in
            try SealedValue.seal(source, as: head, to: keyring.sealingKey, at: .environment)
        }
        world.config.write("deploy/prod/a.loose.yaml", file(honest))
        world.config.commit("Honest")
        expect(world.sync(), 0)
        #expect(
            try world.delivered()?["a.loose.yaml"]
                == Array("other: &anyone 1\npassword: x\nlast: 2\n".utf8))
    }

    @Test func `a commit that nobody allowed has signed is not delivered`() throws {
        let world = World()
        expect(world.sync(), 0)
        let before = try world.delivered()
        world.config.write("deploy/prod/app.yaml", "listen: 1\n")
        world.config.git("config", "commit.gpgsign", "false")
        world.config.commit("Unsigned")
        expect(world.sync(), 5, "not signed")
        world.config.git("config", "commit.gpgsign", "true")
        world.config.git("config", "user.signingkey", world.path("mallory"))
        world.config.git("reset", "-q", "--soft", "HEAD~1")
        world.config.commit("Signed by somebody else")
        expect(world.sync(), 5)
        #expect(try world.delivered() == before)
        // Without settings too, where the signers are named.
        let adHoc = world.run(
            "sync", "--once", "--source", world.config.path, "--path", "deploy/prod", "--allowed-signers",
            world.path("allowed_signers"), "--trust", world.text("prod.trust"), "--target",
            world.path("elsewhere"), identity: "host")
        expect(adHoc, 5)
        #expect(try FileTree(world.path("elsewhere")) == nil)
        world.write("allowed_signers", "")
        expect(world.sync(), 5)
    }

    @Test func `a branch that was rewritten is not delivered`() throws {
        let world = World()
        let first = world.config.git("rev-parse", "HEAD")
        world.config.write("deploy/prod/app.yaml", "listen: 2\n")
        world.config.commit("Second")
        expect(world.sync(), 0)
        let before = try world.delivered()
        world.config.git("reset", "-q", "--hard", first)
        expect(world.sync(), 5)
        #expect(try world.delivered() == before)
    }

    /// The token of a key of deploy/prod/database.yaml.
    private static func token(_ world: World, _ key: String) -> String {
        for line in world.text("config/deploy/prod/database.yaml").split(separator: "\n")
        where line.contains("\(key): ") {
            let words = line.split(separator: " ").map(String.init)
            if let token = words.first(where: { $0.hasPrefix("sealed.v1.") }) { return token }
        }
        preconditionFailure("no token of \(key)")
    }
}
