import Glibc
import Support
import Testing

/// Sealing needs no identity and no home directory; what is remembered, and where, is said.
@Suite struct HomeTests {
    /// Runs `arguments` in the configuration with just these variables beside PATH.
    private func run(
        _ world: World, _ arguments: String..., with variables: [String: String] = [:], stdin: String = ""
    ) -> ShellCommand.Outcome {
        ShellCommand.run(
            World.program, arguments,
            environment: ["PATH": "/usr/local/bin:/usr/bin:/bin"].merging(variables) { $1 },
            directory: world.path("config"), stdin: Array(stdin.utf8))
    }

    private func expectSealing(
        _ world: World, with variables: [String: String], saying words: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let document = "deploy/prod/database.yaml"
        world.config.write(document, World.database)
        let sealed = run(world, "seal", document, with: variables)
        expect(sealed, 0, "sealed 4 values", words, sourceLocation: sourceLocation)
        let set = run(
            world, "set", document, "stringData.password", "--document", "0", with: variables, stdin: "new")
        expect(set, 0, "sealed stringData.password", sourceLocation: sourceLocation)
        expect(run(world, "check", with: variables), 0, "the rules are kept", sourceLocation: sourceLocation)
        let opened = world.must("open", document, identity: "alice", sourceLocation: sourceLocation)
        #expect(opened.contains("password: \"new\""), sourceLocation: sourceLocation)
    }

    @Test func `without HOME the keyring is not remembered, and that is said with its root`() {
        let world = World()
        expectSealing(world, with: [:], saying: "not remembered, for neither XDG_STATE_HOME nor HOME is set")
        let sealed = run(world, "seal", "deploy/prod/database.yaml")
        #expect(sealed.errorText.contains("root \(world.text("prod.trust"))"), "\(sealed.errorText)")
        // A fingerprint makes it strict there too.
        let wrong = String(repeating: "0", count: 64)
        expect(run(world, "seal", "deploy/prod/database.yaml", "--trust", wrong), 5, "not the trusted one")
        expect(
            run(
                world, "seal", "deploy/prod/database.yaml",
                with: ["STRONGROOM_TRUST": "prod=\(world.text("prod.trust"))"]), 0, "sealed")
        expect(run(world, "open", "deploy/prod/database.yaml"), 2, "HOME")
    }

    @Test func `an empty home directory is given the pin, and no more`() throws {
        let world = World()
        unsafe mkdir(world.path("empty"), 0o700)
        expectSealing(world, with: ["HOME": world.path("empty")], saying: "trusting its root from now on")
        let files = ShellCommand.run("find", [world.path("empty"), "-type", "f"]).text
        let pins = files.split(separator: "\n").map { $0.split(separator: "/").last.map(String.init) ?? "" }
        #expect(pins.count == 2 && pins.allSatisfy { $0.hasSuffix(".pin") }, "\(files)")
        #expect(files.contains("/empty/.local/state/strongroom/pins/"))
        expect(
            run(world, "open", "deploy/prod/database.yaml", with: ["HOME": world.path("empty")]), 2,
            "no such identity file")
    }

    @Test func `a home directory that is missing or can't be written to is no obstacle`() {
        let world = World()
        // What stands below a file can't be made by anybody, root included.
        world.write("file", "")
        expectSealing(world, with: ["HOME": world.path("file/home")], saying: "could not be pinned")
        expectSealing(
            world, with: ["HOME": "/", "XDG_STATE_HOME": "/proc/nowhere"], saying: "could not be pinned")
        expectSealing(world, with: ["HOME": world.path("missing")], saying: "trusting its root from now on")
    }
}
