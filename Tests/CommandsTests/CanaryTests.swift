import Glibc
import Support
import Testing

/// F068: what a full run at the finest log level leaves behind holds no form of a secret: logs, status, audit log, journal,
/// every other file of the state directory.
@Suite struct CanaryTests {
    /// Characters that every encoding writes in another way than they are.
    private static let secret = "CANARY \"51ab\"\\/+&é=%\u{7F}~secret"

    /// A text in the forms in which it may turn up; each long enough to be no chance.
    private static func forms(of secret: String) -> [(name: String, bytes: [UInt8])] {
        let script = """
            import sys,base64,json,urllib.parse as u,binascii
            s=sys.stdin.buffer.read(); t=s.decode()
            out=[("raw",s),("hex",binascii.hexlify(s)),("HEX",binascii.hexlify(s).upper()),
                 ("url",u.quote(t,safe="").encode()),("url+",u.quote_plus(t).encode()),
                 ("json",json.dumps(t)[1:-1].encode()),("json8",json.dumps(t,ensure_ascii=False)[1:-1].encode()),
                 ("jsonslash",json.dumps(t)[1:-1].replace("/","\\\\/").encode())]
            for n in range(3):
                # The three ways in which base64 may be cut, without what stands beside the secret.
                for name,alphabet in (("base64",base64.b64encode),("base64url",base64.urlsafe_b64encode)):
                    e=alphabet(b"\\0"*n+s); out.append((name+str(n),e[(0,2,3)[n]+(0,2,1)[n]:len(e)//4*4-4]))
            for name,value in out: print(name, binascii.hexlify(value).decode())
            """
        let outcome = ShellCommand.run("python3", ["-c", script], stdin: Array(secret.utf8))
        precondition(outcome.status == 0, outcome.errorText)
        return outcome.text.split(separator: "\n").map { line in
            let words = line.split(separator: " ")
            let digits = Array(words[1].utf8)
            let bytes = stride(from: 0, to: digits.count, by: 2).compactMap { index in
                UInt8(String(decoding: digits[index...(index + 1)], as: UTF8.self), radix: 16)
            }
            return (String(words[0]), bytes)
        }
    }

    /// The forms that any file below `paths` holds, as `form file`.
    private static func hits(_ world: World, _ secrets: [String], below paths: [String]) -> [String] {
        var found: [String] = []
        for secret in secrets {
            for form in forms(of: secret) {
                world.write("needle", String(decoding: form.bytes, as: UTF8.self))
                let outcome = ShellCommand.run(
                    "grep",
                    ["-r", "-l", "-a", "-F", "-f", world.path("needle")] + paths.map { world.path($0) },
                    environment: ["LC_ALL": "C", "PATH": "/usr/bin:/bin"])
                precondition(outcome.status < 2, outcome.errorText)
                found += outcome.text.split(separator: "\n").map { "\(form.name) \($0)" }
            }
        }
        return found
    }

    @Test func `the search finds each form where it is`() {
        let world = World()
        for form in CanaryTests.forms(of: CanaryTests.secret) {
            world.write("place/file", "before " + String(decoding: form.bytes, as: UTF8.self) + " after")
            #expect(
                CanaryTests.hits(world, [CanaryTests.secret], below: ["place"]).contains(
                    "\(form.name) \(world.path("place/file"))"),
                "\(form.name)")
        }
    }

    @Test func `F068: no form of a secret is in logs, status, audit log, journal or state`() {
        let world = World()
        world.makeStore()
        world.writeUploads()
        world.prepareService(
            "    health: [{ command: [\"grep\", \"-q\", \"listen\", \"\(world.path("host/app/app.yaml"))\"], retries: 0 }]\n"
        )
        world.edit("host/strongroom.yaml", "beforeChange: never", "beforeChange: require")
        world.must("set", "deploy/prod/database.yaml", "stringData.password", stdin: CanaryTests.secret)
        world.config.commit("Canary")
        let service = Service(world)
        service.until("delivery") { world.delivered("app.yaml") == "listen: 8080\n" }
        #expect(world.delivered("database.yaml").contains("CANARY"))
        // Changes, drift with the secret in a foreign file, a failed health check, a refused commit, a value that does not
        // open, verbs by hand.
        world.must("set", "deploy/prod/database.yaml", "stringData.username", stdin: CanaryTests.secret)
        world.commitApp("listen: 1\n")
        service.until("change") { world.delivered("app.yaml") == "listen: 1\n" }
        let real = ShellCommand.run("realpath", [world.path("host/app")]).text
        _ = ShellCommand.run("tee", [real + "/new"], stdin: Array(CanaryTests.secret.utf8))
        service.until("healing") { service.text.contains("put back what differed") }
        world.commitApp("broken\n")
        service.until("quarantine") { world.status("len(e['quarantined'])") == "1" }
        world.edit("config/deploy/prod/database.yaml", "sealed.v1.prod-1.o.", "sealed.v1.prod-1.e.")
        world.commitApp("listen: 2\n")
        service.until("refusal") { service.text.contains("error prod:") }
        world.config.git("revert", "--no-edit", "HEAD")
        world.commitApp("listen: 3\n")
        service.until("next delivery") { world.delivered("app.yaml") == "listen: 3\n" }
        var output = ""
        for verb in [
            ["status"], ["status", "--json"], ["drift"], ["drift", "--json"], ["audit", "list"],
            ["audit", "list", "--json"],
            ["suspend", "prod"], ["resume", "prod"], ["rollback", "prod"],
            ["sync", "prod", "--once", "--json"],
            ["sync", "prod", "--dry-run"],
        ] {
            let outcome = world.run(verb + ["--config", world.settings], in: "host")
            output += outcome.text + outcome.errorText
        }
        service.until("every level") { service.text.contains(" debug ") }
        #expect(service.end().code == 0)
        world.write("host/output", output)
        #expect(service.text.contains(" debug "))
        #expect(output.contains("\"environments\""))
        let secrets = [
            CanaryTests.secret, World.serverKey, World.canary,
            world.text("host.identity").split(separator: "\n").last.map(String.init) ?? "",
        ]
        #expect(
            CanaryTests.hits(
                world, secrets, below: ["host/state", "host/log", "host/log.out", "host/output"]) == [])
        // The search looks in the right place: the target itself holds them.
        #expect(!CanaryTests.hits(world, [CanaryTests.secret], below: ["host/.app.generations"]).isEmpty)
    }
}

/// Scripts/soak, for a quarter of a minute.
@Suite struct SoakTests {
    @Test func `left alone with commits coming in, the service delivers each and stops in time`() {
        let package = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        let script = package.joined(separator: "/") + "/Scripts/soak"
        let outcome = ShellCommand.run(
            script, ["15"],
            environment: ["PATH": "/usr/local/bin:/usr/bin:/bin", "STRONGROOM": World.program])
        #expect(outcome.status == 0, "\(outcome.text.suffix(3_000))\n\(outcome.errorText.suffix(1_000))")
        #expect(outcome.text.contains("all as it should be"))
    }
}
