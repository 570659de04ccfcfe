import Glibc
import Support
import Testing

/// The verbs of everyday sealing, as transcripts of the real program.
@Suite struct VerbTests {
    private static let document = "deploy/prod/database.yaml"
    private static let password = "stringData.password"

    /// The tokens in a text, in order.
    private func tokens(_ text: String) -> [String] {
        text.split { !($0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0))) }
            .filter { $0.hasPrefix("sealed.v1.") }.map(String.init)
    }

    @Test func `unset takes a key out, without an identity`() {
        let world = World()
        let before = world.text("config/\(Self.document)")
        expect(world.run("unset", Self.document, Self.password, "--dry-run"), 0, "would remove")
        #expect(world.text("config/\(Self.document)") == before)
        expect(world.run("unset", Self.document, Self.password), 0, "removed")
        let after = world.text("config/\(Self.document)")
        #expect(tokens(after).count == tokens(before).count - 1 && !after.contains("password"))
        let opened = world.must("open", Self.document, identity: "alice")
        #expect(
            opened
                == World.database.replacing(
                    "     password: \"\(World.canary)\"   # rotated quarterly\n", with: ""))
        expect(world.run("unset", Self.document, Self.password), 2, "key path")
        expect(world.run("unset", Self.document, "kind", "--document", "1"), 5, "no rule selects")
        expect(world.run("unset", "README", "a"), 5, "no rule")
    }

    @Test func `generate seals what nobody sees`() {
        let world = World()
        expect(
            world.run("generate", Self.document, "stringData.new", "--document", "0"), 0,
            "sealed a random value")
        #expect(world.text("config/\(Self.document)").contains("new: sealed.v1.prod-1.o."))
        func value(_ options: [String]) -> String {
            let made = ShellCommand.run(
                World.program, ["generate", "deploy/prod/x.conf.yaml", "a", "--replace"] + options,
                environment: ["HOME": world.path("home"), "PATH": "/usr/bin:/bin"],
                directory: world.path("config"))
            #expect(made.status == 0, "\(made.errorText)")
            let text = world.must("open", "deploy/prod/x.conf.yaml", identity: "alice")
            return String(text.dropFirst("a: \"".count).dropLast())
        }
        world.config.write("deploy/prod/x.conf.yaml", "a: x\n")
        let plain = value([])
        #expect(plain.count == 32 && plain.allSatisfy { $0.isLetter || $0.isNumber } && plain != value([]))
        let dice = value(["--alphabet", "123456", "--length", "100"])
        #expect(dice.count == 100 && Set(dice) == Set("123456"))
        #expect(value(["--hex", "--length", "16"]).count == 32)
        #expect(value(["--base64"]).count == 44)
        let uuid = Array(value(["--uuid"]))
        #expect(uuid.count == 36 && uuid[14] == "4" && uuid[8] == "-" && "89ab".contains(uuid[19]))
        expect(world.run("generate", Self.document, "a.b", "--length", "3"), 2, "--length")
        expect(world.run("generate", Self.document, "a.b", "--alphabet", "aa"), 2, "--alphabet")
    }

    @Test func `render opens a directory, or refuses`() {
        let world = World()
        let stream = world.must("render", "deploy/prod", identity: "alice")
        #expect(stream.contains(World.canary) && stream.contains("listen: 8080\n---\n"))
        #expect(!stream.contains("sealed.v1"))
        expect(world.run("render", "deploy/prod", identity: "mallory"), 4)
        world.config.write("empty/a.yaml", "# nothing\n---\n")
        world.config.write("empty/b.txt", "text")
        expect(world.run("render", "empty", identity: "alice"), 5, "nothing to render")
        world.config.write("stray/a.yaml", "a: \(tokens(world.text("config/\(Self.document)"))[0])\n")
        let refused = world.run("render", "stray", identity: "alice")
        expect(refused, 5, "no rule")
        #expect(refused.stdout.isEmpty)
    }

    @Test func `a moved file is explained and rebound`() {
        let world = World()
        world.config.write("deploy/prod/x.conf.yaml", "a: hunter2\nb: two\n")
        world.must("seal", "deploy/prod/x.conf.yaml")
        world.config.commit("Add a file")
        world.config.git("mv", "deploy/prod/x.conf.yaml", "deploy/prod/y.conf.yaml")
        world.config.git("mv", "deploy/prod/server.key", "deploy/prod/other.key")
        let moved = "deploy/prod/y.conf.yaml"
        expect(world.run("open", moved, identity: "alice"), 4, "moved here")
        let words = world.must("explain", moved, identity: "alice")
        #expect(
            words.contains("valid for deploy/prod/x.conf.yaml, a, stands at deploy/prod/y.conf.yaml, a"),
            "\(words)")
        #expect(words.contains("environment prod, epoch 1") && words.contains("alice, host"))
        let file = world.must("explain", "deploy/prod/other.key")
        #expect(file.contains("valid for deploy/prod/server.key, stands at deploy/prod/other.key"), "\(file)")
        let before = world.text("config/\(moved)")
        expect(world.run("rebind", moved, "--dry-run", identity: "alice"), 0, "would rebind 2 values")
        #expect(world.text("config/\(moved)") == before)
        expect(world.run("rebind", moved, identity: "alice"), 0, "rebound 2 values")
        expect(world.run("rebind", moved, identity: "alice"), 0, "0 values, 2 in place")
        #expect(world.must("open", moved, identity: "alice") == "a: hunter2\nb: two")
        expect(
            world.run("rebind", "deploy/prod/other.key", identity: "alice"), 0,
            "was at deploy/prod/server.key")
        #expect(world.must("open", "deploy/prod/other.key", identity: "alice") == World.serverKey)
        #expect(world.must("explain", moved, identity: "alice").contains("; opens"))
    }

    @Test func `each value of a moved dotenv file is found in history`() {
        let world = World()
        world.edit(
            "config/.strongroom.yaml", "rules:\n",
            "rules:\n  - { paths: [\"deploy/prod/*.env\"], environment: prod }\n")
        world.config.write("deploy/prod/a.env", "A=one\nB=two\n")
        world.must("seal", "deploy/prod/a.env")
        world.config.commit("Add a file")
        world.config.git("mv", "deploy/prod/a.env", "deploy/prod/b.env")
        expect(world.run("rebind", "deploy/prod/b.env", identity: "alice"), 0, "rebound 2 values")
        #expect(world.must("open", "deploy/prod/b.env", identity: "alice") == "A=one\nB=two")
    }

    @Test func `explain needs no key, and names rule, place and members`() {
        let world = World()
        let words = world.must("explain", Self.document)
        #expect(words.contains("rule on line") && words.contains("nothing was tried"))
        #expect(
            words.contains("scope o: Secret shop/database, stringData.password; for alice, host"), "\(words)")
        let one = world.must("explain", Self.document, "stringData.password", "--json", identity: "alice")
        #expect(one.contains("\"opens\" : true") && one.contains("\"environment\" : \"prod\""), "\(one)")
        #expect(!one.contains("CANARY"))
        expect(world.run("explain", "README"), 5, "no rule")
        world.config.write("deploy/prod/x.conf.yaml", "a: x\n")
        #expect(world.must("explain", "deploy/prod/x.conf.yaml").contains("a: not sealed yet; scope f"))
    }

    @Test func `reseal leaves the newest epoch as it is`() {
        let world = World()
        let before = world.text("config/\(Self.document)")
        expect(world.run("reseal", identity: "alice"), 0, "resealed 0 values")
        #expect(world.text("config/\(Self.document)") == before)
        #expect(world.must("reseal", "--json", "--dry-run", identity: "alice") == "[\n\n]")
        expect(world.run("reseal", identity: "mallory"), 4)
    }
}
