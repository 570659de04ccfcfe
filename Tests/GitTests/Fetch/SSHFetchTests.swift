import Files
import Glibc
import Support
import Testing

@testable import Git

@Suite(.enabled(if: SSHGitServer.isExpected, Comment(rawValue: SSHGitServer.absence)))
struct SSHFetchTests {
    private let fixture = FetchFixture()

    /// Writes a file of known hosts.
    private func hosts(_ text: String) -> Path {
        ScratchRepository(at: fixture.scratch.path).write("known_hosts", text)
        return Path(fixture.scratch.file("known_hosts"))
    }

    private func access(_ server: SSHGitServer, _ text: String? = nil, key: String? = nil) -> RemoteAccess {
        RemoteAccess(
            knownHosts: hosts(text ?? server.knownHosts()),
            credential: .key(TestSecret(file: key ?? server.key)))
    }

    @Test func `a mirror over SSH has every ref and object, and later fetches bring what is new`() throws {
        let server = SSHGitServer()
        let url = server.url(fixture.source.path)
        try fixture.fetch(url, access: access(server))
        #expect(fixture.isComplete)
        fixture.source.write("c", "2")
        fixture.source.commit("second")
        try fixture.fetch(url, access: access(server))
        #expect(fixture.isComplete)
    }

    @Test func `a hashed file of known hosts and an agent serve as well`() throws {
        let server = SSHGitServer()
        let file = hosts(server.knownHosts())
        #expect(
            ShellCommand.run("ssh-keygen", ["-q", "-H", "-f", fixture.scratch.file("known_hosts")]).status
                == 0)
        #expect(!ShellCommand.run("cat", [fixture.scratch.file("known_hosts")]).text.contains("localhost"))
        let agent = server.agent()
        try fixture.fetch(
            server.url(fixture.source.path),
            access: RemoteAccess(knownHosts: file, credential: .agent(Path(agent.socket))))
        #expect(fixture.isComplete)
        agent.process.end()
        fixture.source.commit("second")
        let failure = fixture.failure(
            server.url(fixture.source.path),
            access: RemoteAccess(knownHosts: file, credential: .agent(Path(agent.socket))))
        #expect(failure != nil)
    }

    @Test func `the type of key that is known is asked for`() throws {
        let server = SSHGitServer(hostKeys: ["ecdsa", "ed25519", "rsa"])
        for type in ["ed25519", "ecdsa"] {
            let failure = fixture.failure(
                server.url(fixture.source.path), access: access(server, server.knownHosts([type])))
            #expect(failure == nil, "\(type): \(String(describing: failure))")
        }
    }

    @Test func `F036 a host key that is unknown, changed or revoked is refused, and never taken over`() throws
    {
        let server = SSHGitServer()
        let url = server.url(fixture.source.path)
        try fixture.fetch(url, access: access(server))
        let state = fixture.mirrorState
        let known = server.knownHosts()
        let key = known.split(separator: " ")[2]
        fixture.source.commit("not to be seen")
        let other = SSHGitServer()
        let cases: [(String, String)] = [
            (other.knownHosts(), "not among the known hosts"),
            (known.replacing("[localhost]:\(server.port)", with: "localhost"), "not among the known hosts"),
            ("@revoked " + known, "revoked"),
            ("@revoked * ssh-ed25519 \(key)\n" + known, "revoked"),
            (other.knownHosts().replacing(":\(other.port)", with: ":\(server.port)"), "has changed"),
            ("!\(known.prefix { $0 != " " }),* ssh-ed25519 \(key)\n", "not among the known hosts"),
        ]
        for (text, words) in cases {
            let failure = fixture.failure(url, access: access(server, text))
            #expect(failure?.code == .serverNotTrusted, "\(String(describing: failure))")
            #expect(failure?.context.contains(words) == true, "\(String(describing: failure))")
            #expect(ShellCommand.run("cat", [fixture.scratch.file("known_hosts")]).text + "\n" == text)
            #expect(fixture.mirrorState == state)
        }
        // The server itself comes back with another key.
        server.end()
        let changed = SSHGitServer(port: server.port)
        let failure = fixture.failure(url, access: access(changed, known, key: changed.key))
        #expect(failure?.code == .serverNotTrusted)
        #expect(failure?.context.contains("has changed") == true)
        #expect(fixture.mirrorState == state)
        changed.end()
        #expect(fixture.failure(url, access: access(changed))?.code == .unreachable)
        #expect(fixture.mirrorState == state)
    }

    @Test func `a key that the server doesn't know, and no repository, are told`() throws {
        let server = SSHGitServer()
        let refused = fixture.failure(
            server.url(fixture.source.path), access: access(server, key: server.foreignKey))
        #expect(refused?.code == .authenticationFailed, "\(String(describing: refused))")
        let missing = fixture.failure(server.url(fixture.root + "/none.git"), access: access(server))
        #expect(missing?.code == .repositoryMissing, "\(String(describing: missing))")
    }

    @Test func `SSH without known hosts or key is refused before anything is connected`() throws {
        let location = try RemoteLocation("ssh://git@example.org/x")
        for access in [
            RemoteAccess(), RemoteAccess(knownHosts: "/x"),
            RemoteAccess(credential: .key(TestSecret("x"))),
            RemoteAccess(knownHosts: "/x", credential: .login(TestSecret("x"))),
        ] {
            #expect(code { () throws(GitError) in try access.check(for: location) } == .unusableCredential)
        }
        let empty = fixture.failure(
            "ssh://git@localhost/x",
            access: RemoteAccess(knownHosts: hosts("# none\n"), credential: .key(TestSecret("x"))))
        #expect(empty?.code == .unusableCredential)
    }
}
