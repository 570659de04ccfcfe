import Support
import Testing

/// `render`: opened documents as one stream, in YAML byte for byte, in JSON with kubectl's types.
@Suite struct RenderTests {
    @Test func `as JSON every document is a line that other programs read`() throws {
        let world = World()
        world.config.write(
            "deploy/prod/other.json", "{\"kind\": \"ConfigMap\",\n \"data\": {\"on\": \"yes\"}}\n")
        let text = world.must("render", "deploy/prod", "--format", "json", identity: "alice")
        let script = """
            import json, sys
            for line in sys.stdin:
                d = json.loads(line)
                print(*(d.get(key) for key in ("kind", "listen")), sep="|") if isinstance(d, dict) else print(d)
            """
        let read = ShellCommand.run("python3", ["-c", script], stdin: Array(text.utf8))
        #expect(
            read.text == "None|8080\nSecret|None\nConfigMap|None\nto be removed\nConfigMap|None",
            "\(read.errorText)\(read.text)")
        #expect(text.contains("\"password\":\"\(World.canary)\"") && !text.contains("sealed.v"))
        #expect(text.contains("\"user\":\"nobody\",\"again\":\"nobody\""))
        #expect(text.hasSuffix("{\"kind\":\"ConfigMap\",\"data\":{\"on\":\"yes\"}}"))
        let none = world.run("render", "deploy/prod", "--format", "json", identity: "mallory")
        expect(none, 4)
        #expect(none.stdout.isEmpty)
    }

    @Test func `what JSON can't say is refused before anything is printed`() {
        let world = World()
        world.config.write("deploy/prod/zz.yaml", "fine: 1\nratio: .inf\n")
        let outcome = world.run("render", "deploy/prod", "--format", "json", identity: "alice")
        expect(outcome, 2, "deploy/prod/zz.yaml: line 2", "quote it")
        #expect(outcome.stdout.isEmpty)
        world.must("render", "deploy/prod", identity: "alice")
        expect(world.run("render", "deploy/prod", "--format", "toml", identity: "alice"), 2, "--format")
    }

    @Test func `files of other formats are left out`() {
        let world = World()
        world.config.write("deploy/prod/a.env", "A=1\n")
        world.config.write("deploy/prod/a.toml", "a = 1\n")
        let text = world.must("render", "deploy/prod", identity: "alice")
        #expect(!text.contains("A=1") && !text.contains("a = 1"))
    }
}
