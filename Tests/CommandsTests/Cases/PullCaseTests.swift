import Glibc
import Support
import Testing

/// Pulling through the whole program: real servers, settings, sealed credentials.
@Suite(.enabled(if: HTTPGitServer.isExpected, Comment(rawValue: HTTPGitServer.absence)))
struct PullCaseTests {
    private let world = World()

    /// Has the host pull from `url` with these lines of settings.
    private func follow(_ url: String, _ lines: String = "") {
        world.edit("host/strongroom.yaml", "url: \(world.path("config"))\n", "url: \"\(url)\"\n\(lines)")
    }

    private func authority() -> CertificateAuthority {
        unsafe mkdir(world.path("ca"), 0o700)
        return CertificateAuthority(in: world.path("ca"))
    }

    /// Seals a login as an age file that the host opens.
    private func seal(_ text: String, to name: String) {
        let sealed = ShellCommand.run(
            "age",
            [
                "-r", world.text("host.recipient").split(separator: "\n").map(String.init)[0], "-o",
                world.path(name),
            ],
            stdin: Array(text.utf8))
        #expect(sealed.status == 0, "\(sealed.errorText)")
    }

    @Test func `a sync over HTTPS opens its login, delivers, and leaves the login nowhere`() throws {
        let authority = authority()
        let server = HTTPGitServer(
            root: world.path(""), certificate: authority.certificate("server"), login: "deploy:CANARY-git")
        seal("username=deploy\npassword=CANARY-git\n", to: "git.age")
        let access = """
                    access: { authorities: \(authority.certificate), login: \(world.path("git.age")) }

            """
        follow(server.url("config"), access)
        expect(world.sync(), 0)
        #expect(try world.delivered() != nil)
        let left = ShellCommand.run(
            "grep", ["-rl", "CANARY-git", world.path("host/state"), world.path("home")])
        #expect(left.text.isEmpty)
        #expect(leftovers(below: world.path("host/state")).isEmpty)
        // The snapshot takes the repository in by the same way.
        world.makeStore()
        world.writeUploads()
        _ = world.backup()
    }

    @Test func `F036 a source that is away or a stranger changes nothing and is told by its kind`() throws {
        let authority = authority()
        let server = HTTPGitServer(root: world.path(""), certificate: authority.certificate("server"))
        let access = "        access: { authorities: \(authority.certificate) }\n"
        follow(server.url("config"), access)
        expect(world.sync(), 0)
        let before = try world.delivered()
        world.config.write("deploy/prod/app.yaml", "listen: 9090\n")
        world.config.commit("Second")
        let state = ShellCommand.run("cat", [world.settings]).text
        func sync(from url: String) -> ShellCommand.Outcome {
            world.write("host/strongroom.yaml", state.replacing(server.url("config"), with: url) + "\n")
            return world.sync()
        }
        expect(sync(from: "https://localhost:\(BackgroundProcess.freePort())/git/config"), 7, "no connection")
        expect(sync(from: "https://nothing.invalid/git/config"), 7, "can't be resolved")
        expect(sync(from: server.url("none")), 2, "no repository there")
        let expired = HTTPGitServer(
            root: world.path(""), certificate: authority.certificate("old", to: "20210101000000Z"))
        expect(sync(from: expired.url("config")), 5, "has expired")
        let stranger = HTTPGitServer(
            root: world.path(""), certificate: authority.certificate("stranger", host: "git.example.org"))
        expect(sync(from: stranger.url("config")), 5, "certificate")
        #expect(try world.delivered() == before)
        expect(sync(from: server.url("config")), 0)
        #expect(try world.delivered() != before)
    }

    @Test func `F037 a redirect to another host is refused, and no credential goes there`() throws {
        let authority = authority()
        let other = HTTPGitServer(root: world.path(""), certificate: authority.certificate("other"))
        let server = HTTPGitServer(
            root: world.path(""), certificate: authority.certificate("server"), redirect: other.url(""))
        seal("username=deploy\npassword=CANARY-git\n", to: "git.age")
        follow(
            server.url("config"),
            "        access: { authorities: \(authority.certificate), login: \(world.path("git.age")) }\n")
        expect(world.sync(), 5, "sends on to another host")
        #expect(try world.delivered() == nil)
        #expect(other.requests == [])
    }

    @Test func `F036 a transfer that stalls is ended at its deadline, and the mirror is whole`() throws {
        let server = HTTPGitServer(root: world.path(""))
        let proxy = StallingProxy(to: server.port)
        follow(
            server.url("config").replacing("\(server.port)", with: "\(proxy.port)"),
            "        access: { plainHTTP: true, timeout: 20s }\n")
        expect(world.sync(), 0)
        let before = try world.delivered()
        world.config.write("blob", ShellCommand.run("head", ["-c", "300K", "/dev/urandom"]).stdout)
        world.commitApp("listen: 9090\n")
        proxy.stall(after: 20_000)
        expect(world.sync(), 7, "not done after 20 s")
        #expect(try world.delivered() == before)
        #expect(world.status("[e['state'], e['lastSync']['outcome']]") == "[\"failed\", \"failed\"]")
        // Nobody of that fetch is left, and nothing of what it brought.
        let holders = ShellCommand.run("pgrep", ["-f", world.path("host/state")])
        #expect(holders.text.isEmpty)
        #expect(leftovers(below: world.path("host/state")) == [])
        let mirrors = ShellCommand.run("sh", ["-c", "echo \(world.path("host/state/mirrors"))/*.git"]).text
        #expect(ScratchRepository.git(["-C", mirrors, "fsck", "--strict", "--full"]).status == 0)
        proxy.flow()
        expect(world.sync(), 0)
        #expect(world.delivered("app.yaml") == "listen: 9090\n")
    }

    @Test func `F036 a wrong or missing login is told, and what is no sealed file is not taken for one`() {
        let authority = authority()
        let server = HTTPGitServer(
            root: world.path(""), certificate: authority.certificate("server"), login: "deploy:CANARY-git")
        func access(_ login: String) -> String {
            "        access: { authorities: \(authority.certificate)\(login) }\n"
        }
        let url = server.url("config")
        follow(url, access(""))
        expect(world.sync(), 4, "credentials")
        seal("username=deploy\npassword=CANARY-wrong\n", to: "git.age")
        world.edit("host/strongroom.yaml", access(""), access(", login: \(world.path("git.age"))"))
        expect(world.sync(), 4, "refuses the credentials")
        world.write("git.age", "username=deploy\npassword=CANARY-git\n")
        expect(world.sync(), 2, "not a sealed file")
        let foreign = ShellCommand.run(
            "sh",
            [
                "-c",
                "age-keygen 2>/dev/null | age-keygen -y | xargs -I{} age -r {} -o \(world.path("git.age"))",
            ],
            stdin: Array("x".utf8))
        #expect(foreign.status == 0)
        expect(world.sync(), 2, "git.age")
    }

    @Test(.enabled(if: SSHGitServer.isExpected, Comment(rawValue: SSHGitServer.absence)))
    func `F036 a sync over SSH knows its host and shows its key`() throws {
        let server = SSHGitServer()
        world.write("known_hosts", server.knownHosts())
        #expect(ShellCommand.run("cp", [server.key, world.path("deploy.key")]).status == 0)
        #expect(ShellCommand.run("chmod", ["600", world.path("deploy.key")]).status == 0)
        let access = """
                    access: { knownHosts: \(world.path("known_hosts")), key: \(world.path("deploy.key")) }

            """
        follow(server.url(world.path("config")), access)
        expect(world.sync(), 0)
        #expect(try world.delivered() != nil)
        // The host comes back with another key.
        world.config.write("deploy/prod/app.yaml", "listen: 9090\n")
        world.config.commit("Second")
        server.end()
        let other = SSHGitServer(port: server.port)
        #expect(ShellCommand.run("cp", [other.key, world.path("deploy.key")]).status == 0)
        expect(world.sync(), 5, "has changed")
        // An exposed key is not used.
        world.write("known_hosts", other.knownHosts())
        #expect(ShellCommand.run("chmod", ["644", world.path("deploy.key")]).status == 0)
        expect(world.sync(), 2)
        #expect(ShellCommand.run("chmod", ["600", world.path("deploy.key")]).status == 0)
        expect(world.sync(), 0)
    }

    @Test func `a companion's commit counts together with the delivered one, or neither does`() throws {
        let application = ScratchRepository(creating: world.path("application"))
        application.write("main.swift", "1")
        let first = application.commit("first")
        application.git("tag", "-a", "v1.0.0", "-m", "one")
        world.edit(
            "host/strongroom.yaml", "    targets:\n",
            """
                  application: { url: \(application.path), versions: "^1", deliver: false, verify: none }
                targets:

            """)
        let outcome = world.sync("--json")
        expect(outcome, 0)
        #expect(outcome.text.contains(first))
        let before = try world.delivered()
        // The application goes away: the configuration waits for it.
        world.config.write("deploy/prod/app.yaml", "listen: 9090\n")
        world.config.commit("Second")
        application.git("tag", "-d", "v1.0.0")
        expect(world.sync(), 5, "application")
        #expect(try world.delivered() == before)
        application.write("main.swift", "2")
        let second = application.commit("second")
        application.git("tag", "-a", "v1.1.0", "-m", "two")
        expect(world.sync(), 0)
        #expect(try world.delivered() != before)
        world.makeStore()
        world.writeUploads()
        let id = world.backup()
        let listed = world.must(
            "snapshots", "list", "--store", world.path("store"), "--json", identity: "alice")
        #expect(listed.contains(id) && listed.contains(second))
    }

    @Test(arguments: [
        ("https://git.example.org/x", "access: { key: /etc/key }"),
        ("https://user:CANARY@git.example.org/x", ""), ("http://git.example.org/x", ""),
        ("http://git.example.org/x", "access: { plainHTTP: true, login: /etc/login }"),
        ("ssh://git@git.example.org/x", ""), ("ssh://git@git.example.org/x", "access: { key: /etc/key }"),
        ("ssh://-oProxyCommand=id/x", ""), ("ext::sh -c id", ""), ("file:///srv/git/config", ""),
        ("FILE:///srv/git/config", ""), ("-x", ""),
        ("https://git.example.org%0a/x", ""),
    ])
    func `F038 settings with a hostile or impossible source are refused as they are loaded`(
        url: String, line: String
    ) {
        follow(url, line.isEmpty ? "" : "        \(line)\n")
        expect(world.sync(), 2)
        expect(world.run("backup", "prod", "--config", world.settings), 2)
        #expect(ShellCommand.run("ls", [world.path("host/state/mirrors")]).status != 0)
    }

    @Test(arguments: ["tag: ../x", "versions: nonsense", "branch: \"-x\"", "tag: \"a\\u202Eb\""])
    func `F039 settings with a hostile revision are refused as they are loaded`(line: String) {
        world.edit("host/strongroom.yaml", "branch: main", line)
        expect(world.sync(), 2)
    }
}
