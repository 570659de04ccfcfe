import Glibc
import Support
import Testing

/// File names of any bytes, and files that everybody can write to.
@Suite struct FileNameTests {
    private func shell(_ world: World, _ script: String) -> ShellCommand.Outcome {
        ShellCommand.run(
            "bash", ["-c", script],
            environment: [
                "PATH": "\(CrashPoints.products):/usr/bin:/bin", "HOME": world.path("home"),
                "STRONGROOM_IDENTITY": world.path("alice.identity"),
            ], directory: world.path("config"))
    }

    @Test func `a name that is not UTF-8 is refused in words, and taken from a list`() {
        let world = World()
        let made = shell(world, "printf 'a: hunter2\\n' > $'deploy/prod/caf\\xe9.conf.yaml'")
        #expect(made.status == 0)
        expect(
            shell(world, "strongroom seal $'deploy/prod/caf\\xe9.conf.yaml'"), 2, "argument 2 is not UTF-8")
        let sealed = shell(
            world, "find deploy/prod -name '*.conf.yaml' -print0 | strongroom seal --paths-from -")
        expect(sealed, 0, "caf\\xe9.conf.yaml: sealed 1 value")
        let text = shell(world, "cat deploy/prod/caf*").text
        #expect(text.hasPrefix("a: sealed.v1.prod-1.f.") && !text.contains("hunter2"))
        #expect(shell(world, "strongroom open - --path x < deploy/prod/caf*").status == 5)
        expect(shell(world, "strongroom check"), 0, "the rules are kept")
        let rendered = shell(world, "strongroom render deploy/prod")
        #expect(rendered.status == 0 && rendered.text.contains("a: hunter2"), "\(rendered.errorText)")
        expect(shell(world, "strongroom reseal"), 0, "resealed 0 values")
        expect(
            shell(world, "find deploy/prod -name 'caf*' -print0 | strongroom check --paths-from -"), 0,
            "checked 1 file")
        expect(shell(world, "printf '' | strongroom check --paths-from -"), 0, "checked 0 files")
        expect(
            shell(world, "find deploy/prod -name 'caf*' -print0 | strongroom reseal --paths-from -"), 0,
            "resealed 0 values")
        expect(
            shell(world, "find deploy/prod -name '*.conf.yaml' > list; strongroom seal --paths-from list"), 2,
            "does not end in a zero byte")
        expect(shell(world, "strongroom seal"), 2, "missing expected argument")
    }

    @Test func `rules that every user can write to are refused`() {
        let world = World()
        unsafe chmod(world.path("config/.strongroom.yaml"), 0o646)
        for verb in ["seal", "open", "check"] {
            expect(
                world.run([verb, "deploy/prod/database.yaml"], identity: "alice"), 5,
                ".strongroom.yaml: every user of this machine can write to it")
        }
        unsafe chmod(world.path("config/.strongroom.yaml"), 0o664)
        expect(world.run("check"), 0, "the rules are kept")
    }

    @Test func `a usage error is one line and where to read on`() {
        let world = World()
        let outcome = world.run("seal", "--nope", "x")
        expect(outcome, 2, "unknown option '--nope'")
        #expect(
            outcome.errorText.split(separator: "\n").last
                == "strongroom: hint: strongroom seal --help shows how it is called",
            "\(outcome.errorText)")
        for arguments in [
            ["bogus"], ["set", "a"], ["keys", "add"], ["generate", "a", "b", "--length", "x"], ["exec"],
        ] {
            let lines = world.run(arguments).errorText.split(separator: "\n")
            #expect(
                lines.allSatisfy { $0.hasPrefix("strongroom: ") } && lines.count <= 3,
                "\(arguments): \(lines)")
        }
    }
}
