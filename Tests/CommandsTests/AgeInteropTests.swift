import Support
import Testing

/// Files go both ways between strongroom and the age of everybody else.
@Suite struct AgeInteropTests {
    @Test func `a sealed file opens with stock age and the environment's identity out of the keyring`() {
        let world = World()
        world.write("prod.identity", environmentIdentity(world))
        let opened = age(world, "-d", "-i", world.path("prod.identity"), "config/deploy/prod/server.key")
        #expect(opened.text == World.serverKey, "\(opened.errorText)")
        // A large one, several chunks long.
        let large = String(repeating: "0123456789abcdef", count: 20_000)
        world.config.write("deploy/prod/large.key", large)
        world.must("seal", "deploy/prod/large.key")
        let second = age(world, "-d", "-i", world.path("prod.identity"), "config/deploy/prod/large.key")
        #expect(second.text == large, "\(second.errorText)")
        #expect(world.run("open", "deploy/prod/large.key", identity: "host").text == large)
    }

    @Test func `a file that stock age made for the environment opens with a member's identity`() throws {
        let world = World()
        let line = try #require(
            world.text("config/Keys/prod.yaml").split(separator: "\n").first { $0.contains("publicKey:") })
        let recipient = try #require(line.split(separator: " ").last).description
        #expect(recipient.hasPrefix("age1"))
        world.write("plain", World.serverKey)
        for (name, options) in [("binary.age", []), ("armored.age", ["-a"])] {
            let made = ShellCommand.run(
                "age",
                options + [
                    "-r", recipient, "-o", world.path("config/deploy/prod/" + name), world.path("plain"),
                ])
            #expect(made.status == 0, "\(made.errorText)")
            let opened = world.run("open", "deploy/prod/" + name, identity: "host")
            expect(opened, 0)
            #expect(opened.text == World.serverKey)
            expect(world.run("open", "deploy/prod/" + name, identity: "mallory"), 4)
        }
        // It lacks the stanza that binds it to its place: `open` takes it, a sync does not.
        world.config.commit("Somebody else's age file")
        expect(world.sync(), 3, "stanzas")
    }

    @Test func `identities and recipients are those of age`() {
        let world = World()
        let recipient = ShellCommand.run("age-keygen", ["-y", world.path("alice.identity")])
        #expect(recipient.text == world.text("alice.recipient"))
        world.write("plain", World.serverKey)
        let made = ShellCommand.run(
            "age", ["-r", recipient.text, "-o", world.path("for-alice.age"), world.path("plain")])
        #expect(made.status == 0)
        let opened = world.run("open", world.path("for-alice.age"), identity: "alice", in: "host")
        #expect(opened.text == World.serverKey, "\(opened.errorText)")
        _ = ShellCommand.run("age-keygen", ["-o", world.path("other.identity")])
        let show = world.run("keys", "show", identity: "other")
        expect(show, 0)
        #expect(
            show.text.contains(ShellCommand.run("age-keygen", ["-y", world.path("other.identity")]).text))
    }

    /// What stock age, with alice's identity, finds in the keyring file as it stands in the repository.
    private func environmentIdentity(_ world: World) -> String {
        let lines = world.text("config/Keys/prod.yaml").split(separator: "\n")
            .map { $0.drop { $0 == " " } }
        guard let begin = lines.firstIndex(of: "-----BEGIN AGE ENCRYPTED FILE-----"),
            let end = lines.firstIndex(of: "-----END AGE ENCRYPTED FILE-----")
        else { return "" }
        world.write("epoch.age", lines[begin...end].joined(separator: "\n") + "\n")
        let outcome = age(world, "-d", "-i", world.path("alice.identity"), "epoch.age")
        #expect(outcome.text.hasPrefix("AGE-SECRET-KEY-1"), "\(outcome.errorText)")
        return outcome.text + "\n"
    }

    private func age(_ world: World, _ arguments: String...) -> ShellCommand.Outcome {
        ShellCommand.run("age", arguments, directory: world.path("."))
    }
}
