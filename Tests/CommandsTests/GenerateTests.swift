import Support
import Testing

/// `generate`: what it makes is what other programs take, and nothing is overwritten unasked.
@Suite struct GenerateTests {
    private static let document = "deploy/prod/database.yaml"

    /// The value that `generate` seals at `stringData.new` with `options`, and what it printed.
    private func made(_ world: World, _ options: String..., replacing: Bool = false) -> (
        value: String, printed: String
    ) {
        let arguments =
            ["generate", Self.document, "stringData.new", "--document", "0"] + options
            + (replacing ? ["--replace"] : [])
        let outcome = world.run(arguments)
        #expect(outcome.status == 0, "\(outcome.errorText)")
        let files = world.run(
            "exec", "--file", Self.document, "--files", "--", "sh", "-c", "cat \"$STRONGROOM_FILES/new\"",
            identity: "alice")
        #expect(files.status == 0, "\(files.errorText)")
        return (String(decoding: files.stdout, as: UTF8.self), outcome.text)
    }

    @Test func `an SSH key is one that ssh-keygen reads, and its public key is printed`() {
        let world = World()
        let (key, printed) = made(world, "--ssh-ed25519", "--comment", "deploy@example.org")
        #expect(printed.hasPrefix("ssh-ed25519 AAAA") && printed.hasSuffix(" deploy@example.org"))
        world.write("made", key)
        _ = ShellCommand.run("chmod", ["600", world.path("made")])
        let read = ShellCommand.run("ssh-keygen", ["-y", "-P", "", "-f", world.path("made")])
        #expect(read.text == printed, "\(read.errorText)")
    }

    @Test func `an age identity opens what its printed recipient was given`() {
        let world = World()
        let (identity, recipient) = made(world, "--age")
        let sealed = ShellCommand.run("age", ["-r", recipient], stdin: Array("hello".utf8))
        #expect(sealed.status == 0, "\(sealed.errorText)")
        world.write("made", identity + "\n")
        let opened = ShellCommand.run("age", ["-d", "-i", world.path("made")], stdin: sealed.stdout)
        #expect(opened.text == "hello", "\(opened.errorText)")
    }

    @Test func `a WireGuard key has the printed public key`() {
        let world = World()
        let (key, printed) = made(world, "--wireguard")
        // RFC 8410 §7: the wrapping of an X25519 private key, and of its public key.
        let script = """
            { printf '\\060\\056\\002\\001\\000\\060\\005\\006\\003\\053\\145\\156\\004\\042\\004\\040'; base64 -d; } |
              openssl pkey -inform DER -pubout -outform DER | tail -c 32 | base64
            """
        let computed = ShellCommand.run("sh", ["-c", script], stdin: Array(key.utf8))
        #expect(key.utf8.count == 44 && computed.text == printed, "\(computed.errorText)")
    }

    @Test func `every kind of character is there where that is asked for`() {
        let world = World()
        for round in 0..<20 {
            let value = made(
                world, "--symbols", "--every-kind", "--length", "8", replacing: round > 0
            ).value
            #expect(
                value.count == 8 && value.contains { $0.isLowercase } && value.contains { $0.isUppercase })
            #expect(value.contains { $0.isNumber } && value.contains { "+,-./:=@_~".contains($0) })
        }
    }

    @Test func `what stands there stays unless its replacement is asked for`() {
        let world = World()
        let before = world.text("config/\(Self.document)")
        expect(
            world.run("generate", Self.document, "stringData.password"), 2, "stands at this key path already")
        #expect(world.text("config/\(Self.document)") == before)
        expect(
            world.run("generate", Self.document, "stringData.password", "--replace"), 0,
            "sealed a random value")
        world.config.write("deploy/prod/x.conf.yaml", "a:\nb: \"\"\nc: ~\nd: 0\n")
        for key in ["a", "b", "c"] {
            expect(world.run("generate", "deploy/prod/x.conf.yaml", key), 0, "sealed a random value")
        }
        expect(world.run("generate", "deploy/prod/x.conf.yaml", "d"), 2, "already")
    }

    @Test func `options that don't go together are refused`() {
        let world = World()
        expect(world.run("generate", "a", "b", "--age", "--length", "9"), 2, "--length")
        expect(world.run("generate", "a", "b", "--hex", "--symbols"), 2, "--symbols")
        expect(world.run("generate", "a", "b", "--comment", "x"), 2, "--comment")
        expect(world.run("generate", "a", "b", "--alphabet", "ab", "--symbols"), 2, "exclude")
    }
}
