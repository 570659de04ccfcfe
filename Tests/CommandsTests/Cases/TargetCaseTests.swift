import Glibc
import Support
import Testing

/// What targets do with bad settings, bad programs and odd values, by the program itself (CASES.md F056-F067).
@Suite struct TargetCaseTests {
    private let world = World()

    /// Puts more targets behind the one that the world has.
    private func add(_ targets: String...) {
        let own = "  - files: { directory: \(world.path("host/app")), mode: \"0440\" }\n"
        let lines = targets.map { "      - \($0)\n" }.joined()
        world.edit("host/strongroom.yaml", own, own + lines)
    }

    private func commit(_ name: String, _ text: String) {
        world.config.write(name, text)
        world.config.commit(name)
    }

    @Test(arguments: [
        ("exit 3", "status 3"), ("cat > /dev/null; sleep 100000 & wait", "took longer than 1 s"),
        ("kill -9 $$", "signal 9"), ("exec <&-; echo '{}'", "without reading"),
        ("cat > /dev/null; head -c 1073741824 /dev/zero", "said more than"),
        ("cat >&2; exit 1", "status 1"),
    ])
    func
        `F065: a command target that fails, hangs, floods or does not read is exit code 6, and nothing is delivered`(
            script: String, word: String
        ) throws
    {
        let timeout = script.contains("sleep") ? "1s" : "5m"
        add("command: { name: keeper, run: [\"sh\", \"-c\", \"\(script)\"], timeout: \(timeout) }")
        let outcome = world.sync()
        expect(outcome, 6, "keeper", word)
        #expect(!outcome.errorText.contains("Q0FOQVJZ"), "base64 of a secret")
        #expect(try world.delivered() == nil)
    }

    @Test func `F061: two files for one path of a target are exit code 5 before either is written`() throws {
        let place = world.path("host/other")
        add("files: { directory: \(place), values: [{ value: app.yaml, file: database.yaml }] }")
        expect(world.sync(), 5, "database.yaml")
        #expect(try world.delivered() == nil && FileTree(place) == nil)
    }

    @Test func `F061: targets in one another are refused, in one environment and in two`() throws {
        add("files: { directory: \(world.path("host/app/deep")) }")
        expect(world.sync(), 5, "overlap")
        world.writeSettings()
        let settings = world.text("host/strongroom.yaml")
        let lines = settings.split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(lines.firstIndex { $0.hasPrefix("  prod:") })
        let own = lines[start...].prefix { !$0.hasPrefix("    backup:") }
        let second = own.joined(separator: "\n").replacing("  prod:", with: "  staging:")
        world.write("host/strongroom.yaml", settings + second + "\n")
        expect(world.sync(), 2, "another environment's")
        #expect(try world.delivered() == nil)
    }

    @Test
    func `F067: a zero byte in text is exit code 3, odd values reach a file to the byte without any shell`()
        throws
    {
        let value = "-n $(touch \(world.path("host/ran"))) `id` \"q\" 'q' \\ $HOME\nsecond line"
        world.must("set", "deploy/prod/database.yaml", "stringData.password", stdin: value)
        world.config.write("deploy/prod/app.in", "[${database.yaml:stringData.password}]")
        world.config.write(
            "deploy/prod/zero.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: z, namespace: shop}\ndata: {Z: AQAC}\n")
        world.must("seal", "deploy/prod/zero.yaml")
        world.config.commit("odd")
        let place = world.path("host/other")
        let made = "directory: \(place), include: [], templates: [{ template: app.in, file: app }]"
        add("files: { \(made), values: [{ value: \"zero.yaml:data.Z\", file: zero }] }")
        expect(world.sync(), 0)
        #expect(world.text("host/other/app") == "[\(value)]")
        #expect(world.bytes("host/other/zero") == [1, 0, 2])
        #expect(unsafe access(world.path("host/ran"), F_OK) != 0)
        world.edit(
            "host/strongroom.yaml", "include: [], ",
            "include: [], environmentFiles: [{ from: [zero.yaml], file: env }], ")
        let before = try FileTree(place)
        expect(world.sync(), 3, "zero byte")
        #expect(try FileTree(place) == before)
    }

    @Test func `a command after a change that fails is exit code 6, and is run again until it succeeds`()
        throws
    {
        world.edit(
            "host/strongroom.yaml", "mode: \"0440\"",
            "mode: \"0440\", reload: [\"sh\", \"-c\", \"cat \(world.path("host/app"))/database.yaml >&2; exec test -e \(world.path("host/ready"))\"]"
        )
        expect(world.sync(), 6, "withheld")
        #expect(try world.delivered() != nil)
        expect(world.sync(), 6)
        world.write("host/ready", "")
        expect(world.sync(), 0)
        expect(world.sync(), 0)
    }

    @Test func `a source that Helm would render where it is not installed is exit code 6`() throws {
        world.edit(
            "host/strongroom.yaml", "path: deploy/prod",
            "path: deploy/prod\n        render: { helm: { release: shop, chart: chart } }")
        let outcome = world.sync()
        // Where it is installed there is no such chart.
        expect(outcome, 6, "helm")
        #expect(try world.delivered() == nil)
    }

    @Test func `credentials are served by the program to who asks as systemd does, until SIGTERM`() throws {
        let socket = world.path("host/credentials.sock")
        add(
            "credentials: { socket: \(socket), allow: [{ unit: app.service, credential: key, value: server.key }] }"
        )
        let log = world.path("host/credentials.log")
        let server = BackgroundProcess(
            World.program, ["credentials", "prod", "--config", world.settings], log: log,
            environment: ["HOME": world.path("home")])
        for _ in 0..<12_000 where unsafe access(socket, F_OK) != 0 { usleep(10_000) }
        #expect(ShellCommand.run("stat", ["-c", "%a", socket]).text == "600")
        let script = """
            import socket, sys
            client = socket.socket(socket.AF_UNIX)
            client.bind("\\0f00/unit/%s/%s" % tuple(sys.argv[2:]))
            client.connect(sys.argv[1])
            print(client.makefile("rb").read().decode(), end="")
            """
        func ask(_ unit: String, _ credential: String) -> String {
            ShellCommand.run("python3", ["-c", script, socket, unit, credential]).text
        }
        if geteuid() == 0 { #expect(ask("app.service", "key") == World.serverKey) }
        #expect(ask("web.service", "key") == "" && ask("app.service", "password") == "")
        #expect(try world.delivered() == nil, "the other targets are left alone")
        kill(server.id, SIGTERM)
        #expect(server.wait() == 0)
        #expect(unsafe access(socket, F_OK) != 0)
        let said = world.text("host/credentials.log")
        #expect(said.contains("web.service: credential key: ") && !said.contains("CANARY"), "\(said)")
    }
}
