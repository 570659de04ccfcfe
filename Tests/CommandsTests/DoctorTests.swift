import Glibc
import Support
import Testing

/// `doctor`: what is missing is said, with what to do about it; nothing is changed by asking.
@Suite struct DoctorTests {
    private func doctor(
        _ world: World, _ options: String..., identity: String = "alice", in place: String = "config"
    )
        -> ShellCommand.Outcome
    {
        world.run(["doctor"] + options, identity: identity, in: place)
    }

    @Test func `a fresh clone is told what to set up, and then that it is`() {
        let world = World()
        let first = doctor(world)
        #expect(first.status == 0 && first.stderr.isEmpty, "\(first.errorText)")
        for words in [
            "ok      .strongroom.yaml: 4 rules", "advice  git config", "strongroom git install",
            "advice  Keys/prod.yaml: no escrow member", "advice  Keys/prod.yaml: one admin key",
            "ok      prod: your identity opens it",
        ] { #expect(first.text.contains(words), "\(words): \(first.text)") }
        world.must("git", "install")
        let later = doctor(world).text
        #expect(!later.contains("git config: not") && later.contains("ok      .gitattributes"), "\(later)")
        #expect(later.contains("calls strongroom, which is not in PATH"))
    }

    @Test func `an escrow member is seen`() {
        let world = World()
        world.must("keys", "new", "--output", world.path("escrow"), in: "host")
        let recipient = world.must("keys", "show", "--identity", world.path("escrow"), in: "host")
            .split(separator: "\n")[0].split(separator: " ")[1]
        world.must(
            "keys", "add", "safe=\(recipient)", "--role", "escrow", "--environment", "prod",
            "--signing-key", world.path("alice"), identity: "alice")
        #expect(!doctor(world).text.contains("Keys/prod.yaml: no escrow"))
        #expect(doctor(world).text.contains("Keys/staging.yaml: no escrow"))
    }

    @Test func `what is not safe or does not work ends with 5`() {
        let world = World()
        unsafe chmod(world.path("alice.identity"), 0o644)
        let exposed = doctor(world)
        expect(exposed, 5, "1 problem")
        #expect(exposed.text.contains("problem \(world.path("alice.identity"))"))
        unsafe chmod(world.path("alice.identity"), 0o600)
        unsafe chmod(world.path("config/.strongroom.yaml"), 0o666)
        let open = doctor(world)
        expect(open, 5)
        #expect(
            open.text.contains("every user of this machine can write to it")
                && open.text.contains("chmod o-w"))
        unsafe chmod(world.path("config/.strongroom.yaml"), 0o644)
        world.config.write("Keys/prod.yaml", "no keyring\n")
        expect(doctor(world), 5)
    }

    @Test func `outside of a repository, without identity, and as JSON`() throws {
        let world = World()
        unsafe mkdir(world.path("elsewhere"), 0o700)
        let outside = doctor(world, identity: "nobody", in: "elsewhere")
        #expect(
            outside.status == 0 && outside.text.contains("no identity here")
                && outside.text.contains("not in a Git"))
        let json = doctor(world, "--json")
        let script =
            "import json,sys; d=json.load(sys.stdin); print(len(d) > 5, sorted({x['level'] for x in d}))"
        let read = ShellCommand.run("python3", ["-c", script], stdin: json.stdout)
        #expect(read.text == "True ['advice', 'good']", "\(read.errorText)")
        let before = try FileTree(world.path("config"))
        _ = doctor(world)
        #expect(try FileTree(world.path("config")) == before)
    }

    @Test func `settings are looked at`() {
        let world = World()
        #expect(
            doctor(world, "--config", world.settings).text.contains(
                "ok      \(world.settings): settings of prod"))
        unsafe chmod(world.path("host.identity"), 0o644)
        expect(doctor(world, "--config", world.settings), 5)
        unsafe chmod(world.path("host.identity"), 0o600)
        unsafe chmod(world.settings, 0o666)
        expect(doctor(world, "--config", world.settings), 5)
        expect(world.sync(), 5, "every user of this machine can write to it")
    }
}
